"""Training: whole runs, and sessions a step at a time."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native
from .own import Simulator
from .policies import Policy

# What is told of a run: a dictionary whose `event` is "iteration", "adversary" or "warning". False stops the run.
Callback = Callable[[dict[str, Any]], object]


class Session:
    """A learner and an adversary at play, in memory, a step at a time.

    Keyword arguments are the keys of `plan.toml`: nested (`ppo={"learning_rate": 1e-4}`) or with dots
    (`**{"ppo.learning_rate": 1e-4}`), and `epsilon`, `half_width`, `learner`, `adversary`, `from_` as the flags of
    these names. `plan` is a file of them, which they change. The same plan and seed give the same policy for any number of
    threads.

    Raises `UsageError` for a setting that makes no sense, with its key; `FileError` for a plan that cannot be read.
    """

    def __init__(
        self,
        task: str | Simulator | None = None,
        *,
        plan: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        **settings: Any,
    ) -> None:
        file = None if plan is None else os.fspath(plan)
        on = task._native if isinstance(task, Simulator) else task
        self._native = _native.Session(on, file, _paths_as_text(settings), _threads(threads))

    def step(self) -> list[dict[str, Any]]:
        """The adversary's turn, if that is due, and one improvement of the policy.

        What happened, in order: dictionaries with an `event`. Empty once the session has ended.

        Raises `SimulationError` where learning broke down, or in a fork of the process; and what a simulator of your
        own raises, after which the session cannot go on.
        """
        return self._native.step()

    @property
    def ending(self) -> str | None:
        """How it has ended: `budget` or `entropy`; None while it can go on."""
        return self._native.ending

    @property
    def progress(self) -> dict[str, Any]:
        """Where it stands: steps, episodes, recent_return and so on."""
        return self._native.progress

    @property
    def policy(self) -> Policy:
        """The policy as it stands."""
        return Policy(self._native.policy)

    @property
    def plan(self) -> str:
        """The whole plan, as `plan.toml` has it."""
        return self._native.plan


class Run:
    """What a run came to."""

    def __init__(
        self, policy: Policy, ending: str, progress: dict[str, Any], events: list[dict[str, Any]], folder: str | None
    ) -> None:
        self.policy = policy
        #: `budget`, `entropy` or `interrupted`.
        self.ending = ending
        #: Where it ended.
        self.progress = progress
        #: All that was told of it.
        self.events = events
        #: Its folder, if it has one.
        self.folder = folder

    @property
    def history(self) -> dict[str, npt.NDArray[Any]]:
        """Columns over the iterations, `[iterations]` each: `steps`, `recent_return`, `entropy` and so on."""
        rows = [event for event in self.events if event["event"] == "iteration"]
        names = [name for name in rows[0] if name != "event"] if rows else []
        return {name: np.array([row[name] for row in rows]) for name in names}

    def to_pandas(self) -> Any:
        """The history as a data frame. Raises `ImportError` without pandas."""
        import pandas

        return pandas.DataFrame(self.history)

    def __repr__(self) -> str:
        return f"<wr2l.Run {self.policy!r}, ended by {self.ending}>"


def train(
    task: str | Simulator | None = None,
    *,
    plan: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    callback: Callback | None = None,
    threads: int | None = None,
    **settings: Any,
) -> Run:
    """Trains a policy as `wr2l train` does; without `out` nothing is written.

    Keyword arguments are those of `Session`. `callback` is told every event, and stops the run by returning False.
    With `out` the run goes to that folder, with its plan, logs and checkpoints: `resume` goes on from it, `evaluate` and
    `Policy.load` read it. `force` replaces a run that is there. What a simulator of your own raises stops the run, which
    stays as its last checkpoint has it.

    Raises `UsageError` for a setting that makes no sense; `FileError` for a folder that exists, is in use, or cannot be
    written into; `SimulationError` where learning broke down; and what the callback or a simulator raises.
    """
    events: list[dict[str, Any]] = []
    told = _telling(events, callback)
    if out is not None:
        folder = os.fspath(out)
        file = None if plan is None else os.fspath(plan)
        own = task if isinstance(task, Simulator) else None
        on = task._native if isinstance(task, Simulator) else task
        ending, progress = _native.train_into(on, file, _paths_as_text(settings), _threads(threads), folder, force, told)
        return Run(Policy.load(folder, own), ending, progress, events, folder)
    session = Session(task, plan=plan, threads=threads, **settings)
    go_on = True
    while go_on and session.ending is None:
        for event in session.step():
            go_on = told(event) and go_on
    return Run(session.policy, session.ending or "interrupted", session.progress, events, None)


def resume(
    folder: str | os.PathLike[str],
    simulator: Simulator | None = None,
    *,
    steps: int | None = None,
    accept_changed_plan: bool = False,
    callback: Callback | None = None,
    threads: int | None = None,
) -> Run:
    """Goes on with the run in a folder, to the same policy, bit for bit, as without the stop.

    A run on a simulator of your own needs that `simulator` again: no folder can hold functions. Their names, and the
    shapes, limits and parameters of the environment must be those that the run was begun with. `steps` is another
    number of steps in all, also for a run that has come to its end. Of a run that is finished nothing is done.
    `callback` and `threads` are as of `train`; `events` and `history` of the result begin here.

    Raises `UsageError` for a simulator that is missing or another one, and for a `plan.toml` that was changed, unless
    `accept_changed_plan`; `FileError` for a folder that holds no run, is in use, or is damaged; and what an environment
    or the callback raises.
    """
    events: list[dict[str, Any]] = []
    path, own = os.fspath(folder), None if simulator is None else simulator._native
    told = _telling(events, callback)
    ending, progress = _native.resume_into(path, own, steps, accept_changed_plan, _threads(threads), told)
    return Run(Policy.load(path, simulator), ending, progress, events, path)


def _telling(events: list[dict[str, Any]], callback: Callback | None) -> Callable[[dict[str, Any]], bool]:
    """What the native half tells: kept, warned of, and passed on."""

    def told(event: dict[str, Any]) -> bool:
        events.append(event)
        if event["event"] == "warning":
            warnings.warn(event["text"], stacklevel=3)
        return callback is None or callback(event) is not False

    return told


def _paths_as_text(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in settings.items()}


def _threads(threads: int | None) -> int:
    return threads if threads is not None else os.cpu_count() or 1
