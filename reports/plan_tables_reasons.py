"""The reasons of a plan as tables: limits, losses, what binds, ways out, what was ruled out, assumptions, lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.plan_tables import PlanTable, Value, columns, table

if TYPE_CHECKING:
    from optimizer.plan import Plan


def limits(plan: Plan) -> PlanTable:
    """Every reading; one without a limit says what is, not what must be."""
    heads = columns("wall", "name", "where", "percentile", "value", "sense = must be", "limit", "slack", "unit")
    rows = (
        (one.wall, one.name, one.where, one.percentile, one.value, one.sense, one.limit, one.slack, one.unit)
        for one in plan.readings
    )
    return table("readings", "Limits", heads, rows)


def losses(plan: Plan) -> PlanTable:
    """What each loss leaves."""
    heads = columns(
        *("what = lost", "where", "workload", "slot", "served_requests_per_s = still served, requests/s"),
        *("served_share = still served, share", "required_share = required, share"),
    )
    rows = (
        (one.what, one.where, one.workload, one.slot, one.served_requests_per_s, one.served_share, one.required_share)
        for one in plan.losses
    )
    return table("losses", "Losses", heads, rows)


def binding(plan: Plan) -> PlanTable:
    """What each moved limit would change: the two ends of what the gaps leave open."""
    heads = columns(
        *("limit", "key", "wall", "change", "relaxation = moved by, share"),
        *("usd_per_year_change_low = money low, USD a year", "usd_per_year_change_high = money high, USD a year"),
        "kg_co2e_per_year_change_low = carbon low, kg CO2e a year",
        "kg_co2e_per_year_change_high = carbon high, kg CO2e a year",
        "requests_per_s_change_low = served for the same low, requests/s",
        "requests_per_s_change_high = served for the same high, requests/s",
        *("resolved", "status"),
    )
    rows = (
        (
            *(one.limit, one.key, one.wall, one.change, one.relaxation),
            *(one.usd_per_year_change or (None, None)),
            *(one.kg_co2e_per_year_change or (None, None)),
            *(one.requests_per_s_change or (None, None)),
            *(one.resolved, one.status),
        )
        for one in plan.binding
    )
    return table("binding", "Binding", heads, rows)


def conflict(plan: Plan) -> PlanTable:
    """Limits that cannot hold together."""
    heads = columns("limit", "key", "value", "unit", "says")
    rows = ((one.limit, one.key, one.value, one.unit, one.says) for one in plan.conflict)
    return table("conflict", "Conflict", heads, rows)


def ways_out(plan: Plan) -> PlanTable:
    """One row for each value that a way out changes; `way` counts the ways, `number` is that of `argosy repair`."""
    heads = columns(
        *("way", "number", "kind", "limit", "key", "start = from", "to", "unit", "weight"),
        *("usd_per_year = money, USD a year", "kg_co2e_per_year = carbon, kg CO2e a year", "verified", "says"),
    )
    rows: list[tuple[Value, ...]] = []
    for way, one in enumerate(plan.repairs, 1):
        moves = [(move.limit, move.key, move.start, move.to, move.unit) for move in one.changes]
        costs = (one.usd_per_year, one.kg_co2e_per_year)
        for move in moves or [(one.limit, one.key, one.start, one.to, one.unit)]:
            rows.append((way, one.number, one.kind, *move, one.weight, *costs, one.verified, one.says))
    return table("repairs", "Ways out", heads, rows)


def ruled_out(plan: Plan) -> PlanTable:
    """Ways of running that a wall ruled out."""
    heads = columns(
        *("workload", "what", "wall", "reading", "value", "sense = must be", "limit", "unit", "says"),
        "usd_per_million_requests = best-case price, USD a million requests",
    )
    rows = (
        (
            *(one.workload, one.what, one.wall, one.reading, one.value, one.sense, one.limit, one.unit, one.says),
            one.usd_per_million_requests,
        )
        for one in plan.rejected
    )
    return table("rejected", "Ruled out", heads, rows)


def gated(plan: Plan) -> PlanTable:
    """How many ways of running each wall rules out, for workloads that nothing on offer can run."""
    heads = columns("workload", "wall", "+ways = ways of running", "nearest = nearest miss")
    return table("gated", "Nothing can run it", heads, ((o.workload, o.wall, o.ways, o.nearest) for o in plan.gated))


def assumptions(plan: Plan) -> PlanTable:
    """Declared figures and where they come from."""
    heads = columns("name", "value", "source", "confidence")
    rows = ((one.name, one.value, one.source, one.confidence) for one in plan.assumptions)
    return table("assumptions", "Assumptions", heads, rows)


def lock(plan: Plan) -> PlanTable:
    """What produced the answer."""
    rows: list[tuple[Value, ...]] = [
        (name, ", ".join(value) if isinstance(value, list) else value) for name, value in plan.lock.model_dump().items()
    ]
    return table("lock", "Lock", columns("what", "value"), rows)
