"""Weights of PyTorch and models of Stable-Baselines3 as policies, without either."""

import io
import pathlib
import pickle
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from made import WIDTHS, in_onnxruntime, layers, relu, seen

import wr2l
import wr2l.sb3
from wr2l import onnx as reader
from wr2l import state_dicts, torch_files

class _Storage:
    """Stands for numbers in a file of their own."""

    def __init__(self, key: str, array: np.ndarray) -> None:
        self.key, self.array = key, array


class _Global:
    """Stands for a function of PyTorch, which a pickle names."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Made:
    """What a pickle makes by calling a function."""

    def __init__(self, function: _Global, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments


class _Writer(pickle._Pickler):  # type: ignore[misc,name-defined]
    """Writes pickles that name functions which are not here."""

    def persistent_id(self, thing: Any) -> Any:
        if not isinstance(thing, _Storage):
            return None
        kind = {"f4": "FloatStorage", "f8": "DoubleStorage", "i8": "LongStorage"}[thing.array.dtype.str[1:]]
        return ("storage", _Global("torch", kind), thing.key, "cpu", thing.array.size)

    def save(self, thing: Any, save_persistent_id: bool = True) -> Any:
        if isinstance(thing, _Global):
            self.write(pickle.GLOBAL + f"{thing.module}\n{thing.name}\n".encode())
        elif isinstance(thing, _Made):
            self.save(thing.function)
            self.save(thing.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(thing, save_persistent_id)


def torch_file(tensors: dict[str, np.ndarray], wrap: Any = None) -> bytes:
    """What `torch.save(state_dict)` writes."""
    whole, numbers = OrderedDict(), {}
    for key, (name, array) in enumerate(tensors.items()):
        numbers[str(key)] = np.ascontiguousarray(array)
        strides = tuple(stride // array.itemsize for stride in numbers[str(key)].strides)
        rebuild = _Global("torch._utils", "_rebuild_tensor_v2")
        whole[name] = _Made(rebuild, _Storage(str(key), array), 0, array.shape, strides, False, OrderedDict())
    return archive(whole if wrap is None else wrap(whole), numbers)


def archive(thing: Any, numbers: dict[str, np.ndarray], compression: int = zipfile.ZIP_STORED) -> bytes:
    program, content = io.BytesIO(), io.BytesIO()
    _Writer(program, protocol=2).dump(thing)
    with zipfile.ZipFile(content, "w", compression) as file:
        file.writestr("policy/data.pkl", program.getvalue())
        file.writestr("policy/byteorder", "little")
        for key, array in numbers.items():
            file.writestr(f"policy/data/{key}", array.tobytes())
        file.writestr("policy/version", "3\n")
    return content.getvalue()


def named(prefixes: list[str], widths: tuple[int, ...] = WIDTHS) -> dict[str, np.ndarray]:
    found = {}
    for prefix, (weight, bias) in zip(prefixes, layers(widths), strict=True):
        found[f"{prefix}.weight"], found[f"{prefix}.bias"] = weight, bias
    return found


def by_hand(weights: dict[str, np.ndarray], prefixes: list[str], hidden: Any) -> np.ndarray:
    x = seen().astype("f4")
    for i, prefix in enumerate(prefixes):
        x = x @ weights[f"{prefix}.weight"].T + weights[f"{prefix}.bias"]
        x = hidden(x) if i + 1 < len(prefixes) else x
    return np.asarray(x)


KINDS: list[tuple[str, list[str], Any, str]] = [
    ("ppo", ["mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"], np.tanh, "clip"),
    ("sac", ["actor.latent_pi.0", "actor.latent_pi.2", "actor.mu"], relu, "tanh"),
    ("td3", ["actor.mu.0", "actor.mu.2", "actor.mu.4"], relu, "tanh"),
    ("dqn", ["q_net.q_net.0", "q_net.q_net.2", "q_net.q_net.4"], relu, "choice"),
    ("cleanrl ppo", ["actor_mean.0", "actor_mean.2", "actor_mean.4"], np.tanh, "clip"),
    ("cleanrl choices", ["actor.0", "actor.2", "actor.4"], np.tanh, "choice"),
    ("cleanrl sac", ["fc1", "fc2", "fc_mean"], relu, "tanh"),
    ("cleanrl td3", ["fc1", "fc2", "fc_mu"], relu, "tanh"),
]


@pytest.mark.parametrize(("what", "prefixes", "hidden", "ending"), KINDS, ids=[kind[0] for kind in KINDS])
def test_weights_by_their_names_are_the_policy(
    what: str, prefixes: list[str], hidden: Any, ending: str, tmp_path: pathlib.Path
) -> None:
    weights = named(prefixes)
    others = named(["value_net", "critic.0", "qf0.0"], (4, 4, 4, 4))
    if ending == "clip":
        others["log_std"] = np.zeros(3, "f4")
    path = tmp_path / "policy.pth"
    path.write_bytes(torch_file({**others, **weights}))
    read = torch_files.read(str(path))
    assert set(read) == {*others, *weights}
    for name, value in {**others, **weights}.items():
        np.testing.assert_array_equal(read[name], value)
    low, high = np.array([-1.0, -2.0, 0.0]), np.array([1.0, 2.0, 0.5])
    network = state_dicts.network(read, low=low, high=high)
    out = by_hand(weights, prefixes, hidden)
    if ending == "choice":
        np.testing.assert_array_equal(network(seen()), out.argmax(axis=1))
        return
    expected = out if ending == "clip" else low + (high - low) * 0.5 * (1.0 + np.tanh(out))
    np.testing.assert_allclose(network(seen()), np.clip(expected, low, high), rtol=0, atol=2e-6)
    network.to_onnx(tmp_path / "p.onnx", {"from": what})
    np.testing.assert_allclose(reader.load(str(tmp_path / "p.onnx"))(seen()), network(seen()), rtol=0, atol=2e-6)
    with pytest.raises(wr2l.UsageError, match="give `low` and `high`"):
        state_dicts.network(read)


def test_cleanrl_says_its_bounds_itself() -> None:
    weights = named(["fc1", "fc2", "fc_mu"])
    weights["action_scale"], weights["action_bias"] = np.array([[1.0, 2.0, 0.25]]), np.array([[0.0, 1.0, 0.25]])
    network = state_dicts.network(weights)
    assert network.low is not None and network.high is not None
    np.testing.assert_array_equal(network.low, [-1.0, -1.0, 0.0])
    np.testing.assert_array_equal(network.high, [1.0, 3.0, 0.5])


def test_a_policy_file_is_judged_within_the_bounds_of_the_task(tmp_path: pathlib.Path) -> None:
    weights = {**named(["mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"]), "log_std": np.zeros(3)}
    inner = torch_file(weights)
    (tmp_path / "policy.pth").write_bytes(inner)
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as file:
        file.writestr("data", "{}")
        file.writestr("policy.pth", inner)
        file.writestr("pytorch_variables.pth", b"")
    ask: dict[str, Any] = {"sweep": {"friction": [1.0, 2.0]}, "episodes": 3}
    network = state_dicts.network(weights, low=[-1.0] * 3, high=[1.0] * 3)
    expected = wr2l.evaluate(network, "hopper", **ask)
    for name in ("policy.pth", "model.zip"):
        table = wr2l.evaluate(tmp_path / name, "hopper", **ask)
        np.testing.assert_array_equal(table["return_mean"], expected["return_mean"])


class _Bomb:
    """What a pickle of an attacker does."""

    def __init__(self, trace: pathlib.Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return (open, (str(self.trace), "w"))


def test_a_pickle_that_would_do_anything_is_refused_unread(tmp_path: pathlib.Path) -> None:
    tensor = _Made(_Global("torch._utils", "_rebuild_tensor_v2"), _Storage("0", np.zeros(4, "f4")), 0, (2**20, 4), (0, 1))
    beyond = _Made(_Global("torch._utils", "_rebuild_tensor_v2"), _Storage("0", np.zeros(4, "f4")), 1, (4,), (1,))
    four = {"0": np.zeros(4, "f4")}
    refused: list[tuple[bytes, str]] = [
        (archive({"w": _Made(_Global("os", "system"), "true")}, {}), "would call `os.system`"),
        (archive({"w": _Made(_Global("builtins", "eval"), "1")}, {}), "would call `builtins.eval`"),
        (archive({"w": _Made(_Global("torch", "load"), "x")}, {}), "would call `torch.load`"),
        (archive({"w": _Made(_Global("collections", "OrderedDict"), [(1, 2)])}, {}), "not made as PyTorch"),
        (archive({"w": tensor}, four), "beyond its numbers"),
        (archive({"w": beyond}, four), "beyond its numbers"),
        (archive({"w": _Made(tensor.function, _Storage("0", np.zeros(4, "f4")), 0, (4,), (1,))}, {}), "damaged"),
        (archive({"w": _Made(tensor.function, _Storage("../x", np.zeros(4, "f4")), 0, (4,), (1,))}, four), "proper name"),
        (archive({"w": tensor}, four, zipfile.ZIP_DEFLATED), "compressed"),
        (archive([1, 2], {}), "expected the dictionary"),
        (archive({}, {}), "no tensors"),
        (archive({"w": 1 + 2j}, {}), "would call"),
        (b"PK", "damaged"),
    ]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("policy/data.pkl", pickle.dumps(_Bomb(tmp_path / "executed")))
    refused.append((content.getvalue(), "would call `(_io|io).open`"))
    path = tmp_path / "policy.pth"
    for whole, words in refused:
        path.write_bytes(whole)
        with pytest.raises(wr2l.FileError, match=words):
            torch_files.read(str(path))
    assert not (tmp_path / "executed").exists()
    pickle.loads(pickle.dumps(_Bomb(tmp_path / "executed"))).close()
    assert (tmp_path / "executed").exists(), "it would have been"


def test_damaged_torch_files_are_refused_and_call_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("something was unpickled")

    monkeypatch.setattr(pickle, "load", never)
    monkeypatch.setattr(pickle, "loads", never)
    monkeypatch.setattr(pickle, "Unpickler", never)
    content = torch_file(named(["fc1", "fc2", "fc_mu"], (3, 4, 4, 2)))
    start = content.index(b"\x80\x02")
    rng = np.random.default_rng(3)
    path, refused = tmp_path / "policy.pth", 0
    for trial in range(1500):
        broken = bytearray(content)
        if trial % 5 == 0:
            del broken[rng.integers(len(broken)) :]
        else:
            for at in rng.integers(900, size=1 + trial % 3):
                broken[start + at] = rng.integers(256)
        # The sum over the content is not what is tested.
        monkeypatch.setattr(zipfile.ZipExtFile, "_update_crc", lambda *_: None)
        path.write_bytes(broken)
        try:
            torch_files.read(str(path))
        except wr2l.FileError:
            refused += 1
    assert refused > 500


def test_names_that_nobody_knows_are_refused_with_those_that_are_known() -> None:
    plain = named(["mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"])
    with pytest.raises(wr2l.UsageError, match="known are those of SB3's PPO"):
        state_dicts.network(named(["backbone.0", "backbone.2", "head"]))
    with pytest.raises(wr2l.UsageError, match="features extractor"):
        state_dicts.network({**plain, "features_extractor.cnn.0.weight": np.zeros((2, 2))}, low=-1, high=1)
    with pytest.raises(wr2l.UsageError, match="do not fit"):
        state_dicts.network({**plain, "action_net.weight": np.zeros((3, 5))}, low=-1, high=1)
    with pytest.raises(wr2l.UsageError, match="finite"):
        state_dicts.network({**plain, "action_net.bias": np.full(3, np.nan)}, low=-1, high=1)


class _Tensor:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def detach(self) -> "_Tensor":
        return self

    def cpu(self) -> "_Tensor":
        return self

    def numpy(self) -> np.ndarray:
        return self.array


class _Box:
    def __init__(self, low: list[float], high: list[float]) -> None:
        self.low, self.high, self.shape = np.array(low, "f4"), np.array(high, "f4"), (len(low),)


class ReLU:
    """An activation by the name of PyTorch's."""


def sb3_model(weights: dict[str, np.ndarray], activation: type | None = None, normalised: bool = False) -> Any:
    """What `wr2l.sb3.export` uses of a model."""

    class Policy:
        observation_space = _Box([-9.0] * 11, [9.0] * 11)
        action_space = _Box([-1.0, -2.0, 0.0], [1.0, 2.0, 0.5])
        activation_fn = activation

        def state_dict(self) -> Any:
            return {name: _Tensor(value) for name, value in weights.items()}

    class Moments:
        mean, var = np.linspace(-1, 1, 11), np.linspace(0.5, 2.0, 11)

    class Normalised:
        obs_rms, epsilon, clip_obs, norm_obs = Moments, 1e-8, 2.0, True

    class Model:
        policy = Policy()
        action_space = policy.action_space

        def get_vec_normalize_env(self) -> Any:
            return Normalised() if normalised else None

    return Model()


@pytest.mark.parametrize("normalised", [False, True])
def test_a_model_of_sb3_is_exported_with_its_normalisation(normalised: bool, tmp_path: pathlib.Path) -> None:
    prefixes = ["mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"]
    weights = {**named(prefixes), "log_std": np.zeros(3, "f4")}
    model = sb3_model(weights, ReLU, normalised)
    network = wr2l.sb3.export(model)
    mean, var = np.linspace(-1, 1, 11), np.linspace(0.5, 2.0, 11)
    inputs = np.clip((seen() - mean) / np.sqrt(var + 1e-8), -2.0, 2.0) if normalised else seen()
    x = inputs.astype("f4")
    for i, prefix in enumerate(prefixes):
        x = x @ weights[f"{prefix}.weight"].T + weights[f"{prefix}.bias"]
        x = relu(x) if i < 2 else x
    expected = np.clip(x, [-1.0, -2.0, 0.0], [1.0, 2.0, 0.5])
    np.testing.assert_allclose(network(seen()), expected, rtol=0, atol=2e-6)
    wr2l.sb3.export(model, tmp_path / "p.onnx")
    found = in_onnxruntime((tmp_path / "p.onnx").read_bytes(), seen())
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)
    wr2l.sb3.export(model, tmp_path / "p.h")
    assert "wr2l_act" in (tmp_path / "p.h").read_text()
    with pytest.raises(wr2l.FileError, match="exists already"):
        wr2l.sb3.export(model, tmp_path / "p.onnx")
    with pytest.raises(wr2l.UsageError, match="onnx"):
        wr2l.sb3.export(model, tmp_path / "p.pt")


@pytest.mark.parametrize("normalised", [False, True])
def test_a_network_of_sb3_becomes_a_policy_file_that_acts_alike(normalised: bool, tmp_path: pathlib.Path) -> None:
    prefixes = ["mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"]
    weights = {**named(prefixes), "log_std": np.array([-1.0, 0.0, -2.0], "f4")}
    mean, inverse = np.linspace(-1, 1, 11), np.linspace(0.5, 2.0, 11)
    scaled: dict[str, Any] = {"mean": mean, "inverse_deviation": inverse, "clip": 10.0} if normalised else {}
    network = state_dicts.network(weights, low=[-1.0] * 3, high=[1.0] * 3, **scaled)
    path = tmp_path / "policy.safetensors"
    network.to_policy(path, "hopper", steps=5000)
    policy = wr2l.Policy.load(path)
    np.testing.assert_allclose(policy.act(seen()), network(seen()), rtol=0, atol=2e-6)
    np.testing.assert_array_equal(policy.parameters[-3:], weights["log_std"])
    assert (policy.task, policy.steps) == ("hopper", 5000)
    with pytest.raises(wr2l.FileError, match="exists already"):
        network.to_policy(path, "hopper")
    settings: dict[str, Any] = {"algorithm": "ppo", "steps": 2048, "ppo": {"hidden": list(WIDTHS[1:-1])}}
    settings["ppo"]["normalise_observations"] = normalised
    session = wr2l.Session("hopper", from_=path, threads=1, **settings)
    np.testing.assert_array_equal(session.policy.parameters, policy.parameters)
    session.step()
    np.testing.assert_array_equal(session.policy.parameters, policy.parameters)
    with pytest.raises(wr2l.UsageError, match="normalise_observations"):
        settings["ppo"]["normalise_observations"] = not normalised
        wr2l.Session("hopper", from_=path, threads=1, **settings)


def test_policy_files_of_choices_and_of_bounded_actions_act_alike(tmp_path: pathlib.Path) -> None:
    choices = wr2l.Network(*zip(*layers((4, 8, 2)), strict=True))
    choices.to_policy(tmp_path / "choices", "cartpole")
    inputs = seen(width=4)
    np.testing.assert_array_equal(wr2l.Policy.load(tmp_path / "choices").act(inputs), choices(inputs))
    pairs = zip(*layers(), strict=True)
    bounded = wr2l.Network(*pairs, "relu", low=-1.0, high=1.0, bounded=True)
    bounded.to_policy(tmp_path / "bounded", "hopper", std=0.5)
    policy = wr2l.Policy.load(tmp_path / "bounded")
    np.testing.assert_allclose(policy.act(seen()), bounded(seen()), rtol=0, atol=2e-6)
    np.testing.assert_allclose(policy.parameters[-3:], np.log(0.5), rtol=1e-6)
    none = tmp_path / "none"
    with pytest.raises(wr2l.UsageError, match="std = 0"):
        bounded.to_policy(none, "hopper", std=0.0)
    for steps in (-1, 1e6):
        with pytest.raises(wr2l.UsageError, match="steps = "):
            bounded.to_policy(none, "hopper", steps=steps)  # type: ignore[arg-type]
    with pytest.raises(wr2l.UsageError, match="17 numbers"):
        bounded.to_policy(none, "half-cheetah")
    with pytest.raises(wr2l.UsageError, match=r"in \[-1.0.* to \[0.5.*, those of hopper in \[-1.0"):
        wr2l.Network(*zip(*layers(), strict=True), "relu", low=-1.0, high=0.5).to_policy(none, "hopper")
    with pytest.raises(wr2l.UsageError, match="those of cartpole one of 2 choices"):
        wr2l.Network(*zip(*layers((4, 8, 3)), strict=True)).to_policy(none, "cartpole")
    assert not none.exists()


def test_a_model_that_is_no_plain_network_is_not_exported() -> None:
    weights = named(["mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"])

    class Mish:
        pass

    with pytest.raises(wr2l.UsageError, match="activation = mish"):
        wr2l.sb3.export(sb3_model({**weights, "log_std": np.zeros(3)}, Mish))
    with pytest.raises(wr2l.UsageError, match="model of Stable-Baselines3"):
        wr2l.sb3.export(object())
