"""The layout of a question's program: its tables, and the columns of each."""

from __future__ import annotations

import numpy as np

from optimizer.candidates import itl_limit_s
from optimizer.facts import caps, carbon_by_slot, closing, loss_rule, previous_slots, quotas
from optimizer.pool_tables import pool_names, pool_tables
from optimizer.pools import latency
from optimizer.tables import PoolGroup, Question, allowance, may_serve, planned_demand
from optimizer.today import add_today
from physics.layout import Columns, Counts, Flows, Hires, Layout, Loads, Pools, Requests

RATE_UNITS = 100.0  # the peak of all demand is this many units of rate


def layout_of(question: Question) -> Layout:
    """All tables and columns of the question's program."""
    scenario = question.scenario
    columns = Columns()
    slots = scenario.slots
    hours = np.array([slot.hours for slot in slots])
    workloads, requests, shapes_of = _requests(question)
    total = requests.demand.sum(axis=(0, 1)).max()
    regions, origins = tuple(scenario.regions), tuple(scenario.origins)
    times = [[latency(scenario, workload, region) for region in regions] for workload in question.workloads]
    class_of = np.array([[time.class_of for time in row] for row in times]).transpose(0, 2, 1)
    offer_names = tuple(dict.fromkeys(hire.offer for hire in question.offers.hires))
    hires = _hires(question, regions, offer_names)
    pools, band_rows = pool_tables(question, offer_names)
    layout = Layout(
        columns=columns,
        workloads=workloads,
        origins=origins,
        regions=regions,
        offers=offer_names,
        slots=tuple(slot.name for slot in slots),
        hours=hours,
        slot_days=hours / np.array([slot.length_h for slot in slots]),
        previous_slot=previous_slots(scenario),
        requests=requests,
        shapes_of=shapes_of,
        class_of=class_of,
        classes=np.array([[time.budgets_s.size for time in row] for row in times]),
        rate_unit=total / RATE_UNITS,
        flows=_flows(question, requests),
        hires=hires,
        pools=pools,
        counts=_counts(question, pools),
        bands=band_rows,
        loads=_loads(question, pools, shapes_of),
        pool_names=pool_names(question),
        hire_of_pool=np.array([h for g in question.groups for h in [g.hires[0]] * _size(g)], dtype=np.intp),
        starts=np.zeros((0, 0), dtype=np.intp),
        itl_limit_s=np.array([itl_limit_s(workload) for workload in question.workloads]),
        closing=closing(question),
        caps=caps(scenario),
        include_embodied=scenario.limits.include_embodied,
        quotas=quotas(question, regions),
        site_power_w={
            r: use.site_power_w for r, use in enumerate(scenario.regions.values()) if use.site_power_w is not None
        },
        spot_max_share=scenario.procurement.spot.max_share if scenario.procurement.spot else 1.0,
        spare_nodes=scenario.planning.spare_nodes,
        maintenance_nodes=scenario.planning.maintenance_nodes,
        min_regions=scenario.limits.min_regions or 1,
        min_region_share=scenario.limits.min_region_share,
        max_regions=scenario.limits.max_regions,
        node_loss=loss_rule(scenario.failures.node, "any one node"),
        region_loss=loss_rule(scenario.failures.region, "any one region"),
        pue=np.array([scenario.region(r).pue for r in regions]),
        kg_co2e_per_kwh=np.array([carbon_by_slot(scenario, r) for r in regions]),
        usd_per_kwh=np.array([scenario.region(r).electricity_usd_per_kwh or 0.0 for r in regions]),
        litres_per_kwh=np.array([scenario.region(r).wue_l_per_kwh or 0.0 for r in regions]),
    )
    _add_columns(layout, question)
    add_today(layout, scenario, [hire.new for hire in question.offers.hires])
    return layout


def _size(group: PoolGroup) -> int:
    return group.variants.candidate.size


def _requests(question: Question) -> tuple[tuple[str, ...], Requests, tuple[np.ndarray, ...]]:
    names: list[str] = []
    workload, share, steps, demand, shapes_of = [], [], [], [], []
    for w, work in enumerate(question.workloads):
        shapes_of.append(np.arange(len(names), len(names) + len(work.shapes)))
        for shape in work.shapes:
            names.append(shape.name)
            workload.append(w)
            share.append(shape.share)
            steps.append(shape.decode_steps)
        demand.append(planned_demand(question.scenario, work))
    requests = Requests(
        np.array(workload),
        names,
        np.array(share),
        np.array(steps, dtype=float),
        np.concatenate(demand),
        allowance(question.scenario),
    )
    return tuple(question.scenario.workloads), requests, tuple(shapes_of)


def _hires(question: Question, regions: tuple[str, ...], offer_names: tuple[str, ...]) -> Hires:
    hires = question.offers.hires
    parts = dict.fromkeys(part for hire in hires for part in hire.usd_per_year)
    needed = _nodes_needed(question)
    return Hires(
        region=np.array([regions.index(hire.region) for hire in hires], dtype=np.intp),
        offer=np.array([offer_names.index(hire.offer) for hire in hires], dtype=np.intp),
        procurement=[hire.procurement for hire in hires],
        accelerator=[hire.accelerator.name for hire in hires],
        devices_per_node=np.array([hire.devices for hire in hires], dtype=float),
        timed=np.array([hire.timed for hire in hires], dtype=bool),
        usd_per_year={part: np.array([hire.usd_per_year.get(part, 0.0) for hire in hires]) for part in parts},
        usd_per_hour=np.array([hire.usd_per_hour for hire in hires]),
        startup_h=np.array([hire.startup_h for hire in hires]),
        pays_energy=np.array([hire.pays_energy for hire in hires], dtype=bool),
        idle_w=np.array([hire.idle_w for hire in hires]),
        load_w=np.array([hire.load_w for hire in hires]),
        nameplate_w=np.array([hire.nameplate_w for hire in hires]),
        embodied_kg_per_year=np.array([hire.embodied_kg_per_year for hire in hires]),
        most_nodes=np.array(
            [needed[h] if question.roomy else min(hire.most_nodes, needed[h]) for h, hire in enumerate(hires)]
        ),
    )


def _nodes_needed(question: Question) -> list[float]:
    """Nodes of each hire beyond which no plan needs to go."""
    needed = [0.0] * len(question.offers.hires)
    for group in question.groups:
        devices = question.offers.hires[group.hires[0]].devices
        most = float(np.max(np.ceil(group.variants.largest.max(axis=1) * group.variants.devices / devices)))
        for h in group.hires:
            needed[h] += most + question.scenario.planning.spare_nodes
    return needed


def _flows(question: Question, requests: Requests) -> Flows:
    scenario, rows = question.scenario, []
    for j, w in enumerate(requests.workload):
        work = question.workloads[w]
        for o, origin in enumerate(scenario.origins):
            for r, region in enumerate(scenario.regions):
                forbidden = not may_serve(scenario, work, origin, region)
                if forbidden and not question.closed:
                    continue
                rows += [(j, o, r, t, forbidden) for t in range(len(scenario.slots)) if requests.demand[j, o, t] > 0]
    table = np.array(rows, dtype=np.intp).reshape(-1, 5)
    return Flows(*table[:, :4].T, col=np.zeros(len(table), dtype=np.intp), closed=table[:, 4].astype(bool))


def _counts(question: Question, pools: Pools) -> Counts:
    pool, hire, number = [], [], 0
    for group in question.groups:
        for _ in range(_size(group)):
            pool += [number] * len(group.hires)
            hire += group.hires
            number += 1
    return Counts(
        np.array(pool, dtype=np.intp),
        np.array(hire, dtype=np.intp),
        np.zeros((len(pool), len(question.scenario.slots)), dtype=np.intp),
    )


def _loads(question: Question, pools: Pools, shapes_of: tuple[np.ndarray, ...]) -> Loads:
    slots = len(question.scenario.slots)
    shapes = np.array([len(shapes_of[w]) for w in pools.workload], dtype=np.intp)
    pool = np.repeat(np.arange(len(shapes)), shapes * slots)
    offset = np.concatenate([np.arange(n * slots) for n in shapes]) if shapes.size else np.zeros(0, dtype=np.intp)
    shape = (offset // slots).astype(np.intp)
    first = np.array([shapes_of[w][0] for w in pools.workload], dtype=np.intp)
    return Loads(
        pool,
        shape,
        first[pool] + shape if pool.size else shape,
        (offset % slots).astype(np.intp),
        np.zeros(pool.size, dtype=np.intp),
    )


def _add_columns(layout: Layout, question: Question) -> None:
    """Register the columns of every table."""
    columns, slots = layout.columns, len(layout.slots)
    hires, counts, bands, loads, flows = layout.hires, layout.counts, layout.bands, layout.loads, layout.flows

    def spread(timed: np.ndarray, name: str, label, upper: np.ndarray) -> np.ndarray:
        """[row, slot] whole columns: one per slot where timed, one for all slots elsewhere."""
        width = np.where(timed, slots, 1)
        row = np.repeat(np.arange(timed.size), width)
        place = np.concatenate([np.arange(n) for n in width]) if width.size else np.zeros(0, dtype=int)
        cols = columns.add(
            name,
            row.size,
            lambda k: label(int(row[k])) + (f"/{layout.slots[place[k]]}" if timed[row[k]] else ""),
            upper=upper[row],
            integer=True,
        )
        start = np.concatenate([[0], np.cumsum(width)[:-1]]) if width.size else np.zeros(0, dtype=int)
        return (
            cols[start[:, None] + np.where(timed[:, None], np.arange(slots)[None, :], 0)].reshape(timed.size, slots)
            if width.size
            else np.zeros((0, slots), dtype=np.intp)
        )

    timed = hires.timed & (slots > 1)
    hires.col = spread(timed, "nodes", layout.hire_name, hires.most_nodes)
    most = np.zeros(len(layout.pool_names))
    np.maximum.at(most, bands.pool, bands.largest)
    counts.col = spread(
        timed[counts.hire],
        "replicas",
        lambda k: f"{layout.pool_name(int(counts.pool[k]))}/{hires.procurement[counts.hire[k]]}",
        most[counts.pool],
    )
    flows.col = columns.add("flow", flows.slot.size, layout.flow_name)
    loads.col = columns.add(
        "load",
        loads.slot.size,
        lambda k: f"{layout.pool_name(int(loads.pool[k]))}/{loads.shape[k]}/{layout.slots[loads.slot[k]]}",
    )

    def band_name(b: int) -> str:
        slot = "all" if bands.slot[b] < 0 else layout.slots[bands.slot[b]]
        return f"{layout.pool_name(int(bands.pool[b]))}/{bands.smallest[b]:.0f}-{bands.largest[b]:.0f}/{slot}"

    bands.count_col = columns.add("in band", bands.pool.size, band_name)
    binary = np.flatnonzero(bands.chosen_col >= 0)
    bands.chosen_col[binary] = columns.add(
        "band", binary.size, lambda k: band_name(int(binary[k])), upper=1.0, integer=True
    )
    if timed.any():
        layout.starts = np.full((timed.size, slots), -1, dtype=np.intp)
        for h in np.flatnonzero(timed & (hires.startup_h > 0)):
            layout.starts[h] = columns.add(
                "start", slots, lambda t, h=h: f"{layout.hire_name(int(h))}/{layout.slots[t]}"
            )
