"""A network that was trained elsewhere: its weights as a policy, judged, certified, and written as ONNX and as C."""

import numpy as np

import wr2l

# Weights [outputs, inputs] of two layers; `wr2l.sb3.export(model)` takes them out of a model of Stable-Baselines3.
lean = np.array([[0.0, 0.0, 1.0, 0.3], [0.0, 0.0, -1.0, -0.3]])
policy = wr2l.Network([lean, np.array([[0.0, 1.0], [1.0, 0.0]])], [np.zeros(2), np.zeros(2)], "tanh")
print("nominal", wr2l.evaluate(policy, "cartpole", sweep={"pole_half_length": [0.5]}, episodes=5)["return_mean"])
print(wr2l.certify(policy, "cartpole", systems=60, episodes=2, half_width=0.5, lowest=0.0))
policy.to_onnx("pole.onnx")
policy.to_c("pole.h")
print("read back", wr2l.onnx.load("pole.onnx")(np.array([[0.0, 0.0, 0.1, 0.0]])))
