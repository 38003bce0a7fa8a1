"""Policies in and out: our file, ONNX, C."""

import json
import pathlib
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest

import wr2l

POLICIES = ["gaussian", "bounded", "choices"]


@pytest.fixture(params=POLICIES)
def policy(request: pytest.FixtureRequest, run_folder: pathlib.Path) -> wr2l.Policy:
    if request.param == "choices":
        return wr2l.Policy.load(run_folder)
    name = "hopper" if request.param == "gaussian" else "bounded"
    found: wr2l.Policy = request.getfixturevalue(name)
    return found


def observations(policy: wr2l.Policy) -> np.ndarray:
    """Some of every size, so that normalised ones are clipped, and actions."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(200, policy.obs_dim)) * rng.choice([0.01, 1.0, 100.0], size=(200, 1))


def close(policy: wr2l.Policy, ours: np.ndarray, theirs: np.ndarray) -> None:
    if policy.act(np.zeros(policy.obs_dim)).dtype == np.int64:
        # At most where two choices are worth the same.
        assert (ours != theirs).mean() < 0.02
    else:
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=2e-5)


def test_a_saved_policy_is_the_same(policy: wr2l.Policy, tmp_path: pathlib.Path) -> None:
    policy.save(tmp_path / "p.safetensors")
    again = wr2l.Policy.load(tmp_path / "p.safetensors")
    np.testing.assert_array_equal(again.parameters, policy.parameters)
    seen = observations(policy)
    np.testing.assert_array_equal(again.act(seen), policy.act(seen))
    assert (again.task, again.algorithm, again.steps) == (policy.task, policy.algorithm, policy.steps)
    np.testing.assert_array_equal(policy.act(seen[3]), policy.act(seen)[3])
    policy.parameters[:] = 0.0
    np.testing.assert_array_equal(again.parameters, policy.parameters, "what is handed out is a copy")


def test_files_that_hold_no_policy_are_refused(tmp_path: pathlib.Path, hopper: wr2l.Policy) -> None:
    good = tmp_path / "good.safetensors"
    hopper.save(good)
    content = good.read_bytes()
    for bad in (b"", b"x" * 100, content[:-1], content[: len(content) // 2]):
        path = tmp_path / "bad.safetensors"
        path.write_bytes(bad)
        with pytest.raises(wr2l.FileError):
            wr2l.Policy.load(path)
    with pytest.raises(wr2l.FileError):
        hopper.save(tmp_path / "no" / "such" / "folder.safetensors")


def test_observations_that_are_none_are_refused(hopper: wr2l.Policy) -> None:
    for bad in (np.zeros(10), np.zeros((2, 12)), np.zeros((1, 1, 11)), ["a"] * 11, None, np.zeros((0, 3))):
        with pytest.raises(wr2l.UsageError, match="observations"):
            hopper.act(bad)
    assert hopper.act(np.zeros((0, 11))).shape == (0, 3)


def test_onnx_acts_alike_and_says_where_it_comes_from(policy: wr2l.Policy, tmp_path: pathlib.Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "policy.onnx"
    policy.to_onnx(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    seen = observations(policy)
    (actions,) = session.run(None, {"observation": seen.astype(np.float32)})
    close(policy, policy.act(seen.astype(np.float32)), actions)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["wr2l.task"]) == policy.task and json.loads(about["wr2l.dt"]) > 0.0
    assert [one["name"] for one in json.loads(about["wr2l.varied"])] == [one.name for one in policy.varied]
    with pytest.raises(wr2l.FileError, match="exists already"):
        policy.to_onnx(path)
    ask: dict[str, Any] = {"random": 3, "episodes": 2}
    by_file = wr2l.evaluate(path, policy.task, **ask)
    np.testing.assert_allclose(by_file["return_mean"], wr2l.evaluate(policy, **ask)["return_mean"], rtol=0.05)
    assert by_file.provenance["policy"] == "policy"


def test_onnx_files_are_what_the_format_says(policy: wr2l.Policy, tmp_path: pathlib.Path) -> None:
    onnx = pytest.importorskip("onnx")
    policy.to_onnx(tmp_path / "policy.onnx")
    onnx.checker.check_model(str(tmp_path / "policy.onnx"), full_check=True)


PROGRAM = """
#include <stdio.h>
#include "policy.h"
int main(void) {
    double observation[WR2L_OBSERVATION], action[WR2L_ACTION];
    for (;;) {
        for (int i = 0; i < WR2L_OBSERVATION; i++)
            if (scanf("%lf", &observation[i]) != 1) return 0;
        wr2l_act(observation, action);
        for (int i = 0; i < WR2L_ACTION; i++) printf("%.17g ", action[i]);
        printf("\\n");
    }
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_c_header_acts_alike(policy: wr2l.Policy, tmp_path: pathlib.Path) -> None:
    policy.to_c(tmp_path / "policy.h")
    (tmp_path / "main.c").write_text(PROGRAM)
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *flags, "main.c", "-o", "main", "-lm"], cwd=tmp_path, check=True)
    seen = observations(policy)
    text = "\n".join(" ".join(repr(float(x)) for x in row) for row in seen)
    done = subprocess.run([tmp_path / "main"], input=text, capture_output=True, text=True, check=True)
    actions = np.array([[float(x) for x in line.split()] for line in done.stdout.splitlines()])
    ours = policy.act(seen)
    close(policy, ours, actions[:, 0] if ours.ndim == 1 else actions)


def test_a_policy_that_remembers_is_played_as_our_own_rollouts_play_it() -> None:
    policy = wr2l.train("hopper", algorithm="ppo", steps=4096, seed=1, policy={"history": 2}).policy
    assert policy.history == 2
    with pytest.raises(wr2l.UsageError, match="player"):
        policy.act(np.zeros(11))
    ask: dict[str, Any] = {"sweep": {"friction": [2.0]}, "episodes": 1}
    expected = wr2l.evaluate(policy, **ask)
    # Both systems are the nominal one, so that both lanes end together.
    players = [policy.player(1), policy.player(1)]

    def played(seen: np.ndarray) -> np.ndarray:
        return np.concatenate([players[i].act(row[None]) for i, row in enumerate(seen)])

    found = wr2l.evaluate(played, "hopper", **ask)
    np.testing.assert_array_equal(found["return_mean"], expected["return_mean"])
    players[0].reset()
    players[1].reset(np.array([True]))
    np.testing.assert_array_equal(wr2l.evaluate(played, "hopper", **ask)["return_mean"], expected["return_mean"])
