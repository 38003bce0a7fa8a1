"""For users of Stable-Baselines3: environments, which it takes in no other shape, and its models written for others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import UsageError
from .envs import Array, VectorEnv
from .networks import Network
from .state_dicts import network

if TYPE_CHECKING:
    _Base = object
else:
    try:
        from stable_baselines3.common.vec_env import VecEnv as _Base
    except ImportError:
        _Base = object


class VecEnv(_Base):
    """A `wr2l.VectorEnv` by the interface of Stable-Baselines3's `VecEnv`.

    Observations and rewards are 32-bit, as there. A finished episode's last observation is
    `info["terminal_observation"]`, and `info["TimeLimit.truncated"]` tells whether it was cut off. `options` are
    keyword arguments of `VectorEnv`.

    Raises `UsageError` as that does, and for `autoreset`.
    """

    def __init__(self, task: str, num_envs: int = 1, **options: Any) -> None:
        options.setdefault("copy", False)
        if "autoreset" in options:
            raise UsageError("Stable-Baselines3 resets in the same step: there is nothing to choose")
        self.env = VectorEnv(task, num_envs, autoreset="SameStep", **options)
        space = self.env.single_observation_space
        from gymnasium.spaces import Box

        observed = Box(-np.inf, np.inf, space.shape, np.float32)
        self.render_mode = None
        self.reset_infos: list[dict[str, Any]] = [{} for _ in range(num_envs)]
        self._seeds: list[int | None] | None = None
        self._options: dict[str, Any] | None = None
        self._actions: Array = np.empty(0)
        if _Base is object:
            self.num_envs = num_envs
            self.observation_space, self.action_space = observed, self.env.single_action_space
        else:
            super().__init__(num_envs, observed, self.env.single_action_space)  # type: ignore[call-arg]

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seeds the next reset: environment i by `seed + i`. Raises nothing; a seed below 0 is refused by the reset."""
        if seed is None:
            seed = int(np.random.randint(0, 2**31 - 1))
        self._seeds = [seed + i for i in range(self.num_envs)]
        return self._seeds

    def set_options(self, options: dict[str, Any] | list[dict[str, Any]] | None = None) -> None:
        """Options of the next reset, `{"phi": …}`. Raises `UsageError` for a list of different ones."""
        if isinstance(options, list):
            if any(one != options[0] for one in options):
                raise UsageError("give φ of all environments in one array, not in options of each")
            options = options[0] if options else None
        self._options = options or None

    def reset(self) -> Array:
        """Begins new episodes, and returns the observations, `[num_envs, obs_dim]`."""
        observations, info = self.env.reset(seed=self._seeds, options=self._options)
        self._seeds = self._options = None
        self.reset_infos = [{"phi": phi} for phi in info["phi"]]
        return observations.astype(np.float32)

    def step_async(self, actions: Array) -> None:
        """Takes the actions of the next step, `[num_envs, act_dim]`. Raises nothing; the step checks them."""
        self._actions = actions

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Steps all environments: observations `[num_envs, obs_dim]`, rewards and ends `[num_envs]`, and infos."""
        observations, rewards, terminated, truncated, info = self.env.step(self._actions)
        done = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for lane in np.flatnonzero(done):
            infos[lane] = {
                "terminal_observation": info["final_obs"][lane].astype(np.float32),
                "TimeLimit.truncated": bool(truncated[lane]),
                "phi": info["final_info"]["phi"][lane],
            }
            self.reset_infos[lane] = {"phi": info["phi"][lane]}
        return observations.astype(np.float32), rewards.astype(np.float32), done, infos

    def step(self, actions: Array) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Steps all environments by `actions`, `[num_envs, act_dim]`, as `step_wait` does.

        Raises `UsageError` as `VectorEnv.step` does.
        """
        self.step_async(actions)
        return self.step_wait()

    def close(self) -> None:
        """Nothing is left open."""

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """An attribute, the same for every environment. Raises `AttributeError` where there is none."""
        return [getattr(self.env, attr_name)] * len(self._chosen(indices))

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Refused: environments here have nothing of their own but φ. Raises `UsageError`."""
        raise UsageError("environments of wr2l have nothing of their own to set but φ: `env.set_phi`")

    def env_method(
        self, method_name: str, *args: Any, indices: int | Iterable[int] | None = None, **kwargs: Any
    ) -> list[Any]:
        """Calls a method of the whole; its answer for every environment. Raises what that raises."""
        return [getattr(self.env, method_name)(*args, **kwargs)] * len(self._chosen(indices))

    def env_is_wrapped(self, wrapper_class: type, indices: int | Iterable[int] | None = None) -> list[bool]:
        """Nothing is wrapped. Raises nothing."""
        return [False] * len(self._chosen(indices))

    def get_images(self) -> list[None]:
        """Nothing is rendered."""
        return [None] * self.num_envs

    def _chosen(self, indices: int | Iterable[int] | None) -> list[int]:
        if indices is None:
            return list(range(self.num_envs))
        return [indices] if isinstance(indices, int) else list(indices)


def export(model: Any, path: str | os.PathLike[str] | None = None, *, force: bool = False) -> Network:
    """The policy of a model with an `MlpPolicy`, as a network of ours; with `path` written to `….onnx` or `….h`.

    The bounds of actions are within, and what a `VecNormalize` around its environments does to observations.

    Raises `UsageError` for what is no such model, and `FileError` where the file cannot be written.
    """
    policy, space = getattr(model, "policy", None), getattr(model, "action_space", None)
    if policy is None or not hasattr(policy, "state_dict") or space is None:
        raise UsageError(f"expected a model of Stable-Baselines3, got {type(model).__name__}")
    weights = {name: value.detach().cpu().numpy() for name, value in policy.state_dict().items()}
    function = getattr(policy, "activation_fn", None)
    options: dict[str, Any] = {"activation": None if function is None else function.__name__.lower()}
    if hasattr(space, "n"):
        options["discrete"] = True
    else:
        options.update(low=space.low, high=space.high, discrete=False)
    get = getattr(model, "get_vec_normalize_env", None)
    normalised = get() if callable(get) else None
    if normalised is not None and normalised.norm_obs:
        moments = normalised.obs_rms
        inverse = 1.0 / np.sqrt(moments.var + normalised.epsilon)
        options.update(mean=moments.mean, inverse_deviation=inverse, clip=normalised.clip_obs)
    found = network(weights, **options)
    if path is not None:
        name = os.fspath(path)
        if not name.endswith((".onnx", ".h")):
            raise UsageError(f"{name}: expected a name that ends with .onnx or .h")
        write = found.to_onnx if name.endswith(".onnx") else found.to_c
        write(path, {"from": f"Stable-Baselines3 {type(model).__name__}"}, force=force)
    return found
