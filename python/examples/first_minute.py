"""The first minute: train a policy that bears other poles, and see under which it fails."""

import wr2l

print("tasks", wr2l.tasks())
run = wr2l.train("cartpole", vary=["pole_half_length"], half_width=0.5, steps=20_000, seed=1)
table = wr2l.evaluate(run.policy, sweep={"pole_half_length": "0.2:2.5:8"})
print("half-lengths of the pole, in m", table["pole_half_length"].round(2))
print("mean returns", table["return_mean"].round())
worst = wr2l.worst_case(run.policy, budget=100, vary=["pole_half_length"], half_width=0.9)
print("worst found", dict(zip(worst.parameters, worst.phi[0].round(3).tolist(), strict=True)), worst["return_mean"][0])
