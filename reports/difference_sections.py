"""Two plans side by side, in words and tables: the first line as in a pull request, then what changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.content import Bullets, Paragraph, Section, Table, Tone, columns, section
from reports.names import Places
from reports.summary import quantity
from reports.thresholds import Verdict
from reports.words import (
    count,
    device,
    dollars,
    listed,
    mass,
    percent,
    plain,
    procured,
    rate,
    scale,
    sentence,
    spoken,
    together,
    within,
)

if TYPE_CHECKING:
    from optimizer.difference import AccountChange, Difference, LimitChange, Side

_MOST_LATENCIES = 4
_MONEY, _CARBON = "usd_per_year", "kg_co2e_per_year"


def signed(value: float, unit: str, digits: int = 3) -> str:
    """A change with its sign.

    >>> signed(310e3, "USD/yr"), signed(-120e3, "kg CO2e/yr"), signed(0.0, "USD/yr")
    ('+$310k/yr', '-120 t/yr', '$0/yr')
    """
    return ("+" if value > 0 else "") + scale(unit, value).write(value, digits)


def headline(found: Difference, places: Places) -> str:
    """One line: `+$310k/yr (+6 %), -120 t CO2e/yr (-24 %), P99 TTFT 181 -> 174 ms, 3 nodes move`."""
    if not found.moves:
        return sentence(_one_sided(found, places))
    money, carbon = found.account(_MONEY), found.account(_CARBON)
    said = [_account(money, "cost")] if money else []
    said += [_account(carbon, "carbon", " CO2e")] if carbon else []
    said += _latencies(found)
    said += moves(found)
    return ", ".join(said)


def tone(found: Difference) -> Tone:
    """Bad where the changed side has no fleet."""
    return "bad" if found.after.status in ("infeasible", "no_candidate") else "plain"


def one_side(side: Side, places: Places) -> str:
    """Why a side has no fleet."""
    if side.status == "no_candidate":
        return "nothing can run it: no candidate fits memory, precision or link domain"
    if side.status != "infeasible":
        return "stopped before any fleet was found: neither found nor proven impossible"
    names = list(dict.fromkeys(places.limit(member.limit) for member in side.conflict))
    if not names:
        return "no fleet holds every limit, proven"
    clash = f"{names[0]} alone makes it impossible" if len(names) == 1 else f"{listed(names)} cannot hold together"
    return f"no fleet holds every limit, proven: {clash}"


def _one_sided(found: Difference, places: Places) -> str:
    had = found.before.usd_per_year is not None
    if not had and found.after.usd_per_year is not None:
        cost = scale("USD/yr", found.after.usd_per_year).write(found.after.usd_per_year)
        return f"before, {one_side(found.before, places)}; after, a fleet exists for {cost}"
    before, after = one_side(found.before, places), one_side(found.after, places)
    if had:
        return f"after, {after}"
    return f"before and after, {after}" if before == after else f"after, {after}; before, {before}"


def _account(line: AccountChange, what: str, kind: str = "") -> str:
    change = line.after - line.before
    if line.change == (0.0, 0.0) or abs(change) <= 1e-6 * abs(line.before):
        return f"{what} unchanged"
    if not line.resolved:
        low, high = (signed(end, line.unit) for end in line.change)
        return f"{what} not resolved ({low} to {high})"
    share = f" ({'+' if change > 0 else ''}{percent(change / abs(line.before))})" if line.before else ""
    written = signed(change, line.unit)
    return written.replace("/yr", f"{kind}/yr") + share


def _latencies(found: Difference) -> list[str]:
    """What the limits speak of: P99 TTFT and the mean ITL."""
    several = len({line.workload for line in found.latency}) > 1
    said = []
    for line in found.latency:
        if line.before_s is None or line.after_s is None or line.percentile == "P50":
            continue
        before, after = together("s", [line.before_s, line.after_s])
        if before == after:
            continue
        of = f" of {plain(line.workload)}" if several else ""
        name = line.name if line.percentile == "mean" else f"{line.percentile} {line.name}"
        value, _, unit = after.partition(" ")
        said.append(f"{name}{of} {before.removesuffix(f' {unit}')} -> {value} {unit}")
    return said[:_MOST_LATENCIES]


def moves(found: Difference) -> list[str]:
    """`3 nodes move`, `2 nodes more`."""
    if found.moves is None:
        return []
    said = [f"{count(found.moves.moved, 'node')} {'moves' if found.moves.moved == 1 else 'move'}"]
    said = said if found.moves.moved else []
    said += [f"{count(found.moves.added, 'node')} added"] if found.moves.added else []
    said += [f"{count(found.moves.removed, 'node')} removed"] if found.moves.removed else []
    otherwise = found.moves.held_otherwise
    said += [f"{count(otherwise, 'node')} held otherwise"] if otherwise else []
    return said or ["the same nodes"]


def sections(found: Difference, places: Places) -> list[Section | None]:
    """Everything that changed, most wanted first."""
    return [
        _sides(found, places),
        _parts(found, "money", "Money by part", _MONEY),
        _parts(found, "carbon", "Carbon by part", _CARBON),
        _nodes(found, places),
        _limits(found, places),
        _served(found, places),
        _readings(found),
    ]


def verdicts(found: Sequence[Verdict]) -> Section | None:
    """What the thresholds say."""
    return section("thresholds", "Thresholds", [Bullets(tuple(one.says for one in found))] if found else [])


def _sides(found: Difference, places: Places) -> Section | None:
    body = []
    for line in found.accounts:
        before, after = together(line.unit, [line.before, line.after], 4)
        low, high = line.change
        if not line.resolved:
            said = f"not resolved: {signed(low, line.unit)} to {signed(high, line.unit)}"
        else:
            ends = [signed(end, line.unit) for end in (low, high)]
            said = ends[0] if ends[0] == ends[1] else " to ".join(ends)
        body.append((_ACCOUNTS.get(line.account, spoken(line.account)), before, after, said))
    parts: list[Table | Bullets] = []
    if body:
        heads = columns("a year", ">before", ">after", ">change")
        caption = "An interval is what the two gaps leave open; what lies inside them is not resolved"
        parts.append(Table(heads, tuple(body), None, caption))
    told = (f"before: {_side(found.before, places)}", f"after: {_side(found.after, places)}", *found.notes)
    return section("sides", "Before and after", [*parts, Bullets(told)])


def _side(side: Side, places: Places) -> str:
    if side.usd_per_year is None:
        return f"{side.scenario}: {one_side(side, places)}"
    sure = "" if side.confidence is None else f", planned at {percent(side.confidence, 3)} confidence"
    proof = f"within {within(side.gap)} of the proven optimum" if side.gap is not None else "with no bound"
    checked = "verified" if side.verified else "not verified"
    return f"{side.scenario}: {count(side.nodes, 'node')}, {proof}, {checked}{sure}"


_ACCOUNTS = {
    _MONEY: "cost",
    _CARBON: "carbon",
    "kwh_per_year": "energy",
    "litres_per_year": "water",
    "kg_co2e_embodied_per_year": "embodied carbon",
    "devices": "devices",
}


def _parts(found: Difference, key: str, title: str, account: str) -> Section | None:
    write = dollars if account == _MONEY else mass
    rows, total = [], found.account(account)
    for line in found.parts:
        if line.account == account:
            change = line.after - line.before
            rows.append((line.part, write(line.before), write(line.after), _plus(change) + write(change)))
    if not rows or total is None:
        return None
    change = total.after - total.before
    all_of = ("all", write(total.before), write(total.after), _plus(change) + write(change))
    return section(key, title, [Table(columns("part", ">before", ">after", ">change"), tuple(rows), all_of)])


def _plus(value: float) -> str:
    return "+" if value > 0 else ""


def _nodes(found: Difference, places: Places) -> Section | None:
    body = [
        (
            places.label(line.region),
            f"{device(line.accelerator)} {procured(line.procurement)}",
            line.offer,
            str(line.before),
            str(line.after),
            f"{line.after - line.before:+d}",
        )
        for line in found.nodes
    ]
    if not body:
        return section("nodes", "Nodes", [Paragraph("The same nodes.")] if found.moves else [])
    heads = columns("region", "held", "node type?", ">before", ">after", ">change")
    return section("nodes", "Nodes", [Table(heads, tuple(body), None, sentence(", ".join(moves(found))))])


def _limits(found: Difference, places: Places) -> Section | None:
    body = []
    for line in found.limits:
        body.append((_name(line), plain(line.where), *_values(line), spoken(line.wall)))
    heads = columns("limit", "where_", ">before", ">after", ">slack before", ">slack after", "wall?")
    caption = "The tightest reading of each limit, where it changes"
    return section("limits", "Limits", [Table(heads, tuple(body), None, caption)] if body else [])


def _name(line: LimitChange) -> str:
    return f"{spoken(line.name)} {line.percentile}".strip()


def _values(line: LimitChange) -> tuple[str, str, str, str]:
    slack = [
        None if value is None or limit is None else (limit - value if line.sense == "<=" else value - limit)
        for value, limit in ((line.before, line.limit_before), (line.after, line.limit_after))
    ]
    values = [_one(value, line.unit, line.before, line.after) for value in (line.before, line.after)]
    left = [_one(value, line.unit, *slack) for value in slack]
    return values[0], values[1], left[0], left[1]


def _one(value: float | None, unit: str, *beside: float | None) -> str:
    if value is None:
        return "-"
    return quantity(value, unit, max((abs(other) for other in beside if other is not None), default=abs(value)))


def _served(found: Difference, places: Places) -> Section | None:
    body = [
        (
            line.workload,
            line.origin,
            places.label(line.region),
            rate(line.before_requests_per_s),
            rate(line.after_requests_per_s),
        )
        for line in found.served
        if abs(line.after_requests_per_s - line.before_requests_per_s)
        > 1e-3 * max(line.before_requests_per_s, line.after_requests_per_s)
    ]
    heads = columns("workload?", "requests from", "served in", ">before", ">after")
    same = [Paragraph("Every origin is served where it was.")] if found.moves else []
    return section("served", "Who is served where", [Table(heads, tuple(body))] if body else same)


def _readings(found: Difference) -> Section | None:
    body = [(_name(line), plain(line.where), *_values(line)[:2]) for line in found.readings]
    heads = columns("reading", "where_", ">before", ">after")
    return section("readings", "Read, not limited", [Table(heads, tuple(body))] if body else [])
