"""Compares this project's robots after Gymnasium's with the originals, number by number as MuJoCo compiles them.

    python models.py FOLDER

FOLDER has our models: `crates/robot/models`. Needs gymnasium 1.4.0, mujoco 3.17.0 and numpy. Of each pair it compares every
number of the compiled model that is not for looks alone, the names of all elements in their order, and 1,000 random steps from
random states. It prints a line a robot,

    NAME ARRAYS LARGEST STEPS APART

with how many arrays were compared, the largest relative difference in them, how many steps were taken, and the largest relative
difference of a state on the way. It exits with 1, and says which arrays are to blame, if a number is more than 1e-14 off or a
name differs, or if states part although no number does.
"""

import re
import sys
from pathlib import Path

import gymnasium
import mujoco
import numpy as np

assert gymnasium.__version__ == "1.4.0", gymnasium.__version__
assert mujoco.__version__ == "3.17.0", mujoco.__version__
mujoco.set_mju_user_warning(lambda message: None)

ASSETS = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
ROBOTS = {
    "ant": "ant.xml",
    "humanoid": "humanoid.xml",
    "humanoid-standup": "humanoidstandup.xml",
    "swimmer": "swimmer.xml",
    "reacher": "reacher.xml",
    "pusher": "pusher_v5.xml",
    "inverted-double-pendulum": "inverted_double_pendulum.xml",
}
TOLERANCE = 1e-14
STARTS, STEPS = 10, 100

# What a model may have of its own. Each is a whole name of a field.
OURS = re.compile(
    "|".join(
        [
            # Looks: colours, materials, textures, cameras, lights.
            r".*_rgba|.*_matid|cam_.*|light_.*|tex_.*|mat_.*",
            r"ncam|nlight|ntex|ntexdata|nmat|body_camadr|body_camnum|body_lightadr|body_lightnum",
            # Texts, and where they lie; names are compared as such, in order.
            r"names|names_map|name_.*|nnames|nnames_map|paths|npaths|text_.*|ntext|ntextdata",
            # Numbers that no physics reads: the ant's `init_qpos`, the pendulum's `frame_skip`, marks of the humanoids' geoms.
            r"numeric_.*|nnumeric|nnumericdata|geom_user|nuser_geom",
            # The humanoids' five empty keyframes.
            r"key_.*|nkey",
            # Sizes of memory, and the signature of the compiler.
            r"narena|nbuffer|signature",
        ]
    )
)
# Kinds of elements whose names count, cameras and lights left out.
KINDS = ["BODY", "JOINT", "GEOM", "SITE", "TENDON", "ACTUATOR", "SENSOR", "EQUALITY", "PAIR", "EXCLUDE"]


def numbers(model):
    """All numbers of a model, options and statistics included, as arrays by name."""
    found = {}
    for prefix, part in [("", model), ("opt.", model.opt), ("stat.", model.stat)]:
        for name in dir(part):
            if name.startswith("_") or OURS.fullmatch(name):
                continue
            value = getattr(part, name)
            if isinstance(value, (bool, int, float, np.ndarray, np.generic)):
                found[prefix + name] = np.asarray(value, dtype=np.float64)
    return found


def apart(ours, theirs):
    """The largest relative difference of two arrays; infinite if their shapes differ."""
    if ours.shape != theirs.shape:
        return np.inf
    size = np.maximum(np.abs(ours), np.abs(theirs))
    differs = ours != theirs
    return float(np.max(np.abs(ours - theirs)[differs] / size[differs], initial=0.0))


def names(model):
    """Names of the elements, a list a kind."""
    kinds = {kind: getattr(mujoco.mjtObj, f"mjOBJ_{kind}") for kind in KINDS}
    count = {
        "BODY": model.nbody,
        "JOINT": model.njnt,
        "GEOM": model.ngeom,
        "SITE": model.nsite,
        "TENDON": model.ntendon,
        "ACTUATOR": model.nu,
        "SENSOR": model.nsensor,
        "EQUALITY": model.neq,
        "PAIR": model.npair,
        "EXCLUDE": model.nexclude,
    }
    return {kind: [mujoco.mj_id2name(model, of, i) for i in range(count[kind])] for kind, of in kinds.items()}


def steps(ours, theirs, rng):
    """The largest relative difference of states over random steps."""
    pair = [(model, mujoco.MjData(model)) for model in (ours, theirs)]
    worst = 0.0
    for _ in range(STARTS):
        qpos = theirs.qpos0 + rng.uniform(-0.1, 0.1, theirs.nq)
        qvel = rng.normal(0.0, 0.5, theirs.nv)
        for model, data in pair:
            mujoco.mj_resetData(model, data)
            data.qpos[:], data.qvel[:] = qpos, qvel
        for _ in range(STEPS):
            ctrl = rng.uniform(*theirs.actuator_ctrlrange.T)
            for model, data in pair:
                data.ctrl[:] = ctrl
                mujoco.mj_step(model, data)
            states = [np.concatenate([data.qpos, data.qvel]) for _, data in pair]
            assert np.isfinite(states[1]).all()
            worst = max(worst, apart(*states))
    return worst


def compare(name, ours, theirs, rng):
    """Prints a robot's line, and what is wrong with it; whether nothing is."""
    own, other = numbers(ours), numbers(theirs)
    assert own.keys() == other.keys()
    differences = {key: apart(own[key], other[key]) for key in own}
    largest = max(differences.values())
    # Models of other shapes cannot be stepped together.
    moved = steps(ours, theirs, rng) if largest < np.inf else np.inf
    print(name, len(own), largest, STARTS * STEPS, moved)
    wrong = [f"{key}: {value}" for key, value in differences.items() if value > TOLERANCE]
    wrong += [f"names: {kind}" for kind, of in names(ours).items() if of != names(theirs)[kind]]
    if largest == 0.0 and moved > 0.0:
        wrong.append(f"the same numbers move otherwise: {moved}")
    for line in wrong:
        print(f"{name}: {line}", file=sys.stderr)
    return not wrong


def main():
    folder = Path(sys.argv[1])
    good = []
    for index, (name, asset) in enumerate(ROBOTS.items()):
        ours = mujoco.MjModel.from_xml_path(str(folder / f"{name}.xml"))
        theirs = mujoco.MjModel.from_xml_path(str(ASSETS / asset))
        good.append(compare(name, ours, theirs, np.random.default_rng([2026, index])))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
