"""Charts of load against capacity: by slot, after the worst node loss, and after the loss of each region."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimizer.plan import Plan
from reports.charts import LIGHT, Chart, bare, lines, short
from reports.content import Table, columns
from reports.names import Places
from reports.words import count, percent, plain, rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WORKLOADS = 4
_TICKS = 9
_REGIONS = 6


@dataclass(frozen=True)
class SlotLoad:
    """One slot of one workload, in requests a second."""

    slot: str
    load: float
    capacity: float
    after_node_loss: float | None
    """What the worst node loss leaves; None where node losses were not looked into."""
    required: float | None
    """What must be left."""


def loads(plan: Plan) -> dict[str, list[SlotLoad]]:
    """Load, capacity and what the worst node loss leaves, by workload and slot.

    A line's capacity in a slot is taken in proportion to the replicas that run in it.
    """
    load: dict[tuple[str, str], float] = defaultdict(float)
    for flow in plan.flows:
        load[flow.workload, flow.slot] += flow.requests_per_s
    capacity: dict[tuple[str, str], float] = defaultdict(float)
    for line in plan.lines:
        for entry in line.by_slot:
            capacity[line.workload, entry.slot] += line.capacity_requests_per_s * entry.replicas / max(1, line.replicas)
    left: dict[tuple[str, str], float] = {}
    shares: dict[str, float | None] = {}
    for loss in plan.losses:
        if loss.what == "node":
            shares[loss.workload] = loss.required_share
            for slot, rate_left in (loss.by_slot or {loss.slot: loss.served_requests_per_s}).items():
                left[loss.workload, slot] = min(rate_left, left.get((loss.workload, slot), rate_left))
    found: dict[str, list[SlotLoad]] = defaultdict(list)
    for workload, slot in load:
        asked = load[workload, slot]
        after, share = left.get((workload, slot)), shares.get(workload)
        required = asked * share if share is not None else None
        found[workload].append(SlotLoad(slot, asked, capacity[workload, slot], after, required))
    return dict(found)


def charts(plan: Plan, places: Places) -> list[Chart]:
    """One chart a workload, those with most load first."""
    found = sorted(loads(plan).items(), key=lambda item: -max(one.load for one in item[1]))
    many = len(found) > 1
    made = []
    for place, (workload, slots) in enumerate(found[:_WORKLOADS]):
        name = f" of {plain(workload)}" if many else ""
        whole = _one_slot if len(slots) == 1 else _by_slot
        made.append(whole(f"load-{place}", name, plan, workload, slots, places))
    return made


def _table(slots: list[SlotLoad], caption: str) -> Table:
    rows = tuple(
        (
            plain(one.slot),
            rate(one.load),
            rate(one.capacity),
            percent(one.load / one.capacity, 3) if one.capacity else "",
            "not known" if one.after_node_loss is None else rate(one.after_node_loss),
            "not limited" if one.required is None else rate(one.required),
        )
        for one in slots
    )
    heads = columns("slot", ">load", ">can serve", ">load of it", ">after the worst node loss", ">must be left")
    return Table(heads, rows, None, caption)


def _by_slot(key: str, name: str, plan: Plan, workload: str, slots: list[SlotLoad], places: Places) -> Chart:
    busiest = max(slots, key=lambda one: one.load / one.capacity if one.capacity else 0.0)
    full = f"{rate(busiest.load)} of {rate(busiest.capacity)}"
    says = f"{count(len(slots), 'slot')}; the fullest is {plain(busiest.slot)}: {full}."
    known = [one for one in slots if one.after_node_loss is not None]
    if known:
        worst = min(known, key=lambda one: (one.after_node_loss or 0.0) / one.load if one.load else 1.0)
        share = (worst.after_node_loss or 0.0) / worst.load if worst.load else 1.0
        says += f" The worst node loss leaves {percent(share, 3)} in {plain(worst.slot)}."
    title = f"Load against capacity by slot{name}"
    return Chart(
        key, title, says, _table(slots, f"Requests a second by slot{name}"), lambda axes: _draw_slots(axes, slots), 300
    )


def _draw_slots(axes: Axes, slots: list[SlotLoad]) -> None:
    xs = list(range(len(slots)))
    axes.bar(xs, [one.load for one in slots], width=0.78, color=LIGHT["blue"], label="load")
    edges = [x - 0.5 for x in [*xs, len(xs)]]
    axes.stairs(
        [one.capacity for one in slots], edges, color=LIGHT["ink"], linewidth=2.2, label="can serve", baseline=None
    )
    if any(one.after_node_loss is not None for one in slots):
        after = [float("nan") if one.after_node_loss is None else one.after_node_loss for one in slots]
        style: dict[str, Any] = {
            "color": LIGHT["orange"],
            "linewidth": 2,
            "markersize": 6,
            "markeredgecolor": LIGHT["bg"],
        }
        axes.plot(xs, after, color=LIGHT["bg"], linewidth=5, label="_")  # a rim, to be seen on the bars
        axes.plot(xs, after, marker="D" if len(xs) <= 48 else "", label="left after the worst node loss", **style)
    if any(one.required is not None for one in slots):
        least = [float("nan") if one.required is None else one.required for one in slots]
        axes.plot(xs, least, color=LIGHT["bg"], linewidth=4.5, label="_")
        axes.plot(xs, least, color=LIGHT["red"], linewidth=1.8, linestyle=(0, (2, 2)), label="must be left")
    step = -(-len(xs) // _TICKS)
    axes.set_xticks(xs[::step], [short(one.slot, 9) for one in slots[::step]])
    axes.set_ylim(0, max(one.capacity for one in slots) * 1.06 or 1.0)
    axes.set_xlim(-0.6, len(xs) - 0.4)
    axes.set_ylabel("requests/s")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.label.set_color(LIGHT["soft"])
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0)


def _one_slot(key: str, name: str, plan: Plan, workload: str, slots: list[SlotLoad], places: Places) -> Chart:
    one = slots[0]
    rows = [("load", one.load, "blue"), ("can serve", one.capacity, "ink")]
    says = f"{rate(one.load)} are asked for, {rate(one.capacity)} can be served."
    if one.after_node_loss is not None:
        rows.append(("worst node lost", one.after_node_loss, "orange"))
        must = f", {rate(one.required)} must be left" if one.required is not None else ""
        says += f" The worst node loss leaves {rate(one.after_node_loss)}{must}."
    regions = [loss for loss in plan.losses if loss.what == "region" and loss.workload == workload]
    regions = sorted(regions, key=lambda loss: loss.served_requests_per_s)[:_REGIONS]
    rows += [
        (f"{places.city(loss.where).split(' (')[0]} lost", loss.served_requests_per_s, "purple") for loss in regions
    ]
    table = Table(
        columns("state", ">requests"),
        tuple((plain(label), rate(value)) for label, value, _ in rows)
        + ((("must be left after a node loss", rate(one.required)),) if one.required is not None else ()),
        None,
        f"Requests a second{name}: load, capacity, and what a loss leaves",
    )
    title = f"Load, capacity and what a loss leaves{name}"
    return Chart(key, title, says, table, lambda axes: _draw_bars(axes, rows, one.required), 80 + 34 * len(rows))


def _draw_bars(axes: Axes, rows: list[tuple[str, float, str]], required: float | None) -> None:
    wide = max(max(value for _, value, _ in rows), required or 0.0) or 1.0
    for row, (_, value, named) in enumerate(rows):
        axes.barh(row, value, height=0.6, color=LIGHT[named])
        inside = value > 0.2 * wide
        where = value - wide * 0.012 if inside else value + wide * 0.012
        tone = LIGHT["bg"] if inside else LIGHT["ink"]
        axes.text(where, row, rate(value), color=tone, ha="right" if inside else "left", va="center", fontweight="bold")
    if required is not None:
        row = next((row for row, (label, _, _) in enumerate(rows) if label == "worst node lost"), len(rows))
        axes.plot([required, required], [-0.45, row + 0.45], color=LIGHT["red"], linestyle=(0, (4, 3)), linewidth=1.8)
        words = f"must be left after a node loss: {rate(required)}"
        axes.text(
            required, -0.75, words, color=LIGHT["red"], ha="right" if required > wide / 2 else "left", va="center"
        )
    axes.set_yticks(range(len(rows)), [lines(label, 16) for label, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -1.1 if required is not None else -0.6)
    axes.set_xlim(0, wide * 1.02)
    axes.set_xticks([])
    bare(axes)
