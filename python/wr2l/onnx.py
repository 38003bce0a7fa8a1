"""ONNX files as policies, read here: networks of the operators that policies consist of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._errors import FileError, UsageError
from ._protobuf import Message, WireError
from .parameters import numbers

Array = npt.NDArray[Any]

# Largest file that is read.
_MOST_BYTES = 256 << 20
# Numbers that one step may make for a row, a guard against files that ask for giants.
_MOST_NUMBERS = 1 << 22
# `TensorProto.DataType`.
_KINDS: dict[int, Any] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64,
}  # fmt: skip


class _Node(NamedTuple):
    operator: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]


class OnnxPolicy:
    """The network of an ONNX file: observations `[rows, inputs]` to its first output.

    Raises `FileError` for a file that is damaged or too large, `UsageError` for one that is no plain network.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            with open(path, "rb") as file:
                content = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise FileError(f"{path}: {error.strerror}") from error
        if len(content) > _MOST_BYTES:
            raise FileError(f"{path}: larger than any policy")
        try:
            self._read(Message(content))
        except WireError as error:
            raise FileError(f"{path}: damaged, or not an ONNX file ({error})") from error
        # A first run finds what does not fit, before anything is judged.
        self(np.zeros((1, self.inputs)))

    def __call__(self, observations: npt.ArrayLike) -> Array:
        """The first output for observations `[rows, inputs]`."""
        seen = numbers(observations, "observations")
        if seen.ndim != 2 or seen.shape[1] != self.inputs:
            raise UsageError(f"observations: expected shape (rows, {self.inputs}), got {seen.shape}")
        values: dict[str, Array | None] = {**self._constants, "": None, self._input: seen.astype(self._kind)}
        limit = _MOST_NUMBERS * max(1, len(seen))
        with np.errstate(all="ignore"):
            for node in self._nodes:
                values[node.output] = self._run(node, values, limit)
        output = values[self._output]
        assert output is not None
        return output

    def _run(self, node: _Node, values: dict[str, Array | None], limit: int) -> Array:
        taken = [values[name] for name in node.inputs]
        present = [value for value in taken if value is not None]
        try:
            if node.operator in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
                sizes = [np.broadcast_shapes(*(value.shape for value in present))]
            elif node.operator in ("MatMul", "Gemm"):
                sizes = [(present[0].size, present[1].size // max(1, min(present[1].shape)))]
            else:
                sizes = [(sum(value.size for value in present),)]
            if int(np.prod(sizes[0], dtype=np.float64)) > limit:
                raise FileError(
                    f"{self._path}: the operator {node.operator} asks for more numbers than any policy needs"
                )
            return np.asarray(_OPERATORS[node.operator](node.attributes, *taken))
        except FileError:
            raise
        except Exception as error:
            # Shapes that do not fit, inputs that are missing: numpy says which.
            raise FileError(
                f"{self._path}: the operator {node.operator} ({node.output}) does not fit: {error}"
            ) from error

    def _read(self, model: Message) -> None:
        graph = model.message(7)
        if graph is None:
            raise WireError("it has no graph")
        #: What its writer noted beside it.
        self.metadata = {entry.text(1): entry.text(2) for entry in model.messages(14)}
        self._constants: dict[str, Array] = {}
        for tensor in graph.messages(5):
            self._constants[tensor.text(8)] = self._tensor(tensor)
        inputs = [value for value in graph.messages(11) if value.text(1) not in self._constants]
        outputs = graph.messages(12)
        if len(inputs) != 1 or not outputs:
            raise UsageError(f"{self._path}: expected one input and an output, got {len(inputs)} and {len(outputs)}")
        self._input, self._output = inputs[0].text(1), outputs[0].text(1)
        kind = (inputs[0].message(2) or Message(b"")).message(1) or Message(b"")
        self._kind = _KINDS.get(kind.number(1))
        if self._kind not in (np.float32, np.float64):
            raise UsageError(f"{self._path}: its input is no array of real numbers")
        dims = (kind.message(2) or Message(b"")).messages(1)
        if len(dims) != 2 or not 0 < dims[1].number(1) <= 1 << 20:
            raise UsageError(f"{self._path}: expected an input of two axes, rows and a known number of columns")
        #: Length of an observation.
        self.inputs = dims[1].number(1)
        self._nodes: list[_Node] = []
        known = {*self._constants, self._input, ""}
        for node in graph.messages(1):
            operator, taken, made = node.text(4), node.texts(1), node.texts(2)
            attributes = {one.text(1): self._attribute(one) for one in node.messages(5)}
            if operator not in _OPERATORS and operator != "Constant":
                raise UsageError(
                    f"{self._path}: the operator {operator} is not read here, but {', '.join(_OPERATORS)}; give a "
                    "function that runs the file by onnxruntime instead"
                )
            missing = [name for name in taken if name not in known]
            if missing or not made:
                raise WireError(f"the operator {operator} takes `{(missing or ['?'])[0]}`, which nothing makes")
            known.add(made[0])
            if operator == "Constant":
                value = attributes.get("value", attributes.get("value_float", attributes.get("value_floats")))
                if value is None:
                    raise WireError("a constant has no value")
                self._constants[made[0]] = np.asarray(value)
            else:
                self._nodes.append(_Node(operator, taken, made[0], attributes))
        if self._output not in known:
            raise WireError(f"nothing makes its output `{self._output}`")

    def _attribute(self, one: Message) -> Any:
        match one.number(20):
            case 1:
                return one.single(2)
            case 2:
                return one.number(3)
            case 4:
                tensor = one.message(5)
                return None if tensor is None else self._tensor(tensor)
            case 6:
                return one.singles(7)
            case 7:
                return one.numbers(8)
        return None

    def _tensor(self, tensor: Message) -> Array:
        name, dims, kind = tensor.text(8), tensor.numbers(1), _KINDS.get(tensor.number(2))
        if tensor.number(14) or tensor.messages(13):
            raise UsageError(f"{self._path}: the numbers of `{name}` are in another file, which is not read here")
        if kind is None:
            raise UsageError(f"{self._path}: the numbers of `{name}` are of a kind that is not read here")
        size = 1
        for dim in dims:
            if not 0 <= dim <= _MOST_BYTES:
                raise WireError(f"`{name}` has an impossible shape")
            size *= dim
        raw = tensor.raw(9)
        if raw:
            if len(raw) != size * np.dtype(kind).itemsize:
                raise WireError(f"`{name}` has {len(raw)} bytes, which do not fill its shape {dims}")
            flat = np.frombuffer(raw, np.dtype(kind).newbyteorder("<")).astype(kind)
        else:
            fields: dict[Any, Callable[[], list[Any]]] = {
                np.float32: lambda: tensor.singles(4),
                np.float64: lambda: tensor.doubles(10),
                np.int64: lambda: tensor.numbers(7),
                np.int32: lambda: tensor.numbers(5),
            }
            listed = fields.get(kind, list)()
            if len(listed) != size:
                raise WireError(f"`{name}` has {len(listed)} numbers, which do not fill its shape {dims}")
            flat = np.array(listed, dtype=kind)
        return flat.reshape(dims)


def load(path: str) -> OnnxPolicy:
    """The network of an ONNX file with one input, as a function on batches.

    Raises `FileError` for a file that is damaged or too large, `UsageError` for one that is no plain network.
    """
    return OnnxPolicy(path)


def _matmul(_: dict[str, Any], a: Array, b: Array) -> Array:
    # Summed in 64 bits, so that a row's result does not depend on how many others there are.
    return np.asarray((a.astype(np.float64) @ b.astype(np.float64)).astype(a.dtype))


def _gemm(at: dict[str, Any], a: Array, b: Array, c: Array | None = None) -> Array:
    a, b = (a.T if at.get("transA") else a), (b.T if at.get("transB") else b)
    product = _matmul(at, a, b)
    product = product if at.get("alpha", 1.0) == 1.0 else (at["alpha"] * product).astype(a.dtype)
    return product if c is None else product + (c if at.get("beta", 1.0) == 1.0 else at["beta"] * c).astype(a.dtype)


def _clip(at: dict[str, Any], x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    lower = at.get("min") if low is None else low
    upper = at.get("max") if high is None else high
    x = x if lower is None else np.maximum(x, np.asarray(lower, x.dtype))
    return x if upper is None else np.minimum(x, np.asarray(upper, x.dtype))


def _fold(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def folded(_: dict[str, Any], first: Array, *rest: Array) -> Array:
        for other in rest:
            first = function(first, other)
        return first

    return folded


def _softmax(at: dict[str, Any], x: Array) -> Array:
    axis = at.get("axis", -1)
    raised = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(raised / raised.sum(axis=axis, keepdims=True))


def _argmax(at: dict[str, Any], x: Array) -> Array:
    return np.asarray(np.argmax(x, axis=at.get("axis", 0), keepdims=bool(at.get("keepdims", 1))))


def _elu(at: dict[str, Any], x: Array) -> Array:
    return np.where(x > 0, x, (at.get("alpha", 1.0) * np.expm1(np.minimum(x, 0))).astype(x.dtype))


def _leaky(at: dict[str, Any], x: Array) -> Array:
    return np.where(x > 0, x, x * np.asarray(at.get("alpha", 0.01), x.dtype))


_OPERATORS: dict[str, Callable[..., Any]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": lambda at, a, b: a + b,
    "Sub": lambda at, a, b: a - b,
    "Mul": lambda at, a, b: a * b,
    "Div": lambda at, a, b: a / b,
    "Neg": lambda at, x: -x,
    "Sqrt": lambda at, x: np.sqrt(x),
    "Exp": lambda at, x: np.exp(x),
    "Tanh": lambda at, x: np.tanh(x),
    "Relu": lambda at, x: np.maximum(x, np.asarray(0, x.dtype)),
    "LeakyRelu": _leaky,
    "Elu": _elu,
    "Sigmoid": lambda at, x: (0.5 * (1.0 + np.tanh(0.5 * x))).astype(x.dtype),
    "Softplus": lambda at, x: np.logaddexp(x, np.asarray(0, x.dtype)),
    "Softmax": _softmax,
    "Clip": _clip,
    "Max": _fold(np.maximum),
    "Min": _fold(np.minimum),
    "Concat": lambda at, *parts: np.concatenate(parts, axis=at.get("axis", 0)),
    "ArgMax": _argmax,
    "Cast": lambda at, x: x.astype(_KINDS[at["to"]]),
    "Flatten": lambda at, x: x.reshape(len(x), -1),
    "Identity": lambda at, x: x,
}
