"""The user's measurements in a plan: they win, calibrate what is like them, and are read a second time by the check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from optimizer import solve
from optimizer.measured_words import measured_assumptions
from optimizer.tables import ask
from optimizer.verify_types import Way
from optimizer.verify_world import World
from tests.optimizer.brute_force import optimum
from tests.optimizer.cases import small_mapping

L40S: dict[str, Any] = {"accelerator": "l40s", "precision": "fp8", "source": "our test, 2026-10"}
TWO_SHAPES = [
    {"name": "chat", "share": 0.7, "prompt_tokens": 512, "output_tokens": 128},
    {"name": "long", "share": 0.3, "prompt_tokens": 1500, "output_tokens": 60},
]


def scenario(measurements: list[dict[str, Any]], **chat: Any) -> scenarios.Scenario:
    said = {"measurements": measurements} if measurements else {}
    return scenarios.from_mapping(small_mapping(workloads={"chat": {**said, **chat}}))


def measured(batch: int | None = 32, kind: str = "chat", **figures: Any) -> dict[str, Any]:
    return {**L40S, "requests": {kind: figures}} | ({"batch": batch} if batch else {})


def rows(asked: scenarios.Scenario) -> dict[tuple[Any, ...], tuple[str, Any]]:
    """(accelerator, precision, batch) -> (basis, rate, prefill, step, ITL) of every candidate."""
    (table,) = ask(asked).tables
    prices = table.prices
    found = {}
    for row in range(len(table)):
        chip = table.chips[table.chip[row]]
        key = (chip.accelerator.name, chip.precision, int(table.runs.batch[row]))
        figures = (prices.requests_per_s, prices.prefill_s, prices.decode_step_s, prices.itl_s)
        found[key] = (table.basis(row), np.array([column[row] for column in figures]))
    return found


PLAIN = rows(scenario([]))


def test_a_measured_rate_is_the_rate_and_scales_both_times() -> None:
    key = ("l40s", "fp8", 32)
    rate = PLAIN[key][1][0, 0] * 0.8
    found = rows(scenario([measured(requests_per_s=rate)]))
    basis, figures = found[key]
    assert basis == "measured"
    assert figures[0, 0] == rate
    assert figures[1:3, 0] == pytest.approx(PLAIN[key][1][1:3, 0] / 0.8)
    assert figures[3, 0] == pytest.approx(32 / (rate * 127))  # Little's law over the decode steps


def test_neighbours_are_calibrated_and_others_are_not() -> None:
    rate = PLAIN["l40s", "fp8", 32][1][0, 0] * 0.8
    found = rows(scenario([measured(requests_per_s=rate)]))
    assert found["l40s", "fp8", 8][0] == "calibrated"
    assert found["l40s", "fp8", 8][1][0] == pytest.approx(PLAIN["l40s", "fp8", 8][1][0] * 0.8)
    for key in PLAIN:
        if key[:2] != ("l40s", "fp8"):
            assert found[key][0] == "modelled"
            assert found[key][1] == pytest.approx(PLAIN[key][1])


def test_the_calibration_is_the_geometric_mean() -> None:
    slow = [PLAIN["l40s", "fp8", b][1][0, 0] * f for b, f in ((8, 0.5), (32, 0.9))]
    asked = [measured(8, requests_per_s=slow[0]), measured(32, requests_per_s=slow[1])]
    (table,) = ask(scenario(asked, batch=[8, 16, 32])).tables
    like = table.measured.calibration("l40s", "fp8")
    assert like.measurements == 2
    assert (like.prefill, like.step) == pytest.approx(((1 / 0.5 / 0.9) ** 0.5,) * 2)


def test_a_fast_measurement_does_not_lift_its_neighbours_above_the_peaks() -> None:
    key = ("l40s", "fp8", 32)
    (plain,) = ask(scenario([])).tables
    base = {int(b): share for b, share in zip(plain.runs.batch, plain.prices.bandwidth_fraction, strict=True)}
    assert base
    found = rows(scenario([measured(requests_per_s=PLAIN[key][1][0, 0] * 1.2)]))
    assert found["l40s", "fp8", 8][1][0, 0] > PLAIN["l40s", "fp8", 8][1][0, 0]
    (table,) = ask(scenario([measured(requests_per_s=PLAIN[key][1][0, 0] * 1.2)])).tables
    assert (table.prices.flop_fraction <= 1).all() and (table.prices.bandwidth_fraction <= 1).all()


def test_itl_and_first_token_are_what_was_measured() -> None:
    found = rows(scenario([measured(itl="30 ms", itl_percentile="mean", idle_ttft="90 ms")]))
    rate, prefill, step, itl = found["l40s", "fp8", 32][1][:, 0]
    assert itl == pytest.approx(0.030)
    assert step + 32 * prefill / 127 == pytest.approx(0.030)
    assert rate == pytest.approx(32 / (127 * 0.030))
    plain = PLAIN["l40s", "fp8", 32][1][:, 0]
    (alone,) = ask(scenario([], batch=[1], precisions=["fp8"])).tables
    one_step = alone.prices.decode_step_s[[alone.chips[c].accelerator.name == "l40s" for c in alone.chip]][0, 0]
    assert prefill == pytest.approx(plain[1] * 0.090 / (plain[1] + one_step))


def test_a_percentile_is_read_as_one() -> None:
    asked = scenario(
        [measured(itl="40 ms", itl_percentile=99)], itl={"limit": "50 ms", "percentile": 99}, precisions=["fp8"]
    )
    (table,) = ask(asked).tables
    row = int(np.flatnonzero(table.which >= 0)[0])
    assert table.itl_s[row, 0] == pytest.approx(0.040)
    assert table.prices.itl_s[row, 0] < 0.040


def test_only_measured_ways_are_used() -> None:
    plan = solve(scenario([measured(requests_per_s=8)], only_measured=True), binding=False)
    assert plan.verified
    assert {(line.accelerator, line.batch, line.basis) for line in plan.lines} == {("l40s", 32, "measured")}
    assert any(entry.source == "our test, 2026-10" for entry in plan.assumptions)


def test_without_a_batch_the_measurement_stands_for_every_batch() -> None:
    found = rows(scenario([measured(None, requests_per_s=4)]))
    mine = {key: basis for key, (basis, _) in found.items() if key[:2] == ("l40s", "fp8")}
    assert mine == {("l40s", "fp8", 32): "measured"}


def test_without_a_batch_rate_and_itl_tell_it() -> None:
    figures = {"requests_per_s": 4, "itl": "30 ms", "itl_percentile": "mean"}  # 4 x 127 x 0.03 = 15.2 in flight
    found = rows(scenario([measured(None, **figures)], batch=[8, 16, 32]))
    assert found["l40s", "fp8", 16][0] == "measured"
    assert found["l40s", "fp8", 16][1][0, 0] == 4


@pytest.mark.parametrize(
    ("measurement", "key", "words"),
    [
        (measured(requests_per_s=60), "requests.chat", "peak memory bandwidth"),
        (measured(requests_per_s=10, itl="30 ms", itl_percentile="mean"), "requests_per_s", "38.1 requests in flight"),
        (measured(itl="30 ms", itl_percentile="mean", idle_ttft="3 s"), "idle_ttft", "leave idle_ttft out"),
        (measured(32, idle_ttft="3 ms"), "requests.chat", "times the peak"),
    ],
)
def test_what_cannot_be_is_an_error_with_its_line(measurement: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(scenarios.ScenarioError) as caught:
        ask(scenario([measurement]))
    (problem,) = caught.value.problems
    assert problem.key.startswith("workloads.chat.measurements.0.") and problem.key.endswith(key)
    assert words in str(problem)


def test_a_batch_that_memory_does_not_hold_is_an_error() -> None:
    with pytest.raises(scenarios.ScenarioError, match="batch 4000 needs"):
        ask(scenario([measured(4000, requests_per_s=4)], batch=[8, 32, 4000]))


FIGURES = st.fixed_dictionaries(
    {"rate": st.floats(0.3, 1.1), "itl": st.none() | st.floats(1.0, 2.0), "ttft": st.none() | st.floats(0.8, 2.0)}
)


@settings(max_examples=15, deadline=None)
@given(st.lists(FIGURES, min_size=2, max_size=2), st.booleans(), st.sampled_from([None, 0.9]))
def test_the_check_reads_them_the_same(figures: list[dict[str, Any]], stated: bool, confidence: float | None) -> None:
    """Every candidate's rate and times, measured or calibrated, with one kind missing this figure and one that."""
    base = small_mapping(workloads={"chat": {"requests": TWO_SHAPES}})
    base["planning"] = {"confidence": confidence} if confidence else {}
    (plain,) = ask(scenarios.from_mapping({**base, "planning": {}})).tables
    row = next(
        r for r in range(len(plain)) if plain.runs.batch[r] == 32 and plain.chips[plain.chip[r]].precision == "fp8"
    )
    requests = {}
    for s, (shape, one) in enumerate(zip(TWO_SHAPES, figures, strict=True)):
        seen: dict[str, Any] = {}
        if one["ttft"]:
            seen["idle_ttft"] = f"{plain.prices.prefill_s[row, s] * one['ttft'] * 1e3} ms"
        if one["itl"]:
            seen |= {"itl": f"{plain.prices.itl_s[row, s] * one['itl'] * 1e3} ms", "itl_percentile": 90}
        else:
            seen["requests_per_s"] = float(plain.prices.requests_per_s[row, s] * one["rate"])
        requests[shape["name"]] = seen
    said = {**L40S, "requests": requests} | ({"batch": 32} if stated else {})
    base["workloads"]["chat"]["measurements"] = [said]
    asked = scenarios.from_mapping(base)
    try:
        (table,) = ask(asked).tables
    except scenarios.ScenarioError as error:
        assert "peak" in str(error) or "leave idle_ttft out" in str(error)
        return
    world = World(asked)
    for r in range(len(table)):
        chip, runs, prices = table.chips[table.chip[r]], table.runs, table.prices
        way = Way("chat", chip.accelerator.name, chip.precision, chip.kv_precision, 1, 1, 1, int(runs.batch[r]))
        for s, run in enumerate(world.running(way)):
            assert run.rate == pytest.approx(prices.requests_per_s[r, s], rel=1e-9)
            assert run.prefill_s == pytest.approx(prices.prefill_s[r, s], rel=1e-9)
            assert run.step_s == pytest.approx(prices.decode_step_s[r, s], rel=1e-9)
            assert run.itl_s == pytest.approx(prices.itl_s[r, s], rel=1e-9)
            assert run.flop_share == pytest.approx(prices.flop_fraction[r, s], rel=1e-9)
            assert run.bandwidth_share == pytest.approx(prices.bandwidth_fraction[r, s], rel=1e-9)


def test_planning_with_a_confidence_leaves_what_was_measured() -> None:
    data = small_mapping(workloads={"chat": {"measurements": [measured(requests_per_s=4)]}})
    data["planning"] = {"confidence": 0.95}
    found = rows(scenarios.from_mapping(data))
    assert found["l40s", "fp8", 32][1][0, 0] == 4
    assert found["h100-sxm", "fp8", 32][1][0, 0] < PLAIN["h100-sxm", "fp8", 32][1][0, 0]


@pytest.mark.parametrize("factor", [0.6, 0.9])
def test_a_better_measurement_never_costs_more(factor: float) -> None:
    """Each step a faster replica and all else the same."""
    rate = PLAIN["l40s", "fp8", 32][1][0, 0]
    costs = []
    for better in (1.0, 1.07, 1.15):
        asked = scenario([measured(requests_per_s=rate * factor * better)], precisions=["fp8"])
        plan = solve(asked, binding=False)
        assert plan.status == "optimal"
        costs.append(plan.accounts["usd_per_year"])
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize("rates", [(2.0, 1.0), (1.2, 1.6)])
def test_a_mix_on_measured_rates_equals_enumeration(rates: tuple[float, float]) -> None:
    """Two kinds of request, measured on one device, modelled on the other; limits and a node loss kept."""
    requests = {"chat": {"requests_per_s": rates[0]}, "long": {"requests_per_s": rates[1]}}
    data = small_mapping(
        workloads={
            "chat": {
                "requests": TWO_SHAPES,
                "demand": {"east": 9.0},
                "precisions": ["fp8"],
                "ttft": {"limit": "2 s", "percentile": 99},
                "batch": [16],
                "measurements": [{**L40S, "batch": 16, "requests": requests}],
            }
        }
    )
    data["failures"] = {"node": {"served": "50%"}}
    asked = scenarios.from_mapping(data)
    plan = solve(asked, binding=False)
    best = optimum(asked, most=8)
    assert plan.status == "optimal" and plan.verified
    assert plan.accounts["usd_per_year"] == pytest.approx(best.judgement.objective, rel=1e-6)


@pytest.mark.parametrize(("factor", "says"), [(0.8, False), (0.01, True)])
def test_a_measurement_that_no_physics_comes_near_is_told(factor: float, says: bool) -> None:
    rate = float(PLAIN["l40s", "fp8", 32][1][0, 0]) * factor
    found = measured_assumptions(scenario([measured(requests_per_s=rate)]), None)
    assert [("times slower than predicted" in one.value) for one in found if one.name.startswith("measured")] == [says]
