"""The environments against Gymnasium's own, and against what nobody should hand them."""

import multiprocessing
import os
import pathlib

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import wr2l

TASKS = {"hopper": "Hopper-v5", "walker2d": "Walker2d-v5", "half-cheetah": "HalfCheetah-v5"}


def states_of(real: gymnasium.vector.SyncVectorEnv) -> np.ndarray:
    return np.array([np.concatenate([e.unwrapped.data.qpos, e.unwrapped.data.qvel]) for e in real.envs])


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("physics", ["planar", "mujoco"])
@pytest.mark.parametrize("task", TASKS)
def test_every_step_is_that_of_the_real_environment(task: str, physics: str, mode: AutoresetMode) -> None:
    lanes, rng = 4, np.random.default_rng(1)
    kwargs = {"autoreset_mode": mode}
    real = gymnasium.make_vec(TASKS[task], lanes, vectorization_mode="sync", vector_kwargs=kwargs)
    ours = wr2l.make_vec(task, lanes, autoreset=mode, physics=physics, threads=2)
    assert ours.single_action_space == real.single_action_space
    assert ours.single_observation_space == real.single_observation_space
    assert ours.observation_space == real.observation_space and ours.action_space == real.action_space
    real.reset(seed=5)
    ours.reset(seed=5)
    waiting, resets, differences = np.zeros(lanes, dtype=bool), 0, [0.0]
    for _ in range(200):
        ours.set_states(states_of(real), ~waiting)
        # In 64 bits: Gymnasium sums the cost of 32-bit actions in 32 bits.
        actions = rng.uniform(-1, 1, real.action_space.shape)
        theirs, mine = real.step(actions), ours.step(actions)
        for a, b in zip(theirs[:4], mine[:4], strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype
        over = mine[2] | mine[3]
        np.testing.assert_array_equal(mine[2], theirs[2])
        np.testing.assert_array_equal(mine[3], theirs[3])
        differences += np.abs(mine[1] - theirs[1]).tolist()
        # An observation of a new episode is another draw here than there.
        same = ~waiting if mode == AutoresetMode.NEXT_STEP else ~over
        differences += np.abs(mine[0][same] - theirs[0][same]).max(axis=1, initial=0.0).tolist()
        assert ("final_obs" in mine[4]) == ("final_obs" in theirs[4])
        if "final_obs" in mine[4]:
            for key in ("_final_obs", "_final_info"):
                np.testing.assert_array_equal(mine[4][key], theirs[4][key])
            for a, b in zip(mine[4]["final_obs"], theirs[4]["final_obs"], strict=True):
                assert (a is None) == (b is None)
                if a is not None:
                    differences.append(np.abs(a - b).max())
        waiting = over if mode == AutoresetMode.NEXT_STEP else waiting
        resets += over.sum()
    assert resets > 20 or task == "half-cheetah", "random actions make the others fall"
    # MuJoCo's solver stops early now and then, the planar physics never does: a difference of up to 1e-5 in few steps.
    assert (np.array(differences) > 1e-9).mean() < (0.005 if physics == "planar" else 1e-9)
    assert max(differences) < (1e-5 if physics == "planar" else 1e-9)
    real.close()


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_the_time_limit_falls_where_it_does_there(mode: AutoresetMode) -> None:
    kwargs = {"autoreset_mode": mode}
    real = gymnasium.make_vec("HalfCheetah-v5", 2, vectorization_mode="sync", vector_kwargs=kwargs)
    ours = wr2l.make_vec("half-cheetah", 2, autoreset=mode)
    real.reset(seed=1)
    ours.reset(seed=1)
    rng = np.random.default_rng(1)
    for step in range(2010):
        actions = rng.uniform(-1, 1, (2, 6)).astype(np.float32)
        theirs, mine = real.step(actions), ours.step(actions)
        np.testing.assert_array_equal(mine[3], theirs[3], err_msg=str(step))
        np.testing.assert_array_equal(mine[1] == 0.0, theirs[1] == 0.0, err_msg=str(step))
    real.close()


def test_episodes_can_be_begun_by_hand() -> None:
    env = wr2l.make_vec("hopper", 3, autoreset="Disabled")
    env.reset(seed=1)
    actions = np.ones((3, 3), dtype=np.float32)
    over = np.zeros(3, dtype=bool)
    while not over.any():
        _, _, terminated, truncated, _ = env.step(actions)
        over = terminated | truncated
    with pytest.raises(wr2l.UsageError, match="reset it before the next step"):
        env.step(actions)
    before = env.states()
    env.reset(options={"reset_mask": over})
    after = env.states()
    np.testing.assert_array_equal(after[~over], before[~over])
    assert (after[over] != before[over]).any()
    env.step(actions)


@pytest.mark.parametrize("task", wr2l.tasks())
@pytest.mark.filterwarnings("ignore")
def test_gymnasium_finds_no_fault_in_the_single_environment(task: str) -> None:
    check_env(gymnasium.make(f"wr2l/{task}-v0").unwrapped, skip_render_check=True)


def test_registered_names_make_environments_and_vectors() -> None:
    env = gymnasium.make("wr2l/hopper-v0", phi={"friction": 1.0})
    assert env.reset(seed=1)[1]["phi"]["friction"] == 1.0
    vector = gymnasium.make_vec("wr2l/hopper-v0", num_envs=3, vectorization_mode="vector_entry_point")
    assert isinstance(vector, wr2l.VectorEnv) and vector.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP


def test_seeds_determine_everything_whatever_the_threads() -> None:
    def course(threads: int, seed: object) -> list[np.ndarray]:
        env = wr2l.make_vec("hopper", 40, threads=threads)
        rng = np.random.default_rng(0)
        out = [env.reset(seed=seed)[0]]
        out += [env.step(rng.uniform(-1, 1, (40, 3)))[0] for _ in range(60)]
        return out

    one, three, other = course(1, 7), course(3, 7), course(1, 8)
    assert all((a == b).all() for a, b in zip(one, three, strict=True))
    assert any((a != b).any() for a, b in zip(one, other, strict=True))
    listed = course(2, list(range(40)))
    single = wr2l.make("hopper")
    for lane in (0, 39):
        np.testing.assert_array_equal(single.reset(seed=lane)[0], listed[0][lane])
    assert len({row.tobytes() for row in one[0]}) == 40, "every lane draws its own"


def test_dynamics_are_set_by_lane_and_by_reset_and_last_for_an_episode() -> None:
    env = wr2l.make_vec("hopper", 2, vary=["torso_density", "friction"], phi={"friction": [1.0, 2.5]})
    names = [parameter.name for parameter in env.parameters]
    assert names == ["torso_density", "friction"]
    nominal = env.parameters[0].nominal
    _, info = env.reset(seed=1)
    np.testing.assert_array_equal(info["phi"], [[nominal, 1.0], [nominal, 2.5]])
    _, info = env.reset(options={"phi": [1500.0, 1.5]})
    np.testing.assert_array_equal(info["phi"], [[1500.0, 1.5]] * 2)
    env.set_phi({"torso_density": 800.0})
    *_, info = env.step(np.zeros((2, 3)))
    np.testing.assert_array_equal(info["phi"][:, 0], [1500.0] * 2, "an episode never mixes two")
    for _ in range(300):
        *_, info = env.step(np.ones((2, 3)))
    np.testing.assert_array_equal(info["phi"][:, 0], [800.0] * 2)
    # And they reach the physics.
    heavy, light = (wr2l.make("hopper", phi={"torso_density": d}) for d in (3000.0, 500.0))
    for one in (heavy, light):
        one.reset(seed=1)
    assert (heavy.step(np.ones(3))[0] != light.step(np.ones(3))[0]).any()


def test_final_info_has_the_dynamics_of_the_episode_that_ended() -> None:
    env = wr2l.make_vec("hopper", 8, vary="friction", autoreset="SameStep", phi={"friction": 1.0})
    env.reset(seed=1)
    env.set_phi({"friction": 3.0})
    while True:
        *_, info = env.step(np.ones((8, 3)))
        if "final_obs" in info:
            break
    over = info["_final_obs"]
    np.testing.assert_array_equal(info["final_info"]["phi"][over, 0], 1.0)
    np.testing.assert_array_equal(info["phi"][over, 0], 3.0)
    np.testing.assert_array_equal(info["phi"][~over, 0], 1.0)


def test_copies_are_made_unless_they_are_not_wanted() -> None:
    for copy in (True, False):
        env = wr2l.make_vec("hopper", 2, copy=copy)
        first, _ = env.reset(seed=1)
        second = env.step(np.zeros((2, 3)))[0]
        assert np.shares_memory(first, second) is not copy


def test_choices_are_taken_as_choices() -> None:
    env = wr2l.make_vec("cartpole", 3)
    env.reset(seed=1)
    assert env.action_space.shape == (3,)
    observations, rewards, *_ = env.step(np.array([0, 1, 0]))
    assert (rewards == 1.0).all() and observations[0, 1] < 0.0 < observations[1, 1]
    with pytest.raises(wr2l.UsageError, match="one of 0, …, 1"):
        env.step(np.array([0, 2, 0]))


BAD_ACTIONS = [
    np.zeros((3, 3)),
    np.zeros((2, 2)),
    np.zeros(6),
    np.array([["a", "b", "c"]] * 2),
    np.full((2, 3), np.nan),
    np.full((2, 3), np.inf),
    np.zeros((2, 3), dtype=complex),
    None,
    object(),
    [[0, 0, 0], [0, 0]],
]


@pytest.mark.parametrize("actions", BAD_ACTIONS, ids=repr)
def test_actions_that_are_none_are_refused_and_change_nothing(actions: object) -> None:
    env = wr2l.make_vec("hopper", 2)
    env.reset(seed=1)
    before = env.states()
    with pytest.raises(wr2l.UsageError):
        env.step(actions)
    np.testing.assert_array_equal(env.states(), before)
    env.step(np.zeros((2, 3)))


def test_arrays_of_any_layout_and_kind_are_the_same_actions() -> None:
    values = np.random.default_rng(1).integers(-1, 2, (4, 3))
    strided = np.zeros((8, 6))
    strided[::2, ::2] = values
    layouts = [values, values.astype(np.float32), np.asfortranarray(values), strided[::2, ::2], values.tolist()]
    results = []
    for actions in layouts:
        env = wr2l.make_vec("hopper", 4)
        env.reset(seed=1)
        results.append(env.step(actions)[0])
    assert all((one == results[0]).all() for one in results)


def test_what_makes_no_sense_is_refused_with_a_sentence() -> None:
    refused = [
        (lambda: wr2l.make_vec("hoper", 2), "did you mean `hopper`"),
        (lambda: wr2l.make_vec("hopper", 0), "num_envs"),
        (lambda: wr2l.make_vec("hopper", 2, physics="plana"), "did you mean `planar`"),
        (lambda: wr2l.make_vec("hopper", 2, vary="frction"), "did you mean `friction`"),
        (lambda: wr2l.make_vec("hopper", 2, phi={"frction": 1.0}), "no parameter `frction`"),
        (lambda: wr2l.make_vec("hopper", 2, phi={"friction": 1e9}), "outside its bounds"),
        (lambda: wr2l.make_vec("hopper", 2, phi=[1.0]), "phi: expected an array"),
        (lambda: wr2l.make_vec("hopper", 2, autoreset="never"), "autoreset"),
        (lambda: wr2l.make_vec("hopper", 2, threads=0), "threads"),
        (lambda: wr2l.make_vec("hopper", 2, render_mode="human"), "rendered"),
        (lambda: wr2l.make_vec("hopper", 2).step(np.zeros((2, 3))), "reset"),
        (lambda: wr2l.make_vec("hopper", 2).reset(seed=-1), "seed"),
        (lambda: wr2l.make_vec("hopper", 2).reset(seed=[1]), "expected 2"),
        (lambda: wr2l.make_vec("hopper", 2).reset(options={"fi": 1}), "no `fi`"),
        (lambda: wr2l.make_vec("hopper", 2).set_states(np.zeros((2, 3))), "states"),
        (lambda: wr2l.make_vec("hopper", 2).set_states(np.full((2, 12), np.nan)), "finite"),
    ]
    for call, words in refused:
        with pytest.raises(wr2l.UsageError, match=words):
            call()


def in_child(env: wr2l.VectorEnv, answers: "multiprocessing.Queue[str]") -> None:
    try:
        env.step(np.zeros((256, 3)))
        answers.put("stepped")
    except wr2l.SimulationError as error:
        answers.put(str(error))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_is_told_that_threads_do_not_survive_it() -> None:
    env = wr2l.make_vec("hopper", 256, threads=2)
    env.reset(seed=1)
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    child = fork.Process(target=in_child, args=(env, answers))
    child.start()
    assert "fork" in answers.get(timeout=30)
    child.join(30)
    assert child.exitcode == 0
    env.step(np.zeros((256, 3)))


def test_the_library_of_mujoco_is_the_one_in_the_package() -> None:
    env = wr2l.make_vec("hopper", 1, physics="mujoco")
    env.reset(seed=1)
    env.step(np.zeros((1, 3)))
    maps = pathlib.Path("/proc/self/maps").read_text().splitlines()
    package = os.path.dirname(wr2l.__file__)
    loaded = {line.split()[-1] for line in maps if "libmujoco" in line and "wr2l" in line}
    assert loaded == {os.path.join(package, "libmujoco.so.3.17.0")}


def test_stable_baselines_interface_gets_last_observations_and_truncation() -> None:
    from wr2l.sb3 import VecEnv

    env = VecEnv("hopper", 4, threads=1)
    assert env.seed(3) == [3, 4, 5, 6]
    first = env.reset()
    assert first.shape == (4, 11) and first.dtype == np.float32
    same = wr2l.make_vec("hopper", 4, autoreset="SameStep")
    np.testing.assert_array_equal(first, same.reset(seed=[3, 4, 5, 6])[0].astype(np.float32))
    ended = 0
    for _ in range(150):
        actions = np.ones((4, 3), dtype=np.float32)
        observations, rewards, done, infos = env.step(actions)
        expected = same.step(actions)
        np.testing.assert_array_equal(observations, expected[0].astype(np.float32))
        np.testing.assert_array_equal(done, expected[2] | expected[3])
        for lane in np.flatnonzero(done):
            ended += 1
            last = expected[4]["final_obs"][lane].astype(np.float32)
            np.testing.assert_array_equal(infos[lane]["terminal_observation"], last)
            assert infos[lane]["TimeLimit.truncated"] == expected[3][lane]
    assert ended > 4
    assert env.get_attr("task", [0, 1]) == ["hopper"] * 2 and env.env_is_wrapped(object) == [False] * 4


def test_a_single_environment_takes_what_the_vector_of_one_takes_and_refuses_the_rest() -> None:
    rng = np.random.default_rng(3)
    for task, draw in (("hopper", lambda: rng.uniform(-1, 1, 3)), ("cartpole", lambda: int(rng.integers(2)))):
        single, vector = wr2l.make(task), wr2l.make_vec(task, 1, autoreset="Disabled")
        ask: dict[str, Any] = {"options": {"phi": {wr2l.parameters(task)[0].name: wr2l.parameters(task)[0].nominal}}}
        first, info = single.reset(seed=5, **ask)
        expected, other = vector.reset(seed=[5], **ask)
        np.testing.assert_array_equal(first, expected[0])
        over = False
        while not over:
            action = draw()
            observation, reward, terminated, truncated, info = single.step(action)
            expected, rewards, ended, cut, other = vector.step(np.asarray(action)[None])
            np.testing.assert_array_equal(observation, expected[0])
            assert (reward, terminated, truncated) == (rewards[0], ended[0], cut[0])
            assert [type(one) for one in (reward, terminated, truncated)] == [float, bool, bool]
            assert list(info["phi"].values()) == other["phi"][0].tolist()
            over = terminated or truncated
        with pytest.raises(wr2l.UsageError, match="is over"):
            single.step(draw())
    pole, hopper = wr2l.make("cartpole"), wr2l.make("hopper")
    with pytest.raises(wr2l.UsageError, match="reset"):
        pole.step(0)
    pole.reset(seed=1)
    hopper.reset(seed=1)
    for wrong in (2, -1, 10**400, 0.5, "left", None, np.zeros(1), np.array(np.nan)):
        with pytest.raises(wr2l.UsageError, match="actions"):
            pole.step(wrong)
    for wrong in (0, np.zeros(2), np.full(3, np.inf), np.zeros((1, 3)), ["a"] * 3):
        with pytest.raises(wr2l.UsageError, match="actions"):
            hopper.step(wrong)
    # An array of another kind, or with gaps, is as good; and one step's array is not the next one's.
    before = hopper.step(np.zeros(6, dtype=np.int8)[::2])[0]
    kept = before.copy()
    hopper.step(np.ones(3))
    np.testing.assert_array_equal(before, kept)
