"""The console script is the command line."""

import pathlib
import subprocess
import sys

import wr2l


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = pathlib.Path(sys.executable).parent / "wr2l"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_it_lists_tasks_and_ends_with_the_exit_codes_of_the_command() -> None:
    done = script("tasks")
    assert done.returncode == 0 and all(task in done.stdout for task in wr2l.tasks())
    assert script("--help").returncode == 0
    assert script("train", "hoper").returncode == 2
    assert script("report", "nowhere", "-o", "page.html").returncode in (1, 2)


def test_mujoco_is_within() -> None:
    assert "mujoco" in wr2l.physics_of("hopper")
