"""A bar of finished parts on standard error, on a terminal only."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TextIO

_WIDTH = 30


class Bar:
    """Called with the number of finished and of all parts; clears its line when left."""

    def __init__(self, noun: str, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.noun = noun
        self.shows = not quiet and self.stream.isatty()
        self._began = time.monotonic()
        self._shown = 0

    def __call__(self, finished: int, total: int) -> None:
        """Draw the bar as it stands."""
        if not self.shows:
            return
        full = _WIDTH * finished // max(total, 1)
        seconds = time.monotonic() - self._began
        line = f"[{'#' * full}{'.' * (_WIDTH - full)}] {finished} of {total} {self.noun}, {seconds:.0f} s"
        self.stream.write("\r" + line.ljust(self._shown))
        self._shown = len(line)
        self.stream.flush()

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self.stream.write("\r" + " " * self._shown + "\r")
            self.stream.flush()
