"""Asks the real Gymnasium what its robots do, for `gymnasium.rs` to compare with.

    python ask.py

Needs gymnasium 1.4.0, mujoco 3.17.0 and numpy. Prints lines of words and numbers, with as many digits as tell 64-bit numbers
apart:

    task NAME                   and for each of its systems
    system MASS GEAR DAMPING    factors of all masses above 1e-6 kg and of all gears, and what is added to all damping; then
    state QPOS… QVEL…           where a trajectory begins
    seen OBSERVATION…           what is observed there, and for each of its steps
    action …
    step QPOS… QVEL…
    seen OBSERVATION…
    judged REWARD TERMINATED
"""

import sys
import types

import numpy as np

# Nothing is drawn, so the renderer and the packages that it needs are left out.
_renderer = types.ModuleType("gymnasium.envs.mujoco.mujoco_rendering")
_renderer.MujocoRenderer = lambda *args, **kwargs: None
sys.modules[_renderer.__name__] = _renderer

import gymnasium  # noqa: E402
import mujoco  # noqa: E402

assert gymnasium.__version__ == "1.4.0", gymnasium.__version__
assert mujoco.__version__ == "3.17.0", mujoco.__version__
mujoco.set_mju_user_warning(lambda message: None)

TASKS = {
    "ant": "Ant-v5",
    "humanoid": "Humanoid-v5",
    "humanoid-standup": "HumanoidStandup-v5",
    "swimmer": "Swimmer-v5",
    "reacher": "Reacher-v5",
    "pusher": "Pusher-v5",
    "inverted-double-pendulum": "InvertedDoublePendulum-v5",
    "hopper": "Hopper-v5",
    "walker2d": "Walker2d-v5",
    "half-cheetah": "HalfCheetah-v5",
    "inverted-pendulum": "InvertedPendulum-v5",
}
SYSTEMS = 20  # random ones, beside Gymnasium's own
STEPS = 15


def say(word, numbers):
    print(word, *(repr(float(number)) for number in np.asarray(numbers).ravel()))


def varied(environment, mass, gear, damping):
    """The environment, its model changed in place and what MuJoCo derives from it computed anew."""
    env = gymnasium.make(environment).unwrapped
    if (mass, gear, damping) != (1.0, 1.0, 0.0):
        model = env.model
        heavy = model.body_mass > 1e-6  # Pusher's goal weighs nothing to speak of
        model.body_mass[heavy] *= mass
        model.body_inertia[heavy] *= mass
        model.actuator_gear[:, 0] *= gear
        model.dof_damping += damping
        mujoco.mj_setConst(model, env.data)
        # What a compiler would write there; `mj_setConst` leaves it.
        model.stat.meaninertia = np.mean(model.dof_M0)
    return env


def main():
    for index, (name, environment) in enumerate(TASKS.items()):
        print("task", name)
        for number in range(SYSTEMS + 1):
            rng = np.random.default_rng([2026, index, number])
            mass, gear = np.exp(rng.uniform(np.log(0.5), np.log(2.0), 2))
            system = (float(mass), float(gear), float(rng.uniform(0.0, 0.5))) if number else (1.0, 1.0, 0.0)
            say("system", system)
            env = varied(environment, *system)
            env.np_random = rng
            for _ in range(1 if number else 5):
                mujoco.mj_resetData(env.model, env.data)
                observation = env.reset_model()
                say("state", env.state_vector())
                say("seen", observation)
                for _ in range(STEPS):
                    action = rng.uniform(env.action_space.low, env.action_space.high)
                    observation, reward, terminated, _, _ = env.step(action)
                    say("action", action)
                    say("step", env.state_vector())
                    say("seen", observation)
                    say("judged", [reward, terminated])


if __name__ == "__main__":
    main()
