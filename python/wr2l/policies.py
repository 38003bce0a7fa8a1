"""Policies of ours: acting, files, weights."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native
from ._errors import UsageError
from .own import Simulator
from .parameters import Parameter, numbers


class Policy:
    """A trained policy, with its frozen observation normaliser and the bounds of its actions."""

    def __init__(self, native: _native.Policy) -> None:
        self._native = native

    @classmethod
    def load(cls, path: str | os.PathLike[str], simulator: Simulator | None = None) -> Policy:
        """The policy of a run folder, a policy file (`policy.safetensors`) or a checkpoint.

        One that was trained on a simulator of your own (`from_gymnasium`) needs that simulator, and is read from a run
        folder or a policy file.

        Raises `FileError` for what holds no policy, and `UsageError` for one of another simulator.
        """
        return cls(_native.Policy.open(os.fspath(path), None if simulator is None else simulator._native))

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Writes a policy file; `docs/policy-format.md` describes it.

        Raises `FileError` where it cannot be written, or exists (unless `force`).
        """
        self._native.save(os.fspath(path), force)

    def to_onnx(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Writes an ONNX file: `observation` `[batch, inputs]` of 32-bit numbers to `action`, as environments take it.

        Normalisation and bounds are within. Its metadata says where the policy comes from, what it was trained
        to bear, and the seconds between two actions (`dt`).

        Raises `FileError` where it cannot be written, or exists (unless `force`).
        """
        metadata = [(f"wr2l.{key}", json.dumps(value)) for key, value in self._about().items()]
        self._native.to_onnx(os.fspath(path), metadata, force)

    def to_c(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Writes a C99 header with the weights and the function `wr2l_act(observation, action)`.

        Raises `FileError` where it cannot be written, or exists (unless `force`).
        """
        about = [f"{key}: {json.dumps(value)}" for key, value in self._about().items()]
        self._native.to_c(os.fspath(path), about, force)

    def _about(self) -> dict[str, Any]:
        low, high = self._native.bounds
        varied = [parameter._asdict() for parameter in self.varied]
        return {
            "task": self.task,
            "physics": self.physics,
            "algorithm": self.algorithm,
            "seed": self.seed,
            "steps": self.steps,
            "dt": self._native.dt,
            "history": self.history,
            "action_low": low,
            "action_high": high,
            "varied": varied,
        }

    def act(self, observations: npt.ArrayLike) -> npt.NDArray[Any]:
        """The action for an observation `[obs_dim]`, or the actions for `[rows, obs_dim]`.

        Means, clipped to their bounds, or the most probable choices. A policy that remembers (`history > 0`)
        acts by a `Player`.

        Raises `UsageError` for observations of another shape, and where it remembers.
        """
        if self.history:
            raise UsageError(
                f"this policy remembers {self.history} frames of an episode: play it with `policy.player(lanes)`"
            )
        return self._act(observations)

    def player(self, lanes: int) -> Player:
        """The policy in so many lanes, with what it remembers of each one's episode. Raises `ValueError` below 0."""
        return Player(self, lanes)

    def __call__(self, observations: npt.ArrayLike) -> npt.NDArray[Any]:
        return self.act(observations)

    def _act(self, inputs: npt.ArrayLike) -> npt.NDArray[Any]:
        array = numbers(inputs, "observations")
        if array.ndim not in (1, 2):
            raise UsageError(f"observations: expected one or a batch of them, got shape {array.shape}")
        actions = self._native.act(np.ascontiguousarray(np.atleast_2d(array)))
        if self._native.choices is not None:
            choices = actions[:, 0].astype(np.int64)
            return choices if array.ndim == 2 else choices[0]
        return actions if array.ndim == 2 else actions[0]

    @property
    def parameters(self) -> npt.NDArray[np.float32]:
        """All weights, flat, `[weights]`: a copy."""
        return self._native.parameters()

    @property
    def name(self) -> str:
        """Its name in tables."""
        return self._native.name

    @property
    def task(self) -> str:
        """The task that it was trained on."""
        return self._native.task

    @property
    def physics(self) -> str:
        """The physics that it was trained on."""
        return self._native.physics

    @property
    def algorithm(self) -> str:
        """The algorithm that trained it."""
        return self._native.algorithm

    @property
    def seed(self) -> int:
        """Seed of its training."""
        return self._native.seed

    @property
    def steps(self) -> int:
        """Policy steps that it was trained for."""
        return self._native.steps

    @property
    def varied(self) -> list[Parameter]:
        """The parameters that could vary in its training."""
        return [Parameter(*parameter) for parameter in self._native.varied]

    @property
    def obs_dim(self) -> int:
        """Length of an observation."""
        return self._native.obs_dim

    @property
    def act_dim(self) -> int:
        """Length of an action."""
        return self._native.act_dim

    @property
    def history(self) -> int:
        """Frames that it remembers."""
        return self._native.history

    def __repr__(self) -> str:
        return f"<wr2l.Policy {self.algorithm} on {self.task}, seed {self.seed}, {self.steps} steps>"


class Player:
    """A policy at play in several lanes, with what it remembers of each one's episode.

    Raises `ValueError` for fewer than 0 lanes.
    """

    def __init__(self, policy: Policy, lanes: int) -> None:
        #: The policy.
        self.policy = policy
        frame = policy.obs_dim + policy.act_dim
        self._memory = np.zeros((lanes, policy.history * frame))
        self._before = np.zeros((lanes, policy.obs_dim))
        self._action = np.zeros((lanes, policy.act_dim))
        self._acted = np.zeros(lanes, dtype=np.bool_)

    def reset(self, mask: npt.ArrayLike | None = None) -> None:
        """Forgets the episodes of all lanes, or of those in `mask`, `[lanes]`. Raises `IndexError` for another length."""
        which = slice(None) if mask is None else np.asarray(mask, dtype=np.bool_)
        self._memory[which] = 0.0
        self._acted[which] = False

    def act(self, observations: npt.ArrayLike) -> npt.NDArray[Any]:
        """The actions for the next observation of every lane, `[lanes, obs_dim]`.

        Raises `UsageError` for observations of another shape.
        """
        observed = numbers(observations, "observations")
        if observed.shape != self._before.shape:
            raise UsageError(f"observations: expected shape {self._before.shape}, got {observed.shape}")
        if self.policy.history:
            newest = np.concatenate([observed - self._before, self._action], axis=1)
            remembered = np.concatenate([newest, self._memory[:, : -newest.shape[1]]], axis=1)
            self._memory = np.where(self._acted[:, None], remembered, self._memory)
        actions = self.policy._act(np.concatenate([observed, self._memory], axis=1))
        self._before = observed.copy()
        self._action = actions.reshape(self._action.shape).astype(np.float64)
        self._acted[:] = True
        return actions
