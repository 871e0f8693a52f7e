"""Where a frontier is still open, and what to ask next: sums over what is known, so equal answers, equal questions.

Between two neighbouring fleets lies a box. A fleet inside has less x than the one with less y, and less y than the one
with less x, both by more than the gap. Where a fleet found under a cap has less y than the cap, every cap between has
that answer too: the box begins at the cap. A box without room is closed: proven to be empty.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimizer.frontier_point import Solution, Task

SAME = 2e-5
"""Values of one fleet that differ by less, as a fraction, are one point: ties are broken within 1e-5."""
SMALLEST = 1e-3
"""A box that is narrower or lower than this share of the distance between the ends is not split."""
ROUND = 4
"""Questions that are planned together, however many processes there are: the answers do not depend on those."""
FLAT = 0.5
"""Where what is proven empty beyond a fleet is this much of what is left, the next fleet is asked for, not a cap."""
State = Literal["closed", "small", "open"]
Findings = Sequence[tuple[Task, Solution]]


def less(value: float, share: float) -> float:
    """A value less a share of its size: what is sold can make a cost negative.

    >>> less(-100.0, 0.01)
    -101.0
    """
    return value - share * abs(value)


@dataclass(frozen=True)
class Fleet:
    """A fleet that no other one found beats."""

    cap: float
    """Most of y that was allowed."""
    x: float
    x_bound: float
    """Proven: no fleet within the cap has less x; minus infinity where nothing is."""
    y: float
    found: Solution

    def beats(self, other: Fleet) -> bool:
        """Whether it is no worse in both accounts; or the same fleet, with values that a broken tie explains."""
        if self.x <= less(other.x, -1e-9) and self.y <= less(other.y, -1e-9):
            return True
        if abs(self.x - other.x) > SAME * abs(other.x) or self.y > other.y:
            return False
        assert self.found.plan is not None and other.found.plan is not None
        return self.found.plan.nodes == other.found.plan.nodes


@dataclass(frozen=True)
class Box:
    """What lies between a fleet and the next one, which has more y and less x."""

    fleet: Fleet
    after: Fleet
    edge: float
    """A fleet inside has less x than this."""
    low: float
    """Proven: no fleet with so little x has less y than this."""
    high: float
    """A fleet inside has less y than this."""
    wide: float
    """In x, a share of the distance between the ends."""
    tall: float
    """In y, likewise, what is proven empty left out."""

    @property
    def state(self) -> State:
        """Whether a fleet may lie inside, and whether it is worth a look."""
        if self.low >= self.high:
            return "closed"
        return "small" if min(self.wide, self.tall) < SMALLEST or self.after.x >= self.edge else "open"

    def question(self, asked: set[str]) -> Task | None:
        """What to ask next: a cap in the middle, or the next fleet where what is known beyond this one is flat."""
        cap = Task(what="capped", cap=(self.low + self.high) / 2)
        if self.low - self.fleet.y < FLAT * (self.high - self.low) and cap.model_dump_json() not in asked:
            return cap
        beyond = Task(what="next", cap=self.high, below=self.edge)
        return beyond if beyond.model_dump_json() not in asked else None


class Known:
    """What the answers so far say: fleets by rising y, and what is proven to be out of reach."""

    def __init__(self, findings: Findings, gap: float) -> None:
        self.worth = gap + 2 * SAME
        """By how much a fleet is better if it is better by more than the gap, as a fraction; the rest is for ties."""
        self.asked = {task.model_dump_json() for task, _ in findings}
        self.least_y = next((found.value for task, found in findings if task.what == "least_y"), None)
        under, above = [(np.inf, -np.inf)], [(-np.inf, -np.inf)]
        for task, found in findings:
            if task.what != "least_y" and found.bound is not None:
                # Without a cap the bound holds under every cap.
                under.append((np.inf if task.what == "least_x" else _cap(task, found), found.bound))
            if task.below is not None and found.other_bound is not None:
                above.append((task.below, found.other_bound))
        under.sort()
        self._caps = np.array([cap for cap, _ in under])
        self._least_x = np.maximum.accumulate([bound for _, bound in under][::-1])[::-1]
        """No fleet within the cap has less x; a cap can only raise x, so what holds under a looser one holds here."""
        self._above = np.array(above)
        """Caps on x, each with the y that no fleet within it goes below."""
        found_fleets = [self._fleet(task, found) for task, found in findings if found.plan is not None]
        self.solved = len(found_fleets)
        # A next fleet may end at the very edge of its box: half of what is left for ties keeps it in.
        self.fleets = worth_showing(unbeaten(found_fleets), gap + SAME)

    def _fleet(self, task: Task, found: Solution) -> Fleet:
        assert found.value is not None and found.other is not None
        cap = _cap(task, found)
        bound = float(self._least_x[np.searchsorted(self._caps, cap)])
        return Fleet(cap, found.value, min(bound, found.value), found.other, found)

    def boxes(self) -> list[Box]:
        """The boxes between neighbours, by rising y."""
        found: list[Box] = []
        for fleet, after in zip(self.fleets, self.fleets[1:], strict=False):
            span_x, span_y = self.fleets[0].x - self.fleets[-1].x, self.fleets[-1].y - self.fleets[0].y
            edge, high = less(fleet.x, self.worth), less(after.y, self.worth)
            low = max(fleet.y, self._empty_to(edge))
            wide, tall = (fleet.x - after.x) / span_x, (high - low) / span_y
            found.append(Box(fleet, after, edge, low, high, wide, tall))
        return found

    def _empty_to(self, edge: float) -> float:
        """The y below which no fleet has less x than this."""
        under = self._caps[self._least_x >= edge].max(initial=-np.inf)
        above = self._above[self._above[:, 0] >= edge, 1].max(initial=-np.inf)
        return float(max(under, above))

    def next_round(self, points: int) -> list[Task]:
        """What to ask next for so many points in all; nothing where they are there, or no open box is left."""
        if self.least_y is None or not self.fleets:
            return []
        tightest = Task(what="capped", place=0, cap=self.least_y)
        tasks: list[Task] = []
        pieces: list[tuple[float, float, float]] = []  # minus the area, from y, to y
        if tightest.model_dump_json() not in self.asked:
            most = self.fleets[-1].y
            if self.least_y >= most - 1e-9 * abs(most):
                return []  # one fleet has the least of both
            tasks.append(tightest)
            if len(self.fleets) == 1:
                pieces.append((-1.0, self.least_y, less(most, self.worth)))
        size = min(ROUND, points - len(self.fleets))
        for box in sorted(self.boxes(), key=lambda one: -one.wide * one.tall):
            task = box.question(self.asked) if box.state == "open" and len(tasks) < size else None
            if task is not None:
                tasks.append(task)
            if task is not None and task.what == "capped":
                middle = (box.low + box.high) / 2
                area = -box.wide * box.tall / 4
                pieces += [(area, box.low, middle), (area, middle, box.high)]
        return self._filled(tasks, pieces, size)

    def _filled(self, tasks: list[Task], pieces: list[tuple[float, float, float]], size: int) -> list[Task]:
        """Where a round has more places than there are boxes: caps in the halves of a box, as if it were cut."""
        heapq.heapify(pieces)
        while len(tasks) < size and pieces:
            area, low, high = heapq.heappop(pieces)
            if -area < SMALLEST**2 or high <= low:
                break
            middle = (low + high) / 2
            task = Task(what="capped", cap=middle)
            if task.model_dump_json() not in self.asked:
                tasks.append(task)
            for half in ((area / 4, low, middle), (area / 4, middle, high)):
                heapq.heappush(pieces, half)
        return tasks


def _cap(task: Task, found: Solution) -> float:
    """Under which cap a fleet was found: that of the answer where it chose one, its own y where there was none."""
    cap = next(cap for cap in (found.cap, task.cap, found.other) if cap is not None)
    return float(cap)


def unbeaten(fleets: Sequence[Fleet]) -> list[Fleet]:
    """The fleets that no other one beats, by rising y and falling x."""
    kept: list[Fleet] = []
    for fleet in sorted(fleets, key=lambda one: (one.y, one.x, one.cap)):
        near = itertools.takewhile(lambda other, x=fleet.x: other.x <= less(x, -2 * SAME), reversed(kept))
        if any(other.beats(fleet) for other in near):
            continue
        while kept and fleet.beats(kept[-1]):
            kept.pop()
        kept.append(fleet)
    return kept


def worth_showing(fleets: Sequence[Fleet], worth: float) -> list[Fleet]:
    """Both ends, and between them what has less x than the one before by more than the gap: the rest is a tie to it."""
    kept = list(fleets[:1])
    for fleet in fleets[1:]:
        if fleet.x < less(kept[-1].x, worth) or fleet is fleets[-1]:
            kept.append(fleet)
    return kept
