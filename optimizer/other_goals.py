"""The same program with another goal: what frontiers and alternatives ask, each answer a verified plan.

The rows stay as they are, so every limit of the scenario holds. A plan from here states the scenario's own objective at
its point, without a bound: it is a fleet that holds, not the best one for that objective.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer import milp
from optimizer.plan import Plan
from optimizer.program import Program
from optimizer.solve import checked, head_of, plan_of
from scenarios.errors import Problem, ScenarioError

ACCOUNT_OF = {
    "usd": "usd_per_year",
    "carbon": "kg_co2e_per_year",
    "energy": "kwh_per_year",
    "water": "litres_per_year",
    "devices": "devices",
    "embodied": "kg_co2e_embodied_per_year",
}


def with_cost(program: Program, weights: dict[int, float]) -> Program:
    """The program that minimizes weights by column, in the solver's units."""
    cost = np.zeros(program.problem.columns)
    for column, weight in weights.items():
        cost[column] = weight
    return replace(program, problem=replace(program.problem, cost=cost, offset=0.0))


def with_most(program: Program, column: int, most: float) -> Program:
    """The program with an upper bound on a column, in the solver's units."""
    upper = program.problem.upper.copy()
    upper[column] = min(upper[column], most)
    return replace(program, problem=replace(program.problem, upper=upper))


def with_most_cost(program: Program, cost: np.ndarray, most: float) -> Program:
    """The program with a row more: cost @ x is at most `most`."""
    problem, priced = program.problem, np.flatnonzero(cost)
    longer = replace(
        problem,
        row=np.concatenate([problem.row, np.full(priced.size, problem.rows)]),
        col=np.concatenate([problem.col, priced]),
        value=np.concatenate([problem.value, cost[priced]]),
        row_lower=np.append(problem.row_lower, -np.inf),
        row_upper=np.append(problem.row_upper, most),
    )
    return replace(program, problem=longer)


def verified_plan(own: Program, found: milp.Answer, options: milp.Options) -> Plan:
    """The verified plan at a point of the scenario's own program, whatever goal led there.

    Raises:
        optimizer.solve.VerificationError: the plan fails the check that shares no code with the program.
    """
    assert found.x is not None
    question = own.question
    x = found.x[: own.problem.columns]
    value = float(own.problem.cost @ x + own.problem.offset)
    point = replace(found, x=x, objective=value, bound=-np.inf, why="gap")
    plan = plan_of(head_of(question.scenario, question, options), own, point)
    plan = plan.model_copy(update={"status": "feasible", "bound": None, "gap": None, "rejected": []})
    return checked(question.scenario, plan)


def check_known(program: Program, *words: str) -> None:
    """An account that rests on a figure nobody knows is not traded: it would count as 0."""
    hires, scenario = program.layout.hires, program.question.scenario
    if "embodied" in words:
        unknown = {hires.accelerator[h] for h in np.flatnonzero(np.isnan(hires.embodied_kg_per_year))}
        if unknown:
            says = f"the embodied carbon of {', '.join(sorted(unknown))} is unknown, so it cannot be traded"
            raise _refused(scenario.name, "accelerators", says, "leave these out, or give the figure in a catalog file")
    if "water" in words:
        dry = [name for name in scenario.regions if scenario.region(name).wue_l_per_kwh is None]
        if dry:
            says = f"the water use of {', '.join(dry)} is unknown, so it cannot be traded"
            raise _refused(scenario.name, "regions", says, "give the region's `wue`, or choose another account")


def _refused(scenario: str, key: str, message: str, hint: str) -> ScenarioError:
    return ScenarioError(Problem(scenario, None, key, message, hint))
