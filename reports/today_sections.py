"""From today's fleet to the plan: what stays, goes and comes, what that costs, and what staying as it is would do."""

from __future__ import annotations

from collections import Counter

from optimizer.plan import Plan
from optimizer.plan_today import FleetChange
from reports.content import Paragraph, Section, Table, columns, section
from reports.names import Places
from reports.words import count, device, dollars, listed, mass, money, percent, plain, procured

SUNK = ("write-off", "committed rent")
_DONE = {
    "keep": "keep",
    "off": "switch off",
    "move": "move",
    "retire": "retire",
    "return": "give back",
    "buy": "buy",
    "commit": "commit to",
    "rent": "rent",
}
_OF_TODAY = ("keep", "off", "move", "retire", "return")
_COUNTED = ("move", "retire", "buy", "commit", "rent")
_SMALL = 0.5  # dollars a year that two bills may differ by without a word


def today(plan: Plan, places: Places) -> Section | None:
    """What becomes of today's nodes, what comes, and at what cost."""
    if not plan.changes:
        return None
    return section(
        "today", "From today's fleet", [_said(plan), _table(plan, places), _once(plan), _sunk(plan), _as_it_is(plan)]
    )


def numbers(plan: Plan) -> Counter[str]:
    """Nodes by what becomes of them."""
    found: Counter[str] = Counter()
    for line in plan.changes:
        found[line.kind] += line.nodes
    return found


def in_a_clause(plan: Plan) -> str:
    """`keep 18 of 20 nodes (144 H100), move 2 and buy 32 H200 (4 nodes)`."""
    nodes = numbers(plan)
    before = sum(nodes[kind] for kind in _OF_TODAY)
    kept = [line for line in plan.changes if line.kind == "keep"]
    clauses = []
    if kept:
        of = f"all {count(before, 'node')}" if nodes["keep"] == before else f"{nodes['keep']:,} of {before:,} nodes"
        clauses.append(f"keep {of} ({_devices(plan, kept)})")
    clauses += [f"{_DONE[kind]} {nodes[kind]:,}" for kind in ("off", "move", "retire", "return") if nodes[kind]]
    for kind in ("buy", "commit", "rent"):
        new = [line for line in plan.changes if line.kind == kind]
        if new:
            clauses.append(f"{_DONE[kind]} {_devices(plan, new)} ({count(nodes[kind], 'node')})")
    return listed(clauses)


def _devices(plan: Plan, lines: list[FleetChange]) -> str:
    size = {(line.offer, line.procurement): line.devices_per_node for line in plan.nodes}
    found: Counter[str] = Counter()
    for line in lines:
        found[line.accelerator] += line.nodes * size.get((line.offer, line.procurement), 0)
    return listed(f"{devices:,} {device(name)}" for name, devices in found.most_common())


def _said(plan: Plan) -> Paragraph:
    nodes = numbers(plan)
    before = sum(nodes[kind] for kind in _OF_TODAY)
    fates = [f"keeps {nodes['keep']:,} running", f"switches off {nodes['off']:,}", f"moves {nodes['move']:,}"]
    fates += [f"retires {nodes['retire']:,}"] + ([f"gives back {nodes['return']:,}"] if nodes["return"] else [])
    new = [f"buys {nodes['buy']:,}"] + ([f"commits to {nodes['commit']:,} more"] if nodes["commit"] else [])
    new += [f"rents {nodes['rent']:,} more"] if nodes["rent"] else []
    limit = next((line.limit for line in plan.readings if (line.wall, line.name) == ("capital", "changes")), None)
    changes = count(sum(nodes[kind] for kind in _COUNTED), "change")
    most = f" of at most {limit:,.0f}" if limit is not None else ""
    says = f"Of today's {count(before, 'node')} the plan {listed(fates)}; it {listed(new)}: {changes}{most}."
    return Paragraph(says)


def _table(plan: Plan, places: Places) -> Table:
    rows = []
    for line in plan.changes:
        where = places.label(line.region)
        where += f" -> {places.label(line.to_region)}" if line.to_region else ""
        once = dollars(line.one_off_usd) if line.one_off_usd else ""
        rows.append(
            (
                _DONE[line.kind],
                f"{line.nodes:,}",
                where,
                f"{device(line.accelerator)} {procured(line.procurement)}",
                plain(line.offer),
                once,
                dollars(line.usd_per_year),
            )
        )
    total = (
        "all",
        "",
        "",
        "",
        "",
        dollars(sum(line.one_off_usd for line in plan.changes)),
        dollars(sum(line.usd_per_year for line in plan.changes)),
    )
    caption = "What becomes of each node; a year: maintenance, rent and what is paid once, spread; electricity left out"
    headings = columns("what", ">nodes", "where", "of", "node type?", ">paid once", ">a year")
    return Table(headings, tuple(rows), total if len(rows) > 1 else None, caption)


def _once(plan: Plan) -> Paragraph | None:
    """What is paid and taken in once."""
    paid = [f"{money(usd)} for {what}" for what, usd in _one_offs(plan) if usd > 0]
    back = sum(-usd for _, usd in _one_offs(plan) if usd < 0)
    if not paid and not back:
        return Paragraph("Nothing is paid once.")
    says = f"Paid once: {listed(paid)}" if paid else ""
    sold = f"retired nodes bring in {money(back)} once, after what taking them out costs" if back else ""
    return Paragraph(f"{says}{'; ' if says and sold else ''}{sold if says else sold[:1].upper() + sold[1:]}.")


def _one_offs(plan: Plan) -> list[tuple[str, float]]:
    found: Counter[str] = Counter()
    for line in plan.changes:
        found[line.kind] += line.one_off_usd  # type: ignore[assignment]
    words = {"buy": "what is bought, host, network and building included", "move": "moves", "retire": "retirements"}
    return [(words[kind], found[kind]) for kind in words]


def _sunk(plan: Plan) -> Paragraph | None:
    """What no choice changes, so that nobody looks for it among the savings."""
    parts: Counter[str] = Counter()
    for charge in plan.charges:
        if charge.account == "usd_per_year" and charge.part in SUNK:
            parts[charge.part] += charge.value  # type: ignore[assignment]
    if not parts:
        return Paragraph("No write-off and no committed rent was stated: today's nodes count as paid for.", "warn")
    too = {"write-off": " (of retired nodes too)" if numbers(plan)["retire"] else ""}
    named = [f"{money(parts[part])} of {part}{too.get(part, '')}" for part in SUNK if parts[part]]
    whole = money(plan.accounts["usd_per_year"])
    return Paragraph(f"Paid whatever is decided, and in the {whole} a year: {listed(named)}.")


def _as_it_is(plan: Plan) -> Paragraph | None:
    """What today's fleet would do unchanged, and what the changes are worth."""
    found = plan.as_it_is
    if found is None:
        return None
    if not found.settled:
        return Paragraph("What today's fleet would do unchanged was not settled in the time allowed.", "warn")
    if found.served_share is None:
        return Paragraph("Unchanged, today's fleet breaks a limit at any demand.", "warn")
    assert found.usd_per_year is not None and found.kg_co2e_per_year is not None
    bill = f"{money(found.usd_per_year, 4)} and {mass(found.kg_co2e_per_year)} CO2e a year"
    if found.served_share < 1:
        return Paragraph(
            f"Unchanged, today's fleet holds every limit up to {percent(found.served_share)} of the demand, at {bill}."
        )
    usd = found.usd_per_year - plan.accounts["usd_per_year"]
    worth = f"the changes save {money(usd)} a year" if usd > _SMALL else f"the changes cost {money(-usd)} a year"
    worth = "nothing would be saved by changing it" if abs(usd) <= _SMALL else worth
    return Paragraph(f"Unchanged, today's fleet holds every limit for {bill}: {worth}.")
