"""A measured figure, and the clock: processor seconds, so that other work on the machine counts little."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the table. `met` is None where there is no target."""

    name: str
    text: str
    target: str = ""
    met: bool | None = None


def under(name: str, seconds: float, most_s: float) -> Figure:
    """A time that should stay under a target."""
    return Figure(name, f"{seconds:.3g} s", f"< {most_s:g} s", seconds < most_s)


def least_s(work: Callable[[], Any], repeats: int = 5) -> float:
    """Processor seconds of the fastest of some runs in this process."""
    found = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def command_s(*words: str, repeats: int = 1, allowed: tuple[int, ...] = (0,)) -> float:
    """Processor seconds, user and system, of the fastest of some runs of `argosy WORDS`, start-up included."""
    found = []
    code = "import sys; sys.argv[0] = 'argosy'; from reports.cli import main; main()"
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
        if done.returncode not in allowed:
            raise RuntimeError(f"argosy {' '.join(words)} ended with {done.returncode}: {done.stderr[-500:]}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)
