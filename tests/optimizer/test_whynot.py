"""Kinds of node dropped from a plan or forced into it: costs that are true differences, reasons that name walls."""

from __future__ import annotations

import pytest

import optimizer
from optimizer.why_not import WhyNot
from scenarios.errors import ScenarioError
from scenarios.schema import Scenario
from tests.optimizer.cases import EAST, NORTH, chat, optimum, small_scenario, two_regions

SMALL = small_scenario()


def money(found: WhyNot) -> tuple[float, float]:
    assert found.difference is not None and found.after is not None and found.after.verified
    line = found.difference.account("usd_per_year")
    assert line is not None and line.resolved
    return line.change


def close(scenario: Scenario, found: WhyNot, other: Scenario) -> None:
    true = optimum(other) - optimum(scenario)
    low, high = money(found)
    assert low - 1.0 <= true <= high + 1.0 and high - low < 1.0


def test_dropping_what_is_in_the_plan_is_a_quota_of_nothing() -> None:
    found = optimizer.whynot(SMALL, accelerator="l40s")
    assert found.outcome == "dropped" and found.in_plan
    close(SMALL, found, SMALL.replace(f"regions.{EAST}.quota.l40s", 0))
    assert all(line.accelerator != "l40s" for line in found.after.nodes)  # type: ignore[union-attr]


def test_dropping_a_region_or_a_precision() -> None:
    scenario = small_scenario(regions=two_regions())
    region = optimizer.solve(scenario, binding=False).nodes[0].region
    found = optimizer.whynot(scenario, region=region)
    close(scenario, found, scenario.replace(f"regions.{region}.quota", {"l40s": 0, "h100-sxm": 0}))
    used = found.before.lines[0].precision
    other = "bf16" if used == "fp8" else "fp8"
    found = optimizer.whynot(scenario, precision=used)
    close(scenario, found, scenario.replace("workloads.chat.precisions", [other]))


@pytest.mark.parametrize("demand", [20, 40])
def test_forcing_in_is_the_best_fleet_with_one_such_node(demand: int) -> None:
    """Independent: the best of all fleets with some H100, by giving the other kind every smaller number of nodes."""
    scenario = small_scenario(workloads=chat(demand={"east": float(demand)}))
    found = optimizer.whynot(scenario, accelerator="h100")
    assert found.outcome == "forced" and not found.in_plan
    assert any(line.accelerator == "h100-sxm" and line.replicas for line in found.after.lines)  # type: ignore[union-attr]
    before = next(line.nodes for line in found.before.nodes if line.accelerator == "l40s")
    mixed = []
    for fewer in range(before):
        plan = optimizer.solve(scenario.replace(f"regions.{EAST}.quota.l40s", 2 * fewer), binding=False)
        if plan.fleet and any(line.accelerator == "h100-sxm" for line in plan.nodes):
            mixed.append(plan.accounts["usd_per_year"])
    low, high = money(found)
    after = found.before.accounts["usd_per_year"] + high
    # A fleet that needs every L40S of before and an H100 on top is the one that this list lacks: it costs more.
    assert after <= min(mixed) + 1.0 and low >= 0.0
    assert after == pytest.approx(min(mixed), abs=1.0)


def test_what_cannot_be_had_names_the_wall() -> None:
    none = SMALL.replace(f"regions.{EAST}.quota.h100-sxm", 0)
    found = optimizer.whynot(none, accelerator="h100-sxm")
    assert found.outcome == "cannot" and found.reasons[0].reading == "quota" and "quota is 0" in found.reasons[0].says
    less = SMALL.replace(f"regions.{EAST}.quota.h100-sxm", 1)
    assert "less than one node" in optimizer.whynot(less, accelerator="h100-sxm").reasons[0].says
    found = optimizer.whynot(SMALL, accelerator="l40s", precision="fp4")
    assert found.outcome == "cannot" and found.reasons[0].wall == "fidelity"
    slow = SMALL.replace("workloads.chat.itl.limit", "6 ms")
    found = optimizer.whynot(slow, accelerator="l40s")
    assert found.outcome == "cannot" and {entry.wall for entry in found.reasons} == {"serving"}
    assert all("l40s" in entry.what and entry.value > entry.limit for entry in found.reasons)  # type: ignore[operator]


def test_what_the_scenario_does_not_offer_is_added_and_said() -> None:
    found = optimizer.whynot(SMALL, accelerator="l4")
    assert found.added == [f"accelerators with l4, its quota unlimited in {EAST}"]
    found = optimizer.whynot(SMALL, procurement="on demand", accelerator="h100-sxm")
    assert found.added == ["procurement with on_demand"] and found.outcome == "forced"
    assert {line.procurement for line in found.after.nodes if line.accelerator == "h100-sxm"} == {"on_demand"}  # type: ignore[union-attr]
    with pytest.raises(ScenarioError, match="availability is not guessed"):
        optimizer.whynot(SMALL, procurement="spot")
    with pytest.raises(ScenarioError, match="there is no accelerator"):
        optimizer.whynot(SMALL, accelerator="h9000")
    with pytest.raises(ScenarioError, match="which nodes are meant"):
        optimizer.whynot(SMALL)


def test_what_a_limit_makes_impossible_names_it() -> None:
    scenario = small_scenario(regions=two_regions(), limits={"min_regions": 2})
    found = optimizer.whynot(scenario, region=NORTH)
    assert (found.outcome, found.blocked_by) == ("impossible", ["min regions"])
    poor = SMALL.replace("limits.budget", f"${optimum(SMALL) * 1.001:.0f}/yr")
    found = optimizer.whynot(poor, accelerator="h100-sxm")
    assert (found.outcome, found.blocked_by) == ("impossible", ["budget"])
    broke = SMALL.replace("limits.budget", "$1k/yr")
    assert optimizer.whynot(broke, accelerator="h100-sxm").outcome == "no_fleet"
