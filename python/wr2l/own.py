"""Environments of somebody else's as simulators, to judge policies on and to train on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from . import _native
from ._errors import UsageError
from .groups import Here, Processes, Recipe
from .parameters import Parameter, numbers

# Steps after which an episode ends, of an environment that says nothing of its own.
_LIMIT = 1000


class Simulator:
    """A Gymnasium environment whose dynamics can be set; everything here takes it for a task."""

    def __init__(
        self,
        native: _native.OwnSimulator,
        name: str,
        parameters: list[Parameter],
        has_state: bool,
        bounds: tuple[list[float], list[float], int | None],
    ) -> None:
        self._native = native
        #: Lower and upper bounds of actions, or the number of choices.
        self.bounds = bounds
        #: Its name in tables.
        self.name = name
        #: The parameters of φ.
        self.parameters = parameters
        #: Whether its state can be read and set, so that there is a Wasserstein ball on it.
        self.has_state = has_state

    def __repr__(self) -> str:
        return f"<wr2l.Simulator {self.name}>"


def from_gymnasium(
    make: Callable[[], Any],
    set_params: Callable[[Any, dict[str, float]], object] | None = None,
    parameters: Mapping[str, tuple[float, float, float]] | None = None,
    *,
    get_state: Callable[[Any], Any] | None = None,
    set_state: Callable[[Any, Any], object] | None = None,
    workers: int = 0,
    start: str = "spawn",
    name: str | None = None,
    episode_limit: int | None = None,
) -> Simulator:
    """A simulator of the environments that `make` makes, with one-dimensional observations.

    `parameters` gives nominal value, lower and upper bound of each. Before each reset they are set, by name, in one
    of three ways: by `set_params(env, phi)`; else by the environment's own method `set_params(**phi)`, if it has
    one; else by `reset(options={"phi": phi})`. `phi` has all of them, those that do not vary with their nominal
    values. An environment is reset with a seed and must repeat itself when it is given the same seed, dynamics and
    actions. Episodes end at the environment's own limit, or after `episode_limit` steps (usual: that of its
    specification, else 1,000).

    `get_state(env)` returns the state as an array `[state_dim]`, and `set_state(env, state)` puts the environment
    into it, right after a reset: all that the next step depends on, dynamics apart. With both, WR²L's ball is the
    Wasserstein ball, as on every task. Without, no distance can be measured, and the ball is one of relative changes
    of the parameters, by `half_width`.

    With `workers` above 0 the environments live in so many processes, begun by `start` (`"spawn"`, `"forkserver"` or
    `"fork"`). But for `"fork"` the functions must be importable by name, and a program needs
    `if __name__ == "__main__":`. What a function raises is raised here; a process that dies is a `SimulationError`.

    Raises `UsageError` for spaces, parameters or numbers that make no sense, and for functions that cannot be sent to
    a process; and what `make` and the functions raise, which are tried once.
    """
    if not parameters:
        raise UsageError("parameters: at least one is needed, as name: (nominal, lower, upper)")
    if (get_state is None) != (set_state is None):
        raise UsageError("a state is read and set: give both `get_state` and `set_state`, or neither")
    if not 0 <= workers <= 256:
        raise UsageError(f"workers = {workers}: expected 0 (this process) to 256")
    listed = [_parameter(parameter, values) for parameter, values in parameters.items()]
    recipe = Recipe(make, set_params, get_state, set_state)
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
        elif getattr(actions, "start", 0) != 0:
            raise UsageError(f"actions {actions}: expected choices from 0 on")
        name = name or getattr(spec, "id", None) or type(env.unwrapped).__name__
        state_dim = 0
        if get_state is not None:
            nominal = [(parameter.name, parameter.nominal) for parameter in listed]
            state_dim = len(Here(recipe, env).reset(0, nominal, 0)[1])
            if state_dim == 0:
                raise UsageError("get_state: expected an array of at least one number")
    finally:
        env.close()
    if workers:
        Processes.check(recipe, start)

    def group() -> Here | Processes:
        return Processes(recipe, workers, start) if workers else Here(recipe)

    native = _native.OwnSimulator(
        name,
        group,
        [(p.name, p.unit, p.nominal, p.lower, p.upper, p.description) for p in listed],
        int(observed.shape[0]),
        None if choices is None else int(choices),
        low,
        high,
        int(limit),
        state_dim,
        [(role, _name(function)) for role, function in recipe._asdict().items()],
    )
    return Simulator(native, name, listed, state_dim > 0, (low, high, None if choices is None else int(choices)))


def _name(function: Any) -> str:
    """What a function is called: all that two processes can compare of it."""
    while isinstance(function, functools.partial):
        function = function.func
    return "(none)" if function is None else getattr(function, "__qualname__", type(function).__qualname__)


def _parameter(name: str, values: Any) -> Parameter:
    row = numbers(values, f"parameters[{name!r}]")
    if row.shape != (3,):
        raise UsageError(f"parameters[{name!r}]: expected (nominal, lower, upper)")
    nominal, lower, upper = map(float, row)
    return Parameter(name, "1", nominal, lower, upper, "")
