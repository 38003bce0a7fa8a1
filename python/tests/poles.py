"""Environments that worker processes can make: what they import has to be importable by name."""

import os
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.classic_control import CartPoleEnv

POLE = {"pole_half_length": (0.5, 0.1, 2.5)}


class Own(Exception):
    """An exception of a user's."""


class Unsendable(Exception):
    """One that cannot be pickled."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def make() -> gymnasium.Env[Any, Any]:
    return gymnasium.make("CartPole-v1", max_episode_steps=60)


def set_length(env: gymnasium.Env[Any, Any], phi: dict[str, float]) -> None:
    pole = env.unwrapped
    assert isinstance(pole, CartPoleEnv)
    pole.length = phi["pole_half_length"]
    pole.polemass_length = pole.masspole * pole.length


def get_state(env: gymnasium.Env[Any, Any]) -> Any:
    pole = env.unwrapped
    assert isinstance(pole, CartPoleEnv)
    return np.array(pole.state, dtype=float)


def set_state(env: gymnasium.Env[Any, Any], state: np.ndarray) -> None:
    pole = env.unwrapped
    assert isinstance(pole, CartPoleEnv)
    pole.state = tuple(state.tolist())  # type: ignore[assignment]


class Failing(CartPoleEnv):
    """Does something else than a step once it has made some."""

    after = 20

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def step(self, action: Any) -> Any:
        self.made += 1
        if self.made > self.after:
            self.fail()
        return super().step(action)

    def fail(self) -> None:
        raise Own("mine")


class Dying(Failing):
    def fail(self) -> None:
        os._exit(3)


class Strange(Failing):
    def fail(self) -> None:
        raise Unsendable(1, 2)


class Unfinished(Failing):
    def fail(self) -> None:
        os.kill(os.getpid(), 9)


class Stateful(CartPoleEnv):
    """Sets its own dynamics, by a method."""

    def set_params(self, pole_half_length: float) -> None:
        set_length(self, {"pole_half_length": pole_half_length})


def at_nominal(_: Any, phi: dict[str, float]) -> None:
    """Sets nothing."""


class Shaky(CartPoleEnv):
    """Fails while a file is there, once it has made some steps."""

    flag = os.environ.get("WR2L_TEST_FLAG", "")

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def step(self, action: Any) -> Any:
        self.made += 1
        if self.made > 100 and os.path.exists(self.flag):
            raise Own("mine")
        return super().step(action)
