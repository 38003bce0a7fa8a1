"""What a call on one environment costs besides the physics.

    python python/benchmarks/calls.py [ROUNDS]

`native` is the step of the native half by itself, with nothing read of what came of it: the physics, and some tenths of
a microsecond. What a call of `Env` or `VectorEnv` takes beyond it is Python's part, whose bar is 5 µs.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

import wr2l

CALLS = 6


def microseconds(step: Callable[[], object], reset: Callable[[], object]) -> float:
    """A call's time, of some in a row, which no episode's end interrupts."""
    best = np.inf
    for _ in range(50):
        reset()
        begun = time.perf_counter()
        for _ in range(CALLS):
            step()
        best = min(best, (time.perf_counter() - begun) / CALLS)
    return float(best) * 1e6


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print("| task | native, µs | `VectorEnv` | beyond | `Env` | beyond |\n|---|---|---|---|---|---|")
    for task, action in (("cartpole", 1), ("hopper", np.zeros(3, dtype=np.float32))):
        single, vector = wr2l.make(task), wr2l.make_vec(task, 1)
        bare = wr2l.make_vec(task, 1)
        rows, several = np.array(action, dtype=np.float64).reshape(1, -1), np.asarray(action)[None]
        calls = {
            "native": (lambda: bare._sim.step(rows), lambda: bare.reset(seed=1)),
            "vector": (lambda: vector.step(several), lambda: vector.reset(seed=1)),
            "single": (lambda: single.step(action), lambda: single.reset(seed=1)),
        }
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(rounds):
            for name, (step, reset) in calls.items():
                times[name].append(microseconds(step, reset))
        native, v, s = (statistics.median(times[name]) for name in calls)
        print(f"| {task} | {native:.2f} | {v:.2f} | {v - native:.2f} | {s:.2f} | {s - native:.2f} |", flush=True)


if __name__ == "__main__":
    main()
