"""Policies judged on environments that this project did not make."""

import pathlib
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control import CartPoleEnv

import wr2l

POLE = {"pole_half_length": (0.5, 0.1, 2.5)}


def make() -> gymnasium.Env[Any, Any]:
    return gymnasium.make("CartPole-v1")


def set_length(env: gymnasium.Env[Any, Any], phi: dict[str, float]) -> None:
    pole = env.unwrapped
    assert isinstance(pole, CartPoleEnv)
    pole.length = phi["pole_half_length"]
    pole.polemass_length = pole.masspole * pole.length


def push_back(observations: np.ndarray) -> np.ndarray:
    return (observations[:, 2] + 0.3 * observations[:, 3] > 0.0).astype(int)


def random(observations: np.ndarray) -> np.ndarray:
    """As good as random, and always the same."""
    return (np.abs(observations[:, 1] * 1e4).astype(int)) % 2


def test_gymnasiums_pole_is_judged_as_ours_is() -> None:
    theirs = wr2l.from_gymnasium(make, set_length, POLE)
    assert theirs.name == "CartPole-v1"
    ask: dict[str, Any] = {"sweep": {"pole_half_length": [0.2, 0.5, 2.0]}, "episodes": 60}
    a, b = wr2l.evaluate(random, theirs, **ask), wr2l.evaluate(random, "cartpole", **ask)
    # The same physics from other starts: means within four standard errors of their difference.
    error = np.hypot(a["return_se"], b["return_se"])
    assert (np.abs(a["return_mean"] - b["return_mean"]) < 4 * error).all()
    # A long pole falls slowly, so that the dynamics must have reached it.
    assert a["return_mean"][2] > a["return_mean"][0] + 4 * error[0]
    again = wr2l.evaluate(random, theirs, **ask)
    np.testing.assert_array_equal(again["return_mean"], a["return_mean"])


def test_the_worst_case_is_searched_there_too() -> None:
    theirs = wr2l.from_gymnasium(make, set_length, POLE, episode_limit=100)
    table = wr2l.worst_case(random, theirs, budget=40, half_width=0.7, episodes=10)
    nominal = table.nominal
    assert nominal is not None and table["return_mean"][0] < nominal["return_mean"]
    assert 0.15 <= table.phi[0, 0] <= 0.85


def test_dynamics_may_be_options_of_the_reset() -> None:
    told = []

    class Env(CartPoleEnv):
        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
            assert options is not None
            told.append(options["phi"]["pole_half_length"])
            return super().reset(seed=seed)

    own = wr2l.from_gymnasium(Env, parameters=POLE, episode_limit=20)
    table = wr2l.evaluate(push_back, own, sweep={"pole_half_length": [0.3]}, episodes=2)
    assert sorted(told) == [0.3, 0.3, 0.5, 0.5]
    assert table["return_max"][0] == 20.0, "ours is the limit where it has none"


def test_parameters_that_do_not_vary_are_set_to_their_nominal_values() -> None:
    told = set()

    def remember(env: Any, phi: dict[str, float]) -> None:
        told.add(tuple(phi.items()))

    two = {"a": (1.0, 0.5, 2.0), "b": (3.0, 2.0, 4.0)}
    own = wr2l.from_gymnasium(make, remember, two, episode_limit=10)
    wr2l.evaluate(push_back, own, sweep={"b": [2.5]}, episodes=1)
    assert told == {(("a", 1.0), ("b", 2.5)), (("a", 1.0), ("b", 3.0))}
    told.clear()
    wr2l.train(own, algorithm="ppo", steps=100, ppo={"lanes": 2, "horizon": 50})
    assert told == {(("a", 1.0), ("b", 3.0))}


def test_what_it_raises_comes_out_as_it_is() -> None:
    class Own(Exception):
        pass

    class Env(CartPoleEnv):
        def step(self, action: Any) -> Any:
            raise Own("mine")

    def refuse(env: Any, phi: dict[str, float]) -> None:
        raise Own("mine")

    ask: dict[str, Any] = {"sweep": {"pole_half_length": [0.3]}, "episodes": 2}
    for own in (
        wr2l.from_gymnasium(Env, lambda env, phi: None, POLE),
        wr2l.from_gymnasium(make, refuse, POLE),
    ):
        with pytest.raises(Own, match="mine"):
            wr2l.evaluate(push_back, own, **ask)
        with pytest.raises(Own, match="mine"):
            wr2l.worst_case(push_back, own, budget=10)


def test_observations_of_another_length_than_promised_are_refused() -> None:
    class Env(CartPoleEnv):
        def step(self, action: Any) -> Any:
            observation, *rest = super().step(action)
            return observation[:3], *rest

    own = wr2l.from_gymnasium(Env, lambda env, phi: None, POLE)
    with pytest.raises(wr2l.UsageError, match="3 numbers, expected 4"):
        wr2l.evaluate(push_back, own, random=2)


def test_what_makes_no_sense_is_refused_with_a_sentence() -> None:
    own = wr2l.from_gymnasium(make, set_length, POLE)
    refused: list[tuple[Any, str]] = [
        (lambda: wr2l.from_gymnasium(make, set_length), "at least one"),
        (lambda: wr2l.from_gymnasium(make, set_length, {"a": (1.0, 2.0)}), "nominal, lower, upper"),
        (lambda: wr2l.from_gymnasium(make, set_length, {"a": (5.0, 1.0, 2.0)}), "outside the bounds"),
        (lambda: wr2l.from_gymnasium(make, set_length, POLE, episode_limit=-1), "episode_limit"),
        (lambda: wr2l.evaluate(push_back, own), "say what to sweep"),
        (lambda: wr2l.evaluate(push_back, own, random=2, physics="mujoco"), "no physics to choose"),
        (lambda: wr2l.evaluate(push_back, own, sweep={"friction": [1.0]}), "unknown parameter"),
    ]
    for call, words in refused:
        with pytest.raises(wr2l.UsageError, match=words):
            call()


def test_results_on_an_environment_of_ones_own_are_drawn_and_have_a_page(tmp_path: pathlib.Path) -> None:
    theirs = wr2l.from_gymnasium(make, set_length, POLE, episode_limit=50)
    table = wr2l.evaluate(push_back, theirs, sweep={"pole_half_length": "0.2:2:3"}, episodes=2, name="push back")
    wr2l.figure(tmp_path / "sweep.svg", table)
    wr2l.report(tmp_path / "page.html", table)
    for path in ("sweep.svg", "page.html"):
        text = (tmp_path / path).read_text()
        assert "push back" in text and "pole" in text
    assert "wr2l on CartPole-v1" in (tmp_path / "page.html").read_text()
