"""Environments of somebody else's as simulators, to judge policies on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native
from ._errors import UsageError
from .parameters import Parameter, numbers

# Steps after which an episode ends, of an environment that says nothing of its own.
_LIMIT = 1000


class Simulator:
    """A Gymnasium environment whose dynamics can be set; `evaluate` and `worst_case` take it for a task."""

    def __init__(self, native: _native.OwnSimulator, name: str, parameters: list[Parameter]) -> None:
        self._native = native
        #: Its name in tables.
        self.name = name
        #: The parameters of φ.
        self.parameters = parameters


def from_gymnasium(
    make: Callable[[], Any],
    set_params: Callable[[Any, dict[str, float]], object] | None = None,
    parameters: Mapping[str, tuple[float, float, float]] | None = None,
    *,
    name: str | None = None,
    episode_limit: int | None = None,
) -> Simulator:
    """A simulator of the environments that `make` makes, with one-dimensional observations.

    `parameters` gives nominal value, lower and upper bound of each. `set_params(env, phi)` sets them, by name,
    before each reset; without it, `reset(options={"phi": phi})` is told. An environment is reset with a seed and
    must repeat itself when it is given the same seed, dynamics and actions. Episodes end at the environment's own
    limit, or after `episode_limit` steps (usual: that of its specification, else 1,000).

    It is stepped by Python, one environment after the other, in the caller's thread.
    """
    if not parameters:
        raise UsageError("parameters: at least one is needed, as name: (nominal, lower, upper)")
    listed = []
    for parameter, values in parameters.items():
        row = numbers(values, f"parameters[{parameter!r}]")
        if row.shape != (3,):
            raise UsageError(f"parameters[{parameter!r}]: expected (nominal, lower, upper)")
        nominal, lower, upper = map(float, row)
        listed.append(Parameter(parameter, "1", nominal, lower, upper, ""))
    env = make()
    try:
        spec = getattr(env, "spec", None)
        limit = episode_limit or getattr(spec, "max_episode_steps", None) or _LIMIT
        if not 1 <= limit <= 10**6:
            raise UsageError(f"episode_limit = {limit}: expected 1 to 1,000,000")
        observed, actions = env.observation_space, env.action_space
        if len(observed.shape or ()) != 1:
            raise UsageError(f"observations of shape {observed.shape}: expected one axis")
        choices = getattr(actions, "n", None)
        low: list[float] = []
        high: list[float] = []
        if choices is None:
            if len(actions.shape or ()) != 1 or not hasattr(actions, "low"):
                raise UsageError(f"actions {actions}: expected choices, or a box of one axis")
            low, high = actions.low.astype(float).tolist(), actions.high.astype(float).tolist()
        name = name or getattr(spec, "id", None) or type(env.unwrapped).__name__
    finally:
        env.close()

    def lane() -> _Lane:
        return _Lane(make(), set_params)

    native = _native.OwnSimulator(
        name,
        lane,
        [(p.name, p.unit, p.nominal, p.lower, p.upper, p.description) for p in listed],
        int(observed.shape[0]),
        None if choices is None else int(choices),
        low,
        high,
        int(limit),
    )
    return Simulator(native, name, listed)


class _Lane:
    """An environment as the native half calls it."""

    def __init__(self, env: Any, set_params: Callable[[Any, dict[str, float]], object] | None) -> None:
        self._env = env
        self._set_params = set_params
        self._choices = hasattr(env.action_space, "n")
        self._kind = env.action_space.dtype

    def reset(self, phi: list[tuple[str, float]], seed: int) -> list[float]:
        if self._set_params is not None:
            self._set_params(self._env, dict(phi))
            observation, _ = self._env.reset(seed=seed)
        else:
            observation, _ = self._env.reset(seed=seed, options={"phi": dict(phi)})
        return self._observation(observation)

    def step(self, action: npt.NDArray[np.float64]) -> tuple[list[float], float, bool, bool]:
        taken = int(action[0]) if self._choices else action.astype(self._kind)
        observation, reward, terminated, truncated, _ = self._env.step(taken)
        return self._observation(observation), float(reward), bool(terminated), bool(truncated)

    @staticmethod
    def _observation(observation: Any) -> list[float]:
        listed: list[float] = numbers(observation, "observation").tolist()
        return listed
