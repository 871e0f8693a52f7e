"""Limits that hold together: none of them changes the answer alone, but relaxed together they do.

First all limits that tell nothing alone are relaxed at once. Where that changes no more than what one of them alone may
change within its gap, no set is told apart from a single limit. Else a smallest set that does is found by halving, and
the search goes on with one of its members held, for each member in turn, until no further set is left or enough
questions were asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from optimizer import milp
from optimizer.bindings import movable, node_devices
from optimizer.moves import moved, relaxed_value, step
from optimizer.plan import Binding, LimitsTogether, Plan
from optimizer.plan_binding import Together
from optimizer.solved_again import Effect, Solved, answer_to, effect_of
from optimizer.words import amount
from physics.layout import Elastic
from scenarios.schema import Scenario

Watch = Callable[[milp.Progress], None]
BY = 0.10
MOST_QUESTIONS = 24
Names = tuple[str, ...]


class _Interrupted(Exception):
    """Ctrl-C, or enough questions were asked."""

    def __init__(self, by_hand: bool) -> None:
        super().__init__()
        self.by_hand = by_hand


def held_together(
    scenario: Scenario, plan: Plan, solved: Solved, priced: Sequence[Binding], progress: Watch | None
) -> LimitsTogether | None:
    """Every smallest set of limits that holds the plan only together; None after Ctrl-C."""
    began = time.process_time()
    idle = _idle(priced)
    steps: dict[str, tuple[Elastic, float]] = {}
    for limit in movable(scenario, solved.program):
        by = step(limit, BY, node_devices(solved.program, limit), len(scenario.regions))
        if limit.name in idle and by is not None:
            steps[limit.name] = (limit, by)
    search = _Search(scenario, plan, solved, progress, steps, _alone(plan, priced, idle))
    complete = True
    try:
        search.run()
    except KeyboardInterrupt:
        return None
    except _Interrupted as stop:
        if stop.by_hand:
            return None
        complete = False
    every = search.known.get(frozenset(steps))
    return LimitsTogether(
        asked=list(steps),
        by=BY,
        usd_per_year_change=every.changes["usd_per_year"] if every else None,
        kg_co2e_per_year_change=every.changes["kg_co2e_per_year"] if every else None,
        found=[_told(search, names) for names in search.sets],
        complete=complete,
        seconds=time.process_time() - began,
    )


def _idle(priced: Sequence[Binding]) -> set[str]:
    """Limits whose relaxations alone change nothing that the gaps can tell, as far as each was settled; dropping a rule
    counts apart."""
    relaxed = [line for line in priced if line.relaxation > 0]
    told = {line.limit for line in relaxed if line.status == "stopped" or (line.resolved and _changes(line))}
    return {line.limit for line in relaxed} - told


def _alone(plan: Plan, priced: Sequence[Binding], idle: set[str]) -> float:
    """The most (below 0) that one of them alone may change what was made least: what its gap leaves open."""
    ends = [_goal(plan, line) for line in priced if line.limit in idle and line.relaxation > 0]
    return min((end for end in ends if end is not None), default=0.0)


def _goal(plan: Plan, line: Binding) -> float | None:
    assert plan.objective is not None
    change = {"usd_per_year": line.usd_per_year_change, "kg_co2e_per_year": line.kg_co2e_per_year_change}
    of = change.get(plan.objective.account, (0.0, 0.0))
    return of[0] if of is not None else None


def _changes(line: Binding) -> bool:
    both = (line.usd_per_year_change, line.kg_co2e_per_year_change)
    return any(change not in (None, (0.0, 0.0)) for change in both)


@dataclass
class _Search:
    scenario: Scenario
    plan: Plan
    solved: Solved
    progress: Watch | None
    steps: dict[str, tuple[Elastic, float]]
    alone: float
    known: dict[frozenset[str], Effect] = field(default_factory=dict)
    sets: list[Names] = field(default_factory=list)

    def run(self) -> None:
        """Find every smallest set, by holding one member of each known set in turn."""
        if len(self.steps) < 2:
            return
        open_, seen = [frozenset[str]()], set()
        while open_:
            held = open_.pop(0)
            if held in seen:
                continue
            seen.add(held)
            free = tuple(name for name in self.steps if name not in held)
            here = next((names for names in self.sets if not held & set(names)), None)
            if here is None and self.tells(free):
                here = self.smallest((), (), free)
                if not self.tells(here):
                    raise _Interrupted(by_hand=False)  # too near to the gap to be told apart
                self.sets.append(here)
            open_ += [held | {name} for name in here or ()]

    def smallest(self, kept: Names, new: Names, free: Names) -> Names:
        """A smallest part of `free` that tells something together with `kept`, which holds `new`."""
        if new and self.tells(kept):
            return ()
        if len(free) == 1:
            return free
        half = len(free) // 2
        first, second = free[:half], free[half:]
        from_second = self.smallest(kept + first, first, second)
        from_first = self.smallest(kept + from_second, from_second, first)
        return from_first + from_second

    def tells(self, names: Names) -> bool:
        """Whether relaxing these limits together changes more than any one of them alone may."""
        if len(names) < 2:
            return False
        key = frozenset(names)
        if any(key <= other and not self._more(effect) for other, effect in self.known.items()):
            return False
        if key not in self.known:
            self.known[key] = self._solve(names)
        return self._more(self.known[key])

    def _more(self, effect: Effect) -> bool:
        return effect.objective is not None and effect.objective[1] < min(self.alone, 0.0) - 1e-9

    def _solve(self, names: Names) -> Effect:
        if len(self.known) >= MOST_QUESTIONS or self.solved.deadline.over:
            raise _Interrupted(by_hand=False)
        scenario = self.scenario
        for name in names:
            scenario = moved(scenario, *self.steps[name]).scenario
        stage = f"relax {len(names)} limits"
        like = self.solved.program.question
        program, found = answer_to(scenario, self.solved.options, self.progress, stage, like)
        if found.why == "interrupt":
            raise _Interrupted(by_hand=True)
        return effect_of(self.plan, self.solved, program, found, "worse")


def _told(search: _Search, names: Names) -> Together:
    effect = search.known[frozenset(names)]
    usd, kg = effect.changes["usd_per_year"], effect.changes["kg_co2e_per_year"]
    assert usd is not None and kg is not None
    return Together(
        limits=list(names),
        changes=[_change(*search.steps[name]) for name in names],
        usd_per_year_change=usd,
        kg_co2e_per_year_change=kg,
        node_changes=effect.nodes,
    )


def _change(limit: Elastic, by: float) -> str:
    return f"{limit.name}: {amount(limit.value, limit.unit)} -> {amount(relaxed_value(limit, by), limit.unit)}"
