"""Figures and pages: those of the command line, byte for byte, and what makes no sense."""

import pathlib
from typing import Any

import numpy as np
import pytest
from test_judging import command

import wr2l

GRID = ["--sweep", "pole_half_length=0.2:2:4"]
PLANE = [*GRID, "--sweep", "pole_mass=0.05:0.2:3"]


def right(observations: np.ndarray) -> np.ndarray:
    """Pushes to the right, always."""
    return np.ones(len(observations))


@pytest.mark.parametrize(
    ("flags", "ask"),
    [
        (GRID, {"sweep": {"pole_half_length": "0.2:2:4"}}),
        (PLANE, {"sweep": {"pole_half_length": "0.2:2:4", "pole_mass": "0.05:0.2:3"}}),
        (["--random", 7, "--half-width", 0.4], {"random": 7, "half_width": 0.4}),
    ],
    ids=["curve", "map", "histogram"],
)
def test_a_figure_and_a_page_are_the_command_lines_byte_for_byte(
    run_folder: pathlib.Path, tmp_path: pathlib.Path, flags: list[object], ask: dict[str, Any]
) -> None:
    theirs = tmp_path / "theirs"
    done = command("evaluate", run_folder, *flags, "--episodes", 2, "-o", theirs)
    assert done.returncode == 0, done.stderr
    (drawn,) = theirs.glob("*.svg")
    table = wr2l.evaluate(run_folder, episodes=2, **ask)
    wr2l.figure(tmp_path / "ours.svg", table, runs=run_folder)
    assert (tmp_path / "ours.svg").read_bytes() == drawn.read_bytes()

    for title in ("", "Poles & <carts>"):
        flags = ["--results", theirs, "-o", theirs / "page.html", "--force", *(["--title", title] if title else [])]
        done = command("report", run_folder, *flags)
        assert done.returncode == 0, done.stderr
        for run in (run_folder, wr2l.Policy.load(run_folder)):
            wr2l.report(tmp_path / "ours.html", [table], runs=[run], title=title, force=True)
            assert (tmp_path / "ours.html").read_bytes() == (theirs / "page.html").read_bytes()


def test_functions_are_told_apart_by_their_names(tmp_path: pathlib.Path) -> None:
    ask: dict[str, Any] = {"sweep": {"pole_half_length": [0.3, 0.6]}, "episodes": 2}
    names = ["always right", "always left"]
    functions = [right, lambda seen: np.zeros(len(seen))]
    tables = [
        wr2l.evaluate(function, "cartpole", name=name, **ask)
        for function, name in zip(functions, names, strict=True)
    ]
    worst = wr2l.worst_case(right, "cartpole", budget=20, episodes=2, vary=["pole_mass"], name="always right")
    wr2l.figure(tmp_path / "both.svg", tables)
    wr2l.report(tmp_path / "both.html", [*tables, worst])
    figure, page = (tmp_path / "both.svg").read_text(), (tmp_path / "both.html").read_text()
    assert all(name in figure and name in page for name in names)
    assert "worst in" in page

    with pytest.raises(wr2l.UsageError, match="always right.*name of its own"):
        wr2l.report(tmp_path / "twice.html", [tables[0], tables[0]])
    with pytest.raises(wr2l.UsageError, match="`report` shows them"):
        wr2l.figure(tmp_path / "worst.svg", worst)
    with pytest.raises(wr2l.UsageError, match="a table at least"):
        wr2l.figure(tmp_path / "none.svg", [])
    with pytest.raises(wr2l.UsageError, match="nothing to show"):
        wr2l.report(tmp_path / "none.html")
    with pytest.raises(wr2l.UsageError, match="one task"):
        other = wr2l.evaluate(lambda seen: np.zeros((len(seen), 3)), "hopper", sweep={"friction": [2.0]}, episodes=1)
        wr2l.report(tmp_path / "two.html", [tables[0], other])
    with pytest.raises(wr2l.FileError, match="exists"):
        wr2l.figure(tmp_path / "both.svg", tables)
    with pytest.raises(wr2l.FileError, match="exists"):
        wr2l.report(tmp_path / "both.html", tables)
    with pytest.raises(wr2l.FileError):
        wr2l.report(tmp_path / "nowhere" / "page.html", tables)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"both.svg", "both.html"}, "what is refused leaves no file behind"


def test_two_runs_of_one_name_are_refused(run_folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    policy = wr2l.Policy.load(run_folder)
    with pytest.raises(wr2l.UsageError, match="two runs are called"):
        wr2l.report(tmp_path / "page.html", runs=[policy, policy])
