"""What must hold whatever the question: tighter is never cheaper, more choice never dearer, units do not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from optimizer.solve import solve
from scenarios import from_mapping
from scenarios.schema import Scenario
from tests.optimizer.cases import (
    DROP,
    EAST,
    FAR,
    NORTH,
    chat,
    merge,
    optimum,
    small_mapping,
    small_scenario,
    two_regions,
)
from tests.optimizer.test_program import demand_times, money_times

STEADY = settings(max_examples=12, deadline=None, derandomize=True, database=None)
SLACK = 1 + 3e-6  # optima are known to the solver's tolerances


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    """Changes of the small question."""
    pick = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    changes: dict[str, Any] = {
        "workloads": chat(
            demand={"east": pick(5.0, 18.0, 40.0, 63.0)},
            batch=pick([8, 32], [4, 16], [16]),
            precisions=pick(["fp8"], ["bf16", "fp8"], ["bf16"]),
            ttft={"limit": pick("250 ms", "400 ms", "1 s"), "percentile": pick(99, 95, 50)},
        ),
        "regions": pick({}, two_regions(), {EAST: {"quota": {"l40s": 8}}}),
        "failures": pick({}, {"node": {"served": "80%"}}, {"node": {"served": "60%", "scope": "each"}}),
        "objective": pick("cost", "cost", "carbon", "energy"),
    }
    if not changes["failures"]:
        del changes["failures"]
    return changes


def merged(changes: dict[str, Any], **more: Any) -> Scenario:
    data = small_mapping(**changes)
    merge(data, more)
    return from_mapping(data)


TIGHTER: dict[str, Any] = {
    "ttft": {"workloads": chat(ttft={"limit": "230 ms"})},
    "itl": {"workloads": chat(itl={"limit": "16 ms"})},
    "quota": {"regions": {EAST: {"quota": {"l40s": 4, "h100-sxm": 4}}}},
    "site power": {"regions": {EAST: {"site_power": "9 kW"}}},
    "node failure": {"failures": {"node": {"served": "95%", "scope": "each"}}},
    "carbon": {"limits": {"carbon": "9 t/yr"}},
    "budget": {"limits": {"budget": "$45k/yr"}},
    "energy": {"limits": {"energy": "30 MWh/yr"}},
    "max regions": {"limits": {"max_regions": 1}},
    "utilization": {"workloads": chat(max_utilization=0.6)},
    "precisions": {"workloads": chat(precisions=["bf16"])},
}


@STEADY
@given(changes=questions(), limit=st.sampled_from(sorted(TIGHTER)))
def test_a_tighter_limit_is_never_cheaper(changes: dict[str, Any], limit: str) -> None:
    assume(limit != "precisions" or changes["workloads"]["chat"]["precisions"] != ["fp8"])
    assert optimum(merged(changes)) <= optimum(merged(changes, **TIGHTER[limit])) * SLACK


@STEADY
@given(
    changes=questions(),
    caps=st.lists(st.floats(0.7, 1.3), min_size=2, max_size=2).map(sorted),
    account=st.sampled_from(["budget", "carbon", "energy"]),
)
def test_the_optimum_falls_as_a_cap_rises(changes: dict[str, Any], caps: list[float], account: str) -> None:
    units = {"budget": ("${:.2f}/yr", 38000.0), "carbon": ("{:.4f} t/yr", 8.0), "energy": ("{:.4f} MWh/yr", 24.0)}
    form, middle = units[account]
    tight, loose = (optimum(merged(changes, limits={account: form.format(cap * middle)})) for cap in caps)
    assert loose <= tight * SLACK


@STEADY
@given(changes=questions())
def test_one_more_region_is_never_dearer(changes: dict[str, Any]) -> None:
    more = {FAR: {"quota": {"l40s": 8, "h100-sxm": 8}, "carbon": {"direct": "250 g/kWh"}}}
    assert optimum(merged(changes, regions=more)) <= optimum(merged(changes)) * SLACK


@STEADY
@given(changes=questions(), name=st.sampled_from(["l4", "a100-80", "h200-sxm"]))
def test_one_more_accelerator_is_never_dearer(changes: dict[str, Any], name: str) -> None:
    more = {
        "accelerators": ["l40s", "h100-sxm", name],
        "regions": {EAST: {"quota": {name: 8}}},
        "procurement": {"owned": {"prices": {name: "$9,000"}, "devices_per_node": {name: 2}}},
    }
    if NORTH in changes["regions"]:
        more["regions"][NORTH] = {"quota": {name: 8}}  # type: ignore[index]
    assert optimum(merged(changes, **more)) <= optimum(merged(changes)) * SLACK


@STEADY
@given(changes=questions())
def test_money_in_another_currency_scales_the_answer(changes: dict[str, Any]) -> None:
    scenario = merged(changes, limits={"budget": "$95k/yr"})
    plain, dear = optimum(scenario), optimum(money_times(scenario, 1000.0))
    factor = 1000.0 if scenario.objective.account == "cost" else 1.0
    if np.isinf(plain):
        assert np.isinf(dear)
    else:
        # Ties are broken by 1e-5 dollar a kilogram, or by a billionth of the money, whatever the currency.
        assert dear == pytest.approx(plain * factor, rel=2e-5, abs=0.0 if factor > 1 else 1e-9 * 95e6)


@STEADY
@given(changes=questions(), factor=st.sampled_from([0.25, 0.5, 2.0]))
def test_more_demand_is_never_cheaper(changes: dict[str, Any], factor: float) -> None:
    scenario = merged(changes)
    base, scaled = optimum(scenario), optimum(demand_times(scenario, factor))
    assert (scaled <= base * SLACK) if factor < 1 else (base <= scaled * SLACK)


@STEADY
@given(changes=questions())
def test_twice_the_demand_and_supply_costs_at_most_twice(changes: dict[str, Any]) -> None:
    """Larger pools run fuller, never emptier, where no single large node is in the way."""
    changes = changes | {"failures": DROP}
    double = merged(changes)
    scenario = demand_times(double, 0.5)
    half = {
        name: use.model_copy(update={"quota": {chip: int(number) // 4 * 2 for chip, number in use.quota.items()}})
        for name, use in scenario.regions.items()
    }
    base = optimum(scenario.model_copy(update={"regions": half}))
    assert optimum(double) <= 2 * base * SLACK


@STEADY
@given(changes=questions())
def test_a_region_without_supply_changes_nothing(changes: dict[str, Any]) -> None:
    empty = {"azure/eastus": {"quota": {"l40s": 0, "h100-sxm": 0}}}
    assert optimum(merged(changes, regions=empty)) == pytest.approx(optimum(merged(changes)), rel=2e-6)


@STEADY
@given(changes=questions())
def test_the_order_of_the_file_does_not_matter(changes: dict[str, Any]) -> None:
    scenario = merged(changes)
    turned = scenario.model_copy(
        update={
            "accelerators": tuple(reversed(scenario.accelerators)),
            "regions": dict(reversed(scenario.regions.items())),
        }
    )
    assert optimum(turned) == pytest.approx(optimum(scenario), rel=2e-6)


def test_same_input_same_plan() -> None:
    """Byte for byte, apart from the seconds that it took."""

    def told(scenario: Scenario) -> dict[str, Any]:
        data = solve(scenario).model_dump(mode="json")
        data["sizes"] = {k: v for k, v in data["sizes"].items() if not k.endswith("_s")}
        for entry in data["binding"]:
            del entry["seconds"]
        return data

    changes = {"failures": {"node": {"served": "80%"}}, "regions": two_regions(), "limits": {"carbon": "4 t/yr"}}
    first, second = (told(small_scenario(**changes)) for _ in range(2))
    assert first == second
    assert first["status"] == "optimal" and first["binding"]
