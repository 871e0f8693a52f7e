"""Ways out of an impossible question, numbered: what changes, what it costs, and what never helps alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.plan import Change, Plan, Repair
from reports.content import Bullets, Paragraph, Section, Table, columns, section
from reports.names import Places
from reports.summary import quantity
from reports.words import device, listed, mass, money, percent, plain, sentence, spoken
from scenarios.schema_repair import ADDITION, NEVER

if TYPE_CHECKING:
    from scenarios import Scenario

_ORDER = (
    "The least change first: every limit counts by its relative move (100 % for its whole size); {but}. Each was "
    "solved, priced and verified; residency is never touched."
)
_SUPPLY = "One search asks what would be if devices could be had: there quotas and site power count a hundredth."
_HAD = {
    "owned": "bought",
    "on_demand": "rented by the hour",
    "reserved": "rented by the year, at the discount given",
    "spot": "rented as spot, at the availability given",
}


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


def ways(plan: Plan, places: Places, scenario: Scenario | None = None) -> Section | None:
    """The numbered ways out, and what was not tried for want of a figure."""
    found = [one for one in plan.repairs if one.number is not None]
    if not found:
        return None
    rows = []
    for one in found:
        weight = percent(one.weight or 0.0, 3)
        rows.append((str(one.number), way_said(one, places), weight, _money(one), _carbon(one)))
    headings = columns(">no.", "what changes", ">change", ">money a year", ">carbon a year")
    asked = {ADDITION: 1.0} | (scenario.repair.weights if scenario is not None else {})
    but = "; ".join(f"{_named(name, places)} {_counts(weight)}" for name, weight in asked.items())
    supply = any(one.kind == "combination" and _of_supply(one) for one in found)
    told = _ORDER.format(but=but) + (f" {_SUPPLY}" if supply else "")
    return section("ways", "Ways out", [Paragraph(told), Table(headings, tuple(rows)), _not_tried(scenario)])


def _named(name: str, places: Places) -> str:
    return {"addition": "an addition", "quota": "every quota", "demand": "every demand"}.get(name, places.limit(name))


def _counts(weight: float) -> str:
    return "stays" if weight == NEVER else "is free" if weight == 0 else f"counts {percent(weight, 3)}"


def _of_supply(one: Repair) -> bool:
    return any(change.limit.split()[:1] in (["quota"], ["site"]) for change in one.changes)


def _not_tried(scenario: Scenario | None) -> Paragraph | None:
    if scenario is None:
        return None
    had, asked = scenario.procurement, scenario.repair.additions
    flags = {"reserved": "by the year (--reserved DISCOUNT)", "spot": "as spot (--spot AVAILABILITY)"}
    told = [text for how, text in flags.items() if getattr(had, how) is None and getattr(asked, how) is None]
    if not told or had.on_demand is None:
        return None
    return Paragraph(f"Not tried, because the figure is yours to give: renting {listed(told)}.")


def never(plan: Plan, places: Places) -> Section | None:
    """Limits that no move of their own helps, and ways out that could not be priced in time."""
    alone = [one for one in plan.repairs if one.kind == "limit" and one.to is None and one.settled]
    unpriced = [one for one in plan.repairs if one.number is None and (one.to is not None or not one.settled)]
    parts: list[Paragraph | Bullets | None] = []
    if alone:
        parts.append(Paragraph("No change of one of these alone helps:"))
        parts.append(Bullets(tuple(f"{places.limit(one.limit)} ({quantity(one.start, one.unit)})" for one in alone)))
    needless = [one for one in plan.repairs if one.kind == "addition" and one.to is None and one.settled]
    if needless:
        told = listed(change_said(change, places) for one in needless for change in one.changes)
        parts.append(Paragraph(f"Asked for, but saves less than 5 % of what must move without it: {told}."))
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
        way = "way" if lines[-1].ways == 1 else "ways"
        nearest = next((f"; the nearest miss: {line.nearest}" for line in lines if line.nearest), "")
        told.append(sentence(f"{plain(name)}: {counts} {way} of running{nearest}"))
    return section("gated", "Nothing can run it: what rules out how many", [Bullets(tuple(told))] if told else [])


def way_said(one: Repair, places: Places) -> str:
    """Everything that a way out changes: `one more region: Columbus (Ohio); the budget from $5M/yr to $5.4M/yr`."""
    if one.changes:
        return "; ".join(change_said(change, places) for change in one.changes)
    start, to = quantity(one.start, one.unit, one.to), quantity(one.to, one.unit, one.start)
    return f"{places.limit(one.limit)} from {start} to {to}"


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
        return f"nodes may be {_HAD[what]}"
    return f"one more precision for {plain(change.key.split('.')[1])}: {what}"


def _money(one: Repair) -> str:
    return money(one.usd_per_year) if one.usd_per_year is not None else "unknown"


def _carbon(one: Repair) -> str:
    return mass(one.kg_co2e_per_year) if one.kg_co2e_per_year is not None else "unknown"
