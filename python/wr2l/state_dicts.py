"""Networks from the weights of Stable-Baselines3 and CleanRL, by the names that these give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._errors import UsageError
from .networks import Network

Weights = Mapping[str, npt.NDArray[Any]]


class _Kind(NamedTuple):
    """A kind of policy: what it is called, the names of its layers, and what it does with their outputs."""

    what: str
    # Pattern of the hidden layers' names, with a number that rises; then the last one's. All with `.weight` and `.bias`
    # behind.
    hidden: str
    last: str
    activation: str
    # `clip` to the bounds, `tanh` and scaling to them, or `choice` of the largest.
    ending: str


# What comes first counts. Where there are hidden layers alone the last of them is the last layer.
_KINDS = [
    _Kind("SB3's PPO, A2C or TRPO", r"mlp_extractor\.policy_net\.\d+", "action_net", "tanh", "clip"),
    _Kind("SB3's SAC", r"actor\.latent_pi\.\d+", "actor.mu", "relu", "tanh"),
    _Kind("SB3's TD3 or DDPG", r"actor\.mu\.\d+", "", "relu", "tanh"),
    _Kind("SB3's DQN", r"q_net\.q_net\.\d+", "", "relu", "choice"),
    _Kind("CleanRL's PPO for real actions", r"actor_mean\.\d+", "", "tanh", "clip"),
    _Kind("CleanRL's PPO for choices", r"actor\.\d+", "", "tanh", "choice"),
    _Kind("CleanRL's SAC", r"fc\d+", "fc_mean", "relu", "tanh"),
    _Kind("CleanRL's TD3 or DDPG", r"fc\d+", "fc_mu", "relu", "tanh"),
    _Kind("CleanRL's DQN", r"network\.\d+", "", "relu", "choice"),
]


def network(
    weights: Weights,
    *,
    activation: str | None = None,
    low: npt.ArrayLike | None = None,
    high: npt.ArrayLike | None = None,
    discrete: bool | None = None,
    mean: npt.ArrayLike | None = None,
    inverse_deviation: npt.ArrayLike | None = None,
    clip: float = np.inf,
) -> Network:
    """The policy network among `weights`, tensors by name.

    `low` and `high` are the bounds of actions, which these files do not hold (CleanRL's `action_scale` and
    `action_bias` say them too). `activation` is the one of the algorithm unless it is given. `discrete` says whether
    PPO's actions are choices; without it they are where the policy has no `log_std`.
    """
    for kind in _KINDS:
        layers = _layers(weights, kind)
        if layers:
            break
    else:
        known = ", ".join(kind.what for kind in _KINDS)
        raise UsageError(f"no policy of plain layers is found by its names; known are those of {known}")
    if any(name.startswith("features_extractor.") and name.endswith(".weight") for name in weights):
        raise UsageError("its observations go through a features extractor, which is no plain network")
    ending = kind.ending
    if kind.last == "action_net":
        choices = discrete if discrete is not None else "log_std" not in weights
        ending = "choice" if choices else "clip"
    if "action_scale" in weights and "action_bias" in weights and low is None:
        scale, bias = (np.asarray(weights[name], dtype=np.float64).ravel() for name in ("action_scale", "action_bias"))
        low, high = bias - scale, bias + scale
    if ending == "choice":
        low = high = None
    elif low is None or high is None:
        raise UsageError(
            f"the policy of {kind.what} acts within bounds, which the file does not hold: give `low` and `high`"
        )
    return Network(
        [weights[f"{name}.weight"] for name in layers],
        [weights[f"{name}.bias"] for name in layers],
        activation or kind.activation,
        low=low,
        high=high,
        bounded=ending == "tanh",
        mean=mean,
        inverse_deviation=inverse_deviation,
        clip=clip,
        log_std=weights.get("log_std", weights.get("actor_logstd")) if ending == "clip" else None,
    )


def _layers(weights: Weights, kind: _Kind) -> list[str]:
    """The names of the layers, first to last; none where they are not those of this kind."""
    names = [name.removesuffix(".weight") for name in weights if name.endswith(".weight")]
    hidden = [name for name in names if re.fullmatch(kind.hidden, name)]
    hidden.sort(key=lambda name: int(re.findall(r"\d+", name)[-1]))
    if kind.last:
        if kind.last not in names:
            return []
        hidden.append(kind.last)
    if any(f"{name}.bias" not in weights for name in hidden):
        return []
    if any(np.ndim(weights[f"{name}.weight"]) != 2 for name in hidden):
        return []
    return hidden
