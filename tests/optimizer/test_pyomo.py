"""The program as a Pyomo model: the same optimum, one block per wall, and the capstone's file in another solver."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyomo.environ as pyo
import pyscipopt
import pytest

import scenarios
from optimizer import milp
from optimizer.program import Program, build
from optimizer.pyomo_model import solve_with, to_pyomo
from optimizer.tables import ask
from tests.optimizer.cases import EXACT, Worked, chat, small_scenario, work
from tests.optimizer.golden_text import CASES, program_of

# Solved as whole programs; of the others the relaxations are compared, which take the same rows and columns.
QUICK = {"capstone", "capstone_2024", "capstone_small", "capstone_literal"}
GAP = 1e-3


@cache
def shipped(name: str) -> Program:
    return build(ask(scenarios.load(name)))


def relaxation(program: Program) -> Program:
    """The program without the demand that anything be whole."""
    nothing_whole = np.zeros_like(program.problem.integer)
    return replace(program, problem=replace(program.problem, integer=nothing_whole))


@pytest.mark.parametrize("name", scenarios.names())
def test_arrays_and_pyomo_model_have_the_same_optimum(name: str) -> None:
    program = shipped(name) if name in QUICK else relaxation(shipped(name))
    options = milp.Options(gap=GAP, time_limit_s=60)
    arrays = milp.Solver(program.problem, options).solve()
    model = solve_with(program, "highs", options)
    assert arrays.why == model.why
    if arrays.objective is not None:
        apart = 2.1 * GAP if name in QUICK else 1e-6
        assert model.objective == pytest.approx(arrays.objective, rel=apart)
        assert model.bound <= arrays.objective * (1 + 1e-6) and arrays.bound <= model.objective * (1 + 1e-6)


def test_small_questions_have_exactly_the_same_optimum() -> None:
    for scenario in (
        small_scenario(failures={"node": {"served": "80%"}}),
        small_scenario(workloads=chat(precisions=["int4", "bf16"], batch=[2, 4, 16])),
    ):
        worked = work(scenario)
        assert solve_with(worked.program, "highs", EXACT).objective == pytest.approx(worked.found.objective, rel=1e-6)


@pytest.mark.parametrize("wall", CASES)
def test_each_wall_with_rows_has_a_block_of_its_name(wall: str) -> None:
    program = program_of(wall)
    model = to_pyomo(program)
    block = model.component(wall)
    assert block is not None
    mine = [rows for rows in program.blocks if rows.wall == wall]
    listed = list(block.component_objects(descend_into=False))
    assert len(listed) == len(mine)
    assert [len(one) for one in listed] == [rows.size for rows in mine]
    kinds = {one.local_name.rstrip("_0123456789") for one in listed}
    assert kinds == {rows.name.rstrip("_0123456789") for rows in mine}
    assert len(model.x) == len(model.column_names) == program.problem.columns


def test_rows_of_the_model_are_rows_of_the_arrays() -> None:
    """At one point each row has the same value in both."""
    worked = work(small_scenario(failures={"node": {"served": "80%"}}, limits={"budget": "$90k/yr"}))
    program, x = worked.program, worked.found.x
    assert x is not None
    model = to_pyomo(program)
    for i in range(program.problem.columns):
        model.x[i].value = float(x[i])
    assert pyo.value(model.total) == pytest.approx(worked.found.objective, rel=1e-9)
    problem = program.problem
    wanted = np.bincount(problem.row, problem.value * x[problem.col], minlength=problem.rows)
    found = [pyo.value(row.body) for row in model.component_data_objects(pyo.Constraint)]
    assert sorted(found) == pytest.approx(sorted(wanted.tolist()), abs=1e-9)


def test_the_capstones_file_has_the_same_optimum_in_another_solver(tmp_path: Path) -> None:
    """SCIP reads the LP file that `--write-model` writes; it shares no code with HiGHS."""
    program = shipped("capstone")
    path = tmp_path / "capstone.lp"
    program.write(path)
    ours = milp.Solver(program.problem, milp.Options(gap=GAP, time_limit_s=60)).solve()
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.readProblem(str(path))
    scip.setParam("limits/gap", GAP)
    scip.setParam("limits/time", 120)
    scip.optimize()
    assert scip.getStatus() in ("optimal", "gaplimit")
    assert scip.getObjVal() == pytest.approx(ours.objective, rel=2.1 * GAP)
    assert scip.getDualbound() <= ours.objective * (1 + 1e-6)  # type: ignore[operator]
    assert ours.bound <= scip.getObjVal() * (1 + 1e-6)


def test_a_solver_that_is_not_there_is_an_error() -> None:
    program = build(ask(small_scenario()))
    with pytest.raises(milp.SolverError, match="'no-such-solver' is not installed"):
        solve_with(program, "no-such-solver", EXACT)


def test_another_solver_is_reached_by_its_plain_name() -> None:
    worked = work(small_scenario(failures={"node": {"served": "80%"}}))
    found = solve_with(worked.program, "scip", EXACT)
    assert (found.why, found.objective) == ("gap", pytest.approx(worked.found.objective, rel=1e-6))


def test_infeasible_is_an_answer_of_the_model_too() -> None:
    program = build(ask(small_scenario(limits={"budget": "$1k/yr"})))
    found = solve_with(program, "highs", EXACT)
    assert (found.why, found.x, found.objective) == ("infeasible", None, None)


def test_a_plan_from_the_model_holds_its_check() -> None:
    scenario = small_scenario(failures={"node": {"served": "80%"}})
    program = build(ask(scenario))
    assert Worked(scenario, program, solve_with(program, "highs", EXACT)).verification().failures == []
