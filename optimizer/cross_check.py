"""A second opinion on an optimum: another search tries to beat it by more than the gap."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from optimizer import milp

Verdict = Literal["confirmed", "corrected", "not finished"]
MOST_TREE_NODES = 500
LEAST_SECONDS = 2.0


def cross_checked(problem: milp.Problem, found: milp.Answer, options: milp.Options) -> tuple[milp.Answer, Verdict]:
    """The answer, and whether a search with presolve and another seed agrees with it.

    The second search looks for a point that is better by more than the gap. Proving that there is none confirms the
    answer. A better point corrects it: the question is then solved along the second path, and the better answer is kept
    with the weaker of the two bounds. It stops after a fixed number of tree nodes, or after twice the time of
    the first search; then the answer stands as it was, not confirmed. A claim that nothing fits is tried again too.
    """
    second = replace(options, other_path=True, seed=options.seed + 1, log_file="")
    if found.why == "infeasible":
        tried = milp.Solver(problem, second).solve(stage="cross-check")
        if tried.x is not None:
            return tried, "corrected"
        return found, "confirmed" if tried.why == "infeasible" else "not finished"
    if found.x is None or found.objective is None or found.why != "gap":
        return found, "not finished"
    margin = max(options.gap, 1e-6) * max(abs(found.objective), 1e-9)
    priced = np.flatnonzero(problem.cost)
    better = replace(
        problem,
        row=np.concatenate([problem.row, np.full(priced.size, problem.rows)]),
        col=np.concatenate([problem.col, priced]),
        value=np.concatenate([problem.value, problem.cost[priced]]),
        row_lower=np.append(problem.row_lower, -np.inf),
        row_upper=np.append(problem.row_upper, found.objective - problem.offset - margin),
    )
    limited = replace(
        second,
        most_nodes=MOST_TREE_NODES,
        time_limit_s=min(options.time_limit_s, max(LEAST_SECONDS, 2 * found.seconds)),
    )
    tried = milp.Solver(better, limited).solve(stage="cross-check")
    if tried.why == "infeasible":
        return found, "confirmed"
    if tried.why == "interrupt":
        return replace(found, why="interrupt"), "not finished"  # Ctrl-C is meant for the whole run
    if tried.x is None:
        return found, "not finished"
    again = milp.Solver(problem, second).solve(stage="correct")
    if again.objective is None or again.objective >= found.objective:
        again = replace(again, x=tried.x, objective=float(problem.cost @ tried.x + problem.offset))
    bound = min(again.bound, found.bound, again.objective or np.inf)
    return replace(again, bound=bound, why=again.why), "corrected"
