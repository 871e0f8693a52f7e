"""The search behind `argosy repair`: which limits move together for the least weighted sum of relative moves.

The elastic program minimizes the weighted sum of the relative relaxations. No limit moves by more than 90 % downwards,
which would leave nothing of it; residency and the allowed precisions are kept. TTFT and ITL decide which columns there
are, so they move in steps, several of them together where that is less.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from optimizer import milp
from optimizer.moves import a_bit_more, latency_limits, moved
from optimizer.plan import Change
from optimizer.program import Program, build
from optimizer.tables import ask
from physics.layout import Elastic
from scenarios.schema import Scenario
from scenarios.schema_repair import ADDITION, NEVER, Repair

Watch = Callable[[milp.Progress], None]
KEPT = ("residency", "precisions", "itl", "ttft")
FALLING = ("demand", "node", "region", "min")
SUPPLY = ("quota", "site")
SUPPLY_PART = 0.01
"""What a limit on supply counts where the question is what would be if devices could be had."""
MOST_FALL = 0.9
STEPS = (0.1, 0.25, 0.5)
"""Relaxations of a latency limit that combinations try."""
MOST_LATENCY, MOST_TRIES = 4, 12
"""Latency limits that are tried in all their sets, and sets of steps that are priced for one combination."""
LEAST_WEIGHT = 1e-3
"""What a weight of 0 counts: nothing moves for nothing."""
MOVED = 1e-6
SECONDS, NODES = 20.0, 100  # at which a search for the least sum stops; nodes are the same on every machine
GAP = 0.01  # of the weighted sum; 0 where the scenario asks for a gap of 0
STAGE = "move several limits"


@dataclass(frozen=True)
class Weights:
    """What a move of 100 % of each limit counts, by the scenario's own weights."""

    asked: Repair
    demand_kept: bool = False
    supply_eased: bool = False
    """As if devices could be had: limits on supply count little."""

    def of(self, limit: str) -> float:
        """Of a limit by name, or of an addition; `NEVER` where it stays as it is."""
        if self.demand_kept and limit.startswith("demand "):
            return NEVER
        part = SUPPLY_PART if self.supply_eased and limit.split()[0] in SUPPLY else 1.0
        return max(self.asked.weight(limit), LEAST_WEIGHT) * part


@dataclass(frozen=True)
class Way:
    """A way out before it is priced: what changes, each limit's relative move, and the scenario after it."""

    kind: Literal["combination", "addition"]
    scenario: Scenario
    changes: tuple[Change, ...] = ()
    moves: tuple[tuple[str, float], ...] = ()
    says: str = ""

    def weight(self, weights: Weights) -> float:
        """How much changes."""
        added = weights.of(ADDITION) if self.kind == "addition" else 0.0
        return added + sum(by * weights.of(name) for name, by in self.moves)

    def moved(self, limit: Elastic, by: float, written: float | None = None) -> Way:
        """The same with one limit moved by a fraction; as `written` where that differs from what it counts."""
        move = moved(self.scenario, limit, by if written is None else written)
        change = Change(limit=move.limit, key=move.key, start=move.start, to=move.to, unit=move.unit)
        return replace(
            self, scenario=move.scenario, changes=(*self.changes, change), moves=(*self.moves, (limit.name, by))
        )


class Search:
    """Looks for the least weighted sum of relaxations.

    `closed` is the program in which relaxing a limit opens candidates; None where nothing can run the workloads.
    """

    def __init__(
        self, scenario: Scenario, options: milp.Options, progress: Watch | None, closed: Program | None
    ) -> None:
        gap = max(options.gap, GAP) if options.gap > 0 else 0.0
        self.options = replace(options, time_limit_s=min(SECONDS, options.time_limit_s), gap=gap, most_nodes=NODES)
        self.scenario, self.progress, self.closed = scenario, progress, closed
        self._programs: dict[str, Program | None] = {}
        self.settled = True
        """False once a search ended before it knew whether anything helps."""

    def combination(self, weights: Weights) -> Way | None:
        """Limits that move together, by the least sum; latency limits among them where that is less."""
        begun = Way("combination", self.scenario)
        best = self.completed(begun, weights)
        tries = 0
        for least, together in self._latency_sets(weights):
            if best is not None and least >= best.weight(weights):
                break
            rest = None
            for steps in _steps(together, weights):
                way = begun
                for limit, step in steps:
                    way = way.moved(limit, step)
                beat = best.weight(weights) if best is not None else np.inf
                if tries >= MOST_TRIES or way.weight(weights) >= beat:
                    break
                if rest is None:
                    # The largest steps leave least of the rest to move: by it most limits are seen not to help.
                    most = begun
                    for limit in together:
                        most = most.moved(limit, STEPS[-1])
                    rest, tries = self._bound(most.scenario, weights), tries + 1
                if rest is None or way.weight(weights) + rest >= beat:
                    break
                best, tries = self.completed(way, weights, beat) or best, tries + 1
        return best

    def completed(self, begun: Way, weights: Weights, beat: float = np.inf) -> Way | None:
        """The way out that goes on from `begun`; None where it weighs no less than `beat`, or nothing helps."""
        found = self._least(begun.scenario, weights, beat - begun.weight(weights))
        if found is None:
            return None
        for limit, by in found:
            begun = begun.moved(limit, by, a_bit_more(limit, by))
        return begun

    def _least(self, scenario: Scenario, weights: Weights, beat: float) -> list[tuple[Elastic, float]] | None:
        """Relaxations of least weighted sum; None where it is no less than `beat`, where nothing helps, or where time
        ran out."""
        program = self._program(scenario)
        if program is None or self._bound(scenario, weights, beat) is None:
            return None
        problem, limits = elastic(program, weights)
        problem = _below(problem, beat) if np.isfinite(beat) else problem
        found = milp.Solver(problem, self.options).solve(self.progress, stage=STAGE)
        self.settled &= found.x is not None or found.why == "infeasible"
        if found.x is None or found.objective is None or found.objective >= beat:
            return None
        return [(one, float(found.x[one.col])) for one in limits if found.x[one.col] > MOVED]

    def _bound(self, scenario: Scenario, weights: Weights, beat: float = np.inf) -> float | None:
        """What the relaxations add up to at least, by the linear relaxation; None from `beat` on, or if none helps."""
        program = self._program(scenario)
        if program is None:
            return None
        found = self._relaxed(elastic(program, weights)[0])
        return None if found.why == "infeasible" or found.bound >= beat else max(found.bound, 0.0)

    def _relaxed(self, problem: milp.Problem) -> milp.Answer:
        relaxed = replace(problem, integer=np.zeros_like(problem.integer))
        return milp.Solver(relaxed, self.options).solve(self.progress, stage=STAGE)

    def _latency_sets(self, weights: Weights) -> Iterator[tuple[float, tuple[Elastic, ...]]]:
        """Sets of latency limits that could be worth moving together, each with the least that it can come to: what
        dropping them all leaves to move, with the smallest step of each. The most promising first."""
        if self.closed is None:
            return
        problem = elastic(self.closed, weights)[0]
        gates = {name: limit.col for name, limit in self.closed.limits().items()}
        able = [one for one in latency_limits(self.scenario) if one.name in gates and weights.of(one.name) < NEVER]
        promising = []
        for size in range(1, len(able) + 1 if len(able) <= MOST_LATENCY else 3):
            for together in itertools.combinations(able, size):
                lower, upper = problem.lower.copy(), problem.upper.copy()
                columns = [gates[one.name] for one in together]
                lower[columns] = upper[columns] = 1.0
                found = self._relaxed(replace(problem, lower=lower, upper=upper))
                if found.why != "infeasible":
                    smallest = STEPS[0] * sum(weights.of(one.name) for one in together)
                    promising.append((smallest + max(found.bound, 0.0), size, together))
        yield from ((least, together) for least, _, together in sorted(promising, key=lambda entry: entry[:2]))

    def _program(self, scenario: Scenario) -> Program | None:
        """The program with room beyond the quotas; None where nothing can run the workloads."""
        name = scenario.digest
        if name not in self._programs:
            question = ask(scenario, roomy=True)
            able = {group.workload for group in question.groups}
            self._programs[name] = build(question) if len(able) == len(scenario.workloads) else None
        return self._programs[name]


def _steps(limits: tuple[Elastic, ...], weights: Weights) -> list[list[tuple[Elastic, float]]]:
    """Every choice of steps for some latency limits, the least weight first."""
    choices = itertools.product(STEPS, repeat=len(limits))
    found = [list(zip(limits, steps, strict=True)) for steps in choices]
    return sorted(found, key=lambda steps: sum(weights.of(limit.name) * step for limit, step in steps))


def elastic(program: Program, weights: Weights) -> tuple[milp.Problem, list[Elastic]]:
    """The program that minimizes the weighted sum of the relaxations, and the limits that it may move."""
    limits = [one for one in program.layout.elastics if may_move(one) and weights.of(one.name) < NEVER]
    columns = np.array([one.col for one in limits], dtype=np.intp)
    cost, upper = np.zeros_like(program.problem.cost), program.problem.upper.copy()
    cost[columns], upper[columns] = [weights.of(one.name) for one in limits], [most(one) for one in limits]
    return replace(program.problem, cost=cost, upper=upper), limits


def _below(problem: milp.Problem, most: float) -> milp.Problem:
    """The program with one row more: its objective is at most `most`."""
    col = np.flatnonzero(problem.cost)
    return replace(
        problem,
        row=np.append(problem.row, np.full(col.size, problem.rows)),
        col=np.append(problem.col, col),
        value=np.append(problem.value, problem.cost[col]),
        row_lower=np.append(problem.row_lower, -np.inf),
        row_upper=np.append(problem.row_upper, most),
    )


def may_move(limit: Elastic) -> bool:
    """Whether the elastic program may move a limit."""
    return limit.name.split()[0] not in KEPT


def most(limit: Elastic) -> float:
    """Largest relaxation of a limit in a combination."""
    kind = limit.name.split()[0]
    if kind == "min":
        return 1.0 - 1.0 / limit.value
    return MOST_FALL if kind in FALLING else limit.most
