"""A fleet in each draw: its requests routed at the least cost, or the proof that a limit breaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer import milp
from optimizer.scenario_program import Draw, ScenarioProgram


class Routed:
    """The second stage of one draw alone, for one fleet after another."""

    def __init__(self, draw: Draw, options: milp.Options) -> None:
        self._draw, self._options, problem = draw, options, draw.program.problem
        self._second = np.flatnonzero(draw.place < 0)
        kept = ~draw.shared
        rows, columns = np.cumsum(kept) - 1, np.cumsum(draw.place < 0) - 1
        mine = kept[problem.row] & (draw.place[problem.col] < 0)
        fixed = kept[problem.row] & (draw.place[problem.col] >= 0)
        self._fixed = (rows[problem.row[fixed]], draw.place[problem.col[fixed]], problem.value[fixed])
        self._problem = milp.Problem(
            cost=problem.cost[self._second],
            lower=problem.lower[self._second],
            upper=problem.upper[self._second],
            integer=problem.integer[self._second],
            row=rows[problem.row[mine]],
            col=columns[problem.col[mine]],
            value=problem.value[mine],
            row_lower=problem.row_lower[kept],
            row_upper=problem.row_upper[kept],
            offset=problem.offset,
            unit=problem.unit,
        )
        self._opens = {int(columns[col]): most for col, most in draw.opens().items()}

    def answer(self, first: np.ndarray, given_up: bool = False) -> milp.Answer:
        """The cheapest routing with the fleet as it is, as a point of the draw's program; infeasible where it breaks a
        limit. With `given_up`, its limits are open."""
        problem, (row, place, value) = self._problem, self._fixed
        carried = np.bincount(row, value * first[place], minlength=problem.rows)
        problem = replace(problem, row_lower=problem.row_lower - carried, row_upper=problem.row_upper - carried)
        if given_up:
            upper = problem.upper.copy()
            upper[list(self._opens)] = list(self._opens.values())
            problem = replace(problem, upper=upper)
        found = milp.Solver(problem, self._options).solve()
        if found.x is None:
            return found
        x = np.zeros(self._draw.program.problem.columns)
        x[self._draw.first], x[self._second] = first, found.x
        return replace(found, x=x)


class HeldDraws:
    """All draws of a scenario program, and what a fleet does in each."""

    def __init__(self, program: ScenarioProgram, options: milp.Options) -> None:
        self.program = program
        self.routed = [Routed(draw, replace(options, gap=1e-6, log_file="")) for draw in program.draws]

    def answers(self, first: np.ndarray) -> list[milp.Answer]:
        """The scenario and every draw at a fleet."""
        return [routed.answer(first) for routed in self.routed]

    def value(self, first: np.ndarray, answers: list[milp.Answer], most: int) -> float:
        """The objective of a fleet: the mean over the draws, at most `most` of them given up, those that save most.

        Infinite where more draws break a limit, or the scenario itself does.
        """
        broken = [k for k, found in enumerate(answers) if found.objective is None]
        if 0 in broken or len(broken) > most:
            return np.inf
        bills = [self.program.scale(k) * (found.objective or 0.0) for k, found in enumerate(answers)]
        idle = [self.program.idle_value(k, first) if k else 0.0 for k in range(len(answers))]
        saved = sorted((bills[k] - idle[k] for k in range(1, len(answers)) if k not in broken), reverse=True)
        held = sum(idle[k] if k in broken else bills[k] for k in range(len(answers)))
        return held - sum(max(0.0, one) for one in saved[: most - len(broken)])
