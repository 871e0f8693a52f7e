"""A plan as tables of plain values: what DataFrames, CSV files and spreadsheets all hold.

Every value is as the plan has it; the unit is in the name of its column, or in the column `unit` where each row has its
own. Texts are made harmless once, here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.words import plain

if TYPE_CHECKING:
    from optimizer.plan import Charge, Plan

Value = str | int | float | bool | None

_CHARGED = {
    "usd_per_year": "money, USD a year",
    "kg_co2e_per_year": "carbon, kg CO2e a year",
    "kwh_per_year": "energy, kWh a year",
    "litres_per_year": "water, litres a year",
    "kg_co2e_embodied_per_year": "embodied carbon, kg CO2e a year",
}
"""Accounts that the bill adds up to, and their headings."""


@dataclass(frozen=True)
class Column:
    """One column: its name in a DataFrame and its heading in a spreadsheet, both with the unit."""

    name: str
    title: str
    total: bool = False
    """Whether its values may be added up."""


@dataclass(frozen=True)
class PlanTable:
    """One table of a plan."""

    key: str
    title: str
    """Name of the sheet."""
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]

    def sum(self, name: str) -> float:
        """The total of a column."""
        place = [column.name for column in self.columns].index(name)
        return sum(float(row[place] or 0) for row in self.rows)


def tables(plan: Plan) -> tuple[PlanTable, ...]:
    """Every table of a plan, those that are empty included, in the order in which they are read."""
    from reports import plan_tables_reasons as reasons

    return (
        summary(plan),
        _fleet(plan),
        _slots(plan),
        _nodes(plan),
        _node_slots(plan),
        _placement(plan),
        _flows(plan),
        bill(plan),
        reasons.limits(plan),
        reasons.losses(plan),
        reasons.binding(plan),
        reasons.conflict(plan),
        reasons.ways_out(plan),
        reasons.ruled_out(plan),
        reasons.gated(plan),
        reasons.assumptions(plan),
        reasons.lock(plan),
    )


def columns(*written: str) -> tuple[Column, ...]:
    """Columns as `name = heading`; a leading `+` marks what may be added up. Without a heading: the name in words.

    >>> columns("+devices", "load_requests_per_s = load, requests/s")[1].title
    'load, requests/s'
    """
    made = []
    for text in written:
        name, _, title = text.removeprefix("+").partition(" = ")
        made.append(Column(name, title or name.replace("_", " "), text.startswith("+")))
    return tuple(made)


def table(key: str, title: str, heads: Sequence[Column], rows: Iterable[Sequence[Value]]) -> PlanTable:
    """A table with its texts made harmless."""
    return PlanTable(key, title, tuple(heads), tuple(tuple(_harmless(cell) for cell in row) for row in rows))


def _harmless(cell: Value) -> Value:
    """One line of visible text; a number that is none (no bound was found) is left empty."""
    if isinstance(cell, str):
        return plain(cell)
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def summary(plan: Plan) -> PlanTable:
    """The answer, how sure it is, and the accounts."""
    rows: list[Sequence[Value]] = [
        ("scenario", plan.scenario, ""),
        ("title", plan.title, ""),
        ("status", plan.status, ""),
        ("stopped by", plan.stopped_by, ""),
        ("gap", plan.gap, "fraction"),
        ("confidence", plan.confidence, "fraction"),
        ("verified by the independent check", "yes" if plan.verified else "no", ""),
        ("carbon basis", plan.carbon_basis, ""),
    ]
    for name, amount in (("objective", plan.objective), ("proven bound", plan.bound)):
        if amount is not None:
            rows.append((f"{name}: {amount.account}", amount.value, amount.unit))
    rows += [(name, value, unit_of(name)) for name, value in plan.accounts.items()]
    for name, change in _insurance(plan):
        rows += [(f"{name}, {end}", value, unit_of(name)) for end, value in zip(("low", "high"), change, strict=True)]
    return table("summary", "Summary", columns("what", "value", "unit"), rows)


def _insurance(plan: Plan) -> Iterator[tuple[str, tuple[float, float]]]:
    """What planning with the pessimistic end costs, by account."""
    if plan.insurance is not None and plan.insurance.usd_per_year_change is not None:
        yield "usd_per_year more for the confidence", plan.insurance.usd_per_year_change
    if plan.insurance is not None and plan.insurance.kg_co2e_per_year_change is not None:
        yield "kg_co2e_per_year more for the confidence", plan.insurance.kg_co2e_per_year_change


def unit_of(account: str) -> str:
    """The unit of an account."""
    units = {"usd": "USD/yr", "kg": "kg CO2e/yr", "kwh": "kWh/yr", "litres": "l/yr", "devices": "devices"}
    return units.get(account.split("_")[0], "")


def _fleet(plan: Plan) -> PlanTable:
    heads = columns(
        *("fleet_row", "workload", "region", "offer = node type", "accelerator", "procurement = held"),
        *("precision = weights", "kv_precision = KV", "tensor_parallel", "pipeline_parallel", "expert_parallel"),
        *("batch_requests = batch, requests", "basis = rates are", "+replicas", "+devices"),
        "requests_per_s = load in its busiest slot, requests/s",
        "capacity_requests_per_s = can serve, requests/s",
        *("itl_s = ITL at the full batch, s", "itl_low_s = ITL low end, s", "itl_high_s = ITL high end, s"),
        *("ttft_s = TTFT without waiting, s", "ttft_low_s = TTFT low end, s", "ttft_high_s = TTFT high end, s"),
    )
    return table(
        "fleet",
        "Fleet",
        heads,
        (
            (
                *(row, line.workload, line.region, line.offer, line.accelerator, line.procurement),
                *(line.precision, line.kv_precision, line.tensor_parallel, line.pipeline_parallel),
                *(line.expert_parallel, line.batch, line.basis, line.replicas, line.devices),
                *(line.requests_per_s, line.capacity_requests_per_s),
                *(line.itl_s, *(line.itl_band_s or (None, None)), line.ttft_s, *(line.ttft_band_s or (None, None))),
            )
            for row, line in enumerate(plan.lines)
        ),
    )


def _slots(plan: Plan) -> PlanTable:
    heads = columns(
        *("fleet_row", "workload", "region", "offer = node type", "procurement = held", "slot", "replicas"),
        *("shape = kind of request", "+requests_per_s = load, requests/s"),
    )
    rows = (
        (row, line.workload, line.region, line.offer, line.procurement, entry.slot, entry.replicas, shape, rate)
        for row, line in enumerate(plan.lines)
        for entry in line.by_slot
        for shape, rate in entry.requests_per_s.items()
    )
    return _added_by_slot(plan, table("slots", "Load by slot", heads, rows))


def _nodes(plan: Plan) -> PlanTable:
    heads = columns(
        *("region", "offer = node type", "accelerator", "procurement = held", "devices_per_node = devices a node"),
        *("+nodes", "+devices"),
    )
    rows = (
        (
            *(line.region, line.offer, line.accelerator, line.procurement, line.devices_per_node),
            *(line.nodes, line.nodes * line.devices_per_node),
        )
        for line in plan.nodes
    )
    return table("nodes", "Nodes", heads, rows)


def _node_slots(plan: Plan) -> PlanTable:
    heads = columns("region", "offer = node type", "accelerator", "procurement = held", "slot", "+nodes", "+devices")
    rows = (
        (line.region, line.offer, line.accelerator, line.procurement, slot, nodes, nodes * line.devices_per_node)
        for line in plan.nodes
        for slot, nodes in line.by_slot.items()
    )
    return _added_by_slot(plan, table("node_slots", "Nodes by slot", heads, rows))


def _placement(plan: Plan) -> PlanTable:
    heads = columns(
        *("node", "region", "offer = node type", "procurement = held", "fleet_row", "workload", "precision = weights"),
        *("replicas = replicas on it", "spans_nodes = nodes of one replica"),
    )
    rows = (
        (
            *(node.node, node.region, node.offer, node.procurement, placed.fleet),
            *(plan.lines[placed.fleet].workload, plan.lines[placed.fleet].precision),
            *(placed.replicas, placed.spans_nodes),
        )
        for node in plan.placement
        for placed in node.replicas
    )
    return table("placement", "Placement", heads, rows)


def _flows(plan: Plan) -> PlanTable:
    heads = columns(
        *("workload", "shape = kind of request", "origin = requests from", "region = served in", "slot"),
        "+requests_per_s = requests/s",
    )
    rows = (
        (flow.workload, flow.shape, flow.origin, flow.region, flow.slot, flow.requests_per_s) for flow in plan.flows
    )
    return _added_by_slot(plan, table("flows", "Flows", heads, rows))


def _added_by_slot(plan: Plan, made: PlanTable) -> PlanTable:
    """Rates and counts of several slots add up to nothing."""
    if len({flow.slot for flow in plan.flows}) <= 1:
        return made
    heads = tuple(Column(head.name, head.title) for head in made.columns)
    return PlanTable(made.key, made.title, heads, made.rows)


def bill(plan: Plan) -> PlanTable:
    """What is charged, one line for each part, region, node type and way of holding; a column for each account.

    Every column adds up to its account. Where the embodied carbon of a device is unknown, the plan has no such account,
    and the column says that it holds the known part only.
    """
    charged = {charge.account for charge in plan.charges}
    accounts = [*_CHARGED, *sorted(charged - _CHARGED.keys())]
    heads = [*columns("part", "region", "offer = node type", "procurement = held")]
    for account in accounts:
        part = account.startswith("kg_co2e_embodied") and account not in plan.accounts
        title = _CHARGED.get(account, account.replace("_", " "))
        heads.append(Column(account + "_known" * part, title + " (the known part)" * part, True))
    return table("bill", "Bill", heads, _bill_rows(plan.charges, accounts))


def _bill_rows(charges: Iterable[Charge], accounts: Sequence[str]) -> Iterator[tuple[Value, ...]]:
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for charge in charges:
        row = rows.setdefault((charge.part, charge.region, charge.offer, charge.procurement), {})
        row[charge.account] = row.get(charge.account, 0.0) + charge.value
    for key, values in rows.items():
        yield (*key, *(values.get(account) for account in accounts))
