"""When nothing fits the user's limits: a minimal conflict by name, and how far each single limit would have to move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from optimizer import milp
from optimizer.moves import Move, latency_limits, moved
from optimizer.plan import ConflictMember, Plan, Repair
from optimizer.program import Program, build
from optimizer.tables import ask
from optimizer.words import amount
from physics.layout import Elastic
from scenarios.schema import Scenario
from scenarios.schema_repair import NEVER

Watch = Callable[[milp.Progress], None]
Check = Callable[[Program, milp.Answer], Plan]
# The order in which limits are tried away: what remains tends to be what people think of first.
ORDER = (
    "spot",
    "max",
    "min",
    "precisions",
    "residency",
    "water",
    "energy",
    "site",
    "region",
    "node",
    "quota",
    "changes",
    "ttft",
    "itl",
    "carbon",
    "budget",
    "demand",
)
NOT_OFFERED_AS_REPAIR = ("residency", "precisions")
CHECK_S = 30.0
MARGIN = 2e-3  # a limit is moved this much further than the least, so that the repaired question is not on the edge
COUNTS = ("quota", "min", "max", "changes")
COUNT_TOLERANCE = 1e-7
LATENCY_STEP = 0.03
LATENCY_MOST = 64.0


@dataclass(frozen=True)
class Reasons:
    """A minimal conflict and the single-limit ways out."""

    members: list[ConflictMember]
    repairs: list[Repair]
    closed: Program
    """The program with what only the user's limits rule out, to ask more of it."""


class _Model:
    """The program with every limit switchable, also those that gate candidates."""

    def __init__(self, scenario: Scenario, options: milp.Options, progress: Watch | None) -> None:
        self.program = build(ask(scenario, closed=True))
        self.plain = build(ask(scenario))
        self.limits = {limit.name: limit for limit in self.program.limits().values()}
        self.progress = progress
        self.options = replace(options, time_limit_s=min(CHECK_S, options.time_limit_s), gap=0.01)
        problem = self.program.problem
        any_fleet = replace(problem, cost=np.zeros_like(problem.cost))
        self.solver = milp.Solver(any_fleet, self.options)
        # Most questions are settled by the relaxation, which starts from where the last one ended.
        self.relaxed = milp.Solver(replace(any_fleet, integer=np.zeros_like(problem.integer)), self.options)

    def possible(self, dropped: set[str]) -> bool | None:
        """Whether a fleet exists with these limits dropped; None where time ran out first."""
        names = [name for name in self.limits if name in dropped]
        columns = np.array([self.limits[name].col for name in names], dtype=np.intp)
        found = None
        for solver in (self.relaxed, self.solver):
            solver.move_columns(columns, np.zeros(columns.size), np.array([_most(self.limits[n]) for n in names]))
            try:
                found = solver.solve(self.progress, stage="conflict")
            finally:
                solver.move_columns(columns, np.zeros(columns.size), np.zeros(columns.size))
            if found.why == "infeasible":
                return False
        return True if found is not None and found.x is not None else None

    def least(self, limit: Elastic) -> float | None:
        """Least relaxation of one limit that lets a fleet exist; None where none does, NaN where time ran out."""
        if self.possible({limit.name}) is False:
            return None
        program = self.program if limit.name.startswith("quota") else self.plain  # more supply needs more columns
        limit = next(known for known in program.layout.elastics if known.name == limit.name)
        problem = program.problem
        cost, upper = np.zeros_like(problem.cost), problem.upper.copy()
        cost[limit.col], upper[limit.col] = 1.0, _most(limit)
        found = milp.Solver(replace(problem, cost=cost, upper=upper), self.options).solve(
            self.progress, stage=f"move {limit.name}"
        )
        if found.x is None:
            return None if found.why == "infeasible" else np.nan
        return float(found.x[limit.col])


def _most(limit: Elastic) -> float:
    return 1.0 if limit.name.split()[0] in ("itl", "ttft", "precisions", "residency") else limit.most


def reasons(scenario: Scenario, options: milp.Options, progress: Watch | None, check: Check) -> Reasons:
    """The conflict of an infeasible scenario, and the repairs. `check` turns a solved program into a verified plan."""
    model = _Model(scenario, options, progress)
    order = sorted(model.limits, key=lambda name: (ORDER.index(name.split()[0]), name))
    # Without any demand an empty fleet always holds, so supply is what is missing where all else dropped does not help.
    if model.possible({name for name in order if not name.startswith("demand ")}) is False:
        return Reasons([_supply(model)], [], model.program)
    dropped: set[str] = set()
    unsure: set[str] = set()
    for name in order:
        answer = model.possible(dropped | {name})
        if answer is False:
            dropped.add(name)
        elif answer is None:
            unsure.add(name)
    members = [_member(scenario, model.limits[name], name in unsure) for name in reversed(order) if name not in dropped]
    repairs = [
        _repair(scenario, model, model.limits[name], check)
        for name in reversed(order)
        if name.split()[0] not in NOT_OFFERED_AS_REPAIR and scenario.repair.weight(name) < NEVER
    ]
    return Reasons(members, repairs + _idle(scenario, model), model.program)


def _idle(scenario: Scenario, model: _Model) -> list[Repair]:
    """Latency limits that rule out no candidate have no column: moving one changes nothing, and that is said too."""
    return [
        _said(limit, None, f"no change of the {limit.name} limit alone helps: it rules nothing out")
        for limit in latency_limits(scenario)
        if limit.name not in model.limits and scenario.repair.weight(limit.name) < NEVER
    ]


def _supply(model: _Model) -> ConflictMember:
    offers = model.program.question.offers
    why = "; ".join(entry.says for entry in offers.rejected) or "no offer holds a candidate"
    return ConflictMember(
        limit="supply", key="procurement", value=None, unit="", says=f"nothing that could serve can be had: {why}"
    )


def _member(scenario: Scenario, limit: Elastic, unsure: bool) -> ConflictMember:
    kind = limit.name.split()[0]
    value: float | str = limit.value
    if kind == "precisions":
        value = ", ".join(scenario.workloads[limit.name.split()[1]].precisions)
    elif kind == "residency":
        value = "as listed"
    shown = value if isinstance(value, str) else amount(value, limit.unit)
    says = f"{limit.says} ({shown})" + ("; not shown necessary in the time allowed" if unsure else "")
    return ConflictMember(limit=limit.name, key=limit.key, value=value, unit=limit.unit, says=says)


def _repair(scenario: Scenario, model: _Model, limit: Elastic, check: Check) -> Repair:
    kind = limit.name.split()[0]
    if kind in ("itl", "ttft"):
        plain = next(known for known in latency_limits(scenario) if known.name == limit.name)
        least = _least_latency(scenario, model, plain) if model.possible({limit.name}) is not False else None
    else:
        least = model.least(limit)
        if least is not None and kind in ("min", "node", "region", "demand") and least >= 1 - 1e-9:
            least = None  # nothing would be left of the limit
    if least is None:
        return _said(limit, None, f"no change of the {limit.name} limit alone helps")
    if np.isnan(least):
        says = f"not settled in the time allowed whether moving the {limit.name} limit alone helps"
        return _said(limit, None, says).model_copy(update={"settled": False})
    return _priced(limit, moved(scenario, limit, _a_bit_more(limit, least)), model, check)


def _a_bit_more(limit: Elastic, least: float) -> float:
    kind = limit.name.split()[0]
    if kind in COUNTS:
        return max(least - COUNT_TOLERANCE, 0.0)  # counts are rounded to the next whole one
    if kind in ("itl", "ttft"):
        return least  # known to work as it is
    return min(least + MARGIN * (1 + least), limit.most if np.isfinite(limit.most) else np.inf)


def _said(limit: Elastic, to: float | None, says: str, plan: Plan | None = None) -> Repair:
    accounts = plan.accounts if plan else {}
    return Repair(
        limit=limit.name,
        key=limit.key,
        start=limit.value,
        to=to,
        unit=limit.unit,
        usd_per_year=accounts.get("usd_per_year"),
        kg_co2e_per_year=accounts.get("kg_co2e_per_year"),
        verified=plan.verified if plan else False,
        says=says,
    )


def _least_latency(scenario: Scenario, model: _Model, limit: Elastic) -> float | None:
    """Least relaxation of a latency limit that works, by pricing anew and halving the interval to 3 %; None where none
    does, NaN where time ran out before that was known."""
    undecided = False

    def works(factor: float) -> bool:
        nonlocal undecided
        problem = build(ask(moved(scenario, limit, factor - 1).scenario)).problem
        solver = milp.Solver(replace(problem, cost=np.zeros_like(problem.cost)), model.options)
        found = solver.solve(model.progress, stage=f"move {limit.name}")
        undecided |= found.x is None and found.why != "infeasible"
        return found.x is not None

    low, high = 1.0, 2.0
    while not works(high):
        low, high = high, high * 2
        if high > LATENCY_MOST:
            return np.nan if undecided else None
    while high / low > 1 + LATENCY_STEP:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if works(middle) else (middle, high)
    return high - 1


def _priced(limit: Elastic, move: Move, model: _Model, check: Check) -> Repair:
    """Solve the moved question to know its price; the plan is verified like any other."""
    program = build(ask(move.scenario))
    found = milp.Solver(program.problem, model.options).solve(model.progress, stage=f"price {limit.name}")
    to = move.to if isinstance(move.to, float) else limit.value
    step = f"{limit.name}: {amount(limit.value, limit.unit)} -> {amount(to, limit.unit)}"
    if found.x is None:
        return _said(limit, to, f"{step} (not priced in the time allowed)")
    plan = check(program, found)
    usd, kg = plan.accounts["usd_per_year"], plan.accounts["kg_co2e_per_year"]
    return _said(limit, to, f"{step} suffices: {amount(usd, 'USD/yr')}, {amount(kg, 'kg CO2e/yr')}", plan)
