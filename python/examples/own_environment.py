"""WR²L and the search for the worst case on an environment of one's own, which lives in two worker processes.

The run has a folder: it goes on from there, also in another process, where it is given the environment again.
"""

import gymnasium
import numpy as np

import wr2l


def make() -> gymnasium.Env:
    return gymnasium.make("CartPole-v1", max_episode_steps=100)


def set_params(env: gymnasium.Env, phi: dict[str, float]) -> None:
    pole = env.unwrapped
    pole.length, pole.masscart = phi["half_length"], phi["cart_mass"]
    pole.total_mass, pole.polemass_length = pole.masspole + pole.masscart, pole.masspole * pole.length


def get_state(env: gymnasium.Env) -> np.ndarray:
    return np.array(env.unwrapped.state)


def set_state(env: gymnasium.Env, state: np.ndarray) -> None:
    env.unwrapped.state = tuple(state)


# Worker processes import this file, and must not do this themselves.
if __name__ == "__main__":
    parameters = {"half_length": (0.5, 0.1, 2.5), "cart_mass": (1.0, 0.3, 3.0)}
    states = {"get_state": get_state, "set_state": set_state}
    pole = wr2l.from_gymnasium(make, set_params, parameters, **states, workers=2)
    settings = {"half_width": 0.5, "steps": 4000, "seed": 1, "ppo": {"lanes": 8, "horizon": 250, "anneal": False}}
    run = wr2l.train(pole, out="runs/pole", **settings)
    chosen = [event["phi"] for event in run.events if event["event"] == "adversary"]
    print("the adversary chose", np.round(chosen, 2).tolist())
    run = wr2l.resume("runs/pole", pole, steps=6000)
    print("steps in all", run.progress["steps"])
    worst = wr2l.worst_case(run.policy, pole, budget=30, episodes=5, half_width=0.5)
    print("worst found", dict(zip(worst.parameters, worst.phi[0].round(2).tolist(), strict=True)), worst["return_mean"][0])
