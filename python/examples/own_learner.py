"""A learner of one's own on the vector environment: the cross-entropy method, every candidate in a lane of its own."""

import numpy as np

import wr2l

rng = np.random.default_rng(0)
lanes, elite = 64, 12
env = wr2l.make_vec("cartpole", lanes)
mean, deviation = np.zeros(4), np.ones(4)
for iteration in range(8):
    weights = mean + deviation * rng.normal(size=(lanes, 4))
    # All candidates meet the same start, and each a pole of its own length.
    phi = {"pole_half_length": rng.uniform(0.3, 1.0, lanes)}
    observations, _ = env.reset(seed=[iteration] * lanes, options={"phi": phi})
    returns, alive = np.zeros(lanes), np.ones(lanes, dtype=bool)
    for _ in range(200):
        actions = (np.sum(observations * weights, axis=1) > 0.0).astype(int)
        observations, rewards, terminated, truncated, _ = env.step(actions)
        returns += alive * rewards
        alive &= ~(terminated | truncated)
        if not alive.any():
            break
    best = weights[np.argsort(returns)[-elite:]]
    mean, deviation = best.mean(axis=0), best.std(axis=0) + 0.05
    print("iteration", iteration, "mean return", returns.mean(), "of the best", np.sort(returns)[-elite:].mean())
table = wr2l.evaluate(lambda seen: (seen @ mean > 0.0).astype(int), "cartpole", sweep={"pole_half_length": "0.2:2:4"})
print("mean returns", table["return_mean"].round())
