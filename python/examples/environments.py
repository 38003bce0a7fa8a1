"""Steps a thousand hoppers, each on a floor of its own, and gives those that fall another."""

import numpy as np

import wr2l

rng = np.random.default_rng(0)
env = wr2l.make_vec("hopper", 1000, vary=["friction"])
_, info = env.reset(seed=1, options={"phi": {"friction": rng.uniform(0.5, 3.0, 1000)}})
total = np.zeros(1000)
for _ in range(100):
    actions = rng.uniform(-1.0, 1.0, env.action_space.shape).astype(np.float32)
    observations, rewards, terminated, truncated, info = env.step(actions)
    env.set_phi({"friction": rng.uniform(0.5, 3.0, 1000)}, mask=terminated | truncated)
    total += rewards
print("mean reward a step", total.mean() / 100, "at frictions from", info["phi"].min(), "to", info["phi"].max())
