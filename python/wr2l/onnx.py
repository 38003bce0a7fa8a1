"""ONNX files as policies; needs onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ._errors import FileError, UsageError


def load(path: str) -> Callable[[npt.NDArray[np.float64]], npt.NDArray[Any]]:
    """The network of an ONNX file with one input and its first output, as a function on batches."""
    try:
        import onnxruntime
    except ImportError:
        raise ImportError("ONNX files are run by onnxruntime: pip install onnxruntime") from None
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise FileError(f"{path}: {error}") from error
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise UsageError(f"{path}: expected one input, got {len(inputs)}")
    name, output = inputs[0].name, session.get_outputs()[0].name
    kind = np.float64 if inputs[0].type == "tensor(double)" else np.float32

    def policy(observations: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        return np.asarray(session.run([output], {name: observations.astype(kind)})[0])

    return policy
