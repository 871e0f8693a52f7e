"""The file of a long run: one line of JSON for the question, then one for each finished task, written at once.

A run that is killed leaves at most half a line at the end, which the next run cuts off. A file of another question, or
one that another run is writing, is refused.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from scenarios.errors import Problem, ScenarioError


class Finding(Protocol):
    """What a task found: why it ended, `interrupt` and `time_limit` among others."""

    @property
    def why(self) -> str: ...

    def model_dump_json(self) -> str:
        """As a line of the file."""


T = TypeVar("T", bound=BaseModel)
F = TypeVar("F", bound=Finding)


@dataclass(frozen=True)
class Form(Generic[T, F]):
    """What a file holds: its first words, what people call it, and the parts of its lines."""

    format: str
    noun: str
    task: type[T]
    found: type[F]


class Record(Generic[T, F]):
    """The finished tasks of a question, on disk where there is a file, and in memory always."""

    def __init__(
        self, form: Form[T, F], name: str | Path | None, question: dict[str, Any], time_limit_s: float, resume: bool
    ) -> None:
        """Open a file to go on with (`resume`, begun where there is none) or a new one; no name keeps no file."""
        self.form = form
        self.name = "" if name is None else str(name)
        self.done: dict[str, F] = {}
        self.read = 0
        """Tasks found in the file."""
        self._time_limit_s = time_limit_s
        self._file: BinaryIO | None = None
        if self.name:
            self._open({"format": self.form.format, **question}, resume)

    def __enter__(self) -> Record[T, F]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def known(self, task: T) -> F | None:
        """What this task found already."""
        return self.done.get(task.model_dump_json())

    def add(self, task: T, found: F) -> None:
        """Keep what a task found; what Ctrl-C cut short is no finding."""
        if found.why == "interrupt":
            return
        self.done[task.model_dump_json()] = found
        line = {"task": task.model_dump(), "time_limit_s": _finite(self._time_limit_s)}
        self._write(json.dumps(line)[:-1] + ', "found": ' + found.model_dump_json() + "}\n")

    def _write(self, line: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write(line.encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._refused(None, f"cannot be written: {error.strerror or error}", "") from None

    def _open(self, header: dict[str, Any], resume: bool) -> None:
        path = Path(self.name)
        try:
            if not resume and path.exists() and path.stat().st_size:
                hint = "go on with it by --resume, or name another file"
                raise self._refused(None, "is there already", hint)
            self._file = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115 - closed on leaving
        except OSError as error:
            raise self._refused(None, f"cannot be opened: {error.strerror or error}", "") from None
        self._alone()
        lines = self._file.read().split(b"\n")
        whole = lines[:-1]  # what follows the last line break was cut off by the end of a run
        begun = json.dumps(header) + "\n"
        if whole:
            self._compare(whole[0], header)
        elif lines[0] and not begun.encode().startswith(lines[0]):
            self._compare(lines[0], header)
        self._file.seek(sum(len(line) + 1 for line in whole))
        self._file.truncate()
        if not whole:
            self._write(begun)
            return
        for number, line in enumerate(whole[1:], 2):
            self._keep(number, line)

    def _alone(self) -> None:
        try:
            import fcntl  # not on every system; without it two runs are not kept apart
        except ImportError:
            return
        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise self._refused(None, "another run is writing this file", "wait for it, or name another file") from None

    def _compare(self, line: bytes, header: dict[str, Any]) -> None:
        """The file's question must be this one."""
        try:
            there = json.loads(line)
            known = isinstance(there, dict) and there.get("format") == self.form.format
        except ValueError:
            known = False
        if not known:
            raise self._refused(1, f"is no file of a {self.form.noun}", "name another file")
        other = [key for key in header if there.get(key) != header[key]]
        if other:
            told = ", ".join(f"{key} is {_short(there.get(key))}, asked is {_short(header[key])}" for key in other)
            raise self._refused(1, f"holds the {self.form.noun} of another question: {told}", "name another file")

    def _keep(self, number: int, line: bytes) -> None:
        try:
            data = json.loads(line)
            task = self.form.task.model_validate(data["task"])
            found: F = self.form.found.model_validate(data["found"])  # type: ignore[attr-defined]
            limit = data["time_limit_s"] or float("inf")
        except (ValueError, KeyError, TypeError, ValidationError):
            hint = "delete this line and all below it; they are computed again"
            raise self._refused(number, "cannot be read", hint) from None
        # What ran out of time is looked for again when there is more of it.
        if found.why != "time_limit" or limit >= self._time_limit_s:
            self.done[task.model_dump_json()] = found
            self.read += 1

    def _refused(self, line: int | None, message: str, hint: str) -> ScenarioError:
        return ScenarioError(Problem(self.name, line, "", message, hint))


def _finite(seconds: float) -> float | None:
    return seconds if seconds < float("inf") else None


def _short(value: object) -> str:
    text = str(value)
    return text[:12] + "..." if len(text) > 24 else text
