"""Ways out of an impossible question, numbered: what changes, what it costs, and what never helps alone."""

from __future__ import annotations

from optimizer.plan import Change, Plan, Repair
from reports.content import Bullets, Paragraph, Section, Table, columns, section
from reports.names import Places
from reports.summary import quantity
from reports.words import device, listed, mass, money, percent, plain, sentence, spoken

_ORDER = (
    "The least change first: every limit counts by its relative move (1 for 100 %), an addition counts 1. Each was "
    "solved, priced and verified; residency is never touched."
)


def headline(plan: Plan, places: Places) -> str:
    """How many ways out there are, and the first of them."""
    ways = [one for one in plan.repairs if one.number is not None]
    if plan.fleet is not None:
        return "nothing to repair: a fleet holds every limit"
    if not ways:
        return "no way out was found: no single limit, combination or addition that was tried lets a fleet exist"
    first = ways[0]
    cost = f" ({money(first.usd_per_year)} a year)" if first.usd_per_year is not None else ""
    number = "one way out" if len(ways) == 1 else f"{len(ways)} ways out"
    return f"{number}; the least change: {listed(change_said(c, places) for c in first.changes)}{cost}"


def ways(plan: Plan, places: Places) -> Section | None:
    """The numbered ways out."""
    found = [one for one in plan.repairs if one.number is not None]
    if not found:
        return None
    rows = []
    for one in found:
        told = "; ".join(change_said(change, places) for change in one.changes)
        weight = percent(one.weight or 0.0, 3)
        rows.append((str(one.number), told, weight, _money(one), _carbon(one)))
    headings = columns(">no.", "what changes", ">change", ">money a year", ">carbon a year")
    return section("ways", "Ways out", [Paragraph(_ORDER), Table(headings, tuple(rows))])


def never(plan: Plan, places: Places) -> Section | None:
    """Limits that no move of their own helps, and ways out that could not be priced in time."""
    alone = [one for one in plan.repairs if one.kind == "limit" and one.to is None]
    unpriced = [one for one in plan.repairs if one.number is None and one.to is not None]
    parts: list[Paragraph | Bullets | None] = []
    if alone:
        parts.append(Paragraph("No change of one of these alone helps:"))
        parts.append(Bullets(tuple(f"{places.limit(one.limit)} ({quantity(one.start, one.unit)})" for one in alone)))
    if unpriced:
        parts.append(Paragraph("Not settled in the time allowed:"))
        parts.append(Bullets(tuple(sentence(plain(one.says)) for one in unpriced)))
    return section("never", "What does not help by itself", parts)


def gated(plan: Plan) -> Section | None:
    """Where every way of running a workload is ruled out: by which wall how many, and the nearest miss."""
    told = []
    for name in dict.fromkeys(line.workload for line in plan.gated):
        lines = [line for line in plan.gated if line.workload == name]
        counts = listed(f"{spoken(line.wall)} rules out {line.ways:,}" for line in lines)
        nearest = next((line.nearest for line in lines if line.nearest), "")
        told.append(
            sentence(f"{plain(name)}: {counts} ways of running" + (f"; the nearest miss: {nearest}" if nearest else ""))
        )
    return section("gated", "Nothing can run it: what rules out how many", [Bullets(tuple(told))] if told else [])


def change_said(change: Change, places: Places) -> str:
    """One change in words: `the budget from $5M/yr to $34.9M/yr`, `one more region: Columbus (Ohio)`."""
    if change.limit:
        start, to = quantity(change.start, change.unit, change.to), quantity(change.to, change.unit, change.start)
        return f"{places.limit(change.limit)} from {start} to {to}"
    what = str(change.to)
    if change.key == "regions":
        return f"one more region: {places.city(what)}"
    if change.key == "accelerators":
        return f"one more accelerator: {device(what)}"
    if change.key == "procurement":
        return "nodes may be bought" if what == "owned" else "nodes may be rented by the hour"
    return f"one more precision for {plain(change.key.split('.')[1])}: {what}"


def _money(one: Repair) -> str:
    return money(one.usd_per_year) if one.usd_per_year is not None else "unknown"


def _carbon(one: Repair) -> str:
    return mass(one.kg_co2e_per_year) if one.kg_co2e_per_year is not None else "unknown"
