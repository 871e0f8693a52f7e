"""A plan held against changed scenarios: what holds passes the check, what breaks is named with its amount."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from optimizer import milp
from optimizer.held import Held, held
from optimizer.inputs import inputs, scaled
from optimizer.plan import Plan
from optimizer.program import build
from optimizer.solve import solve
from optimizer.tables import ask
from optimizer.verify import verify
from scenarios.errors import ScenarioError
from scenarios.schema import Scenario
from tests.optimizer.cases import EAST, EXACT, NORTH, chat, small_scenario
from tests.optimizer.tiny_fleets import limited

SLOTS = [
    {"name": "day", "hours": 4380, "start_hour": 8},
    {"name": "night", "hours": 4380, "start_hour": 20},
]


@pytest.fixture(scope="module")
def small() -> tuple[Scenario, Plan]:
    scenario = small_scenario(limits={"budget": "$400k/yr", "carbon": "60 t/yr"})
    return scenario, solve(scenario, binding=False)


def test_a_plan_holds_in_its_own_scenario_at_its_own_bill(small: tuple[Scenario, Plan]) -> None:
    found = held(*small)
    assert found.holds and not found.breaks
    assert found.plan is not None and verify(small[0], found.plan).passed
    assert found.plan.nodes == small[1].nodes
    assert found.accounts["usd_per_year"] == pytest.approx(small[1].accounts["usd_per_year"], rel=1e-4)


@pytest.mark.parametrize(
    ("name", "factor", "limit"),
    [
        ("demand of chat", 1.6, "demand chat"),
        ("purchase price of l40s", 30.0, "budget"),
        (f"carbon intensity in {EAST}", 30.0, "carbon"),
        ("efficiency of ada (vllm)", 0.3, "itl chat"),
        ("efficiency of ada (vllm)", 0.02, "ttft chat"),
    ],
)
def test_the_limit_that_breaks_is_named(small: tuple[Scenario, Plan], name: str, factor: float, limit: str) -> None:
    scenario, plan = small
    assert {line.accelerator for line in plan.nodes} == {"l40s"}
    found = held(scaled(scenario, {name: factor}), plan)
    assert found.holds is False and found.plan is None
    assert limit in [one.limit for one in found.breaks]
    for one in found.breaks:
        assert one.by == pytest.approx(abs(one.reached / one.value - 1)) and one.by > 0


def test_what_breaks_is_told_by_how_much(small: tuple[Scenario, Plan]) -> None:
    scenario, plan = small
    only = next(line for line in plan.lines)
    more = held(scaled(scenario, {"demand of chat": 4.0}), plan).breaks[0]
    assert more.value == pytest.approx(160.0)
    assert only.capacity_requests_per_s <= more.reached <= 1.05 * only.capacity_requests_per_s
    slow = held(scaled(scenario, {"efficiency of ada (vllm)": 0.25}), plan)
    itl = next(one for one in slow.breaks if one.limit == "itl chat")
    assert only.itl_s is not None and itl.reached == pytest.approx(only.itl_s / 0.25, rel=1e-9)
    dear = held(scaled(scenario, {"purchase price of l40s": 30.0}), plan)
    assert dear.breaks[0].reached == pytest.approx(dear.accounts["usd_per_year"], rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        *(("node loss", 1), ("node loss", 2), ("slots", 1), ("shapes", 2), ("spot", 1), ("shared", 2), ("classes", 2)),
        *(("today", 5), ("today", 30), ("shapes, node loss", 1), ("shapes, region loss", 2), ("shapes, spot loss", 3)),
    ],
)
def test_held_agrees_with_the_question_at_the_same_counts(kind: str, seed: int) -> None:
    """The whole question with the plan's counts given says the same, and the check passes what holds."""
    scenario, _ = limited(kind, seed)
    plan = solve(scenario, binding=False)
    assert plan.fleet is not None
    rng = random.Random(f"{kind} {seed}")
    for _ in range(3):
        factors = {one.name: rng.uniform(0.9, 1.06) for one in inputs(scenario)}
        changed = scaled(scenario, factors)
        found = held(changed, plan)
        assert found.holds == _fixed(changed, plan), factors
        if found.holds:
            assert found.plan is not None and verify(changed, found.plan).passed
        else:
            assert found.breaks


TODAY = {
    "nodes": [
        {"region": EAST, "accelerator": "l40s", "nodes": 4},
        {"region": EAST, "accelerator": "h100-sxm", "nodes": 2},
    ],
    "changes": {"limit": 0},
}


@pytest.fixture(scope="module")
def idle() -> tuple[Scenario, Plan]:
    """A fleet of today of which one kind of node is switched off altogether."""
    scenario = small_scenario(today=TODAY)
    plan = solve(scenario, binding=False)
    kinds = {line.accelerator for line in plan.nodes}
    assert any(one.kind == "off" and one.accelerator not in kinds for one in plan.changes)
    return scenario, plan


def test_nodes_of_today_that_are_all_switched_off_stay_so(idle: tuple[Scenario, Plan]) -> None:
    scenario, plan = idle
    found = held(scenario, plan)
    assert found.holds and not found.breaks
    assert found.plan is not None and verify(scenario, found.plan).passed
    assert found.accounts["usd_per_year"] == pytest.approx(plan.accounts["usd_per_year"], rel=1e-6)
    less = held(scaled(scenario, {"demand of chat": 0.95}), plan)
    assert less.holds and less.plan is not None
    more = held(scaled(scenario, {"demand of chat": 4.0}), plan)
    assert [one.limit for one in more.breaks] == ["demand chat"]


def test_a_fleet_without_its_nodes_is_told_by_the_row_that_it_breaks(small: tuple[Scenario, Plan]) -> None:
    """Nothing that a limit could give would help: then the reason is a rule of every fleet."""
    scenario, plan = small
    fewer = [line.model_copy(update={"nodes": 1, "by_slot": dict.fromkeys(line.by_slot, 1)}) for line in plan.nodes]
    found = held(scenario, plan.model_copy(update={"nodes": fewer}))
    assert found.holds is False
    assert [one.limit for one in found.breaks] == ["no routing: replicas lie inside whole nodes"]
    assert found.breaks[0].wall == "locality" and found.breaks[0].by > 0


def test_what_does_not_hold_has_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        Held(holds=False, breaks=[], accounts={})


def _fixed(scenario: Scenario, plan: Plan) -> bool:
    """Whether the question without pruning has a point at the plan's counts. Its candidates have listed batches."""
    program = build(ask(scenario, closed=True, prune=False, roomy=True, twins=True))
    layout, question = program.layout, program.question
    lower, upper = program.problem.lower.copy(), program.problem.upper.copy()
    lower[layout.hires.col], upper[layout.hires.col] = 0.0, 0.0
    lower[layout.counts.col], upper[layout.counts.col] = 0.0, 0.0
    for line in plan.nodes:
        h = next(h for h in range(len(layout.hires.procurement)) if layout.hire_name(h) == _name(line))
        nodes = [line.by_slot[slot] for slot in layout.slots]
        lower[layout.hires.col[h]] = upper[layout.hires.col[h]] = nodes
    for line in plan.lines:
        for row in range(len(layout.counts.pool)):
            v, h = int(layout.counts.pool[row]), int(layout.counts.hire[row])
            way = question.tables[layout.pools.workload[v]].describe(int(layout.pools.candidate[v]))
            served = [
                origin
                for origin, k in zip(
                    layout.origins, layout.class_of[layout.pools.workload[v], :, layout.pools.region[v]], strict=True
                )
                if k >= layout.pools.latency_class[v]
            ]
            said = f"{line.accelerator} {line.precision} (KV {line.kv_precision}) TP{line.tensor_parallel}"
            if (
                layout.hire_name(h) == _name(line)
                and layout.workloads[layout.pools.workload[v]] == line.workload
                and way == f"{said} batch {line.batch}"
                and served == line.serves
                and not any(tag.startswith("ttft") for tag in layout.pools.closed_by[v])
            ):
                lower[layout.counts.col[row]] = upper[layout.counts.col[row]] = [s.replicas for s in line.by_slot]
    problem = replace(program.problem, lower=lower, upper=upper, cost=np.zeros_like(program.problem.cost))
    return milp.Solver(problem, EXACT).solve().x is not None


def _name(line: object) -> str:
    return f"{line.region}/{line.offer}/{line.procurement}"  # type: ignore[attr-defined]


def test_a_fleet_of_several_slots_and_procurements_is_held_as_it_stands() -> None:
    scenario = small_scenario(
        slots=SLOTS,
        workloads=chat(demand={"east": [40.0, 10.0]}),
        procurement={"on_demand": True},
        accelerators=["l40s"],
        regions={EAST: {"quota": {"l40s": 24}}},
    )
    plan = solve(scenario, binding=False)
    assert held(scenario, plan).holds
    assert not held(scaled(scenario, {"demand of chat": 2.0}), plan).holds


def test_spare_nodes_and_node_losses_hold() -> None:
    scenario = small_scenario(
        planning={"spare_nodes": 1},
        failures={"node": {"served": "80%", "scope": "total"}},
        regions={NORTH: {"quota": {"l40s": 24, "h100-sxm": 8}}},
        limits={"min_regions": 2},
    )
    plan = solve(scenario, binding=False)
    assert held(scenario, plan).holds
    short = held(scaled(scenario, {"demand of chat": 1.3}), plan)
    assert not short.holds and short.breaks


def test_a_plan_of_another_scenario_is_refused(small: tuple[Scenario, Plan]) -> None:
    other = small_scenario(accelerators=["h100-sxm"], regions={EAST: {"quota": {"h100-sxm": 8}}})
    with pytest.raises(ScenarioError, match="the plan has owned-2x-l40s"):
        held(other, small[1])
    with pytest.raises(ScenarioError, match="the scenario lists 4"):
        held(small_scenario(workloads=chat(batch=[4])), small[1])
