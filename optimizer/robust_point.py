"""The pieces of a robust run: one draw held, and one end of one axis followed until something turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from optimizer import milp
from optimizer.crew import Watch
from optimizer.draws import Axis, axes
from optimizer.held import Break, held
from optimizer.inputs import scaled
from optimizer.plan import Part, Plan
from optimizer.program import build
from optimizer.tables import ask
from scenarios.schema import Scenario

FINEST = 0.002
"""Factors are not told apart more finely, 0.2 % of today's figure."""
EQUAL = 1e-5
"""Fleets that differ by less are equally good, as for `polish`."""
MOST_HALVES, MOST_SOLVES = 40, 5
"""How often an interval is halved: where the plan breaks, which is quick to see, and where another fleet is better."""

Side = Literal["low", "high"]


class Task(Part):
    """A draw to hold, or one side of an axis to follow; `place` counts the draws, or the axes."""

    what: Literal["draw", "turn"]
    place: int
    side: Side | Literal[""] = ""
    factors: dict[str, float] = {}
    """Of a draw."""


class Drawn(Part):
    """What became of the plan in one draw."""

    factors: dict[str, float]
    """Input -> factor on today's figure."""
    holds: bool
    """Held, and the re-routed plan passed its independent check."""
    breaks: list[Break]
    usd_per_year: float | None
    kg_co2e_per_year: float | None


class Edge(Part):
    """Where something turns as inputs move from today's figures towards one end of their range."""

    last: float
    """The farthest factor that was found to be as today."""
    first: float | None
    """The nearest one at which it is not; None where nothing turns up to the end."""
    limits: list[str]
    """Limits that break there."""


class Turn(Part):
    """One side of an axis."""

    end: float
    """The factor at the end of the range."""
    breaks: Edge
    """Where the plan first breaks a limit."""
    other_fleet: Edge
    """Where another fleet is better by more than the gap, or the plan breaks."""
    solves: int
    """Searches for another fleet."""


class Found(Part):
    """What a task found."""

    why: Literal["done", "interrupt", "time_limit"]
    draw: Drawn | None = None
    turn: Turn | None = None
    seconds: float = 0.0
    """Processor time."""


@dataclass(frozen=True)
class Today:
    """How the plan does in the scenario as it stands: what it comes to, what breaks, whether another is better."""

    objective: float | None
    limits: tuple[str, ...]
    beaten: bool


class _Stopped(Exception):
    """Ctrl-C, or no time left; says which."""


@dataclass(frozen=True)
class Holder:
    """Holds one plan. What was done before changes no answer."""

    scenario: Scenario
    plan: Plan
    options: milp.Options
    today: Today

    def solve(self, task: Task, progress: Watch | None = None) -> Found:
        """Do a task."""
        began = time.process_time()
        try:
            if task.what == "draw":
                return Found(why="done", draw=self._draw(task.factors), seconds=time.process_time() - began)
            turn = self._turn(axes(self.scenario)[task.place], task.side == "low", progress)
            return Found(why="done", turn=turn, seconds=time.process_time() - began)
        except _Stopped as stop:
            why: Literal["interrupt", "time_limit"] = "interrupt" if str(stop) == "interrupt" else "time_limit"
            return Found(why=why, seconds=time.process_time() - began)

    def _draw(self, factors: Mapping[str, float]) -> Drawn:
        found = held(scaled(self.scenario, factors), self.plan)
        if found.holds is None:
            raise _Stopped(found.stopped)
        accounts = found.accounts
        return Drawn(
            factors=dict(factors),
            holds=found.holds,
            breaks=found.breaks,
            usd_per_year=accounts.get("usd_per_year"),
            kg_co2e_per_year=accounts.get("kg_co2e_per_year"),
        )

    def _turn(self, axis: Axis, low: bool, progress: Watch | None) -> Turn:
        """The end first; where something is different there, the interval is halved. One change is taken to last."""
        end = axis.low if low else axis.high
        known: dict[float, tuple[float | None, tuple[str, ...]]] = {1.0: (self.today.objective, self.today.limits)}
        beaten = {1.0: self.today.beaten or self.today.objective is None}

        def cost(factor: float) -> float | None:
            """What the plan comes to; None where it breaks."""
            if factor not in known:
                found = held(scaled(self.scenario, axis.factors(factor)), self.plan, check=False)
                if found.holds is None:
                    raise _Stopped(found.stopped)
                known[factor] = (found.objective if found.holds else None, tuple(one.limit for one in found.breaks))
            return known[factor][0]

        def is_beaten(factor: float) -> bool:
            if factor not in beaten:
                own = cost(factor)
                beaten[factor] = own is None or self.beaten(axis.factors(factor), own, progress)
            return beaten[factor]

        breaks = _edge(end, lambda factor: cost(factor) is None, MOST_HALVES)
        if breaks.first is not None:
            breaks = breaks.model_copy(update={"limits": list(known[breaks.first][1])})
        other = _edge(breaks.last, is_beaten, MOST_SOLVES)
        if other.first is None and breaks.first is not None:
            other = breaks  # where the plan breaks, another fleet is needed
        return Turn(end=end, breaks=breaks, other_fleet=other, solves=len(beaten) - 1)

    def beaten(self, factors: Mapping[str, float], own: float, progress: Watch | None) -> bool:
        """Whether a fleet exists that is better than the plan's by more than the gap."""
        program = build(ask(scaled(self.scenario, factors)))
        found = milp.Solver(program.problem, self.options).solve(progress, stage="another fleet")
        if found.why == "interrupt":
            raise _Stopped("interrupt")
        margin = max(self.options.gap, EQUAL) * abs(own)
        if found.objective is not None and found.objective * program.objective_unit < own - margin:
            return True
        if found.why == "time_limit":
            raise _Stopped("time_limit")
        return False


def _edge(end: float, different: Callable[[float], bool], most: int) -> Edge:
    """From today's figure towards an end: where `different` becomes true, to within `FINEST` or so many halvings.

    >>> _edge(1.5, lambda factor: factor > 1.2, 20).last
    1.19921875
    >>> _edge(0.5, lambda factor: factor > 1.2, 20)
    Edge(last=0.5, first=None, limits=[])
    """
    if different(1.0):
        return Edge(last=1.0, first=1.0, limits=[])
    if not different(end):
        return Edge(last=end, first=None, limits=[])
    last, first = 1.0, end
    for _ in range(most):
        if abs(first - last) <= FINEST:
            break
        middle = (last + first) / 2
        last, first = (last, middle) if different(middle) else (middle, first)
    return Edge(last=last, first=first, limits=[])


def holder(scenario: Scenario, plan: Plan, options: milp.Options, today: Today) -> Holder:
    """A holder from what travels between processes."""
    return Holder(scenario, plan, options, today)
