"""From a scenario to the layout of its program: which columns there are, with the figures that the walls read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.candidates import Table, itl_limit_s, table
from optimizer.offers import Hire, Offers, cheapest_device, offers
from optimizer.pools import LARGEST_EXACT_POOL, Latency, Node, Variants, latency, needed_replicas, variants
from physics.layout import Bands, Columns, Counts, Flows, Hires, Layout, Loads, LossRule, Pools, Requests
from scenarios.schema import Scenario
from scenarios.schema_demand import Workload
from scenarios.schema_supply import Failure

RATE_UNITS = 100.0  # the peak of all demand is this many units of rate


@dataclass(frozen=True)
class PoolGroup:
    """Pools of one workload in one region and node type."""

    workload: int
    region: int
    offer: str
    hires: list[int]
    variants: Variants


@dataclass(frozen=True)
class Question:
    """A scenario with its offers, priced candidates and pools; the program is built from it.

    With `closed`, candidates that only the user's limits rule out are in it, held at 0.
    """

    scenario: Scenario
    closed: bool
    offers: Offers
    tables: list[Table]
    groups: list[PoolGroup]

    @property
    def workloads(self) -> list[Workload]:
        """Workloads in order."""
        return list(self.scenario.workloads.values())


def ask(scenario: Scenario, closed: bool = False, prune: bool = True) -> Question:
    """Price the scenario's candidates and set up its pools. `prune=False` keeps what the safe rule would drop."""
    found = offers(scenario)
    prices = cheapest_device(found)
    tables = [table(scenario, workload, prices, all_precisions=closed) for workload in scenario.workloads.values()]
    question = Question(scenario, closed, found, tables, [])
    for w, workload in enumerate(question.workloads):
        cache: dict[tuple, Variants | None] = {}
        for r, region in enumerate(scenario.regions):
            time = latency(scenario, workload, region)
            by_offer: dict[str, list[int]] = {}
            for number, hire in enumerate(found.hires):
                if hire.region == region:
                    by_offer.setdefault(hire.offer, []).append(number)
            for offer, hires in by_offer.items():
                group = _group(question, tables[w], w, time, found.hires[hires[0]], cache, prune)
                if group is not None:
                    question.groups.append(PoolGroup(w, r, offer, hires, group))
    return question


def planned_demand(scenario: Scenario, workload: Workload) -> np.ndarray:
    """[shape, origin, slot] requests/s with growth and the peak inside the hour."""
    factor = scenario.planning.peak_factor * (1 + scenario.planning.growth)
    share = np.array([shape.share for shape in workload.shapes])
    none = (0.0,) * len(scenario.slots)
    by_origin = np.array([workload.demand.get(origin, none) for origin in scenario.origins])
    return share[:, None, None] * by_origin[None, :, :] * factor


def _group(
    question: Question,
    priced: Table,
    w: int,
    time: Latency,
    hire: Hire,
    cache: dict[tuple, Variants | None],
    prune: bool,
) -> Variants | None:
    scenario = question.scenario
    # A closed question asks what dropping a limit would do, so its columns have room beyond the quota.
    nodes = np.inf if question.closed else hire.most_nodes
    key = (hire.accelerator.name, hire.devices, nodes, hire.availability, time.budgets_s.tobytes())
    if key not in cache:
        dead = 1 + scenario.planning.maintenance_nodes
        node = _node(hire, dead if scenario.failures.node else 0)
        mine = np.array([chip.accelerator.name == hire.accelerator.name for chip in priced.chips], dtype=bool)
        rows = (
            np.flatnonzero(mine[priced.chip] & node.holds(priced.runs.devices, priced.runs.tensor_parallel))
            if len(priced)
            else np.zeros(0, dtype=int)
        )
        demand = planned_demand(scenario, question.workloads[w]).sum(axis=(0, 1)).max()
        devices = priced.runs.devices[rows]
        needed = needed_replicas(priced, rows, demand / hire.availability, node.lost(devices))
        most = np.minimum(needed, node.replicas(nodes, devices))
        exact = node.replicas(nodes, devices) <= LARGEST_EXACT_POOL
        can = most >= 1
        cache[key] = variants(
            scenario,
            priced,
            time,
            node,
            rows[can],
            most[can],
            exact[can],
            demand / hire.availability,
            question.closed,
            prune,
        )
    return cache[key]


def _node(hire: Hire, dead_nodes: int) -> Node:
    accelerator = hire.accelerator
    whole = hire.devices >= accelerator.devices_per_node
    rack_scale = whole and accelerator.scaleup_domain > accelerator.devices_per_node
    domain = accelerator.scaleup_domain if rack_scale else min(accelerator.scaleup_domain, hire.devices)
    return Node(hire.devices, dead_nodes, whole, domain)


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
    pools, band_rows = _pools(question, offer_names, hires)
    layout = Layout(
        columns=columns,
        workloads=workloads,
        origins=origins,
        regions=regions,
        offers=offer_names,
        slots=tuple(slot.name for slot in slots),
        hours=hours,
        slot_days=hours / np.array([slot.length_h for slot in slots]),
        previous_slot=_previous(scenario),
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
        pool_names=_pool_names(question),
        hire_of_pool=np.array([h for g in question.groups for h in [g.hires[0]] * _size(g)], dtype=np.intp),
        starts=np.zeros((0, 0), dtype=np.intp),
        itl_limit_s=np.array([itl_limit_s(workload) for workload in question.workloads]),
        closing=_closing(question),
        caps=_caps(scenario),
        include_embodied=scenario.limits.include_embodied,
        quotas=_quotas(question, regions),
        site_power_w={
            r: use.site_power_w for r, use in enumerate(scenario.regions.values()) if use.site_power_w is not None
        },
        spot_max_share=scenario.procurement.spot.max_share if scenario.procurement.spot else 1.0,
        spare_nodes=scenario.planning.spare_nodes,
        maintenance_nodes=scenario.planning.maintenance_nodes,
        min_regions=scenario.limits.min_regions or 1,
        min_region_share=scenario.limits.min_region_share,
        max_regions=scenario.limits.max_regions,
        node_loss=_rule(scenario.failures.node, "any one node"),
        region_loss=_rule(scenario.failures.region, "any one region"),
        pue=np.array([scenario.region(r).pue for r in regions]),
        kg_co2e_per_kwh=np.array([carbon_by_slot(scenario, r) for r in regions]),
        usd_per_kwh=np.array([scenario.region(r).electricity_usd_per_kwh or 0.0 for r in regions]),
        litres_per_kwh=np.array([scenario.region(r).wue_l_per_kwh or 0.0 for r in regions]),
    )
    _add_columns(layout, question)
    return layout


def _size(group: PoolGroup) -> int:
    return group.variants.candidate.size


def _requests(question: Question) -> tuple[tuple[str, ...], Requests, tuple[np.ndarray, ...]]:
    names, workload, share, steps, demand, shapes_of = [], [], [], [], [], []
    for w, work in enumerate(question.workloads):
        shapes_of.append(np.arange(len(names), len(names) + len(work.shapes)))
        for shape in work.shapes:
            names.append(shape.name)
            workload.append(w)
            share.append(shape.share)
            steps.append(shape.decode_steps)
        demand.append(planned_demand(question.scenario, work))
    requests = Requests(
        np.array(workload), names, np.array(share), np.array(steps, dtype=float), np.concatenate(demand)
    )
    return tuple(question.scenario.workloads), requests, tuple(shapes_of)


def _previous(scenario: Scenario) -> np.ndarray:
    """The slot before each slot on the same day, cyclic."""
    days: dict[str, list[int]] = {}
    for t, slot in enumerate(scenario.slots):
        days.setdefault(slot.day, []).append(t)
    previous = np.zeros(len(scenario.slots), dtype=np.intp)
    for day in days.values():
        for place, t in enumerate(day):
            previous[t] = day[place - 1]
    return previous


def carbon_by_slot(scenario: Scenario, region_id: str) -> np.ndarray:
    """[slot] kg CO2e/kWh on the scenario's basis; an hourly shape is scaled so that the year's mean stays."""
    region = scenario.region(region_id)
    annual = region.carbon_kg_per_kwh[scenario.carbon_basis]
    hours = np.array([slot.hours for slot in scenario.slots])
    shape = np.ones(len(hours))
    if region.hourly_shape is not None and all(slot.start_hour is not None for slot in scenario.slots):
        curve = np.array(region.hourly_shape)
        for t, slot in enumerate(scenario.slots):
            covered = (np.arange(int(np.ceil(slot.length_h))) + int(slot.start_hour or 0)) % 24
            shape[t] = curve[covered].mean()
        shape /= (shape * hours).sum() / hours.sum()
    return annual * shape


def _rule(failure: Failure | None, what: str) -> LossRule | None:
    if failure is None:
        return None
    over = "in total" if failure.scope == "total" else "of every origin"
    return LossRule(
        failure.share, failure.scope, f"after {what} is lost, {failure.share:.0%} of the demand {over} is still served"
    )


def _caps(scenario: Scenario) -> dict[str, float]:
    limits = scenario.limits
    named = {
        "budget": limits.budget_usd_per_year,
        "carbon": limits.carbon_kg_per_year,
        "water": limits.water_litres_per_year,
        "energy": limits.energy_kwh_per_year,
    }
    return {name: cap for name, cap in named.items() if cap is not None}


def _closing(question: Question) -> dict[str, tuple[float, str, str]]:
    closing: dict[str, tuple[float, str, str]] = {}
    for work in question.workloads:
        if work.itl:
            closing[f"itl {work.name}"] = (
                work.itl.limit_s,
                "s",
                f"inter-token latency of {work.name} within its limit",
            )
        if work.ttft:
            closing[f"ttft {work.name}"] = (
                work.ttft.limit_s,
                "s",
                f"time to first token of {work.name} within its limit",
            )
        closing[f"precisions {work.name}"] = (
            float(len(work.precisions)),
            "precisions",
            f"{work.name} runs in {', '.join(work.precisions)} only",
        )
    return closing


def _quotas(question: Question, regions: tuple[str, ...]) -> dict[tuple[int, str], float]:
    return {
        (regions.index(hire.region), hire.accelerator.name): hire.quota_devices
        for hire in question.offers.hires
        if np.isfinite(hire.quota_devices)
    }


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
            [needed[h] if question.closed else min(hire.most_nodes, needed[h]) for h, hire in enumerate(hires)]
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


def _pools(question: Question, offer_names: tuple[str, ...], hires: Hires) -> tuple[Pools, Bands]:
    shapes = max(len(work.shapes) for work in question.workloads)
    pools: dict[str, list] = {
        name: []
        for name in (
            "workload",
            "region",
            "offer",
            "candidate",
            "latency_class",
            "devices",
            "lost",
            "rate",
            "itl",
            "kv",
            "room",
            "batch",
            "watts",
            "spot",
            "up",
            "closed",
        )
    }
    bands: list[list[np.ndarray]] = []
    number = 0
    for group in question.groups:
        priced, found, hire = question.tables[group.workload], group.variants, question.offers.hires[group.hires[0]]
        row, count = found.candidate, found.candidate.size
        pad = ((0, 0), (0, shapes - len(priced.workload.shapes)))
        pools["workload"].append(np.full(count, group.workload))
        pools["region"].append(np.full(count, group.region))
        pools["offer"].append(np.full(count, offer_names.index(group.offer)))
        pools["candidate"].append(row)
        pools["latency_class"].append(found.latency_class)
        pools["devices"].append(found.devices)
        pools["lost"].append(found.lost)
        pools["rate"].append(np.pad(priced.prices.requests_per_s[row], pad, constant_values=np.nan))
        pools["itl"].append(np.pad(priced.itl_s[row], pad, constant_values=np.nan))
        pools["kv"].append(np.pad(priced.prices.kv_bytes_per_request[row], pad, constant_values=np.nan))
        pools["room"].append(priced.prices.kv_capacity_bytes[row])
        pools["batch"].append(priced.runs.batch[row])
        pools["watts"].append(found.devices * hire.load_w / hire.devices)
        pools["spot"].append(np.full(count, hire.procurement == "spot"))
        pools["up"].append(np.full(count, hire.availability))
        pools["closed"] += found.closed_by
        timed = any(question.offers.hires[h].timed for h in group.hires) and len(question.scenario.slots) > 1
        bands.append(
            _band_rows(
                found, number, len(question.scenario.slots) if timed else 0, question.scenario.failures.node is not None
            )
        )
        number += count
    joined = {name: np.concatenate(parts) if parts and name != "closed" else parts for name, parts in pools.items()}
    if not number:
        joined = {
            name: (
                np.zeros((0, shapes))
                if name in ("rate", "itl", "kv")
                else np.zeros(0, dtype=bool if name == "spot" else float if name in ("up", "watts") else np.intp)
            )
            for name in pools
        } | {"closed": []}
    table = np.concatenate(bands) if bands else np.zeros((0, 7))
    return (
        Pools(
            workload=joined["workload"],
            region=joined["region"],
            offer=joined["offer"],
            candidate=joined["candidate"],
            latency_class=joined["latency_class"],
            devices=joined["devices"],
            lost_replicas=joined["lost"],
            requests_per_s=joined["rate"],
            itl_s=joined["itl"],
            kv_bytes=joined["kv"],
            kv_capacity_bytes=joined["room"],
            batch=joined["batch"],
            load_w_per_replica=joined["watts"],
            spot=joined["spot"],
            availability=joined["up"],
            closed_by=joined["closed"],
        ),
        Bands(
            pool=table[:, 0].astype(np.intp),
            slot=table[:, 1].astype(np.intp),
            smallest=table[:, 2],
            largest=table[:, 3],
            utilisation=table[:, 4],
            utilisation_after_loss=table[:, 5],
            count_col=np.zeros(len(table), dtype=np.intp),
            chosen_col=np.where(table[:, 6] > 0, 0, -1).astype(np.intp),
        ),
    )


def _band_rows(found: Variants, first_pool: int, timed_slots: int, losses: bool) -> np.ndarray:
    """[rows, 7] pool, slot, smallest, largest, utilisation, after loss, needs a binary. Equal neighbours are joined."""
    rows: list[tuple[float, ...]] = []
    for number in range(found.candidate.size):
        merged_bands: list[list[float]] = []
        for b in range(found.smallest.shape[1]):
            low, high = found.smallest[number, b], found.largest[number, b]
            use, after = found.utilisation[number, b], found.after_loss[number, b] if losses else 0.0
            if low <= 0 or use <= 0:
                continue
            last = merged_bands[-1] if merged_bands else None
            if last and last[2] == use and last[3] == after and last[1] == low - 1:
                last[1] = high
            else:
                merged_bands.append([low, high, use, after])
        binary = losses or len(merged_bands) > 1 or merged_bands[0][0] > 1
        for t in range(timed_slots) if timed_slots else (-1,):
            rows += [
                (first_pool + number, t, low, high, use, after, float(binary)) for low, high, use, after in merged_bands
            ]
    return np.array(rows)


def _pool_names(question: Question) -> list[str]:
    names = []
    for group in question.groups:
        region, priced = list(question.scenario.regions)[group.region], question.tables[group.workload]
        for row, k, closed in zip(
            group.variants.candidate, group.variants.latency_class, group.variants.closed_by, strict=True
        ):
            suffix = f" (beyond {', '.join(closed)})" if closed else ""
            names.append(f"{priced.workload.name}/{region}/{group.offer}/{priced.describe(row)}/class {k}{suffix}")
    return names


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


def may_serve(scenario: Scenario, workload: Workload, origin: str, region_id: str) -> bool:
    """Whether residency lets a region serve an origin."""
    if workload.residency is None or origin not in workload.residency:
        return True
    allowed = workload.residency[origin]
    return region_id in allowed or scenario.region(region_id).country in allowed


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
