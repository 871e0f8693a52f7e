"""The same program as a Pyomo model, to read, extend, write out, or hand to another solver."""

from __future__ import annotations

import time

import numpy as np
import pyomo.environ as pyo
from pyomo.contrib.solver.common.base import SolverBase
from pyomo.contrib.solver.common.factory import SolverFactory as ContribFactory
from pyomo.contrib.solver.common.results import SolutionStatus, TerminationCondition
from pyomo.core.expr.numeric_expr import LinearExpression

from optimizer import milp
from optimizer.program import Program


def to_pyomo(program: Program) -> pyo.ConcreteModel:
    """Columns in `model.x[i]`, one block per wall (`model.serving` ...) with a constraint list per row kind."""
    problem = program.problem
    model = pyo.ConcreteModel(name=program.question.scenario.name)
    names = program.column_names
    model.x = pyo.Var(range(problem.columns))
    for i in range(problem.columns):
        var = model.x[i]
        var.domain = pyo.Integers if problem.integer[i] else pyo.Reals
        var.setlb(None if np.isneginf(problem.lower[i]) else float(problem.lower[i]))
        var.setub(None if np.isposinf(problem.upper[i]) else float(problem.upper[i]))
    model.column_names = names
    for block in program.blocks:
        if model.find_component(block.wall) is None:
            model.add_component(block.wall, pyo.Block())
        home = model.component(block.wall)
        name, number = block.name.replace(" ", "_"), 2
        while home.find_component(name) is not None:
            name, number = f"{block.name}_{number}".replace(" ", "_"), number + 1
        rows = pyo.Constraint(range(block.size))
        home.add_component(name, rows)
        start = np.searchsorted(block.row, np.arange(block.size + 1))
        for k in range(block.size):
            part = slice(start[k], start[k + 1])
            body = LinearExpression(
                linear_coefs=block.value[part].tolist(), linear_vars=[model.x[int(i)] for i in block.col[part]]
            )
            rows[k] = _relation(float(block.lower[k]), body, float(block.upper[k]))
    cost = np.flatnonzero(problem.cost)
    model.total = pyo.Objective(
        expr=LinearExpression(linear_coefs=problem.cost[cost].tolist(), linear_vars=[model.x[int(i)] for i in cost])
    )
    return model


def _relation(lower: float, body: LinearExpression, upper: float) -> object:
    if lower == upper:
        return body == lower
    return pyo.inequality(None if np.isneginf(lower) else lower, body, None if np.isposinf(upper) else upper)


def solve_with(program: Program, name: str, options: milp.Options) -> milp.Answer:
    """Hand the program to a solver that Pyomo reaches. The point is checked against every row, as HiGHS's is.

    Raises:
        milp.SolverError: the solver is not installed or stopped without an answer.
    """
    began = time.perf_counter()
    model = to_pyomo(program)
    solver = _in_process(name)
    if solver is None:
        return _legacy(model, program, name, options, began)
    limit = options.time_limit_s if np.isfinite(options.time_limit_s) else None
    results = solver.solve(
        model,
        rel_gap=options.gap,
        time_limit=limit,
        threads=options.threads,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
    )
    if results.termination_condition in (
        TerminationCondition.provenInfeasible,
        TerminationCondition.infeasibleOrUnbounded,
    ):
        return milp.Answer("infeasible", None, None, np.inf, time.perf_counter() - began)
    if results.solution_status not in (SolutionStatus.feasible, SolutionStatus.optimal):
        return milp.Answer("time_limit", None, None, -np.inf, time.perf_counter() - began)
    results.solution_loader.load_vars()  # the one name that 6.9 and 6.10 share
    x = np.array([model.x[i].value or 0.0 for i in range(program.problem.columns)])
    bound = results.objective_bound if results.objective_bound is not None else -np.inf
    done = results.termination_condition == TerminationCondition.convergenceCriteriaSatisfied
    return _answer(program, x, float(bound), "gap" if done else "time_limit", options, began)


def _in_process(name: str) -> SolverBase | None:
    """The solver that Pyomo calls without files: by its name, or as `scip_direct` for `scip`."""
    for known in (name, f"{name}_direct"):
        try:
            solver = ContribFactory(known)
            if solver is not None and solver.available():
                return solver
        except Exception:  # an unknown name is one exception here and another there
            continue
    return None


def _legacy(model: pyo.ConcreteModel, program: Program, name: str, options: milp.Options, began: float) -> milp.Answer:
    """Solvers that only Pyomo's file interface knows (cbc, scip, glpk, gurobi ...)."""
    solver = pyo.SolverFactory(name)
    if not solver.available(exception_flag=False):
        raise milp.SolverError(f"solver {name!r} is not installed or not on the PATH; leave --solver out to use HiGHS")
    results = solver.solve(model, load_solutions=False)
    ended = results.solver.termination_condition
    if ended in (pyo.TerminationCondition.infeasible, pyo.TerminationCondition.infeasibleOrUnbounded):
        return milp.Answer("infeasible", None, None, np.inf, time.perf_counter() - began)
    if not len(results.solution):
        return milp.Answer("time_limit", None, None, -np.inf, time.perf_counter() - began)
    model.solutions.load_from(results)
    x = np.array([pyo.value(model.x[i], exception=False) or 0.0 for i in range(program.problem.columns)])
    done = ended == pyo.TerminationCondition.optimal
    bound = results.problem.lower_bound
    if not isinstance(bound, (int, float)) or not np.isfinite(bound):
        bound = float(program.problem.cost @ x) if done else -np.inf
    return _answer(program, x, float(bound), "gap" if done else "time_limit", options, began)


def _answer(
    program: Program, x: np.ndarray, bound: float, why: milp.Why, options: milp.Options, began: float
) -> milp.Answer:
    whole = program.problem.integer
    x[whole] = np.round(x[whole])
    broken = milp.Solver(program.problem, options).broken_rows(x)
    if broken.size:
        raise milp.SolverError(
            f"the solver returned a point that breaks {broken.size} rows, first {program.row_names[int(broken[0])]}"
        )
    return milp.Answer(why, x, float(program.problem.cost @ x), bound, time.perf_counter() - began)
