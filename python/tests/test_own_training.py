"""Training on environments that this project did not make, here and in worker processes."""

import os
import pathlib
from typing import Any

import numpy as np
import poles
import pytest

import wr2l

# Forks of a process with threads are warned of from Python 3.12 on.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SMALL: dict[str, Any] = {"steps": 2000, "seed": 5, "ppo": {"lanes": 4, "horizon": 250}}


def with_states(**options: Any) -> wr2l.Simulator:
    states = {"get_state": poles.get_state, "set_state": poles.set_state}
    return wr2l.from_gymnasium(poles.make, poles.set_length, poles.POLE, **states, **options)


def without_states(**options: Any) -> wr2l.Simulator:
    return wr2l.from_gymnasium(poles.make, poles.set_length, poles.POLE, **options)


def lengths(task: Any, **settings: Any) -> list[float]:
    """The lengths that an adversary chose that takes random ends of the ball."""
    session = wr2l.Session(task, vary=["pole_half_length"], adversary="boundary", **{**SMALL, **settings})
    return [event["phi"][0] for _ in range(2) for event in session.step() if event["event"] == "adversary"]


def test_with_states_the_ball_is_the_one_of_the_same_physics_of_ours() -> None:
    theirs = lengths(with_states(), epsilon=2e-4)
    ours = lengths("cartpole", epsilon=2e-4, ball={"pairs": {"count": 200, "pool": 1000, "most_steps": 20000}})
    assert theirs and ours
    # Ends of one and the same interval, which both have estimated from random actions.
    for one in theirs:
        assert min(abs(np.log(abs(one - 0.5) / abs(other - 0.5))) for other in ours) < 0.15


def test_without_states_the_ball_is_one_of_relative_changes_and_a_radius_is_refused() -> None:
    own = without_states()
    assert not own.has_state and with_states().has_state
    for one in lengths(own, half_width=0.3):
        assert abs(abs(one / 0.5 - 1.0) - 0.3) < 1e-9
    for wrong in ({"epsilon": 1e-4}, {"half_width": 0.3, "ball": {"measure": "measured"}}):
        with pytest.raises(wr2l.UsageError, match="cannot be put into a given state.*half_width"):
            wr2l.Session(own, **SMALL, **wrong)


FEW = {"kind": "population", "population": {"members": 2, "candidates": 4}}


@pytest.mark.parametrize("adversary", ["wasserstein", "uniform", FEW], ids=["wasserstein", "uniform", "population"])
def test_adversaries_train_within_the_bounds(adversary: Any) -> None:
    run = wr2l.train(without_states(), adversary=adversary, half_width=0.6, **SMALL)
    assert run.ending == "budget" and run.progress["steps"] >= 2000
    chosen = [event["phi"] for event in run.events if event["event"] == "adversary" and event["phi"] is not None]
    assert chosen or adversary == "uniform"
    assert all(0.1999 <= phi[0] <= 0.8001 for phi in chosen)
    assert np.isfinite(run.policy.parameters).all()


def test_the_policy_does_not_depend_on_where_the_environments_live() -> None:
    policies = [
        wr2l.train(with_states(workers=workers, start=start), epsilon=2e-4, adversary="boundary", **SMALL).policy
        for workers, start in ((0, "spawn"), (2, "spawn"), (3, "fork"))
    ]
    for other in policies[1:]:
        np.testing.assert_array_equal(other.parameters, policies[0].parameters)


def test_a_policy_of_one_is_judged_there_and_saved(tmp_path: pathlib.Path) -> None:
    own = without_states()
    policy = wr2l.train(own, half_width=0.3, adversary="uniform", **SMALL).policy
    ask: dict[str, Any] = {"sweep": {"pole_half_length": [0.3, 0.5, 1.0]}, "episodes": 5}
    table, function = wr2l.evaluate(policy, own, **ask), wr2l.evaluate(policy.act, own, **ask)
    np.testing.assert_array_equal(table["return_mean"], function["return_mean"])
    again = wr2l.evaluate(policy.act, without_states(workers=2, start="fork"), **ask)
    np.testing.assert_array_equal(table["return_mean"], again["return_mean"])
    ask = {"budget": 20, "episodes": 3, "half_width": 0.5}
    worst, function = wr2l.worst_case(policy, own, **ask), wr2l.worst_case(policy.act, own, **ask)
    np.testing.assert_array_equal(worst.phi, function.phi)

    policy.save(tmp_path / "p.safetensors")
    read = wr2l.Policy.load(tmp_path / "p.safetensors", own)
    np.testing.assert_array_equal(read.parameters, policy.parameters)
    with pytest.raises(wr2l.FileError, match="CartPole-v1"):
        wr2l.Policy.load(tmp_path / "p.safetensors")
    other = wr2l.from_gymnasium(poles.make, poles.set_length, poles.POLE, name="other")
    with pytest.raises(wr2l.UsageError, match="trained on CartPole-v1, not on other"):
        wr2l.Policy.load(tmp_path / "p.safetensors", other)
    policy.to_onnx(tmp_path / "p.onnx")
    np.testing.assert_array_equal(wr2l.onnx.load(str(tmp_path / "p.onnx"))(np.eye(4)), policy.act(np.eye(4)))


def test_a_policy_of_other_shapes_is_refused(hopper: wr2l.Policy) -> None:
    with pytest.raises(wr2l.UsageError, match="observations|policy"):
        wr2l.evaluate(hopper, without_states(), random=2)


@pytest.mark.parametrize(("workers", "start"), [(0, "spawn"), (2, "spawn"), (2, "fork")])
def test_what_an_environment_raises_in_training_comes_out_and_ends_the_session(workers: int, start: str) -> None:
    own = wr2l.from_gymnasium(poles.Failing, poles.set_length, poles.POLE, workers=workers, start=start)
    session = wr2l.Session(own, half_width=0.3, **SMALL)
    with pytest.raises(poles.Own, match="mine") as raised:
        while True:
            session.step()
    if workers:
        assert "in step" in "".join(raised.value.__notes__), "where it was raised is told"
    with pytest.raises(wr2l.SimulationError, match="begin another"):
        session.step()


@pytest.mark.parametrize(
    ("kind", "words"), [(poles.Dying, "exit code 3"), (poles.Unfinished, "signal 9"), (poles.Strange, "1 and 2")]
)
@pytest.mark.parametrize("start", ["spawn", "fork"])
def test_a_worker_that_dies_is_an_exception_that_says_how(kind: Any, words: str, start: str) -> None:
    own = wr2l.from_gymnasium(kind, poles.set_length, poles.POLE, workers=2, start=start)
    with pytest.raises(wr2l.SimulationError, match=words):
        wr2l.evaluate(lambda seen: np.zeros(len(seen)), own, random=4, episodes=20)
    with pytest.raises(wr2l.SimulationError, match=words):
        wr2l.train(own, half_width=0.3, **SMALL)


def test_no_process_is_left_behind() -> None:
    import multiprocessing

    # Sessions that failed live as long as what they raised.
    before = set(multiprocessing.active_children())
    wr2l.evaluate(lambda seen: np.zeros(len(seen)), without_states(workers=2, start="fork"), random=2, episodes=2)
    assert set(multiprocessing.active_children()) <= before


def test_an_environment_may_have_a_method_of_its_own_for_its_dynamics() -> None:
    ask: dict[str, Any] = {"sweep": {"pole_half_length": [0.2, 1.0]}, "episodes": 5}

    def random(seen: np.ndarray) -> np.ndarray:
        return (np.abs(seen[:, 1] * 1e4).astype(int)) % 2

    own = wr2l.from_gymnasium(poles.Stateful, parameters=poles.POLE, episode_limit=60)
    other = wr2l.from_gymnasium(poles.Stateful, poles.set_length, poles.POLE, episode_limit=60)
    a, b = (wr2l.evaluate(random, simulator, **ask) for simulator in (own, other))
    np.testing.assert_array_equal(a["return_mean"], b["return_mean"])
    assert a["return_mean"][0] != a["return_mean"][1]


def test_what_makes_no_sense_is_refused_with_a_sentence(tmp_path: pathlib.Path) -> None:
    make, own = poles.make, without_states()
    refused: list[tuple[Any, str]] = [
        (lambda: wr2l.from_gymnasium(lambda: make(), poles.set_length, poles.POLE, workers=2), "`make` cannot be sent"),
        (lambda: without_states(workers=-1), "workers = -1"),
        (lambda: without_states(workers=2, start="thread"), "start = thread"),
        (lambda: without_states(get_state=poles.get_state), "give both"),
        (lambda: wr2l.train(own, half_width=0.3, learner="td3"), "choices"),
        (lambda: wr2l.train(own, half_width=0.3, vary=["friction"]), "friction"),
        (lambda: wr2l.train(own, half_width=0.3, physics="planar"), "physics"),
        (lambda: wr2l.train("own", half_width=0.3), "own"),
    ]
    for call, words in refused:
        with pytest.raises(wr2l.UsageError, match=words):
            call()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing can be forked here")
def test_workers_belong_to_the_process_that_made_them() -> None:
    from wr2l.groups import Processes, Recipe

    group = Processes(Recipe(poles.make, poles.set_length, None, None), 1, "fork")
    group.reset(0, [("pole_half_length", 0.5)], 1)
    child = os.fork()
    if child == 0:
        try:
            group.reset(0, [("pole_half_length", 0.5)], 1)
        except wr2l.SimulationError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert group.reset(0, [("pole_half_length", 0.5)], 1)[0].shape == (4,)
    group.close()
