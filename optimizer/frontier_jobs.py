"""The tasks of a frontier, in this process or in several; each process builds its own model."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from types import TracebackType

from optimizer import milp
from optimizer.frontier_point import Finder, Solution, Task, Watch
from optimizer.solve import VerificationError
from optimizer.tables import ask
from scenarios.schema import Scenario

_finder: Finder | None = None  # of a worker process


class Crew:
    """Runs tasks and gives each answer as it comes. The answers do not depend on how many work."""

    def __init__(
        self, finder: Finder, build: tuple[Scenario, str, str, milp.Options], jobs: int, progress: Watch | None
    ) -> None:
        self._finder, self._build, self._jobs, self._progress = finder, build, jobs, progress
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Solution]]:
        """Every task with what it found, in the order of finishing."""
        if self._jobs == 1 or (len(tasks) == 1 and self._pool is None):
            for task in tasks:
                yield task, self._finder.solve(task, self._progress)
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


def _begin(scenario: Scenario, x: str, y: str, options: milp.Options) -> None:
    """A worker's model. It leaves Ctrl-C to its parent, and ends when the parent is gone."""
    global _finder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    _finder = Finder(scenario, ask(scenario), x, y, options)


def _end_with(parent: multiprocessing.process.BaseProcess | None) -> None:
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(task: Task) -> Solution | list[str]:
    """What a task found, or why its plan fails: that error does not travel between processes."""
    assert _finder is not None
    try:
        return _finder.solve(task)
    except VerificationError as error:
        return error.failures


Tell = Callable[[int, int], None]
