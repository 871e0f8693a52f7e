"""Inputs moved one at a time, down and up, and the question solved again: which of them the answer leans on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from optimizer import milp
from optimizer.answer import Answer
from optimizer.inputs import fastest, scaled
from optimizer.plan import Plan, Swing
from optimizer.program import Program
from optimizer.solved_again import STOPPED, Effect, Solved, answer_to, effect_of
from scenarios.inputs import Input, inputs
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]
FACTORS = (0.9, 1.1)


def tornado(scenario: Scenario, plan: Plan, solved: Solved, progress: Watch | None) -> list[Swing]:
    """Every input at 0.9 and 1.1 of its value, the input that moves most first. Ctrl-C keeps what is known so far.

    A PUE stays at 1, and a speed below the peak of the data sheet: the factor then is the largest that is possible.
    """
    found: list[Swing] = []
    try:
        base = _accounts(plan, solved)
        for one in inputs(scenario):
            for wanted in FACTORS:
                factor = _possible(scenario, one, wanted)
                if abs(factor - 1.0) < 1e-6:
                    continue
                swing = _swing(scenario, plan, solved, one, factor, base, progress)
                if swing is None:
                    return _sorted(found, plan)
                found.append(swing)
    except KeyboardInterrupt:
        pass  # Ctrl-C while candidates are priced: what is known so far is kept
    return _sorted(found, plan)


def _accounts(plan: Plan, solved: Solved) -> dict[str, float] | None:
    """Of the plan's nodes, routed by the same search as under other inputs, so that only the inputs differ."""
    stay = _with_nodes_of(plan, solved.program, solved.solver.options)
    return Answer(solved.program, stay.x).accounts if stay is not None and stay.x is not None else None


def _possible(scenario: Scenario, one: Input, factor: float) -> float:
    if one.kind == "efficiency":
        return min(factor, fastest(scenario, one.name))
    return max(factor, 1.0 / one.value) if one.kind == "pue" and one.value else factor


def _sorted(found: list[Swing], plan: Plan) -> list[Swing]:
    """By the largest change of what was made least; an input with which there is no fleet comes first, what time did
    not settle last."""
    carbon = plan.objective is not None and plan.objective.account.startswith("kg")
    most: dict[str, tuple[float, float]] = {}
    for line in found:
        changes = [line.usd_per_year_change, line.kg_co2e_per_year_change]
        unknown = np.inf if line.status == "no_fleet" else -1.0
        sizes = [abs(sum(change)) / 2 if change else unknown for change in (changes[::-1] if carbon else changes)]
        most[line.input] = max(most.get(line.input, (-1.0, -1.0)), (sizes[0], sizes[1]))
    return sorted(found, key=lambda line: (tuple(-size for size in most[line.input]), line.input, line.factor))


def _swing(
    scenario: Scenario,
    plan: Plan,
    solved: Solved,
    one: Input,
    factor: float,
    base: dict[str, float] | None,
    progress: Watch | None,
) -> Swing | None:
    """One input, moved and solved; None where Ctrl-C ended it."""
    if solved.deadline.over:
        return _line(one, factor, STOPPED, None, 0.0)
    began, options = time.process_time(), solved.options
    program, found = answer_to(scaled(scenario, {one.name: factor}), options, progress, f"{one.name} x {factor:g}")
    if found.why == "interrupt":
        return None
    stay = None if program is None or found.x is None else _with_nodes_of(plan, program, options)
    stays = _stays(found, stay, options.gap)
    point = stay.x if stays and stay is not None else None
    effect = effect_of(plan, solved, program, found, "", point, base if stays else None)
    return _line(one, factor, effect, stays, time.process_time() - began)


def _line(one: Input, factor: float, effect: Effect, stays: bool | None, seconds: float) -> Swing:
    return Swing(
        input=one.name,
        kind=one.kind,
        wall=one.wall,
        factor=factor,
        start=one.value,
        to=None if one.value is None else one.value * factor,
        unit=one.unit,
        status=effect.status,
        usd_per_year_change=effect.changes["usd_per_year"],
        kg_co2e_per_year_change=effect.changes["kg_co2e_per_year"],
        resolved=effect.resolved,
        fleet_stays=stays,
        node_changes=[] if stays else effect.nodes,
        seconds=seconds,
    )


def _stays(found: milp.Answer, stay: milp.Answer | None, gap: float) -> bool | None:
    """Whether the plan's nodes do as well as the best that was found, within the gap asked for."""
    if found.why == "infeasible" or (stay is not None and stay.why == "infeasible"):
        return False
    if stay is None or stay.objective is None or found.objective is None:
        return None
    return stay.objective - found.objective <= max(gap, 1e-6) * abs(found.objective)


def _with_nodes_of(plan: Plan, program: Program, options: milp.Options) -> milp.Answer | None:
    """The best that the plan's own nodes can do under the other inputs; None where the program has no such nodes."""
    layout = program.layout
    hires = {layout.hire_name(h): layout.hires.col[h] for h in range(len(layout.hires.col))}
    lower, upper = program.problem.lower.copy(), program.problem.upper.copy()
    for columns in hires.values():
        lower[columns] = upper[columns] = 0.0
    for line in plan.nodes:
        columns = hires.get(f"{line.region}/{line.offer}/{line.procurement}")
        if columns is None:
            return None
        lower[columns] = upper[columns] = [line.by_slot.get(slot, line.nodes) for slot in layout.slots]
    return milp.Solver(replace(program.problem, lower=lower, upper=upper), replace(options, log_file="")).solve()
