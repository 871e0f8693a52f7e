"""Tornados: what each limit, and each input, moved alone to either side is worth, the largest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimizer.plan import Binding, Interval, Plan
from reports.charts import LIGHT, Chart, bare, lines
from reports.content import Table, columns
from reports.names import Places
from reports.summary import effect, quantity
from reports.words import plain, scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = 12
_USUAL = 0.05


@dataclass(frozen=True)
class Side:
    """One move of one thing."""

    says: str
    """What was moved to what."""
    change: Interval | None
    """None where no fleet is left."""
    resolved: bool

    @property
    def far(self) -> float:
        """The end of the interval that is farther from no change."""
        return max(self.change, key=abs) if self.change is not None else 0.0


@dataclass(frozen=True)
class Row:
    """One thing and its moves."""

    name: str
    sides: tuple[Side, ...]

    @property
    def size(self) -> float:
        """How far the answer swings."""
        return max((abs(side.far) for side in self.sides if side.resolved), default=0.0)


def limits(plan: Plan, places: Places) -> Chart | None:
    """Limits relaxed, and tightened where that was asked for."""
    carbon = _by_carbon(plan)
    held: dict[str, dict[bool, Binding]] = defaultdict(dict)
    for line in plan.binding:
        side = line.relaxation < 0
        if side not in held[line.key] or abs(abs(line.relaxation) - _USUAL) < 1e-9:
            held[line.key][side] = line
    rows = []
    for sides in held.values():
        lines = [sides[side] for side in sorted(sides)]
        name = places.limit(lines[0].limit).removeprefix("the ").split(" (")[0]
        told = [Side(places.change(line.limit, line.change), _change(line, carbon), line.resolved) for line in lines]
        rows.append(Row(name, tuple(told)))
    return _chart("moves", "What moving each limit is worth", rows, carbon)


def inputs(plan: Plan) -> Chart | None:
    """Inputs moved down and up."""
    carbon = _by_carbon(plan)
    held: dict[str, list[Side]] = defaultdict(list)
    for swing in sorted(plan.sensitivity, key=lambda one: one.factor):
        held[swing.input].append(Side(_input_said(swing), _change(swing, carbon), swing.resolved))
    rows = [Row(plain(name), tuple(sides)) for name, sides in held.items()]
    return _chart("inputs", "What each input is worth", rows, carbon)


def _input_said(swing: Any) -> str:
    if swing.start is None or swing.to is None:
        return f"{plain(swing.input)} x {swing.factor:g}"
    start, to = quantity(swing.start, swing.unit, swing.to), quantity(swing.to, swing.unit, swing.start)
    return f"{plain(swing.input)}: {start} -> {to}"


def _by_carbon(plan: Plan) -> bool:
    return plan.objective is not None and plan.objective.account.startswith("kg")


def _change(line: Any, carbon: bool) -> Interval | None:
    return line.kg_co2e_per_year_change if carbon else line.usd_per_year_change


def _chart(key: str, title: str, found: Iterable[Row], carbon: bool) -> Chart | None:
    rows = [row for row in found if row.size >= 1.0 or any(side.change is None for side in row.sides)]
    rows = sorted(rows, key=lambda row: (-row.size, row.name))[:_SHOWN]
    if not rows:
        return None
    unit, what = ("kg", "carbon") if carbon else ("USD", "money")
    body = tuple((side.says, *_told(side, unit)) for row in rows for side in row.sides)
    table = Table(columns("if this moves", f"{what} a year", "resolved"), body, None, f"{title}, in {what} a year")
    says = f"Largest: {body[0][0]} {body[0][1]} a year."
    return Chart(key, f"{title}, {what} a year", says, table, lambda axes: _draw(axes, rows, unit), 60 + 38 * len(rows))


def _told(side: Side, unit: str) -> tuple[str, str]:
    if side.change is None:
        return "no fleet holds it", "yes" if side.resolved else "no"
    return effect(side.change, unit), "yes" if side.resolved else "no"


def _draw(axes: Axes, rows: list[Row], unit: str) -> None:
    ends = [end for row in rows for side in row.sides for end in side.change or ()]
    low, high = min(0.0, *ends), max(0.0, *ends)
    wide = (high - low) or 1.0
    left = right = False
    for row, one in enumerate(rows):
        for side in one.sides:
            end = _bar(axes, row, side, unit, wide)
            left, right = left or end < 0, right or end > 0
    axes.axvline(0, color=LIGHT["soft"], linewidth=1)
    axes.set_yticks(range(len(rows)), [lines(row.name) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    room = 0.24 * wide
    axes.set_xlim(
        low - (room if (right and left) or low == 0 else 0.02 * wide), high + (room if right else 0.01 * wide)
    )
    axes.set_xticks([])
    bare(axes)


def _bar(axes: Axes, row: int, side: Side, unit: str, wide: float) -> float:
    """One bar and its figure; where it ends, less or more than 0, the figure with it."""
    edge = wide * 0.012
    if side.change is None:
        axes.text(edge, row, "no fleet", color=LIGHT["red"], ha="left", va="center")
        return 1.0
    least, most = side.change
    far = side.far
    if not side.resolved:
        if most - least > edge:
            span: dict[str, Any] = {
                "facecolor": LIGHT["grey"],
                "edgecolor": LIGHT["bg"],
                "hatch": "///",
                "linewidth": 0,
            }
            axes.barh(row, most - least, left=least, height=0.6, **span)
        if max(abs(least), abs(most)) >= 1.0:
            axes.text(min(least, 0.0) - edge, row, "not resolved", color=LIGHT["soft"], ha="right", va="center")
        return -1.0
    if abs(far) < 1.0:
        return 0.0
    saves = far < 0
    hatch = "" if saves else "\\\\\\"
    tone = LIGHT["teal"] if saves else LIGHT["orange"]
    axes.barh(row, far, height=0.6, facecolor=tone, hatch=hatch, edgecolor=LIGHT["bg"], linewidth=0)
    words = ("-" if saves else "+") + scale(unit, far).write(abs(far))
    if saves and abs(far) > 0.3 * wide:
        style: dict[str, Any] = {"color": LIGHT["bg"], "ha": "left", "fontweight": "bold"}
        axes.text(far + edge, row, words, va="center", **style)
    else:
        axes.text(far - edge if saves else far + edge, row, words, ha="right" if saves else "left", va="center")
    return far
