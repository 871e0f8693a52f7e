"""What if a scenario were a little different: both questions solved, and the difference told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from optimizer.changes import changed
from optimizer.difference import Difference, difference
from optimizer.milp import Progress
from optimizer.plan import Part, Plan
from optimizer.solve import solve
from scenarios.schema import Scenario

Watch = Callable[[Progress], None]


class Alone(Part):
    """One of several changes, made alone."""

    change: str
    says: list[str]
    difference: Difference


class WhatIf(Part):
    """A scenario, the same one changed, and what lies between the two answers."""

    changes: list[str]
    """As written."""
    says: list[str]
    """Each change in words, with the defaults that went into it."""
    difference: Difference
    each: list[Alone]
    """Each change made alone; empty unless asked for."""
    before: Plan
    after: Plan


def whatif(
    scenario: Scenario,
    changes: Sequence[str],
    *,
    base: Plan | None = None,
    each: bool = False,
    progress: Watch | None = None,
    time_limit: float | None = None,
    gap: float | None = None,
    threads: int | None = None,
    seed: int | None = None,
) -> WhatIf:
    """What changes in the answer when the scenario is changed.

    Args:
        scenario: the question as it is.
        changes: `limits.budget=$4M/yr`, `regions+=aws/eu-west-1`, `accelerators-=b200-sxm`; made together.
        base: the answer to the question as it is, where it is known; solved for otherwise.
        each: also make each change alone.
        progress, time_limit, gap, threads, seed: as of `optimizer.solve`.

    Raises:
        ScenarioError: a change cannot be made.
        ValueError: `base` answers another question.
    """
    other, says = changed(scenario, changes)
    # All changes are read before anything is solved, so that a wrong one costs no time.
    alone = [(text, *changed(scenario, [text])) for text in changes] if each and len(changes) > 1 else []
    if base is not None and base.lock.scenario_sha256 != scenario.digest:
        raise ValueError(f"the plan of {base.scenario} answers another question than {scenario.name} as it stands")

    def solved(question: Scenario) -> Plan:
        return solve(
            question,
            binding=False,
            insurance=False,
            progress=progress,
            time_limit=time_limit,
            gap=gap,
            threads=threads,
            seed=seed,
        )

    before = base or solved(scenario)
    after = solved(other)
    lines = [
        Alone(change=text, says=words, difference=difference(before, solved(question)))
        for text, question, words in alone
    ]
    return WhatIf(
        changes=list(changes),
        says=says,
        difference=difference(before, after),
        each=lines,
        before=before,
        after=after,
    )


def compare(a: Plan, b: Plan) -> Difference:
    """What changes from plan `a` to plan `b`."""
    return difference(a, b)
