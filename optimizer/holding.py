"""A plan that holds in a stated share of draws: the fleet that is cheapest over them, chosen with all of them in view.

    holding(scenario, drawn, 0.9) -> Holding

`drawn` are copies of the scenario with other inputs (`optimizer.inputs.scaled`). docs/program.md, section "Draws", says
exactly what holds and what is made small.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from optimizer import milp
from optimizer.effects import without_dust
from optimizer.held import Break, held, no_routing
from optimizer.holding_search import Found, Search, Watch
from optimizer.other_goals import verified_plan
from optimizer.plan import SCHEMA_VERSION, Amount, Interval, Lock, Part, Plan
from optimizer.program import UNITS, Program, build
from optimizer.scenario_program import ScenarioProgram
from optimizer.solve import checked, head_of, solve
from optimizer.tables_together import ask_together
from scenarios.schema import Scenario

GAP = 0.01
TIME_LIMIT_S = 300.0
ROUNDING = 1e-9


class HeldDraw(Part):
    """The plan in one draw."""

    number: int
    """Counted from 1, in the order given."""
    factors: dict[str, float] = {}
    """What the draw multiplies, where it was told."""
    holds: bool
    """Every limit is kept; the plan, its requests routed anew, passed its independent check against the draw."""
    accounts: dict[str, float]
    """Of the fleet in the draw, at the requests that it serves."""
    breaks: list[Break] = []
    """Limits that break in a draw that is given up."""


class Holding(Part):
    """A fleet that holds in a share of draws, or why there is none."""

    schema_version: str = SCHEMA_VERSION
    scenario: str
    title: str
    status: Literal["optimal", "feasible", "infeasible", "no_incumbent"]
    """`optimal`: the gap is within the one asked for. `infeasible`: no fleet holds in so many draws."""
    stopped_by: Literal["gap", "infeasible", "time_limit", "interrupt"]
    share: float
    """Share of the draws in which the plan was to hold."""
    asked: int
    """Draws."""
    may_break: int
    """Most draws that may be given up."""
    holds_in: int
    """Draws in which the plan holds."""
    hopeless: list[int] = []
    """Draws in which no fleet at all holds, by number."""
    objective: Amount | None = None
    """Mean of the objective over the draws. Up to `may_break` of them are given up, and count with the nodes, idle, and
    the least that their requests could cost."""
    bound: Amount | None = None
    """No fleet that holds in so many draws has less."""
    gap: float | None = None
    """(objective - bound) / objective."""
    cross_check: str = ""
    """What a second search said of the bound: `confirmed`, `corrected` or `not finished`."""
    plan: Plan | None = None
    """The fleet as the answer to the scenario as it stands. Its bound is the scenario's own."""
    without: Plan | None = None
    """The best fleet for the scenario as it stands, whatever the draws do."""
    change: dict[str, Interval] = {}
    """By account, in the scenario as it stands: the plan less the one without."""
    draws: list[HeldDraw] = []
    joined: int = 0
    """Draws in the largest program that was solved; the others never mattered."""
    columns: int = 0
    rows: int = 0
    lock: Lock
    seconds: float
    """Processor time."""

    @property
    def exit_code(self) -> int:
        """Exit code of the command line."""
        if self.status == "no_incumbent" and self.stopped_by == "interrupt":
            return 130
        return {"optimal": 0, "infeasible": 3}.get(self.status, 4)


def holding(
    scenario: Scenario,
    drawn: Sequence[Scenario],
    share: float,
    *,
    factors: Sequence[Mapping[str, float]] = (),
    without: Plan | None = None,
    progress: Watch | None = None,
    time_limit: float | None = None,
    gap: float | None = None,
    threads: int | None = None,
    seed: int | None = None,
) -> Holding:
    """The cheapest fleet that holds in the scenario as it stands and in a share of its draws.

    Args:
        scenario: the question.
        drawn: the same question with other inputs, each as likely as the others.
        share: of the draws, 0 to 1; the plan may break a limit in the rest of them, rounded down.
        factors: what each draw multiplies, to be told with it.
        without: the scenario's own plan, where it is known; solved for otherwise.
        progress: called while the solver works.
        time_limit: seconds for the search, 300 where none is given.
        gap: relative gap of the mean objective, 1 % where none is given.
        threads, seed: of the solver; default from the scenario.

    Raises:
        ValueError: no draws, a share that is none, or draws that differ in more than their inputs.
        optimizer.solve.VerificationError: a plan fails its independent check.
    """
    if not drawn:
        raise ValueError("a plan that holds in a share of draws needs at least one draw")
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share of the draws is 0 to 1, not {share:g}")
    began = time.process_time()
    options = milp.Options(
        gap=GAP if gap is None else gap,
        time_limit_s=TIME_LIMIT_S if time_limit is None else time_limit,
        threads=scenario.solver.threads if threads is None else threads,
        seed=scenario.solver.seed if seed is None else seed,
    )
    may_break = math.floor((1.0 - share) * len(drawn) + ROUNDING)
    if without is None:
        without = solve(scenario, binding=False, insurance=False, progress=progress, threads=threads, seed=seed)
    questions = ask_together([scenario, *drawn])
    told: dict[str, Any] = {
        "scenario": scenario.name,
        "title": scenario.title,
        "share": share,
        "asked": len(drawn),
        "may_break": may_break,
        "lock": head_of(scenario, questions[0], options)["lock"],
        "without": without,
    }
    if without.fleet is None and without.status in ("infeasible", "no_candidate"):
        told |= {"status": "infeasible", "stopped_by": "infeasible", "holds_in": 0}
        return Holding(**told, seconds=time.process_time() - began)
    programs = [build(question) for question in questions]
    found = Search(ScenarioProgram(programs), may_break, options, progress).run()
    told |= {"hopeless": found.hopeless, "joined": found.joined, "columns": found.columns, "rows": found.rows}
    if found.first is None:
        status: Literal["infeasible", "no_incumbent"] = "infeasible" if found.why == "infeasible" else "no_incumbent"
        return Holding(**told, status=status, stopped_by=found.why, holds_in=0, seconds=time.process_time() - began)
    plan = _today(scenario, programs[0], found, without, options)
    draws = _draws(programs, found, plan, factors, options)
    account, unit = programs[0].objective_account, programs[0].objective_unit
    return Holding(
        **told,
        status="optimal" if found.why == "gap" else "feasible",
        stopped_by=found.why,
        holds_in=sum(one.holds for one in draws),
        objective=Amount(account=account, value=found.value * unit, unit=UNITS[account]),
        bound=Amount(account=account, value=found.bound * unit, unit=UNITS[account]),
        gap=found.gap,
        cross_check=found.cross_check,
        plan=plan,
        change=_change(plan, without),
        draws=draws,
        seconds=time.process_time() - began,
    )


def _today(scenario: Scenario, program: Program, found: Found, without: Plan, options: milp.Options) -> Plan:
    """The fleet in the scenario as it stands, with the bound that holds for every fleet there."""
    plan = verified_plan(program, found.answers[0], options)
    if without.bound is None or without.bound.value is None or plan.objective is None or plan.objective.value is None:
        return plan
    bound = min(without.bound.value, plan.objective.value)
    gap = milp.relative_gap(plan.objective.value, bound)
    told = {"bound": without.bound.model_copy(update={"value": bound}), "gap": gap}
    return checked(scenario, plan.model_copy(update=told))


def _draws(
    programs: Sequence[Program],
    found: Found,
    plan: Plan,
    factors: Sequence[Mapping[str, float]],
    options: milp.Options,
) -> list[HeldDraw]:
    """Every draw: where the plan holds, routed anew and verified; where it does not, what breaks."""
    lines = []
    for k, program in enumerate(programs[1:], start=1):
        answer, said = found.answers[k], dict(factors[k - 1]) if factors else {}
        if answer.x is not None:
            routed = verified_plan(program, replace(answer, x=drained(program, answer.x)), options)
            lines.append(HeldDraw(number=k, factors=said, holds=True, accounts=routed.accounts))
            continue
        # A pool may run as full as its exact size allows, so that a draw may hold that the search gave up.
        there = held(program.question.scenario, plan)
        breaks = there.breaks if there.holds is not None else [no_routing("serving", "none was found in time")]
        lines.append(
            HeldDraw(number=k, factors=said, holds=there.holds is True, accounts=there.accounts, breaks=breaks)
        )
    return lines


def drained(program: Program, x: np.ndarray) -> np.ndarray:
    """The point without the replicas that a latency limit rules out in its draw: they carry nothing and stand idle."""
    layout, x = program.layout, x.copy()
    carries = np.zeros(len(layout.pool_names), dtype=bool)
    carries[layout.bands.pool[layout.bands.utilisation > 0]] = True
    x[layout.counts.col[~carries[layout.counts.pool]]] = 0.0
    return x


def _change(plan: Plan, without: Plan) -> dict[str, Interval]:
    """What the plan costs more in the scenario as it stands; of the objective what the gap of the other leaves open."""
    changes: dict[str, Interval] = {}
    for account, value in without.accounts.items():
        if account in plan.accounts:
            changes[account] = without_dust((plan.accounts[account] - value,) * 2, value)
    mine, other = plan.objective, without.objective
    if mine and other and without.bound and mine.value is not None and without.bound.value is not None:
        assert other.value is not None
        ends = mine.value - other.value, mine.value - without.bound.value
        changes[mine.account] = without_dust(ends, other.value)
    return changes
