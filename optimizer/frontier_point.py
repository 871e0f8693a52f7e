"""One point of a frontier: the least of one account with a cap on another, on a model that stays alive."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from optimizer import milp
from optimizer.cross_check import cross_checked
from optimizer.other_goals import ACCOUNT_OF, check_known, verified_plan, with_cost, with_most
from optimizer.plan import Part, Plan
from optimizer.polish import simplest
from optimizer.program import Program, build
from optimizer.tables import Question, ask
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]
TIE_BREAK = 1e-6
"""Weight of the second account, both in the units of the solver: among equal plans the one with less of it."""
CAP_TOLERANCE = 1e-9


class Task(Part):
    """What to solve; `next` is the fleet with the least y of those with at most so much x, and then its least x."""

    what: Literal["least_x", "least_y", "capped", "next"]
    place: int = -1
    """0 of the tightest cap. More, in a file of an earlier layout: the caps at even steps."""
    cap: float | None = None
    """Most of the second account, in its unit."""
    below: float | None = None
    """Most of the first account, of `next`."""


class Solution(Part):
    """What a task found: the value of the account that was made small, what is proven about it, and the plan."""

    why: milp.Why
    value: float | None = None
    bound: float | None = None
    """No fleet within the cap has less."""
    other: float | None = None
    """Value of the other account."""
    cap: float | None = None
    """Of `next`: the cap on y, found on the way, for which `bound` holds."""
    other_bound: float | None = None
    """Of `next`: no fleet with at most `below` of x has less y than this (or than the cap)."""
    cross_check: str = ""
    plan: Plan | None = None
    """None for the least of the second account, which only says where the caps begin."""
    seconds: float
    """Processor time."""


class Finder:
    """The program of a scenario with live models for both accounts."""

    def __init__(self, scenario: Scenario, question: Question, x: str, y: str, options: milp.Options) -> None:
        self.scenario, self.options = scenario, options
        self.program = build(question)
        check_known(self.program, x, y)
        self.x, self.y = ACCOUNT_OF[x], ACCOUNT_OF[y]
        layout = self.program.layout
        self._col = {name: layout.accounts[name] for name in (self.x, self.y)}
        self._unit = {name: layout.account_units[name] for name in (self.x, self.y)}
        self._live: dict[tuple[str, float], tuple[Program, milp.Solver]] = {}

    def solve(self, task: Task, progress: Watch | None = None) -> Solution:
        """Do a task; nothing that was solved before changes its answer."""
        began = time.process_time()
        if task.what == "least_y":
            found, verdict = self._least(self.y, 0.0, self.x, None, progress)
            return self._solution(found, verdict, self.y, 0.0, None, began)
        if task.what == "next":
            return self._next(task, progress)
        if task.what == "capped":
            found, verdict = self._least(self.x, TIE_BREAK, self.y, task.cap, progress)
            return self._solution(found, verdict, self.x, TIE_BREAK, task.cap, began, plan=True)
        found, verdict = self._least(self.x, 0.0, self.y, None, progress)
        if found.x is None or found.objective is None or found.why == "interrupt":
            return self._solution(found, verdict, self.x, 0.0, None, began)
        # Of all plans that are as good, the one with the least of the other account ends the frontier.
        value = found.objective * self._unit[self.x]
        second, _ = self._least(self.y, TIE_BREAK, self.x, value, progress)
        if second.why == "interrupt":
            return self._solution(second, verdict, self.y, TIE_BREAK, value, began)
        if second.x is not None:
            found = replace(found, x=second.x, objective=float(second.x[self._col[self.x]]))
        return self._solution(found, verdict, self.x, 0.0, None, began, plan=True)

    def _next(self, task: Task, progress: Watch | None) -> Solution:
        """The fleet that follows one: the least y with less x than it has, and for that y the least x."""
        began = time.process_time()
        first, verdict = self._least(self.y, 0.0, self.x, task.below, progress, most=task.cap)
        if first.why == "infeasible" or first.x is None or first.objective is None or first.why == "interrupt":
            empty = Solution(why=first.why, cross_check=verdict, seconds=time.process_time() - began)
            return empty.model_copy(update={"other_bound": task.cap}) if first.why == "infeasible" else empty
        cap = float(first.x[self._col[self.y]]) * self._unit[self.y]
        # With a gap the least x under this cap could else be more than was allowed, at another y.
        second, verdict = self._least(self.x, TIE_BREAK, self.y, cap, progress, most=task.below)
        if second.x is None and second.why != "interrupt":
            second = replace(first, objective=float(first.x[self._col[self.x]]), bound=-np.inf)
        found = self._solution(second, verdict, self.x, TIE_BREAK, cap, began, plan=True)
        late = {"why": first.why} if found.why == "gap" else {}
        return found.model_copy(update={"cap": cap, "other_bound": self._proven(self.y, first.bound, cap), **late})

    def _least(
        self,
        account: str,
        weight: float,
        other: str,
        cap: float | None,
        progress: Watch | None,
        most: float | None = None,
    ) -> tuple[milp.Answer, str]:
        """The least of an account with a cap on the other, cross-checked and made simple; `most` caps the account."""
        key = (account, weight)
        if key not in self._live:
            program = with_cost(self.program, {self._col[account]: 1.0, self._col[other]: weight})
            self._live[key] = (program, milp.Solver(replace(program.problem, unit=self._unit[account]), self.options))
        program, live = self._live[key]
        caps = self._cap(other, cap), self._cap(account, most)
        columns = np.array([self._col[other], self._col[account]])
        live.move_columns(columns, program.problem.lower[columns], np.minimum(program.problem.upper[columns], caps))
        live.forget()
        stage = f"least {account}" if cap is None else f"least {account} with {other} <= {cap:.6g}"
        found = live.solve(progress, stage=stage)
        if found.why == "interrupt":
            return found, ""
        capped = with_most(with_most(program, self._col[other], caps[0]), self._col[account], caps[1])
        found, verdict = cross_checked(capped.problem, found, self.options)
        if weight == 0.0 and most is not None:
            return found, verdict  # its value is enough: the least of the other account follows
        return simplest(capped, found, self.options), verdict

    def _cap(self, account: str, cap: float | None) -> float:
        """A cap in the solver's unit, with its tolerance; infinite without one."""
        if cap is None:
            return np.inf
        most = cap / self._unit[account]
        return most + CAP_TOLERANCE * max(1.0, abs(most))

    def _solution(
        self,
        found: milp.Answer,
        verdict: str,
        account: str,
        weight: float,
        cap: float | None,
        began: float,
        plan: bool = False,
    ) -> Solution:
        if found.x is None or found.objective is None or found.why == "interrupt":
            return Solution(why=found.why, cross_check=verdict, seconds=time.process_time() - began)
        other = self.y if account == self.x else self.x
        # value + weight * other >= bound, and other is at most the cap.
        bound = found.bound - (weight * max(cap, 0.0) / self._unit[other] if cap is not None else 0.0)
        value = float(found.x[self._col[account]])
        holds = verified_plan(self.program, found, self.options) if plan else None
        if holds is not None:
            values = holds.accounts[account], holds.accounts[other]
        else:
            values = value * self._unit[account], float(found.x[self._col[other]]) * self._unit[other]
        return Solution(
            why=found.why,
            value=values[0],
            bound=self._proven(account, bound, values[0]),
            other=values[1],
            cross_check=verdict,
            plan=holds,
            seconds=time.process_time() - began,
        )

    def _proven(self, account: str, bound: float, value: float) -> float | None:
        """A bound in the account's unit, at most the value that was found; None where nothing is proven."""
        # What is sold of today's fleet can make a cost negative; nothing else can.
        floor = -np.inf if self.scenario.today is not None else 0.0
        proven = min(max(bound * self._unit[account], floor), value)
        return proven if np.isfinite(proven) else None


def finder(scenario: Scenario, x: str, y: str, options: milp.Options) -> Finder:
    """A finder from what travels between processes."""
    return Finder(scenario, ask(scenario), x, y, options)
