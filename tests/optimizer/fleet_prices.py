"""The prices of a plan's limits against the table of all fleets: each line is the difference of two optima."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.plan import Binding, Plan
from scenarios.schema import Scenario
from tests.optimizer.fleet_book import Book

CAPS = {
    "budget": "budget_usd_per_year",
    "carbon": "carbon_kg_per_year",
    "energy": "energy_kwh_per_year",
    "water": "water_litres_per_year",
}
FALLING = ("demand", "min", "node", "region")
CHANGE = {"usd_per_year": "usd_per_year_change", "kg_co2e_per_year": "kg_co2e_per_year_change"}
SAME = 2e-6
"""Of what is paid and earned, or emitted: smaller changes are told as none."""
TIE = {"usd_per_year": 1e-5, "kg_co2e_per_year": 1e-9}
"""Of the other account: by so much of it the program breaks ties, and what is made least is known no better."""
CURVE = (-0.10, -0.05, 0.01, 0.05, 0.10)


def limits_that_move(scenario: Scenario) -> set[str]:
    """Names of the limits that a question states, with which a plan's lines are told."""
    (chat,) = scenario.workloads.values()
    names = {"demand chat", *(kind + " chat" for kind in ("ttft", "itl") if getattr(chat, kind) is not None)}
    names |= {name for name, key in CAPS.items() if getattr(scenario.limits, key) is not None}
    names |= {f"{kind} regions" for kind in ("min", "max") if (getattr(scenario.limits, f"{kind}_regions") or 0) > 0}
    names |= {f"{kind} failure" for kind in ("node", "region") if getattr(scenario.failures, kind) is not None}
    for region, use in scenario.regions.items():
        names |= {f"quota {name} {region}" for name, quota in use.quota.items() if isinstance(quota, int)}
        names |= {f"site power {region}"} if use.site_power_w is not None else set()
    if scenario.today is not None and scenario.today.changes.limit is not None:
        names.add("changes")
    return names


def after(scenario: Scenario, line: Binding) -> Scenario:
    """The question with the limit at the value that a line says it was moved to; written without the product's own."""
    kind, *words = line.limit.split()
    if kind in CAPS:
        return scenario.model_copy(update={"limits": scenario.limits.model_copy(update={CAPS[kind]: line.to})})
    if kind in ("min", "max"):
        assert line.to == int(line.to or 0)
        return scenario.model_copy(
            update={"limits": scenario.limits.model_copy(update={f"{kind}_regions": int(line.to)})}
        )
    if kind in ("node", "region"):
        rule = getattr(scenario.failures, kind)
        rule = None if line.to is None else rule.model_copy(update={"share": line.to})
        return scenario.model_copy(update={"failures": scenario.failures.model_copy(update={kind: rule})})
    if kind in ("quota", "site"):
        use = scenario.regions[words[1]]
        update = {"site_power_w": line.to} if kind == "site" else {"quota": use.quota | {words[0]: round(line.to or 0)}}
        return scenario.model_copy(update={"regions": {**scenario.regions, words[1]: use.model_copy(update=update)}})
    if kind == "changes":
        assert scenario.today is not None
        changes = scenario.today.changes.model_copy(update={"limit": round(line.to or 0)})
        return scenario.model_copy(update={"today": scenario.today.model_copy(update={"changes": changes})})
    chat = scenario.workloads[words[0]]
    if kind == "demand":
        ((origin, rates),) = chat.demand.items()
        assert rates == (line.start,)
        chat = chat.model_copy(update={"demand": {origin: (line.to,)}})
    else:
        limit = getattr(chat, kind).model_copy(update={"limit_s": line.to})
        chat = chat.model_copy(update={kind: limit})
    return scenario.model_copy(update={"workloads": {words[0]: chat}})


def size_of(plan: Plan, account: str) -> float:
    """What an account is summed up from; with sales of today's nodes the sum may be near 0."""
    return sum(abs(charge.value) for charge in plan.charges if charge.account == account)


def check_moves(scenario: Scenario, book: Book, plan: Plan, curves: bool) -> None:
    """Every limit is moved, by what it should be; those without a line would change nothing if they were dropped."""
    assert plan.objective is not None
    account = plan.objective.account
    told, stated = {line.limit for line in plan.binding}, limits_that_move(scenario)
    assert told <= stated
    for name in stated - told:
        dropped = book.optimum(scenario, account, dropped=name).goal
        assert dropped == pytest.approx(plan.accounts[account], abs=SAME * size_of(plan, account)), name
    for name in told:
        kind, lines = name.split()[0], [line for line in plan.binding if line.limit == name]
        for line in lines:
            assert line.start is not None
            size = (max(line.start, 1.0) if kind == "changes" else line.start) * (-1 if kind in FALLING else 1)
            assert line.to is None or line.to - line.start == pytest.approx(line.relaxation * size, abs=1e-9)
        assert (kind in ("node", "region")) == any(line.to is None for line in lines)
        wanted = [by for by in (CURVE if curves else (0.05,)) if by > 0 or kind not in ("node", "region")]
        moves = sorted(line.relaxation for line in lines if line.to is not None)
        if kind in ("quota", "min", "max", "changes"):
            assert all(line.to == round(line.to or 0.0) for line in lines)
        else:
            assert [by for by in moves if by > 0 or kind not in ("node", "region")] == pytest.approx(wanted), name


def check_price(scenario: Scenario, book: Book, plan: Plan, line: Binding) -> float | None:
    """A line's change of the goal is that of two optima; returned as a share of the goal, None where no fleet is left.

    The nodes that it tells are those of one such fleet, which takes no less of the other account than they must.
    """
    assert plan.objective is not None
    account, other = plan.objective.account, next(name for name in CHANGE if name != plan.objective.account)
    was, question = plan.accounts[account], after(scenario, line)
    if line.limit.split()[0] in ("ttft", "itl"):
        book = Book(question)
    best = book.optimum(question, account)
    change, others = getattr(line, CHANGE[account]), getattr(line, CHANGE[other])
    if line.status == "no_fleet":
        assert best.goal == np.inf and change is None and others is None and not line.node_changes
        return None
    assert line.status in ("solved", "kept", "implied") and line.resolved and change is not None
    apart = best.goal - was
    assert best.accounts is not None
    same = SAME * size_of(plan, account) + TIE[account] * max(plan.accounts[other], best.accounts[other])
    assert change == pytest.approx((apart, apart), abs=same), (line.status, apart)
    assert line.status == "solved" or change == others == (0.0, 0.0)
    if change == (0.0, 0.0):
        assert not line.node_changes
        return 0.0
    assert others is not None and others[0] == others[1]
    running = _running(plan, line, book)
    assert book.optimum(question, account, running=running).goal == pytest.approx(best.goal, abs=same)
    least = book.optimum(question, other, running=running).goal
    assert plan.accounts[other] + others[0] >= least - SAME * size_of(plan, other), (others, least)
    return apart / abs(was)


def _running(plan: Plan, line: Binding, book: Book) -> np.ndarray:
    """Devices that run at each place after the changes of nodes that a line tells."""
    nodes = {(one.region, one.accelerator): one.nodes for one in plan.nodes}
    for one in line.node_changes:
        assert nodes.get((one.region, one.accelerator), 0) == one.before != one.after
        nodes[one.region, one.accelerator] = one.after
    return np.array([nodes.get(place, 0) * book.node_sizes.get(place[1], 0) for place in book.places])
