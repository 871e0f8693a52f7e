"""More ways out of an impossible question: several limits at once, and one thing more, each solved and verified.

`ways_search` finds them; here they are chosen, priced, put in order and made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from optimizer import milp
from optimizer.additions import Addition, added, additions
from optimizer.moves import latency_limits, moved, size
from optimizer.plan import Change, Plan, Repair
from optimizer.program import Program, build
from optimizer.tables import ask
from optimizer.ways_search import GAP, Search, Way, Weights
from optimizer.words import amount
from physics.layout import Elastic
from scenarios.schema import Scenario
from scenarios.schema_repair import ADDITION, NEVER

Watch = Callable[[milp.Progress], None]
Check = Callable[[Program, milp.Answer], Plan]
SAME = 0.02  # ways out this near to each other are told once
WORTH = 0.05  # an addition is a way out where it saves this part of what else must move
PRICED = 6  # additions that are priced: those that leave least to move


def more_ways(
    scenario: Scenario,
    singles: list[Repair],
    closed: Program | None,
    options: milp.Options,
    progress: Watch | None,
    check: Check,
) -> list[Repair]:
    """All ways out, the least change first, numbered; then the limits that never help alone.

    `closed` is the program in which relaxing a limit opens candidates; None where nothing can run the workloads.
    """
    search, weights = Search(scenario, options, progress, closed), Weights(scenario.repair)
    kept = replace(weights, demand_kept=True)

    def priced(ways: Iterable[Way | None]) -> list[Repair]:
        return [_priced(way, weights, search, check) for way in ways if way is not None]

    first = search.combination(weights)
    keeps = first is not None and not any(name.startswith("demand ") for name, _ in first.moves)
    second = first if keeps else search.combination(kept)
    # If devices could be had: worth telling where it saves money or carbon beside what moves least.
    eased = search.combination(replace(kept, supply_eased=True)) if second is not None else None
    combinations = priced([second] if keeps else [first, second])
    supply = [one for one in priced([eased]) if not _no_better(one, combinations[-1])]
    beat = second.weight(kept) if second is not None else np.inf
    more, needless = _additions(scenario, search, kept, beat)
    more = sorted(more, key=lambda way: way.weight(weights))
    together = [one for one in (*combinations, *supply) if len(one.changes) > 1]
    return in_order(scenario, [*singles, *together, *priced(more[:PRICED]), *needless])


def _no_better(one: Repair, other: Repair) -> bool:
    """Whether a way out saves neither money nor carbon beside another."""
    figures = ((one.usd_per_year, other.usd_per_year), (one.kg_co2e_per_year, other.kg_co2e_per_year))
    return all(a is None or b is None or a >= b * (1 - SAME) for a, b in figures)


def _additions(scenario: Scenario, search: Search, weights: Weights, beat: float) -> tuple[list[Way], list[Repair]]:
    """Of each family of additions those that suffice alone, else the one that leaves least to move; and those of the
    scenario's own that save too little.

    `beat`: what must move without any addition; an addition has to save a part of it.
    """
    itself = weights.of(ADDITION)
    if itself == NEVER:
        return [], []
    kept: dict[str, list[Way]] = {}
    needless: list[Repair] = []
    for one in additions(scenario):
        same = kept.get(one.family, [])
        less = min((way.weight(weights) - itself for way in same), default=np.inf)
        most = min(beat * (1 - WORTH), less) if less > 0 else beat * (1 - WORTH)
        search.settled = True
        way = search.completed(Way("addition", one.scenario, (one.change,), (), one.says), weights, itself + most)
        if way is not None:
            kept[one.family] = [*same, way] if not way.moves and less <= 0 else [way] if less > 0 else same
        elif one.listed:
            needless.append(_needless(one, search.settled))
    return [way for ways in kept.values() for way in ways], needless


def _needless(one: Addition, settled: bool) -> Repair:
    """What is said of an addition that was asked for and saves too little, or leaves no fleet all the same."""
    says = f"to {one.says} saves less than {WORTH:.0%} of what must move without it"
    if not settled:
        says = f"not settled in the time allowed whether it helps to {one.says}"
    return Repair(
        kind="addition",
        changes=[one.change],
        limit="addition",
        key=one.change.key,
        start=None,
        to=None,
        unit="",
        usd_per_year=None,
        kg_co2e_per_year=None,
        verified=False,
        settled=settled,
        says=says,
    )


def change_of(repair: Repair) -> Change:
    """The one change of a single-limit way out."""
    return Change(limit=repair.limit, key=repair.key, start=repair.start, to=repair.to, unit=repair.unit)


def changed(scenario: Scenario, changes: Iterable[Change]) -> Scenario:
    """The scenario after a way out."""
    for change in changes:
        if not change.limit:
            scenario = added(scenario, change.key, str(change.to))
            continue
        assert isinstance(change.start, float) and isinstance(change.to, float)
        known = {one.name: one for one in latency_limits(scenario)}
        limit = known.get(change.limit) or Elastic(change.limit, change.key, "", change.start, change.unit, "", -1)
        scenario = moved(scenario, limit, abs(change.to - change.start) / size(limit.name, change.start)).scenario
    return scenario


def relative(change: Change) -> float:
    """How far a limit moves as a part of itself, and 1 for an addition."""
    if isinstance(change.start, str) or isinstance(change.to, str) or change.start is None or change.to is None:
        return 1.0
    start = size(change.limit, change.start)
    return abs(change.to - change.start) / abs(start) if start else 1.0


def _priced(way: Way, weights: Weights, search: Search, check: Check) -> Repair:
    """Solve the changed question to know its price; the plan is verified like any other.

    It weighs what its changes add up to as they are written, the margin of each included, as a single limit does.
    """
    program = build(ask(way.scenario))
    options = replace(search.options, gap=max(search.options.gap, GAP), most_nodes=None)
    found = milp.Solver(program.problem, options).solve(search.progress, stage="price")
    plan = None if found.x is None else check(program, found)
    steps = [way.says] if way.says else []
    steps += [f"{c.limit}: {_amount(c.start, c.unit)} -> {_amount(c.to, c.unit)}" for c in way.changes if c.limit]
    if plan is None:
        end = " (not priced in the time allowed)"
    else:
        usd, kg = plan.accounts["usd_per_year"], plan.accounts["kg_co2e_per_year"]
        end = f" suffices: {amount(usd, 'USD/yr')}, {amount(kg, 'kg CO2e/yr')}"
    return Repair(
        kind=way.kind,
        changes=list(way.changes),
        weight=sum(relative(change) * weights.of(change.limit or ADDITION) for change in way.changes),
        limit=way.kind,
        key=", ".join(change.key for change in way.changes),
        start="as it is",
        to="; ".join(steps),
        unit="",
        usd_per_year=plan.accounts["usd_per_year"] if plan else None,
        kg_co2e_per_year=plan.accounts["kg_co2e_per_year"] if plan else None,
        verified=plan.verified if plan else False,
        says="; ".join(steps) + end,
    )


def _amount(value: float | str | None, unit: str) -> str:
    return amount(value, unit) if isinstance(value, float) else str(value)


def in_order(scenario: Scenario, repairs: Iterable[Repair]) -> list[Repair]:
    """The verified ways out by weight, then money, numbered from 1; those that others make needless are left out."""
    told, weights = [], Weights(scenario.repair)
    for one in repairs:
        if one.to is not None and not one.changes:
            change = change_of(one)
            weight = relative(change) * weights.of(one.limit)
            one = one.model_copy(update={"changes": [change], "weight": weight})
        told.append(one)
    good = sorted((one for one in told if one.verified), key=lambda one: (one.weight, one.usd_per_year or 0.0))
    kept: list[Repair] = []
    for one in good:
        if not any(_makes_needless(other, one) for other in kept):
            kept.append(one.model_copy(update={"number": len(kept) + 1}))
    return kept + [one for one in told if not one.verified]


def _makes_needless(less: Repair, more: Repair) -> bool:
    """Whether a way out changes nothing that the other does not, each at most as far, and costs no more."""
    moves = {(change.key, change.to if not change.limit else ""): relative(change) for change in more.changes}
    if less.kind == more.kind == "addition" and less.key == more.key:
        # Two precisions of one size give one and the same fleet.
        figures = ((one.weight, one.usd_per_year, one.kg_co2e_per_year) for one in (less, more))
        return all(one == other for one, other in zip(*figures, strict=True))
    inside = all(
        relative(change) <= moves.get((change.key, change.to if not change.limit else ""), -1.0) * (1 + SAME)
        for change in less.changes
    )
    return inside and (less.usd_per_year or 0.0) <= (more.usd_per_year or 0.0) * (1 + SAME)
