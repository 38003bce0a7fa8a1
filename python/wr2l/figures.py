"""The figures and the page that the command line makes, of tables and runs."""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import _native
from .judging import Table
from .policies import Policy

# A run folder or policy file, or a policy.
Ran = str | os.PathLike[str] | Policy


def figure(
    path: str | os.PathLike[str],
    tables: Table | Sequence[Table],
    *,
    runs: Policy | str | os.PathLike[str] | Sequence[Policy | str | os.PathLike[str]] = (),
    force: bool = False,
) -> None:
    """Writes the figure of tables over the same systems as SVG: the one that `wr2l evaluate` draws.

    It has curves over one parameter of a grid, heat maps over two, and histograms over random systems and larger grids. With
    the `runs` that were judged, the ball in which they were trained is drawn into a heat map.

    Raises `UsageError` for tables over different systems or of different tasks, and for what a search found, of which no
    figure is drawn; `FileError` where it cannot be written, or exists (unless `force`).
    """
    _native.figure(os.fspath(path), _tables(tables), _runs(runs), force)


def report(
    path: str | os.PathLike[str],
    tables: Table | Sequence[Table] = (),
    *,
    runs: Policy | str | os.PathLike[str] | Sequence[Policy | str | os.PathLike[str]] = (),
    title: str = "",
    physics: str | None = None,
    force: bool = False,
) -> None:
    """Writes one self-contained HTML page of tables and runs: the one that `wr2l report` writes.

    Tables show summary and figures, those over the same systems together; of a run its curves, the tables in its folder
    and a replay of its policy are shown, too, on `physics` if that is given. A policy that is a function has a table, and no
    replay.

    Raises `UsageError` if there is nothing to show, or there are several tasks; `FileError` where it cannot be
    written, or exists (unless `force`).
    """
    _native.report(os.fspath(path), _tables(tables), _runs(runs), title, physics, force)


def _tables(tables: Table | Sequence[Table]) -> list[_native.Table]:
    return [table._native for table in ([tables] if isinstance(tables, Table) else tables)]


def _runs(runs: Ran | Sequence[Ran]) -> list[str | _native.Policy]:
    several = [runs] if isinstance(runs, str | os.PathLike | Policy) else runs
    return [run._native if isinstance(run, Policy) else os.fspath(run) for run in several]
