"""Trains against poles of other lengths, and shows what robustness that bought."""

import wr2l

plain = wr2l.train("cartpole", algorithm="ppo", steps=30_000, seed=1)
robust = wr2l.train("cartpole", vary=["pole_half_length"], epsilon=1e-3, steps=30_000, seed=1)
for run in (plain, robust):
    table = wr2l.evaluate(run.policy, sweep={"pole_half_length": "0.2:2.5:8"})
    print(f"{run.policy.algorithm:6}", table["return_mean"].round())
