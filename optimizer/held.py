"""A plan held against a changed scenario: does the same fleet keep every limit, and if not, which break by how much?

    held(scenarios_copy, plan) -> Held

The fleet is given: its nodes, owned or rented, and its replicas, each with its batch, as the plan has them in each
slot. Requests are routed anew, so what is solved is a small program with a handful of whole columns. Prices, carbon and
rates are those of the changed scenario. A pool that a latency limit rules out there may stand idle. Where a limit
cannot be kept, as much as possible is served in time first, then as much as possible after each loss, and then the
other limits are broken as little as can be (the sum of their relative moves).

A plan that holds comes back re-routed and has passed `optimizer.verify` against the changed scenario: the proof shares
no code with the program. With `check=False` that step is left out, and `Held.plan` is None.

"Holds" is meant as the program means it: a node loss counts as the worst that any packing of replicas allows. A pool
may run as full as its exact size allows, which is a little more than the size band of a search says.

`held` and `Held` are the interface that robust planning builds on (`optimizer.robust`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import model_validator

from optimizer import milp
from optimizer.answer import Answer
from optimizer.held_question import fixed_program
from optimizer.held_reasons import NO_ROUTING, SMALLEST_BREAK, rows_broken
from optimizer.moves import relaxed_value
from optimizer.other_goals import verified_plan
from optimizer.plan import Part, Plan
from optimizer.pools import latency
from optimizer.program import Program
from physics.layout import Elastic
from scenarios.schema import Scenario

GAP = 1e-6
TIME_LIMIT_S = 30.0
WEIGHTS = {"demand": 1e4, "node": 1e2, "region": 1e2}
"""Of a whole limit broken; 1 for any other. Latency limits are not weighed: a pool that breaks one stands as it is."""
CLOSED = ("residency", "precisions")
COST_WEIGHT = 1e-6


class Break(Part):
    """A limit of the user's that the fleet does not keep."""

    limit: str
    """Name of the limit: "budget", "demand chat", "itl chat". "no routing: ..." where no limit is to blame, with the
    rule of every fleet that cannot be kept; then none of the demand counts as served."""
    wall: str
    unit: str
    value: float
    """The limit."""
    reached: float
    """What the fleet reaches at best: dollars a year, requests a second, seconds."""
    by: float
    """How far it is from the limit, as a part of the limit: 0.03 is 3 %."""


class Held(Part):
    """How a plan does in a changed scenario."""

    holds: bool | None
    """None where the solver was `stopped`."""
    stopped: Literal["", "interrupt", "time_limit"] = ""
    breaks: list[Break]
    accounts: dict[str, float]
    """Money, carbon and the other accounts of the fleet there, at the requests that it serves."""
    objective: float | None = None
    """What the scenario makes small, in its account's unit, the tie-break of the program included."""
    plan: Plan | None = None
    """The plan with its requests routed anew, verified; only where it holds and was to be checked."""

    @model_validator(mode="after")
    def _has_a_reason(self) -> Held:
        if self.holds is False and not self.breaks:
            raise ValueError("a fleet that does not hold has a reason")
        return self


def held(scenario: Scenario, plan: Plan, *, check: bool = True) -> Held:
    """Hold a plan against a scenario, usually one of `optimizer.inputs.scaled`.

    Raises:
        ScenarioError: the scenario does not offer what the plan stands on.
        optimizer.solve.VerificationError: a re-routed plan fails its independent check.
    """
    program = fixed_program(scenario, plan)
    options = milp.Options(gap=GAP, time_limit_s=TIME_LIMIT_S, seed=plan.lock.seed)
    found = milp.Solver(_idle_allowed(program), options).solve()
    if found.x is not None and found.why != "interrupt":
        routed = verified_plan(program, found, options) if check else None
        return Held(holds=True, breaks=[], **_bill(program, found.x), plan=routed)
    if found.why != "infeasible":
        return _stopped(found)
    elastic = _elastic(program)
    found = milp.Solver(elastic.problem, options).solve()
    if found.why == "infeasible":
        return Held(holds=False, breaks=_hard_rows(program, options), accounts={})
    if found.x is None or found.why == "interrupt":
        return _stopped(found)
    return Held(holds=False, breaks=_named(elastic, found.x), **_bill(program, found.x))


def _idle_allowed(program: Program) -> milp.Problem:
    """The program in which pools that a latency limit rules out here may stand idle: their nodes are there all the
    same."""
    counts, lower = program.layout.counts, program.problem.lower.copy()
    closed = np.array([bool(limits) for limits in program.layout.pools.closed_by], dtype=bool)
    lower[counts.col[closed[counts.pool]]] = 0.0
    return replace(program.problem, lower=lower)


def _stopped(found: milp.Answer) -> Held:
    return Held(holds=None, stopped="interrupt" if found.why == "interrupt" else "time_limit", breaks=[], accounts={})


def _bill(program: Program, x: np.ndarray) -> dict[str, Any]:
    """Accounts and objective at a point."""
    problem = program.problem
    value = float(problem.cost @ x + problem.offset) * program.objective_unit
    return {"accounts": Answer(program, x).accounts, "objective": value}


def _elastic(program: Program) -> Program:
    """The program with every limit free to break, made to break as little as can be."""
    problem = program.problem
    upper, cost = problem.upper.copy(), problem.cost * COST_WEIGHT
    for limit in program.layout.elastics:
        kind = limit.name.split()[0]
        if kind not in CLOSED:
            upper[limit.col] = min(limit.most, 1e4)
            cost[limit.col] += WEIGHTS.get(kind, 1.0)
    return replace(program, problem=replace(problem, upper=upper, cost=cost, offset=0.0))


def _hard_rows(program: Program, options: milp.Options) -> list[Break]:
    """The rules of every fleet that no move of a limit can keep, such as replicas without their nodes."""
    rows = rows_broken(program, options) or [("serving", "the rules of a fleet cannot all be kept")]
    return [no_routing(wall, says) for wall, says in rows]


def no_routing(wall: str, says: str) -> Break:
    """The reason where no limit is one."""
    name = f"{NO_ROUTING}: {says}"
    return Break(limit=name, wall=wall, unit="share of demand", value=1.0, reached=0.0, by=1.0)


def _named(program: Program, x: np.ndarray) -> list[Break]:
    """What breaks; where all of it is smaller than what is told, the one that has to give most."""
    found = list(_breaks(program, x, SMALLEST_BREAK))
    return found or sorted(_breaks(program, x, -np.inf), key=lambda one: -one.by)[:1]


def _breaks(program: Program, x: np.ndarray, least: float) -> Iterator[Break]:
    """Limits that are relaxed at a point by more than the least that is told, with what is reached."""
    answer = Answer(program, x)
    for limit in program.layout.elastics:
        by = float(x[limit.col])
        if by <= least:
            continue
        kind = limit.name.split()[0]
        reached = _late(program, answer, limit) if kind in ("itl", "ttft") else relaxed_value(limit, by)
        away = abs(reached / limit.value - 1.0) if limit.value else by
        if away > least:
            yield Break(limit=limit.name, wall=limit.wall, unit=limit.unit, value=limit.value, reached=reached, by=away)


def _late(program: Program, answer: Answer, limit: Elastic) -> float:
    """The longest time, over the pools in use, that a latency limit speaks of."""
    layout, pools = program.layout, program.layout.pools
    kind, name = limit.name.split(maxsplit=1)
    w = layout.workloads.index(name)
    worst = limit.value
    for v in np.flatnonzero(pools.workload == w):
        priced, row = program.question.tables[w], int(pools.candidate[v])
        if kind == "ttft":
            if f"ttft {name}" in pools.closed_by[v]:
                alone = float((priced.prices.prefill_s[row] + priced.prices.decode_step_s[row]).max())
                worst = max(worst, _network_s(program, int(v), limit.value) + alone)
            continue
        for t in range(len(layout.slots)):
            load = answer.load(int(v), t)
            tokens = np.maximum(load, 1e-12) * priced.prices.decode_steps
            if tokens.sum() > 0:
                worst = max(worst, float((tokens * priced.itl_s[row]).sum() / tokens.sum()))
    return worst


def _network_s(program: Program, pool: int, limit_s: float) -> float:
    """Time that the network takes from the first token of the pool's nearest origin."""
    question, layout = program.question, program.layout
    w, r = int(layout.pools.workload[pool]), int(layout.pools.region[pool])
    time = latency(question.scenario, question.workloads[w], layout.regions[r])
    return limit_s - float(time.budgets_s[int(layout.pools.latency_class[pool])])
