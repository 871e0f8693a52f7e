"""What today's fleet does without any change: the same question, solved again with nothing bought, moved or retired."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from optimizer import milp
from optimizer.moves import moved
from optimizer.plan import Plan
from optimizer.plan_today import AsItIs
from optimizer.program import Program, build
from optimizer.tables import ask
from physics.layout import Elastic
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]
Check = Callable[[Program, milp.Answer], Plan]
MARGIN = 2e-3  # the demand falls this much further than it must, so that the answer is not on the edge
LEAST_GAP = 0.01
SECONDS = 20.0


def with_as_it_is(plan: Plan, program: Program, options: milp.Options, progress: Watch | None, check: Check) -> Plan:
    """The plan beside what today's fleet does as it is; unchanged where none is stated, or Ctrl-C ended the search.

    Where it cannot serve all, every workload's demand falls by the same share until it can.
    """
    if program.layout.today is None:
        return plan
    began, scenario = time.process_time(), program.question.scenario
    options = replace(options, time_limit_s=min(SECONDS, options.time_limit_s), log_file="")
    kept = _unchanged(program)
    found = milp.Solver(kept.problem, options).solve(progress, stage="today's fleet as it is")
    share: float | None = 1.0
    if found.why == "infeasible":
        rough = replace(options, gap=max(options.gap, LEAST_GAP))
        share = _share(kept, rough, progress)
        if share is not None:
            kept = _unchanged(build(ask(_less(scenario, kept, 1 - share))))
            found = milp.Solver(kept.problem, options).solve(progress, stage="today's fleet as it is")
    if found.why == "interrupt":
        return plan
    done = check(kept, found) if found.x is not None else None
    accounts = done.accounts if done else {}
    told = AsItIs(
        served_share=share if done else None,
        settled=done is not None or found.why == "infeasible",
        usd_per_year=accounts.get("usd_per_year"),
        kg_co2e_per_year=accounts.get("kg_co2e_per_year"),
        verified=done is not None and done.verified,
        seconds=time.process_time() - began,
    )
    return plan.model_copy(update={"as_it_is": told})


def _unchanged(program: Program) -> Program:
    """The program in which nothing comes, moves or goes, and no more is rented than today."""
    today, hires, upper = program.layout.today, program.layout.hires, program.problem.upper.copy()
    assert today is not None
    upper[today.changed()] = 0.0
    for h in np.flatnonzero(hires.timed):
        upper[hires.col[h]] = np.minimum(upper[hires.col[h]], today.rented[h])
    return replace(program, problem=replace(program.problem, upper=upper))


def _demands(program: Program) -> list[Elastic]:
    return [limit for limit in program.layout.elastics if limit.name.startswith("demand ")]


def _share(program: Program, options: milp.Options, progress: Watch | None) -> float | None:
    """Largest share of every workload's demand that can be served; None where none can, or time ran out."""
    problem, columns = program.problem, [limit.col for limit in _demands(program)]
    cost, upper = np.zeros_like(problem.cost), problem.upper.copy()
    cost[columns[0]] = 1.0
    upper[columns] = 1.0
    pairs = [(columns[0], other) for other in columns[1:]]  # every workload falls by the same share
    rows = problem.rows + np.repeat(np.arange(len(pairs)), 2)
    fall = replace(
        problem,
        cost=cost,
        upper=upper,
        row=np.concatenate([problem.row, rows]),
        col=np.concatenate([problem.col, np.array(pairs, dtype=np.intp).ravel()]),
        value=np.concatenate([problem.value, np.tile([1.0, -1.0], len(pairs))]),
        row_lower=np.append(problem.row_lower, np.zeros(len(pairs))),
        row_upper=np.append(problem.row_upper, np.zeros(len(pairs))),
    )
    found = milp.Solver(fall, options).solve(progress, stage="what today's fleet serves")
    if found.x is None:
        return None
    share = (1 - float(found.x[columns[0]])) * (1 - MARGIN)
    return share if share > MARGIN else None


def _less(scenario: Scenario, program: Program, by: float) -> Scenario:
    """The scenario with every demand lower by a share."""
    for limit in _demands(program):
        scenario = moved(scenario, limit, by).scenario
    return scenario
