"""Judging: the command line's numbers for our policies, and the same rules for functions."""

import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import wr2l


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "import sys; from wr2l._command import main; sys.exit(main())"]
    return subprocess.run([*line, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("flags", "ask"),
    [
        (["--sweep", "pole_half_length=0.2:2:5"], {"sweep": {"pole_half_length": "0.2:2:5"}}),
        (["--sweep", "pole_half_length=0.3,0.7"], {"sweep": {"pole_half_length": [0.3, 0.7]}}),
        (["--random", 6, "--half-width", 0.4], {"random": 6, "half_width": 0.4}),
        (["--random", 5, "--within", "ball"], {"random": 5, "ball": True}),
        ([], {}),
    ],
    ids=["grid", "values", "box", "ball", "usual"],
)
def test_a_table_of_our_policy_is_the_command_lines_byte_for_byte(
    run_folder: pathlib.Path, tmp_path: pathlib.Path, flags: list[object], ask: dict[str, Any]
) -> None:
    if "ball" in ask:
        ask = {**ask, "ball": run_folder}
    done = command("evaluate", run_folder, *flags, "--episodes", 3, "--threads", 1, "-o", tmp_path / "theirs")
    assert done.returncode == 0, done.stderr
    table = wr2l.evaluate(run_folder, episodes=3, threads=2, **ask)
    table.to_csv(tmp_path / "ours.csv")
    (theirs,) = (tmp_path / "theirs").glob("*.csv")
    assert (tmp_path / "ours.csv").read_bytes() == theirs.read_bytes()


def test_the_worst_case_is_the_command_lines_byte_for_byte(
    run_folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    flags = ["--worst-case", "--budget", 40, "--episodes", 2, "--vary", "pole_half_length"]
    done = command("evaluate", run_folder, *flags, "-o", tmp_path / "theirs")
    assert done.returncode == 0, done.stderr
    table = wr2l.worst_case(run_folder, budget=40, episodes=2, vary=["pole_half_length"])
    table.to_csv(tmp_path / "ours.csv")
    (theirs,) = (tmp_path / "theirs").glob("*.csv")
    assert (tmp_path / "ours.csv").read_bytes() == theirs.read_bytes()


def test_the_worst_case_of_a_function_is_the_command_lines_bit_for_bit(
    run_folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    flags = ["--worst-case", "--budget", 40, "--episodes", 3, "--vary", "pole_half_length,pole_mass"]
    done = command("evaluate", run_folder, *flags, "-o", tmp_path / "theirs")
    assert done.returncode == 0, done.stderr
    policy = wr2l.Policy.load(run_folder)
    vary = ["pole_half_length", "pole_mass"]
    table = wr2l.worst_case(lambda seen: np.array(policy.act(seen)), "cartpole", budget=40, episodes=3, vary=vary)
    (theirs,) = (tmp_path / "theirs").glob("*.csv")
    rows = [line.split(",") for line in theirs.read_text().splitlines() if not line.startswith("#")]
    header, body = rows[0], [row for row in rows[1:] if "worst" in ",".join(row)] or rows[1:]
    assert len(body) >= len(table) > 0
    for name in ("pole_half_length", "pole_mass", "return_mean", "return_min", "length_mean"):
        column = [float(row[header.index(name)]) for row in body]
        # Text of numbers in CSV is the shortest that gives the same bits back.
        assert set(table[name].tolist()) <= set(column)


def test_a_certificate_is_the_one_of_the_command_line(run_folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    flags = ["--systems", 80, "--half-width", 0.4, "--episodes", 2, "--lowest", 0, "-o", tmp_path / "theirs"]
    done = command("certify", run_folder, *flags)
    assert done.returncode == 0, done.stderr
    ask: dict[str, Any] = {"systems": 80, "half_width": 0.4, "episodes": 2}
    certificate = wr2l.certify(run_folder, lowest=0.0, **ask)
    assert repr(certificate).split(": ", 1)[1] in done.stdout + done.stderr
    assert certificate.systems == len(certificate.table) == 80 and certificate.confidence == 0.95
    assert certificate.worst is not None and certificate.worst[1] == certificate.table["return_mean"].min()
    # The share of which the worst of 80 is a bound: 0.05^(1/80).
    assert abs(certificate.worst[0] - 0.05 ** (1 / 80)) < 1e-12
    assert certificate.mean is not None and certificate.mean < certificate.table["return_mean"].mean()
    policy = wr2l.Policy.load(run_folder)
    function = wr2l.certify(policy.act, "cartpole", lowest=0.0, **ask)
    assert repr(function) == repr(certificate)
    for call, words in (
        (lambda: wr2l.certify(policy, confidence=1.0), "confidence"),
        (lambda: wr2l.certify(policy, sweep={"pole_half_length": [1.0]}), "drawn at random"),
        (lambda: wr2l.certify(policy, systems=0), "at least one"),
        (lambda: wr2l.certify(policy, lowest=1e6, **ask), "below the lowest"),
    ):
        with pytest.raises(wr2l.UsageError, match=words):
            call()


def test_a_function_is_judged_as_the_policy_that_it_is(hopper: wr2l.Policy) -> None:
    rows = []

    def policy(observations: np.ndarray) -> np.ndarray:
        rows.append(len(observations))
        return hopper.act(observations)

    ask: dict[str, Any] = {"sweep": {"friction": [1.0, 2.0, 3.0]}, "episodes": 7}
    ours, function = wr2l.evaluate(hopper, **ask), wr2l.evaluate(policy, "hopper", **ask)
    for column in ours.columns:
        np.testing.assert_array_equal(function[column], ours[column])
    assert function.nominal == ours.nominal and function.provenance["policy"] == "policy"
    # Four systems of seven episodes at once, and fewer when some are over.
    assert rows[0] == 28 and rows == sorted(rows, reverse=True)

    ask = {"budget": 30, "episodes": 3, "vary": ["friction", "torso_density"]}
    ours, function = wr2l.worst_case(hopper, **ask), wr2l.worst_case(policy, "hopper", **ask)
    np.testing.assert_array_equal(function.phi, ours.phi)
    np.testing.assert_array_equal(function["return_mean"], ours["return_mean"])


def test_choices_may_come_as_whole_numbers_without_a_second_axis(run_folder: pathlib.Path) -> None:
    policy = wr2l.Policy.load(run_folder)
    ask: dict[str, Any] = {"sweep": {"pole_half_length": [0.5, 1.0]}, "episodes": 3}
    assert policy.act(np.zeros((5, 4))).dtype == np.int64
    ours, function = wr2l.evaluate(policy, **ask), wr2l.evaluate(policy.act, "cartpole", **ask)
    np.testing.assert_array_equal(function["return_mean"], ours["return_mean"])


def test_models_with_predict_are_asked_for_their_best_action(hopper: wr2l.Policy) -> None:
    class Model:
        def predict(self, observations: np.ndarray, deterministic: bool) -> tuple[np.ndarray, None]:
            assert deterministic
            return hopper.act(observations), None

    ask: dict[str, Any] = {"sweep": {"friction": [2.0]}, "episodes": 2}
    table = wr2l.evaluate(Model(), "hopper", **ask)
    assert table["return_mean"] == wr2l.evaluate(hopper, **ask)["return_mean"]
    assert table.provenance["policy"] == "Model"


def test_what_a_function_raises_comes_out_as_it_is() -> None:
    class Own(Exception):
        pass

    def after(steps: int) -> Any:
        calls = []

        def policy(observations: np.ndarray) -> np.ndarray:
            calls.append(1)
            if len(calls) > steps:
                raise Own("of my own")
            return np.zeros((len(observations), 3))

        return policy

    for steps in (0, 3):
        with pytest.raises(Own, match="of my own"):
            wr2l.evaluate(after(steps), "hopper", sweep={"friction": [2.0]})
        with pytest.raises(Own, match="of my own"):
            wr2l.worst_case(after(steps), "hopper", budget=10)


@pytest.mark.parametrize(
    "answer",
    [
        lambda o: np.zeros((len(o), 2)),
        lambda o: np.zeros((len(o) + 1, 3)),
        lambda o: np.zeros(len(o)),
        lambda o: np.full((len(o), 3), np.nan),
        lambda o: None,
        lambda o: "forward",
        lambda o: np.zeros((len(o), 3, 1)),
        lambda o: [[0.0]] * 5 + [[0.0, 1.0]],
    ],
)
def test_answers_that_are_no_actions_are_refused(answer: Any) -> None:
    with pytest.raises(wr2l.UsageError, match="actions"):
        wr2l.evaluate(answer, "hopper", sweep={"friction": [2.0]}, episodes=2)


def test_what_makes_no_sense_is_refused_with_a_sentence(
    hopper: wr2l.Policy, run_folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    refused: list[tuple[Any, type[Exception], str]] = [
        (lambda: wr2l.evaluate(hopper, "walker2d"), wr2l.UsageError, "trained on hopper"),
        (lambda: wr2l.evaluate(hopper.act), wr2l.UsageError, "say on which task"),
        (lambda: wr2l.evaluate(3, "hopper"), wr2l.UsageError, "not int"),
        (lambda: wr2l.evaluate(hopper, sweep={"frction": [1.0]}), wr2l.UsageError, "did you mean `friction`"),
        (lambda: wr2l.evaluate(hopper, sweep={"friction": [2.0, 1.0]}), wr2l.UsageError, "increase"),
        (lambda: wr2l.evaluate(hopper, sweep={"friction": "1:2"}), wr2l.UsageError, "not a sweep"),
        (lambda: wr2l.evaluate(hopper, sweep={"friction": [1.0]}, random=3), wr2l.UsageError, "not for both"),
        (lambda: wr2l.evaluate(hopper, random=0), wr2l.UsageError, "at least one"),
        (lambda: wr2l.evaluate(hopper, episodes=0), wr2l.UsageError, "at least 1 episode"),
        (lambda: wr2l.evaluate(hopper, half_width=0.3), wr2l.UsageError, "say how many"),
        (lambda: wr2l.evaluate(hopper, random=2, half_width=-1.0), wr2l.UsageError, "half-width"),
        (lambda: wr2l.evaluate(hopper, seed=-1), wr2l.UsageError, "seed"),
        (lambda: wr2l.evaluate(hopper, threads=0), wr2l.UsageError, "threads"),
        (lambda: wr2l.worst_case(hopper, search="luck"), wr2l.UsageError, "surrogate"),
        (lambda: wr2l.worst_case(hopper, ball=tmp_path), wr2l.FileError, "no run"),
        (lambda: wr2l.evaluate(tmp_path / "nowhere"), wr2l.FileError, "nowhere"),
        (lambda: wr2l.worst_case(hopper, ball=run_folder), wr2l.UsageError, "trained on cartpole, not on hopper"),
    ]
    for call, kind, words in refused:
        with pytest.raises(kind, match=words):
            call()


def test_columns_are_arrays_over_the_systems(hopper: wr2l.Policy) -> None:
    table = wr2l.evaluate(hopper, sweep={"friction": [1.0, 2.0], "torso_density": [500, 1000, 2000]}, episodes=2)
    assert len(table) == 6 and table.phi.shape == (6, 2)
    np.testing.assert_array_equal(table["friction"], [1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    assert table.statistics["worst"] == table["return_mean"].min()
    assert (table["episodes"] == 2).all() and "friction" in repr(table) or table.nominal is not None
    with pytest.raises(wr2l.UsageError, match="no column `return`"):
        table["return"]
