"""Studies: many independent runs with their evaluations, from one file or dictionary."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _native
from ._errors import FileError, SimulationError, UsageError
from .judging import Table

Column = npt.NDArray[Any]


class Entry(NamedTuple):
    """A run of a study with its evaluations."""

    name: str
    """Task, method and seed, `hopper-robust-s3`: unique in the study."""
    task: str
    """The task."""
    method: str
    """The method, as the study calls it."""
    seed: int
    """The seed."""
    run: str
    """The run folder."""
    log: str
    """The file with what its commands said."""


class Standing(NamedTuple):
    """Where an entry stands."""

    name: str
    """The entry's name."""
    standing: str
    """`finished`, `running`, `stopped` (the next call goes on with it), `failed` or `waiting`."""
    exit_code: int | None
    """What a failed one ended with; None of others."""
    end_of_log: list[str]
    """The last lines of a failed one's log; empty of others."""


class Columns(Mapping[str, Column]):
    """A table by columns: arrays of numbers or of texts, `[rows]`, with NaN where a number is missing."""

    def __init__(self, columns: dict[str, Column]) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> Column:
        """The column of that name, `[rows]`. Raises `UsageError` where there is none."""
        if name not in self._columns:
            raise UsageError(f"no column `{name}`; there are `{'`, `'.join(self._columns)}`")
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """The number of columns."""
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def to_pandas(self) -> Any:
        """A data frame of the columns. Raises `ImportError` without pandas."""
        import pandas

        return pandas.DataFrame(self._columns)

    def __repr__(self) -> str:
        return f"<wr2l.Columns {', '.join(self._columns)}>"


class Collected:
    """What the runs of a study came to, as far as they are finished."""

    def __init__(self, finished: int, entries: int, runs: str, tables: list[tuple[str, str, str, str]]) -> None:
        #: How many entries are finished.
        self.finished = finished
        #: Of how many.
        self.entries = entries
        #: A row an entry: name, task, method, seed, standing, and what its training came to (`seconds` in s).
        self.runs = _columns(runs)
        self._tables = {(task, evaluation): (results, statistics) for task, evaluation, results, statistics in tables}

    @property
    def evaluations(self) -> list[tuple[str, str]]:
        """The pairs of task and evaluation of which something is finished."""
        return list(self._tables)

    def tables(self, task: str, evaluation: str) -> list[Table]:
        """The results of one evaluation, a table a policy.

        `table.provenance` tells them apart: `method`, and `training_seed`. Raises `UsageError` where nothing of the
        pair is finished, and `FileError` for a file that was changed since.
        """
        return [Table(native) for native in _native.read_tables(self._paths(task, evaluation)[0])]

    def statistics(self, task: str, evaluation: str) -> Columns:
        """Statistics across the seeds, a row a method and measure, with 95 % intervals (`docs/evaluation.md`).

        Raises `UsageError` and `FileError` as `tables` does.
        """
        return _columns(self._paths(task, evaluation)[1])

    def _paths(self, task: str, evaluation: str) -> tuple[str, str]:
        if (task, evaluation) not in self._tables:
            known = ", ".join(f"`{a}` `{b}`" for a, b in self._tables) or "nothing"
            raise UsageError(f"nothing of `{task}` `{evaluation}` is collected; there is {known}")
        return self._tables[task, evaluation]

    def __repr__(self) -> str:
        return f"<wr2l.Collected {self.finished} of {self.entries} runs>"


class Sweep:
    """A study: tasks × methods × seeds, each trained and evaluated by commands of its own.

    Everything lies in the folder `output`, as of `wr2l sweep`: either goes on with what the other began.
    """

    def __init__(self, native: _native.Sweep) -> None:
        self._native = native

    @property
    def name(self) -> str:
        """Its name."""
        return self._native.name

    @property
    def output(self) -> str:
        """The folder of everything: `runs/`, `logs/`, `collected/`."""
        return self._native.output

    @property
    def threads(self) -> int:
        """Threads of an entry."""
        return self._native.threads

    @property
    def evaluations(self) -> list[str]:
        """Names of the evaluations."""
        return self._native.evaluations

    @property
    def entries(self) -> list[Entry]:
        """All entries, seed by seed."""
        return [Entry(*entry) for entry in self._native.entries()]

    def lines(self) -> list[str]:
        """A line for a POSIX shell of every entry that is not finished: for any scheduler, in any order.

        Raises `SimulationError` in an interpreter that does not know its own file.
        """
        return self._native.lines()

    def run(
        self, *, local: int | None = None, callback: Callable[[dict[str, Any]], object] | None = None
    ) -> None:
        """Runs what is not finished, `local` entries at a time, each in processes of its own.

        Usual is as many as have a core for each of their threads. `callback` is told of each entry that ends, as a
        dictionary: `name`, `ended` of `entries`, `how` (`finished`, `failed`, or `stopped`: to be called again) and
        `why`; by returning False it stops the rest. What is stopped, also by Ctrl-C, writes its checkpoints, and the
        next call goes on.

        Raises `SimulationError` if entries failed, after all others have ended; `UsageError` for a `local` below 1.
        """

        def told(ended: int, entries: int, name: str, how: str, why: str) -> bool:
            event = {"name": name, "ended": ended, "entries": entries, "how": how, "why": why}
            return callback is None or callback(event) is not False

        failed, _ = self._native.run(local, told)
        if failed:
            (first,) = [one for one in self.status() if one.name == failed[0]]
            end = "".join(f"\n  {line}" for line in first.end_of_log)
            raise SimulationError(
                f"{len(failed)} of {len(self.entries)} runs failed, {failed[0]} the first; `status()` has the ends of "
                f"their logs{', its own is' if end else ''}{end}"
            )

    def status(self) -> list[Standing]:
        """Where every entry stands, as the folders tell: also while others run them."""
        standings = zip(self._native.entries(), self._native.standings(), strict=True)
        return [Standing(entry[0], *standing) for entry, standing in standings]

    def collect(self) -> Collected:
        """Writes the tables of what is finished by now into `collected/`, and reads them.

        Raises `FileError` for results that cannot be read, or a folder that cannot be written into.
        """
        return Collected(*self._native.collect())

    def __len__(self) -> int:
        """The number of entries."""
        return len(self._native.entries())

    def __repr__(self) -> str:
        standings = [one.standing for one in self.status()]
        counts = {word: standings.count(word) for word in dict.fromkeys(standings)}
        return f"<wr2l.Sweep {self.name}: {', '.join(f'{count} {word}' for word, count in counts.items())}>"


def sweep(
    study: str | os.PathLike[str] | Mapping[str, Any],
    *,
    name: str | None = None,
    local: int | None = None,
    callback: Callable[[dict[str, Any]], object] | None = None,
) -> Sweep:
    """The study of a file, or of a dictionary with the keys of one (`docs/machines.md`).

    All of it is checked before anything starts. With `local` what is not finished is run first, so many entries at a
    time (`Sweep.run`, whose `callback` this is); without, nothing is started. `name` is that of a dictionary's study
    (usual: `sweep`), and of the folder it goes to, if `output` does not say where.

    Raises `UsageError` for a mistake in the study, with its place; `FileError` for a file that cannot be read; and
    what `Sweep.run` does.
    """
    if isinstance(study, Mapping):
        made = Sweep(_native.Sweep.of("sweep" if name is None else name, dict(study)))
    elif name is not None:
        raise UsageError("`name` is for dictionaries: a file's study is called as the file")
    else:
        made = Sweep(_native.Sweep.read(os.fspath(study)))
    if local is not None:
        made.run(local=local, callback=callback)
    return made


def _columns(path: str) -> Columns:
    try:
        with open(path, newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: {error}") from error
    return Columns({name: _array([row[i] for row in rows]) for i, name in enumerate(header)})


def _array(cells: list[str]) -> Column:
    """Whole numbers, numbers with NaN for what is empty, or texts."""
    for kind in (np.int64, np.float64):
        try:
            return np.array([cell or "nan" for cell in cells], dtype=kind)
        except ValueError:
            continue
    return np.array(cells)
