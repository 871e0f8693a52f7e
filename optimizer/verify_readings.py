"""The plan's own readings: each value is among those recomputed, each limit is the scenario's, each slack fits."""

from __future__ import annotations

from collections.abc import Iterable

from optimizer.plan import Loss, ReadingLine
from optimizer.verify_fleet import Fleet, Pool
from optimizer.verify_latency import first_token_s
from optimizer.verify_limits import asked, devices_by_slot, power_by_slot, region_shares, spot_loads
from optimizer.verify_physics import itl_at, prefill_s
from optimizer.verify_today import fates_of, number_of_changes, peaks
from optimizer.verify_types import FLOW_RELATIVE, Findings

Known = dict[str, set[tuple[float, float | None]]]
"""Name of a reading -> (value, limit) that it may have."""
UNLIMITED_TOLERANCE = 1e-5
STEP_TOKENS = 8192


def check_readings(fleet: Fleet, accounts: dict[str, float], left: list[Loss], findings: Findings) -> None:
    """Compare every reading of a kind that the check knows; of the others only whether their numbers fit together."""
    known = _known(fleet, accounts, left)
    for reading in fleet.plan.readings:
        where = f"reading {reading.name} of {reading.where}"
        _check_slack(reading, where, findings)
        values = _first_token(fleet, reading) if reading.name == "TTFT" else known.get(reading.name)
        if values is None:
            continue
        near = any(_near(reading.value, value) for value, _ in values)
        says = f"{where}: the plan says {reading.value:.9g}, recomputed {_few(value for value, _ in values)}"
        if findings.hold(near, says):
            fits = any(
                _near(reading.value, value) and (limit == reading.limit or _both_near(limit, reading.limit))
                for value, limit in values
            )
            limits = _few(limit for value, limit in values if _near(reading.value, value))
            findings.hold(fits, f"{where}: the plan's limit is {reading.limit}, the scenario's {limits}")


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= UNLIMITED_TOLERANCE * max(abs(one), abs(other)) + 1e-9


def _both_near(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and _near(one, other)


def _few(values: Iterable[float | None]) -> str:
    shown = sorted({"none" if value is None else f"{value:.9g}" for value in values})
    return " or ".join(shown[:4]) + (" or others" if len(shown) > 4 else "") if shown else "nothing"


def _check_slack(reading: ReadingLine, where: str, findings: Findings) -> None:
    if reading.limit is None:
        findings.hold(reading.slack is None, f"{where}: slack {reading.slack} without a limit")
        return
    slack = {
        "<=": reading.limit - reading.value,
        ">=": reading.value - reading.limit,
        "==": -abs(reading.value - reading.limit),
    }[reading.sense]
    size = max(abs(reading.limit), abs(reading.value))
    if findings.hold(reading.slack is not None, f"{where}: slack is missing"):
        assert reading.slack is not None
        findings.same(f"{where}: slack", reading.slack, slack, size=size)
    findings.hold(slack >= -FLOW_RELATIVE * max(size, 1e-9), f"{where}: the limit is broken by {-slack:.6g}")


def _known(fleet: Fleet, accounts: dict[str, float], left: list[Loss]) -> Known:
    world, limits = fleet.world, fleet.world.scenario.limits
    carbon = accounts["kg_co2e_per_year"]
    carbon += accounts["kg_co2e_embodied_per_year"] if limits.include_embodied else 0.0
    shares = region_shares(fleet)
    found: Known = {
        "budget": {(accounts["usd_per_year"], limits.budget_usd_per_year)},
        "carbon": {(carbon, limits.carbon_kg_per_year)},
        "water": {(accounts["litres_per_year"], limits.water_litres_per_year)},
        "energy": {(accounts["kwh_per_year"], limits.energy_kwh_per_year)},
        "quota": {
            (float(devices), world.quota(region, accelerator))
            for (region, accelerator, _), devices in devices_by_slot(fleet).items()
        },
        "site power": {
            (watts, world.scenario.regions[region].site_power_w) for (region, _), watts in power_by_slot(fleet).items()
        },
        "spot share": {
            (rate, world.scenario.procurement.spot.max_share * asked(fleet, workload, slot))
            for (workload, slot), rate in spot_loads(fleet).items()
            if world.scenario.procurement.spot is not None
        },
        "demand served": {
            (asked(fleet, name, slot), asked(fleet, name, slot))
            for name in world.scenario.workloads
            for slot in world.slots
        },
        "max regions": {(float(number), limits.max_regions) for number in range(len(shares), len(shares) + 99)},
    }
    if world.scenario.today is not None:
        number = number_of_changes(world, fates_of(fleet.plan), peaks(fleet.plan))
        found["changes"] = {(float(number), world.scenario.today.changes.limit)}
    for what in ("node", "region"):
        values = {(loss.served_share, loss.required_share) for loss in left if loss.what == what}
        found[f"served after a {what} loss"] = values
    # A region with no nodes reads 0 where nothing is had.
    found["quota"] |= {(0.0, limit) for limit in _quotas(fleet)}
    spot = world.scenario.procurement.spot
    if spot is not None:
        pairs = [(name, slot) for name in world.scenario.workloads for slot in world.slots]
        found["spot share"] |= {(0.0, spot.max_share * asked(fleet, *pair)) for pair in pairs}
    found["site power"] |= {(0.0, use.site_power_w) for use in world.scenario.regions.values()}
    for pool in fleet.pools.values():
        for name, value, limit in _of_pool(fleet, pool):
            found.setdefault(name, set()).add((value, limit))
    return found


def _quotas(fleet: Fleet) -> set[float]:
    scenario = fleet.world.scenario
    return {fleet.world.quota(region, name) for region in scenario.regions for name in scenario.accelerators}


def _of_pool(fleet: Fleet, pool: Pool) -> list[tuple[str, float, float | None]]:
    """Readings of one pool: cache, time between tokens and how full it is."""
    world, way = fleet.world, pool.key.way
    workload, runs = world.scenario.workloads[way.workload], world.running(way)
    together = way.batch if len(runs) == 1 else 1
    need = together * max(run.kv_bytes for run in runs)
    found: list[tuple[str, float, float | None]] = [("KV cache", need / 1e9, world.kv_room_bytes(way) / 1e9)]
    limit = workload.itl.limit_s if workload.itl else None
    percentile = workload.itl.percentile if workload.itl else "mean"
    itl = [itl_at(run, way.batch, percentile) for run in runs]
    found += [("ITL", value, limit) for value in itl]
    for slot in world.slots:
        tokens = [pool.load[slot, s] * run.decode_steps for s, run in enumerate(runs)]
        if sum(tokens) > 0:
            found.append(("ITL", sum(t * v for t, v in zip(tokens, itl, strict=True)) / sum(tokens), limit))
        replicas = pool.replicas[slot] * pool.availability
        if replicas:
            busy = fleet.busy(pool, slot) / replicas
            # The plan's ceiling is that of a size band: any size up to the pool's own.
            sizes = range(1, pool.replicas[slot] + 1)
            ceilings = {fleet.utilisation(pool, size, exact=False) for size in sizes}
            found += [("pool load", busy, full) for full in ceilings]
            if sum(tokens) > 0:
                there = world.point(way, [pool.load[slot, s] for s in range(len(runs))], busy, pool.replicas[slot])
                mean = sum(t * v for t, v in zip(tokens, there.itl_s, strict=True)) / sum(tokens)
                found.append(("ITL at its load", mean, None))
    found.append(("ITL of a token", max(_token_s(fleet, pool)), None))
    return found


def _token_s(fleet: Fleet, pool: Pool) -> list[float]:
    """A token whose step carries somebody's whole prefill chunk, by shape."""
    world, way = fleet.world, pool.key.way
    workload = world.scenario.workloads[way.workload]
    model = world.catalog.models[workload.model]
    accelerator, efficiency = world.catalog.accelerators[way.accelerator], world.efficiency(way)
    found = []
    for shape, run in zip(workload.shapes, world.running(way), strict=True):
        chunk = min(shape.prompt_tokens, STEP_TOKENS)
        before = shape.cached_context_tokens + shape.prompt_tokens - chunk
        longest, whole = 0.0, (shape.prompt_tokens, shape.cached_context_tokens)
        if chunk:
            # A chunk is as much slower or faster than predicted as the whole prompt.
            alone = (prefill_s(model, accelerator, efficiency, way, *sizes) for sizes in ((chunk, before), whole))
            longest = next(alone) / next(alone) * run.prefill_s
        found.append(run.step_s + longest if run.decode_steps > 0 else 0.0)
    return found


def _first_token(fleet: Fleet, reading: ReadingLine) -> set[tuple[float, float | None]] | None:
    """TTFT of every origin and region, slot and pool at the reading's percentile, network included."""
    world = fleet.world
    percentile = float(reading.percentile.removeprefix("P"))
    found: set[tuple[float, float | None]] = set()
    for pool in fleet.pools.values():
        way, runs = pool.key.way, world.running(pool.key.way)
        ttft = world.scenario.workloads[way.workload].ttft
        limit = ttft.limit_s if ttft is not None and ttft.percentile == percentile else None
        for slot in world.slots:
            replicas, busy = pool.replicas[slot], fleet.busy(pool, slot)
            if not replicas or busy <= 0.0 or not pool.availability:
                continue
            full = busy / (replicas * pool.availability)
            loads = [pool.load[slot, s] for s in range(len(runs))]
            there = world.point(way, loads, full, replicas)
            pool_now = (runs, loads, replicas, way.batch, full, percentile)
            alone = min(first_token_s(*pool_now, there), first_token_s(*pool_now))
            for origin, place in world.scenario.origins.items():
                if reading.where != f"{way.workload}: {origin} -> {pool.key.region}":
                    continue
                trip = world.catalog.round_trip(place.near, pool.key.region).p50_s
                found.add((alone + trip * (1.3 if percentile > 50 else 1.0) + place.last_mile_s, limit))
    return found
