"""Asks the real Gymnasium what it does, for `parity.rs` to compare with.

    python generate.py OUTDIR [--small]

Needs gymnasium 1.4.0, mujoco 3.17.0 and numpy. Deterministic: the same versions on the same kind of CPU write the
same bytes. `--small` writes what is committed under `fixtures/`; without it there are five times as many states.

One file a task. Its first line holds the names of the parameters; 64-bit little-endian floats follow:

    nq, nv, nu, nobs, systems
    per system:  touched (0: Gymnasium's model as it is; 1: every parameter set), one value per parameter,
                 rows, trajectories, length
        per row:         state, action, then a step
        per trajectory:  state, then `length` times: action, step
    a step is:   next state, observation, reward, terminated

A state is qpos, then qvel. Every state is set on reset data, so that the constraint solver starts cold.
"""

import functools
import os
import sys
import tempfile
import types
import xml.etree.ElementTree as ET

import numpy as np

# Nothing is drawn, so the renderer and the packages that it needs are left out.
_renderer = types.ModuleType("gymnasium.envs.mujoco.mujoco_rendering")
_renderer.MujocoRenderer = lambda *args, **kwargs: None
sys.modules[_renderer.__name__] = _renderer

import gymnasium  # noqa: E402
import mujoco  # noqa: E402
from gymnasium.envs.mujoco.mujoco_env import expand_model_path  # noqa: E402

assert gymnasium.__version__ == "1.4.0", gymnasium.__version__
assert mujoco.__version__ == "3.17.0", mujoco.__version__

# Gymnasium's half-cheetah uses a deprecated setting, and says so on every load.
mujoco.set_mju_user_warning(lambda message: None)

SYSTEMS = 20  # random ones, beside Gymnasium's own


def relative(names, nominal, low, high):
    """Parameters that range from `low` to `high` times their nominal value."""
    return {name: (low * nominal, high * nominal) for name in names}


WALKER_BODIES = ["torso", "thigh", "leg", "foot", "thigh_left", "leg_left", "foot_left"]
CHEETAH_JOINTS = {  # damping, stiffness
    "bthigh": (6, 240),
    "bshin": (4.5, 180),
    "bfoot": (3, 120),
    "fthigh": (4.5, 180),
    "fshin": (3, 120),
    "ffoot": (1.5, 60),
}
# What 1000 kg/m³ becomes when 21.18 kg are scaled to 14 kg.
CHEETAH_DENSITY = 660.8849500774735


def suffixed(names, suffix):
    return [f"{name}_{suffix}" for name in names]


HELD = 15  # steps of a trajectory that `parity.rs` compares

# Name, environment, steps of a trajectory of Gymnasium's own system, bounds of the parameters in the task's order.
TASKS = {
    "cartpole": (
        "CartPole-v1",
        HELD,
        relative(["pole_half_length"], 0.5, 0.1, 5)
        | relative(["pole_mass"], 0.1, 0.1, 5)
        | relative(["cart_mass"], 1.0, 0.1, 5)
        | relative(["force"], 10.0, 0.1, 5)
        | relative(["gravity"], 9.8, 0.1, 5),
    ),
    "inverted-pendulum": (
        "InvertedPendulum-v5",
        HELD,
        {"pole_length": (0.2, 5.0)}
        | relative(["pole_density"], 1000, 0.5, 5)
        | relative(["cart_density"], 1000, 0.1, 5)
        | relative(["slider_damping"], 1, 0.1, 5)
        | relative(["hinge_damping"], 1, 0.1, 1.5),
    ),
    "hopper": (
        "Hopper-v5",
        HELD,
        relative(suffixed(WALKER_BODIES[:4], "density"), 1000, 0.1, 5)
        | relative(suffixed(WALKER_BODIES[1:4], "armature"), 1, 0.1, 5)
        | relative(suffixed(WALKER_BODIES[1:4], "damping"), 1, 0.1, 5)
        | {"friction": (0.1, 5.0)},
    ),
    "walker2d": (
        "Walker2d-v5",
        HELD,
        relative(suffixed(WALKER_BODIES, "density"), 1000, 0.1, 5)
        | relative(suffixed(WALKER_BODIES[1:], "armature"), 0.01, 0.1, 5)
        | relative(suffixed(WALKER_BODIES[1:], "damping"), 0.1, 0.1, 5)
        | {"friction": (0.1, 5.0)},
    ),
    "half-cheetah": (
        "HalfCheetah-v5",
        40,  # `parity.rs` shows how a rounding difference grows along these
        relative(suffixed(["torso", *CHEETAH_JOINTS], "density"), CHEETAH_DENSITY, 0.1, 5)
        | {f"{j}_damping": (0.1 * damping, 5 * damping) for j, (damping, _) in CHEETAH_JOINTS.items()}
        | {f"{j}_stiffness": (0.1 * k, 3 * k) for j, (_, k) in CHEETAH_JOINTS.items()}
        | {"armature": (0.025, 0.5), "friction": (0.1, 5.0)},
    ),
    "torque-pendulum": (
        "Pendulum-v1",
        HELD,
        relative(["rod_mass"], 1.0, 0.1, 5) | relative(["rod_length"], 1.0, 0.1, 5) | relative(["gravity"], 10.0, 0.1, 5),
    ),
}


@functools.cache
def model_file(environment):
    return expand_model_path(gymnasium.make(environment).unwrapped.fullpath)


def edited_model(path, phi):
    """Gymnasium's model file with parameters written into it, friction excepted."""
    root = ET.parse(path).getroot()
    root.find("compiler").attrib.pop("settotalmass", None)  # it would undo any density
    bodies = {body.get("name"): body for body in root.iter("body")}
    joints = {joint.get("name").removesuffix("_joint"): joint for joint in root.iter("joint") if joint.get("name")}
    for name, value in phi.items():
        part, _, kind = name.rpartition("_")
        if name == "pole_length":
            bodies["pole"].find("geom").set("fromto", f"0 0 0 0.001 0 {value!r}")
        elif name == "armature":
            for joint in CHEETAH_JOINTS:
                joints[joint].set("armature", repr(value))
        elif kind == "density":
            for geom in bodies[part].findall("geom"):
                geom.set("density", repr(value))
        elif kind in ("armature", "damping", "stiffness"):
            joints[part].set(kind, repr(value))
        else:
            assert name == "friction", name
    return ET.tostring(root, encoding="unicode")


class MujocoSystem:
    """One of Gymnasium's MuJoCo environments, with its own numbers or with others."""

    def __init__(self, environment, phi):
        if phi is None:
            self.env = gymnasium.make(environment).unwrapped
        else:
            with tempfile.TemporaryDirectory() as folder:
                edited = os.path.join(folder, "edited.xml")
                with open(edited, "w", encoding="utf-8") as file:
                    file.write(edited_model(model_file(environment), phi))
                self.env = gymnasium.make(environment, xml_file=edited).unwrapped
            if "friction" in phi:
                self.env.model.geom_friction[:, 0] = phi["friction"]
        self.model = self.env.model
        self.nq, self.nv, self.nu = self.model.nq, self.model.nv, self.model.nu
        self.nobs = self.env.observation_space.shape[0]

    def set(self, state):
        mujoco.mj_resetData(self.model, self.env.data)
        self.env.set_state(state[: self.nq], state[self.nq :])

    def action(self, rng):
        """Within the control range, or beyond it."""
        span = self.model.actuator_ctrlrange[:, 1] * (1.0 if rng.random() < 0.8 else 2.0)
        return rng.uniform(-span, span)

    def step(self, action):
        observation, reward, terminated, _, _ = self.env.step(action)
        return self.env.state_vector(), observation, reward, terminated

    def initial(self, rng):
        """A state in which Gymnasium starts an episode."""
        self.env.np_random = rng
        self.env.reset_model()
        return self.env.state_vector()

    def states(self, rng, count):
        """Reached by random actions without end, thrown into the air, pushed to joint limits, or into the floor."""
        states = []
        while len(states) < count:
            kind = len(states) % 4
            state = self.initial(rng)
            if kind == 0:
                # A long wander, of which every tenth state is taken; a new one after 200 steps.
                self.set(states[-4] if len(states) % 80 else state)
                for _ in range(10):
                    state = self.step(self.action(rng))[0]
            else:
                limited = self.model.jnt_limited.astype(bool)
                low, high = self.model.jnt_range[limited].T
                if kind == 1:  # between the limits
                    angles = rng.uniform(low, high)
                elif kind == 2:  # at a limit, or a little beyond
                    angles = np.where(rng.random(low.size) < 0.5, low, high) + rng.uniform(-0.05, 0.05, low.size)
                else:
                    angles = state[: self.nq][limited]
                state[: self.nq][limited] = angles
                if self.nq > 2:
                    # In the air, or with some of the robot below the floor.
                    state[1] += rng.uniform(0.5, 3.0) if kind == 1 else rng.uniform(-0.2, 0.05)
                    state[2] = rng.uniform(-0.5, 0.5)
                # Some faster than the ±10 at which observations are clipped.
                state[self.nq :] = rng.normal(0.0, rng.choice([0.5, 2.0, 8.0]), self.nv)
            states.append(state.copy())
        return states


class CartPoleSystem:
    """Gymnasium's cart-pole. Its own order of the state is position, velocity, angle, angular velocity."""

    nq, nv, nu, nobs = 2, 2, 1, 4

    def __init__(self, environment, phi):
        self.env = gymnasium.make(environment).unwrapped
        self.env.reset(seed=0)
        if phi is not None:
            self.env.length = phi["pole_half_length"]
            self.env.masspole = phi["pole_mass"]
            self.env.masscart = phi["cart_mass"]
            self.env.force_mag = phi["force"]
            self.env.gravity = phi["gravity"]
            self.env.total_mass = self.env.masspole + self.env.masscart
            self.env.polemass_length = self.env.masspole * self.env.length

    def set(self, state):
        self.env.state = np.array([state[0], state[2], state[1], state[3]], dtype=np.float64)

    def action(self, rng):
        return np.array([rng.integers(2)], dtype=np.float64)

    def step(self, action):
        self.env.steps_beyond_terminated = None
        observation, reward, terminated, _, _ = self.env.step(int(action[0]))
        return np.asarray(self.env.state)[[0, 2, 1, 3]], observation, reward, terminated

    def initial(self, rng):
        return rng.uniform(-0.05, 0.05, 4)

    def states(self, rng, count):
        return [rng.uniform(-1, 1, 4) * [3.0, 0.3, 3.0, 3.0] for _ in range(count)]


class PendulumSystem:
    """Gymnasium's torque-driven pendulum."""

    nq, nv, nu, nobs = 1, 1, 1, 3

    def __init__(self, environment, phi):
        self.env = gymnasium.make(environment).unwrapped
        self.env.reset(seed=0)
        if phi is not None:
            self.env.m, self.env.l, self.env.g = phi["rod_mass"], phi["rod_length"], phi["gravity"]

    def set(self, state):
        self.env.state = np.array(state, dtype=np.float64)

    def action(self, rng):
        """Within the motor's range, or beyond it."""
        return rng.uniform(-3.0, 3.0, 1)

    def step(self, action):
        observation, reward, terminated, _, _ = self.env.step(action)
        return np.asarray(self.env.state, dtype=np.float64), observation, reward, terminated

    def initial(self, rng):
        return rng.uniform(-1, 1, 2) * [np.pi, 1.0]

    def states(self, rng, count):
        """Some of several turns, some at the largest speed."""
        return [rng.uniform(-1, 1, 2) * [20.0, 8.0] for _ in range(count)]


def write_task(path, index, small):
    name = list(TASKS)[index]
    environment, longest, bounds = TASKS[name]
    system = {"cartpole": CartPoleSystem, "torque-pendulum": PendulumSystem}.get(name, MujocoSystem)
    out = []
    for number in range(SYSTEMS + 1):
        rng = np.random.default_rng([2026, index, number])
        # Log-uniform, so that small values are as likely as large ones.
        phi = {key: float(np.exp(rng.uniform(np.log(low), np.log(high)))) for key, (low, high) in bounds.items()}
        sim = system(environment, phi if number else None)
        rows = (1000 if number == 0 else 50) // (5 if small else 1)
        trajectories = (20 if number == 0 else 2) // (2 if small else 1)
        length = HELD if number else longest
        if number == 0:
            out += [[sim.nq, sim.nv, sim.nu, sim.nobs, SYSTEMS + 1]]
        out += [[number > 0], list(phi.values()), [rows, trajectories, length]]
        for state in sim.states(rng, rows):
            action = sim.action(rng)
            sim.set(state)
            out += [state, action, *flat(sim.step(action))]
        for _ in range(trajectories):
            state = sim.initial(rng)
            sim.set(state)
            out += [state]
            for _ in range(length):
                action = sim.action(rng)
                out += [action, *flat(sim.step(action))]
    numbers = np.concatenate([np.asarray(part, dtype="<f8").ravel() for part in out])
    assert np.isfinite(numbers).all(), name
    with open(os.path.join(path, f"{name}.bin"), "wb") as file:
        file.write(",".join(bounds).encode() + b"\n" + numbers.tobytes())


def flat(step):
    state, observation, reward, terminated = step
    return [state.copy(), np.array(observation), [reward], [terminated]]


def main():
    arguments = [a for a in sys.argv[1:] if a != "--small"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    out = os.path.abspath(arguments[0])
    os.makedirs(out, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # MuJoCo writes its warnings to a file in the current directory
        for index in range(len(TASKS)):
            write_task(out, index, "--small" in sys.argv)
        os.chdir("/")


if __name__ == "__main__":
    main()
