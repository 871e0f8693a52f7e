"""What a changed question's answer differs by from the plan: an interval, because both are known to their gaps only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from optimizer import milp
from optimizer.answer import Answer
from optimizer.cross_check import cross_checked
from optimizer.deadline import Deadline
from optimizer.difference import node_changes
from optimizer.effects import without_dust
from optimizer.plan import Interval, Plan
from optimizer.plan_binding import Asked, NodeChange
from optimizer.program import Program, build
from optimizer.tables import Question, ask
from scenarios.schema import Scenario

ACCOUNTS = ("usd_per_year", "kg_co2e_per_year")
Watch = Callable[[milp.Progress], None]
Never = Literal["better", "worse", ""]


@dataclass(frozen=True)
class Solved:
    """A program with its live solver and the answer that it gave."""

    program: Program
    solver: milp.Solver
    found: milp.Answer
    deadline: Deadline = field(default_factory=Deadline)
    """By which solving again has to end; what was not reached is told as not settled."""

    @property
    def options(self) -> milp.Options:
        """The solver's, in what is left of the time."""
        options = self.solver.options
        return replace(options, time_limit_s=min(options.time_limit_s, self.deadline.left_s))

    @property
    def was(self) -> float:
        """Objective of the answer, in the account's unit."""
        assert self.found.objective is not None
        return self.found.objective * self.program.objective_unit

    @property
    def was_bound(self) -> float:
        """No fleet is better than this, in the account's unit."""
        return min(self.found.bound * self.program.objective_unit, self.was)


@dataclass(frozen=True)
class Effect:
    """What another answer changes: by account, and in nodes where the change is resolved."""

    status: Asked
    changes: dict[str, Interval | None]
    resolved: bool
    nodes: list[NodeChange] = field(default_factory=list)
    objective: Interval | None = None
    """Of what was made least."""

    @property
    def tells(self) -> bool:
        """Whether something changes, beyond what the gaps leave open."""
        return self.resolved and self.objective != (0.0, 0.0)


NO_FLEET = Effect("no_fleet", dict.fromkeys(ACCOUNTS), True)
STOPPED = Effect("stopped", dict.fromkeys(ACCOUNTS), False)


def answer_to(
    scenario: Scenario, options: milp.Options, progress: Watch | None, stage: str, like: Question | None = None
) -> tuple[Program | None, milp.Answer]:
    """Price and solve a changed question; no program where nothing can run a workload.

    `like`: the question as it was, where a limit of it was moved.
    """
    question = ask(scenario, like=like)
    if not any(len(table) for table in question.tables):
        return None, milp.Answer("infeasible", None, None, np.inf, 0.0)
    program = build(question)
    return program, sure(program.problem, milp.Solver(program.problem, options).solve(progress, stage=stage), options)


def sure(problem: milp.Problem, found: milp.Answer, options: milp.Options) -> milp.Answer:
    """The answer; that there is no fleet is tried along a second path before it is said."""
    return cross_checked(problem, found, options)[0] if found.why == "infeasible" else found


def effect_of(
    plan: Plan,
    solved: Solved,
    program: Program | None,
    found: milp.Answer,
    never: Never = "",
    x: np.ndarray | None = None,
    accounts: dict[str, float] | None = None,
) -> Effect:
    """The effect of another question's answer on the plan's.

    Args:
        plan: the answer to the question as it is, found as `solved`.
        program: of the other question, with `found` its answer.
        never: what is known beforehand: a relaxed limit makes nothing worse, a tightened one nothing better.
        x: point of `program` by which to tell nodes and the other account, if not the one found.
        accounts: to compare the other account with, if not the plan's.
    """
    if found.why == "infeasible" and never != "worse":
        return NO_FLEET
    if program is not None and not np.isfinite(_bound(program, found)):
        return STOPPED
    if found.objective is None and never != "worse":
        return STOPPED
    was = solved.was
    if program is None or found.objective is None:
        now, now_bound = was, solved.was_bound if program is None else _bound(program, found)
    else:
        now, now_bound = found.objective * program.objective_unit, _bound(program, found)
    change = _interval(solved, now, min(now_bound, now), never)
    point = found.x if x is None else x
    # A relaxed limit under which nothing better was found leaves the plan as it is.
    other = None if point is None or program is None else Answer(program, point)
    other = None if (never == "worse" and now >= was) or (never and change == (0.0, 0.0)) else other
    changes: dict[str, Interval | None] = {}
    for account in ACCOUNTS:
        apart = other.accounts[account] - (accounts or plan.accounts)[account] if other else 0.0
        changes[account] = without_dust((apart, apart), plan.accounts[account])
    if plan.objective is not None and plan.objective.account in ACCOUNTS:
        changes[plan.objective.account] = change
    resolved = change[0] > 0 or change[1] < 0 or change == (0.0, 0.0)
    tells = other is not None and resolved and change != (0.0, 0.0)
    nodes = node_changes(plan.nodes, other.nodes) if other is not None and tells else []
    return Effect("solved", changes, resolved, nodes, change)


def _interval(solved: Solved, now: float, now_bound: float, never: Never) -> Interval:
    """Ends of the difference of the two optima, cut off where one question holds the other."""
    low, high = now_bound - solved.was, now - solved.was_bound
    if never == "worse":
        low, high = min(low, 0.0), min(high, 0.0)
    elif never == "better":
        low, high = max(low, 0.0), max(high, 0.0)
    return without_dust((low, max(low, high)), solved.was)


def _bound(program: Program, found: milp.Answer) -> float:
    """Proven least, in the account's unit. Without sales of today's nodes no account goes below 0."""
    bound = found.bound * program.objective_unit
    return bound if program.question.scenario.today is not None else max(bound, 0.0)
