"""What each limit costs: moved alone, both ways where curves were asked for, in money, carbon and requests a second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from optimizer.plan import Binding, Interval, Plan
from reports.binding_words import (
    demand_said,
    limit_said,
    nothing,
    nothing_said,
    together_said,
    unresolved,
    unresolved_said,
)
from reports.content import Bullets, Paragraph, Section, Table, columns, section
from reports.names import Places
from reports.node_words import fleet_change
from reports.summary import by_carbon, effect, quantity
from reports.words import number, scale, sentence, spoken

_OPEN = "an interval is what the two gaps leave open"


def binding(plan: Plan, places: Places) -> Section | None:
    """What each limit costs, found by moving it and solving again."""
    if plan.fleet is None:
        return None
    if not plan.binding:
        return section("binding", "What binds", [Paragraph("Not looked into: no limit was moved and solved again.")])
    curves = any(line.relaxation < 0 or line.requests_per_s_change is not None for line in plan.binding)
    parts = _curves(plan, places) if curves else _once(plan, places)
    return section("binding", "What binds, found by solving again", parts)


# ---- each limit moved once ----


def _once(plan: Plan, places: Places) -> list[Paragraph | Table | Bullets | None]:
    told = sorted((line for line in plan.binding if line.resolved and not nothing([line])), key=_gain)
    other = [line for line in plan.binding if not line.resolved]
    idle = [line for line in plan.binding if line.resolved and nothing([line])]
    rows = tuple(
        (
            places.change(line.limit, line.change),
            _money(line),
            _carbon(line),
            fleet_change(line.node_changes, places),
            spoken(line.wall),
        )
        for line in told
    )
    fleet = any(row[3] for row in rows)
    headings = columns("if this moves", "money a year", "carbon a year", *(["nodes_"] if fleet else []), "wall")
    rows = rows if fleet else tuple((*row[:3], row[4]) for row in rows)
    parts: list[Paragraph | Table | Bullets | None] = [
        Paragraph(f"Each limit was moved alone and the whole fleet solved again; {_OPEN}."),
        Table(headings, rows) if rows else None,
    ]
    if other:
        body = tuple((places.change(line.limit, line.change), _interval(line) or _money(line)) for line in other)
        caption = "Not resolved: the two gaps leave it open whether this changes anything"
        parts.append(Table(columns("if this moves", "money a year"), body, None, caption))
    if idle:
        parts.append(Paragraph("Moving these changes nothing:"))
        parts.append(Bullets(tuple(places.change(line.limit, line.change) for line in idle)))
    return parts


def _gain(line: Binding) -> tuple[float, str]:
    return sum(line.usd_per_year_change or (0.0,)), line.change


# ---- curves ----


def _curves(plan: Plan, places: Places) -> list[Paragraph | Table | Bullets | None]:
    blocks: dict[str, list[Binding]] = defaultdict(list)
    for line in plan.binding:
        blocks[line.limit].append(line)
    told = [lines for lines in blocks.values() if not unresolved(lines)]
    size = {lines[0].limit: _size(plan, lines) for lines in told}
    walls: dict[str, float] = defaultdict(float)
    for lines in told:
        walls[lines[0].wall] = max(walls[lines[0].wall], size[lines[0].limit])
    told.sort(key=lambda lines: (-size[lines[0].limit], lines[0].limit))
    said = [sentence(limit_said(lines, plan, places)) for lines in told]
    idle = [nothing_said(lines, places) for lines in blocks.values() if nothing(lines)]
    dim = [lines for lines in blocks.values() if unresolved(lines) and not nothing(lines)]
    seconds = sum(line.seconds for line in plan.binding)
    solved = sum(line.status in ("solved", "no_fleet") for line in plan.binding)
    stopped = sum(line.status == "stopped" for line in plan.binding)
    left = f" and {stopped} not settled in time" if stopped else ""
    parts: list[Paragraph | Table | Bullets | None] = [
        Paragraph(
            f"Each limit was moved alone, both ways, and the whole fleet solved again; {_OPEN}. "
            f"{len(plan.binding)} moves, {solved} of them solved{left}, took {number(seconds)} s of processor time."
        ),
        Bullets(tuple(said)) if said else None,
    ]
    if idle:
        parts += [Paragraph("Moving these alone changes nothing:"), Bullets(tuple(idle))]
    if dim:
        parts.append(Paragraph("Not resolved: the gaps leave it open whether these alone change anything:"))
        parts.append(Bullets(tuple(unresolved_said(lines, plan, places) for lines in dim)))
    parts += demand_said(plan, places)
    parts += together_said(plan, places)
    told.sort(key=lambda lines: (-walls[lines[0].wall], lines[0].wall, -size[lines[0].limit], lines[0].limit))
    parts += [_block(lines, plan, places) for lines in told]
    parts += _relaxation(plan, places)
    return parts


def _relaxation(plan: Plan, places: Places) -> list[Paragraph | Table | Bullets | None]:
    """The linear relaxation's duals, and why they are not prices of the fleet."""
    found = plan.relaxation
    if found is None or found.value is None:
        return []
    write = scale(found.unit, max((abs(price.per_percent) for price in found.prices), default=1.0)).write
    rows = tuple((places.limit(price.limit), write(price.per_percent)) for price in found.prices)
    value = scale(found.unit, found.value).write(found.value, 4)
    told = (
        "Shadow prices of the linear relaxation, for comparison with other models only: if nodes and replicas came in "
        f"fractions, {value} would do, and relaxing a limit by 1 % would change that by so much. Whole nodes answer "
        "otherwise: the prices above are those of fleets."
    )
    if not rows:
        return [Paragraph(f"{told} No limit has one.")]
    return [Paragraph(told), Table(columns("limit relaxed by 1 %", ">changes the relaxation by"), rows)]


def _size(plan: Plan, lines: Sequence[Binding]) -> float:
    """The largest change that a limit makes to what was made least; no fleet at all is beyond all of them."""
    carbon = by_carbon(plan)
    changes = [line.kg_co2e_per_year_change if carbon else line.usd_per_year_change for line in lines]
    return max(abs(sum(change)) / 2 if change is not None else float("inf") for change in changes)


def _block(lines: Sequence[Binding], plan: Plan, places: Places) -> Table:
    """One limit's curve, from the tightest to the loosest."""
    first = lines[0]
    lines = sorted(lines, key=lambda line: line.relaxation)
    served = any(line.requests_per_s_change is not None for line in lines)
    goal = "carbon" if by_carbon(plan) else "money"
    head = (f">same {goal} serves",) if served else ()
    fleets = [fleet_change(line.node_changes, places) for line in lines]
    rows = tuple(
        (
            quantity(line.to, line.unit, line.start) if line.to is not None else "dropped",
            _money(line),
            _carbon(line),
            *((_requests(line.requests_per_s_change),) if served else ()),
            fleet,
        )
        for line, fleet in zip(lines, fleets, strict=True)
    )
    headings = columns(">moved to", "money a year", "carbon a year", *head, "nodes_")
    now = f", now {quantity(first.start, first.unit)}" if first.start is not None else ""
    caption = f"{spoken(first.wall).capitalize()}: {places.limit(first.limit)}{now}"
    return Table(headings, rows, None, caption)


def _money(line: Binding) -> str:
    if line.usd_per_year_change is None:
        return "no fleet exists" if line.status == "no_fleet" else "not settled in time"
    if line.status == "kept":
        return "no change"
    return _interval(line) if line.resolved else f"not resolved: {_interval(line)}"


def _carbon(line: Binding) -> str:
    change = line.kg_co2e_per_year_change
    if change is None:
        return ""
    if line.status == "kept":
        return "no change"
    return effect(change, "kg", costs="adds") if line.resolved or change != (0.0, 0.0) else "not resolved"


def _interval(line: Binding) -> str:
    return effect(line.usd_per_year_change, "USD") if line.usd_per_year_change is not None else ""


def _requests(change: Interval | None) -> str:
    if change is None:
        return ""
    low, high = (f"{'+' if end > 0 else ''}{number(end)}" for end in change)
    return "no change" if change == (0.0, 0.0) else f"{low}/s" if low == high else f"{low} to {high}/s"
