"""Steps a second of many environments with ready-made actions, beside EnvPool's, by turns in one process.

    pip install . 'envpool==1.2.5'
    python python/benchmarks/beside_envpool.py [ROUNDS [SECONDS [ENVIRONMENTS]]]

Ours is measured right before theirs in every round, so that what else the machine does meets both alike. Printed are
medians, with the least and the largest, and the ratio of the medians beside the bar that it has to reach.
"""

import importlib.metadata
import os
import statistics
import sys
import time
from collections.abc import Callable

import envpool
import numpy as np

import wr2l

THREADS = 2
TASKS = [("hopper", "Hopper-v4", 40), ("walker2d", "Walker2d-v4", 30), ("half-cheetah", "HalfCheetah-v4", 25)]


def rate(step: Callable[[np.ndarray], object], actions: list[np.ndarray], seconds: float) -> float:
    """Steps of an environment a second, over at least so many seconds."""
    begun, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - begun) < seconds:
        step(actions[count % len(actions)])
        count += 1
    return count * len(actions[0]) / passed


def main() -> None:
    given = sys.argv[1:]
    rounds, seconds, lanes = (
        kind(given[i]) if i < len(given) else usual for i, (kind, usual) in enumerate([(int, 5), (float, 2.0), (int, 1024)])
    )
    print(f"{lanes} environments, {THREADS} threads, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} before;", end=" ")
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("wr2l", "envpool", "numpy")), end="\n\n")
    print("| task | ours, steps/s | EnvPool, steps/s | ratio | bar |\n|---|---|---|---|---|")
    for task, theirs, bar in TASKS:
        ours = wr2l.make_vec(task, lanes, threads=THREADS)
        pool = envpool.make(theirs, env_type="gymnasium", num_envs=lanes, num_threads=THREADS, seed=1)
        ours.reset(seed=1)
        pool.reset()
        rng = np.random.default_rng(1)
        shape = ours.action_space.shape
        single = [rng.uniform(-1.0, 1.0, shape).astype(np.float32) for _ in range(16)]
        double = [actions.astype(pool.action_space.dtype) for actions in single]
        for _ in range(3):
            ours.step(single[0])
            pool.step(double[0])
        rates: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            rates[0].append(rate(ours.step, single, seconds))
            rates[1].append(rate(pool.step, double, seconds))
        medians = [statistics.median(one) for one in rates]
        cells = [f"{median:,.0f} ({min(one):,.0f}–{max(one):,.0f})" for median, one in zip(medians, rates, strict=True)]
        print(f"| {task} | {cells[0]} | {cells[1]} | {medians[0] / medians[1]:.1f} | ≥ {bar} |", flush=True)
        pool.close()
    print(f"\nload {os.getloadavg()[0]:.2f} after")


if __name__ == "__main__":
    main()
