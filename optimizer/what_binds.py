"""Everything that is asked of a plan by moving limits and inputs and solving again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from optimizer import milp
from optimizer.bindings import priced_moves
from optimizer.deadline import Deadline
from optimizer.held_together import held_together
from optimizer.most_demand import Capacity
from optimizer.plan import Plan
from optimizer.shadow_prices import shadow_prices
from optimizer.solved_again import Solved
from optimizer.tornado import tornado
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]
RELAXATION = (0.05,)
CURVE = (0.10, -0.10, 0.05, -0.05, 0.01)
"""In the order in which they are solved: where a large move changes nothing, a smaller one is not solved."""
ONCE, MANY = 3.0, 10.0
"""What a part of it may take, in times of the limit on one search."""


def what_binds(
    scenario: Scenario,
    plan: Plan,
    solved: Solved,
    binding: bool,
    curves: bool,
    inputs: bool,
    progress: Watch | None,
) -> Plan:
    """The plan with its limits priced, and on request curves, limits that hold together, and inputs.

    Ctrl-C keeps what is known so far; the questions after it are not asked.
    """
    parts: dict[str, object] = {}
    go_on, solved = True, _until(solved, ONCE)
    if binding and not curves:
        parts["binding"], go_on = priced_moves(scenario, plan, solved, RELAXATION, progress)
    elif binding:
        parts, go_on = _curves(scenario, plan, solved, progress)
    if inputs and go_on:
        parts["sensitivity"] = tornado(scenario, plan, _until(solved, MANY), progress)
    return plan.model_copy(update=parts)


def _until(solved: Solved, times: float) -> Solved:
    return replace(solved, deadline=Deadline(times * solved.solver.options.time_limit_s))


def _curves(scenario: Scenario, plan: Plan, solved: Solved, progress: Watch | None) -> tuple[dict[str, object], bool]:
    capacity = Capacity(scenario, plan, solved.solver.options)
    try:
        most = capacity.lines(progress)
    except KeyboardInterrupt:
        most = None
    if most is None:
        return {}, False
    priced, go_on = priced_moves(scenario, plan, _until(solved, MANY), CURVE, progress, capacity)
    parts: dict[str, object] = {"most_demand": most, "binding": priced}
    if go_on:
        parts["together"] = held_together(scenario, plan, _until(solved, ONCE), priced, progress)
        go_on = parts["together"] is not None
    if go_on:
        parts["relaxation"] = shadow_prices(scenario, solved.solver.options, progress)
        go_on = parts["relaxation"] is not None
    return parts, go_on
