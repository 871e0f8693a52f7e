"""Every limit of the user's binds somewhere: without its rows the optimum changes and the plan fails its check."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import scenarios
from optimizer import milp
from optimizer.plan import Plan
from optimizer.program import build
from optimizer.switchable import Switchable
from optimizer.tables import ask
from tests.optimizer.cases import EXACT, Worked, optimum, small_scenario, without, work
from tests.optimizer.limit_cases import CASES, LimitCase, three_regions

Shipped = Callable[[str], Plan]
KINDS = {
    "budget",
    "carbon",
    "water",
    "energy",
    "min regions",
    "max regions",
    "quota",
    "site power",
    "node failure",
    "region failure",
    "residency",
    "ttft",
    "itl",
    "precisions",
    "changes",
    "spot share",
}


def test_each_kind_of_limit_has_its_case() -> None:
    assert set(CASES) == KINDS


@pytest.mark.parametrize("kind", CASES)
def test_without_its_rows_the_optimum_changes_and_the_plan_fails(kind: str) -> None:
    case: LimitCase = CASES[kind]
    scenario = case.scenario()
    plain = work(scenario)
    program = build(ask(scenario, closed=case.closed))
    assert case.limit in program.limits()
    whole = Worked(scenario, program, milp.Solver(program.problem, EXACT).solve())
    free = Worked(scenario, program, milp.Solver(without(program, *case.blocks), EXACT).solve())
    assert np.isfinite(plain.optimum) and whole.optimum == pytest.approx(plain.optimum, rel=1e-6)
    assert free.optimum < plain.optimum * (1 - 1e-4)
    assert plain.verification().failures == []
    failures = free.verification().failures
    assert failures and any(case.complaint in failure for failure in failures), failures


@pytest.mark.parametrize("kind", CASES)
def test_the_limits_column_frees_as_much_as_dropping_the_rows(kind: str) -> None:
    """What repairs and conflicts move is the limit and nothing else."""
    case = CASES[kind]
    program = build(ask(case.scenario(), closed=case.closed))
    limit = program.limits()[case.limit]
    solver = milp.Solver(program.problem, EXACT)
    solver.move_columns(np.array([limit.col]), np.zeros(1), np.array([min(limit.most, 100.0)]))
    relaxed = solver.solve()
    dropped = milp.Solver(without(program, *case.blocks), EXACT).solve()
    assert relaxed.objective == pytest.approx(dropped.objective, rel=1e-6)


@pytest.mark.parametrize("share", ["30%", "5%"])
def test_regions_beyond_the_least_number_may_serve_less(share: str) -> None:
    """Two regions with 30 % are asked for; a third that can only give 20 % may help."""
    assert np.isfinite(optimum(three_regions(104.0, "20%")))
    worked = work(three_regions(104.0, share))
    assert worked.optimum == pytest.approx(optimum(three_regions(104.0, "1%")), rel=1e-3)
    assert worked.verification().failures == []


def test_a_region_that_cannot_give_its_share_does_not_count() -> None:
    assert optimum(three_regions(104.0, "48%")) == np.inf


# ---- the capstone's family ----


@pytest.fixture(scope="module")
def capstone(shipped_plan: Shipped) -> Plan:
    return shipped_plan("capstone")


def test_the_capstone_is_within_all_that_it_asks(capstone: Plan) -> None:
    assert (capstone.status, capstone.exit_code, capstone.verified) == ("optimal", 0, True)
    assert capstone.gap is not None and capstone.gap <= 1e-3
    assert capstone.accounts["usd_per_year"] <= 5e6 and capstone.accounts["kg_co2e_per_year"] <= 500e3
    itl = [line.value for line in capstone.readings if line.name == "ITL" and line.percentile == "mean"]
    assert itl and max(itl) < 0.050
    ttft = [line.value for line in capstone.readings if line.name == "TTFT" and line.percentile == "P99"]
    assert ttft and max(ttft) <= 1.0
    assert {flow.region for flow in capstone.flows} == {"aws/us-east-1", "aws/ca-central-1"}
    assert sum(flow.requests_per_s for flow in capstone.flows) == pytest.approx(1000)


def test_the_capstone_serves_800_after_any_node_dies(capstone: Plan) -> None:
    after = [loss for loss in capstone.losses if loss.what == "node"]
    struck = {(node.region, node.offer) for node in capstone.nodes}
    assert len(after) >= len(struck) and {loss.required_share for loss in after} == {0.8}
    assert min(loss.served_requests_per_s for loss in after) >= 800 * (1 - 1e-6)
    assert {loss.what for loss in capstone.losses} == {"node", "region"}


def test_without_failure_rows_the_small_capstone_is_another_and_fails() -> None:
    scenario = scenarios.load("capstone_small")
    plain = work(scenario)
    names = [f"fragility.{name}" for name in ("node_failure", "node_failure_routes")]
    free = Worked(scenario, plain.program, milp.Solver(without(plain.program, *names), EXACT).solve())
    assert plain.found.objective is not None and free.optimum < plain.optimum * 0.99
    assert plain.verification().failures == []
    assert any("after losing" in failure for failure in free.verification().failures)


def test_a_node_loss_sizes_the_literal_capstone_and_money_and_carbon_are_far_away() -> None:
    scenario = scenarios.load("capstone_literal")
    whole = work(scenario)
    names = [f"fragility.{name}" for name in ("node_failure", "node_failure_routes")]
    free = Worked(scenario, whole.program, milp.Solver(without(whole.program, *names), EXACT).solve())
    count = lambda worked: sum(line.nodes for line in worked.plan().nodes)  # noqa: E731
    assert (count(free), count(whole)) == (1, 2)
    plan = whole.plan()
    assert plan.accounts["usd_per_year"] < 0.2 * 5e6 and plan.accounts["kg_co2e_per_year"] < 0.4 * 500e3
    assert whole.verification().failures == []


def test_the_long_capstone_has_a_minimal_conflict(shipped_plan: Shipped) -> None:
    scenario, plan = scenarios.load("capstone_long"), shipped_plan("capstone_long")
    assert (plan.status, plan.exit_code, plan.stopped_by, plan.fleet) == ("infeasible", 3, "infeasible", None)
    members = {member.limit for member in plan.conflict}
    assert members and all("not shown" not in member.says for member in plan.conflict)
    model = Switchable(scenario, milp.Options(), None)
    others = set(model.limits) - members
    assert members <= set(model.limits)
    assert model.possible(others) is False, "the members alone cannot hold together"
    for member in members:
        assert model.possible(others | {member}) is True, f"without {member} a fleet exists"
    assert all(repair.verified for repair in plan.repairs if repair.to is not None)


def test_a_days_demand_is_solved_to_one_percent(shipped_plan: Shipped) -> None:
    plan = shipped_plan("capstone_diurnal")
    assert plan.status == "optimal" and plan.verified
    assert plan.gap is not None and plan.gap <= 0.01
    assert {len(line.by_slot) for line in plan.fleet or ()} == {8}


def test_the_small_base_question_binds_nothing_by_accident() -> None:
    assert work(small_scenario()).verification().passed
