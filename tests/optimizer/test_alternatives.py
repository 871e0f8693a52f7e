"""Alternatives: each is best at its goal by plain enumeration, near enough to the optimum, and verified."""

from __future__ import annotations

import pytest

import optimizer
from optimizer.alternatives import Alternative, Alternatives
from scenarios.schema import Scenario
from tests.optimizer.brute_force import optimum
from tests.optimizer.cases import EAST, NORTH, chat, small_scenario, two_regions
from tests.optimizer.tiny_fleets import limited

MIXED = {
    "accelerators": ["l40s", "mi300x"],
    "regions": {EAST: {"quota": {"l40s": 24, "mi300x": 8, "h100-sxm": 0}}},
    "procurement": {
        "owned": {
            "prices": {"l40s": "$8,000", "mi300x": "$20,000"},
            "devices_per_node": {"l40s": 2, "mi300x": 1},
        }
    },
}


def one_for(found: Alternatives, goal: str) -> Alternative:
    """The fleet that is best at a goal."""
    return next(one for one in found.alternatives if goal in one.best_at)


def objective(scenario: Scenario) -> float:
    """The enumerated optimum."""
    return optimum(scenario).judgement.objective


@pytest.mark.parametrize("seed", [0, 2, 5])
def test_least_carbon_is_the_enumerated_one(seed: int) -> None:
    scenario = limited("carbon", seed)[1]
    within = 0.2
    found = optimizer.alternatives(scenario, within)
    best = optimum(scenario).judgement
    budget = f"${best.objective * (1 + within) * (1 + 1e-9):.6f}/yr"
    greenest = optimum(scenario.replace("objective", "carbon").replace("limits.budget", budget)).judgement
    plans = [found.optimum, *(one.plan for one in found.alternatives)]
    least = min(plan.accounts["kg_co2e_per_year"] for plan in plans)
    assert least == pytest.approx(greenest.accounts["kg_co2e_per_year"], rel=2e-4)
    for one in found.alternatives:
        assert one.plan.verified and one.proven and 0 <= one.over <= within * (1 + 1e-6)
        cost = one.plan.accounts["usd_per_year"]
        assert one.over == pytest.approx(cost / found.optimum.accounts["usd_per_year"] - 1, abs=1e-4)


def test_fewest_kinds_and_least_of_one_maker() -> None:
    """Whichever device is on offer alone bounds what a fleet of one kind, or without a maker, costs."""
    scenario = small_scenario(**MIXED, workloads=chat(demand={"east": 90.0}))
    found = optimizer.alternatives(scenario, 1.0)
    assert found.status == "complete" and found.features is not None
    vendors = {"l40s": "NVIDIA", "mi300x": "AMD"}
    alone = {name: objective(scenario.replace("accelerators", [name])) for name in vendors}
    maker = found.features.vendor
    other = next(name for name, vendor in vendors.items() if vendor != maker)
    if alone[other] <= found.optimum.accounts["usd_per_year"] * 2:
        rid = one_for(found, f"least of {maker}")
        assert rid.features.vendor_share == 0.0
        assert rid.plan.accounts["usd_per_year"] == pytest.approx(alone[other], rel=1e-4)
    kinds = [one.features.kinds for one in found.alternatives] + [found.features.kinds]
    assert min(kinds) == 1


def test_fewest_regions_leave_the_dear_one() -> None:
    """Two regions may be cheaper where each keeps a cheap quota; one region costs more."""
    regions = two_regions()
    regions[EAST] |= {"quota": {"l40s": 4, "h100-sxm": 8}}
    regions[NORTH]["quota"] = {"l40s": 4, "h100-sxm": 0}
    scenario = small_scenario(regions=regions, workloads=chat(demand={"east": 60.0}))
    found = optimizer.alternatives(scenario, 1.0)
    assert found.features is not None
    alone = min(objective(scenario.replace("regions", {name: regions[name]})) for name in (EAST,))
    if found.features.regions == 1:
        assert "fewest regions" in found.optimum_best_at
    else:
        one = one_for(found, "fewest regions")
        assert one.features.regions == 1 and one.plan.accounts["usd_per_year"] == pytest.approx(alone, rel=1e-4)


@pytest.mark.parametrize("failures", [{}, {"node": {"served": "80%", "scope": "total"}}])
def test_headroom_is_demand_that_really_fits(failures: dict) -> None:
    """A demand a trace below the head-room fits the fleet's nodes; a trace above it costs more than is within reach."""
    within = 0.4

    def at(factor: float, **changes: object) -> Scenario:
        return small_scenario(workloads=chat(demand={"east": 120.0 * factor}), failures=failures, **changes)

    found = optimizer.alternatives(at(1.0), within)
    roomy = one_for(found, "most head-room")
    growth, before = roomy.features.headroom, found.features.headroom if found.features else None
    assert growth is not None and before is not None and growth > before
    quota = {"l40s": 0, "h100-sxm": 0}
    quota |= {line.accelerator: line.nodes * line.devices_per_node for line in roomy.plan.nodes}
    fits = optimizer.solve(at(1 + 0.999 * growth, regions={EAST: {"quota": quota}}), binding=False)
    assert fits.status == "optimal"
    dear = optimizer.solve(at(1 + 1.02 * growth), binding=False)
    assert dear.accounts["usd_per_year"] > found.optimum.accounts["usd_per_year"] * (1 + within)


def test_within_nothing_only_the_optimum() -> None:
    found = optimizer.alternatives(small_scenario(), 0.0)
    assert found.status == "complete" and found.optimum.status == "optimal"
    assert all(one.over <= 1e-5 for one in found.alternatives)
    assert any("every accelerator offered is made by NVIDIA" in one for one in found.left_out)


def test_no_fleet_no_alternatives() -> None:
    found = optimizer.alternatives(small_scenario(limits={"budget": "$10/yr"}))
    assert (found.status, found.exit_code, found.alternatives) == ("infeasible", 3, [])
    with pytest.raises(ValueError, match="within 0 to 100 %"):
        optimizer.alternatives(small_scenario(), 2.0)


def test_ctrl_c_keeps_what_was_found() -> None:
    def stop(finished: int, total: int) -> None:
        if finished == 2:
            raise KeyboardInterrupt

    found = optimizer.alternatives(small_scenario(), 0.5, tell=stop)
    assert (found.status, found.exit_code) == ("stopped", 4) and found.optimum.verified
