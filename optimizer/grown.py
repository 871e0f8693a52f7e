"""A program with room for more demand than is asked, and the most that all demand can grow in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer import milp
from optimizer.program import Program, build
from optimizer.tables import Question, ask
from scenarios.schema import Scenario

MOST_GROWTH = 10.0


@dataclass(frozen=True)
class Wide:
    """A program with room for more demand than is asked, at the demand that is asked."""

    program: Program
    share: float
    """Share of the larger demand that is not there."""

    @classmethod
    def of(cls, scenario: Scenario, growth: float, like: Question | None = None) -> Wide:
        """Columns and bounds for a demand larger by `growth`; the demand's relaxation columns take it away again.

        `like`: the question as it was, where a limit of it was moved.
        """
        planned = scenario.planning.growth
        question = ask(scenario.replace("planning.growth", (1 + planned) * (1 + growth) - 1), like=like)
        program = build(question)
        layout, share = program.layout, growth / (1 + growth)
        asked = replace(layout.requests, demand=layout.requests.demand / (1 + growth))
        lower, upper = program.problem.lower.copy(), program.problem.upper.copy()
        relax = demand_columns(program)
        lower[relax] = upper[relax] = share
        problem = replace(program.problem, lower=lower, upper=upper)
        own = replace(question, scenario=scenario)
        return cls(replace(program, question=own, problem=problem, layout=replace(layout, requests=asked)), share)

    def grown(self, program: Program) -> tuple[Program, int]:
        """The program in which all demand grows by one column as much as it can, and that column.

        Losses are planned for at the grown demand, and caps hold at it.
        """
        problem, relax = program.problem, demand_columns(program)
        column = problem.columns
        rows = [k for k in range(len(relax)) for _ in range(2)]
        cols = [col for one in relax for col in (one, column)]
        values = [1.0, 1.0 - self.share] * len(relax)
        wider = longer(problem, 1, rows, cols, values, upper=MOST_GROWTH, equal=self.share)
        lower = wider.lower.copy()
        lower[relax] = -MOST_GROWTH
        cost = np.zeros(wider.columns)
        cost[column] = -1.0
        return replace(program, problem=replace(wider, lower=lower, cost=cost, offset=0.0)), column

    def point_of(self, program: Program, x: np.ndarray) -> np.ndarray | None:
        """Nodes and replicas of another program's point in this one's columns, None where one has no column here."""
        here = {name: column for column, name in enumerate(self.program.column_names)}
        found = np.zeros(self.program.problem.columns)
        for column in _fleet_columns(program):
            if x[column] > 0.5:
                name = program.column_names[column]
                if name not in here:
                    return None
                found[here[name]] = round(x[column])
        return found


def demand_columns(program: Program) -> list[int]:
    """Columns that relax a demand."""
    return [limit.col for limit in program.layout.elastics if limit.name.startswith("demand ")]


def _fleet_columns(program: Program) -> np.ndarray:
    return np.unique(np.concatenate([program.layout.hires.col.ravel(), program.layout.counts.col.ravel()]))


def fixed_fleet(program: Program, x: np.ndarray) -> Program:
    """The program with the nodes and replicas of a point."""
    lower, upper = program.problem.lower.copy(), program.problem.upper.copy()
    fixed = _fleet_columns(program)
    lower[fixed] = upper[fixed] = np.round(x[fixed])
    return replace(program, problem=replace(program.problem, lower=lower, upper=upper))


def longer(
    problem: milp.Problem,
    columns: int,
    rows: list[int],
    cols: list[int],
    values: list[float],
    upper: float,
    integer: bool = False,
    equal: float | None = None,
) -> milp.Problem:
    """The arrays with columns from 0 to `upper` and rows more, each at most 0 or `equal` to a value."""
    count = max(rows, default=-1) + 1
    return replace(
        problem,
        cost=np.append(problem.cost, np.zeros(columns)),
        lower=np.append(problem.lower, np.zeros(columns)),
        upper=np.append(problem.upper, np.full(columns, upper)),
        integer=np.append(problem.integer, np.full(columns, integer)),
        row=np.concatenate([problem.row, np.array(rows, dtype=np.intp) + problem.rows]),
        col=np.concatenate([problem.col, np.array(cols, dtype=np.intp)]),
        value=np.concatenate([problem.value, np.array(values)]),
        row_lower=np.append(problem.row_lower, np.full(count, -np.inf if equal is None else equal)),
        row_upper=np.append(problem.row_upper, np.full(count, 0.0 if equal is None else equal)),
    )
