"""Runs on environments of one's own in folders: they go on in another process, to the same bits."""

import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import poles
import pytest

import wr2l

SMALL: dict[str, Any] = {"steps": 3000, "seed": 5, "ppo": {"lanes": 4, "horizon": 250}}
STATES: dict[str, Any] = {"get_state": poles.get_state, "set_state": poles.set_state}


def pole(**options: Any) -> wr2l.Simulator:
    return wr2l.from_gymnasium(poles.make, poles.set_length, poles.POLE, **options)


def once(event: dict[str, Any]) -> bool:
    """Stops after the first iteration."""
    return bool(event["event"] != "iteration")


def policy(folder: pathlib.Path) -> bytes:
    return (folder / "policy.safetensors").read_bytes()


RESUMED = """
import sys
import poles, wr2l
states = {} if sys.argv[2] == "without" else {"get_state": poles.get_state, "set_state": poles.set_state}
own = wr2l.from_gymnasium(poles.make, poles.set_length, poles.POLE, **states)
run = wr2l.resume(sys.argv[1], own)
print(run.ending, run.progress["steps"])
"""


@pytest.mark.parametrize(
    ("states", "settings"),
    [
        (True, {"epsilon": 2e-4}),
        (False, {"half_width": 0.4}),
        (False, {"half_width": 0.4, "adversary": "uniform"}),
        (False, {"algorithm": "ppo"}),
    ],
    ids=["ball", "changes", "uniform", "nominal"],
)
def test_a_run_goes_on_in_another_process_to_the_same_bits(
    states: bool, settings: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    own = pole(**(STATES if states else {}))
    ask = {**SMALL, **settings}
    if "half_width" in ask or "epsilon" in ask:
        ask.setdefault("adversary", "boundary")
    whole = wr2l.train(own, out=tmp_path / "whole", **ask)
    memory = wr2l.train(own, **ask)
    np.testing.assert_array_equal(memory.policy.parameters, whole.policy.parameters)
    stopped = wr2l.train(own, out=tmp_path / "stopped", callback=once, **ask)
    assert stopped.ending == "interrupted" and stopped.progress["steps"] == 1000
    assert policy(tmp_path / "stopped") != policy(tmp_path / "whole")
    arguments = [sys.executable, "-c", RESUMED, str(tmp_path / "stopped"), "with" if states else "without"]
    place = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent)}
    done = subprocess.run(arguments, capture_output=True, text=True, env=place, check=False)
    assert done.stdout == "budget 3000\n", done.stderr
    assert policy(tmp_path / "stopped") == policy(tmp_path / "whole")
    for name in ("plan.toml", "metrics.csv", "summary.json", "task/task.toml"):
        assert (tmp_path / "stopped" / name).is_file(), name
    tables = [wr2l.evaluate(tmp_path / run, own, random=3, episodes=2) for run in ("whole", "stopped")]
    np.testing.assert_array_equal(tables[0]["return_mean"], tables[1]["return_mean"])
    np.testing.assert_array_equal(
        tables[0]["return_mean"], wr2l.evaluate(whole.policy, own, random=3, episodes=2)["return_mean"]
    )


def test_it_may_go_on_with_more_steps_and_in_worker_processes(tmp_path: pathlib.Path) -> None:
    ask: dict[str, Any] = {**SMALL, "half_width": 0.4, "adversary": "uniform", "out": tmp_path / "run"}
    short = wr2l.train(pole(), **ask)
    again = wr2l.resume(tmp_path / "run", pole())
    assert again.ending == "budget" and again.events == [] and again.progress["steps"] == short.progress["steps"]
    with pytest.warns(UserWarning, match="learning rate"):
        longer = wr2l.resume(tmp_path / "run", pole(workers=2), steps=4000)
    assert longer.progress["steps"] == 4000 and list(longer.history["steps"]) == [4000]


def test_another_environment_is_refused_with_what_differs(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "run"
    wr2l.train(pole(), out=out, callback=once, half_width=0.3, adversary="uniform", **SMALL)
    wider = {"pole_half_length": (0.5, 0.1, 3.0)}
    more = {**poles.POLE, "cart_mass": (1.0, 0.5, 2.0)}
    make, set_length = poles.make, poles.set_length
    others = [
        (wr2l.from_gymnasium(make, poles.at_nominal, poles.POLE), "set_params: set_length → at_nominal"),
        (wr2l.from_gymnasium(lambda: make(), set_length, poles.POLE), r"make: make → .*<lambda>"),
        (wr2l.from_gymnasium(make, set_length, wider), r"parameter `pole_half_length`: .* to 2.5 → .* to 3.0"),
        (wr2l.from_gymnasium(make, set_length, more), r"parameter `cart_mass`: \(none\) → nominal 1.0"),
        (pole(episode_limit=50), "episode_limit: 60 steps → 50 steps"),
        (pole(name="other"), "name: CartPole-v1 → other"),
        (pole(**STATES), "state: 0 numbers → 4 numbers"),
        (wr2l.from_gymnasium(poles.Stateful, set_length, poles.POLE, name="CartPole-v1"), "make: make → Stateful"),
    ]
    for other, words in others:
        for call in (lambda: wr2l.resume(out, other), lambda: wr2l.Policy.load(out, other)):
            with pytest.raises(wr2l.UsageError, match=words):
                call()
    for call in (lambda: wr2l.resume(out), lambda: wr2l.Policy.load(out), lambda: wr2l.evaluate(out)):
        with pytest.raises((wr2l.UsageError, wr2l.FileError), match="has to make it again"):
            call()
    with pytest.raises(wr2l.FileError, match="no such folder"):
        wr2l.resume(tmp_path / "nowhere", pole())
    assert wr2l.resume(out, pole()).ending == "budget", "none of these has changed anything"


def test_the_command_line_says_who_has_to_go_on(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "run"
    wr2l.train(pole(), out=out, callback=once, algorithm="ppo", **SMALL)
    for arguments in (["resume", str(out)], ["evaluate", str(out)]):
        done = subprocess.run([sys.executable, "-P", "-m", "wr2l", *arguments], capture_output=True, text=True)
        assert done.returncode in (1, 2) and "has to make it again" in done.stderr, done.stderr


def test_a_task_of_ours_needs_no_environment(run_folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(wr2l.UsageError, match="leave the simulator out"):
        wr2l.resume(run_folder, pole())
    ask: dict[str, Any] = {"algorithm": "ppo", "steps": 6000, "seed": 1}
    whole = wr2l.train("cartpole", **ask)
    wr2l.train("cartpole", out=tmp_path / "run", callback=once, **ask)
    seen: list[dict[str, Any]] = []
    run = wr2l.resume(tmp_path / "run", callback=seen.append)
    np.testing.assert_array_equal(run.policy.parameters, whole.policy.parameters)
    assert run.events == seen and run.folder == str(tmp_path / "run")
    plan = tmp_path / "run" / "plan.toml"
    plan.write_text(plan.read_text().replace("epochs = ", "epochs = 1"))
    with pytest.raises(wr2l.UsageError, match=r"ppo.epochs"):
        wr2l.resume(tmp_path / "run")


@pytest.mark.parametrize("learner", ["ppo", "trpo"])
def test_what_an_environment_raises_is_not_learnt_from(
    learner: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "flag"
    monkeypatch.setattr(poles.Shaky, "flag", str(flag))
    own = wr2l.from_gymnasium(poles.Shaky, poles.at_nominal, poles.POLE, episode_limit=60)
    ask: dict[str, Any] = {"algorithm": learner, "steps": 3000, "seed": 5, learner: {"lanes": 4, "horizon": 250}}
    whole = wr2l.train(own, out=tmp_path / "whole", **ask)

    def fails_later(event: dict[str, Any]) -> None:
        if event["event"] == "iteration" and event["iteration"] == 1:
            flag.touch()

    with pytest.raises(poles.Own, match="mine"):
        wr2l.train(own, out=tmp_path / "broken", callback=fails_later, **ask)
    with pytest.raises(poles.Own, match="mine"):
        wr2l.resume(tmp_path / "broken", own)
    flag.unlink()
    run = wr2l.resume(tmp_path / "broken", own)
    np.testing.assert_array_equal(run.policy.parameters, whole.policy.parameters)


def test_where_it_fails_at_once_nothing_is_left(tmp_path: pathlib.Path) -> None:
    own = wr2l.from_gymnasium(poles.Failing, poles.set_length, poles.POLE)
    with pytest.raises(poles.Own, match="mine"):
        wr2l.train(own, out=tmp_path / "run", half_width=0.3, **SMALL)
    run = tmp_path / "run"
    assert not run.exists() or not (run / "policy.safetensors").exists()
