"""Charts of what holds the fleet back: how full each limit is, what moving it is worth, and what each way out costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimizer.plan import Binding, Plan, ReadingLine, Repair
from reports.charts import LIGHT, Chart, bare, short
from reports.content import Table, columns
from reports.names import Places
from reports.summary import effect, quantity
from reports.words import device, money, percent, percentile, plain, scale, spoken, together

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
    full = sum(share > 0.999 for _, share, _ in rows)
    says = f"{full} of these limits are used to the full; the fullest is {rows[0][0]}."
    return Chart(
        "room", "How full each limit is", says, table, lambda axes: _draw_room(axes, rows), 60 + 30 * len(rows)
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
    return list(dict.fromkeys(f"{_limit_name(one, places)}: {_value_of(one)}" for one in full))


def _limit_name(reading: ReadingLine, places: Places) -> str:
    if reading.name == "quota" and " in " in reading.where:
        accelerator, _, region = reading.where.partition(" in ")
        return f"quota of {device(accelerator)}, {places.city(region).split(' (')[0]}"
    return spoken(reading.name) + (f" {percentile(reading.percentile)}" if reading.percentile else "")


def _value_of(reading: ReadingLine) -> str:
    value, limit = together(reading.unit, [reading.value, reading.limit])
    return f"{value}, at {'most' if reading.sense == '<=' else 'least'} {limit}"


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
            f"{percent(share, 3)}  ({value.split(',')[0]})" if len(value) < 60 else percent(share, 3),
            va="center",
        )
    axes.axvline(1.0, color=LIGHT["red"], linewidth=1.4)
    axes.set_yticks(range(len(rows)), [short(name, 26) for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.5)
    axes.set_xticks([])
    bare(axes)


def tornado(plan: Plan, places: Places) -> Chart | None:
    """What moving each limit alone changes in what was made least; an interval is what the two gaps leave open."""
    carbon = plan.objective is not None and plan.objective.account.startswith("kg")
    best: dict[str, Binding] = {}
    for line in plan.binding:
        if max(map(abs, _change(line, carbon))) >= 1.0 and (line.key not in best or abs(line.relaxation - 0.05) < 1e-9):
            best[line.key] = line
    lines = sorted(best.values(), key=lambda line: (not line.resolved, min(_change(line, carbon)), line.limit))[:_SHOWN]
    if not lines:
        return None
    unit = "kg" if carbon else "USD"
    rows = tuple(
        (places.change(line.limit, line.change), effect(_change(line, carbon), unit), "yes" if line.resolved else "no")
        for line in lines
    )
    what = "carbon" if carbon else "money"
    table = Table(
        columns("if this moves", f"{what} a year", "resolved"), rows, None, f"What moving each limit changes in {what}"
    )
    says = f"Most: {rows[0][0]} {rows[0][1]} a year."
    return Chart(
        "moves",
        f"What moving each limit is worth, {what} a year",
        says,
        table,
        lambda axes: _draw_moves(
            axes, [(_move_name(line, places), _change(line, carbon), line.resolved) for line in lines], unit
        ),
        70 + 32 * len(lines),
    )


def _change(line: Binding, carbon: bool) -> tuple[float, float]:
    return line.kg_co2e_per_year_change if carbon else line.usd_per_year_change


def _move_name(line: Binding, places: Places) -> str:
    name = places.limit(line.limit).removeprefix("the ").split(" (")[0]
    return short(name, 30)


def _draw_moves(axes: Axes, rows: list[tuple[str, tuple[float, float], bool]], unit: str) -> None:
    ends = [end for _, change, _ in rows for end in change]
    low, high = min(0.0, *ends), max(0.0, *ends)
    wide = (high - low) or 1.0
    for row, (_, (least, most), resolved) in enumerate(rows):
        far = least if abs(least) >= abs(most) else most
        tone = LIGHT["grey"] if not resolved else LIGHT["teal"] if far < 0 else LIGHT["orange"]
        if resolved:
            axes.barh(row, far, height=0.6, color=tone)
        if most - least > 0.004 * wide:
            span: dict[str, Any] = {
                "facecolor": "none" if resolved else tone,
                "edgecolor": LIGHT["bg"],
                "hatch": "///",
                "linewidth": 0,
            }
            axes.barh(row, most - least, left=least, height=0.6, **span)
        words = scale(unit, far).write(far) if resolved else "not resolved"
        outside = far - wide * 0.012 if far < 0 else far + wide * 0.012
        if far < 0 and abs(far) > 0.3 * wide:
            axes.text(far + wide * 0.012, row, words, color=LIGHT["bg"], ha="left", va="center", fontweight="bold")
        else:
            axes.text(outside, row, words, ha="right" if far < 0 else "left", va="center")
    axes.axvline(0, color=LIGHT["soft"], linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(
        low - 0.02 * wide - (0.2 * wide if high > 0 else 0), high + (0.25 * wide if high > 0 else 0.01 * wide)
    )
    axes.set_xticks([])
    bare(axes)


def ways_out(plan: Plan, places: Places) -> Chart | None:
    """What a year costs after each way out."""
    found: dict[str, Repair] = {}
    for one in plan.repairs:
        if one.to is not None and one.usd_per_year is not None and one.verified:
            found.setdefault(one.key or one.says, one)
    ways = sorted(found.values(), key=lambda one: one.usd_per_year or 0.0)[:_SHOWN]
    if not ways:
        return None
    rows = [(_way(one, places), one.usd_per_year or 0.0) for one in ways]
    table = Table(
        columns("way out", ">money a year"), tuple((name, money(usd)) for name, usd in rows), None, "Ways out by cost"
    )
    says = f"The cheapest way out: {rows[0][0]}, {money(rows[0][1])} a year."
    return Chart(
        "ways", "What each way out costs a year", says, table, lambda axes: _draw_ways(axes, rows), 60 + 34 * len(rows)
    )


def _way(one: Repair, places: Places) -> str:
    if one.limit:
        return f"{places.limit(one.limit)} to {quantity(one.to, one.unit, one.start)}"
    return plain(one.says)


def _draw_ways(axes: Axes, rows: list[tuple[str, float]]) -> None:
    wide = max(usd for _, usd in rows) or 1.0
    for row, (_, usd) in enumerate(rows):
        axes.barh(row, usd, height=0.6, color=LIGHT["blue"])
        inside = usd > 0.25 * wide
        where, tone = (usd - wide * 0.012, LIGHT["bg"]) if inside else (usd + wide * 0.012, LIGHT["ink"])
        axes.text(where, row, money(usd), color=tone, ha="right" if inside else "left", va="center", fontweight="bold")
    axes.set_yticks(range(len(rows)), [short(name.removeprefix("the "), 34) for name, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, wide * 1.05)
    axes.set_xticks([])
    bare(axes)
