"""Judges a model of Stable-Baselines3: on systems that it was not trained on, and on the worst that is found.

A model is asked by its method `predict` alone. Where Stable-Baselines3 is not installed another model with that method
takes its place, so that this runs everywhere.
"""

import numpy as np

import wr2l

try:
    from stable_baselines3 import PPO

    from wr2l.sb3 import VecEnv

    env = VecEnv("cartpole", 16, phi={"pole_half_length": np.linspace(0.3, 1.0, 16)})
    model = PPO("MlpPolicy", env, seed=1, n_steps=128, device="cpu").learn(20_000)
except ImportError:

    class Leaning:
        """Pushes the cart to where the pole leans, by the interface of Stable-Baselines3."""

        def predict(
            self,
            observation: np.ndarray,
            state: None = None,
            episode_start: None = None,
            deterministic: bool = False,
        ) -> tuple[np.ndarray, None]:
            return (observation[:, 2] + 0.3 * observation[:, 3] > 0.0).astype(np.int64), None

    model = Leaning()

table = wr2l.evaluate(model, "cartpole", sweep={"pole_half_length": "0.2:2.5:6"})
print("mean returns", table["return_mean"].round())
worst = wr2l.worst_case(model, "cartpole", budget=100)
print("worst found", dict(zip(worst.parameters, worst.phi[0].round(3).tolist(), strict=True)), worst["return_mean"][0])
print(wr2l.certify(model, "cartpole", systems=100, episodes=3, half_width=0.3, lowest=0.0))
# With PyTorch there, its weights become a file that runs without it.
if hasattr(model, "policy"):
    wr2l.sb3.export(model, "model.onnx")
