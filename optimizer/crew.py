"""Many tasks done in this process or in several; each process builds its own worker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from optimizer import milp
from optimizer.solve import VerificationError

Watch = Callable[[milp.Progress], None]
Tell = Callable[[int, int], None]
"""Told the number of finished and of all tasks."""
T_contra = TypeVar("T_contra", contravariant=True)
F_co = TypeVar("F_co", covariant=True)
T = TypeVar("T")
F = TypeVar("F")


class Worker(Protocol[T_contra, F_co]):
    """Does tasks one after the other; what was done before changes no answer."""

    def solve(self, task: T_contra, progress: Watch | None = None) -> F_co:
        """What the task finds."""


_worker: Worker[Any, Any] | None = None  # of a worker process


class Crew(Generic[T, F]):
    """Runs tasks and gives each answer as it comes. The answers do not depend on how many work."""

    def __init__(
        self,
        worker: Worker[T, F],
        build: Callable[..., Worker[T, F]],
        given: tuple[Any, ...],
        jobs: int,
        progress: Watch | None = None,
    ) -> None:
        """A worker of this process, and how another process builds one: a function of a module, and its arguments."""
        self._worker, self._build, self._jobs, self._progress = worker, (build, given), jobs, progress
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Crew[T, F]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def run(self, tasks: Sequence[T]) -> Iterator[tuple[T, F]]:
        """Every task with what it found, in the order of finishing."""
        if self._jobs == 1 or (len(tasks) == 1 and self._pool is None):
            for task in tasks:
                yield task, self._worker.solve(task, self._progress)
            return
        if self._pool is None:
            # Spawned, not forked: a forked copy of a solver with threads may hang.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._jobs, context, _begin, self._build)
        waiting = {self._pool.submit(_work, task): task for task in tasks}
        for done in as_completed(waiting):
            found = done.result()
            if isinstance(found, list):
                raise VerificationError(found)
            yield waiting[done], found


def _begin(build: Callable[..., Worker[Any, Any]], given: tuple[Any, ...]) -> None:
    """A process's worker. It leaves Ctrl-C to its parent, and ends when the parent is gone."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    _worker = build(*given)


def _end_with(parent: multiprocessing.process.BaseProcess | None) -> None:
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(task: Any) -> Any:
    """What a task found, or why its plan fails: that error does not travel between processes."""
    assert _worker is not None
    try:
        return _worker.solve(task)
    except VerificationError as error:
        return error.failures
