"""Charts of what holds the fleet back: how full each limit is, what moving it is worth, and what each way out costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.plan import Plan, ReadingLine, Repair
from reports.charts import LIGHT, Chart, bare, lines
from reports.content import Table, columns
from reports.names import Places
from reports.summary import quantity
from reports.ways_sections import way_said
from reports.words import listed, money, percent, percentile, spoken, together

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = 10
_OUR_OWN = ("pool load", "demand served")
"""Always full by construction, so they say nothing."""


def headroom(plan: Plan, places: Places) -> Chart | None:
    """How much of each limit is used; of many of one kind the fullest."""
    fullest: dict[tuple[str, str], tuple[float, ReadingLine]] = {}
    for reading in plan.readings:
        share = used(reading)
        if share is None or reading.name in _OUR_OWN:
            continue
        key = reading.name, reading.where if reading.name == "quota" and share > 0.999 else ""
        if key not in fullest or share > fullest[key][0]:
            fullest[key] = share, reading
    shown = sorted(fullest.values(), key=lambda pair: -pair[0])[:_SHOWN]
    if not shown:
        return None
    rows = [(_limit_name(reading, places), share, _value_of(reading)) for share, reading in shown]
    table = Table(
        columns("limit", ">used", "value"),
        tuple((name, percent(share, 4), value) for name, share, value in rows),
        None,
        "How much of each limit is used, fullest first",
    )
    full = [name for name, share, _ in rows if share > 0.999]
    most = f"Fullest: {rows[0][0]}, {percent(rows[0][1], 3)}."
    says = f"Used to the full: {listed(full)}." if full else most
    return Chart(
        "room", "How full each limit is", says, table, lambda axes: _draw_room(axes, rows), 60 + 36 * len(rows)
    )


def used(reading: ReadingLine) -> float | None:
    """Share of a limit that is used; for a lower limit, the limit over the value. None where that means nothing.

    >>> line = dict(wall="", name="", where="", slack=None, unit="", percentile="", value=4.0)
    >>> used(ReadingLine(sense="<=", limit=8.0, **line)), used(ReadingLine(sense=">=", limit=1.0, **line))
    (0.5, 0.25)
    """
    if reading.limit is None or reading.limit <= 0:
        return None
    if reading.sense == "<=":
        return reading.value / reading.limit
    return reading.limit / reading.value if reading.value > 0 else None


def full_limits(plan: Plan, places: Places) -> list[str]:
    """Limits that leave no room, in words."""
    full = [one for one in plan.readings if one.name not in _OUR_OWN and (used(one) or 0.0) > 0.999]
    return list(dict.fromkeys(f"the {_limit_name(one, places)}: {_value_of(one)}" for one in full))


def _limit_name(reading: ReadingLine, places: Places) -> str:
    if reading.name == "quota" and " in " in reading.where:
        return places.limit(f"quota {reading.where.replace(' in ', ' ', 1)}").removeprefix("the ")
    if reading.name in ("min regions", "max regions"):
        return places.limit(reading.name).removeprefix("the ")
    return spoken(reading.name) + (f" {percentile(reading.percentile)}" if reading.percentile else "")


def _value_of(reading: ReadingLine) -> str:
    value, limit = together(reading.unit, [reading.value, reading.limit])
    return f"{value} of at {'most' if reading.sense == '<=' else 'least'} {limit}"


def _draw_room(axes: Axes, rows: list[tuple[str, float, str]]) -> None:
    for row, (_, share, value) in enumerate(rows):
        full = share > 0.999
        axes.barh(row, 1.0, height=0.6, color=LIGHT["panel"])
        tone = LIGHT["orange"] if full else LIGHT["blue"]
        axes.barh(
            row,
            min(share, 1.0),
            height=0.6,
            color=tone,
            hatch="///" if full else "",
            edgecolor=LIGHT["bg"],
            linewidth=0,
        )
        axes.text(
            1.015,
            row,
            f"{percent(share, 3)}  ({value.split(' of at ')[0]})" if len(value) < 60 else percent(share, 3),
            va="center",
        )
    axes.axvline(1.0, color=LIGHT["red"], linewidth=1.4)
    axes.set_yticks(range(len(rows)), [lines(name.split(" (")[0]) for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.5)
    axes.set_xticks([])
    bare(axes)


def ways_out(plan: Plan, places: Places) -> Chart | None:
    """What a year costs after each way out."""
    found: dict[str, Repair] = {}
    for one in plan.repairs:
        if one.to is not None and one.usd_per_year is not None and one.verified:
            found.setdefault(one.key if one.kind == "limit" else one.says, one)
    ways = sorted(found.values(), key=lambda one: one.usd_per_year or 0.0)[:_SHOWN]
    if len(ways) < 2:
        return None
    rows = [(_way(one, places), one.usd_per_year or 0.0) for one in ways]
    table = Table(
        columns("way out", ">money a year"), tuple((name, money(usd)) for name, usd in rows), None, "Ways out by cost"
    )
    says = f"The cheapest way out: {rows[0][0]}, {money(rows[0][1])} a year."
    return Chart(
        "ways", "What each way out costs a year", says, table, lambda axes: _draw_ways(axes, rows), 60 + 40 * len(rows)
    )


def _way(one: Repair, places: Places) -> str:
    if one.kind == "limit":
        return f"{places.limit(one.limit)} to {quantity(one.to, one.unit, one.start)}"
    changes = f" ({len(one.changes)} changes)" if len(one.changes) > 1 else ""
    return f"no. {one.number}{changes}: {way_said(one, places)}"


def _draw_ways(axes: Axes, rows: list[tuple[str, float]]) -> None:
    wide = max(usd for _, usd in rows) or 1.0
    for row, (_, usd) in enumerate(rows):
        axes.barh(row, usd, height=0.6, color=LIGHT["blue"])
        inside = usd > 0.25 * wide
        where, tone = (usd - wide * 0.012, LIGHT["bg"]) if inside else (usd + wide * 0.012, LIGHT["ink"])
        axes.text(where, row, money(usd), color=tone, ha="right" if inside else "left", va="center", fontweight="bold")
    axes.set_yticks(range(len(rows)), [lines(name.removeprefix("the "), 26) for name, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, wide * 1.05)
    axes.set_xticks([])
    bare(axes)
