"""The dynamics parameters of tasks, and dynamics as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _native
from ._errors import UsageError

# What dynamics may be given as: values by name, or an array in the parameters' order.
Phi = Mapping[str, Any] | npt.ArrayLike


class Parameter(NamedTuple):
    """A physical parameter that may vary."""

    name: str
    """Its name."""
    unit: str
    """Its unit, which the numbers are in."""
    nominal: float
    """Its value in the reference dynamics φ₀."""
    lower: float
    """The least value that it may have."""
    upper: float
    """The largest."""
    description: str
    """What it is, in a sentence."""


def parameters(task: str) -> list[Parameter]:
    """The parameters of a task that may vary; `task` is a name or the path of a file.

    Raises `UsageError` for a task that there is not.
    """
    return [Parameter(*parameter) for parameter in _native.parameters_of(task)]


def tasks() -> list[str]:
    """The names of the tasks that every build has."""
    return _native.tasks()


def physics_of(task: str) -> list[str]:
    """The physics that a task runs on in this build, the usual one first.

    Raises `UsageError` for a task that there is not.
    """
    return _native.physics_of(task)


def rows(phi: Phi, space: Sequence[Parameter], current: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`phi` as an array `[lanes, parameters]`; what it does not name stays as in `current`.

    A mapping has a number or one number a lane for each name. An array has the shape `[parameters]` or
    `[lanes, parameters]`.
    """
    lanes, width = current.shape
    out = current.copy()
    names = [parameter.name for parameter in space]
    if isinstance(phi, Mapping):
        for name, value in phi.items():
            if name not in names:
                raise UsageError(f"phi: no parameter `{name}` varies here; there are `{'`, `'.join(names)}`")
            out[:, names.index(name)] = _broadcast(value, (lanes,), f"phi[{name!r}]")
        return out
    return _broadcast(phi, (lanes, width), "phi", or_shape=(width,))


def _broadcast(
    value: Any, shape: tuple[int, ...], what: str, or_shape: tuple[int, ...] = ()
) -> npt.NDArray[np.float64]:
    array = numbers(value, what)
    if array.shape not in (shape, or_shape):
        raise UsageError(f"{what}: expected an array of shape {shape} or {or_shape}, got {array.shape}")
    return np.ascontiguousarray(np.broadcast_to(array, shape))


def numbers(value: Any, what: str) -> npt.NDArray[np.float64]:
    """`value` as an array of 64-bit numbers."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "buif":
            raise TypeError
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise UsageError(f"{what}: expected numbers, got {type(value).__name__}") from None
