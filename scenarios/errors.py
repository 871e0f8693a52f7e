"""What is wrong with the user's input: every problem found, each with its file, line and key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_SHOWN = 100


@dataclass(frozen=True)
class Way:
    """A value that would mend a problem, for inputs that are changed by paths and not in a file."""

    path: str
    """Dotted, in the file's keys."""
    value: str
    """In people's units; "..." stands for a figure that only the user can know."""
    says: str = ""
    """What it would mean."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in one place.

    >>> print(Problem("a.yaml", 7, "limits.budget", "a price of 0 is not a price", "leave the key out"))
    a.yaml:7: limits.budget: a price of 0 is not a price (leave the key out)
    """

    file: str
    """The file as the user named it, or "<text>", or "<flags>" for the command line."""
    line: int | None
    """Counted from 1; None where there is no line to point at."""
    key: str
    """Dotted path of the key, "" for the file as a whole."""
    message: str
    """What is wrong and what is allowed."""
    hint: str = ""
    """What to do: a near miss, or an example."""
    ways: tuple[Way, ...] = ()
    """The same as values at paths, where one of them would do."""

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        parts = [where, self.key, self.message] if self.key else [where, self.message]
        return ": ".join(parts) + (f" ({self.hint})" if self.hint else "")


class ScenarioError(Exception):
    """Bad input. Holds all problems found, so that a user mends a file in one go."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__(str(self))

    def __str__(self) -> str:
        shown = [str(problem) for problem in self.problems[:MAX_SHOWN]]
        left = len(self.problems) - len(shown)
        return "\n".join([*shown, f"... and {left:,} more problems"] if left else shown)


class BadValue(ValueError):
    """One value that cannot be used. `hint` says what to write instead; the loader adds file, line and key."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
