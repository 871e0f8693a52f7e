"""More ways out of an impossible question: several limits at once, and one thing more, each solved and verified.

The elastic program minimizes the weighted sum of the relative relaxations: 1 for every 100 % of a limit. No limit moves
by more than 90 % downwards, which would leave nothing of it; residency and the allowed
precisions are kept. TTFT and ITL decide which columns there are, so they move in steps, one of them at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from optimizer import milp
from optimizer.additions import Addition, added, additions
from optimizer.moves import Move, latency_limits, moved, size
from optimizer.plan import Change, Plan, Repair
from optimizer.program import Program, build
from optimizer.tables import ask
from optimizer.words import amount
from physics.layout import Elastic
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]
Check = Callable[[Program, milp.Answer], Plan]
KEPT = ("residency", "precisions", "itl", "ttft")
FALLING = ("demand", "node", "region", "min")
COUNTS = ("quota", "min", "max", "changes")
MOST_FALL = 0.9
STEPS = (0.1, 0.25, 0.5)
"""Relaxations of a latency limit that combinations try."""
MARGIN = 2e-3  # every limit is moved this much further than the least, so that the repaired question is not on the edge
MOVED = 1e-6
COUNT_TOLERANCE = 1e-7
SAME = 0.02  # ways out this near to each other are told once
WORTH = 0.05  # an addition is a way out where it saves this part of what else must move
SECONDS, NODES = 20.0, 100  # at which a search for the least sum stops; nodes are the same on every machine
GAP = 0.01  # of the weighted sum; 0 where the scenario asks for a gap of 0
PRICED = 4  # additions that are priced: those that leave least to move


@dataclass(frozen=True)
class Way:
    """A way out before it is priced: what changes, the scenario after it, and how much changed."""

    kind: Literal["combination", "addition"]
    changes: tuple[Change, ...]
    scenario: Scenario
    weight: float
    says: str = ""


def more_ways(
    scenario: Scenario,
    singles: list[Repair],
    closed: Program | None,
    options: milp.Options,
    progress: Watch | None,
    check: Check,
) -> list[Repair]:
    """All ways out, the least change first, numbered; then the limits that never help alone.

    `closed` is the program in which relaxing a limit opens candidates; None where nothing can run the workloads.
    """
    search = _Search(options, progress, closed)
    combinations = [search.combination(scenario, demand_kept) for demand_kept in (False, True)]
    beat = combinations[1].weight if combinations[1] is not None else np.inf
    more = sorted(_additions(scenario, search, beat), key=lambda way: way.weight)
    found = [way for way in combinations if way is not None and len(way.changes) > 1] + more[:PRICED]
    return in_order([*singles, *(_priced(way, search, check) for way in found)])


def _additions(scenario: Scenario, search: _Search, beat: float) -> list[Way]:
    """Of each kind of addition those that suffice alone, else the one that leaves least to move."""
    kept: dict[str, list[Way]] = {}
    for one in additions(scenario):
        same = kept.get(one.change.key, [])
        less = min((way.weight - 1.0 for way in same), default=np.inf)
        way = search.addition(one, min(beat * (1 - WORTH), less) if less > 0 else beat * (1 - WORTH))
        if way is not None:
            alone = way.weight <= 1.0
            kept[one.change.key] = [*same, way] if alone and less <= 0 else [way] if alone or less > 0 else same
    return [way for ways in kept.values() for way in ways]


class _Search:
    """Looks for the least weighted sum of relaxations, by the elastic program."""

    def __init__(self, options: milp.Options, progress: Watch | None, closed: Program | None) -> None:
        gap = max(options.gap, GAP) if options.gap > 0 else 0.0
        self.options = replace(options, time_limit_s=min(SECONDS, options.time_limit_s), gap=gap, most_nodes=NODES)
        self.progress, self.closed = progress, closed
        self._programs: dict[str, Program | None] = {}

    def combination(self, scenario: Scenario, demand_kept: bool) -> Way | None:
        """Limits that move together, by the least weighted sum; a latency limit among them where that is less."""
        best = self._moved("combination", scenario, (), scenario, 0.0, demand_kept, np.inf)
        for limit in latency_limits(scenario):
            if not self._opens(limit, demand_kept, best.weight if best is not None else np.inf):
                continue
            # The largest step leaves least of the rest to move: by it most limits are seen not to help.
            rest = self._bound(moved(scenario, limit, STEPS[-1]).scenario, demand_kept)
            for step in STEPS:
                beat = best.weight if best is not None else np.inf
                if rest is None or step + rest >= beat:
                    break
                move = moved(scenario, limit, step)
                way = self._moved("combination", scenario, (_change(move),), move.scenario, step, demand_kept, beat)
                best = way or best
        return best

    def addition(self, one: Addition, beat: float) -> Way | None:
        """One thing more and what else must move; None where that is no less than `beat`."""
        way = self._moved("addition", one.scenario, (one.change,), one.scenario, 0.0, True, beat)
        return None if way is None else replace(way, weight=way.weight + 1.0, says=one.says)

    def _moved(
        self,
        kind: Literal["combination", "addition"],
        start: Scenario,
        changes: tuple[Change, ...],
        scenario: Scenario,
        weight: float,
        demand_kept: bool,
        beat: float,
    ) -> Way | None:
        """The way out that begins with `changes`; None where its weight is no less than `beat`, or nothing helps."""
        found = self.least(scenario, demand_kept, beat - weight)
        if found is None:
            return None
        for limit, by in found:
            move = moved(scenario, limit, a_bit_more(limit, by))
            changes, scenario = (*changes, _change(move)), move.scenario
        return Way(kind, changes, scenario, weight + sum(by for _, by in found))

    def least(self, scenario: Scenario, demand_kept: bool, beat: float = np.inf) -> list[tuple[Elastic, float]] | None:
        """Relaxations of least weighted sum; None where it is no less than `beat`, where nothing helps, or where time
        ran out."""
        problem, limits = self._problem(scenario, demand_kept)
        if problem is None or self._bound(scenario, demand_kept, beat) is None:
            return None
        problem = _below(problem, beat) if np.isfinite(beat) else problem
        found = milp.Solver(problem, self.options).solve(self.progress, stage="move several limits")
        if found.x is None or found.objective is None or found.objective >= beat:
            return None
        return [(one, float(found.x[one.col])) for one in limits if found.x[one.col] > MOVED]

    def _bound(self, scenario: Scenario, demand_kept: bool, beat: float = np.inf) -> float | None:
        """What the relaxations add up to at least, by the linear relaxation; None from `beat` on, or if none helps."""
        problem, _ = self._problem(scenario, demand_kept)
        if problem is None:
            return None
        relaxed = replace(problem, integer=np.zeros_like(problem.integer))
        found = milp.Solver(relaxed, self.options).solve(self.progress, stage="move several limits")
        return None if found.why == "infeasible" or found.bound >= beat else max(found.bound, 0.0)

    def _opens(self, limit: Elastic, demand_kept: bool, beat: float) -> bool:
        """Whether dropping a latency limit leaves so little to move that its smallest step could be worth it."""
        gate = self.closed.limits().get(limit.name) if self.closed is not None else None
        if self.closed is None or gate is None:
            return False
        problem, _ = _elastic(self.closed, demand_kept)
        lower, upper = problem.lower.copy(), problem.upper.copy()
        lower[gate.col] = upper[gate.col] = 1.0
        relaxed = replace(problem, lower=lower, upper=upper, integer=np.zeros_like(problem.integer))
        found = milp.Solver(relaxed, self.options).solve(self.progress, stage="move several limits")
        return found.why != "infeasible" and STEPS[0] + found.bound < beat

    def _problem(self, scenario: Scenario, demand_kept: bool) -> tuple[milp.Problem | None, list[Elastic]]:
        """The elastic program, and the limits that may move in it; None where nothing can run the workloads."""
        name = scenario.digest
        if name not in self._programs:
            question = ask(scenario, roomy=True)
            able = {group.workload for group in question.groups}
            self._programs[name] = build(question) if len(able) == len(scenario.workloads) else None
        program = self._programs[name]
        if program is None:
            return None, []
        return _elastic(program, demand_kept)


def _elastic(program: Program, demand_kept: bool) -> tuple[milp.Problem, list[Elastic]]:
    """The program that minimizes the sum of the relaxations, and the limits that it may move."""
    limits = [one for one in program.layout.elastics if may_move(one, demand_kept)]
    columns = np.array([one.col for one in limits], dtype=np.intp)
    cost, upper = np.zeros_like(program.problem.cost), program.problem.upper.copy()
    cost[columns], upper[columns] = 1.0, [most(one) for one in limits]
    return replace(program.problem, cost=cost, upper=upper), limits


def _below(problem: milp.Problem, most: float) -> milp.Problem:
    """The program with one row more: its objective is at most `most`."""
    col = np.flatnonzero(problem.cost)
    return replace(
        problem,
        row=np.append(problem.row, np.full(col.size, problem.rows)),
        col=np.append(problem.col, col),
        value=np.append(problem.value, problem.cost[col]),
        row_lower=np.append(problem.row_lower, -np.inf),
        row_upper=np.append(problem.row_upper, most),
    )


def may_move(limit: Elastic, demand_kept: bool) -> bool:
    """Whether a combination may move a limit."""
    kind = limit.name.split()[0]
    return kind not in KEPT and not (demand_kept and kind == "demand")


def most(limit: Elastic) -> float:
    """Largest relaxation of a limit in a combination."""
    kind = limit.name.split()[0]
    if kind == "min":
        return 1.0 - 1.0 / limit.value
    return MOST_FALL if kind in FALLING else limit.most


def a_bit_more(limit: Elastic, by: float) -> float:
    """Counts are rounded to the next whole one, so they need no margin."""
    if limit.name.split()[0] in COUNTS:
        return max(by - COUNT_TOLERANCE, 0.0)
    return min(by + MARGIN * (1 + by), limit.most)


def change_of(repair: Repair) -> Change:
    """The one change of a single-limit way out."""
    return Change(limit=repair.limit, key=repair.key, start=repair.start, to=repair.to, unit=repair.unit)


def changed(scenario: Scenario, changes: Iterable[Change]) -> Scenario:
    """The scenario after a way out."""
    for change in changes:
        if not change.limit:
            scenario = added(scenario, change.key, str(change.to))
            continue
        assert isinstance(change.start, float) and isinstance(change.to, float)
        known = {one.name: one for one in latency_limits(scenario)}
        limit = known.get(change.limit) or Elastic(change.limit, change.key, "", change.start, change.unit, "", -1)
        scenario = moved(scenario, limit, abs(change.to - change.start) / size(limit.name, change.start)).scenario
    return scenario


def _change(move: Move) -> Change:
    return Change(limit=move.limit, key=move.key, start=move.start, to=move.to, unit=move.unit)


def relative(change: Change) -> float:
    """How much a change weighs: its relative move, and 1 for an addition."""
    if isinstance(change.start, str) or isinstance(change.to, str) or change.start is None or change.to is None:
        return 1.0
    start = size(change.limit, change.start)
    return abs(change.to - change.start) / abs(start) if start else 1.0


def _priced(way: Way, search: _Search, check: Check) -> Repair:
    """Solve the changed question to know its price; the plan is verified like any other."""
    program = build(ask(way.scenario))
    options = replace(search.options, gap=max(search.options.gap, GAP), most_nodes=None)
    found = milp.Solver(program.problem, options).solve(search.progress, stage="price")
    plan = None if found.x is None else check(program, found)
    steps = [way.says] if way.says else []
    steps += [f"{c.limit}: {_amount(c.start, c.unit)} -> {_amount(c.to, c.unit)}" for c in way.changes if c.limit]
    if plan is None:
        end = " (not priced in the time allowed)"
    else:
        usd, kg = plan.accounts["usd_per_year"], plan.accounts["kg_co2e_per_year"]
        end = f" suffices: {amount(usd, 'USD/yr')}, {amount(kg, 'kg CO2e/yr')}"
    return Repair(
        kind=way.kind,
        changes=list(way.changes),
        weight=way.weight,
        limit=way.kind,
        key=", ".join(change.key for change in way.changes),
        start="as it is",
        to="; ".join(steps),
        unit="",
        usd_per_year=plan.accounts["usd_per_year"] if plan else None,
        kg_co2e_per_year=plan.accounts["kg_co2e_per_year"] if plan else None,
        verified=plan.verified if plan else False,
        says="; ".join(steps) + end,
    )


def _amount(value: float | str | None, unit: str) -> str:
    return amount(value, unit) if isinstance(value, float) else str(value)


def in_order(repairs: Iterable[Repair]) -> list[Repair]:
    """The verified ways out by weight, then money, numbered from 1; those that others make needless are left out."""
    told = []
    for one in repairs:
        if one.to is not None and not one.changes:
            change = change_of(one)
            one = one.model_copy(update={"changes": [change], "weight": relative(change)})
        told.append(one)
    good = sorted((one for one in told if one.verified), key=lambda one: (one.weight, one.usd_per_year or 0.0))
    kept: list[Repair] = []
    for one in good:
        if not any(_makes_needless(other, one) for other in kept):
            kept.append(one.model_copy(update={"number": len(kept) + 1}))
    return kept + [one for one in told if not one.verified]


def _makes_needless(less: Repair, more: Repair) -> bool:
    """Whether a way out changes nothing that the other does not, each at most as far, and costs no more."""
    moves = {(change.key, change.to if not change.limit else ""): relative(change) for change in more.changes}
    if less.kind == more.kind == "addition" and less.key == more.key:
        # Two precisions of one size give one and the same fleet.
        figures = ((one.weight, one.usd_per_year, one.kg_co2e_per_year) for one in (less, more))
        return all(one == other for one, other in zip(*figures, strict=True))
    inside = all(
        relative(change) <= moves.get((change.key, change.to if not change.limit else ""), -1.0) * (1 + SAME)
        for change in less.changes
    )
    return inside and (less.usd_per_year or 0.0) <= (more.usd_per_year or 0.0) * (1 + SAME)
