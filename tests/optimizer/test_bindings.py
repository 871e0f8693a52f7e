"""Prices of limits both ways against optima found on their own, demand, limits that hold together, inputs."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from optimizer import bindings, what_binds
from optimizer.moves import moved, step
from optimizer.plan import Binding, Plan
from optimizer.solve import solve
from physics.layout import Elastic
from scenarios.inputs import inputs
from scenarios.schema import Scenario
from tests.optimizer.cases import DROP, EAST, EXACT, NORTH, chat, optimum, small_scenario, two_regions, work
from tests.optimizer.limit_cases import CASES, ONLY_L40S
from tests.optimizer.test_explain import limits_of

CURVED = ("carbon", "budget", "quota", "node failure", "itl", "changes")
GOAL = {"usd_per_year": "usd_per_year_change", "kg_co2e_per_year": "kg_co2e_per_year_change"}


@lru_cache
def curved(kind: str) -> tuple[Scenario, Plan]:
    """A small question in which a limit binds, with its curves."""
    scenario = CASES[kind].scenario()
    return scenario, solve(scenario, curves=True)


def curve(plan: Plan, limit: str) -> list[Binding]:
    """A limit's moves from the tightest to the loosest, dropping it left out."""
    return sorted((line for line in plan.binding if line.limit == limit and line.to is not None), key=_relaxation)


def _relaxation(line: Binding) -> float:
    return line.relaxation


@pytest.mark.parametrize("kind", CURVED)
def test_each_price_is_the_difference_of_two_optima(kind: str) -> None:
    scenario, plan = curved(kind)
    limits = limits_of(scenario)
    assert plan.objective is not None and plan.objective.value is not None
    was, field = plan.objective.value, GOAL[plan.objective.account]
    lines = curve(plan, CASES[kind].limit)
    assert {np.sign(line.relaxation) for line in lines} == {-1.0, 1.0}
    for line in [*lines, *curve(plan, "demand chat")]:
        apart = optimum(moved(scenario, limits[line.limit], line.relaxation).scenario) - was
        change = getattr(line, field)
        if line.status == "no_fleet":
            assert apart == np.inf and change is None and line.resolved
            continue
        assert change == pytest.approx((apart, apart), abs=1e-5 * was), line
        assert line.resolved and (line.status != "kept" or apart == pytest.approx(0.0, abs=1e-5 * was))


@pytest.mark.parametrize("kind", CURVED)
def test_curves_only_fall(kind: str) -> None:
    _, plan = curved(kind)
    assert plan.objective is not None
    field = GOAL[plan.objective.account]
    for limit in {line.limit for line in plan.binding}:
        lines = curve(plan, limit)
        held = [np.inf if (change := getattr(line, field)) is None else change[1] for line in lines]
        assert held == sorted(held, reverse=True), limit
        served = [line.requests_per_s_change[0] for line in lines if line.requests_per_s_change is not None]
        assert served == pytest.approx(sorted(served), abs=1e-6), limit


def test_a_limit_that_cannot_be_tightened_is_proven_so() -> None:
    """One of the budget's two tightenings leaves less money than the cheapest fleet takes; the plan keeps the other."""
    least = optimum(small_scenario())
    plan = solve(small_scenario(limits={"budget": f"${1.08 * least:.2f}/yr"}), curves=True)
    status = {line.relaxation: line.status for line in curve(plan, "budget")}
    assert status == {-0.1: "no_fleet", -0.05: "kept", 0.01: "implied", 0.05: "implied", 0.1: "solved"}
    gone, kept = curve(plan, "budget")[:2]
    assert gone.usd_per_year_change is None and gone.kg_co2e_per_year_change is None and gone.resolved
    assert gone.requests_per_s_change is not None and gone.requests_per_s_change[1] < 0
    assert kept.usd_per_year_change == (0.0, 0.0) and kept.node_changes == []


def test_counts_move_in_whole_nodes_and_shares_stay_shares() -> None:
    def limit(name: str, value: float) -> Elastic:
        return Elastic(name, "", "", value, "", "", 0)

    quota = limit(f"quota l40s {EAST}", 24.0)
    assert step(quota, 0.01, 2.0, 2) == pytest.approx(2 / 24) and step(quota, -0.10, 2.0, 2) == pytest.approx(-4 / 24)
    assert step(limit(f"quota l40s {EAST}", 2.0), -0.05, 4.0, 2) is None, "there is no quota below 0"
    assert step(limit("min regions", 2.0), -0.05, 0.0, 2) is None, "there is no third region"
    assert step(limit("min regions", 2.0), -0.05, 0.0, 3) == -0.5
    assert step(limit("max regions", 1.0), -0.05, 0.0, 2) is None
    assert step(limit("node failure", 0.95), -0.10, 0.0, 2) == pytest.approx(1 - 1 / 0.95)
    assert step(limit("node failure", 1.0), -0.10, 0.0, 2) is None
    assert step(limit("changes", 0.0), 0.05, 0.0, 2) == 1.0


def test_a_larger_quota_makes_nothing_worse_where_it_lets_pools_grow_beyond_eight() -> None:
    """Of a pool that may grow beyond 8 the sizes come in bands: four as busy as three would not carry the demand."""
    owned = {"prices": {"l40s": "$8,000", "h100-sxm": DROP}, "devices_per_node": {"l40s": 1, "h100-sxm": DROP}}
    workload = chat(demand={"east": 10.0}, ttft={"limit": "200 ms"}, precisions=["fp8"], batch=[8])
    quota = {EAST: {"quota": {"l40s": 8, "h100-sxm": DROP}}}
    asked = {"accelerators": ["l40s"], "procurement": {"owned": owned}, "workloads": workload, "regions": quota}
    least = optimum(small_scenario(**asked))
    scenario = small_scenario(**asked, limits={"budget": f"${1.001 * least:.2f}/yr"})
    plan = solve(scenario, curves=True)
    assert [line.replicas for line in plan.lines] == [4]
    lines = [line for line in curve(plan, f"quota l40s {EAST}") if line.relaxation > 0]
    assert lines
    for line in lines:
        assert (line.status, line.to, line.usd_per_year_change) == ("solved", 9.0, (0.0, 0.0))
    assert all(line.resolved and line.requests_per_s_change == (0.0, 0.0) for line in lines)
    assert plan.together is not None and plan.together.usd_per_year_change is not None


@pytest.mark.parametrize("kind", ["quota", "node failure"])
def test_the_most_demand_is_the_largest_that_the_same_money_serves(kind: str) -> None:
    """By halving, without the demand's column: each question asks for a demand and is solved on its own."""
    scenario, plan = curved(kind)
    assert plan.objective is not None and plan.objective.value is not None
    most = {line.within: line for line in plan.most_demand}
    least, at_most = most["plan"].requests_per_s
    capped = scenario.replace("limits.budget_usd_per_year", plan.accounts["usd_per_year"] * (1 + 1e-7))
    assert _largest(capped) == pytest.approx(least, rel=2e-3) == pytest.approx(at_most, rel=2e-3)
    limits = most["limits"]
    assert min(_largest(scenario), 400.0) == pytest.approx(limits.requests_per_s[0], rel=2e-3)
    assert limits.at_least == (limits.requests_per_s[0] >= 400.0 - 1e-6), "the search ends at ten times the demand"
    line = curve(plan, CASES[kind].limit)[0]
    assert line.relaxation < 0 and line.requests_per_s_change is not None
    tighter = moved(capped, limits_of(scenario)[line.limit], line.relaxation).scenario
    assert _largest(tighter) - least == pytest.approx(line.requests_per_s_change[0], abs=4e-3 * least)


def _largest(scenario: Scenario) -> float:
    """Requests/s by halving."""
    limit = limits_of(scenario)["demand chat"]
    low, high = -10.0, 0.999  # as a relaxation of the demand
    for _ in range(13):
        middle = (low + high) / 2
        if optimum(moved(scenario, limit, middle).scenario) < np.inf:
            high = middle
        else:
            low = middle
    return 40.0 * (1 - high)


def together() -> Scenario:
    """Two regions that must both serve, and few devices in the cheaper one: one region needs the quota, too."""
    quota = {"l40s": 4, "h100-sxm": DROP}
    return small_scenario(
        **ONLY_L40S,
        workloads=chat(demand={"east": 80.0}),
        regions={
            EAST: {"quota": quota, "electricity": "$0.05/kWh"},
            NORTH: {"quota": {"l40s": 8}, "electricity": "$0.40/kWh"},
        },
        limits={"min_regions": 2, "min_region_share": "40%"},
    )


def test_limits_that_hold_together_are_found_together() -> None:
    scenario = together()
    plan = solve(scenario, curves=True)
    found = plan.together
    assert found is not None and found.complete
    pair = {"min regions", f"quota l40s {EAST}"}
    assert {frozenset(one.limits) for one in found.found} == {frozenset(pair)}
    limits, was = limits_of(scenario), work(scenario).optimum
    both = scenario
    for name in pair:
        line = next(line for line in curve(plan, name) if line.relaxation > 0)
        assert line.usd_per_year_change == (0.0, 0.0), "alone it changes nothing"
        both = moved(both, limits[name], line.relaxation).scenario
    assert found.found[0].usd_per_year_change[1] == pytest.approx(optimum(both) - was, rel=1e-4)
    assert found.found[0].usd_per_year_change[1] < 0 and found.found[0].node_changes


def test_where_all_relaxed_at_once_change_nothing_no_set_is_looked_for() -> None:
    plan = solve(small_scenario(limits={"budget": "$90k/yr", "carbon": "90 t/yr"}), curves=True)
    assert plan.together is not None and plan.together.complete and plan.together.found == []
    assert {"budget", "carbon"} <= set(plan.together.asked)


def test_the_tornado_is_the_difference_of_two_optima_for_every_input() -> None:
    from optimizer.inputs import scaled

    scenario = small_scenario(regions=two_regions(), limits={"carbon": "4 t/yr"})
    plan = solve(scenario, binding=False, tornado=True)
    was = work(scenario, EXACT).optimum
    assert plan.binding == [] and {line.input for line in plan.sensitivity} == {one.name for one in inputs(scenario)}
    for line in plan.sensitivity:
        now = optimum(scaled(scenario, {line.input: line.factor}))
        if line.usd_per_year_change is None:
            assert now == np.inf
            continue
        assert line.usd_per_year_change == pytest.approx((now - was, now - was), abs=1e-5 * was), line
        assert not (line.fleet_stays and line.node_changes)
    sizes = [max(map(abs, line.usd_per_year_change or (np.inf,))) for line in plan.sensitivity]
    by_input: dict[str, float] = {}
    for line, size in zip(plan.sensitivity, sizes, strict=True):
        by_input[line.input] = max(by_input.get(line.input, 0.0), size)
    assert list(by_input.values()) == sorted(by_input.values(), reverse=True)
    electricity = [line for line in plan.sensitivity if line.kind == "electricity"]
    assert electricity and all(line.to == pytest.approx((line.start or 0) * line.factor) for line in electricity)


def test_ctrl_c_keeps_what_is_priced_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two solves Ctrl-C is an exception; the plan and the first two prices are handed out."""
    own, calls = bindings._priced, []

    def priced(*args: object) -> Binding | None:
        calls.append(args)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return own(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(bindings, "_priced", priced)
    plan = solve(small_scenario(limits={"budget": "$90k/yr"}), curves=True, tornado=True)
    assert plan.verified and len(plan.binding) == 2 and len(plan.most_demand) == 2
    assert plan.together is None and plan.sensitivity == []


def test_what_time_does_not_settle_is_said_to_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(what_binds, "ONCE", 0.0)
    monkeypatch.setattr(what_binds, "MANY", 0.0)
    plan = solve(small_scenario(limits={"budget": "$90k/yr"}), curves=True, tornado=True)
    assert plan.verified and plan.together is not None and not plan.together.found
    unsettled = {line.limit for line in plan.binding if line.status == "stopped" and line.relaxation > 0}
    assert unsettled and not unsettled & set(plan.together.asked), (
        "of these it is not known that alone they tell nothing"
    )
    assert {line.status for line in plan.binding} <= {"stopped", "kept", "implied"}
    assert all(
        line.usd_per_year_change is None and not line.resolved for line in plan.binding if line.status == "stopped"
    )
    inputs_asked = {line.input for line in plan.sensitivity}
    assert inputs_asked == {one.name for one in inputs(small_scenario())}
    assert {line.status for line in plan.sensitivity} == {"stopped"}


def test_without_time_a_smaller_move_changes_no_more_than_a_larger_one() -> None:
    scenario, plan = curved("node failure")
    known = [line for line in curve(plan, "node failure") if line.status == "solved" and line.relaxation > 0]
    largest = max(known, key=_relaxation)
    limit = limits_of(scenario)["node failure"]
    found = bindings._between(plan, limit, largest.relaxation / 2, [largest])
    assert largest.usd_per_year_change is not None and not found.resolved
    assert found.changes == {"usd_per_year": (largest.usd_per_year_change[0], 0.0), "kg_co2e_per_year": None}
    assert bindings._between(plan, limit, -0.01, [largest]).status == "stopped", "the other way nothing is known"
    assert bindings._between(plan, limit, 2 * largest.relaxation, [largest]).status == "stopped"
