"""Studies from Python: those of the command line, which either goes on with."""

import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

import wr2l


def study(output: pathlib.Path, **changes: Any) -> dict[str, Any]:
    return {
        "output": str(output),
        "tasks": ["cartpole"],
        "seeds": 2,
        "steps": 3000,
        "method": [
            {"name": "plain", "algorithm": "ppo"},
            {"name": "near", "algorithm": "ppo-uniform", "vary": ["pole_half_length"], "set": {"ball.pairs.count": 200}},
        ],
        "evaluation": [
            {"name": "far", "random": 4, "half_width": 0.5, "episodes": 2},
            {"name": "long", "sweep": ["pole_half_length=0.5:1.5:3"], "episodes": 2},
        ],
        **changes,
    }


FILE = """
output = {output!r}
tasks = ["cartpole"]
seeds = 2
steps = 3000
[[method]]
name = "plain"
algorithm = "ppo"
[[method]]
name = "near"
algorithm = "ppo-uniform"
vary = ["pole_half_length"]
set = {{ "ball.pairs.count" = 200 }}
[[evaluation]]
name = "far"
random = 4
half_width = 0.5
episodes = 2
[[evaluation]]
name = "long"
sweep = ["pole_half_length=0.5:1.5:3"]
episodes = 2
"""


def test_a_study_is_run_and_collected_and_the_command_line_finds_it_finished(tmp_path: pathlib.Path) -> None:
    made = wr2l.sweep(study(tmp_path / "out"))
    assert len(made) == 4 and {one.standing for one in made.status()} == {"waiting"}
    assert not (tmp_path / "out").exists(), "nothing is started"
    told: list[dict[str, Any]] = []
    made.run(local=2, callback=told.append)
    assert sorted(one["name"] for one in told) == sorted(one.name for one in made.entries)
    assert [one["ended"] for one in told] == [1, 2, 3, 4] and {one["how"] for one in told} == {"finished"}
    assert {one.standing for one in made.status()} == {"finished"} and made.lines() == []
    assert repr(made) == "<wr2l.Sweep sweep: 4 finished>"

    found = made.collect()
    assert (found.finished, found.entries) == (4, 4)
    assert found.runs["standing"].tolist() == ["finished"] * 4 and (found.runs["steps"] >= 3000).all()
    assert found.runs["seed"].dtype == np.int64 and found.runs["recent_return"].dtype == np.float64
    assert found.evaluations == [("cartpole", "far"), ("cartpole", "long")]
    tables = found.tables("cartpole", "long")
    assert {(one.provenance["method"], one.provenance["training_seed"]) for one in tables} == {
        (method, seed) for method in ("plain", "near") for seed in (0, 1)
    }
    entry = next(one for one in made.entries if one.method == "near" and one.seed == 1)
    by_hand = wr2l.evaluate(entry.run, sweep={"pole_half_length": "0.5:1.5:3"}, episodes=2)
    (collected,) = [t for t in tables if t.provenance["method"] == "near" and t.provenance["training_seed"] == 1]
    np.testing.assert_array_equal(collected["return_mean"], by_hand["return_mean"])
    statistics = found.statistics("cartpole", "long")
    means = [one["return_mean"].mean() for one in tables if one.provenance["method"] == "near"]
    row = (statistics["method"] == "near") & (statistics["measure"] == "mean")
    assert statistics["mean"][row] == pytest.approx(np.mean(means), rel=1e-12)
    with pytest.raises(wr2l.UsageError, match="nothing of `hopper` `far`"):
        found.tables("hopper", "far")
    with pytest.raises(wr2l.UsageError, match="no column `sead`"):
        found.runs["sead"]

    file = tmp_path / "study.toml"
    file.write_text(FILE.format(output=str(tmp_path / "out")))
    same = wr2l.sweep(file, local=1)
    assert same.name == "study" and same.entries == made.entries
    done = subprocess.run(["wr2l", "sweep", "status", file], capture_output=True, text=True, check=True, env=path())
    assert done.stdout.split()[:4] == ["runs", "finished", "4", "running"]
    before = (tmp_path / "out" / "collected" / "cartpole-far.csv").read_bytes()
    subprocess.run(["wr2l", "sweep", "collect", file], capture_output=True, check=True, env=path())
    assert (tmp_path / "out" / "collected" / "cartpole-far.csv").read_bytes() == before


def path() -> dict[str, str]:
    """An environment whose path has the console script."""
    return {**os.environ, "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])}


def test_lines_and_the_console_script_start_runs_from_an_interpreter(tmp_path: pathlib.Path) -> None:
    one = study(tmp_path / "lines", seeds=[3], evaluation=[], steps=1000)
    one["method"] = one["method"][:1]
    by_lines = wr2l.sweep(one)
    (line,) = by_lines.lines()
    subprocess.run(["sh", "-c", line], check=True, cwd=tmp_path)
    assert [entry.standing for entry in by_lines.status()] == ["finished"]
    file = tmp_path / "study.toml"
    file.write_text(
        f'output = "{tmp_path}/script"\ntasks = ["cartpole"]\nseeds = [3]\nsteps = 1000\n[[method]]\nname = "plain"\n'
        'algorithm = "ppo"\n'
    )
    subprocess.run(["wr2l", "sweep", file, "--local", "1"], check=True, env=path(), capture_output=True)
    policies = [tmp_path / way / "runs/cartpole-plain-s3/policy.safetensors" for way in ("lines", "script")]
    assert policies[0].read_bytes() == policies[1].read_bytes()


def test_what_fails_is_an_exception_with_the_end_of_its_log(tmp_path: pathlib.Path) -> None:
    made = wr2l.sweep(study(tmp_path / "out", seeds=[0], evaluation=[], steps=1000))
    # A run of another plan lies where one is to go.
    wr2l.train("cartpole", algorithm="ppo", steps=5000, out=made.entries[0].run, callback=lambda event: False)
    with pytest.raises(wr2l.SimulationError, match=r"1 of 2 runs failed, cartpole-plain-s0 the first(.|\n)*another plan"):
        made.run(local=1)
    failed, other = made.status()
    assert (failed.standing, failed.exit_code, other.standing) == ("failed", 2, "finished")
    assert any("another plan" in line for line in failed.end_of_log) and other.end_of_log == []


def test_a_callback_stops_the_rest_and_what_it_raises_comes_out(tmp_path: pathlib.Path) -> None:
    made = wr2l.sweep(study(tmp_path / "out", evaluation=[], steps=1000))
    made.run(local=1, callback=lambda event: False)
    assert [one.standing for one in made.status()].count("finished") == 1

    def fail(event: dict[str, Any]) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        made.run(local=1, callback=fail)
    assert [one.standing for one in made.status()].count("finished") == 2


def test_ctrl_c_lets_the_runs_write_their_checkpoints_and_the_next_call_goes_on(tmp_path: pathlib.Path) -> None:
    lines = f"""
import wr2l
made = wr2l.sweep({study(tmp_path / "out", seeds=[0], evaluation=[], steps=10**9)!r})
print("ready", flush=True)
try:
    made.run(local=2)
except KeyboardInterrupt:
    print("interrupted", [one.standing for one in made.status()])
"""
    child = subprocess.Popen([sys.executable, "-c", lines], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    runs = [tmp_path / "out/runs" / name for name in ("cartpole-plain-s0", "cartpole-near-s0")]
    try:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        for _ in range(600):
            if all((run / "policy.safetensors").exists() for run in runs):
                break
            time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert out == "interrupted ['stopped', 'stopped']\n", err
    # No process is left that trains there.
    short = wr2l.resume(runs[0], callback=lambda event: False)
    assert short.ending == "interrupted" and short.progress["iteration"] > 1


def test_mistakes_are_refused_before_anything_starts(tmp_path: pathlib.Path) -> None:
    def changed(**changes: Any) -> dict[str, Any]:
        return study(tmp_path / "out", **changes)

    itself: dict[str, Any] = {}
    itself["method"] = itself
    refused: list[tuple[Any, str]] = [
        (changed(seeds=0), "sweep: `seeds`: at least one"),
        (changed(tasks=["hoper"]), "hopper"),
        (changed(method=[{"name": "a", "algorithm": "pppo"}]), "method `a`"),
        (changed(method=[{"name": "a", "set": {"ppo.epoch": 3}}]), "did you mean `epochs`"),
        (changed(stepz=1), "unknown field `stepz`"),
        (changed(steps=object()), "`steps`: expected numbers, texts"),
        (changed(seeds=2**70), "too large"),
        ({3: 1}, "a key is a text"),
        (itself, "too many"),
    ]
    for wrong, words in refused:
        with pytest.raises(wr2l.UsageError, match=words):
            wr2l.sweep(wrong)
    with pytest.raises(wr2l.FileError, match="nowhere"):
        wr2l.sweep(tmp_path / "nowhere.toml")
    with pytest.raises(wr2l.UsageError, match="`name` is for dictionaries"):
        wr2l.sweep(tmp_path / "nowhere.toml", name="other")
    with pytest.raises(wr2l.UsageError, match="local = 0"):
        wr2l.sweep(study(tmp_path / "out"), local=0)
    assert not (tmp_path / "out").exists()
    assert wr2l.sweep({k: v for k, v in study(tmp_path).items() if k != "output"}, name="there").output == "there"
