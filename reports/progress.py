"""How far a solve has come, on standard error: one line that rewrites itself on a terminal, rare plain lines else."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, TextIO

from reports.words import gap, number, plain

_EVERY_TERMINAL_S = 0.1
_EVERY_PLAIN_S = 10.0


class Watch:
    """Called with each `Progress`; clears its line when left."""

    def __init__(self, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.terminal = self.stream.isatty()
        self.quiet = quiet
        self._shown = 0
        self._last = -1e9 if self.terminal else time.monotonic()

    def __call__(self, progress: Any) -> None:
        """Show where the solve stands, if it is time to."""
        now = time.monotonic()
        if self.quiet or now - self._last < (_EVERY_TERMINAL_S if self.terminal else _EVERY_PLAIN_S):
            return
        self._last = now
        line = wording(progress)
        if self.terminal:
            self.stream.write("\r" + line.ljust(self._shown)[:200])
            self._shown = len(line)
        else:
            self.stream.write(line + "\n")
        self.stream.flush()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.terminal and self._shown:
            self.stream.write("\r" + " " * self._shown + "\r")
            self.stream.flush()


def wording(progress: Any) -> str:
    """One line: stage, best so far, bound, gap, time."""
    says = [plain(progress.stage)]
    if progress.incumbent is not None:
        says.append(f"best so far {number(progress.incumbent, 5)}")
    if progress.bound is not None:
        says.append(f"bound {number(progress.bound, 5)}")
    if progress.gap is not None:
        says.append(f"gap {gap(progress.gap)}")
    return f"{says[0]}: {', '.join([*says[1:], f'{progress.seconds:.0f} s'])}"
