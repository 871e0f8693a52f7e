"""The most demand that can be served: the demand's own column run the other way.

All demand grows by one factor. The program is that of a larger demand, whose demand columns take part of it away
again; the least that must go is minimized. So what is found is exact to the solver's gap, with failures planned for at
the grown demand and every cap held at it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from optimizer import milp
from optimizer.effects import without_dust
from optimizer.grown import Wide, demand_columns
from optimizer.moves import CAPS, moved
from optimizer.plan import Interval, MostDemand, Plan
from optimizer.program import UNITS, Program
from optimizer.tables import Question, ask
from physics.layout import Elastic
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]
GROWTHS = (0.25, 1.0, 9.0)
LIVE = (*CAPS, "site", "min", "max", "changes")
"""Limits whose column in the program moves them whatever the demand is; a share of the demand is not one of them."""
CAP_TOLERANCE = 1e-9


class Capacity:
    """How many requests a second can be served for no more of the plan's money (or carbon, whatever was made least)."""

    def __init__(self, scenario: Scenario, plan: Plan, options: milp.Options) -> None:
        assert plan.objective is not None
        self.scenario, self.options = scenario, options
        self.account = plan.objective.account
        self.most = plan.accounts[self.account]
        self._models: dict[float, _Model] = {}
        self._base: Interval | None = None

    def lines(self, progress: Watch | None) -> list[MostDemand] | None:
        """The most for what the plan takes, and the most within the limits; None where Ctrl-C ended it."""
        found = []
        for within, cap in (("plan", self.most), ("limits", None)):
            began = time.process_time()
            served = self._served(None, 0.0, cap, progress)
            if served is None:
                return None
            value = cap if cap is not None else self._limit()
            found.append(
                MostDemand(
                    within=within,  # type: ignore[arg-type]
                    account=self.account,
                    value=value,
                    unit=UNITS[self.account],
                    requests_per_s=served,
                    asked_requests_per_s=self._asked(),
                    at_least=served[1] >= (1 + GROWTHS[-1]) * self._asked() * (1 - 1e-9),
                    seconds=time.process_time() - began,
                )
            )
        return found

    def change(self, limit: Elastic, by: float, progress: Watch | None) -> Interval | None:
        """Requests/s more (or fewer) for what the plan takes, with one limit moved; None where Ctrl-C ended it."""
        if self._base is None:
            self._base = self._served(None, 0.0, self.most, progress)
        base = self._base
        now = self._served(limit, by, self.most, progress) if base is not None else None
        if base is None or now is None:
            return None
        low, high = now[0] - base[1], now[1] - base[0]
        low, high = (max(low, 0.0), max(high, 0.0)) if by > 0 else (min(low, 0.0), min(high, 0.0))
        return without_dust((low, high), base[1])

    def _limit(self) -> float | None:
        kind = next((kind for kind, name in CAPS.items() if _ACCOUNT[kind] == self.account), "")
        return getattr(self.scenario.limits, CAPS[kind]) if kind else None

    def _asked(self) -> float:
        """Requests/s in the slot with most."""
        return self._model(GROWTHS[0]).asked_requests_per_s

    def _model(self, growth: float) -> _Model:
        if growth not in self._models:
            self._models[growth] = _Model(self.scenario, growth, self.options)
        return self._models[growth]

    def _served(self, limit: Elastic | None, by: float, cap: float | None, progress: Watch | None) -> Interval | None:
        """Requests/s that a fleet was found for, and that none can serve more than; None where Ctrl-C ended it."""
        stage = "most demand" if limit is None else f"most demand, {limit.name} moved"
        served: Interval = (0.0, 0.0)
        for growth in GROWTHS:
            if limit is None or limit.name.split()[0] in LIVE:
                model, move = self._model(growth), (limit.name, by) if limit is not None else None
            else:
                changed = moved(self.scenario, limit, by).scenario
                if not all(len(table) for table in ask(changed).tables):
                    return served
                model, move = _Model(changed, growth, self.options, self._model(growth).program.question), None
            found = model.served(self.account, cap, move, progress, stage)
            if found is None:
                return None
            served = found
            if served[1] < model.asked_requests_per_s * (1 + growth) * (1 - 1e-9):
                break
        return served


_ACCOUNT = {
    "budget": "usd_per_year",
    "carbon": "kg_co2e_per_year",
    "water": "litres_per_year",
    "energy": "kwh_per_year",
}


class _Model:
    """A live program in which all demand, grown, falls by one column as little as it must."""

    def __init__(self, scenario: Scenario, growth: float, options: milp.Options, like: Question | None = None) -> None:
        self.growth = growth
        self.program: Program = Wide.of(scenario, growth, like).program
        layout = self.program.layout
        self.asked_requests_per_s = float(layout.requests.demand.sum(axis=(0, 1)).max())
        self._less = np.array(demand_columns(self.program))
        self.solver = milp.Solver(_falling(self.program.problem, self._less), options)

    def served(
        self, account: str, cap: float | None, move: tuple[str, float] | None, progress: Watch | None, stage: str
    ) -> Interval | None:
        """The most requests/s with a cap on an account, and a limit's column moved."""
        layout, problem = self.program.layout, self.solver.problem
        columns = [layout.accounts[account]]
        lower, upper = [problem.lower[columns[0]]], [np.inf]
        if cap is not None:
            unit = layout.account_units[account]
            upper = [cap / unit + CAP_TOLERANCE * max(1.0, abs(cap / unit))]
        if move is not None:
            columns.append(layout.elastic_col(move[0]))
            lower, upper = [*lower, move[1]], [*upper, move[1]]
        self.solver.move_columns(np.array(columns), np.array(lower), np.array(upper))
        try:
            found = self.solver.solve(progress, stage=stage)
        finally:
            self.solver.move_columns(np.array(columns), problem.lower[columns], problem.upper[columns])
        if found.why == "interrupt":
            return None
        whole = self.asked_requests_per_s * (1 + self.growth)
        if found.why == "infeasible":
            return 0.0, 0.0
        most = (1 - max(found.bound, 0.0)) * whole
        return (1 - found.objective) * whole if found.objective is not None else 0.0, most


def _falling(problem: milp.Problem, less: np.ndarray) -> milp.Problem:
    """All demands fall by the same share, and the first of them is minimized."""
    lower, upper, cost = problem.lower.copy(), problem.upper.copy(), np.zeros(problem.columns)
    lower[less], upper[less], cost[less[0]] = 0.0, 1.0, 1.0
    others = less[1:]
    rows = np.arange(others.size, dtype=np.intp)
    return replace(
        problem,
        cost=cost,
        lower=lower,
        upper=upper,
        row=np.concatenate([problem.row, np.tile(rows, 2) + problem.rows]),
        col=np.concatenate([problem.col, others, np.repeat(less[0], others.size)]),
        value=np.concatenate([problem.value, np.ones(others.size), -np.ones(others.size)]),
        row_lower=np.append(problem.row_lower, np.zeros(others.size)),
        row_upper=np.append(problem.row_upper, np.zeros(others.size)),
        offset=0.0,
        unit=1.0,
    )
