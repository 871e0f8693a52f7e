"""Why not cheaper, and why not at all: limits priced by solving again, conflicts, and what was ruled out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from optimizer import milp
from optimizer.answer import Answer
from optimizer.effects import without_dust
from optimizer.moves import fraction, latency_limits, moved, relaxed_value
from optimizer.plan import Binding, Plan, Rejected
from optimizer.program import Program, build
from optimizer.tables import Question, ask
from optimizer.words import amount
from physics.layout import Elastic
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]
NEVER_RELAXED = ("residency", "precisions")
FAILURES = ("node", "region")
GATING = ("itl", "ttft")
MOST_REJECTED = 12


@dataclass(frozen=True)
class Solved:
    """A program with its live solver and the answer that it gave."""

    program: Program
    solver: milp.Solver
    found: milp.Answer


def bindings(
    scenario: Scenario, plan: Plan, solved: Solved, factors: Iterable[float], progress: Watch | None
) -> list[Binding]:
    """Relax each limit alone, solve again, and say what changes.

    A failure rule is also dropped: on few nodes a small relaxation of it frees none, though the rule sizes the fleet.
    """
    limits = [limit for limit in solved.program.limits().values() if limit.name.split()[0] not in NEVER_RELAXED]
    asked: list[tuple[Elastic, float]] = []
    for factor in factors:
        asked += [
            (limit, fraction(limit, factor, _node_devices(solved.program, limit)))
            for limit in limits
            if limit.name.split()[0] not in GATING
        ]
        asked += [(limit, factor) for limit in latency_limits(scenario)]
    asked += [(limit, 1.0) for limit in limits if limit.name.split()[0] in FAILURES]
    done = []
    for limit, by in asked:
        # A quota needs columns for more nodes, a latency limit gates candidates: both are priced anew.
        if limit.name.split()[0] in (*GATING, "quota"):
            found = _by_pricing(scenario, plan, solved, limit, by, progress)
        else:
            found = _by_column(plan, solved, limit, by, progress)
        if found is None:
            break  # Ctrl-C: what has been priced so far is kept
        done.append(found)
    return sorted(done, key=lambda b: (b.relaxation, b.usd_per_year_change[1], b.limit))


def _node_devices(program: Program, limit: Elastic) -> float:
    """Devices of the smallest node that a quota speaks of."""
    words, hires, layout = limit.name.split(), program.layout.hires, program.layout
    if words[0] != "quota":
        return 0.0
    region = layout.regions.index(words[2])
    here = [
        hires.devices_per_node[h]
        for h, name in enumerate(hires.accelerator)
        if name == words[1] and hires.region[h] == region
    ]
    return float(min(here, default=1.0))


def _by_column(plan: Plan, solved: Solved, limit: Elastic, by: float, progress: Watch | None) -> Binding | None:
    """Relax a limit that has a column in the program, on the live model."""
    began, column = time.process_time(), np.array([limit.col])
    solved.solver.move_columns(column, np.array([by]), np.array([by]))
    try:
        found = solved.solver.solve(progress, stage=f"relax {limit.name}", start=_start(solved, limit, by))
    finally:
        solved.solver.move_columns(column, np.zeros(1), np.zeros(1))
    to = relaxed_value(limit, by)
    return _binding(plan, solved, solved.program, limit, by, to, found, time.process_time() - began)


def _start(solved: Solved, limit: Elastic, by: float) -> np.ndarray | None:
    """The old point holds under every relaxed limit but demand, whose flows must add up to less."""
    if solved.found.x is None or limit.name.startswith("demand"):
        return None
    start = solved.found.x.copy()
    start[limit.col] = by
    return start


def _by_pricing(
    scenario: Scenario, plan: Plan, solved: Solved, limit: Elastic, by: float, progress: Watch | None
) -> Binding | None:
    """Relax a limit that decides which columns there are: candidates are priced and gated anew."""
    began = time.process_time()
    program = build(ask(moved(scenario, limit, by).scenario))
    found = milp.Solver(program.problem, solved.solver.options).solve(progress, stage=f"relax {limit.name}")
    to = relaxed_value(limit, by)
    return _binding(plan, solved, program, limit, by, to, found, time.process_time() - began)


def _binding(
    plan: Plan,
    solved: Solved,
    program: Program,
    limit: Elastic,
    by: float,
    to: float,
    found: milp.Answer,
    seconds: float,
) -> Binding | None:
    """The effect as an interval: both solves are known to within their gaps only. None where Ctrl-C ended the solve."""
    if found.why == "interrupt":
        return None
    unit, old = program.objective_unit, solved.found
    old_unit = solved.program.objective_unit
    assert old.objective is not None and plan.objective is not None
    was, was_bound = old.objective * old_unit, old.bound * old_unit
    # The old plan still holds, so the optimum cannot have become worse: no end of the interval is above 0.
    now = was if found.objective is None else min(found.objective * unit, was)
    today = program.layout.today  # no account goes below 0, but for what is sold of today's fleet
    least = 0.0 if today is None else -today.most_income_usd_per_year()
    now_bound = min(max(found.bound * unit, least), now)
    effect = (min(now_bound - was, 0.0), min(now - was_bound, 0.0))
    accounts = plan.accounts if found.x is None or now >= was else Answer(program, found.x).accounts
    changes = {}
    for account in ("usd_per_year", "kg_co2e_per_year"):
        change = accounts[account] - plan.accounts[account]
        changes[account] = effect if account == plan.objective.account else (change, change)
    after = "not limited" if limit.name.split()[0] in FAILURES and by >= 1 else amount(to, limit.unit)
    changes = {account: without_dust(change, plan.accounts[account]) for account, change in changes.items()}
    effect = without_dust(effect, was)
    return Binding(
        limit=limit.name,
        key=limit.key,
        wall=limit.wall,
        change=f"{limit.name}: {amount(limit.value, limit.unit)} -> {after}",
        relaxation=by,
        usd_per_year_change=changes["usd_per_year"],
        kg_co2e_per_year_change=changes["kg_co2e_per_year"],
        resolved=effect[1] < 0 or effect[0] >= 0,
        seconds=seconds,
    )


def rejected(question: Question) -> list[Rejected]:
    """What was ruled out, the strongest (cheapest by request at full load) first, then what could not be offered."""
    found = [entry for table in question.tables for entry in table.rejected] + _too_slow_to_start(question)
    priced = sorted(
        (r for r in found if r.usd_per_million_requests is not None), key=lambda r: r.usd_per_million_requests or 0.0
    )
    others = [r for r in found if r.usd_per_million_requests is None]
    return priced[:MOST_REJECTED] + others + question.offers.rejected


def _too_slow_to_start(question: Question) -> list[Rejected]:
    """Chips that fit and keep the ITL limit, but whose idle pool misses the TTFT limit in every region."""
    found = []
    for w, table in enumerate(question.tables):
        if table.workload.ttft is None:
            continue
        working = {table.chip[c] for g in question.groups if g.workload == w for c in g.variants.candidate}
        offered = {hire.accelerator.name for hire in question.offers.hires}
        for number, chip in enumerate(table.chips):
            rows = np.flatnonzero((table.chip == number) & ~table.over_itl)
            if number in working or not chip.allowed or not rows.size or chip.accelerator.name not in offered:
                continue
            if any(table.chips[c].accelerator.name == chip.accelerator.name for c in working):
                continue  # a better precision of the same device is in use; this one was only dominated
            idle = (table.prices.prefill_s[rows] + table.prices.decode_step_s[rows]).max(axis=1)
            row = rows[int(np.argmin(idle))]
            limit = table.workload.ttft.limit_s
            found.append(
                Rejected(
                    workload=table.workload.name,
                    what=table.describe(int(row)),
                    wall="tail_latency",
                    reading="TTFT without any wait or network",
                    value=float(idle.min()),
                    sense="<=",
                    limit=limit,
                    unit="s",
                    says=f"{table.describe(int(row))} takes {amount(float(idle.min()), 's')} for a first token even "
                    f"alone; network and waiting leave it no room under {amount(limit, 's')}",
                )
            )
    return found
