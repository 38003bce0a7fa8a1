"""Every example runs, as it stands."""

import pathlib
import subprocess
import sys

import pytest

# What people come with: each has a program to start from.
PROMISED = {"first_minute", "judge_sb3", "own_environment", "own_robot", "own_ppo"}
EXAMPLES = sorted((pathlib.Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = subprocess.run([sys.executable, example], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout, done.stderr


def test_every_promised_example_is_there_and_none_needs_pytorch() -> None:
    assert {path.stem for path in EXAMPLES} >= PROMISED
    imported = [line for path in EXAMPLES for line in path.read_text().splitlines() if "import torch" in line]
    assert imported == []
