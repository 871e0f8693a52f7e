"""What to buy and what comes of it: the fleet, money, carbon, service and what a loss leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from optimizer.plan import Charge, Plan
from reports.content import Paragraph, Section, Table, columns, section
from reports.names import Places
from reports.words import (
    UNKNOWN,
    count,
    device,
    dollars,
    listed,
    number,
    plain,
    procured,
    rate,
    scale,
    spoken,
)

_REGIONS_ACROSS = 3
_SLOT_COLUMNS = 5


def fleet(plan: Plan, places: Places) -> Section | None:
    """What to buy where, what runs on it, and which origin it serves."""
    return section(
        "fleet", "The fleet by region", [_nodes(plan, places), _runs(plan), _flows(plan, places), _slots(plan)]
    )


def _nodes(plan: Plan, places: Places) -> Table | None:
    lines = sorted(
        (line for line in plan.nodes if line.nodes), key=lambda line: (line.region, line.procurement, line.offer)
    )
    rows = tuple(
        (
            places.label(line.region),
            procured(line.procurement),
            f"{line.nodes:,}",
            plain(line.offer),
            f"{line.nodes * line.devices_per_node:,} {device(line.accelerator)}",
        )
        for line in lines
    )
    if not rows:
        return None
    whole = sum(line.nodes for line in lines)
    devices = sum(line.nodes * line.devices_per_node for line in lines)
    total = ("all", "", f"{whole:,}", "", f"{devices:,} devices")
    caption = "Whole nodes to hold" + ("; the most over the day" if _slot_names(plan)[1:] else "")
    return Table(
        columns("region", "held", ">nodes", "node type", "devices"), rows, total if len(rows) > 1 else None, caption
    )


def _runs(plan: Plan) -> Table | None:
    many = len({line.workload for line in plan.fleet or []}) > 1
    mixed = any(len(entry.requests_per_s) > 1 for line in plan.lines for entry in line.by_slot)
    told = any(line.basis != "modelled" for line in plan.lines)
    rows = []
    for line in sorted(plan.fleet or [], key=lambda line: (line.region, line.workload, -line.requests_per_s)):
        parallel = f"TP {line.tensor_parallel}"
        parallel += f" PP {line.pipeline_parallel}" if line.pipeline_parallel > 1 else ""
        parallel += f" EP {line.expert_parallel}" if line.expert_parallel > 1 else ""
        rows.append(
            (
                plain(line.region),
                *([plain(line.workload)] if many else []),
                f"{device(line.accelerator)} {procured(line.procurement)}",
                f"{line.precision} / {line.kv_precision}",
                parallel,
                f"{line.batch:,}",
                f"{line.replicas:,}",
                rate(line.requests_per_s),
                rate(line.capacity_requests_per_s),
                *([line.basis] if told else []),
            )
        )
    titles = ("region", *(("workload",) if many else ()), "on", "weights / KV", "parallel")
    can_serve = ">at the mix?" if mixed else ">can serve?"
    headings = columns(*titles, ">batch", ">replicas", ">load", can_serve, *(["rates are"] if told else []))
    caption = "How each replica runs the model"
    caption += "; at the mix: what it could serve of all kinds in their shares" if mixed else ""
    return Table(headings, tuple(rows), None, caption) if rows else None


def _flows(plan: Plan, places: Places) -> Table | None:
    most: dict[tuple[str, str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for flow in plan.flows:
        most[flow.workload, flow.origin, flow.region][flow.slot] += flow.requests_per_s
    many = len({workload for workload, _, _ in most}) > 1
    peaks = {key: max(slots.values()) for key, slots in most.items()}
    rows = tuple(
        (
            *([plain(workload)] if many else []),
            plain(origin),
            places.label(region),
            rate(peaks[workload, origin, region]),
        )
        for workload, origin, region in sorted(peaks)
        if peaks[workload, origin, region] > 0
    )
    titles = (*(("workload",) if many else ()), "requests from", "served in", ">most requests")
    return Table(columns(*titles), rows, None, "Who is served where") if rows else None


def _slot_names(plan: Plan) -> list[str]:
    return list(dict.fromkeys(flow.slot for flow in plan.flows))


def _slots(plan: Plan) -> Table | None:
    """Nodes that run in each slot, for what is rented by the hour."""
    slots = _slot_names(plan)
    varying = [line for line in plan.nodes if len(set(line.by_slot.values())) > 1]
    if len(slots) < 2 or not varying:
        return None
    shown = sorted(varying, key=lambda line: -line.nodes)[:_SLOT_COLUMNS]
    served: dict[str, float] = defaultdict(float)
    for flow in plan.flows:
        served[flow.slot] += flow.requests_per_s
    rows = tuple((slot, rate(served[slot]), *(f"{line.by_slot.get(slot, 0):,}" for line in shown)) for slot in slots)
    titles = [f">{device(line.accelerator)} {line.region.rpartition('/')[2]}" for line in shown]
    left = len(varying) - len(shown)
    caption = "Nodes that run in each slot" + (f" ({count(left, 'further node type')} in the JSON)" if left else "")
    return Table(columns("slot", ">requests", *titles), rows, None, caption)


def money(plan: Plan) -> Section | None:
    """The bill by part; says so when its parts do not add up to the account."""
    charges = [charge for charge in plan.charges if charge.account == "usd_per_year"]
    account = plan.accounts.get("usd_per_year")
    if account is None:
        return None
    table = _by_part(charges, dollars, "part", "A year, by part and region")
    return section("money", "Money by part", [table, _adds_up(charges, account, dollars(account), "a year")])


def carbon(plan: Plan, scenario: Any | None) -> Section | None:
    """Operational carbon by part on its basis; embodied apart; energy and water."""
    account = plan.accounts.get("kg_co2e_per_year")
    if account is None:
        return None
    charges = [charge for charge in plan.charges if charge.account == "kg_co2e_per_year" and charge.part != "embodied"]
    unit = scale("kg", account)
    table = _by_part(charges, unit.write, "part", f"CO2e a year from running it, {plain(plan.carbon_basis)} basis")
    sums = _adds_up(charges, account, f"{unit.write(account)} CO2e", f"a year ({plain(plan.carbon_basis)} basis)")
    return section(
        "carbon",
        f"Carbon by part ({plain(plan.carbon_basis)} basis)",
        [table, sums, _embodied(plan, scenario), _uses(plan)],
    )


def _by_part(charges: Iterable[Charge], write: Any, title: str, caption: str) -> Table | None:
    cells: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    by_region: dict[str, float] = defaultdict(float)
    for charge in charges:
        cells[charge.part][charge.region] += charge.value
        by_region[charge.region] += charge.value
    if not cells:
        return None
    parts = sorted(cells, key=lambda part: -abs(sum(cells[part].values())))
    regions = sorted(by_region)
    if len(regions) > _REGIONS_ACROSS:
        rows = [
            (spoken(part), plain(region) or "all regions", write(cells[part][region]))
            for part in parts
            for region in sorted(cells[part])
        ]
        return Table(
            columns(title, "region", ">a year"), tuple(rows), ("all", "", write(sum(by_region.values()))), caption
        )
    across = [f">{region or 'not by region'}" for region in regions]
    wide = len(regions) > 1
    body = tuple(
        (
            spoken(part),
            *(write(cells[part].get(region, 0.0)) for region in regions),
            *([write(sum(cells[part].values()))] if wide else []),
        )
        for part in parts
    )
    total = (
        "all",
        *(write(by_region[region]) for region in regions),
        *([write(sum(by_region.values()))] if wide else []),
    )
    return Table(columns(title, *across, *([">all"] if wide else [])), body, total, caption)


def _adds_up(charges: list[Charge], account: float, written: str, after: str) -> Paragraph:
    if not charges:
        return Paragraph(f"{written} {after}; the plan does not say for what.", "warn")
    total = sum(charge.value for charge in charges)
    if abs(total - account) <= 1e-6 * max(1.0, abs(account)):
        return Paragraph(f"{written} {after}: the parts add up to the account.")
    return Paragraph(
        f"The parts add up to {number(total, 9)}, the account says {number(account, 9)}: do not trust this bill.", "bad"
    )


def _embodied(plan: Plan, scenario: Any | None) -> Paragraph:
    """Unknown stays unknown: a part that nobody measured is not zero."""
    known = plan.accounts.get("kg_co2e_embodied_per_year")
    note = "apart from the figures above"
    if known is not None:
        return Paragraph(
            f"Embodied in the hardware, by lifetime share: {scale('kg', known).write(known)} CO2e a year, {note}."
        )
    kinds = sorted({line.accelerator for line in plan.nodes})
    missing = [device(kind) for kind in kinds if _embodied_unknown(scenario, kind)]
    parts = [charge.value for charge in plan.charges if charge.part == "embodied" or "embodied" in charge.account]
    of = f" for {listed(missing)}" if missing else " for at least one kind of device in this fleet"
    rest = (
        f"; the devices with a known figure add {scale('kg', sum(parts)).write(sum(parts))} CO2e a year"
        if parts
        else ""
    )
    return Paragraph(f"Embodied in the hardware: {UNKNOWN}{of}{rest} ({note}).", "warn")


def _embodied_unknown(scenario: Any | None, kind: str) -> bool:
    known = getattr(getattr(scenario, "catalog", None), "accelerators", {})
    return kind in known and known[kind].embodied_kg is None


def _uses(plan: Plan) -> Paragraph:
    energy, water = plan.accounts.get("kwh_per_year"), plan.accounts.get("litres_per_year")
    written = scale("kWh", energy).write(energy) if energy is not None else UNKNOWN
    wet = (
        f", and {scale('litres', water).write(water)} of water"
        if water is not None
        else f"; its water use is {UNKNOWN}"
    )
    return Paragraph(f"It uses {written} of electricity a year, cooling and losses of the building included{wet}.")
