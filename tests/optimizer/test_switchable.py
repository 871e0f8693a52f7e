"""A question with switchable limits: answers of the small program and the large one agree, and time ends them."""

from __future__ import annotations

import itertools

import pytest

from optimizer import milp, switchable
from optimizer.infeasible import reasons
from optimizer.program import Program
from optimizer.solve import checker, head_of, solve
from optimizer.switchable import GATES, Switchable
from optimizer.tables import ask
from scenarios.schema import Scenario
from tests.optimizer.cases import EXACT, chat, small_scenario, two_regions


def tight() -> Scenario:
    """Money, carbon and first tokens are all too short for this demand."""
    return small_scenario(
        regions=two_regions(),
        workloads=chat(demand={"east": 80.0}, ttft={"limit": "60 ms"}),
        limits={"budget": "$40k/yr", "carbon": "2 t/yr"},
    )


def exists(program: Program, dropped: set[str]) -> bool:
    """By a solver of its own."""
    problem, lower, upper = program.problem, program.problem.lower.copy(), program.problem.upper.copy()
    for name in dropped:
        limit = program.limits()[name]
        upper[limit.col] = 1.0 if name.split()[0] in GATES else limit.most
    whole = milp.Problem(**{**vars(problem), "lower": lower, "upper": upper, "cost": 0.0 * problem.cost})
    return milp.Solver(whole, EXACT).solve().x is not None


def test_every_pair_of_limits_is_answered_as_by_the_program_that_holds_all() -> None:
    model = Switchable(tight(), EXACT, None)
    asked = [set(names) for size in (1, 2) for names in itertools.combinations(model.limits, size)]
    answers = [model.possible(dropped) for dropped in asked]
    assert answers == [exists(model.closed, dropped) for dropped in asked]
    assert {True, False} == set(answers)


def test_where_time_is_up_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = tight()
    told = reasons(scenario, EXACT, None, checker(head_of(scenario, ask(scenario), EXACT)))
    monkeypatch.setattr(switchable, "LEAST_BUDGET_S", 0.0)
    stopped = milp.Options(gap=0.0, time_limit_s=0.0)
    found = reasons(scenario, stopped, None, checker(head_of(scenario, ask(scenario), EXACT)))
    assert {one.limit for one in told.members} < {one.limit for one in found.members}
    assert all("not shown necessary in the time allowed" in one.says for one in found.members)
    assert not any(
        one.settled or one.verified for one in found.repairs if one.limit in {m.limit for m in found.members}
    )


def test_a_precision_is_blamed_only_where_opening_it_would_help() -> None:
    """Enough money for a fleet in fp8 and not for one in bf16; then for neither."""
    cost = {
        precision: solve(small_scenario(workloads=chat(precisions=[precision])), binding=False).accounts["usd_per_year"]
        for precision in ("bf16", "fp8")
    }
    assert cost["fp8"] < cost["bf16"]
    between = {"budget": f"${(cost['fp8'] + cost['bf16']) / 2:.2f}/yr"}
    plan = solve(small_scenario(workloads=chat(precisions=["bf16"]), limits=between))
    assert [one.limit for one in plan.conflict] == ["demand chat", "budget", "precisions chat"]
    neither = solve(small_scenario(workloads=chat(precisions=["bf16"]), limits={"budget": "$5k/yr"}))
    assert [one.limit for one in neither.conflict] == ["demand chat", "budget"]
