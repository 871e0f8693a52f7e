"""Among plans that are equally good, the simplest: the documented second objective."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer import milp
from optimizer.program import Program

MOST_COLUMNS = 20_000
MOST_TREE_NODES = 300
REPLICA_WEIGHT = 1e-3


def simplest(program: Program, found: milp.Answer, options: milp.Options) -> milp.Answer:
    """The same nodes at the same objective with the fewest pools and changes, then the fewest replicas.

    Equal means within 1e-5 of the objective (and within a tenth of the gap asked for), so a tie is not broken against
    the goal. Stops after a fixed number of tree nodes, not seconds: the same input gives the same plan.
    """
    if found.x is None or found.objective is None or found.why != "gap" or program.problem.columns > MOST_COLUMNS:
        return found
    problem, layout = program.problem, program.layout
    tolerance = min(1e-5, options.gap / 10) * abs(found.objective) + 1e-9
    lower, upper = problem.lower.copy(), problem.upper.copy()
    nodes = np.unique(layout.hires.col)
    lower[nodes] = upper[nodes] = found.x[nodes]
    cost = np.zeros_like(problem.cost)
    chosen = layout.bands.chosen_col
    cost[np.unique(chosen[chosen >= 0])] = 1.0
    cost[np.unique(layout.counts.col)] = REPLICA_WEIGHT
    if layout.today is not None:
        cost[layout.today.changed()] = 1.0  # whatever the pools: with the nodes fixed, changes are a matter apart
    priced = np.flatnonzero(problem.cost)
    simpler = replace(
        problem,
        cost=cost,
        lower=lower,
        upper=upper,
        row=np.concatenate([problem.row, np.full(priced.size, problem.rows)]),
        col=np.concatenate([problem.col, priced]),
        value=np.concatenate([problem.value, problem.cost[priced]]),
        row_lower=np.append(problem.row_lower, -np.inf),
        row_upper=np.append(problem.row_upper, found.objective + tolerance),
    )
    solver = milp.Solver(simpler, replace(options, gap=1e-4, most_nodes=MOST_TREE_NODES, log_file=""))
    second = solver.solve(start=found.x)
    if second.why == "interrupt":
        return replace(found, why="interrupt")  # Ctrl-C is meant for the whole run
    if second.x is None:
        return found
    objective = float(problem.cost @ second.x + problem.offset)
    bound, seconds = min(found.bound, objective), found.seconds + second.seconds
    return replace(found, x=second.x, objective=objective, bound=bound, seconds=seconds)
