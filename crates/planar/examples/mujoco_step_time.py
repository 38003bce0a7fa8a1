"""Prints microseconds per mj_step for each robot: random actions, Gymnasium's resets. Called by `step_time.rs`."""

import pathlib
import sys
import time

import gymnasium
import mujoco
import numpy as np

ASSETS = pathlib.Path(gymnasium.__file__).parent / "envs/mujoco/assets"


def healthy(name, data):
    z, angle = data.qpos[1], data.qpos[-1]
    if name == "hopper":
        return z > 0.7 and abs(data.qpos[2]) < 0.2
    if name == "walker2d":
        return 0.8 < z < 2.0 and abs(data.qpos[2]) < 1.0
    if name == "inverted_pendulum":
        return abs(angle) < 0.2
    return True


def measure(name, file, skip, noise, seconds):
    model = mujoco.MjModel.from_xml_path(str(ASSETS / file))
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    low, high = model.actuator_ctrlrange.T
    spent, steps, age = 0.0, 0, 0
    while spent < seconds:
        if age == 0 or age == 1000 or not healthy(name, data):
            mujoco.mj_resetData(model, data)
            data.qpos[:] += rng.uniform(-noise, noise, model.nq)
            data.qvel[:] += rng.uniform(-noise, noise, model.nv)
            age = 0
        data.ctrl[:] = rng.uniform(low, high)
        start = time.thread_time()
        mujoco.mj_step(model, data, skip)
        spent += time.thread_time() - start
        steps += skip
        age += 1
    return 1e6 * spent / steps


seconds = float(sys.argv[1])
for name, file, skip, noise in [
    ("hopper", "hopper.xml", 4, 5e-3),
    ("walker2d", "walker2d_v5.xml", 4, 5e-3),
    ("half_cheetah", "half_cheetah.xml", 5, 0.1),
    ("inverted_pendulum", "inverted_pendulum.xml", 2, 0.01),
]:
    print(name, measure(name, file, skip, noise, seconds))
