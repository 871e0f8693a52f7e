"""Charts of the bills: what the money goes to, step by step, and where the carbon comes from."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from optimizer.plan import Plan
from reports.charts import LIGHT, Chart, bare, colour, filled, lines
from reports.content import Table, columns
from reports.names import Places
from reports.words import device, listed, mass, money, percent, plain, scale, spoken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 30
_SHOWN = 10


def devices(plan: Plan, places: Places) -> Chart | None:
    """Devices by region and kind; the most over the slots."""
    held: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for line in plan.nodes:
        if line.nodes:
            held[line.region][device(line.accelerator)] += line.nodes * line.devices_per_node
    if not held:
        return None
    sums = {region: sum(kinds.values()) for region, kinds in held.items()}
    regions = sorted(sums, key=lambda region: (-sums[region], region))[:_SHOWN]
    kinds = sorted({kind for one in held.values() for kind in one})
    body = tuple(
        (places.city(region), *(f"{held[region].get(kind, 0):,.0f}" for kind in kinds), f"{sums[region]:,.0f}")
        for region in regions
    )
    table = Table(columns("region", *(f">{kind}" for kind in kinds), ">all"), body, None, "Devices by region and kind")
    says = "; ".join(
        f"{places.city(region)}: {listed(f'{value:,.0f} {kind}' for kind, value in sorted(held[region].items()))}"
        for region in regions
    )
    rows = [(places.city(region), held[region]) for region in regions]
    height = 110 + 42 * len(regions)
    return Chart(
        "devices", "What stands where", f"{says}.", table, lambda axes: _draw_stacks(axes, rows, kinds), height
    )


def limit_on(plan: Plan, name: str) -> float | None:
    """The limit on an account, `budget` or `carbon`; None where there is none."""
    return next((one.limit for one in plan.readings if one.name == name and one.limit is not None), None)


def waterfall(plan: Plan) -> Chart | None:
    """The bill, part upon part, up to the whole; the budget where there is one."""
    by_part: dict[str, float] = defaultdict(float)
    for charge in plan.charges:
        if charge.account == "usd_per_year":
            by_part[charge.part] += charge.value
    parts = sorted(by_part.items(), key=lambda item: -abs(item[1]))
    if len(parts) > _SHOWN:
        rest = sum(value for _, value in parts[_SHOWN - 1 :])
        parts = [*parts[: _SHOWN - 1], (f"{len(parts) - _SHOWN + 1} smaller parts", rest)]
    total = sum(value for _, value in parts)
    if total <= 0:
        return None
    budget = limit_on(plan, "budget")
    table = Table(
        columns("part", ">a year", ">of all"),
        tuple((spoken(part), money(value, 4), percent(value / total)) for part, value in parts),
        ("all", money(total, 4), "100 %"),
        "The bill by part",
    )
    first = listed(f"{spoken(part)} {percent(value / total)}" for part, value in parts[:3])
    says = f"Of {money(total)} a year: {first}."
    if budget is not None:
        says += f" The budget is {money(budget)}; {money(budget - total)} of it are left."
    return Chart(
        "bill",
        "Where the money goes",
        says,
        table,
        lambda axes: _draw_waterfall(axes, parts, total, budget),
        70 + _ROW * (len(parts) + 1),
    )


def _draw_waterfall(axes: Axes, parts: list[tuple[str, float]], total: float, budget: float | None) -> None:
    shown = budget if budget is not None and budget < 2.2 * total else None
    wide = max(total, shown or 0.0)
    start = 0.0
    for row, (_, value) in enumerate(parts):
        axes.barh(row, value, left=start, height=0.62, color=colour(0))
        end = start + value
        axes.plot([end, end], [row + 0.31, row + 0.69], color=LIGHT["soft"], linewidth=0.8)
        _beside(axes, min(start, end), max(start, end), row, money(value), wide)
        start = end
    axes.barh(len(parts), total, height=0.62, color=LIGHT["ink"])
    _beside(axes, 0.0, total, len(parts), money(total), wide)
    labels = [*(lines(spoken(part), 18) for part, _ in parts), "all"]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(parts) + 0.6, -0.9)
    axes.set_xlim(0, wide * 1.02)
    if shown is not None:
        axes.axvline(shown, color=LIGHT["red"], linestyle=(0, (4, 3)), linewidth=1.6)
        words = f"budget {money(shown)}"
        axes.text(shown - wide * 0.012, -0.62, words, color=LIGHT["red"], ha="right", va="center")
    axes.set_xticks([])
    bare(axes)


def _beside(axes: Axes, low: float, high: float, row: float, text: str, wide: float) -> None:
    """A bar's value where there is room for it: inside, else to its right, else to its left."""
    if high - low > 0.2 * wide:
        axes.text(high - wide * 0.012, row, text, color=LIGHT["bg"], ha="right", va="center", fontweight="bold")
    elif high < 0.82 * wide:
        axes.text(high + wide * 0.012, row, text, ha="left", va="center")
    else:
        axes.text(low - wide * 0.012, row, text, ha="right", va="center")


def carbon(plan: Plan, places: Places) -> Chart | None:
    """Operational carbon by region and part, on its basis."""
    held: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for charge in plan.charges:
        if charge.account == "kg_co2e_per_year" and charge.part != "embodied":
            held[charge.region][charge.part] += charge.value
    sums = {region: sum(parts.values()) for region, parts in held.items()}
    total = sum(sums.values())
    if total <= 0:
        return None
    regions = sorted(sums, key=lambda region: -sums[region])
    if len(regions) > _SHOWN:
        regions = regions[:_SHOWN]
    parts = sorted({part for one in held.values() for part in one})
    body = tuple(
        (
            places.city(region) or "not by region",
            *(mass(held[region].get(part, 0.0)) for part in parts),
            mass(sums[region]),
        )
        for region in regions
    )
    heads = columns("region", *(f">{spoken(part)}" for part in parts), ">all")
    basis = plain(plan.carbon_basis)
    most = regions[0]
    says = (
        f"{mass(total)} CO2e a year from running the fleet, on the {basis} basis; "
        f"{percent(sums[most] / total)} of it in {places.city(most)}."
    )
    cap = limit_on(plan, "carbon")
    if cap is not None:
        says += f" The limit is {mass(cap)}."
    return Chart(
        "co2e",
        f"Where the carbon comes from ({basis} basis)",
        says,
        Table(heads, body, None, f"CO2e a year by region and part, {basis} basis"),
        lambda axes: _draw_stacks(axes, [(places.city(one), held[one]) for one in regions], parts, "kg"),
        110 + 42 * len(regions),
    )


def _draw_stacks(axes: Axes, rows: list[tuple[str, dict[str, float]]], parts: list[str], unit_name: str = "") -> None:
    """A bar a region, stacked by part, with its sum behind it."""
    most = max(sum(held.values()) for _, held in rows)
    unit = scale(unit_name, most)
    for row, (_, held) in enumerate(rows):
        start = 0.0
        for place, part in enumerate(parts):
            value = held.get(part, 0.0)
            label = spoken(part) if row == 0 else None
            axes.barh(row, value, left=start, height=0.55, label=label, **filled(place))
            start += value
        axes.text(start + most * 0.012, row, unit.write(start), ha="left", va="center", fontweight="bold")
    axes.set_yticks(range(len(rows)), [lines(name, 16) for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, most * 1.16)
    axes.set_xticks([])
    bare(axes)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=min(3, len(parts)), borderaxespad=0, handlelength=1.6)
