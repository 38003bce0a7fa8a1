"""Prints ours beside theirs, with the ratio. Called by `cargo xtask bench-peers`.

Arguments: the program `wr2l`, the rounds, and the seconds of a measurement. In every round each of ours is measured
right before each of theirs, so that what else the machine does meets both alike; what is printed are medians.
"""

import importlib.metadata
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

WR2L, ROUNDS, SECONDS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
ONLY = sys.argv[4:]

MUJOCO_TASKS = ["hopper", "walker2d", "half-cheetah", "inverted-pendulum"]
WIDE = "avx512" in pathlib.Path("/proc/cpuinfo").read_text(errors="replace")
# Goals of the planar physics with eight lanes in a register; a third of that with four or fewer.
PHYSICS_GOAL = {"hopper": 90, "walker2d": 60, "half-cheetah": 38}
ROLLOUT_GOAL = {"hopper": 60, "walker2d": 50, "half-cheetah": 40}
LANES_TASKS = ["ant", "humanoid", "humanoid-standup", "inverted-double-pendulum", "swimmer", "reacher"]
PEER = {
    "mujoco": "bare mj_step",
    "envpool": "EnvPool",
    "batch": "mujoco.batch",
    "torch": "PyTorch, 1 thread",
    "sb3": "Stable-Baselines3",
    "wr2l": "wr2l, 1 thread",
}


def rows():
    """(what, ours, theirs, goal): names of measurements, and the least ratio that is aimed at."""
    share = 1 if WIDE else 3
    for task in MUJOCO_TASKS:
        goal = 0.9 if task != "inverted-pendulum" else None
        yield f"rollout with policy, MuJoCo: {task}", f"rollout/{task}/mujoco/1", f"mujoco/{task}", goal
    for task in MUJOCO_TASKS[:3]:
        yield f"rollout on two threads, MuJoCo: {task}", f"rollout/{task}/mujoco/2", f"wr2l/rollout/{task}/mujoco/1", 1.9
    for task in MUJOCO_TASKS:
        yield f"rollout with policy, MuJoCo: {task}", f"rollout/{task}/mujoco/2", f"envpool/{task}/2", 1.4
    for task in MUJOCO_TASKS:
        yield f"rollout with policy, MuJoCo: {task}", f"rollout/{task}/mujoco/2", f"batch/{task}/2", 1
    for task in MUJOCO_TASKS:
        goal = PHYSICS_GOAL[task] / share if task in PHYSICS_GOAL else None
        yield f"physics alone, planar: {task}", f"simulate/{task}/planar/1", f"mujoco/{task}", goal
    for task in MUJOCO_TASKS:
        goal = ROLLOUT_GOAL[task] / share if task in ROLLOUT_GOAL else None
        yield f"rollout with policy, planar: {task}", f"rollout/{task}/planar/2", f"envpool/{task}/2", goal
    for task in LANES_TASKS:
        yield f"whole steps, lanes: {task}", f"simulate/{task}/lanes/1", f"mujoco/{task}", None
    for peer in ["batch", "envpool"]:
        for task in LANES_TASKS:
            yield f"rollout with policy, lanes: {task}", f"rollout/{task}/lanes/2", f"{peer}/{task}/2", None
    yield "PPO update, minibatch 64", "update/64/1", "torch/update/64", 15
    yield "PPO update, minibatch 2048", "update/2048/1", "torch/update/2048", 2
    yield "PPO update on two threads, minibatch 64", "update/64/2", "wr2l/update/64/1", None
    yield "PPO update on two threads, minibatch 256", "update/256/2", "wr2l/update/256/1", 1.6
    for learner in ["ddpg", "td3"]:
        for width, goal in [(64, 10), (256, 3 if WIDE else 1.8)]:
            name = f"update-{learner}/{width}"
            what = f"{learner.upper()} gradient step"
            yield f"{what}, width and batch {width}", f"{name}/1", f"sb3/{learner}/{width}", goal
            yield f"{what} on two threads, width and batch {width}", f"{name}/2", f"wr2l/{name}/1", None
    yield "PPO training, MuJoCo: hopper", "training/hopper/mujoco/2", "sb3/ppo/hopper", 15
    yield "PPO training, planar: hopper", "training/hopper/planar/2", "sb3/ppo/hopper", 50


class Theirs:
    """Processes that measure, one per kind, started when first asked."""

    def __init__(self):
        self.processes = {}

    def ask(self, name):
        kind = name.split("/")[0]
        if kind == "wr2l":
            return ours(name[len("wr2l/") :])
        if kind not in self.processes:
            script = pathlib.Path(__file__).with_name("rivals.py")
            self.processes[kind] = subprocess.Popen(
                [sys.executable, str(script), str(SECONDS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        process = self.processes[kind]
        print(name, file=process.stdin, flush=True)
        for line in process.stdout:
            try:
                return float(line)
            except ValueError:
                pass  # Something that a library had to say.
        sys.exit(f"error: the process that measures {name} has ended")


def ours(name):
    command = [WR2L, "bench", name, "--json", "--repeats", "1", "--seconds", str(SECONDS), "--threads", "2"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    values = {value["name"]: value for value in map(json.loads, answer.splitlines()[1:])}
    for value in values.values():
        extra.setdefault(value["name"], []).append(value["median"])
    return values[name]["median"]


def show(name, value):
    return f"{value:,.1f} µs" if "update" in name else f"{value:,.0f} steps/s"


extra = {}
theirs = Theirs()
table = [row for row in rows() if not ONLY or any(part in row[1] or part in row[2] for part in ONLY)]
samples = {(row, side): [] for row in table for side in "ot"}
begun, load = time.time(), os.getloadavg()
for row in table:
    theirs.ask(row[2])  # Imports and warming up, before anything counts.
for turn in range(ROUNDS):
    for row in table:
        print(f"\r\x1b[Kround {turn + 1} of {ROUNDS}: {row[1]}", end="", file=sys.stderr, flush=True)
        samples[row, "o"].append(ours(row[1]))
        samples[row, "t"].append(theirs.ask(row[2]))
print("\r\x1b[K", end="", file=sys.stderr)

cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown CPU")
versions = ["mujoco", "gymnasium", "envpool", "torch", "stable-baselines3"]
print(f"{cpu}, {os.cpu_count()} cores, {'AVX-512' if WIDE else 'no AVX-512'}; load {load[0]:.2f} before,", end=" ")
print(f"{os.getloadavg()[0]:.2f} after; medians of {ROUNDS} rounds, {time.time() - begun:.0f} s in total")
print("; ".join(f"{name} {importlib.metadata.version(name)}" for name in versions), end="\n\n")
print("| what | threads | ours | theirs | whose | ratio | goal |\n|---|---|---|---|---|---|---|")
for row in table:
    what, name, other, goal = row
    mine, his = statistics.median(samples[row, "o"]), statistics.median(samples[row, "t"])
    ratio = his / mine if "update" in name else mine / his
    aim = "–" if goal is None else f"≥ {goal:.3g}"
    cells = [what, name[-1], show(name, mine), show(name, his), PEER[other.split("/")[0]], f"{ratio:.3g}", aim]
    print("| " + " | ".join(cells) + " |")
for name, values in extra.items():
    if name.startswith("peak-memory"):
        cells = [f"peak memory of {name[12:-2]}", name[-1], f"{max(values):.1f} MB", "", "", "", "≤ 150 MB"]
        print("| " + " | ".join(cells) + " |")
