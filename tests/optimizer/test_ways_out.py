"""Ways out beyond single limits: each is held against plain enumeration on tiny fleets, and against the check."""

from __future__ import annotations

import random
from functools import lru_cache

import pytest

from optimizer.additions import additions
from optimizer.moves import MARGIN
from optimizer.plan import Change, Plan, Repair
from optimizer.solve import solve
from optimizer.ways_out import changed, relative
from scenarios.schema import Scenario
from tests.optimizer.brute_force import optimum
from tests.optimizer.cases import DROP, EAST, NORTH, chat, small_scenario, two_regions
from tests.optimizer.tiny_fleets import limited

SEEDS = range(10)


@lru_cache
def tight(seed: int) -> tuple[Scenario, Plan]:
    """A tiny question with less money and less carbon than any fleet needs, and what is said of it."""
    rng = random.Random(f"ways out {seed}")
    free = limited("carbon", seed)[1]
    best = optimum(free).judgement
    assert best.feasible
    scenario = free.replace("limits.budget_usd_per_year", best.accounts["usd_per_year"] * rng.uniform(0.6, 0.98))
    least = optimum(free.replace("objective.account", "carbon")).judgement.accounts["kg_co2e_per_year"]
    scenario = scenario.replace("limits.carbon_kg_per_year", least * rng.uniform(0.6, 1.3))
    return scenario, solve(scenario, ways=True)


def without(scenario: Scenario, *limits: str) -> Scenario:
    """The question with some caps so wide that they do not limit."""
    keys = {"budget": "limits.budget_usd_per_year", "carbon": "limits.carbon_kg_per_year"}
    for name in limits:
        scenario = scenario.replace(keys[name], 1e12)
    return scenario


def unmargined(change: Change) -> float:
    """A relative move as it was found, before it was written a little further."""
    return (relative(change) - MARGIN) / (1 + MARGIN)


def least(scenario: Scenario, account: str) -> float:
    """The least of an account over all fleets of the question, by enumeration."""
    goal = {"usd_per_year": "cost", "kg_co2e_per_year": "carbon"}[account]
    judged = optimum(scenario.replace("objective.account", goal)).judgement
    return judged.accounts[account] if judged.feasible else float("inf")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_conflict_is_one_and_each_member_is_needed(seed: int) -> None:
    scenario, plan = tight(seed)
    members = {member.limit for member in plan.conflict}
    assert plan.status == "infeasible" and "demand chat" in members
    others = {"budget", "carbon"} - members
    assert not optimum(without(scenario, *others)).judgement.feasible
    for member in members & {"budget", "carbon"}:
        rest = without(scenario, *others, member)
        assert optimum(rest).judgement.feasible or any(name.startswith("quota") for name in members)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_single_limit_moves_by_the_least_that_helps(seed: int) -> None:
    scenario, plan = tight(seed)
    accounts = {"budget": "usd_per_year", "carbon": "kg_co2e_per_year"}
    told = {repair.limit: repair for repair in plan.repairs if repair.kind == "limit"}
    for name, account in accounts.items():
        if name not in told:
            continue
        needed = least(without(scenario, name), account)
        if told[name].to is None:
            assert needed == float("inf")
        else:
            assert needed <= float(told[name].to or 0) <= needed * (1 + 2.1 * MARGIN)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_way_out_holds_by_enumeration_and_costs_what_is_said(seed: int) -> None:
    scenario, plan = tight(seed)
    ways = [repair for repair in plan.repairs if repair.number is not None]
    assert [repair.number for repair in ways] == list(range(1, len(ways) + 1)) and ways
    assert [repair.weight for repair in ways] == sorted(repair.weight or 0.0 for repair in ways)
    for repair in ways:
        assert repair.verified and repair.changes
        if any(change.key == "accelerators" for change in repair.changes):
            continue  # whole servers of eight are too many to enumerate
        judged = optimum(changed(scenario, repair.changes)).judgement
        assert judged.feasible, repair
        assert repair.usd_per_year == pytest.approx(judged.accounts["usd_per_year"], rel=0.011)


def test_a_combination_has_the_least_weighted_sum() -> None:
    """Of money and carbon: at every smaller part for the one, the other needs at least the rest."""
    compared = 0
    for seed in SEEDS:
        scenario, plan = tight(seed)
        for repair in plan.repairs:
            if repair.kind == "combination" and {change.limit for change in repair.changes} == {"budget", "carbon"}:
                compared += 1
                _least_sum(scenario, repair)
    assert compared >= 4


def _least_sum(scenario: Scenario, repair: Repair) -> None:
    budget = scenario.limits.budget_usd_per_year or 0.0
    carbon = scenario.limits.carbon_kg_per_year or 0.0
    assert repair.weight == pytest.approx(sum(relative(change) for change in repair.changes))
    found = sum(unmargined(change) for change in repair.changes)
    for part in range(9):
        share = found * part / 8
        moved = scenario.replace("limits.budget_usd_per_year", budget * (1 + share))
        rest = least(without(moved, "carbon"), "kg_co2e_per_year") / carbon - 1
        assert share + max(rest, 0.0) >= found - 1e-6, (share, rest)


def test_additions_keep_residency_and_each_is_worth_its_place() -> None:
    scenario = small_scenario(
        regions={EAST: {"quota": {"l40s": 4, "h100-sxm": 0}}},
        workloads=chat(residency={"east": ["USA"]}),
        limits={"carbon": "2 t/yr"},
    )
    plan = solve(scenario, ways=True)
    ways = [repair for repair in plan.repairs if repair.number is not None]
    assert not any(change.limit.startswith("residency") for repair in ways for change in repair.changes)
    for repair in ways:
        after = changed(scenario, repair.changes)
        assert after.workloads["chat"].residency == scenario.workloads["chat"].residency
    assert NORTH not in {str(change.to) for repair in ways for change in repair.changes}


def test_a_cleaner_region_is_a_way_out_of_a_carbon_limit() -> None:
    scenario = small_scenario(limits={"carbon": "1 t/yr"})
    plan = solve(scenario, ways=True)
    region = next(repair for repair in plan.repairs if repair.key == "regions")
    assert region.verified and region.number is not None and region.kind == "addition"
    assert [change.to for change in region.changes] == [NORTH]
    assert (region.weight, region.kg_co2e_per_year) == (1.0, pytest.approx(region.kg_co2e_per_year, abs=1e3))
    assert float(region.kg_co2e_per_year or 0.0) <= 1000.0


def test_what_is_added_takes_the_scenarios_own_defaults() -> None:
    scenario = small_scenario(regions=two_regions(), procurement={"owned": DROP, "on_demand": {"startup": "10 min"}})
    by_key: dict[str, list[Scenario]] = {}
    for one in additions(scenario):
        by_key.setdefault(one.change.key, []).append(one.scenario)
        assert one.scenario == changed(scenario, [one.change])
    for after in by_key["regions"]:
        new = next(use for name, use in after.regions.items() if name not in scenario.regions)
        assert new.quota == {"l40s": 24, "h100-sxm": 8}
    assert by_key["procurement"][0].procurement.owned is not None
    assert {len(after.workloads["chat"].precisions) for after in by_key["workloads.chat.precisions"]} == {3}


# ---- nothing can run it ----


@pytest.mark.parametrize(
    ("changes", "wall", "ways"),
    [
        ({"workloads": chat(model="llama-3-70b", precisions=["bf16"])}, "memory", 4),
        ({"workloads": chat(itl={"limit": "1 ms"})}, "serving", 8),
        ({"workloads": chat(ttft={"limit": "15 ms"})}, "tail_latency", 8),
    ],
)
def test_where_all_is_gated_the_walls_are_counted(changes: dict, wall: str, ways: int) -> None:
    plan = solve(small_scenario(**changes))
    assert [(line.workload, line.wall, line.ways) for line in plan.gated] == [("chat", wall, ways)]
    assert bool(plan.gated[0].nearest) == (wall != "tail_latency")


def test_where_something_runs_nothing_is_counted() -> None:
    assert solve(small_scenario(limits={"budget": "$10k/yr"})).gated == []


def test_additions_are_tried_where_nothing_fits() -> None:
    scenario = small_scenario(workloads=chat(model="llama-3-70b", precisions=["bf16"]))
    plan = solve(scenario, ways=True)
    assert plan.status == "no_candidate"
    ways = [repair for repair in plan.repairs if repair.number is not None]
    assert ways and all(repair.verified and repair.kind == "addition" for repair in ways)
