"""The answer in one sentence: the first line of every report."""

from __future__ import annotations

from collections import defaultdict

from optimizer.plan import Binding, Interval, Plan, Repair
from reports.content import Tone
from reports.names import Places
from reports.today_sections import in_a_clause
from reports.words import (
    count,
    device,
    listed,
    mass,
    money,
    number,
    percent,
    plain,
    scale,
    sentence,
    together,
    verb,
    within,
)

_LEAST = {
    "usd_per_year": "least cost",
    "kg_co2e_per_year": "least carbon",
    "kwh_per_year": "least energy",
    "litres_per_year": "least water",
    "devices": "fewest devices",
}
_STOPS = {
    "time_limit": "stopped by the time limit",
    "interrupt": "stopped by hand",
    "gap": "stopped at the gap asked for",
}
_HELD = ("owned", "reserved", "on_demand", "spot")
_KINDS_NAMED = 4
_PROVEN = 5e-6


def headline(plan: Plan, places: Places) -> str:
    """What a manager reads when nothing else is read."""
    if plan.status == "no_candidate":
        return _no_candidate(plan)
    if plan.status == "infeasible":
        return _infeasible(plan, places)
    if plan.fleet is None:
        return _no_incumbent(plan)
    return sentence(_fleet(plan, places) + _planned(plan) + _proof(plan) + _held_by(plan, places))


def tone(plan: Plan) -> Tone:
    """Good when solved to the gap, warn when stopped, bad when there is no fleet."""
    return {"optimal": "good", "feasible": "warn", "no_incumbent": "warn"}.get(plan.status, "bad")  # type: ignore[return-value]


def goal(plan: Plan) -> str:
    """What was made least: `least cost`."""
    account = plan.objective.account if plan.objective else plan.bound.account if plan.bound else ""
    return _LEAST.get(account, f"least {plain(account).replace('_', ' ')}" if account else "least cost")


def served_per_s(plan: Plan) -> float:
    """Requests a second in the slot that serves most."""
    by_slot: dict[str, float] = defaultdict(float)
    for flow in plan.flows:
        by_slot[flow.slot] += flow.requests_per_s
    return max(by_slot.values(), default=0.0)


def purchases(plan: Plan) -> str:
    """The fleet in a clause: `buy 24 H200 (3 nodes) and rent on demand 8 B200 (1 node)`; from today's, what changes."""
    if plan.changes:
        return in_a_clause(plan)
    nodes: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for line in plan.nodes:
        held = nodes[line.procurement][line.accelerator]
        held[0] += line.nodes
        held[1] += line.nodes * line.devices_per_node
    clauses = []
    for procurement, kinds in sorted(nodes.items(), key=lambda item: _HELD.index(item[0])):
        largest = sorted(kinds.items(), key=lambda item: -item[1][1])
        named = [f"{devices:,} {device(kind)} ({count(whole, 'node')})" for kind, (whole, devices) in largest if whole]
        if len(named) > _KINDS_NAMED:
            named = [*named[: _KINDS_NAMED - 1], f"{len(named) - _KINDS_NAMED + 1} more kinds"]
        if named:
            clauses.append(f"{verb(procurement)} {listed(named)}")
    return listed(clauses) or "buy nothing"


def _fleet(plan: Plan, places: Places) -> str:
    cost, carbon = plan.accounts.get("usd_per_year"), plan.accounts.get("kg_co2e_per_year")
    price = [money(cost)] if cost is not None else []
    price += [f"{mass(carbon)} CO2e"] if carbon is not None else []
    by_region: dict[str, float] = defaultdict(float)
    for flow in plan.flows:
        by_region[flow.region] += flow.requests_per_s
    largest = sorted((region for region in by_region if by_region[region] > 0), key=lambda region: -by_region[region])
    regions = [places.city(region) for region in largest]
    where = f" from {listed(regions)}" if 0 < len(regions) <= 4 else f" from {len(regions)} regions" if regions else ""
    peak = " at the peak" if len({flow.slot for flow in plan.flows}) > 1 else ""
    return f"{purchases(plan)}: {listed(price)} a year serve {number(served_per_s(plan), 4)} requests/s{peak}{where}"


def _at_confidence(plan: Plan) -> str:
    return f" at {percent(plan.confidence, 3)} confidence" if plan.confidence is not None else ""


def _planned(plan: Plan) -> str:
    return f", planned{_at_confidence(plan)}" if plan.confidence is not None else ""


def _without_it(plan: Plan) -> str:
    """What the same question costs without the confidence that makes it impossible."""
    if plan.insurance is None or plan.insurance.usd_per_year_without is None:
        return ""
    return f"; without the confidence a fleet exists, for {money(plan.insurance.usd_per_year_without)} a year"


def _proof(plan: Plan) -> str:
    if plan.status == "optimal" and (plan.gap or 0.0) < _PROVEN:
        return f", proven to be the {goal(plan)}"
    if plan.status == "optimal":
        return f", within {within(plan.gap or 0.0)} of the proven {goal(plan)}"
    stop = _STOPS.get(plan.stopped_by, f"stopped: {plain(plan.stopped_by)}")
    if plan.gap is None or plan.bound is None or plan.bound.value is None:
        return f"; {stop}, with no bound yet, so a much better fleet may exist"
    return f"; {stop}, so up to {percent(plan.gap)} better may exist"


def holding(plan: Plan) -> Binding | None:
    """The limit, other than demand itself, whose relaxation lowers the objective most; None where none does.

    Relaxations of about 5 % come first; a rule that only shapes the fleet as a whole is found by dropping it.
    """
    loose = [line for line in plan.binding if line.relaxation > 0 and not _is_demand(line)]
    small = [line for line in loose if not _dropped(line) and not _another_step(plan, line)]
    for lines in (small, [line for line in loose if _dropped(line)]):
        found = [line for line in lines if line.resolved and _change(plan, line)[1] < 0]
        if found:
            return min(found, key=lambda line: sum(_change(plan, line)))
    return None


def _dropped(line: Binding) -> bool:
    return line.relaxation >= 1.0 and line.limit.endswith("failure")


def by_carbon(plan: Plan) -> bool:
    """Whether carbon was made least."""
    return plan.objective is not None and plan.objective.account.startswith("kg")


def _change(plan: Plan, line: Binding) -> Interval:
    return (line.kg_co2e_per_year_change if by_carbon(plan) else line.usd_per_year_change) or (0.0, 0.0)


def _another_step(plan: Plan, line: Binding) -> bool:
    """Whether the same limit was also relaxed by a step nearer to the usual 5 %, by which limits are compared."""
    mine = abs(line.relaxation - 0.05) - 1e-9
    steps = [other.relaxation for other in plan.binding if other.key == line.key and other.relaxation > 0]
    return any(abs(step - 0.05) < mine for step in steps)


def _is_demand(line: Binding) -> bool:
    return line.limit.lower().startswith("demand") or ".demand" in line.key


def effect(change: Interval, unit: str, saves: str = "saves", costs: str = "costs") -> str:
    """An interval in words: `saves $170k to $190k`.

    >>> effect((-190e3, -170e3), "USD")
    'saves $170k to $190k'
    >>> effect((0.0, 3e3), "USD")
    'costs at most $3,000'
    >>> effect((-2e3, 3e3), "USD")
    'between -$2,000 and $3,000'
    """
    low, high = change
    if low == high == 0:
        return "no change"
    if high <= 0 or low >= 0:
        near, far = sorted((abs(low), abs(high)))
        written = together(unit, [near, far])
        if near == 0:
            return f"{saves if high <= 0 else costs} at most {written[1]}"
        return f"{saves if high <= 0 else costs} {written[0] if written[0] == written[1] else ' to '.join(written)}"
    written = together(unit, [low, high])
    return f"between {written[0]} and {written[1]}"


def _held_by(plan: Plan, places: Places) -> str:
    priced = plan.objective is not None and plan.objective.account.startswith(("usd", "kg"))
    if not plan.binding or not priced:
        return ""
    line = holding(plan)
    if line is None:
        return "; no single limit but demand, relaxed a little, lowers it by more than the gap"
    carbon = by_carbon(plan)
    worth = effect(_change(plan, line), "kg" if carbon else "USD", saves="would save")
    kind = " CO2e" if carbon else ""
    return f"; {places.limit(line.limit)} holds it ({places.step(line.limit, line.change)} {worth}{kind} a year)"


def _no_candidate(plan: Plan) -> str:
    closest = next((line for line in plan.rejected if line.says), None)
    why = ""
    if closest is not None:
        named = closest.says.startswith(f"{closest.what} ") or closest.says.startswith(f"{closest.what}: ")
        why = f"; the closest: {plain(closest.says if named else f'{closest.what}: {closest.says}')}"
    return sentence(f"nothing can run this: no accelerator, precision and parallelism fits memory and link domain{why}")


def _infeasible(plan: Plan, places: Places) -> str:
    limits = list(dict.fromkeys(places.limit(member.limit) for member in plan.conflict))
    if len(limits) == 1:
        clash = f": {limits[0]} alone makes it impossible"
    else:
        clash = f": {listed(limits)} cannot hold together" if limits else ""
    proven = f"no fleet holds every limit{_at_confidence(plan)}, proven"
    return sentence(f"{proven}{clash}" + _way_out(plan, places) + _without_it(plan))


def _way_out(plan: Plan, places: Places) -> str:
    """The nearest single move that helps; asking for less is named after it, not instead of it."""
    alone = [one for one in plan.repairs if one.kind == "limit"]
    helps = sorted((one for one in alone if one.to is not None), key=lambda one: (not one.verified, moved(one)))
    if not helps:
        if any(not one.settled for one in alone):
            return "; whether a change of a single limit alone helps was not settled in the time allowed"
        return "; no change of a single limit alone helps" if alone else ""
    less = [one for one in helps if one.limit.startswith("demand")]
    more = [one for one in helps if one not in less]
    named = [_move(one, places) for one in [*more[:1], *less[:1]]]
    return f"; {'ways' if named[1:] else 'a way'} out: {', or '.join(named)}"


def _move(one: Repair, places: Places) -> str:
    cost = f" ({money(one.usd_per_year)} a year)" if one.usd_per_year is not None else ""
    start, to = quantity(one.start, one.unit, one.to), quantity(one.to, one.unit, one.start)
    return f"{places.limit(one.limit)} from {start} to {to}{cost}"


def moved(repair: Repair) -> float:
    """How far a repair moves its limit, relative to where it stood; infinite where it cannot be said."""
    if isinstance(repair.start, str) or isinstance(repair.to, str) or repair.start is None or repair.to is None:
        return float("inf")
    return abs(repair.to - repair.start) / abs(repair.start) if repair.start else float("inf")


def quantity(value: float | str | None, unit: str, beside: float | str | None = None) -> str:
    """A limit's value in people's units, written like the value that stands beside it."""
    if value is None or isinstance(value, str):
        return plain(value) if value else "unknown"
    other = beside if isinstance(beside, int | float) else value
    written = scale(unit, max(abs(value), abs(other))).write(value, 4)
    return written.removesuffix("s") if unit in ("devices", "regions", "nodes") and round(value) == 1 else written


def _no_incumbent(plan: Plan) -> str:
    stop = _STOPS.get(plan.stopped_by, "stopped")
    bound = ""
    if plan.bound is not None and plan.bound.value is not None:
        least = scale(plan.bound.unit, plan.bound.value).write(plan.bound.value)
        bound = f"; {goal(plan)} is proven to be at least {least}"
    return sentence(f"{stop} before any fleet was found: neither found nor proven impossible{bound}; give it more time")
