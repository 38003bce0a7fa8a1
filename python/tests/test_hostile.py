"""What is given by mistake or malice, and processes that are not as they were: exceptions, never an abort."""

import multiprocessing
import os
import pathlib
import pickle
import subprocess
import sys
from typing import Any

import pytest

import wr2l


def test_lists_that_hold_themselves_are_refused() -> None:
    itself: list[Any] = []
    itself.append(itself)
    within: dict[str, Any] = {}
    within["ppo"] = within
    for settings in ({"steps": itself}, {"vary": [itself]}, {"ppo": within}):
        with pytest.raises(wr2l.UsageError):
            wr2l.Session("hopper", **settings)


def test_a_free_threaded_build_is_refused_with_a_sentence() -> None:
    lines = """
import sysconfig
usual = sysconfig.get_config_var
sysconfig.get_config_var = lambda name: 1 if name == "Py_GIL_DISABLED" else usual(name)
try:
    import wr2l
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert "free-threaded build" in done.stdout and "global interpreter lock" in done.stdout
    build = pathlib.Path(__file__).parents[1] / "build"
    # The build asks as well: there pip would else compile for minutes what cannot be loaded.
    lines = lines.replace("import wr2l\n", "import wr2l_build\n").replace("except ImportError", "except SystemExit")
    lines = "import sys, types\nsys.modules['maturin'] = types.SimpleNamespace(\n    build_sdist=1, get_requires_for_build_sdist=1, prepare_metadata_for_build_wheel=1)\n" + lines
    place = {**os.environ, "PYTHONPATH": str(build)}
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True, env=place)
    assert "free-threaded build" in done.stdout, done.stderr


def in_fork(work: Any, answers: Any) -> None:
    try:
        answers.put(("done", repr(work())))
    except Exception as error:
        answers.put((type(error).__name__, str(error)))


def forked(work: Any) -> tuple[str, str]:
    """What `work` comes to in a fork of this process."""
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    child = fork.Process(target=in_fork, args=(work, answers))
    child.start()
    found: tuple[str, str] = answers.get(timeout=60)
    child.join(30)
    assert child.exitcode == 0
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_in_a_fork_sessions_say_so_and_what_is_made_there_works() -> None:
    settings: dict[str, Any] = {"algorithm": "ppo", "steps": 2000, "seed": 1}
    session = wr2l.Session("cartpole", threads=2, **settings)
    session.step()
    kind, text = forked(session.step)
    assert kind == "SimulationError" and "fork" in text
    single = wr2l.Session("cartpole", threads=1, **settings)
    assert forked(single.step)[0] == "done", "one thread survives"
    policy = session.policy
    ask: dict[str, Any] = {"random": 3, "episodes": 2, "threads": 2}
    expected = repr(wr2l.evaluate(policy, **ask)["return_mean"].tolist())
    assert forked(lambda: wr2l.evaluate(policy, **ask)["return_mean"].tolist()) == ("done", expected)
    session.step()


def test_what_lives_in_a_process_cannot_be_pickled() -> None:
    session = wr2l.Session("cartpole", algorithm="ppo", steps=1000)
    for one in (session, session.policy, wr2l.make_vec("cartpole", 2), wr2l.make("cartpole")):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(one)
