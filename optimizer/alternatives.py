"""Fleets nearly as good as the optimum that differ as much as possible, each a verified plan.

The same program with one row more, the objective within a share of the optimum's, and another goal. Of the fleets that
are best at the goal the one with the least objective is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from optimizer import milp
from optimizer.alternative_goals import Goal, goals
from optimizer.cross_check import cross_checked
from optimizer.explain import rejected
from optimizer.frontier_point import Watch
from optimizer.grown import Wide, fixed_fleet
from optimizer.other_goals import verified_plan, with_most_cost
from optimizer.plan import SCHEMA_VERSION, Lock, Part, Plan, Stop
from optimizer.polish import simplest
from optimizer.program import build
from optimizer.solve import checked, head_of, plan_of
from optimizer.tables import ask
from scenarios.schema import Scenario

SAME = 1e-6
"""A goal that improves by less, as a fraction, is reached by the optimum already."""
TOLERANCE = 1e-6
LEAST_ROOM, ROOM = 0.1, 3.0
"""The most growth that head-room is looked for: 10 %, or three times the share that fleets may cost more."""


class Features(Part):
    """What alternatives differ in."""

    kinds: int
    """Kinds of accelerator."""
    regions: int
    """Regions with nodes."""
    vendor: str
    """Maker of most of the optimum's devices."""
    vendor_share: float
    """Its share of the devices."""
    nodes: int
    headroom: float | None
    """Growth of all demand that the same fleet carries within every limit, failures included; None: not found."""


class Alternative(Part):
    """One fleet, and what it is best at."""

    best_at: list[str]
    over: float
    """Objective above the optimum's, a fraction."""
    proven: bool
    """False where the search for the goal stopped early: there may be a fleet that is better at it."""
    features: Features
    plan: Plan
    seconds: float


class Alternatives(Part):
    """The optimum and the fleets beside it."""

    schema_version: str = SCHEMA_VERSION
    scenario: str
    title: str
    status: Literal["complete", "stopped", "infeasible", "no_candidate", "no_incumbent"]
    within: float
    """Most that the objective may lie above the optimum's, a fraction."""
    optimum: Plan
    features: Features | None = None
    """Of the optimum."""
    optimum_best_at: list[str] = []
    """Goals at which nothing within reach is better than the optimum."""
    alternatives: list[Alternative] = []
    left_out: list[str] = []
    """Goals that mean nothing here, and why."""
    lock: Lock
    seconds: float
    """Wall clock."""

    @property
    def exit_code(self) -> int:
        """Exit code of the command line."""
        if self.status in ("complete", "stopped"):
            return 0 if self.status == "complete" and self.optimum.status == "optimal" else 4
        return self.optimum.exit_code


def alternatives(
    scenario: Scenario,
    within: float = 0.02,
    *,
    progress: Watch | None = None,
    tell: Callable[[int, int], None] | None = None,
    time_limit: float | None = None,
    gap: float | None = None,
    threads: int | None = None,
    seed: int | None = None,
) -> Alternatives:
    """Fleets within a share of the optimum: fewest kinds, fewest regions, least of one vendor, least carbon, most room.

    Args:
        scenario: the question.
        within: how far the objective may lie above the optimum's, a fraction.
        progress: called while the solver works.
        tell: called with the number of finished and of all goals.
        time_limit, gap, threads, seed: of each solve; default from the scenario.

    Raises:
        optimizer.solve.VerificationError: a plan fails its independent check.
    """
    began = time.monotonic()
    if not 0.0 <= within <= 1.0:
        raise ValueError(f"alternatives lie within 0 to 100 % of the optimum, not {within:g}")
    options = milp.Options(
        gap=scenario.solver.gap if gap is None else gap,
        time_limit_s=scenario.solver.time_limit_s if time_limit is None else time_limit,
        threads=scenario.solver.threads if threads is None else threads,
        seed=scenario.solver.seed if seed is None else seed,
    )
    question = ask(scenario)
    head = head_of(scenario, question, options)
    shared = {"scenario": scenario.name, "title": scenario.title, "within": within, "lock": head["lock"]}

    def none(status: Literal["infeasible", "no_candidate", "no_incumbent"], stop: Stop) -> Alternatives:
        plan = Plan(**head, status=status, stopped_by=stop, rejected=rejected(question))
        return Alternatives(**shared, status=status, optimum=plan, seconds=time.monotonic() - began)

    if not any(len(table) for table in question.tables):
        return none("no_candidate", "no_candidate")
    program = build(question)
    first = milp.Solver(program.problem, options).solve(progress)
    found, verdict = cross_checked(program.problem, first, options)
    found = simplest(program, found, options)
    if found.x is None:
        if found.why == "infeasible":
            return none("infeasible", "infeasible")
        return none("no_incumbent", "interrupt" if found.why == "interrupt" else "time_limit")
    best = checked(scenario, plan_of(head, program, found).model_copy(update={"cross_check": verdict}))
    wide = Wide.of(scenario, max(LEAST_ROOM, ROOM * within))
    search = _Search(wide, wide.point_of(program, found.x), best, within, options, progress)
    interrupted = found.why == "interrupt"
    try:
        interrupted = interrupted or search.run(tell)
    except KeyboardInterrupt:
        interrupted = True
    return Alternatives(
        **shared,
        status="stopped" if interrupted else "complete",
        optimum=best,
        features=search.features(best, search.optimum_x),
        optimum_best_at=search.reached,
        alternatives=sorted(search.found, key=lambda one: one.over),
        left_out=search.left_out,
        seconds=time.monotonic() - began,
    )


class _Search:
    """One goal after another beside one optimum."""

    def __init__(
        self,
        wide: Wide,
        point: np.ndarray | None,
        best: Plan,
        within: float,
        options: milp.Options,
        progress: Watch | None,
    ) -> None:
        assert best.objective is not None and best.objective.value is not None
        self.wide, self.program, self.best, self.options, self.progress = wide, wide.program, best, options, progress
        self.optimum, self.optimum_x = best.objective.value / self.program.objective_unit, point
        self.most = self.optimum + within * abs(self.optimum)
        self.goals, self.vendor, self.left_out = goals(wide, best, self._headroom(point) or 0.0)
        self.reached: list[str] = []
        self.found: list[Alternative] = []

    def run(self, tell: Callable[[int, int], None] | None) -> bool:
        """Every goal; True where Ctrl-C ended it."""
        for done, goal in enumerate(self.goals):
            if tell is not None:
                tell(done, len(self.goals))
            if not self._one(goal):
                return True
        return False

    def _one(self, goal: Goal) -> bool:
        """Best at a goal, then the cheapest of those; False after Ctrl-C."""
        began = time.process_time()
        cost = np.append(self.program.problem.cost, goal.no_cost)
        limited = with_most_cost(goal.program, cost, self.most - self.program.problem.offset)
        answer = milp.Solver(limited.problem, self.options).solve(self.progress, stage=goal.name)
        if answer.why == "interrupt":
            return False
        better = goal.optimum - max(SAME * abs(goal.optimum), goal.least)
        if answer.x is None or answer.objective is None or answer.objective >= better:
            if answer.why == "gap":
                self.reached.append(goal.name)
            else:  # cut short, the search may not even have come as far as the optimum itself
                self.left_out.append(f"{goal.name}: no better fleet was found in time")
            return True
        cheapest = self._cheapest(goal, answer)
        if cheapest.why == "interrupt":
            return False
        at = answer if cheapest.x is None else cheapest
        plan = verified_plan(self.program, at, self.options)
        assert at.x is not None
        self._add(goal, plan, at.x, answer.why == "gap", began)
        return True

    def _cheapest(self, goal: Goal, answer: milp.Answer) -> milp.Answer:
        """Of what is as good at the goal, the fleet with the least objective, made simple."""
        assert answer.x is not None and answer.objective is not None
        if goal.grows:
            program = fixed_fleet(self.program, answer.x)
        else:
            most = answer.objective + TOLERANCE * max(abs(answer.objective), 1.0)
            program = with_most_cost(goal.program, goal.program.problem.cost, most)
            cost = np.append(self.program.problem.cost, goal.no_cost)
            program = replace(program, problem=replace(program.problem, cost=cost, offset=self.program.problem.offset))
        found = milp.Solver(program.problem, self.options).solve(self.progress, stage=f"{goal.name}, least objective")
        if found.why == "interrupt" or found.x is None:
            return found
        found, _ = cross_checked(program.problem, found, self.options)
        return simplest(program, found, self.options)

    def _add(self, goal: Goal, plan: Plan, x: np.ndarray, proven: bool, began: float) -> None:
        """Keep a plan, or its name where the fleet is known already."""
        for place, other in enumerate(self.found):
            if _same(other.plan, plan):
                names = {"best_at": [*other.best_at, goal.name], "proven": other.proven and proven}
                self.found[place] = other.model_copy(update=names)
                return
        if _same(self.best, plan):
            self.reached.append(goal.name)
            return
        value = float(self.program.problem.cost @ x[: self.program.problem.columns] + self.program.problem.offset)
        self.found.append(
            Alternative(
                best_at=[goal.name],
                over=max(value / self.optimum - 1.0, 0.0) if self.optimum else 0.0,
                proven=proven,
                features=self.features(plan, x),
                plan=plan,
                seconds=time.process_time() - began,
            )
        )

    def features(self, plan: Plan, x: np.ndarray | None) -> Features:
        """What the plan at a point is like."""
        devices: dict[str, float] = {}
        catalog = self.program.question.scenario.catalog
        for line in plan.nodes:
            vendor = catalog.accelerators[line.accelerator].vendor
            devices[vendor] = devices.get(vendor, 0.0) + line.nodes * line.devices_per_node
        return Features(
            kinds=len({line.accelerator for line in plan.nodes}),
            regions=len({line.region for line in plan.nodes}),
            vendor=self.vendor,
            vendor_share=devices.get(self.vendor, 0.0) / max(sum(devices.values()), 1.0),
            nodes=sum(line.nodes for line in plan.nodes),
            headroom=self._headroom(x),
        )

    def _headroom(self, x: np.ndarray | None) -> float | None:
        """Most growth of all demand with these nodes and replicas."""
        if x is None:
            return None
        program, column = self.wide.grown(fixed_fleet(self.program, x[: self.program.problem.columns]))
        found = milp.Solver(program.problem, self.options).solve(stage="head-room")
        return None if found.x is None else max(float(found.x[column]), 0.0)


def _same(one: Plan, other: Plan) -> bool:
    """Whether two plans have the same nodes and replicas and differ in no account."""
    replicas = [
        sorted((at.workload, at.region, at.offer, at.procurement, at.batch, at.replicas) for at in plan.lines)
        for plan in (one, other)
    ]
    accounts = one.accounts.keys() == other.accounts.keys() and all(
        abs(value - other.accounts[name]) <= 1e-4 * max(abs(value), 1e-9) for name, value in one.accounts.items()
    )
    return one.nodes == other.nodes and replicas[0] == replicas[1] and accounts
