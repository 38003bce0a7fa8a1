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


def run(name, file, skip, noise, least):
    """Lowers the least time (seconds) of each call of the same run."""
    model = mujoco.MjModel.from_xml_path(str(ASSETS / file))
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    low, high = model.actuator_ctrlrange.T
    for call in range(len(least)):
        if call % 1000 == 0 or not healthy(name, data):
            mujoco.mj_resetData(model, data)
            data.qpos[:] += rng.uniform(-noise, noise, model.nq)
            data.qvel[:] += rng.uniform(-noise, noise, model.nv)
        data.ctrl[:] = rng.uniform(low, high)
        start = time.perf_counter()
        mujoco.mj_step(model, data, skip)
        least[call] = min(least[call], time.perf_counter() - start)


for name, file, skip, noise in [
    ("hopper", "hopper.xml", 4, 5e-3),
    ("walker2d", "walker2d_v5.xml", 4, 5e-3),
    ("half_cheetah", "half_cheetah.xml", 5, 0.1),
    ("inverted_pendulum", "inverted_pendulum.xml", 2, 0.01),
]:
    least = np.full(2000, np.inf)
    for _ in range(int(sys.argv[1])):
        run(name, file, skip, noise, least)
    print(name, 1e6 * least.mean() / skip)
