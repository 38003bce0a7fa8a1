"""Plain networks that were trained elsewhere: acting, and written for others."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native
from ._errors import FileError, UsageError
from .parameters import numbers

_F32 = npt.NDArray[np.float32]


class Network:
    """A policy of plain layers: observations `[rows, inputs]` to actions `[rows, outputs]`, or to choices `[rows]`.

    Inputs are normalised, (x − mean) · inverse_deviation within ± clip; `activation` (`"tanh"` or `"relu"`) follows
    every layer but the last. What comes out is clipped to `low` and `high`, after tanh and scaling to them where
    `bounded`; without `low` and `high` the largest output is chosen. Weights are `[outputs, inputs]` of each layer,
    biases `[outputs]`. `log_std` is what training drew actions with.

    Raises `UsageError` for layers that do not fit one another, or numbers that are not finite.
    """

    def __init__(
        self,
        weights: Sequence[npt.ArrayLike],
        biases: Sequence[npt.ArrayLike],
        activation: str = "tanh",
        *,
        low: npt.ArrayLike | None = None,
        high: npt.ArrayLike | None = None,
        bounded: bool = False,
        mean: npt.ArrayLike | None = None,
        inverse_deviation: npt.ArrayLike | None = None,
        clip: float = np.inf,
        log_std: npt.ArrayLike | None = None,
    ) -> None:
        if activation not in ("tanh", "relu"):
            raise UsageError(f"activation = {activation}: expected `tanh` or `relu`")
        if not weights or len(weights) != len(biases):
            raise UsageError(f"expected as many biases as weights, got {len(biases)} and {len(weights)}")
        self.weights = [_finite(weight, f"weight {i}", 2) for i, weight in enumerate(weights)]
        self.biases = [_finite(bias, f"bias {i}", 1) for i, bias in enumerate(biases)]
        self.activation, self.bounded, self.clip = activation, bounded, float(clip)
        width = self.inputs = self.weights[0].shape[1]
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if weight.shape[1] != width or bias.shape != weight.shape[:1]:
                raise UsageError(f"layer {i}: weight {weight.shape} and bias {bias.shape} do not fit {width} inputs")
            width = weight.shape[0]
        self.outputs = width
        self.mean = np.zeros(self.inputs) if mean is None else _vector(mean, "mean", self.inputs)
        one = np.ones(self.inputs)
        self.inverse_deviation = one if inverse_deviation is None else _vector(inverse_deviation, "deviation", one.size)
        self.log_std = None if log_std is None else _vector(np.ravel(log_std), "log_std", width)
        if (low is None) != (high is None):
            raise UsageError("give both `low` and `high`, or neither")
        self.low = None if low is None else _vector(np.broadcast_to(numbers(low, "low"), (width,)), "low", width)
        self.high = None if high is None else _vector(np.broadcast_to(numbers(high, "high"), (width,)), "high", width)

    def __call__(self, observations: npt.ArrayLike) -> npt.NDArray[Any]:
        """The actions for observations `[rows, inputs]`."""
        seen = numbers(observations, "observations")
        if seen.ndim != 2 or seen.shape[1] != self.inputs:
            raise UsageError(f"observations: expected shape (rows, {self.inputs}), got {seen.shape}")
        x = np.clip((seen - self.mean) * self.inverse_deviation, -self.clip, self.clip).astype(np.float32)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            # Summed in 64 bits, so that a row's result does not depend on how many others there are.
            x = (x.astype(np.float64) @ weight.T.astype(np.float64) + bias).astype(np.float32)
            if i + 1 < len(self.weights):
                x = np.tanh(x) if self.activation == "tanh" else np.maximum(x, 0.0)
        if self.low is None or self.high is None:
            return np.asarray(np.argmax(x, axis=1))
        actions = x.astype(np.float64)
        if self.bounded:
            actions = 0.5 * (self.low + self.high) + 0.5 * (self.high - self.low) * np.tanh(actions)
        return np.asarray(np.clip(actions, self.low, self.high))

    def to_onnx(self, path: str | os.PathLike[str], about: dict[str, Any] | None = None, *, force: bool = False) -> None:
        """Writes an ONNX file as `Policy.to_onnx` does; `about` goes into its metadata as JSON.

        Raises `FileError` where it cannot be written, or exists (unless `force`).
        """
        metadata = [(f"wr2l.{key}", json.dumps(value)) for key, value in (about or {}).items()]
        _write(path, _native.network_onnx(self._parts(), metadata), force)

    def to_c(self, path: str | os.PathLike[str], about: dict[str, Any] | None = None, *, force: bool = False) -> None:
        """Writes a C99 header as `Policy.to_c` does; `about` goes into the comment at its top.

        Raises `FileError` where it cannot be written, or exists (unless `force`).
        """
        lines = [f"{key}: {json.dumps(value)}" for key, value in (about or {}).items()]
        _write(path, _native.network_c(self._parts(), lines).encode(), force)

    def to_policy(
        self, path: str | os.PathLike[str], task: str, *, std: float = 0.3, steps: int = 1_000_000, force: bool = False
    ) -> None:
        """Writes a policy file (`docs/policy-format.md`) for a task of the project: `wr2l train TASK --from` begins with it.

        `std` is the standard deviation of drawn actions where the network has no `log_std`. `steps` says how much it was
        trained for: the more, the slower its normaliser moves on. The task's bounds of actions have to be the network's.

        Raises `UsageError` where task or bounds do not fit the network, and `FileError` where the file cannot be
        written, or exists (unless `force`).
        """
        if not 0.0 < std < np.inf:
            raise UsageError(f"std = {std}: expected a number above 0")
        if not isinstance(steps, (int, np.integer)) or not 0 <= steps < 2**63:
            raise UsageError(f"steps = {steps}: expected a whole number, 0 or more")
        physics = self._fits(task)
        tensors: dict[str, npt.NDArray[Any]] = {"observation.mean": self.mean}
        tensors["observation.inverse_deviation"] = self.inverse_deviation
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            tensors[f"policy.{i}.weight"], tensors[f"policy.{i}.bias"] = weight, bias
        header: dict[str, Any] = {
            "format": 1,
            "task": task,
            "physics": physics,
            "algorithm": "network",
            "seed": 0,
            "steps": int(steps),
            "varied": [],
            "hidden": self.activation,
            "bounded": self.bounded,
        }
        if np.isfinite(self.clip):
            header["observation_clip"] = self.clip
        if self.low is None or self.high is None:
            header["actions"] = {"discrete": {"n": self.outputs}}
        else:
            header["actions"] = {"continuous": {"low": self.low.tolist(), "high": self.high.tolist()}}
            log_std = np.full(self.outputs, np.log(std)) if self.log_std is None else self.log_std
            tensors["policy.log_std"] = log_std.astype(np.float32)
        _write(path, _safetensors(tensors, {"wr2l": json.dumps(header)}), force)

    def _fits(self, task: str) -> str:
        """Compares the network with a task of the project, whose usual physics comes back."""
        sim = _native.VectorSim(task, 1, None, [], 1, "Disabled")
        if self.inputs != sim.obs_dim:
            raise UsageError(f"the network has {self.inputs} inputs, an observation of {task} {sim.obs_dim} numbers")
        own = None if self.low is None or self.high is None else (self.low.tolist(), self.high.tolist())
        wanted = None if sim.choices is not None else tuple(sim.bounds)
        if own != wanted or (sim.choices is not None and sim.choices != self.outputs):
            actions = f"one of {sim.choices} choices" if wanted is None else f"in {wanted[0]} to {wanted[1]}"
            got = f"one of {self.outputs} choices" if own is None else f"in {own[0]} to {own[1]}"
            raise UsageError(f"the network's actions are {got}, those of {task} {actions}")
        return sim.physics

    def _parts(self) -> dict[str, Any]:
        return {
            "mean": self.mean.tolist(),
            "inverse_deviation": self.inverse_deviation.tolist(),
            "clip": self.clip,
            "weights": self.weights,
            "biases": self.biases,
            "tanh": self.activation == "tanh",
            "low": [] if self.low is None else self.low.tolist(),
            "high": [] if self.high is None else self.high.tolist(),
            "bounded": self.bounded,
        }

    def __repr__(self) -> str:
        sizes = "–".join(str(n) for n in [self.inputs, *(len(bias) for bias in self.biases)])
        return f"<wr2l.Network {sizes}, {self.activation}>"


def _finite(value: npt.ArrayLike, what: str, axes: int) -> _F32:
    array = np.ascontiguousarray(numbers(value, what), dtype=np.float32)
    if array.ndim != axes or array.size == 0 or not np.isfinite(array).all():
        raise UsageError(f"{what}: expected finite numbers with {axes} axes, got shape {array.shape}")
    return array


def _vector(value: npt.ArrayLike, what: str, length: int) -> npt.NDArray[np.float64]:
    array = np.array(numbers(value, what))
    if array.shape != (length,) or not np.isfinite(array).all():
        raise UsageError(f"{what}: expected {length} finite numbers, got shape {array.shape}")
    return array


def _safetensors(tensors: dict[str, npt.NDArray[Any]], metadata: dict[str, str]) -> bytes:
    """The content of a safetensors file; wide numbers come first, so that all are aligned."""
    kinds = {"float64": "F64", "float32": "F32"}
    entries: dict[str, Any] = {"__metadata__": metadata}
    content = b""
    for name, array in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
        offsets = [len(content), len(content) + len(data)]
        entries[name] = {"dtype": kinds[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        content += data
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content


def _write(path: str | os.PathLike[str], content: bytes, force: bool) -> None:
    try:
        with open(path, "wb" if force else "xb") as file:
            file.write(content)
    except FileExistsError:
        raise FileError(
            f"{os.fspath(path)} exists already: choose another path, or replace it with `force=True`"
        ) from None
    except OSError as error:
        raise FileError(f"{os.fspath(path)}: {error.strerror}") from error
