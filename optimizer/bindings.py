"""Why not cheaper: each limit moved alone, both ways, and the question solved again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from optimizer import milp
from optimizer.most_demand import Capacity
from optimizer.moves import latency_limits, moved, relaxed_value, step
from optimizer.plan import Binding, Interval, Plan
from optimizer.program import Program
from optimizer.solved_again import ACCOUNTS, NO_FLEET, STOPPED, Effect, Never, Solved, answer_to, effect_of, sure
from optimizer.words import amount
from physics.layout import Elastic
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]
NEVER_MOVED = ("residency", "precisions")
FAILURES = ("node", "region")
GATING = ("itl", "ttft")


@dataclass(frozen=True)
class _Asked:
    """The question whose limits move, and its answer."""

    scenario: Scenario
    plan: Plan
    solved: Solved
    progress: Watch | None


def bindings(
    scenario: Scenario,
    plan: Plan,
    solved: Solved,
    factors: Iterable[float],
    progress: Watch | None,
    capacity: Capacity | None = None,
) -> list[Binding]:
    """Move each limit alone by each factor (below 0: tighter), solve again, and say what changes.

    Counts move in whole nodes or regions, so several factors may be one move; it is made once. A failure rule is also
    dropped: on few nodes a small relaxation of it frees none, though the rule sizes the fleet. With `capacity` each
    move also says how much more demand could be served for what the plan takes. Ctrl-C keeps what is priced so far.
    """
    return priced_moves(scenario, plan, solved, factors, progress, capacity)[0]


def priced_moves(
    scenario: Scenario,
    plan: Plan,
    solved: Solved,
    factors: Iterable[float],
    progress: Watch | None,
    capacity: Capacity | None = None,
) -> tuple[list[Binding], bool]:
    """The same, and whether every move was made: False after Ctrl-C."""
    asked = _Asked(scenario, plan, solved, progress)
    done: list[Binding] = []
    moves = _moves(scenario, solved.program, factors)
    try:
        for limit, by in moves:
            found = _priced(asked, limit, by, capacity, done)
            if found is None:
                break
            done.append(found)
    except KeyboardInterrupt:
        pass  # Ctrl-C while candidates are priced: what is known so far is kept
    order = sorted(done, key=lambda line: (line.relaxation, (line.usd_per_year_change or (0, np.inf))[1], line.limit))
    return order, len(done) == len(moves)


def movable(scenario: Scenario, program: Program) -> list[Elastic]:
    """Every limit that moves by a fraction; TTFT and ITL gate candidates, and have no column unless asked for."""
    names = (*NEVER_MOVED, *GATING)
    return [limit for limit in program.limits().values() if limit.name.split()[0] not in names] + latency_limits(
        scenario
    )


def node_devices(program: Program, limit: Elastic) -> float:
    """Devices of the largest node that a quota speaks of and can hold; 0 of another limit."""
    words, hires, layout = limit.name.split(), program.layout.hires, program.layout
    if words[0] != "quota":
        return 0.0
    region = layout.regions.index(words[2])
    here = [
        hires.devices_per_node[h]
        for h, name in enumerate(hires.accelerator)
        if name == words[1] and hires.region[h] == region
    ]
    return float(max((size for size in here if size <= limit.value), default=min(here, default=1.0)))


def _moves(scenario: Scenario, program: Program, factors: Iterable[float]) -> list[tuple[Elastic, float]]:
    """Each move once, in the order of the factors."""
    limits, found = movable(scenario, program), {}
    for factor in factors:
        for limit in limits:
            by = step(limit, factor, node_devices(program, limit), len(scenario.regions))
            if by is not None:
                found[limit.name, round(by, 9)] = (limit, by)
    for limit in limits:
        if limit.name.split()[0] in FAILURES:
            found[limit.name, 1.0] = (limit, 1.0)
    return list(found.values())


def _priced(asked: _Asked, limit: Elastic, by: float, capacity: Capacity | None, done: list[Binding]) -> Binding | None:
    """One limit, moved and solved; None where Ctrl-C ended it."""
    began = time.process_time()
    effect, served = _known(limit, by, done)
    effect = effect or (_kept(asked, limit, by) if by < 0 else None)
    if effect is None and asked.solved.deadline.over:
        effect = _between(asked.plan, limit, by, done)
    effect = effect or _effect(asked, limit, by)
    more = capacity is not None and not limit.name.startswith("demand") and not asked.solved.deadline.over
    if effect is not None and served is None and capacity is not None and more:
        served = capacity.change(limit, by, asked.progress)
        effect = None if served is None else effect
    if effect is None:
        return None
    dropped, to = limit.name.split()[0] in FAILURES and by >= 1, relaxed_value(limit, by)
    after = "not limited" if dropped else amount(to, limit.unit)
    return Binding(
        limit=limit.name,
        key=limit.key,
        wall=limit.wall,
        change=f"{limit.name}: {amount(limit.value, limit.unit)} -> {after}",
        relaxation=by,
        start=limit.value,
        to=None if dropped else to,
        unit=limit.unit,
        status=effect.status,
        usd_per_year_change=effect.changes["usd_per_year"],
        kg_co2e_per_year_change=effect.changes["kg_co2e_per_year"],
        requests_per_s_change=served,
        resolved=effect.resolved,
        node_changes=effect.nodes,
        seconds=time.process_time() - began,
    )


def _known(limit: Elastic, by: float, done: list[Binding]) -> tuple[Effect | None, Interval | None]:
    """What another move of the limit the same way settles: none of a larger one, or no fleet after a smaller one."""
    nothing = (0.0, 0.0)
    effect, served = None, None
    for line in done:
        if line.limit != limit.name or line.relaxation * by <= 0:
            continue
        larger = abs(line.relaxation) >= abs(by)
        if line.status == "no_fleet" and not larger:
            effect = NO_FLEET
        if larger and line.resolved and line.usd_per_year_change == line.kg_co2e_per_year_change == nothing:
            effect = Effect("implied", dict.fromkeys(ACCOUNTS, nothing), True)
        if larger and line.requests_per_s_change == nothing:
            served = nothing
    return effect, served


def _between(plan: Plan, limit: Elastic, by: float, done: list[Binding]) -> Effect:
    """Where no time is left: no more than a larger move of the limit the same way, which was solved, and no less than
    nothing."""
    account = plan.objective.account if plan.objective else ""
    if account not in ACCOUNTS:
        return STOPPED
    field = f"{account}_change"
    ends = [
        getattr(line, field)
        for line in done
        if line.limit == limit.name and line.relaxation * by > 0 and abs(line.relaxation) >= abs(by)
    ]
    known = [change for change in ends if change is not None]
    if not known:
        return STOPPED
    most = (max(low for low, _ in known), 0.0) if by > 0 else (0.0, min(high for _, high in known))
    return Effect("implied", {**dict.fromkeys(ACCOUNTS), account: most}, False)


def _effect(asked: _Asked, limit: Elastic, by: float) -> Effect | None:
    kind = limit.name.split()[0]
    never: Never = "worse" if by > 0 else "better"
    stage = f"{'relax' if by > 0 else 'tighten'} {limit.name}"
    # A quota, and a demand that grows, need other columns; a latency limit gates candidates: all are priced anew.
    if kind in (*GATING, "quota") or (kind == "demand" and by < 0):
        changed = moved(asked.scenario, limit, by).scenario
        like = asked.solved.program.question
        program, found = answer_to(changed, asked.solved.options, asked.progress, stage, like)
    else:
        program, found = asked.solved.program, _by_column(asked, limit, by, stage)
    return None if found.why == "interrupt" else effect_of(asked.plan, asked.solved, program, found, never)


def _by_column(asked: _Asked, limit: Elastic, by: float, stage: str) -> milp.Answer:
    """Move a limit that has a column in the program, on the live model."""
    solver, column = asked.solved.solver, np.array([limit.col])
    solver.move_columns(column, np.array([by]), np.array([by]))
    try:
        seconds = asked.solved.options.time_limit_s
        found = solver.solve(asked.progress, stage, seconds, _start(asked.solved, limit, by))
        if found.why == "infeasible":
            problem, lower, upper = solver.problem, solver.problem.lower.copy(), solver.problem.upper.copy()
            lower[column] = upper[column] = by
            found = sure(replace(problem, lower=lower, upper=upper), found, asked.solved.options)
        return found
    finally:
        solver.move_columns(column, np.zeros(1), np.zeros(1))


def _start(solved: Solved, limit: Elastic, by: float) -> np.ndarray | None:
    """The old point holds under every relaxed limit but demand, whose flows must add up to less."""
    if solved.found.x is None or by < 0 or limit.name.startswith("demand"):
        return None
    start = solved.found.x.copy()
    start[limit.col] = by
    return start


def _kept(asked: _Asked, limit: Elastic, by: float) -> Effect | None:
    """Where the plan keeps the tighter limit it is still an answer, and no other can be better than the bound."""
    solved, kind, x = asked.solved, limit.name.split()[0], asked.solved.found.x
    if kind in (*GATING, "demand") or x is None:
        return None
    if kind == "quota":
        holds = _in_use(asked.plan, limit) <= relaxed_value(limit, by) + 1e-6
    else:
        point = x.copy()
        point[limit.col] = by
        holds = not solved.solver.broken_rows(point).size
    if not holds:
        return None
    effect = effect_of(asked.plan, solved, solved.program, solved.found, "better")
    return Effect("kept", {**dict.fromkeys(ACCOUNTS, (0.0, 0.0)), **_of_goal(asked.plan, effect)}, effect.resolved)


def _of_goal(plan: Plan, effect: Effect) -> dict[str, Interval | None]:
    account = plan.objective.account if plan.objective else ""
    return {account: effect.objective} if account in ACCOUNTS else {}


def _in_use(plan: Plan, limit: Elastic) -> float:
    """Devices of a quota in the slot that has most."""
    _, accelerator, region = limit.name.split()
    lines = [line for line in plan.nodes if line.accelerator == accelerator and line.region == region]
    slots = {slot for line in lines for slot in line.by_slot}
    return max((sum(n.by_slot.get(slot, 0) * n.devices_per_node for n in lines) for slot in slots), default=0.0)
