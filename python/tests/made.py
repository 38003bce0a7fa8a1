"""Networks to test with."""

from typing import Any

import numpy as np
import pytest

RNG = np.random.default_rng(7)
WIDTHS = (11, 32, 16, 3)


def layers(widths: tuple[int, ...] = WIDTHS) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights `[outputs, inputs]` and biases."""
    pairs = zip(widths[:-1], widths[1:], strict=True)
    return [(RNG.normal(size=(m, n)).astype("f4") / n**0.5, RNG.normal(size=m).astype("f4") / 4) for n, m in pairs]


def seen(rows: int = 1000, width: int = WIDTHS[0]) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(rows, width))


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def in_onnxruntime(content: bytes, observations: np.ndarray, kind: Any = np.float32) -> np.ndarray:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: observations.astype(kind)})
    return np.asarray(found)
