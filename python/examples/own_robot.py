"""A robot of one's own: its model in MuJoCo's format, its task in TOML, trained over what is uncertain in it."""

import pathlib

import wr2l

MODEL = """
<mujoco model="arm">
  <option timestep="0.005"/>
  <worldbody>
    <body name="arm" pos="0 0 1">
      <joint name="shoulder" type="hinge" axis="0 1 0" damping="0.1"/>
      <geom name="rod" type="capsule" fromto="0 0 0 0 0 -0.5" size="0.02" mass="0.5"/>
      <body name="load" pos="0 0 -0.5">
        <geom name="weight" type="sphere" size="0.06" mass="0.3"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="motor" joint="shoulder" gear="6" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
"""

TASK = """
name = "arm-up"
description = "Hold the arm level with its load."
[robot]
mjcf = "arm.xml"
control_dt = 0.02
episode_steps = 100
[reset]
noise = { joint = 0.3 }
[[observe]]
value = "qpos(joint:shoulder)"
[[observe]]
value = "qvel(joint:shoulder)"
[[reward]]
name = "level"
weight = 1.0
value = "qpos(joint:shoulder) + 1.5"
shape = { gaussian = 0.5 }
[vary.load]
select = "body:load"
quantity = "mass"
op = "scale"
range = [0.3, 3.0]
"""

pathlib.Path("arm.xml").write_text(MODEL)
pathlib.Path("arm.toml").write_text(TASK)
print("may vary", [parameter.name for parameter in wr2l.parameters("arm.toml")], "on", wr2l.physics_of("arm.toml"))
run = wr2l.train("arm.toml", half_width=0.5, steps=20_000, seed=1, out="runs/arm")
table = wr2l.evaluate("runs/arm", sweep={"load": [0.5, 1.0, 2.0]}, episodes=5)
print("mean returns under lighter and heavier loads", table["return_mean"].round(1))
