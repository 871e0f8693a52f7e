"""Shadow prices of the linear relaxation: what a limit would cost if replicas, nodes and bands came in fractions.

They are duals, for those who know them from other models, and they are not prices of the fleet: with whole nodes a
limit with no slack can cost nothing, and one with slack can cost much. What binds is found by solving again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from optimizer import milp
from optimizer.plan_binding import Relaxation, ShadowPrice
from optimizer.program import UNITS, build
from optimizer.tables import ask
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]
DUST = 1e-9
"""Of the relaxation's value: a smaller change by a whole limit is 0."""


def shadow_prices(scenario: Scenario, options: milp.Options, progress: Watch | None = None) -> Relaxation | None:
    """The relaxation's value, and what it changes by for each 1 % by which a limit is relaxed; None after Ctrl-C.

    The program has columns for more nodes than the quotas allow, so that a quota has its price too. TTFT and ITL decide
    which columns there are; they have none.
    """
    began = time.process_time()
    program = build(ask(scenario, roomy=True))
    problem = program.problem
    solver = milp.Solver(replace(problem, integer=np.zeros_like(problem.integer)), options)
    found = solver.solve(progress, stage="linear relaxation")
    account = program.objective_account
    if found.why == "interrupt":
        return None
    value, prices = None, []
    if found.why == "gap" and found.objective is not None:
        value = found.objective * program.objective_unit
        reduced = solver.reduced_costs() * program.objective_unit
        prices = [
            ShadowPrice(limit=one.name, key=one.key, wall=one.wall, per_percent=0.01 * float(reduced[one.col]))
            for one in program.layout.elastics
            if abs(reduced[one.col]) > DUST * abs(value)
        ]
    return Relaxation(
        account=account,
        value=value,
        unit=UNITS[account],
        prices=sorted(prices, key=lambda price: (price.per_percent, price.limit)),
        seconds=time.process_time() - began,
    )
