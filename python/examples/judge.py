"""Judges a policy that this project knows nothing of: any function from observations to actions."""

import numpy as np

import wr2l


def push_back(observations: np.ndarray) -> np.ndarray:
    """Pushes the cart towards where the pole leans."""
    lean, turning = observations[:, 2], observations[:, 3]
    return (lean + 0.3 * turning > 0.0).astype(int)


table = wr2l.evaluate(push_back, "cartpole", sweep={"pole_half_length": [0.25, 0.5, 1.0, 2.0]})
print("mean returns", table["return_mean"])
worst = wr2l.worst_case(push_back, "cartpole", budget=100)
print("worst found", dict(zip(worst.parameters, worst.phi[0].round(3).tolist(), strict=True)), worst["return_mean"][0])
