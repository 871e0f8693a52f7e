"""Requests followed from origin to pool: all are served, where they may be, by pools that are fast and large enough."""

from __future__ import annotations

from collections import defaultdict

from optimizer.verify_fleet import Fleet, Pool
from optimizer.verify_latency import late_share
from optimizer.verify_routing import MIXED_KV_SHARE
from optimizer.verify_types import FLOW_RELATIVE, Findings


def check_flows(fleet: Fleet, findings: Findings) -> None:
    """Flows meet demand, obey residency, and are what the pools of each region carry."""
    world = fleet.world
    into: dict[tuple[str, int, str, str], float] = defaultdict(float)
    out_of: dict[tuple[str, int, str, str], float] = defaultdict(float)
    for flow in fleet.plan.flows:
        shapes = [shape.name for shape in world.scenario.workloads[flow.workload].shapes]
        shape, where = shapes.index(flow.shape), f"{flow.workload} from {flow.origin} to {flow.region} ({flow.slot})"
        findings.hold(flow.requests_per_s >= 0.0, f"{where}: flow of {flow.requests_per_s:.6g} requests/s")
        allowed = world.may_serve(flow.workload, flow.origin, flow.region)
        findings.hold(allowed, f"{where}: residency forbids it")
        left = world.budget_s(flow.workload, flow.origin, flow.region)
        findings.hold(left > 0.0, f"{where}: the network alone takes the first token's limit ({left:.4g} s left)")
        out_of[flow.workload, shape, flow.origin, flow.slot] += flow.requests_per_s
        into[flow.workload, shape, flow.region, flow.slot] += flow.requests_per_s
    for name, workload in world.scenario.workloads.items():
        for shape, asked in enumerate(workload.shapes):
            for slot in world.slots:
                for origin in world.scenario.origins:
                    what = f"{name}/{asked.name} served from {origin} ({slot}), requests/s"
                    demand = world.demand(name, shape, origin, slot)
                    findings.same(what, out_of[name, shape, origin, slot], demand, FLOW_RELATIVE, 1e-3 * demand)
                _check_regions(fleet, (name, shape, slot), into, findings)


def _check_regions(
    fleet: Fleet,
    what: tuple[str, int, str],
    into: dict[tuple[str, int, str, str], float],
    findings: Findings,
) -> None:
    """In each region the pools carry what arrives, and hurried origins meet only pools that are fast."""
    name, shape, slot = what
    world = fleet.world
    total = sum(world.demand(name, shape, origin, slot) for origin in world.scenario.origins)
    for region in world.scenario.regions:
        pools = [pool for pool in fleet.pools.values() if (pool.key.way.workload, pool.key.region) == (name, region)]
        where = f"{name} in {region} ({slot}), requests/s"
        arriving, carried = into[name, shape, region, slot], sum(pool.load[slot, shape] for pool in pools)
        findings.same(f"load of {where} against flows", carried, arriving, FLOW_RELATIVE, total)
        for threshold in sorted({world.budget_s(name, origin, region) for origin in world.scenario.origins}):
            quick = sum(pool.load[slot, shape] for pool in pools if world.pool_budget_s(pool.key) <= threshold)
            hurried = sum(
                flow.requests_per_s
                for flow in fleet.plan.flows
                if (flow.workload, flow.region, flow.slot) == (name, region, slot)
                and flow.shape == world.scenario.workloads[name].shapes[shape].name
                and world.budget_s(name, flow.origin, region) <= threshold
            )
            says = f"flows with {threshold:.4g} s left of {where}: {hurried:.9g}, pools that fast carry {quick:.9g}"
            findings.hold(hurried <= quick + FLOW_RELATIVE * max(total, 1e-12), says)


def check_pools(fleet: Fleet, findings: Findings) -> None:
    """No pool is fuller than its size allows, and each origin it serves gets its first token in time."""
    for pool in fleet.pools.values():
        serves = pool.key.serves
        findings.hold(bool(serves), f"{pool.key} serves no origin")
        budgets = {
            o: fleet.world.budget_s(pool.key.way.workload, o, pool.key.region) for o in fleet.world.scenario.origins
        }
        least = fleet.world.pool_budget_s(pool.key)
        same = {origin for origin, left in budgets.items() if left >= least}
        says = f"{pool.key} says it serves {', '.join(serves)}; fast enough it is for {', '.join(sorted(same))}"
        findings.hold(set(serves) <= same, says)
        for slot in fleet.world.slots:
            _check_pool(fleet, pool, slot, findings)


def _check_pool(fleet: Fleet, pool: Pool, slot: str, findings: Findings) -> None:
    world, way, replicas = fleet.world, pool.key.way, pool.replicas[slot]
    busy, where = fleet.busy(pool, slot), f"{pool.key} ({slot})"
    if busy <= 0.0:
        return
    usable = fleet.utilisation(pool, replicas, exact=False) * replicas * pool.availability
    findings.at_most(f"busy replicas of {where}", busy, usable, FLOW_RELATIVE)
    runs, workload = world.running(way), world.scenario.workloads[way.workload]
    if workload.ttft is not None and replicas and pool.availability:
        full = min(busy / (replicas * pool.availability), 1.0) * (1 - FLOW_RELATIVE)
        for origin in pool.key.serves:
            left = world.budget_s(way.workload, origin, pool.key.region)
            late = late_share(runs, replicas, way.batch, full, left, 1.0 - workload.ttft.percentile / 100.0)
            what = f"share of {where} whose first token comes after {left:.4g} s, {origin}'s limit less the network"
            findings.at_most(what, late, 1.0 - workload.ttft.percentile / 100.0)
    if len(runs) == 1:
        return
    held = sum(pool.load[slot, s] * run.holding_s * run.kv_bytes for s, run in enumerate(runs))
    room = MIXED_KV_SHARE * replicas * world.kv_room_bytes(way)
    findings.at_most(f"cache of {where}, bytes", held, room, FLOW_RELATIVE)
    excess = world.itl_excess_s(way)
    if excess is not None and workload.itl is not None:
        tokens = sum(pool.load[slot, s] * run.decode_steps for s, run in enumerate(runs))
        over = sum(pool.load[slot, s] * excess[s] for s in range(len(runs)))
        mean = workload.itl.limit_s + (over / tokens if tokens > 0 else 0.0)
        findings.at_most(f"ITL of {where}, s", mean, workload.itl.limit_s, FLOW_RELATIVE)
