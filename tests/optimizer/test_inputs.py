"""Inputs multiplied: both the program's and the check's figures follow, and by the factor."""

from __future__ import annotations

import pytest

from optimizer.inputs import fastest, inputs, scaled
from optimizer.solve import solve
from optimizer.verify import verify
from optimizer.verify_types import Way
from optimizer.verify_world import World
from scenarios.errors import ScenarioError
from tests.optimizer.cases import EAST, small_scenario

RENTING = {"on_demand": True, "spot": {"availability": 0.9}, "reserved": {"prices": {EAST: {"g6e.12xlarge": "$1/h"}}}}
WAY = Way("chat", "h100-sxm", "bf16", "bf16", 1, 1, 1, 8)
NAMES = [
    "demand of chat", "purchase price of l40s", "purchase price of h100-sxm", f"electricity price in {EAST}",
    f"carbon intensity in {EAST}", f"PUE in {EAST}", "efficiency of ada (vllm)", "efficiency of hopper (vllm)",
]  # fmt: skip


def test_inputs_are_named_with_their_figures_of_today() -> None:
    found = {one.name: one for one in inputs(small_scenario())}
    assert list(found) == NAMES
    assert (found["demand of chat"].value, found["demand of chat"].unit) == (40.0, "requests/s")
    assert found["purchase price of l40s"].value == 8000.0
    assert found["efficiency of hopper (vllm)"].value is None
    rented = {one.name for one in inputs(small_scenario(procurement=RENTING))}
    assert rented - set(NAMES) == {"rental prices"}


def test_what_may_not_be_had_is_no_input() -> None:
    none = small_scenario(regions={EAST: {"quota": {"l40s": 24, "h100-sxm": 0}}})
    assert not [one.name for one in inputs(none) if "h100" in one.name or "hopper" in one.name]


def test_all_inputs_moved_at_once_give_a_plan_that_the_check_passes() -> None:
    scenario = small_scenario(procurement=RENTING)
    moved = scaled(scenario, {one.name: 1.1 for one in inputs(scenario)})
    plan = solve(moved, binding=False)
    assert plan.verified
    assert not verify(scenario, plan).passed
    assert plan.lock.catalog_sha256 != scenario.catalog.digest and plan.lock.scenario_sha256 != scenario.digest
    assert "efficiency of hopper (vllm) x 1.1" in plan.lock.overridden


@pytest.mark.parametrize("name", NAMES)
def test_each_input_changes_what_the_lock_says(name: str) -> None:
    scenario = small_scenario()
    moved = scaled(scenario, {name: 0.9})
    assert (moved.digest, moved.catalog.digest) != (scenario.digest, scenario.catalog.digest)
    assert scaled(scenario, {name: 1.0}) is scenario


def test_a_price_scales_its_own_bill_and_no_other() -> None:
    only = {"accelerators": ["l40s"], "regions": {EAST: {"quota": {"l40s": 24}}}}
    scenario = small_scenario(**only)
    before = {charge.part: charge.value for charge in solve(scenario, binding=False).charges if "usd" in charge.account}
    dear = solve(scaled(scenario, {"purchase price of l40s": 1.25}), binding=False)
    after = {charge.part: charge.value for charge in dear.charges if "usd" in charge.account}
    for part, value in before.items():
        factor = 1.25 if part in ("purchase", "maintenance") else 1.0
        assert after[part] == pytest.approx(value * factor, rel=1e-9)


def test_rents_scale_on_every_way_of_renting() -> None:
    scenario = small_scenario(procurement={"owned": None, **RENTING})
    moved = scaled(scenario, {"rental prices": 0.5})
    for own, other in zip(scenario.catalog.instances_in(EAST), moved.catalog.instances_in(EAST), strict=True):
        for price in ("on_demand_usd_per_h", "spot_usd_per_h"):
            assert getattr(other, price) == (getattr(own, price) and getattr(own, price) * 0.5)
    assert moved.procurement.reserved is not None
    assert moved.procurement.reserved.prices[EAST]["g6e.12xlarge"] == 0.5
    assert len(moved.catalog.instances) == len(scenario.catalog.instances)


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_rates_scale_with_efficiency(factor: float) -> None:
    scenario = small_scenario()
    moved = scaled(scenario, {"efficiency of hopper (vllm)": factor})
    slow, fast = World(scenario), World(moved)
    assert fast.rates(WAY) == pytest.approx([rate * factor for rate in slow.rates(WAY)], rel=1e-12)
    assert fast.running(WAY)[0].prefill_s == pytest.approx(slow.running(WAY)[0].prefill_s / factor, rel=1e-12)
    other = Way("chat", "l40s", "bf16", "bf16", 1, 1, 1, 8)
    assert fast.rates(other) == slow.rates(other)


def test_pue_stays_at_one() -> None:
    assert scaled(small_scenario(), {f"PUE in {EAST}": 0.5}).region(EAST).pue == 1.0


def test_moves_of_moves_multiply() -> None:
    name, scenario = "efficiency of hopper (vllm)", small_scenario()
    twice = scaled(scaled(scenario, {name: 1.1, f"PUE in {EAST}": 1.1}), {name: 1.2})
    assert twice.catalog.efficiency("h100-sxm").speed == pytest.approx(1.32)
    assert twice.region(EAST).pue == pytest.approx(scenario.region(EAST).pue * 1.1)


@pytest.mark.parametrize(
    ("factors", "says"),
    [
        ({"demand of chatt": 1.1}, "demand of chat"),
        ({"demand of chat": 0.0}, "a number above 0"),
        ({"demand of chat": float("nan")}, "a number above 0"),
        ({"efficiency of hopper (vllm)": 1.5}, "at most by 1.385"),
    ],
)
def test_what_cannot_be_moved_is_refused(factors: dict[str, float], says: str) -> None:
    with pytest.raises(ScenarioError) as error:
        scaled(small_scenario(), factors)
    assert says in str(error.value)


def test_the_fastest_speed_is_allowed_and_checked() -> None:
    scenario, name = small_scenario(), "efficiency of hopper (vllm)"
    moved = scaled(scenario, {name: fastest(scenario, name)})
    assert solve(moved, binding=False).verified
