"""Ways out by the user's weights and additions, latency limits that move together, and as if devices could be had."""

from __future__ import annotations

import pytest

from optimizer.moves import latency_limits, moved
from optimizer.plan import Plan, Repair
from optimizer.solve import solve
from optimizer.ways_out import changed
from scenarios.schema import Scenario
from scenarios.schema_repair import NEVER
from tests.optimizer.cases import DROP, EAST, chat, small_scenario
from tests.optimizer.limit_cases import ONLY_L40S
from tests.optimizer.test_ways_out import least, tight, unmargined, without

SEEDS = range(6)
WEIGHTS = {"budget": 4.0, "carbon": 0.25}
ONE_BATCH = chat(batch=[32], precisions=["fp8"])
ITL_S = 0.021459  # mean, of the one way to run that is left there


def numbered(plan: Plan) -> list[Repair]:
    return [one for one in plan.repairs if one.number is not None]


def weighed(seed: int) -> tuple[Scenario, Plan]:
    """Too little money and too little carbon; money counts much, carbon little, and the demand stays."""
    scenario = tight(seed)[0].replace("repair.weights", {**WEIGHTS, "demand": "never", "quota": "never"})
    return scenario, solve(scenario, ways=True)


def test_a_combination_has_the_least_sum_by_the_weights_asked_for() -> None:
    """Of money and carbon: at every smaller part for the one, the other needs at least the rest."""
    compared = 0
    for seed in SEEDS:
        scenario, plan = weighed(seed)
        for way in numbered(plan):
            assert not any(change.limit.startswith(("demand", "quota")) for change in way.changes), way
            if {change.limit for change in way.changes} != {"budget", "carbon"} or way.kind != "combination":
                continue
            compared += 1
            found = sum(WEIGHTS[change.limit] * unmargined(change) for change in way.changes)
            assert found <= (way.weight or 0.0) <= found + 0.03
            for part in range(9):
                share = found * part / 8
                eased = scenario.replace(
                    "limits.budget_usd_per_year",
                    (scenario.limits.budget_usd_per_year or 0.0) * (1 + share / WEIGHTS["budget"]),
                )
                most = scenario.limits.carbon_kg_per_year or 0.0
                rest = max(least(without(eased, "carbon"), "kg_co2e_per_year") / most - 1, 0.0)
                assert share + WEIGHTS["carbon"] * rest >= found - 1e-6, (seed, share, rest)
    assert compared >= 2


def test_what_never_moves_is_in_no_way_out_and_a_free_limit_moves_first() -> None:
    scenario = small_scenario(
        regions={EAST: {"quota": {"l40s": 2, "h100-sxm": 8}}},
        workloads=chat(demand={"east": 200.0}),
        limits={"budget": "$40k/yr"},
        repair={"weights": {"budget": "never", "demand chat": 0}},
    )
    ways = numbered(solve(scenario, ways=True))
    assert ways and not any(change.limit == "budget" for way in ways for change in way.changes)
    assert [change.limit for change in ways[0].changes] == ["demand chat"]
    assert ways[0].weight == pytest.approx(0.9e-3, rel=0.05), "a free limit counts a thousandth"
    assert scenario.repair.weight("budget") == NEVER


def test_an_addition_counts_what_is_asked_for_or_is_not_tried() -> None:
    asked = {"limits": {"carbon": "1 t/yr"}}
    kinds = {}
    for weight in (0.25, "never"):
        ways = numbered(solve(small_scenario(**asked, repair={"weights": {"addition": weight}}), ways=True))
        kinds[weight] = {way.kind: way.weight for way in ways}
    assert kinds[0.25]["addition"] == pytest.approx(0.25)
    assert "addition" not in kinds["never"]


def test_as_if_devices_could_be_had_costs_less_money_and_more_quota() -> None:
    scenario = small_scenario(
        regions={EAST: {"quota": {"l40s": 2, "h100-sxm": 8}}},
        workloads=chat(demand={"east": 200.0}),
        limits={"budget": "$40k/yr"},
    )
    ways = {tuple(change.key for change in way.changes): way for way in numbered(solve(scenario, ways=True))}
    least_moved, supplied = ways["limits.budget",], ways[f"regions.{EAST}.quota.l40s", "limits.budget"]
    assert supplied.weight > least_moved.weight and supplied.usd_per_year < 0.95 * least_moved.usd_per_year
    quota = supplied.changes[0]
    assert quota.to == 18.0
    # With one node less the money that this way out asks for is not enough.
    after = changed(scenario, supplied.changes)
    assert solve(after, binding=False).status == "optimal"
    assert solve(after.replace(f"regions.{EAST}.quota.l40s", 16), binding=False).status == "infeasible"


@pytest.mark.parametrize(("how", "figures"), [("reserved", {"discount": "60%"}), ("spot", {"availability": "90%"})])
def test_ways_of_buying_with_the_users_figures_are_tried(how: str, figures: dict) -> None:
    rented = {"owned": DROP, "on_demand": {"startup": "10 min"}}
    scenario = small_scenario(
        accelerators=["l4"],
        procurement=rented,
        regions={EAST: {"quota": {"l40s": DROP, "h100-sxm": DROP, "l4": 16}}},
        workloads=chat(demand={"east": 10.0}),
    )
    cost = solve(scenario, binding=False).accounts["usd_per_year"]
    short = scenario.replace("limits.budget_usd_per_year", 0.9 * cost)
    told = [change.to for one in numbered(solve(short, ways=True)) for change in one.changes]
    assert not {"reserved", "spot"} & set(told)
    asked = short.replace(f"repair.additions.{how}", figures).replace("repair.weights", {"demand": "never"})
    way = next(one for one in numbered(solve(asked, ways=True)) if one.changes[0].to == how)
    after = changed(asked, way.changes)
    assert way.verified and getattr(after.procurement, how) is not None
    assert way.usd_per_year <= 0.9 * cost * (1 + 1e-9) or len(way.changes) > 1
    assert solve(after, binding=False).status == "optimal"


def test_listed_additions_take_the_place_of_the_catalogs_choice() -> None:
    repair = {"additions": {"regions": ["aws/us-west-2"], "accelerators": [], "precisions": []}}
    ways = numbered(solve(small_scenario(limits={"carbon": "1 t/yr"}, repair=repair), ways=True))
    added = [change.to for way in ways for change in way.changes if not change.limit]
    assert added == ["aws/us-west-2"]


def two_workloads() -> Scenario:
    """Each of two workloads is a little too slow for its ITL limit."""
    itl = {"limit": f"{0.93 * ITL_S * 1e3} ms", "percentile": "mean"}
    talk = {
        "model": "llama-3.1-8b",
        "requests": [{"name": "talk", "share": 1, "prompt_tokens": 512, "output_tokens": 128}],
        "demand": {"east": 20.0},
        "itl": itl,
        "precisions": ["fp8"],
        "tensor_parallel": [1],
        "pipeline_parallel": [1],
        "batch": [32],
    }
    workloads = {"chat": {**ONE_BATCH["chat"], "itl": itl}, "talk": talk}
    return small_scenario(**ONLY_L40S, workloads=workloads, regions={EAST: {"quota": {"l40s": 24, "h100-sxm": DROP}}})


def slow_both_ways() -> Scenario:
    """One workload that is too slow for its ITL limit and for its first token."""
    itl = {"limit": f"{0.93 * ITL_S * 1e3} ms", "percentile": "mean"}
    return small_scenario(
        **ONLY_L40S,
        workloads={"chat": {**ONE_BATCH["chat"], "itl": itl, "ttft": {"limit": "60 ms", "percentile": 99}}},
        regions={EAST: {"quota": {"l40s": 24, "h100-sxm": DROP}}},
    )


@pytest.mark.parametrize(
    ("scenario", "together"),
    [(two_workloads(), {"itl chat", "itl talk"}), (slow_both_ways(), {"itl chat", "ttft chat"})],
)
def test_latency_limits_move_together_where_none_helps_alone(scenario: Scenario, together: set[str]) -> None:
    plan = solve(scenario, ways=True)
    assert all(one.to is None for one in plan.repairs if one.kind == "limit" and one.limit in together)
    way = next(one for one in numbered(plan) if one.kind == "combination")
    assert {change.limit for change in way.changes} == together and way.verified
    assert way.weight == pytest.approx(0.2), "the smallest step of each"
    limits = {limit.name: limit for limit in latency_limits(scenario)}
    for name in together:
        alone = moved(scenario, limits[name], 0.1).scenario
        assert solve(alone, binding=False).fleet is None


def test_a_way_out_speaks_of_the_demand_that_the_scenario_asks_for() -> None:
    """Planned with growth and the hour's peak, told as the file says it."""
    scenario = small_scenario(limits={"budget": "$25k/yr"}, planning={"growth": "20%", "peak_factor": 1.2})
    plan = solve(scenario)
    member = next(one for one in plan.conflict if one.limit == "demand chat")
    assert member.value == pytest.approx(40.0) and "1.44 times as many with growth and peak" in member.says
    way = next(one for one in plan.repairs if one.limit == "demand chat")
    assert way.start == pytest.approx(40.0) and isinstance(way.to, float)
    for factor, status in ((1.0, "optimal"), (1.01, "infeasible")):
        asked = scenario.replace("workloads.chat.demand", {"east": f"{way.to * factor}/s"})
        assert solve(asked, binding=False).status == status
