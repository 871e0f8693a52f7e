"""Hundreds of tiny questions against the table of all fleets: conflicts, ways out, and what each limit costs."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from optimizer import solve
from optimizer.plan import Plan, Repair
from scenarios.schema import Scenario
from tests.optimizer.fleet_book import Book
from tests.optimizer.fleet_prices import check_moves, check_price, limits_that_move
from tests.optimizer.priced_fleets import loose
from tests.optimizer.tight_fleets import tight

CASES, PRICED = 200, 150
PARTS = 10
COUNTS = ("quota", "min", "max", "changes")
MARGIN = 3e-3  # a way out goes 0.2 % further than the least move, and is written with a few digits
TELLS = 1e-4
"""Of the goal: a limit that changes more than this costs something."""


def plain(name: str) -> str:
    """A limit's name as the table of fleets knows it."""
    words = name.split()
    return {"demand": "demand", "node": "node failure", "region": "region failure"}.get(words[0], name)


@pytest.mark.parametrize("part", range(PARTS))
def test_conflicts_are_minimal_and_ways_out_the_least(part: int) -> None:
    impossible, ways = 0, Counter[str]()
    for seed in range(part * CASES // PARTS, (part + 1) * CASES // PARTS):
        scenario, book = tight(seed)
        plan = solve(scenario, gap=0)
        best = book.optimum(scenario)
        assert (plan.status == "optimal") == math.isfinite(best.goal), seed
        if plan.status == "optimal":
            assert plan.accounts["usd_per_year"] == pytest.approx(best.goal, rel=1e-6), seed
            _check_prices(scenario, book, plan, Counter())
            continue
        impossible += 1
        _check_conflict(scenario, book, plan, seed)
        for way in plan.repairs:
            if way.kind == "limit" and way.limit.split()[0] not in ("itl", "ttft"):
                _check_way(scenario, book, way, seed)
                ways[way.limit.split()[0]] += way.to is not None
    assert impossible > 5 and ways["demand"], ways


def _check_conflict(scenario: Scenario, book: Book, plan: Plan, seed: int) -> None:
    """No fleet holds its members; without any one of them some fleet does."""
    members = [one.limit for one in plan.conflict]
    if members == ["supply"]:
        return
    others = {plain(name): 0.0 for name in limits_that_move(scenario) if name not in members}
    assert math.isinf(book.least(scenario, others)), (seed, members)
    for member in members:
        without = Book(scenario.replace("workloads.chat.ttft.limit", "1 h")) if member == "ttft chat" else book
        assert math.isfinite(without.least(scenario, others | {plain(member): 0.0})), (seed, member)


def _check_way(scenario: Scenario, book: Book, way: Repair, seed: int) -> None:
    """A single limit moves by the least that lets a fleet exist."""
    kind, least = way.limit.split()[0], book.least(scenario, {plain(way.limit): 1.0})
    if way.to is None:
        assert math.isinf(least) or (least > 0.89 and kind not in COUNTS), (seed, way.limit, least)
        return
    start, to = float(way.start or 0.0), float(way.to)
    moved = abs(to - start) / (max(start, 1.0) if kind == "changes" else start)
    if math.isinf(least):
        # The table ends where a tenth is left, or at so many replicas.
        assert to > book.most if kind == "quota" else moved > 0.89, (seed, way.limit, moved)
    elif kind in COUNTS:
        assert moved == pytest.approx(least, abs=1e-9), (seed, way.limit, moved, least)
    else:
        assert least - 1e-6 <= moved <= least + MARGIN * (1 + least) + 1e-6, (seed, way.limit, moved, least)


@pytest.mark.parametrize("part", range(PARTS))
def test_what_a_limit_costs_is_the_difference_of_two_optima(part: int) -> None:
    """All of these have a fleet, and two limits or more that hold it up; every thirtieth has its curves drawn."""
    tells = Counter[str]()
    for seed in range(part * PRICED // PARTS, (part + 1) * PRICED // PARTS):
        scenario, book = loose(seed)
        plan = solve(scenario, gap=0, curves=seed % 30 == 0)
        _check_prices(scenario, book, plan, tells, curves=seed % 30 == 0)
    assert tells.total() >= 2 * PRICED // PARTS and tells.total() - tells["demand"] >= PRICED // PARTS, tells


def _check_prices(scenario: Scenario, book: Book, plan: Plan, tells: Counter[str], curves: bool = False) -> None:
    """Every line; `tells` counts by kind of limit those that change something."""
    assert plan.objective is not None and plan.verified
    best = book.optimum(scenario, plan.objective.account)
    assert plan.accounts[plan.objective.account] == pytest.approx(best.goal, rel=1e-6)
    check_moves(scenario, book, plan, curves)
    for line in plan.binding:
        change = check_price(scenario, book, plan, line)
        tells[line.limit.split()[0]] += change is None or abs(change) > TELLS
