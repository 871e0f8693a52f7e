"""Planning with the pessimistic end: never cheaper, good in the middle, the enumerated optimum, and what it costs."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from optimizer.insurance import priced
from optimizer.plan import Plan
from optimizer.solve import solve
from optimizer.verify import verify
from optimizer.verify_bands import caution
from optimizer.verify_fleet import way_of
from optimizer.verify_judge import Judge
from optimizer.verify_types import PoolKey
from optimizer.verify_world import World
from physics.bands import band, pessimistic
from scenarios import ScenarioError
from scenarios.schema import Scenario
from tests.optimizer.brute_force import optimum
from tests.optimizer.cases import DROP, EAST, chat, small_scenario, two_regions
from tests.optimizer.tiny_fleets import limited

NODE_LOSS = {"failures": {"node": {"served": "80%", "scope": "total"}}}
QUESTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "node loss": {**NODE_LOSS, "regions": two_regions()},
    "mix": {
        "workloads": chat(
            requests=[
                {"name": "short", "share": 0.7, "prompt_tokens": 256, "output_tokens": 128},
                {"name": "long", "share": 0.3, "prompt_tokens": 1500, "output_tokens": 100},
            ],
        )
    },
    "carbon": {"objective": "carbon", "regions": two_regions()},
}


def at(scenario: Scenario, confidence: float | None) -> Scenario:
    return scenario.replace("planning.confidence", confidence)


def value(plan: Plan) -> float:
    assert plan.objective is not None and plan.objective.value is not None
    return plan.objective.value


@pytest.mark.parametrize("kind", QUESTIONS)
def test_more_confidence_is_never_cheaper_and_holds_in_the_middle_too(kind: str) -> None:
    middle = small_scenario(**QUESTIONS[kind])
    plans = [solve(at(middle, c), binding=False, insurance=False) for c in (None, 0.8, 0.95, 0.99)]
    values = [value(plan) for plan in plans]
    assert all(later >= earlier * (1 - 1e-9) for earlier, later in itertools.pairwise(values))
    assert values[-1] > values[0]
    careful = plans[-1]
    judge, slow = Judge(middle), World(at(middle, 0.99))
    counts: dict[tuple[PoolKey, str], tuple[int, ...]] = {}
    for line in careful.lines:
        way = way_of(line)
        quick = judge.world.rates(way)
        assert all(fast >= rate for fast, rate in zip(quick, slow.rates(way), strict=True))
        key = PoolKey(line.region, line.offer, way, tuple(line.serves)), line.procurement
        counts[key] = tuple(entry.replicas for entry in line.by_slot)
    judged = judge.judge(counts)
    assert judged.feasible, judged.why
    assert judged.objective <= values[-1] * (1 + 1e-6)


@pytest.mark.parametrize("kind", ["node loss", "shapes", "slots", "classes", "min regions"])
def test_the_solver_finds_the_enumerated_optimum_with_a_confidence(kind: str) -> None:
    agreed = 0
    for seed in range(4):
        scenario = at(limited(kind, seed)[0], 0.9)
        best = optimum(scenario)
        if not best.judgement.feasible:
            continue
        plan = solve(scenario, binding=False, insurance=False, gap=0.0)
        trace = 1e-5 * best.judgement.accounts["kg_co2e_per_year"]
        assert (value(plan) - best.judgement.objective) / best.judgement.objective >= -1e-6
        assert value(plan) <= best.judgement.objective * (1 + 1e-6) + 1.001 * trace, (kind, seed)
        agreed += 1
    assert agreed >= 1


def test_the_check_works_the_factors_out_itself() -> None:
    catalog, way = small_scenario().catalog, way_of(solve(small_scenario(), binding=False).lines[0])
    model = catalog.models["llama-3.1-8b"]
    for name in ("h100-sxm", "b200-sxm", "l40s", "mi300x", "tpu-v5e"):
        accelerator, efficiency = catalog.accelerators[name], catalog.efficiency(name)
        for confidence in (None, 0.5, 0.77, 0.9, 0.95, 0.999):
            own = caution(model, accelerator, efficiency, way, confidence)
            planned = pessimistic(band(model, accelerator, efficiency, way.precision, way.kv_precision), confidence)
            assert (own.prefill, own.step, own.wait) == pytest.approx(tuple(planned), rel=1e-9)


def test_a_plan_of_another_confidence_is_refused() -> None:
    scenario = small_scenario()
    plan = solve(at(scenario, 0.9), binding=False)
    assert plan.confidence == 0.9 and verify(at(scenario, 0.9), plan).passed
    for other in (None, 0.95):
        (failure,) = verify(at(scenario, other), plan).failures
        assert "made with 0.9" in failure
    forged = plan.model_copy(update={"confidence": 0.99})
    assert not verify(at(scenario, 0.99), forged).passed


def test_bands_that_a_plan_claims_are_checked() -> None:
    scenario = small_scenario()
    plan = solve(scenario, binding=False)
    line = plan.lines[0]
    assert line.itl_s and line.itl_band_s and line.itl_band_s[0] < line.itl_s < line.itl_band_s[1]
    for change in ({"itl_s": line.itl_s * 0.9}, {"ttft_band_s": (0.0, 1e-3)}):
        forged = plan.model_copy(update={"fleet": [line.model_copy(update=change), *plan.lines[1:]]})
        assert not verify(scenario, forged).passed, change


def test_the_middle_of_a_line_does_not_move_with_the_confidence() -> None:
    plans = [solve(at(small_scenario(), c), binding=False) for c in (None, 0.9)]
    found = [{way_of(line): (line.itl_s, line.ttft_s, line.itl_band_s) for line in plan.lines} for plan in plans]
    assert found[0].keys() & found[1].keys()
    for way in found[0].keys() & found[1].keys():
        assert np.allclose(np.hstack(found[0][way]), np.hstack(found[1][way]))


# ---- what it costs ----


def test_the_insurance_is_the_difference_of_two_optima() -> None:
    middle = small_scenario(**NODE_LOSS, regions=two_regions())
    without, plan = solve(middle, binding=False), solve(at(middle, 0.95), binding=False)
    found = plan.insurance
    assert without.insurance is None and found is not None and found.usd_per_year_change is not None
    apart = value(plan) - value(without)
    assert found.usd_per_year_change == pytest.approx((apart, apart), abs=1e-5 * value(plan))
    assert found.resolved and found.status_without == "optimal" and apart > 0
    assert found.usd_per_year_without == pytest.approx(without.accounts["usd_per_year"], rel=1e-5)
    assert (found.nodes, found.nodes_without) == tuple(sum(n.nodes for n in p.nodes) for p in (plan, without))


@pytest.mark.parametrize(("slack", "resolved"), [(0.0, True), (0.5, True), (1.1, False)])
def test_inside_the_gaps_the_insurance_is_not_resolved(slack: float, resolved: bool) -> None:
    """Two solves that stop early, each by a part of the true difference."""
    without = solve(small_scenario(), binding=False)
    plan = solve(at(small_scenario(), 0.95), binding=False)
    apart = value(plan) - value(without)

    def early(found: Plan) -> Plan:
        assert found.bound is not None
        lower = found.bound.model_copy(update={"value": value(found) - slack * apart})
        return found.model_copy(update={"bound": lower, "insurance": None})

    found = priced(early(plan), 0.95, "optimal", early(without)).insurance
    assert found is not None and found.usd_per_year_change is not None and found.resolved == resolved
    assert found.usd_per_year_change == pytest.approx((apart * (1 - slack), apart * (1 + slack)), rel=1e-4, abs=1e-2)


def test_where_the_confidence_makes_it_impossible_the_plan_says_what_it_costs_without() -> None:
    bill = solve(small_scenario(), binding=False).accounts["usd_per_year"]
    tight = small_scenario(limits={"budget": f"${bill * 1.001:.0f}/yr"})
    plan = solve(at(tight, 0.99))
    assert plan.status == "infeasible" and plan.confidence == 0.99
    assert {member.limit for member in plan.conflict} >= {"budget"}
    (budget,) = (repair for repair in plan.repairs if repair.limit == "budget")
    assert budget.verified and budget.usd_per_year is not None and budget.usd_per_year > bill
    found = plan.insurance
    assert found is not None and found.status_without == "optimal" and found.usd_per_year_change is None
    assert found.usd_per_year_without == pytest.approx(bill, rel=1e-3) and not math.isnan(found.seconds)


def test_where_nothing_fits_anyway_the_confidence_is_not_to_blame() -> None:
    plan = solve(at(small_scenario(regions={EAST: {"quota": {"l40s": 1, "h100-sxm": DROP}}}, accelerators=["l40s"],
                                   procurement={"owned": {"prices": {"h100-sxm": DROP},
                                                          "devices_per_node": {"h100-sxm": DROP}}}), 0.9))  # fmt: skip
    assert plan.status == "infeasible" and plan.insurance is not None
    assert plan.insurance.status_without == "infeasible" and plan.insurance.usd_per_year_without is None


@pytest.mark.parametrize("written", ["0.4", "1", "9", "high", 0.4999])
def test_a_confidence_that_cannot_be_planned_with_is_refused(written: object) -> None:
    with pytest.raises(ScenarioError, match=r"planning\.confidence"):
        at(small_scenario(), written)  # type: ignore[arg-type]


def test_an_interrupt_of_the_second_solve_ends_the_re_solves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(solve.__globals__, "insured", lambda scenario, plan, *rest: plan)
    plan = solve(at(small_scenario(), 0.9))
    assert plan.verified and plan.insurance is None and plan.binding == []
