"""What holds over many steps and in other processes."""

import multiprocessing
import os
from typing import Any

import numpy as np
import pytest

import wr2l

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident() -> float:
    """Resident memory of this process, in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE / 1e6


def steps(env: wr2l.VectorEnv, count: int) -> None:
    rng = np.random.default_rng(1)
    for i in range(count):
        if i % 50 == 0:
            env.reset(seed=i, options={"phi": {"pole_half_length": rng.uniform(0.2, 2.0, env.num_envs)}})
        env.step(rng.integers(0, 2, env.num_envs))


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
@pytest.mark.parametrize("options", [{}, {"copy": False}, {"autoreset": "SameStep"}, {"threads": 2}], ids=str)
def test_steps_and_resets_leave_nothing_behind(options: dict[str, Any]) -> None:
    env = wr2l.make_vec("cartpole", 128, **options)
    steps(env, 1000)
    before = resident()
    steps(env, 8000)
    # A leak of a single array of rewards a step were 8 MB, of an information 2.
    assert resident() - before < 2.0


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_making_and_judging_leaves_nothing_behind() -> None:
    def policy(seen: np.ndarray) -> np.ndarray:
        return (seen[:, 2] > 0.0).astype(int)

    def round_trip(count: int) -> None:
        for _ in range(count):
            wr2l.make_vec("cartpole", 256).reset(seed=1)
            wr2l.evaluate(policy, "cartpole", sweep={"pole_half_length": [0.5]}, episodes=2)
            session = wr2l.Session("cartpole", algorithm="ppo", steps=1000, threads=1)
            assert session.ending is None

    round_trip(15)
    before = resident()
    round_trip(60)
    assert resident() - before < 6.0


def in_spawned(answers: Any) -> None:
    env = wr2l.make_vec("hopper", 128, threads=2)
    env.reset(seed=3)
    answers.put(env.step(np.ones((128, 3)))[0])


def test_a_spawned_process_comes_to_the_same_numbers() -> None:
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    child = spawn.Process(target=in_spawned, args=(answers,))
    child.start()
    found = answers.get(timeout=120)
    child.join(30)
    env = wr2l.make_vec("hopper", 128, threads=1)
    env.reset(seed=3)
    np.testing.assert_array_equal(found, env.step(np.ones((128, 3)))[0])
