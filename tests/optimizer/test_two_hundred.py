"""Two hundred tiny questions with many limits: conflicts and ways out are those of the table of all fleets."""

from __future__ import annotations

import math

import pytest

from optimizer import solve
from optimizer.program import build
from optimizer.tables import ask
from scenarios.schema import Scenario
from tests.optimizer.fleet_book import Book
from tests.optimizer.tight_fleets import tight

CASES = 200
PARTS = 10
COUNTS = ("quota", "min", "max")
MARGIN = 3e-3  # a way out goes 0.2 % further than the least move, and is written with a few digits


def limits_of(scenario: Scenario) -> list[str]:
    """Names of the limits that rows keep, also where latency limits leave nothing to keep them with."""
    return [name for name in build(ask(scenario, closed=True)).limits() if name.split()[0] not in ("itl", "ttft")]


def plain(name: str) -> str:
    """A limit's name as the table of fleets knows it."""
    words = name.split()
    return {"demand": "demand", "node": "node failure", "region": "region failure"}.get(words[0], name)


@pytest.mark.parametrize("part", range(PARTS))
def test_conflicts_are_minimal_and_ways_out_the_least(part: int) -> None:
    impossible = 0
    for seed in range(part * CASES // PARTS, (part + 1) * CASES // PARTS):
        scenario, book = tight(seed)
        plan = solve(scenario, gap=0, binding=False)
        best = book.optimum(scenario)
        assert (plan.status == "optimal") == math.isfinite(best.goal), seed
        if plan.status == "optimal":
            assert plan.accounts["usd_per_year"] == pytest.approx(best.goal, rel=1e-6), seed
            continue
        impossible += 1
        names = limits_of(scenario)
        members = [one.limit for one in plan.conflict]
        if members == ["supply"]:
            continue
        others = {plain(name): 0.0 for name in names if name not in members}
        assert math.isinf(book.least(scenario, others)), (seed, members)
        for member in members:
            without = Book(scenario.replace("workloads.chat.ttft.limit", "1 h")) if member == "ttft chat" else book
            assert math.isfinite(without.least(scenario, others | {plain(member): 0.0})), (seed, member)
        for way in plan.repairs:
            if way.kind != "limit" or way.limit.split()[0] in ("itl", "ttft", *COUNTS):
                continue
            least = book.least(scenario, {plain(way.limit): 1.0})
            if way.to is None:
                assert math.isinf(least) or least > 0.89, (seed, way.limit, least)
                continue
            moved = abs(float(way.to) - float(way.start)) / float(way.start)
            if moved > 0.89 and math.isinf(least):
                continue  # the table ends where a tenth is left
            assert least - 1e-6 <= moved <= least + MARGIN * (1 + least) + 1e-6, (seed, way.limit, moved, least)
    assert impossible
