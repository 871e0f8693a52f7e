"""When nothing fits the user's limits: a minimal conflict by name, and how far each single limit would have to move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from optimizer import milp
from optimizer.moves import Move, a_bit_more, latency_limits, moved
from optimizer.plan import ConflictMember, Plan, Repair
from optimizer.program import Program, build
from optimizer.switchable import Switchable
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
    # Last, so that nothing is called a conflict only because a precision or a region were opened that are not allowed.
    "precisions",
    "residency",
)
NOT_OFFERED_AS_REPAIR = ("residency", "precisions")
LATENCY_STEP = 0.005
LATENCY_MOST = 64.0


@dataclass(frozen=True)
class Reasons:
    """A minimal conflict and the single-limit ways out."""

    members: list[ConflictMember]
    repairs: list[Repair]
    closed: Program
    """The program with what only the user's limits rule out, to ask more of it."""


def reasons(scenario: Scenario, options: milp.Options, progress: Watch | None, check: Check) -> Reasons:
    """The conflict of an infeasible scenario, and the repairs. `check` turns a solved program into a verified plan."""
    model = Switchable(scenario, options, progress)
    order = sorted(model.limits, key=lambda name: (ORDER.index(name.split()[0]), name))
    told = [name for name in reversed(order) if name.split()[0] not in NOT_OFFERED_AS_REPAIR]
    told += [name for name in order if name not in told]
    # Without any demand an empty fleet always holds, so supply is what is missing where all else dropped does not help.
    if model.possible({name for name in order if not name.startswith("demand ")}) is False:
        return Reasons([_supply(model)], [], model.closed)
    kept, unsure = _conflict(model, order)
    members = [_member(scenario, model.limits[name], name in unsure) for name in told if name in kept]
    model.renew()
    repairs = [
        # The members cannot hold together whatever becomes of the other limits, so none of those helps alone.
        _repair(scenario, model, limit, check) if limit.name in kept else _said(limit, None, _never(limit))
        for limit in map(model.limits.__getitem__, told)
        if limit.name.split()[0] not in NOT_OFFERED_AS_REPAIR and scenario.repair.weight(limit.name) < NEVER
    ]
    return Reasons(members, repairs + _idle(scenario, model), model.closed)


def _conflict(model: Switchable, order: list[str]) -> tuple[set[str], set[str]]:
    """Limits that cannot hold together whatever becomes of the others, and those not shown necessary in time.

    A deletion filter in the given order. Limits that can go are let go together: proofs that there is no fleet are what
    takes time, and one of them then stands for many.
    """
    dropped: set[str] = set()
    unsure: set[str] = set()

    def drop(names: list[str]) -> None:
        answer = model.possible(dropped | set(names))
        if answer is False:
            dropped.update(names)
        elif len(names) > 1:
            half = len(names) // 2
            drop(names[:half])
            drop(names[half:])
        elif answer is None:
            unsure.update(names)

    drop(order[: len(order) // 2])
    drop(order[len(order) // 2 :])
    return set(order) - dropped, unsure


def _idle(scenario: Scenario, model: Switchable) -> list[Repair]:
    """Latency limits that rule out no candidate have no column: moving one changes nothing, and that is said too."""
    return [
        _said(limit, None, f"no change of the {limit.name} limit alone helps: it rules nothing out")
        for limit in latency_limits(scenario)
        if limit.name not in model.limits and scenario.repair.weight(limit.name) < NEVER
    ]


def _supply(model: Switchable) -> ConflictMember:
    offers = model.closed.question.offers
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


def _repair(scenario: Scenario, model: Switchable, limit: Elastic, check: Check) -> Repair:
    kind = limit.name.split()[0]
    if kind in ("itl", "ttft"):
        plain = next(known for known in latency_limits(scenario) if known.name == limit.name)
        least = _least_latency(scenario, model, plain)
    else:
        least = model.least(limit)
        if least is not None and kind in ("min", "node", "region", "demand") and least >= 1 - 1e-9:
            least = None  # nothing would be left of the limit
    if least is None:
        return _said(limit, None, _never(limit))
    if np.isnan(least):
        says = f"not settled in the time allowed whether moving the {limit.name} limit alone helps"
        return _said(limit, None, says).model_copy(update={"settled": False})
    # A latency limit is known to work as it is.
    by = least if kind in ("itl", "ttft") else a_bit_more(limit, least)
    return _priced(limit, moved(scenario, limit, by), model, check)


def _never(limit: Elastic) -> str:
    return f"no change of the {limit.name} limit alone helps"


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


def _least_latency(scenario: Scenario, model: Switchable, limit: Elastic) -> float | None:
    """Least relaxation of a latency limit that works, by pricing anew and halving the interval to 0.5 %.

    None where not even 64 times the limit does, NaN where time ran out before that was known.
    """
    undecided = False

    def works(factor: float) -> bool:
        nonlocal undecided
        problem = build(ask(moved(scenario, limit, factor - 1).scenario)).problem
        found = model.search(replace(problem, cost=np.zeros_like(problem.cost)), f"move {limit.name}")
        undecided |= found.x is None and found.why != "infeasible"
        return found.x is not None

    if not works(LATENCY_MOST):
        return np.nan if undecided else None
    low, high = 1.0, 2.0
    while high < LATENCY_MOST and not works(high):
        low, high = high, high * 2
    while high / low > 1 + LATENCY_STEP:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if works(middle) else (middle, high)
    return high - 1


def _priced(limit: Elastic, move: Move, model: Switchable, check: Check) -> Repair:
    """Solve the moved question to know its price; the plan is verified like any other."""
    program = build(ask(move.scenario))
    found = model.search(program.problem, f"price {limit.name}")
    to = move.to if isinstance(move.to, float) else limit.value
    step = f"{limit.name}: {amount(limit.value, limit.unit)} -> {amount(to, limit.unit)}"
    if found.x is None:
        return _said(limit, to, f"{step} (not priced in the time allowed)")
    plan = check(program, found)
    usd, kg = plan.accounts["usd_per_year"], plan.accounts["kg_co2e_per_year"]
    return _said(limit, to, f"{step} suffices: {amount(usd, 'USD/yr')}, {amount(kg, 'kg CO2e/yr')}", plan)
