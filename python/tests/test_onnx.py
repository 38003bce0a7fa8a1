"""ONNX files as policies, beside onnxruntime."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest
from made import RNG, WIDTHS, in_onnxruntime, layers, seen

import wr2l
from wr2l import onnx as reader

def model(nodes: list[Any], constants: dict[str, np.ndarray], kind: int | None = None, opset: int = 17) -> bytes:
    """A file as exporters write it, from `x` to `y`."""
    onnx = pytest.importorskip("onnx")
    kind = kind or onnx.TensorProto.FLOAT
    given = onnx.helper.make_tensor_value_info("x", kind, ["batch", WIDTHS[0]])
    made = onnx.helper.make_tensor_value_info("y", kind, None)
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = onnx.helper.make_graph(nodes, "policy", [given], [made], tensors)
    whole = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)
    return bytes(whole.SerializeToString())


def node(operator: str, taken: str, made: str, **attributes: Any) -> Any:
    onnx = pytest.importorskip("onnx")
    return onnx.helper.make_node(operator, taken.split(), [made], **attributes)


def actor(hidden: str, by: str, **attributes: Any) -> bytes:
    """Normalised, hidden layers with an activation, squashed, scaled and clipped."""
    constants: dict[str, np.ndarray] = {"mean": RNG.normal(size=11).astype("f4")}
    constants["deviation"] = RNG.uniform(0.5, 2.0, size=11).astype("f4")
    constants["least"], constants["most"] = np.array(-0.7, "f4"), np.array(0.6, "f4")
    constants["scale"] = np.array([0.5, 1.0, 2.0], "f4")
    nodes = [node("Sub", "x mean", "centred"), node("Div", "centred deviation", "h0")]
    for i, (weight, bias) in enumerate(layers()):
        constants[f"w{i}"], constants[f"b{i}"] = (weight if by == "Gemm" else weight.T.copy()), bias
        if by == "Gemm":
            nodes.append(node("Gemm", f"h{i} w{i} b{i}", f"z{i}", transB=1))
        else:
            nodes += [node("MatMul", f"h{i} w{i}", f"m{i}"), node("Add", f"m{i} b{i}", f"z{i}")]
        if i < 2:
            nodes.append(node(hidden, f"z{i}", f"h{i + 1}", **attributes))
    nodes += [node("Tanh", "z2", "t"), node("Mul", "t scale", "s"), node("Clip", "s least most", "y")]
    return model(nodes, constants)


def loaded(content: bytes, tmp_path: pathlib.Path) -> reader.OnnxPolicy:
    path = tmp_path / "network.onnx"
    path.write_bytes(content)
    return reader.load(str(path))


@pytest.mark.parametrize("by", ["Gemm", "MatMul"])
@pytest.mark.parametrize(
    ("hidden", "attributes"),
    [("Tanh", {}), ("Relu", {}), ("Elu", {"alpha": 0.7}), ("Sigmoid", {}), ("LeakyRelu", {"alpha": 0.2}), ("Softplus", {})],
)
def test_an_onnx_network_acts_as_in_onnxruntime(
    hidden: str, attributes: dict[str, Any], by: str, tmp_path: pathlib.Path
) -> None:
    content = actor(hidden, by, **attributes)
    ours, theirs = loaded(content, tmp_path)(seen()), in_onnxruntime(content, seen())
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape == (1000, 3)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


SMALL: dict[str, np.ndarray] = {
    "v": np.linspace(-1.0, 2.0, 11).astype("f4"),
    "m": np.random.default_rng(3).normal(size=(11, 4)).astype("f4"),
    "c": np.array([1.0, -2.0, 0.5, 0.0], "f4"),
}


@pytest.mark.parametrize(
    "nodes",
    [
        [("Gemm", "x m c", "y", {"alpha": 0.5, "beta": 2.0})],
        [("Gemm", "x m", "y", {})],
        [("Concat", "x v2", "y", {"axis": 1}), ("Mul", "x v", "v2", {})],
        [("ArgMax", "x", "y", {"axis": 1, "keepdims": 0})],
        [("ArgMax", "x", "y", {"axis": 1})],
        [("Softmax", "x", "y", {"axis": -1})],
        [("Max", "x v", "y", {})],
        [("Min", "x v", "y", {})],
        [("Clip", "x", "y", {})],
        [("Neg", "x", "n", {}), ("Exp", "n", "e", {}), ("Sqrt", "e", "y", {})],
        [("Flatten", "x", "f", {}), ("Identity", "f", "i", {}), ("Cast", "i", "y", {"to": 1})],
    ],
)
def test_each_operator_means_what_it_means_in_onnxruntime(nodes: list[Any], tmp_path: pathlib.Path) -> None:
    onnx = pytest.importorskip("onnx")
    ordered = sorted(nodes, key=lambda one: one[2] == "y")
    made = [node(operator, taken, name, **attributes) for operator, taken, name, attributes in ordered]
    kind = onnx.TensorProto.INT64 if nodes[0][0] == "ArgMax" else onnx.TensorProto.FLOAT
    content = model(made, SMALL)
    if kind != onnx.TensorProto.FLOAT:
        whole = onnx.load_from_string(content)
        whole.graph.output[0].type.tensor_type.elem_type = kind
        content = whole.SerializeToString()
    ours, theirs = loaded(content, tmp_path)(seen(50)), in_onnxruntime(content, seen(50))
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_64_bit_networks_and_constants_within_the_graph_are_read(tmp_path: pathlib.Path) -> None:
    onnx = pytest.importorskip("onnx")
    weight = np.random.default_rng(5).normal(size=(11, 2))
    # Not as raw bytes, and its dimensions in a node instead of the list of constants.
    tensor = onnx.helper.make_tensor("w", onnx.TensorProto.DOUBLE, weight.shape, weight.ravel())
    content = model([node("Constant", "", "w", value=tensor), node("MatMul", "x w", "y")], {}, onnx.TensorProto.DOUBLE)
    ours = loaded(content, tmp_path)(seen())
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, in_onnxruntime(content, seen(), np.float64), rtol=0, atol=1e-12)


def test_our_own_files_are_read_back_as_the_policy(hopper: wr2l.Policy, tmp_path: pathlib.Path) -> None:
    hopper.to_onnx(tmp_path / "p.onnx")
    policy = reader.load(str(tmp_path / "p.onnx"))
    assert json.loads(policy.metadata["wr2l.task"]) == "hopper"
    np.testing.assert_allclose(policy(seen()), hopper.act(seen().astype("f4")), rtol=0, atol=1e-5)


def test_a_damaged_onnx_file_is_refused_with_a_sentence(tmp_path: pathlib.Path) -> None:
    content = actor("Relu", "Gemm")
    rng = np.random.default_rng(11)
    refused = 0
    for trial in range(600):
        broken = bytearray(content)
        if trial % 3 == 0:
            del broken[rng.integers(len(broken)) :]
        else:
            # Most of the file are weights: what is around them is hit too.
            reach = 400 if trial % 3 == 1 else len(broken)
            for at in rng.integers(reach, size=4):
                broken[-at if trial % 2 else at] = rng.integers(256)
        try:
            loaded(bytes(broken), tmp_path)(seen(3))
        except wr2l.Error as error:
            assert str(error)
            refused += 1
    assert refused > 150


def test_an_onnx_file_that_no_policy_is_says_what_is_wrong(tmp_path: pathlib.Path) -> None:
    onnx = pytest.importorskip("onnx")
    giant = [node("MatMul", "column row", "big"), node("Mul", "big big", "y")]
    constants = {"column": np.zeros((4096, 1), "f4"), "row": np.zeros((1, 4096), "f4")}
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, None)
    shapeless = onnx.load_from_string(actor("Tanh", "Gemm"))
    shapeless.graph.input[0].CopyFrom(given)
    refused: list[tuple[bytes, str]] = [
        (model([node("Sin", "x", "y")], {}), "the operator Sin is not read here"),
        (model([node("MatMul", "x w", "y")], {"w": np.zeros((5, 2), "f4")}), "does not fit"),
        (model([node("Add", "x w", "y")], {"w": np.array([1, 2], "i1")}), "does not fit"),
        (model(giant, constants), "more numbers than any policy"),
        (shapeless.SerializeToString(), "a known number of columns"),
        (b"", "no graph"),
        (b"\x7fELF", "damaged"),
    ]
    for content, words in refused:
        with pytest.raises(wr2l.Error, match=words):
            loaded(content, tmp_path)
    with pytest.raises(wr2l.FileError, match="No such file"):
        reader.load(str(tmp_path / "nowhere.onnx"))
    with pytest.raises(wr2l.UsageError, match="observations"):
        loaded(actor("Tanh", "Gemm"), tmp_path)(np.zeros((2, 5)))
