"""What a confidence costs: the same question solved again with the middle of each prediction, and the difference."""

from __future__ import annotations

import time
from collections.abc import Callable

from optimizer import milp
from optimizer.cross_check import cross_checked
from optimizer.effects import without_dust
from optimizer.plan import Insurance, Interval, Plan, Status
from optimizer.polish import simplest
from optimizer.program import build
from optimizer.tables import ask
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]


def insured(
    scenario: Scenario, plan: Plan, options: milp.Options, progress: Watch | None, check: Callable[..., Plan]
) -> Plan:
    """The plan with what its confidence costs; unchanged where none was asked for.

    `check` turns a solved program into a verified plan. Ctrl-C leaves the plan without this account of it.
    """
    confidence = scenario.planning.confidence
    if confidence is None:
        return plan
    began, central = time.process_time(), scenario.replace("planning.confidence", None)
    question = ask(central)
    if not any(len(table) for table in question.tables):
        return priced(plan, confidence, "no_candidate", None, time.process_time() - began)
    program = build(question)
    found = milp.Solver(program.problem, options).solve(progress, stage="without the confidence")
    if found.why == "interrupt":
        return plan
    found, _ = cross_checked(program.problem, found, options)
    if found.x is None:
        status: Status = "infeasible" if found.why == "infeasible" else "no_incumbent"
        return priced(plan, confidence, status, None, time.process_time() - began)
    without = check(program, simplest(program, found, options))
    return priced(plan, confidence, without.status, without, time.process_time() - began)


def priced(plan: Plan, confidence: float, status: Status, without: Plan | None, seconds: float = 0.0) -> Plan:
    """The plan with its difference to the one `without` the confidence, whose status is `status`."""
    changes = _changes(plan, without) if without is not None and plan.fleet is not None else {}
    usd, kg = changes.get("usd_per_year"), changes.get("kg_co2e_per_year")
    aim = changes.get(plan.objective.account, usd) if plan.objective else None
    bill = without.accounts if without else {}
    found = Insurance(
        confidence=confidence,
        status_without=status,
        usd_per_year_without=bill.get("usd_per_year"),
        kg_co2e_per_year_without=bill.get("kg_co2e_per_year"),
        usd_per_year_change=usd,
        kg_co2e_per_year_change=kg,
        nodes=_nodes(plan),
        nodes_without=_nodes(without),
        resolved=aim is not None and (aim[0] > 0 or aim[1] <= 0),
        seconds=seconds,
    )
    return plan.model_copy(update={"insurance": found})


def _changes(plan: Plan, without: Plan) -> dict[str, Interval]:
    """By account, plan less the one without: of the objective what the two gaps leave open, else of the two fleets."""
    changes: dict[str, Interval] = {}
    for account, value in without.accounts.items():
        if account in plan.accounts:
            change = plan.accounts[account] - value
            changes[account] = without_dust((change, change), value)
    mine, other = plan.objective, without.objective
    if mine and other and plan.bound and without.bound and plan.bound.value is not None:
        assert mine.value is not None and other.value is not None and without.bound.value is not None
        ends = plan.bound.value - other.value, mine.value - without.bound.value
        changes[mine.account] = without_dust(ends, other.value)
    return changes


def _nodes(plan: Plan | None) -> int:
    return sum(line.nodes for line in plan.nodes) if plan else 0
