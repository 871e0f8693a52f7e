"""What the answer leans on: each input moved down and up alone, the largest effect first."""

from __future__ import annotations

from collections import defaultdict

from optimizer.plan import Plan, Swing
from reports.content import Bullets, Paragraph, Section, Table, columns, section
from reports.names import Places
from reports.node_words import fleet_change
from reports.summary import effect
from reports.words import device, number, plain

_HEADINGS = columns("input", ">moved", "money a year", "carbon a year", "fleet", "nodes_")


def sensitivity(plan: Plan, places: Places) -> Section | None:
    """Inputs by size; those that change nothing in one list."""
    if not plan.sensitivity:
        return None
    blocks: dict[str, list[Swing]] = defaultdict(list)
    for line in plan.sensitivity:
        blocks[line.input].append(line)
    rows: list[tuple[str, ...]] = []
    for name, lines in blocks.items():
        if not _idle(lines):
            rows += [
                (input_said(name, places) if place == 0 else "", *_row(line, places))
                for place, line in enumerate(lines)
            ]
    idle = [input_said(name, places) for name, lines in blocks.items() if _idle(lines)]
    seconds = sum(line.seconds for line in plan.sensitivity)
    parts: list[Paragraph | Table | Bullets | None] = [
        Paragraph(
            "Each input was multiplied alone and the whole fleet planned anew; an interval is what the two gaps leave "
            "open. The fleet stays where its nodes are still as good as any within the gap. "
            f"{len(plan.sensitivity)} questions took {number(seconds)} s of processor time."
        ),
        Table(columns("input", ">moved", "money a year", "carbon a year", "fleet", "nodes_"), tuple(rows))
        if rows
        else None,
    ]
    if idle:
        parts += [Paragraph("Moving these alone changes nothing:"), Bullets(tuple(idle))]
    return section("sensitivity", "What the answer leans on: inputs moved by 10 %", parts)


def _idle(lines: list[Swing]) -> bool:
    changes = [change for line in lines for change in (line.usd_per_year_change, line.kg_co2e_per_year_change)]
    return all(change is not None and all(abs(end) < 1.0 for end in change) for change in changes)


def input_said(name: str, places: Places) -> str:
    """An input with the names that people use.

    >>> input_said("purchase price of h200-sxm", Places())
    'purchase price of H200'
    """
    for start, write in (("purchase price of ", device),):
        if name.startswith(start):
            return f"{start}{write(name.removeprefix(start))}"
    what, mark, region = name.partition(" in ")
    return f"{plain(what)}{mark}{places.city(region)}" if mark else plain(name)


def _row(line: Swing, places: Places) -> tuple[str, str, str, str, str]:
    moved = f"{(line.factor - 1) * 100:+.3g} %"
    if line.usd_per_year_change is None or line.kg_co2e_per_year_change is None:
        return moved, "no fleet exists" if line.status == "no_fleet" else "not settled in time", "", "", ""
    told = effect(line.usd_per_year_change, "USD")
    fleet = {True: "stays", False: "changes", None: "not known"}[line.fleet_stays]
    money = told if line.resolved else f"not resolved: {told}"
    carbon = effect(line.kg_co2e_per_year_change, "kg", costs="adds")
    return moved, money, carbon, fleet, fleet_change(line.node_changes, places)
