"""The vocabulary of the walls: what a wall is, a reading, a charge and a block of rows.

A wall writes what it demands as data (NumPy arrays). Nothing here knows a solver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Sense = Literal["<=", ">=", "=="]
Act = Literal["shape", "gate", "charge", "rows", "question"]


@dataclass(frozen=True)
class Wall:
    """One of the 22 limits that every ML system meets.

    `acts` says what the wall does to a fleet today: shape a column of the candidate table, gate candidates, charge an
    account, write rows of the program, or answer a question asked of the whole program. `charges` and `rows`, where
    present, are called by the program with its layout and return what they charge and demand, as data.
    """

    number: int
    name: str
    domain: str
    question: str
    equation: str
    in_fleet: str
    sources: tuple[str, ...]
    acts: tuple[Act, ...] = ()
    charges: Callable[[Any], list[Any]] | None = None
    rows: Callable[[Any], list[Block]] | None = None


@dataclass(frozen=True)
class Reading:
    """A measured value beside its limit. `slack` is >= 0 where the limit holds, in the unit of the value."""

    wall: str
    name: str
    where: str
    value: float
    sense: Sense
    limit: float | None
    unit: str
    percentile: str = ""

    @property
    def slack(self) -> float | None:
        """Distance to the limit; negative when broken, None when there is no limit."""
        if self.limit is None:
            return None
        if self.sense == "<=":
            return self.limit - self.value
        if self.sense == ">=":
            return self.value - self.limit
        return -abs(self.value - self.limit)

    def holds(self, tolerance: float = 1e-6) -> bool:
        """Whether the limit holds within a relative tolerance."""
        slack = self.slack
        return slack is None or slack >= -tolerance * max(1.0, abs(self.limit or 0.0))


@dataclass
class Block:
    """Rows of one kind, as triplets: row `k` says `lower[k] <= sum value * column <= upper[k]`.

    Attributes:
        wall: name of the wall that owns the rows.
        name: what the rows say, e.g. ``capacity``; the full row name is ``wall.name[where]``.
        unit: unit of the row's value.
        says: one sentence for a reader.
        row, col, value: equal-length arrays of triplets; `row` counts from 0 within the block.
        lower, upper: bounds, one per row (infinite where absent).
        where: one label per row.
        limit: name of the user's limit that the rows carry ("" for structure, which always holds).
        linking: rows that only tie columns together; never shown in a report.
    """

    wall: str
    name: str
    unit: str
    says: str
    row: np.ndarray
    col: np.ndarray
    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    where: list[str] = field(default_factory=list)
    limit: str = ""
    linking: bool = False

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.lower)
