"""Why a fleet does not hold where no limit that breaks says it: some rule of every fleet cannot be kept, by name.

The limits are made free first, then the rows that no limit belongs to, and as little of those as can be is broken.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer import milp
from optimizer.program import Program

NO_ROUTING = "no routing"
SMALLEST_BREAK = 1e-6
LIMIT_WEIGHT = 1e-6
"""Beside 1 for a row: limits give way first."""


def rows_broken(program: Program, options: milp.Options) -> list[tuple[str, str]]:
    """(wall, what it says) of the rows that have to break whatever the limits are; empty where none was found."""
    problem, at = program.problem, np.cumsum([0, *(block.size for block in program.blocks)])
    hard = [k for k, block in enumerate(program.blocks) if not block.limit and block.name != "account"]
    if not hard:
        return []
    rows = np.concatenate([np.arange(at[k], at[k + 1]) for k in hard])
    upper, cost = problem.upper.copy(), np.zeros(problem.columns)
    for limit in program.layout.elastics:
        upper[limit.col], cost[limit.col] = np.inf, LIMIT_WEIGHT
    slack = problem.columns + np.arange(2 * rows.size)
    free = replace(
        problem,
        cost=np.concatenate([cost, np.ones(slack.size)]),
        lower=np.concatenate([problem.lower, np.zeros(slack.size)]),
        upper=np.concatenate([upper, np.full(slack.size, np.inf)]),
        integer=np.concatenate([problem.integer, np.zeros(slack.size, dtype=bool)]),
        row=np.concatenate([problem.row, rows, rows]),
        col=np.concatenate([problem.col, slack]),
        value=np.concatenate([problem.value, np.ones(rows.size), -np.ones(rows.size)]),
        offset=0.0,
    )
    found = milp.Solver(free, options).solve()
    if found.x is None:
        return []
    broken = found.x[slack[: rows.size]] + found.x[slack[rows.size :]]
    by_block = np.add.reduceat(broken, np.cumsum([0, *(program.blocks[k].size for k in hard)])[:-1])
    named = ((program.blocks[k].wall, program.blocks[k].says) for k in np.array(hard)[by_block > SMALLEST_BREAK])
    return list(dict.fromkeys(named))
