"""What holds the fleet back: every limit, what was ruled out, and the way out when nothing fits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from optimizer.plan import ConflictMember, Plan, ReadingLine, Rejected, Repair
from reports.content import Bullets, Paragraph, Section, Table, columns, section
from reports.names import Places
from reports.service_sections import bound
from reports.summary import moved, quantity
from reports.words import listed, mass, money, percent, percentile, plain, sentence, spoken, together

_GROUP_SHOWN = 4
_REJECTED_SHOWN = 12


def limits(plan: Plan) -> Section | None:
    """Every reading that has a limit, tightest first; many of one kind are told by their tightest."""
    groups: dict[tuple[str, str], list[ReadingLine]] = defaultdict(list)
    for reading in plan.readings:
        if reading.limit is not None:
            groups[reading.wall, reading.name].append(reading)
    if not groups:
        return None
    shown, left = [], 0
    for group in groups.values():
        group.sort(key=_relative_slack)
        shown += group[: _GROUP_SHOWN if len(group) > _GROUP_SHOWN + 1 else len(group)]
        left += len(group) - _GROUP_SHOWN if len(group) > _GROUP_SHOWN + 1 else 0
    shown.sort(key=_relative_slack)
    headings = columns("limit", "where_", ">value", ">must be", ">slack", ">left?", "wall")
    table = Table(headings, _alike(_limit_row(reading) for reading in shown))
    more = (
        Paragraph(f"{left:,} more readings of the same kinds hold with as much slack or more; all are in the JSON.")
        if left
        else None
    )
    broken = [reading for reading in shown if reading.slack is not None and _relative_slack(reading) < -1e-6]
    alarm = Paragraph(f"{len(broken)} of these limits do not hold.", "bad") if broken else None
    return section("limits", "Every limit, tightest first", [table, more, alarm])


def _relative_slack(reading: ReadingLine) -> float:
    return (reading.slack or 0.0) / max(abs(reading.limit or 0.0), 1e-12)


def _alike(rows: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Rows that differ in their place only as one row with all the places."""
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, where, *rest in rows:
        places[name, *rest].append(where)
    return tuple((name, "; ".join(where), *rest) for (name, *rest), where in places.items())


def _limit_row(reading: ReadingLine) -> tuple[str, ...]:
    value, limit = together(reading.unit, [reading.value, reading.limit], digits=4)
    slack = together(reading.unit, [reading.slack, reading.limit])[0]
    name = spoken(reading.name) + (f" {percentile(reading.percentile)}" if reading.percentile else "")
    share = _relative_slack(reading)
    room = ("none", "0 %") if abs(share) < 5e-5 else (slack, percent(share) if reading.limit else "")
    return name, plain(reading.where), value, bound(reading, limit), *room, spoken(reading.wall)


def rejected(plan: Plan) -> Section | None:
    """The strongest ways of running that were ruled out, by which wall and by how much."""
    if not plan.rejected:
        return None
    shown = plan.rejected[:_REJECTED_SHOWN]
    priced = any(line.usd_per_million_requests is not None for line in shown)
    many = len({line.workload for line in shown if line.workload}) > 1
    rows = tuple(_rejected_row(line, priced, many) for line in shown)
    headings = columns("way of running", "ruled out by", "by how much", *([">$ a million requests"] if priced else []))
    left = len(plan.rejected) - len(shown)
    more = Paragraph(f"{left:,} more are in the JSON.") if left else None
    return section("rejected", "Strongest ways of running that were ruled out", [Table(headings, rows), more])


def _rejected_row(line: Rejected, priced: bool, many: bool) -> tuple[str, ...]:
    what = f"{plain(line.workload)}: {plain(line.what)}" if many and line.workload else plain(line.what)
    price = [f"{line.usd_per_million_requests:,.2f}" if line.usd_per_million_requests is not None else "unknown"]
    return what, spoken(line.wall), _by_how_much(line), *(price if priced else [])


def _by_how_much(line: Rejected) -> str:
    own = line.says.startswith(f"{line.what} ") or line.says.startswith(f"{line.what}: ")
    if line.value is None or line.limit is None:
        return plain(line.says.removeprefix(f"{line.what}: ") if own else line.says)
    value, limit = together(line.unit, [line.value, line.limit])
    words = {"<=": "at most", ">=": "at least", "==": "exactly"}.get(line.sense, line.sense)
    measured = f"{spoken(line.reading)} {value}, {words} {limit}"
    return measured if own or not line.says or value in line.says else f"{measured}: {plain(line.says)}"


def conflict(plan: Plan, places: Places) -> Section | None:
    """A minimal set of limits that cannot hold together, in plain words."""
    if not plan.conflict:
        return None
    alone = len(plan.conflict) == 1
    opening = (
        "This limit alone cannot be met:"
        if alone
        else "These limits cannot all hold; without any one of them the others could:"
    )
    return section(
        "conflict",
        "Why nothing fits",
        [Paragraph(opening), Bullets(tuple(_member(one, places) for one in plan.conflict))],
    )


def _member(one: ConflictMember, places: Places) -> str:
    value = f" ({quantity(one.value, one.unit)})" if one.value is not None else ""
    name = f"{places.limit(one.limit)}{value}"
    return sentence(f"{name}: {plain(one.says)}") if one.says else name


def repairs(plan: Plan, places: Places, more: str = "") -> Section | None:
    """For each limit alone, how far it must move; nearest first, those that never help last; then where to go on."""
    alone = [one for one in plan.repairs if one.kind == "limit"]  # `argosy repair` adds ways of other kinds
    helps = sorted((one for one in alone if one.to is not None), key=lambda one: (not one.verified, moved(one)))
    unsettled = [one for one in alone if one.to is None and not one.settled]
    never = [one for one in alone if one.to is None and one.settled]
    headings = columns("move this alone", ">from", ">to", ">money a year", ">carbon a year", "checked")
    parts: list[Paragraph | Table | Bullets] = []
    if helps:
        parts.append(Table(headings, tuple(_repair_row(one, places) for one in helps), None, "Ways out, nearest first"))
    unpriced = listed(places.limit(one.limit) for one in helps if one.usd_per_year is None)
    if unpriced:
        parts.append(Paragraph(f"Not priced in the time allowed: {unpriced}."))
    if unsettled:
        parts.append(Paragraph("Not settled in the time allowed, whether a change of one of these alone helps:"))
        parts.append(_with_values(unsettled, places))
    if never:
        parts.append(Paragraph("No change of one of these alone helps:"))
        parts.append(_with_values(never, places))
    if more and plan.status == "infeasible":
        parts.append(Paragraph(f"More ways out, several limits together and additions among them: {plain(more)}"))
    return section("repairs", "What would make it possible", parts)


def without_fleet(plan: Plan, places: Places, more: str = "") -> list[Section | None]:
    """Of a plan that has no fleet: the conflict and the ways out, as `solve` tells them; empty where it has one."""
    return [] if plan.fleet is not None else [conflict(plan, places), repairs(plan, places, more)]


def _with_values(limits: list[Repair], places: Places) -> Bullets:
    return Bullets(tuple(f"{places.limit(one.limit)} ({quantity(one.start, one.unit)})" for one in limits))


def _repair_row(one: Repair, places: Places) -> tuple[str, ...]:
    cost = money(one.usd_per_year) if one.usd_per_year is not None else "unknown"
    carbon = mass(one.kg_co2e_per_year) if one.kg_co2e_per_year is not None else "unknown"
    start, to = quantity(one.start, one.unit, one.to), quantity(one.to, one.unit, one.start)
    return places.limit(one.limit), start, to, cost, carbon, "verified" if one.verified else "not verified"
