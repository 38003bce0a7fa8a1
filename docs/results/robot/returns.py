"""Returns of one trained policy on either side: tasks after Gymnasium's here, and Gymnasium's own.

    python returns.py FOLDER [STEPS EPISODES [TASK [STARTS [SEED]]]]

Trains a policy a task in FOLDER by the `wr2l` that the environment names in WR2L, evaluates it here by `wr2l evaluate` and
in Gymnasium by the block of README.md, and writes FOLDER/returns.csv. A difference whose interval is without 0 is looked at
again in ten times as many other episodes; one that is far away is an error. What is in the table is not done again. With a TASK,
that task alone, in the episodes of SEED (1); STARTS are `drawn`, or `unit`: quaternions where Gymnasium's episodes start are
divided by their length. With `replay` for STARTS, Gymnasium's episodes are played again here by `wr2l simulate`, from the same
states with the same actions, and what differs is printed. Needs gymnasium, mujoco and safetensors.
"""

import csv
import os
import pathlib
import statistics
import subprocess
import sys
import types

# Nothing is drawn, so the renderer and the packages that it needs are left out.
_renderer = types.ModuleType("gymnasium.envs.mujoco.mujoco_rendering")
_renderer.MujocoRenderer = lambda *args, **kwargs: None
sys.modules[_renderer.__name__] = _renderer

import gymnasium  # noqa: E402
import numpy as np  # noqa: E402

TASKS = {
    "ant": "Ant-v5",
    "humanoid": "Humanoid-v5",
    "humanoid-standup": "HumanoidStandup-v5",
    "swimmer": "Swimmer-v5",
    "reacher": "Reacher-v5",
    "pusher": "Pusher-v5",
    "inverted-double-pendulum": "InvertedDoublePendulum-v5",
}
# What the batched engine moves, too.
ON_LANES = ["swimmer"]
COLUMNS = ["task", "ours_on", "starts", "seed", "episodes", "ours_mean", "ours_se", "ours_length"]
COLUMNS += ["gymnasium_mean", "gymnasium_se", "gymnasium_length", "difference", "low", "high"]
# Standard errors in a 95 % interval, and how many are no accident in any of eight comparisons: one in a thousand runs.
INTERVAL, FAR = 1.96, 3.8


def policy(path):
    """The policy of a file, by the block of README.md."""
    readme = (pathlib.Path(__file__).parents[3] / "README.md").read_text()
    blocks = [rest.split("```")[0] for rest in readme.split("```python\n")[1:]]
    [block] = [block for block in blocks if "policy.safetensors" in block]
    names = {}
    exec(block.replace('"runs/hopper-wr2l-population-s0/policy.safetensors"', repr(str(path))), names)
    return names["policy"]


def evaluated(run, physics, seed, episodes):
    """Mean, standard error and mean length at nominal dynamics here."""
    wr2l = os.environ.get("WR2L", "wr2l")
    out = run.parent / f"{run.name}-{physics}"
    options = ["--sweep", "motor=1", "--physics", physics, "--seed", str(seed), "--episodes", str(episodes)]
    subprocess.run([wr2l, "evaluate", run, *options, "--force", "-o", out], check=True, stdout=subprocess.DEVNULL)
    [table] = (out / "results").glob("*.csv") if (out / "results").is_dir() else out.glob("*.csv")
    with table.open() as file:
        [row] = [row for row in csv.DictReader(file) if row["system"] == "nominal"]
    assert (row["physics"], row["episodes"], row["diverged"]) == (physics, str(episodes), "0"), row
    return [float(row[name]) for name in ("return_mean", "return_se", "length_mean")]


def start_from_unit_quaternions(env):
    """Quaternions of the free joint as they are after a reset here."""
    set_state = env.set_state

    def unit(positions, velocities):
        positions = positions.copy()
        positions[3:7] /= np.linalg.norm(positions[3:7])
        set_state(positions, velocities)

    env.set_state = unit


def played(run, name, starts, seed, episodes):
    """The same in Gymnasium."""
    actor, env = policy(run / "policy.safetensors"), gymnasium.make(name)
    if starts == "unit":
        start_from_unit_quaternions(env.unwrapped)
    returns, lengths = [], []
    for episode in range(episodes):
        observation, _ = env.reset(seed=1_000_000 * seed + episode)
        actor.begin()
        total, length, over = 0.0, 0, False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(actor.act(observation))
            total, length, over = total + float(reward), length + 1, terminated or truncated
        returns.append(total)
        lengths.append(length)
    return [statistics.mean(returns), statistics.stdev(returns) / episodes**0.5, statistics.mean(lengths)]


def replayed(run, name, seed, episodes):
    """The largest differences of states, observations, rewards and ends between Gymnasium's episodes and the same ones here."""
    actor, env = policy(run / "policy.safetensors"), gymnasium.make(name)
    state, actions, out = (run.parent / f"replay-{part}.csv" for part in ("state", "actions", "out"))
    options = ["--initial-state", state, "--actions", actions, "--ignore-termination", "--force", "-o", out]
    command = [os.environ.get("WR2L", "wr2l"), "simulate", run.name, "--physics", "mujoco", *options]
    largest, steps, most = np.zeros(4), 0, 0
    for episode in range(episodes):
        observation, _ = env.reset(seed=1_000_000 * seed + episode)
        actor.begin()
        start, acted, theirs, over = env.unwrapped.state_vector(), [], [], False
        while not over:
            acted.append(actor.act(observation))
            observation, reward, terminated, truncated, _ = env.step(acted[-1])
            theirs.append([*env.unwrapped.state_vector(), *observation, reward, terminated])
            over = terminated or truncated
        for path, rows in ((state, [start]), (actions, acted)):
            np.savetxt(path, rows, delimiter=",", fmt="%.17g")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        # Without the number of the step, and whether the time is over.
        ours = np.loadtxt(out, delimiter=",", skiprows=1, ndmin=2)[:, 1:-1]
        assert ours.shape == np.shape(theirs), (ours.shape, np.shape(theirs))
        apart = np.abs(ours - theirs).max(axis=0)
        parts = np.split(apart, [len(start), len(start) + len(observation), -1])
        largest = np.maximum(largest, [part.max() for part in parts])
        steps, most = steps + len(acted), max(most, len(acted))
    names = ("states", "observations", "rewards", "ends")
    found = ", ".join(f"{name} {number:.3g}" for name, number in zip(names, largest, strict=True))
    print(f"{run.name}: {episodes} episodes, {steps} steps, at most {most} in one; apart by at most: {found}", flush=True)


def compared(run, name, physics, starts, seed, episodes):
    """A line of the table."""
    ours, theirs = evaluated(run, physics, seed, episodes), played(run, name, starts, seed, episodes)
    difference, error = ours[0] - theirs[0], (ours[1] ** 2 + theirs[1] ** 2) ** 0.5
    numbers = [*ours, *theirs, difference, difference - INTERVAL * error, difference + INTERVAL * error]
    return [run.name, physics, starts, str(seed), str(episodes), *(f"{number:.6g}" for number in numbers)]


def main(folder, steps="200k", episodes="200", only=None, starts="drawn", seed="1"):
    starts = "as drawn" if starts == "drawn" else starts
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    table, apart = folder / "returns.csv", []
    rows = list(csv.reader(table.open()))[1:] if table.exists() else []
    looks = [(int(seed), int(episodes))] if only else [(0, int(episodes)), (1, 10 * int(episodes))]
    for task, name in TASKS.items():
        if only not in (None, task):
            continue
        run = folder / task
        if not (run / "policy.safetensors").exists():
            physics = "lanes" if task in ON_LANES else "mujoco"
            options = ["--algorithm", "ppo", "--physics", physics, "--steps", steps, "--seed", "1"]
            options += ["--no-report", "--quiet", "-o", run]
            subprocess.run([os.environ.get("WR2L", "wr2l"), "train", task, *options], check=True)
        if starts == "replay":
            replayed(run, name, int(seed), int(episodes))
            continue
        for physics in ["mujoco"] + ["lanes"] * (task in ON_LANES):
            for seed, count in looks:
                done = [row for row in rows if row[:5] == [task, physics, starts, str(seed), str(count)]]
                row = done[0] if done else compared(run, name, physics, starts, seed, count)
                rows += [row] * (not done)
                rows.sort(key=lambda row: (list(TASKS).index(row[0]), row[1], row[2], int(row[3])))
                with table.open("w", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
                difference, low, high = map(float, row[-3:])
                print(f"{task} on {physics}: {row[5]} and {row[8]}; apart {low:.3g} to {high:.3g}", flush=True)
                if abs(difference) > FAR / INTERVAL * (high - low) / 2:
                    apart.append(f"{task} on {physics}")
                if low <= 0 <= high:
                    break
    if apart:
        sys.exit(f"not the same: {', '.join(apart)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
