"""The search for the cheapest fleet that holds in all but so many draws, with a bound that no fleet can beat.

Few draws decide the fleet, so the program is joined from those that matter: it starts small and takes in draws that
the fleet found so far breaks. Leaving draws out only loosens the program, so that its bound is one of the whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from optimizer import milp
from optimizer.cross_check import MOST_TREE_NODES
from optimizer.held_draws import HeldDraws
from optimizer.polish import simplest
from optimizer.scenario_program import Cut, Joined, ScenarioProgram, with_row

Watch = Callable[[milp.Progress], None]
Stop = Literal["gap", "infeasible", "time_limit", "interrupt"]
TAKEN_IN = 3  # draws that are taken in at a time, the hardest first
NODES_ALONE = 50  # of the search for what a draw asks alone; its bound is one wherever it stops
SMALLEST_GAP = 1e-6
SAME = 1e-5
SURE = 1e-9


@dataclass
class Found:
    """A fleet, what each draw does with it, and what is proven."""

    why: Stop = "time_limit"
    first: np.ndarray | None = None
    answers: list[milp.Answer] = field(default_factory=list)
    value: float = np.inf
    bound: float = -np.inf
    hopeless: list[int] = field(default_factory=list)
    """Draws in which no fleet holds."""
    cross_check: str = ""
    joined: int = 0
    """Draws in the largest program solved."""
    columns: int = 0
    rows: int = 0

    @property
    def gap(self) -> float | None:
        """(value - bound) / value."""
        return None if self.first is None else milp.relative_gap(self.value, self.bound)


class Search:
    """One search; `run` ends at the gap, at the time limit, or at Ctrl-C, with what is known by then."""

    def __init__(self, program: ScenarioProgram, most: int, options: milp.Options, progress: Watch | None) -> None:
        self.program, self.most, self.options, self.progress = program, most, options, progress
        self.held, self.found = HeldDraws(program, options), Found()
        self._until = time.monotonic() + options.time_limit_s
        self._asks: dict[int, float] = {}
        """What each draw asks at the least: no fleet that holds in it costs less."""
        self._inside: list[int] = []
        """Draws in the joined program."""
        self._at_once = max(TAKEN_IN, len(program.draws) // 12)

    def run(self) -> Found:
        """Search."""
        try:
            self.found.why = self._run()
        except KeyboardInterrupt:
            self.found.why = "interrupt"
        self.found.bound = min(self.found.bound, self.found.value)
        return self.found

    def _run(self) -> Stop:
        stop = self._alone()
        if stop is None:
            stop = self._hardest_given_up()
        if stop is None:
            stop = self._choosing()
        if stop == "gap":
            self._second_opinion()
            self._simplest()
            stop = self._stopped()
        return stop

    # ---- each draw alone ----

    def _alone(self) -> Stop | None:
        """A bound for each draw alone: of its relaxation for all, of the program for those that may decide."""
        draws = range(1, len(self.program.draws))
        for k in draws:
            problem = self.program.joined([k]).problem
            found = self._solve(replace(problem, integer=np.zeros_like(problem.integer)), "each draw")
            self._asks[k] = np.inf if found.why == "infeasible" else found.bound
        for k in self._hardest()[: self.most + TAKEN_IN]:
            if self._asks[k] < np.inf:
                found = self._solve(self.program.joined([k]).problem, "each draw", nodes=NODES_ALONE)
                self._asks[k] = np.inf if found.why == "infeasible" else max(found.bound, self._asks[k])
        self.found.hopeless = [k for k in draws if self._asks[k] == np.inf]
        hardest = self._hardest()
        if len(self.found.hopeless) > self.most:
            return "infeasible"
        if len(hardest) > self.most:
            self._proven(self._asks[hardest[self.most]])
        return None

    def _hardest(self) -> list[int]:
        return sorted(self._asks, key=lambda k: (-self._asks[k], k))

    def _cut(self) -> Cut | None:
        """What the draws ask alone, as a row: each step is what giving up the next hardest saves at most."""
        hardest = [k for k in self._hardest() if k not in self.found.hopeless]
        spare = self.most - len(self.found.hopeless)
        if len(hardest) <= spare:
            return None
        asks = [self._asks[k] for k in hardest]
        # A little room, as each bound is known to the solver's tolerance only.
        return Cut(asks[0] - SURE * abs(asks[0]), {hardest[i]: asks[i] - asks[i + 1] for i in range(spare)})

    # ---- draws together ----

    def _hardest_given_up(self) -> Stop | None:
        """A fleet early: the hardest draws are given up, and all others held. None where more is to be looked for."""
        hardest = self._hardest()
        given_up = set(hardest[: self.most])
        self._inside = [k for k in hardest if k not in given_up][:1]
        while True:
            joined = self.program.joined(self._inside)
            found = self._solve(joined.problem, f"holding {len(self._inside)} draws", joined)
            if not given_up:
                self._proven(found.bound)
                if found.why == "infeasible":
                    return "infeasible"
            if found.x is None:
                return None if found.why == "infeasible" else self._stopped()
            answers = self._try(found)
            if self._close() or self._late():
                return self._stopped()
            broken = [k for k in hardest if answers[k].x is None and k not in given_up]
            if np.isfinite(self.found.value) or not broken:
                return None
            self._inside += broken[: self._at_once]

    def _choosing(self) -> Stop:
        """The whole question: which draws are given up is chosen along with the fleet."""
        spare = self.most - len(self.found.hopeless)
        order = [k for k in self._hardest() if k not in self.found.hopeless]
        self._inside = [k for k in order if k in order[: spare + 1] or k in self._inside]
        gap = self.options.gap / 2
        while True:
            joined = self.program.joined([], self._inside, spare, self._cut())
            found = self._solve(joined.problem, f"choosing among {len(self._inside)} draws", joined, gap)
            if found.why == "infeasible":
                return "infeasible"
            self._proven(found.bound)
            if found.x is None or found.objective is None:
                return self._stopped()
            answers = self._try(found)
            left = [k for k in order if k not in self._inside]
            broken = [k for k in left if answers[k].x is None]
            if self._close() or self._late():
                return self._stopped()
            if broken:
                self._inside += broken[: self._at_once]
            elif left and self.found.value - found.objective >= found.objective - found.bound:
                # Draws that are left out count with too little: those by the most come in.
                short = {k: self._short(k, answers[k], found.x) for k in left}
                self._inside += sorted(left, key=lambda k: (-short[k], k))[: self._at_once]
            elif gap > SMALLEST_GAP:
                gap /= 2
            else:
                return self._stopped()

    def _short(self, k: int, answer: milp.Answer, x: np.ndarray) -> float:
        """By how much a draw costs more than it counts with where it is left out."""
        first = x[self.program.draws[0].first]
        return self.program.scale(k) * (answer.objective or 0.0) - self.program.idle_value(k, first)

    def _second_opinion(self) -> None:
        """Another search, with presolve and without the cut, looks for a fleet below the bound."""
        spare = self.most - len(self.found.hopeless)
        order = [k for k in self._hardest() if k not in self.found.hopeless]
        problem = self.program.joined([], {*self._inside, *order[: spare + 1]}, spare).problem
        priced, asked = np.flatnonzero(problem.cost), self.found.bound - 1e-6 * abs(self.found.bound)
        below = with_row(problem, priced, problem.cost[priced], upper=asked - problem.offset)
        second = replace(self.options, other_path=True, seed=self.options.seed + 1, log_file="")
        limited = replace(second, most_nodes=MOST_TREE_NODES, time_limit_s=self._left())
        tried = milp.Solver(below, limited).solve(self.progress, stage="cross-check")
        self.found.cross_check = "confirmed" if tried.why == "infeasible" else "not finished"
        if tried.x is None:
            return
        again = milp.Solver(problem, replace(second, time_limit_s=self._left())).solve(self.progress, stage="correct")
        self.found.cross_check, self.found.bound = "corrected", again.bound
        for found in (tried, again):
            if found.x is not None:
                self._try(found)

    def _simplest(self) -> None:
        """The same nodes with fewer pools, where that costs no more and breaks no further draw."""
        held = [k for k in self._inside if self.found.answers[k].x is not None]
        joined = self.program.joined(held)
        x = self._start(joined)
        if x is None:
            return
        problem, options = joined.problem, replace(self.options, time_limit_s=self._left())
        value = float(problem.cost @ x + problem.offset)
        base = replace(self.program.draws[0].program, problem=problem)
        found = simplest(base, milp.Answer("gap", x, value, value, 0.0), options)
        if found.x is None:
            return
        first = found.x[self.program.draws[0].first]
        answers = self.held.answers(first)
        value = self.held.value(first, answers, self.most)
        if value <= self.found.value * (1 + SAME):
            self.found.first, self.found.answers, self.found.value = first, answers, value

    # ---- one program ----

    def _solve(
        self,
        problem: milp.Problem,
        stage: str,
        joined: Joined | None = None,
        gap: float | None = None,
        nodes: int | None = None,
    ) -> milp.Answer:
        if joined is not None:
            sizes = (len(joined.at) - 1, problem.columns, problem.rows)
            self.found.joined, self.found.columns, self.found.rows = max(
                sizes, (self.found.joined, self.found.columns, self.found.rows)
            )
        options = replace(self.options, time_limit_s=self._left(), gap=self.options.gap if gap is None else gap)
        options = replace(options, most_nodes=nodes)
        found = milp.Solver(problem, options).solve(self.progress, stage=stage, start=self._start(joined))
        if found.why == "interrupt":
            raise KeyboardInterrupt
        return found

    def _start(self, joined: Joined | None) -> np.ndarray | None:
        """The best fleet so far as a point of a joined program, where it is one."""
        if joined is None or self.found.first is None:
            return None
        x = np.zeros(joined.problem.columns)
        for k, at in joined.at.items():
            found = self.found.answers[k]
            if found.x is None:
                if k not in joined.given_up:
                    return None
                found = self.held.routed[k].answer(self.found.first, given_up=True)
                x[joined.given_up[k]] = 1.0
            if found.x is None:
                return None
            x[at] = found.x
        return x

    def _try(self, found: milp.Answer) -> list[milp.Answer]:
        """What the fleet of a point does in every draw; it is kept where it is the best so far."""
        assert found.x is not None
        first = found.x[self.program.draws[0].first]
        answers = self.held.answers(first)
        value = self.held.value(first, answers, self.most)
        if value < self.found.value:
            self.found.first, self.found.answers, self.found.value = first, answers, value
        return answers

    def _proven(self, bound: float) -> None:
        self.found.bound = max(self.found.bound, bound)

    def _close(self) -> bool:
        gap = self.found.gap
        return gap is not None and gap <= self.options.gap + SURE

    def _left(self) -> float:
        return max(self._until - time.monotonic(), 0.1)

    def _late(self) -> bool:
        return time.monotonic() >= self._until

    def _stopped(self) -> Stop:
        return "gap" if self._close() else "time_limit"
