"""Training: the command line's bits, from Python and in memory, watched and stopped."""

import pathlib
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

import wr2l

SMALL: dict[str, Any] = {
    "vary": ["pole_half_length"],
    "epsilon": 1e-4,
    "steps": 6000,
    "seed": 3,
    "ball": {"pairs": {"count": 200, "pool": 1000}},
}


def test_memory_folder_and_command_line_come_to_the_same_bits(
    run_folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    memory = wr2l.train("cartpole", threads=1, **SMALL)
    folder = wr2l.Policy.load(run_folder)
    np.testing.assert_array_equal(memory.policy.parameters, folder.parameters)
    line = "import sys; from wr2l._command import main; sys.exit(main())"
    flags = ["train", "cartpole", "--vary", "pole_half_length", "--epsilon", "1e-4", "--steps", "6000", "--seed", "3"]
    flags += ["--set", "ball.pairs.count=200", "--set", "ball.pairs.pool=1000", "--no-report", "--quiet"]
    done = subprocess.run([sys.executable, "-c", line, *flags, "-o", tmp_path / "run"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = tmp_path / "run" / "policy.safetensors"
    assert theirs.read_bytes() == (run_folder / "policy.safetensors").read_bytes()
    memory.policy.save(tmp_path / "memory.safetensors")
    assert theirs.read_bytes() == (tmp_path / "memory.safetensors").read_bytes()
    with pytest.raises(wr2l.FileError, match="exists already"):
        memory.policy.save(tmp_path / "memory.safetensors")


def test_a_session_goes_step_by_step_to_the_same_end() -> None:
    session = wr2l.Session("cartpole", **SMALL)
    before = session.policy.parameters
    events = []
    while session.ending is None:
        events += session.step()
    assert session.step() == [] and session.ending == "budget"
    assert {event["event"] for event in events} >= {"iteration", "adversary"}
    assert session.progress["steps"] >= 6000 and (session.policy.parameters != before).any()
    run = wr2l.train("cartpole", **SMALL)
    np.testing.assert_array_equal(run.policy.parameters, session.policy.parameters)
    np.testing.assert_array_equal(run.history["steps"], [e["steps"] for e in events if e["event"] == "iteration"])
    assert 'task = "cartpole"' in session.plan


def test_keys_with_dots_and_nested_ones_are_the_same_plan() -> None:
    nested = wr2l.Session("hopper", algorithm="ppo", ppo={"learning_rate": 1e-4, "epochs": 2}, steps=10_000)
    dotted = wr2l.Session(
        "hopper", algorithm="ppo", steps="10k", **{"ppo.learning_rate": np.float64(1e-4), "ppo.epochs": np.int64(2)}
    )
    assert nested.plan == dotted.plan and "learning_rate = 0.0001" in nested.plan


def test_settings_that_make_no_sense_are_refused_with_the_key() -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"stepz": 3}, "stepz"),
        ({"steps": -1}, "steps"),
        ({"ppo": {"learning_rate": "fast"}}, "learning_rate"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"epsilon": 0.1, "half_width": 0.1}, "half_width"),
        ({"vary": ["frction"]}, "did you mean `friction`"),
        ({"algorithm": "wr2"}, "algorithm"),
        ({"steps": object()}, "steps: a plan holds"),
        ({"seed": 2**80}, "too large"),
        ({"threads": 0}, "threads"),
        ({"physics": "mojoco"}, "physics"),
        ({"": 1}, "no key"),
        ({".".join("a" * 40): 1}, "no key"),
    ]
    for settings, words in refused:
        with pytest.raises(wr2l.UsageError, match=words):
            wr2l.Session("hopper", **settings)
    with pytest.raises(wr2l.UsageError, match="hopper"):
        wr2l.train("hoper")
    with pytest.raises(wr2l.UsageError, match="say which task"):
        wr2l.train()


@pytest.mark.parametrize("out", [False, True])
def test_a_callback_sees_every_event_and_can_stop(out: bool, tmp_path: pathlib.Path) -> None:
    seen = []

    def watch(event: dict[str, Any]) -> bool:
        assert threading.current_thread() is threading.main_thread()
        seen.append(event)
        return sum(one["event"] == "iteration" for one in seen) < 2

    folder = {"out": tmp_path / "run"} if out else {}
    run = wr2l.train("hopper", algorithm="ppo", steps=50_000, seed=1, callback=watch, **folder)
    assert run.ending == "interrupted" and run.events == seen and len(run.history["steps"]) == 2
    assert run.policy.steps == run.progress["steps"] == run.history["steps"][-1]


@pytest.mark.parametrize("out", [False, True])
def test_what_a_callback_raises_comes_out_and_the_run_stays(out: bool, tmp_path: pathlib.Path) -> None:
    def fail(event: dict[str, Any]) -> None:
        raise KeyError("mine")

    folder = {"out": tmp_path / "run"} if out else {}
    with pytest.raises(KeyError, match="mine"):
        wr2l.train("hopper", algorithm="ppo", steps=50_000, seed=1, callback=fail, **folder)
    if out:
        assert wr2l.Policy.load(tmp_path / "run").steps > 0


def test_an_existing_run_is_not_overwritten(run_folder: pathlib.Path) -> None:
    with pytest.raises(wr2l.FileError, match="exists|holds"):
        wr2l.train("cartpole", out=run_folder, **SMALL)


def interrupted(lines: str) -> subprocess.CompletedProcess[str]:
    """Runs Python that says `ready`, and sends it Ctrl-C a moment later."""
    child = subprocess.Popen(
        [sys.executable, "-c", lines], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        # One that does not hear it would go on after the tests.
        child.kill()
    return subprocess.CompletedProcess([], child.returncode, out, err)


@pytest.mark.parametrize(
    "work",
    [
        "wr2l.train('hopper', algorithm='ppo', steps=10**9)",
        "wr2l.train('hopper', steps=10**9)",
        "wr2l.evaluate(lambda o: __import__('numpy').zeros((len(o), 3)), 'hopper', random=100_000)",
        "wr2l.evaluate(wr2l.Session('hopper', algorithm='ppo').policy, random=100_000)",
        "wr2l.worst_case(wr2l.Session('hopper', algorithm='ppo').policy, episodes=10**7)",
    ],
)
def test_ctrl_c_interrupts_whatever_is_under_way(work: str) -> None:
    lines = f"""
import wr2l
print("ready", flush=True)
try:
    {work}
except KeyboardInterrupt:
    print("interrupted")
"""
    done = interrupted(lines)
    assert done.stdout == "interrupted\n", done.stderr


def test_a_session_goes_on_after_an_interruption() -> None:
    lines = """
import numpy, wr2l
import time
settings = dict(algorithm="ppo", steps=150_000, seed=1, threads=1)
session = wr2l.Session("hopper", **settings)
print("ready", flush=True)
times = 0
while session.ending is None:
    try:
        session.step()
    except KeyboardInterrupt:
        times += 1
try:
    time.sleep(0 if times else 5)  # on a machine so fast that it was done before
except KeyboardInterrupt:
    pass
same = numpy.array_equal(session.policy.parameters, wr2l.train("hopper", **settings).policy.parameters)
print(session.ending, same, times)
"""
    done = interrupted(lines)
    assert done.stdout in ("budget True 1\n", "budget True 0\n"), done.stderr


def test_other_threads_of_python_run_while_it_trains() -> None:
    counted = [0]
    go_on = True

    def count() -> None:
        while go_on:
            counted[0] += 1
            time.sleep(0.001)

    other = threading.Thread(target=count)
    other.start()
    session = wr2l.Session("hopper", algorithm="ppo", seed=1, threads=1)
    before = counted[0]
    session.step()
    while counted[0] == before:
        session.step()
    go_on = False
    other.join()
    assert counted[0] > before
