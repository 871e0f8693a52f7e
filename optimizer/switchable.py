"""A question with every limit switchable: whether a fleet exists without some of them, and how far one must move."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from optimizer import milp
from optimizer.deadline import Deadline
from optimizer.program import Program, build
from optimizer.tables import ask
from physics.layout import Elastic
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]
GATES = ("itl", "ttft", "precisions", "residency")
"""Limits that decide which columns there are: they can only be switched where what they rule out is in the program."""
CHECK_S, QUICK_S = 15.0, 5.0
TOO_MANY = 20_000
"""Columns beyond which what only limits rule out is asked in fractions alone: HiGHS passes its time limit there, by a
minute where 15 s were allowed."""
LEAST_BUDGET_S = 30.0
"""What the searches of a part may take together: as long as the search for a fleet may, and at least this long."""


class _Program:
    """A program with its live solvers for the question whether any fleet exists."""

    def __init__(self, program: Program, options: milp.Options) -> None:
        self.program, self.limits = program, program.limits()
        problem = replace(program.problem, cost=np.zeros_like(program.problem.cost))
        # Most questions are settled by the relaxation, which starts from where the last one ended.
        self._relaxed = milp.Solver(replace(problem, integer=np.zeros_like(problem.integer)), options)
        self._whole = milp.Solver(problem, options)

    def exists(self, dropped: Collection[str], whole: bool, seconds: float, progress: Watch | None) -> bool | None:
        """Whether a fleet exists, in whole nodes or in fractions; None where time ran out first."""
        limits = [self.limits[name] for name in self.limits if name in dropped]
        columns = np.array([limit.col for limit in limits], dtype=np.intp)
        solver = self._whole if whole else self._relaxed
        solver.move_columns(columns, np.zeros(columns.size), np.array([_most(limit) for limit in limits]))
        try:
            found = solver.solve(progress, stage="conflict", time_limit_s=seconds)
        finally:
            solver.move_columns(columns, np.zeros(columns.size), np.zeros(columns.size))
        return False if found.why == "infeasible" else True if found.x is not None else None


class Switchable:
    """The programs of a question: with what only the user's limits rule out, with room beyond the quotas, as it is."""

    def __init__(self, scenario: Scenario, options: milp.Options, progress: Watch | None) -> None:
        self.options = replace(options, time_limit_s=min(CHECK_S, options.time_limit_s), gap=0.01)
        self.progress = progress
        self._budget_s = max(LEAST_BUDGET_S, options.time_limit_s)
        self._deadline = Deadline(self._budget_s)
        self.closed = build(ask(scenario, closed=True))
        self.plain = build(ask(scenario))
        self.limits = self.closed.limits()
        self._roomy = _Program(build(ask(scenario, roomy=True)), self.options)
        self._closed = _Program(self.closed, self.options)

    def renew(self) -> None:
        """Begin another part of the search, which may take as long as the one before."""
        self._deadline = Deadline(self._budget_s)

    @property
    def left_s(self) -> float:
        """What is left of the time for one search; 0 where all of it is spent."""
        return min(self.options.time_limit_s, self._deadline.left_s)

    def search(self, problem: milp.Problem, stage: str) -> milp.Answer:
        """One search in what is left of the time."""
        return milp.Solver(problem, self.options).solve(self.progress, stage=stage, time_limit_s=self.left_s)

    def possible(self, dropped: Collection[str]) -> bool | None:
        """Whether a fleet exists with these limits dropped; None where time ran out first.

        Without what only limits of the user's rule out a program is many times smaller, so it is asked first: a fleet
        that exists there exists. Where none of these limits is dropped, its answer is the answer.
        """
        asked = [(self._roomy, False), (self._roomy, True)]
        if any(name.split()[0] in GATES for name in dropped):
            asked += [(self._closed, False), (self._closed, True)]
            if self.closed.problem.columns > TOO_MANY:
                asked.pop()
        decisive, answer = asked[-1][0], None
        for program, whole in asked:
            if program is self._roomy and whole and answer is False:
                continue  # not even in fractions
            if not self.left_s:
                return None
            seconds = self.left_s if program is decisive else min(self.left_s, QUICK_S)
            answer = program.exists(dropped, whole, seconds, self.progress)
            if (answer and whole) or (answer is False and program is decisive):
                return answer
        return None

    def least(self, limit: Elastic) -> float | None:
        """Least relaxation of one limit that lets a fleet exist; None where none does, NaN where time ran out."""
        possible = self.possible({limit.name})
        if not possible:
            return None if possible is False else np.nan
        # More supply needs more columns.
        program = self._roomy.program if limit.name.startswith("quota") else self.plain
        limit = program.limits()[limit.name]
        problem = program.problem
        cost, upper = np.zeros_like(problem.cost), problem.upper.copy()
        cost[limit.col], upper[limit.col] = 1.0, _most(limit)
        found = self.search(replace(problem, cost=cost, upper=upper), f"move {limit.name}")
        if found.x is None:
            return None if found.why == "infeasible" else np.nan
        return float(found.x[limit.col])


def _most(limit: Elastic) -> float:
    return 1.0 if limit.name.split()[0] in GATES else limit.most
