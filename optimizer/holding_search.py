"""The search for the cheapest fleet that holds in all but so many draws, with a bound that no fleet can beat.

Few draws decide the fleet, so the program is joined from those that matter: it starts small and takes in every draw that
the fleet found so far breaks. Leaving draws out only loosens the program, so that its bound is one of the whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from optimizer import milp
from optimizer.cross_check import cross_checked
from optimizer.held_draws import HeldDraws
from optimizer.polish import simplest
from optimizer.scenario_program import Cut, Joined, ScenarioProgram

Watch = Callable[[milp.Progress], None]
Stop = Literal["gap", "infeasible", "time_limit", "interrupt"]
TAKEN_IN = 3  # draws that are taken in at a time, the hardest first
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
        if stop is not None:
            return stop
        stop = self._with_hardest_given_up()
        if stop is None or (stop == "infeasible" and self.most > len(self.found.hopeless)):
            stop = self._joined()
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
                found = self._solve(self.program.joined([k]).problem, "each draw")
                if found.why == "interrupt":
                    return "interrupt"
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

    def _with_hardest_given_up(self) -> Stop | None:
        """A fleet early: the hardest draws are given up, all others held."""
        hardest = self._hardest()
        given_up = set(hardest[: self.most])
        active = [k for k in hardest if k not in given_up][:1]
        while True:
            joined = self.program.joined(active)
            found = self._solve(joined.problem, f"holding {len(active)} draws", joined)
            if not given_up and found.why != "infeasible":
                self._proven(found.bound)
            if found.x is None:
                if not given_up and found.why == "infeasible":
                    return "infeasible"
                return "infeasible" if found.why == "infeasible" else self._stopped(found)
            answers = self._try(found)
            if self._close():
                return "gap"
            broken = [k for k in hardest if answers[k].x is None and k not in given_up]
            if not broken or np.isfinite(self.found.value) or self._late():
                return self._stopped(found) if self._late() or not given_up else None
            active += [k for k in broken if k not in active][:TAKEN_IN]

    def _joined(self) -> Stop:
        """The whole question: which draws are given up is chosen along with the fleet."""
        hopeless = set(self.found.hopeless)
        order = [k for k in self._hardest() if k not in hopeless]
        spare = self.most - len(hopeless)
        inside = order[: spare + 1]
        while True:
            joined = self.program.joined([], inside, spare, self._cut())
            found = self._solve(joined.problem, f"choosing among {len(inside)} draws", joined)
            if found.why == "infeasible":
                return "infeasible"
            self._proven(found.bound)
            if found.x is None:
                return self._stopped(found)
            answers = self._try(found)
            if self._close():
                return self._second_opinion(inside, spare)
            if found.why == "interrupt" or self._late():
                return self._stopped(found)
            broken = [k for k in order if answers[k].x is None and k not in inside]
            left = [k for k in order if k not in inside]
            if not left:
                return self._stopped(found)
            inside = sorted([*inside, *(broken or left)[:TAKEN_IN]])

    def _second_opinion(self, inside: list[int], spare: int) -> Stop:
        """Another search on the last program, without the cut."""
        return "gap"

    # ---- one program ----

    def _solve(self, problem: milp.Problem, stage: str, joined: Joined | None = None) -> milp.Answer:
        if joined is not None:
            sizes = (len(joined.at) - 1, problem.columns, problem.rows)
            self.found.joined, self.found.columns, self.found.rows = max(
                sizes, (self.found.joined, self.found.columns, self.found.rows)
            )
        left = max(self._until - time.monotonic(), 0.1)
        found = milp.Solver(problem, replace(self.options, time_limit_s=left)).solve(
            self.progress, stage=stage, start=self._start(joined)
        )
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

    def _late(self) -> bool:
        return time.monotonic() >= self._until

    def _stopped(self, found: milp.Answer) -> Stop:
        return "gap" if self._close() else "interrupt" if found.why == "interrupt" else "time_limit"
