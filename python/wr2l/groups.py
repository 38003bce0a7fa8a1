"""Groups of environments of somebody else's, in this process or in others, as the native half calls them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._errors import Error, SimulationError, UsageError
from .parameters import numbers

Array = npt.NDArray[np.float64]
# Dynamics by name.
Named = list[tuple[str, float]]
# Observations, rewards, terminated, truncated, states: of the environments that were stepped, row after row.
Stepped = tuple[Array, list[float], list[bool], list[bool], Array]

# Seconds after which a process that was told to end is ended.
_PATIENCE = 2.0


class Recipe(NamedTuple):
    """How environments are made, and set."""

    make: Callable[[], Any]
    set_params: Callable[[Any, dict[str, float]], object] | None
    get_state: Callable[[Any], Any] | None
    set_state: Callable[[Any, Any], object] | None


class Here:
    """Environments of this process, each made when it is first needed."""

    def __init__(self, recipe: Recipe, first: Any = None) -> None:
        self._recipe = recipe
        self._envs: dict[int, Any] = {} if first is None else {0: first}

    def reset(self, place: int, phi: Named, seed: int) -> tuple[Array, Array]:
        """Begins an episode; its first observation, and the state."""
        recipe, named = self._recipe, dict(phi)
        env = self._envs.get(place)
        if env is None:
            env = self._envs[place] = recipe.make()
        if recipe.set_params is not None:
            recipe.set_params(env, named)
            answer = env.reset(seed=seed)
        elif callable(setter := getattr(env.unwrapped, "set_params", None)):
            setter(**named)
            answer = env.reset(seed=seed)
        else:
            answer = env.reset(seed=seed, options={"phi": named})
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise UsageError("reset: expected an observation and a dictionary, as of Gymnasium")
        return _observation(env, answer[0]), self._state(env)

    def step(self, places: list[int], actions: Array, starts: dict[int, tuple[Named, Array]]) -> Stepped:
        """Steps environments, one row of `actions` each; those of `starts` from a given state under given dynamics."""
        observations, rewards, terminated, truncated, states = [], [], [], [], []
        for place, action in zip(places, actions, strict=True):
            if place in starts:
                phi, state = starts[place]
                self.reset(place, phi, 0)
                if self._recipe.set_state is not None:
                    self._recipe.set_state(self._envs[place], np.array(state))
            env = self._envs[place]
            space = env.action_space
            taken = int(action[0]) if hasattr(space, "n") else action.astype(space.dtype)
            answer = env.step(taken)
            if not isinstance(answer, tuple) or len(answer) != 5:
                raise UsageError("step: expected observation, reward, terminated, truncated and info, as of Gymnasium")
            observation, reward, over, cut, _ = answer
            observations.append(_observation(env, observation))
            rewards.append(float(reward))
            terminated.append(bool(over))
            truncated.append(bool(cut))
            states.append(self._state(env))
        return np.concatenate(observations), rewards, terminated, truncated, np.concatenate(states)

    def close(self) -> None:
        """Closes all environments."""
        while self._envs:
            self._envs.popitem()[1].close()

    def _state(self, env: Any) -> Array:
        get_state = self._recipe.get_state
        return np.empty(0) if get_state is None else _row(get_state(env), "state")


def _observation(env: Any, value: Any) -> Array:
    row, expected = _row(value, "observation"), env.observation_space.shape[0]
    if len(row) != expected:
        raise UsageError(f"an observation of {len(row)} numbers, expected {expected}")
    return row


def _row(value: Any, what: str) -> Array:
    row = numbers(value, what)
    if row.ndim != 1:
        raise UsageError(f"{what}: expected one axis, got shape {row.shape}")
    # A copy: environments may give the same array every time.
    return np.array(row)


class Processes:
    """The same environments, those of place i in process i modulo their number."""

    @staticmethod
    def check(recipe: Recipe, start: str) -> None:
        """Refuses what cannot be begun here."""
        if start not in multiprocessing.get_all_start_methods():
            methods = "`, `".join(multiprocessing.get_all_start_methods())
            raise UsageError(f"start = {start}: expected one of `{methods}`")
        if start == "fork":
            return
        for what, function in recipe._asdict().items():
            try:
                pickle.dumps(function)
            except Exception as error:
                raise UsageError(
                    f"`{what}` cannot be sent to another process ({error}): define it by name at the top of a module, "
                    'or ask for `start="fork"` or `workers=0`'
                ) from None

    def __init__(self, recipe: Recipe, count: int, start: str) -> None:
        context: Any = multiprocessing.get_context(start)
        self._owner = os.getpid()
        self._workers: list[tuple[Any, Connection]] = []
        for index in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, recipe), name=f"wr2l-{index}", daemon=True)
            process.start()
            theirs.close()
            self._workers.append((process, ours))

    def reset(self, place: int, phi: Named, seed: int) -> tuple[Array, Array]:
        """As of `Here`."""
        self._send(place % len(self._workers), ("reset", place, phi, seed))
        answer: tuple[Array, Array] = self._receive(place % len(self._workers))
        return answer

    def step(self, places: list[int], actions: Array, starts: dict[int, tuple[Named, Array]]) -> Stepped:
        """As of `Here`."""
        count = len(self._workers)
        shares: list[list[int]] = [[] for _ in range(count)]
        for row, place in enumerate(places):
            shares[place % count].append(row)
        busy = [index for index in range(count) if shares[index]]
        for index in busy:
            theirs = [places[row] for row in shares[index]]
            given = {place: starts[place] for place in theirs if place in starts}
            self._send(index, ("step", theirs, actions[shares[index]], given))
        observations: list[Array] = [np.empty(0)] * len(places)
        states, rewards = list(observations), [0.0] * len(places)
        terminated, truncated = [False] * len(places), [False] * len(places)
        for index in busy:
            rows = shares[index]
            answer: Stepped = self._receive(index)
            seen, after = answer[0].reshape(len(rows), -1), answer[4].reshape(len(rows), -1)
            for i, row in enumerate(rows):
                observations[row], states[row] = seen[i], after[i]
                rewards[row], terminated[row], truncated[row] = answer[1][i], answer[2][i], answer[3][i]
        return np.concatenate(observations), rewards, terminated, truncated, np.concatenate(states)

    def close(self) -> None:
        """Ends the processes."""
        if self._owner != os.getpid():
            return
        for _, connection in self._workers:
            # Fails where the process has ended.
            with contextlib.suppress(OSError, ValueError):
                connection.send(None)
        for process, connection in self._workers:
            process.join(_PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()
            connection.close()
            process.close()
        self._workers = []

    def _send(self, index: int, message: Any) -> None:
        if self._owner != os.getpid():
            raise SimulationError(
                "this process is a fork of the one whose workers these are: make the simulator in the process that uses "
                "it"
            )
        process, connection = self._workers[index]
        try:
            connection.send(message)
        except (OSError, ValueError):
            raise self._dead(process) from None

    def _receive(self, index: int) -> Any:
        process, connection = self._workers[index]
        # With `fork` other processes hold the other end too, so that a dead one's pipe does not end.
        if connection not in wait([connection, process.sentinel]):
            raise self._dead(process)
        try:
            kind, answer = connection.recv()
        except (EOFError, OSError):
            raise self._dead(process) from None
        if kind == "raised":
            raise answer
        return answer

    @staticmethod
    def _dead(process: Any) -> SimulationError:
        process.join(_PATIENCE)
        code = process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return SimulationError(
            f"the worker process {process.name} has ended ({how}); if it did so at its start, the program lacks "
            '`if __name__ == "__main__":`'
        )


def _serve(connection: Connection, recipe: Recipe) -> None:
    """The life of a worker: does what it is sent until there is no more."""
    # Ctrl-C is for the process that was asked.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    group = Here(recipe)
    with contextlib.suppress(EOFError, OSError):
        while (message := connection.recv()) is not None:
            method, *arguments = message
            try:
                answer = ("done", getattr(group, method)(*arguments))
            except Exception as error:
                answer = ("raised", _sendable(error))
            connection.send(answer)
    with contextlib.suppress(Exception):
        group.close()


def _sendable(error: Exception) -> Exception:
    """The exception with where it was raised; one that cannot be sent becomes one of ours."""
    where = "".join(traceback.format_exception(error)).rstrip()
    try:
        copy = pickle.loads(pickle.dumps(error))
        if type(copy) is not type(error):
            raise TypeError
    except Exception:
        return SimulationError(f"{type(error).__name__}: {error}")
    if not isinstance(error, Error):
        error.add_note(f"In a worker process:\n{where}")
    return error
