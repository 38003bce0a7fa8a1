"""Judging policies over dynamics: sweeps, random systems, and the worst case that a search finds."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native, onnx, torch_files
from ._errors import UsageError
from .own import Simulator
from .parameters import numbers
from .policies import Policy
from .state_dicts import network

# Observations of some lanes in, their actions out.
BatchPolicy = Callable[[npt.NDArray[np.float64]], npt.ArrayLike]


class Table:
    """Results of one policy over systems: a row a system."""

    def __init__(self, native: _native.Table) -> None:
        self._native = native

    @property
    def parameters(self) -> list[str]:
        """Names of the parameters that the systems change."""
        return self._native.parameters

    @property
    def phi(self) -> npt.NDArray[np.float64]:
        """The systems in physical units, `[systems, parameters]`."""
        return self._native.phi

    @property
    def nominal(self) -> dict[str, float] | None:
        """The results under the parameters' nominal values, by column."""
        return self._native.nominal

    @property
    def statistics(self) -> dict[str, float]:
        """`mean`, `median`, `iqm`, `cvar10` and `worst` of the systems' mean returns."""
        return self._native.statistics

    @property
    def provenance(self) -> dict[str, Any]:
        """What was evaluated, and how."""
        return self._native.provenance

    @property
    def columns(self) -> list[str]:
        """Names of the columns of results."""
        return self._native.columns

    def __getitem__(self, column: str) -> npt.NDArray[np.float64]:
        """A column, `[systems]`: one of `columns`, or a parameter's values."""
        if column in self.parameters:
            return self.phi[:, self.parameters.index(column)]
        return self._native.column(column)

    def __len__(self) -> int:
        return len(self._native)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes the CSV file that `wr2l evaluate` writes; its columns are defined in `docs/evaluation.md`.

        Raises `FileError` where it cannot be written.
        """
        self._native.to_csv(os.fspath(path))

    def to_pandas(self) -> Any:
        """A data frame of parameters and results. Raises `ImportError` without pandas."""
        import pandas

        return pandas.DataFrame({name: self[name] for name in [*self.parameters, *self.columns]})

    def plot(self, ax: Any = None, *, column: str = "return_mean") -> Any:
        """Draws a column over the systems (`wr2l.plots.plot`). Raises `UsageError` as that does."""
        from .plots import plot

        return plot(self, ax, column=column)

    def __repr__(self) -> str:
        return self._native.summary()


def evaluate(
    policy: Policy | BatchPolicy | str | os.PathLike[str] | Any,
    task: str | Simulator | None = None,
    *,
    sweep: Mapping[str, Any] | Sequence[str] | None = None,
    random: int | None = None,
    vary: Sequence[str] | None = None,
    half_width: float | None = None,
    ball: str | os.PathLike[str] | None = None,
    shell: bool = False,
    systems_seed: int = 0,
    episodes: int = 20,
    stochastic: bool = False,
    seed: int = 0,
    physics: str | None = None,
    threads: int | None = None,
    name: str | None = None,
) -> Table:
    """The returns of a policy over systems, by the rules of `wr2l evaluate`: for a policy of ours, its numbers.

    `policy` is a `Policy`, a path (a run folder, a policy file, an ONNX file, weights of PyTorch that
    `wr2l.state_dicts` knows: `.pth`, `.pt`, `.zip`), a model of Stable-Baselines3, or a function that is given
    observations `[lanes, obs_dim]` and returns actions `[lanes, act_dim]`; of a function the lanes under way change
    from call to call.

    `sweep` is `{"friction": (low, high, count)}` as texts, `{"friction": "0.5:3:11"}`, or lists of values; several
    parameters make a grid. `random` systems are drawn from the box of `half_width` around the nominal values of
    `vary`, the ball of the run `ball`, or the shell around it. Without either, the parameters that are usually
    varied are swept. Each system is measured on `episodes` episodes, with means of the actions unless `stochastic`.

    Raises `UsageError` for what makes no sense, and for actions of another shape or not finite; `FileError` for a file
    that holds no policy; and what the function or a simulator of your own raises.
    """
    if sweep is not None and random is not None:
        raise UsageError("ask for a sweep or for random systems, not for both in one table")
    if random is None and (vary is not None or half_width is not None or ball is not None):
        raise UsageError("`vary`, `half_width` and `ball` are about random systems: say how many")
    judged, name = _judged(policy, task, name)
    return Table(
        _native.evaluate(
            judged,
            task._native if isinstance(task, Simulator) else task,
            name,
            physics,
            None if sweep is None else _axes(sweep),
            random,
            systems_seed,
            _place(vary, half_width, ball, shell),
            _how(episodes, stochastic, seed, threads),
        )
    )


def worst_case(
    policy: Policy | BatchPolicy | str | os.PathLike[str] | Any,
    task: str | Simulator | None = None,
    *,
    budget: int = 500,
    vary: Sequence[str] | None = None,
    half_width: float | None = None,
    ball: str | os.PathLike[str] | None = None,
    search: str = "surrogate",
    episodes: int = 20,
    stochastic: bool = False,
    seed: int = 0,
    physics: str | None = None,
    threads: int | None = None,
    name: str | None = None,
) -> Table:
    """The worst systems that a search finds for a policy, the worst first, each measured on fresh episodes.

    The search spends up to `budget` episodes in the box of `half_width` around the nominal values of `vary`, or in
    the ball of the run `ball`. Then each system found is measured on `episodes` fresh ones, as by `evaluate`. `policy`
    is as there. `search` is `"surrogate"`, or `"gradient"` as in the paper.

    Raises `UsageError`, `FileError` and what functions raise, as `evaluate` does.
    """
    if not 1 <= budget < 2**32:
        raise UsageError(f"budget = {budget}: expected at least 1 episode")
    if search not in ("surrogate", "gradient"):
        raise UsageError(f"search = {search}: expected `surrogate` or `gradient`")
    judged, name = _judged(policy, task, name)
    return Table(
        _native.worst_case(
            judged,
            task._native if isinstance(task, Simulator) else task,
            name,
            physics,
            budget,
            search == "gradient",
            _place(vary, half_width, ball, False),
            _how(episodes, stochastic, seed, threads),
        )
    )


class Certificate:
    """What random systems allow to say about all systems of the region that they were drawn from.

    Each statement holds with `confidence`, whatever the distribution of returns is; `docs/evaluation.md` has the proofs.
    """

    def __init__(self, table: Table, found: dict[str, Any]) -> None:
        #: The systems that were drawn, and the returns on them.
        self.table = table
        #: How many.
        self.systems: int = found["systems"]
        #: The confidence of each statement.
        self.confidence: float = found["confidence"]
        #: (share, return): that share of all systems has at least the worst return seen; None if a system diverged.
        self.worst: tuple[float, float] | None = found["worst"]
        #: The same of nine and of nineteen systems out of twenty, where so few systems allow a statement.
        self.shares: list[tuple[float, float]] = found["shares"]
        #: Lower bound on the mean over all systems, if the lowest return that is possible is known.
        self.mean: float | None = found["mean"]
        #: The same of the mean of the worst tenth.
        self.cvar10: float | None = found["cvar10"]
        self._sentence: str = found["sentence"]

    def __repr__(self) -> str:
        return self._sentence


def certify(
    policy: Policy | BatchPolicy | str | os.PathLike[str] | Any,
    task: str | Simulator | None = None,
    *,
    systems: int = 1000,
    confidence: float = 0.95,
    lowest: float | None = None,
    **options: Any,
) -> Certificate:
    """Says what holds for all systems of a region, from random ones, as `wr2l certify` does.

    `systems` of them are drawn, and judged by `evaluate`, whose keyword arguments `options` are (`vary`, `half_width`,
    `ball`, `shell`, `systems_seed`, `episodes` and so on). Bounds on means need `lowest`, the lowest return that the
    task can give.

    Raises `UsageError` for a confidence outside [0.5, 1), and if a return was below `lowest`; else as `evaluate` does.
    """
    if not 0.5 <= confidence < 1.0:
        raise UsageError(f"confidence = {confidence}: expected a number in [0.5, 1)")
    for name in ("sweep", "random"):
        if name in options:
            raise UsageError(f"`{name}` is for `evaluate`: here `systems` are drawn at random")
    table = evaluate(policy, task, random=systems, **options)
    return Certificate(table, table._native.certificate(confidence, lowest))


def _place(
    vary: Sequence[str] | None, half_width: float | None, ball: str | os.PathLike[str] | None, shell: bool
) -> dict[str, Any]:
    if isinstance(vary, str):
        vary = [vary]
    run = None if ball is None else os.fspath(ball)
    return {"vary": None if vary is None else list(vary), "half_width": half_width, "ball": run, "shell": shell}


def _how(episodes: int, stochastic: bool, seed: int, threads: int | None) -> dict[str, Any]:
    for what, value in (("episodes", episodes), ("seed", seed)):
        if not 0 <= value < 2**32:
            raise UsageError(f"{what} = {value}: expected a number from 0 to {2**32 - 1}")
    threads = threads if threads is not None else os.cpu_count() or 1
    return {"episodes": episodes, "stochastic": stochastic, "seed": seed, "threads": threads}


def _axes(sweep: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """The sweep as the command line takes it."""
    if isinstance(sweep, str):
        return [sweep]
    if not isinstance(sweep, Mapping):
        return list(sweep)
    axes = []
    for name, values in sweep.items():
        if isinstance(values, str):
            axes.append(f"{name}={values}")
        else:
            listed = np.atleast_1d(numbers(values, f"sweep[{name!r}]"))
            axes.append(f"{name}=" + ",".join(repr(float(value)) for value in listed))
    return axes


def _judged(policy: Any, task: str | Simulator | None, name: str | None) -> tuple[Any, str | None]:
    """What the native half judges: a policy of ours, or a function with its answers checked."""
    if isinstance(policy, (str, os.PathLike)):
        path = os.fspath(policy)
        if not path.endswith((".onnx", ".pth", ".pt", ".zip")):
            return _judged(Policy.load(path, task if isinstance(task, Simulator) else None), task, name)
        name = name or os.path.splitext(os.path.basename(path))[0]
        policy = onnx.load(path) if path.endswith(".onnx") else network(torch_files.read(path), **_bounds(task))
    if isinstance(policy, Policy):
        return policy._native, name
    if not callable(policy) and hasattr(policy, "predict"):
        model = policy
        name = name or type(model).__name__

        def policy(observations: npt.NDArray[np.float64]) -> Any:
            return model.predict(observations, deterministic=True)[0]

    if not callable(policy):
        raise UsageError(f"a policy is a Policy, a path, a model or a function, not {type(policy).__name__}")
    if name is None:
        name = getattr(policy, "__name__", None) or type(policy).__name__
    return _checked(policy), name


def _bounds(task: str | Simulator | None) -> dict[str, Any]:
    """The bounds of a task's actions, which weights alone do not tell."""
    if task is None:
        raise UsageError("say on which task: the file does not know its own")
    low, high, choices = task.bounds if isinstance(task, Simulator) else _bounds_of(task)
    return {"discrete": choices is not None, **({} if choices else {"low": low, "high": high})}


def _bounds_of(task: str) -> tuple[list[float], list[float], int | None]:
    sim = _native.VectorSim(task, 1, None, [], 1, "Disabled")
    return *sim.bounds, sim.choices


def _checked(policy: BatchPolicy) -> BatchPolicy:
    """The function, whose answers are arrays `[lanes, act_dim]` of finite numbers, or an error says what they are."""

    def checked(observations: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        actions = numbers(policy(observations), "actions")
        if actions.ndim == 1:
            actions = actions[:, None]
        if actions.ndim != 2 or len(actions) != len(observations):
            raise UsageError(f"actions: expected a row for each of {len(observations)}, got {actions.shape}")
        if not np.isfinite(actions).all():
            raise UsageError("actions: not all are finite")
        return np.ascontiguousarray(actions)

    return checked
