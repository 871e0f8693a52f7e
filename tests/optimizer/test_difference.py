"""Two plans side by side: what adds up, what the gaps leave open, what moves."""

from __future__ import annotations

import math

import pytest

import optimizer
from optimizer.difference import difference
from optimizer.plan import Amount, NodeLine, Plan
from tests.optimizer.cases import EAST, NORTH, small_scenario, two_regions


@pytest.fixture(scope="module")
def plans() -> tuple[Plan, Plan]:
    """The same question with more demand."""
    scenario = small_scenario(regions=two_regions())
    more = scenario.replace("workloads.chat.demand.east", "90/s")
    return optimizer.solve(scenario, binding=False), optimizer.solve(more, binding=False)


def test_parts_add_up_to_their_accounts(plans: tuple[Plan, Plan]) -> None:
    found = optimizer.compare(*plans)
    for line in found.accounts:
        mine = [part for part in found.parts if part.account == line.account]
        if mine:
            assert math.isclose(sum(part.before for part in mine), line.before, rel_tol=1e-9)
            assert math.isclose(sum(part.after for part in mine), line.after, rel_tol=1e-9)


def test_there_and_back_is_the_opposite(plans: tuple[Plan, Plan]) -> None:
    there, back = difference(*plans), difference(*reversed(plans))
    for one, other in zip(there.accounts, back.accounts, strict=True):
        assert one.change == pytest.approx((-other.change[1], -other.change[0]), abs=1.0)
    assert [(line.before, line.after) for line in there.nodes] == [(line.after, line.before) for line in back.nodes]
    assert there.moves and back.moves and there.moves.added == back.moves.removed


def test_a_plan_does_not_differ_from_itself(plans: tuple[Plan, Plan]) -> None:
    found = difference(plans[0], plans[0])
    assert not found.nodes and not found.limits and not found.readings
    assert found.moves is not None and found.moves.moved + found.moves.added + found.moves.removed == 0
    assert all(line.before == line.after for line in [*found.accounts, *found.parts])


def test_nodes_that_change_their_region_move(plans: tuple[Plan, Plan]) -> None:
    def held(east: int, north: int) -> Plan:
        nodes = [
            NodeLine(region=region, offer="o", accelerator="l40s", procurement="owned", devices_per_node=2, nodes=n,
                     by_slot={"year": n})
            for region, n in ((EAST, east), (NORTH, north))
            if n
        ]  # fmt: skip
        return plans[0].model_copy(update={"nodes": nodes})

    found = difference(held(5, 0), held(1, 3))
    assert found.moves is not None
    assert (found.moves.moved, found.moves.added, found.moves.removed) == (3, 0, 1)


def test_what_lies_inside_the_gaps_is_not_resolved(plans: tuple[Plan, Plan]) -> None:
    before, _ = plans
    assert before.objective and before.objective.value
    cheaper = before.objective.value - 10.0
    after = before.model_copy(
        update={
            "objective": Amount(account="usd_per_year", value=cheaper, unit="USD/yr"),
            "bound": Amount(account="usd_per_year", value=cheaper - 500.0, unit="USD/yr"),
            "accounts": {**before.accounts, "usd_per_year": cheaper},
        }
    )
    line = difference(before, after).account("usd_per_year")
    assert line is not None and line.change == pytest.approx((-510.0, -10.0), abs=1.0)
    loose = before.model_copy(update={"bound": Amount(account="usd_per_year", value=cheaper - 500.0, unit="USD/yr")})
    line = difference(loose, after).account("usd_per_year")
    assert line is not None and not line.resolved and line.change[0] < 0 < line.change[1]


def test_what_makes_two_plans_unlike_is_noted(plans: tuple[Plan, Plan]) -> None:
    other = plans[1].model_copy(update={"carbon_basis": "lifecycle", "confidence": 0.9})
    assert difference(plans[0], other).notes == [
        "another carbon basis: direct -> lifecycle",
        "another confidence: none -> 0.9",
    ]
