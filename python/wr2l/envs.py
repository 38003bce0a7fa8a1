"""Environments for Gymnasium: many at once, and single ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from . import _native
from ._errors import UsageError
from .parameters import Parameter, Phi, numbers, rows

Array = npt.NDArray[Any]

# Lanes that are worth a thread of their own.
_LANES_A_THREAD = 64


class VectorEnv(gymnasium.vector.VectorEnv[Array, Array, Array]):
    """Many environments of one task, each with its own dynamics φ, stepped together.

    Observations are 64-bit, `[num_envs, obs_dim]`. An episode keeps the φ that it began with. `info["phi"]` is φ
    of every environment's episode, `[num_envs, parameters]`, in the order of `parameters`. Where the physics
    breaks down an episode is truncated, with a mark in `info["diverged"]` and the last sound observation.

    `task` is a name or the path of a task's file, `vary` names the parameters that `phi` may change (usual: all), and
    `autoreset` is `"NextStep"`, `"SameStep"` or `"Disabled"`. `threads` have no influence on what comes out. With
    `copy=False` the arrays that a step returns are overwritten by the next.

    Raises `UsageError` for a task, physics, parameter or number that there is not.
    """

    metadata: dict[str, Any]

    def __init__(
        self,
        task: str,
        num_envs: int = 1,
        *,
        phi: Phi | None = None,
        vary: Sequence[str] | None = None,
        physics: str | None = None,
        autoreset: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        threads: int | None = None,
        copy: bool = True,
        render_mode: None = None,
    ) -> None:
        if render_mode is not None:
            raise UsageError("nothing is rendered here: `wr2l report` replays a policy")
        try:
            mode = AutoresetMode(autoreset)
        except ValueError:
            modes = "`, `".join(mode.value for mode in AutoresetMode)
            raise UsageError(f"autoreset = {autoreset}: expected `{modes}`") from None
        if isinstance(vary, str):
            vary = [vary]
        if not 1 <= num_envs < 2**31:
            raise UsageError(f"num_envs = {num_envs}: expected at least 1")
        if threads is None:
            threads = max(1, min(os.cpu_count() or 1, num_envs // _LANES_A_THREAD))
        patterns = None if vary is None else list(vary)
        self._sim = sim = _native.VectorSim(task, num_envs, physics, patterns, threads, mode.value)
        self.metadata = {"autoreset_mode": mode, "render_modes": []}
        self.num_envs = num_envs
        self.task, self.physics = sim.task, sim.physics
        #: The parameters of φ, in order.
        self.parameters = [Parameter(*parameter) for parameter in sim.parameters]
        self.copy = copy
        self._mode = mode
        self.single_observation_space, self.single_action_space = _spaces(sim)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._actions_shape = (num_envs, *(self.single_action_space.shape or ()))
        self._action_rows = np.zeros((num_envs, 1 if sim.choices is not None else self._actions_shape[-1]))
        self._action_view = self._action_rows.reshape(self._actions_shape)
        shape = (num_envs, sim.obs_dim)
        self._observations, self._last = np.zeros(shape), np.zeros(shape)
        self._rewards = np.zeros(num_envs)
        self._terminated, self._truncated, self._diverged = (np.zeros(num_envs, dtype=np.bool_) for _ in range(3))
        self._everybody = np.ones(num_envs, dtype=np.bool_)
        self._next_phi = np.tile([parameter.nominal for parameter in self.parameters], (num_envs, 1))
        self._phi = self._phi_before = self._next_phi.copy()
        self._everybody.flags.writeable = False
        # Whether an episode begins in the next step.
        self._waiting = False
        self._seeded = False
        if phi is not None:
            self.set_phi(phi)

    def set_phi(self, phi: Phi, mask: npt.ArrayLike | None = None) -> None:
        """Sets φ of all environments, or of those in `mask`, from their next episode on.

        `phi` is a mapping from names to a number or to `[num_envs]` of them, in the parameters' units, or an array
        `[num_envs, parameters]` or `[parameters]`; `mask` holds truth values, `[num_envs]`.

        Raises `UsageError` for a name that does not vary here, another shape, or values outside the bounds: then
        nothing is set.
        """
        which = self._mask(mask)
        wanted = rows(phi, self.parameters, self._next_phi)
        self._sim.set_phi(wanted, which)
        self._next_phi[which] = wanted[which]

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begins new episodes, and returns the observations, `[num_envs, obs_dim]`, and `info`.

        `seed`: one for all, from which each environment draws differently, or a list of one for each. Options:
        `phi` sets the dynamics, `reset_mask` (bool, `[num_envs]`) chooses the environments.

        Raises `UsageError` for other options, or a seed that is none from 0 to 2⁶⁴ − 1.
        """
        options = options or {}
        unknown = set(options) - {"phi", "reset_mask"}
        if unknown:
            raise UsageError(f"options: no `{'`, `'.join(sorted(unknown))}`; there are `phi` and `reset_mask`")
        which = self._mask(options.get("reset_mask"))
        if options.get("phi") is not None:
            self.set_phi(options["phi"], which)
        self._seed(seed)
        self._sim.reset(which, self._observations)
        self._read_phi()
        return self._out(self._observations), {"phi": self._phi, "_phi": self._everybody}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Steps every environment; under `NextStep` one whose episode ended begins the next one instead.

        `actions` are `[num_envs, act_dim]`, or `[num_envs]` of choices. Returns observations `[num_envs, obs_dim]`,
        rewards, whether terminated and whether truncated (`[num_envs]` each), and `info`.

        Raises `UsageError` for another shape, an action that is not finite or no choice, and before the first reset;
        `SimulationError` in a fork of the process.
        """
        if not self._seeded:
            raise UsageError("reset the environment before its first step")
        sim, taken = self._sim, self._taken(actions)
        if self.copy:
            ended, (observations, rewards, terminated, truncated) = sim.step_fresh(taken)
        else:
            ended = sim.step(taken)
            observations, rewards = self._observations, self._rewards
            terminated, truncated = self._terminated, self._truncated
            sim.results(observations, rewards, terminated, truncated)
        begun = ended if self._mode == AutoresetMode.SAME_STEP else self._waiting
        self._waiting = ended
        if begun:
            self._read_phi()
        # Neither can be written to, so that a step without a new episode makes no copies.
        info: dict[str, Any] = {"phi": self._phi, "_phi": self._everybody}
        if ended:
            self._tell_endings(info, terminated | truncated)
        return observations, rewards, terminated, truncated, info

    def _tell_endings(self, info: dict[str, Any], over: Array) -> None:
        self._sim.endings(self._diverged, self._last)
        if self._diverged.any():
            info["diverged"], info["_diverged"] = self._diverged.copy(), over
        if self._mode == AutoresetMode.SAME_STEP:
            last = np.full(self.num_envs, None, dtype=object)
            for lane in np.flatnonzero(over):
                last[lane] = self._last[lane].copy()
            info["final_obs"], info["_final_obs"] = last, over
            # φ of the episodes that ended is what it was a step ago.
            final = {"phi": np.where(over[:, None], self._phi_before, 0.0), "_phi": over.copy()}
            info["final_info"], info["_final_info"] = final, over.copy()

    def _taken(self, actions: Any) -> Array:
        """The actions as the native half takes them, `[num_envs, act_dim]`."""
        array = actions if isinstance(actions, np.ndarray) else numbers(actions, "actions")
        if array.shape != self._actions_shape:
            raise UsageError(f"actions: expected an array of shape {self._actions_shape}, got {array.shape}")
        if array.dtype.kind not in "buif":
            array = numbers(array, "actions")
        # Into the rows that the native half reads, whatever layout and kind they have.
        self._action_view[...] = array
        return self._action_rows

    def set_states(self, states: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> Array:
        """Begins episodes in given physical states, under the dynamics that the environments have.

        `states` are positions, then velocities, `[num_envs, nq + nv]`, in m, rad, m/s and rad/s. Returns the
        observations, `[num_envs, obs_dim]`.

        Raises `UsageError` for another shape, or numbers that are not finite.
        """
        wanted = np.ascontiguousarray(numbers(states, "states"))
        if wanted.ndim != 2:
            raise UsageError(f"states: expected a row for each environment, got shape {wanted.shape}")
        self._sim.set_states(wanted, self._mask(mask), self._observations)
        self._read_phi()
        self._waiting = False
        self._seeded = True
        return self._out(self._observations)

    def states(self) -> Array:
        """The physical states, positions then velocities, `[num_envs, nq + nv]`, in m, rad, m/s and rad/s."""
        out = np.empty((self.num_envs, sum(self._sim.state_dims)))
        self._sim.states(out)
        return out

    def close_extras(self, **kwargs: Any) -> None:
        """Nothing is left open. Raises nothing."""

    def __reduce__(self) -> Any:
        raise TypeError("an environment of wr2l cannot be pickled: make it in the process that uses it")

    def _mask(self, mask: Any) -> Array:
        if mask is None:
            return self._everybody
        which = np.asarray(mask)
        if which.shape != (self.num_envs,) or which.dtype != np.bool_:
            raise UsageError(f"a mask is an array of {self.num_envs} truth values")
        return np.ascontiguousarray(which)

    def _seed(self, seed: int | Sequence[int | None] | None) -> None:
        if seed is None:
            if self._seeded:
                return
            seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
        lanes = self.num_envs
        if isinstance(seed, (int, np.integer)):
            seeds, streams = [int(seed)] * lanes, np.arange(lanes, dtype=np.uint64)
        else:
            fresh = np.random.SeedSequence().generate_state(lanes, np.uint64)
            if len(seed) != lanes:
                raise UsageError(f"seed: expected {lanes} of them, got {len(seed)}")
            seeds = [int(fresh[i]) if one is None else int(one) for i, one in enumerate(seed)]
            streams = np.zeros(lanes, dtype=np.uint64)
        if not all(0 <= one < 2**64 for one in seeds):
            raise UsageError("a seed is a whole number from 0 to 2⁶⁴ − 1")
        self._np_random_seed = int(seeds[0])
        self._np_random = np.random.default_rng(seeds)
        self._sim.seed(np.array(seeds, dtype=np.uint64), streams)
        self._seeded = True

    def _read_phi(self) -> None:
        self._phi_before, self._phi = self._phi, np.empty_like(self._phi)
        self._sim.phi(self._phi)
        self._phi.flags.writeable = False

    def _out(self, array: Array) -> Array:
        return array.copy() if self.copy else array


class Env(gymnasium.Env[Array, Any]):
    """One environment of a task, under the dynamics φ.

    Observations are 64-bit, `[obs_dim]`. `reset(options={"phi": …})` sets φ, which `info["phi"]` echoes as a
    dictionary by name. Arguments are as of `VectorEnv`.

    Raises `UsageError` for a task, physics, parameter or number that there is not.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}  # type: ignore[misc]

    def __init__(
        self,
        task: str,
        *,
        phi: Phi | None = None,
        vary: Sequence[str] | None = None,
        physics: str | None = None,
        render_mode: None = None,
    ) -> None:
        self._lane = VectorEnv(
            task,
            1,
            phi=phi,
            vary=vary,
            physics=physics,
            autoreset=AutoresetMode.DISABLED,
            threads=1,
            render_mode=render_mode,
        )
        self.observation_space = self._lane.single_observation_space
        self.action_space = self._lane.single_action_space
        self.task, self.physics, self.parameters = self._lane.task, self._lane.physics, self._lane.parameters
        # The action as the native half reads it, and the same in the shape of the action space.
        self._row = self._lane._action_rows[0]
        self._shape = self.action_space.shape or ()
        self._action = self._row.reshape(self._shape)
        self._step = self._lane._sim.step_one
        # φ of the episode, by name.
        self._named: dict[str, float] = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begins a new episode, and returns its observation `[obs_dim]` and `info`.

        Options: `phi` sets the dynamics, by name or as an array `[parameters]`.

        Raises `UsageError` for other options, a seed below 0, or dynamics outside the bounds.
        """
        super().reset(seed=seed)
        observations, info = self._lane.reset(seed=None if seed is None else [seed], options=options)
        self._read_phi()
        return observations[0], {"phi": self._named.copy()}

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """A step of the task: observation `[obs_dim]`, reward, whether terminated and whether truncated, and `info`.

        `action` is `[act_dim]`, or a choice.

        Raises `UsageError` for another shape, numbers that are not finite, after the end of an episode, and before the
        first reset.
        """
        # Not by way of the lane's own `step`, which makes arrays of one row: a call here is to cost below 5 µs.
        if not self._shape and isinstance(action, (int, np.integer)) and 0 <= action < 2**31:
            self._row[0] = action
        else:
            array = action if isinstance(action, np.ndarray) else numbers(action, "actions")
            if array.shape != self._shape:
                raise UsageError(f"actions: expected an array of shape {self._shape}, got {array.shape}")
            if array.dtype.kind not in "buif":
                array = numbers(array, "actions")
            self._action[...] = array
        if not self._lane._seeded:
            raise UsageError("reset the environment before its first step")
        observation, reward, terminated, truncated, diverged = self._step(self._row)
        info: dict[str, Any] = {"phi": self._named.copy()}
        if diverged:
            info["diverged"] = True
        return observation, reward, terminated, truncated, info

    def set_state(self, state: npt.ArrayLike) -> Array:
        """Begins an episode in a physical state, and returns the observation, `[obs_dim]`.

        `state` is positions, then velocities, `[nq + nv]`, in m, rad, m/s and rad/s.

        Raises `UsageError` for another shape, or numbers that are not finite.
        """
        observations = self._lane.set_states(numbers(state, "state")[None])
        self._read_phi()
        return np.array(observations[0])

    def state(self) -> Array:
        """The physical state, positions then velocities, `[nq + nv]`, in m, rad, m/s and rad/s."""
        return np.array(self._lane.states()[0])

    def _read_phi(self) -> None:
        names = [parameter.name for parameter in self.parameters]
        self._named = dict(zip(names, self._lane._phi[0].tolist(), strict=True))


def make_vec(task: str, num_envs: int = 1, **options: Any) -> VectorEnv:
    """Many environments of a task: `VectorEnv`, whose keyword arguments these are. Raises `UsageError` as that does."""
    return VectorEnv(task, num_envs, **options)


def make(task: str, **options: Any) -> Env:
    """One environment of a task: `Env`, whose keyword arguments these are. Raises `UsageError` as that does."""
    return Env(task, **options)


def register() -> None:
    """Makes every task known to Gymnasium as `wr2l/NAME-v0`, for `gymnasium.make` and `make_vec`."""
    for task in _native.tasks():
        name = f"wr2l/{task}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(
                id=name,
                entry_point="wr2l.envs:Env",
                vector_entry_point="wr2l.envs:VectorEnv",
                kwargs={"task": task},
            )


def _spaces(sim: _native.VectorSim) -> tuple[spaces.Space[Array], spaces.Space[Any]]:
    observations = spaces.Box(-np.inf, np.inf, (sim.obs_dim,), np.float64)
    if sim.choices is not None:
        return observations, spaces.Discrete(sim.choices)
    low, high = (np.array(bounds, dtype=np.float32) for bounds in sim.bounds)
    return observations, spaces.Box(low, high, dtype=np.float32)
