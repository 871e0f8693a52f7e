"""Losses acted out: each distinct node of the placement dies, each region goes, all spot of an offer is taken back.

What remains is routed anew by the check's own program; nothing of the program that made the plan is used.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations

from optimizer.plan import Loss
from optimizer.verify_fleet import Fleet, node_key
from optimizer.verify_nodes import NodeFacts
from optimizer.verify_routing import Served, most_served, most_served_mix
from optimizer.verify_types import NodeKey, PoolKey

Content = tuple[tuple[int, int], ...]
"""What lies on a node: (fleet line, replicas), sorted."""


@dataclass(frozen=True)
class State:
    """One loss in one slot: replicas gone by pool, or a whole region."""

    what: str
    where: str
    slot: str
    gone: tuple[tuple[PoolKey, int], ...] = ()
    region: str = ""


def contents(fleet: Fleet, key: NodeKey, slot: str) -> list[Content]:
    """What lies on each node in a slot: the published placement where it is that slot's, else a packing of the check.

    The placement shows the slot with most nodes. In another slot rented nodes may be fewer; then the replicas that run
    are put on as many nodes as run, larger ones first, which wastes nothing where sizes divide the node.
    """
    lines = [index for index, line in enumerate(fleet.plan.fleet or ()) if node_key(line) == key]
    running = {index: _replicas(fleet, index, slot) for index in lines}
    placed = [node for node in fleet.plan.placement if NodeKey(node.region, node.offer, node.procurement) == key]
    shown: Counter[int] = Counter()
    for node in placed:
        for part in node.replicas:
            shown[part.fleet] += part.replicas
    facts = fleet.world.node(key)
    room = facts.devices if isinstance(facts, NodeFacts) else 0
    spans = {index: max(1, _devices(fleet, index) // max(room, 1)) for index in lines}
    same = len(placed) == fleet.nodes.get(key, {}).get(slot, 0)
    if same and all(shown[index] == running[index] * spans[index] for index in lines):
        return [tuple(sorted((part.fleet, part.replicas) for part in node.replicas)) for node in placed]
    return _packed(fleet, key, slot, running, room)


def _replicas(fleet: Fleet, line: int, slot: str) -> int:
    return next((entry.replicas for entry in fleet.plan.lines[line].by_slot if entry.slot == slot), 0)


def _devices(fleet: Fleet, line: int) -> int:
    entry = fleet.plan.lines[line]
    return entry.tensor_parallel * entry.pipeline_parallel


def _packed(fleet: Fleet, key: NodeKey, slot: str, running: dict[int, int], room: int) -> list[Content]:
    nodes: list[dict[int, int]] = [{} for _ in range(fleet.nodes.get(key, {}).get(slot, 0))]
    free = [room] * len(nodes)
    for index in sorted(running, key=lambda index: -_devices(fleet, index)):
        size = _devices(fleet, index)
        for _ in range(running[index]):
            if size > room:
                chosen = [n for n, left in enumerate(free) if left == room][: size // room]
            else:
                chosen = [n for n, left in enumerate(free) if left >= size][:1]
            for n in chosen:
                nodes[n][index] = nodes[n].get(index, 0) + 1
                free[n] -= min(size, room)
    return [tuple(sorted(node.items())) for node in nodes]


def node_states(fleet: Fleet, slot: str) -> list[State]:
    """Every distinct loss of a node (with those down for maintenance) of one type in one region."""
    dead = 1 + fleet.world.scenario.planning.maintenance_nodes
    by_offer: dict[tuple[str, str], list[Content]] = defaultdict(list)
    states = []
    for key in fleet.nodes:
        if key.procurement == "spot":
            states.append(_all_of_offer(fleet, key, slot))
        else:
            by_offer[key.region, key.offer] += contents(fleet, key, slot)
    for (region, offer), nodes in by_offer.items():
        kinds = Counter(nodes)
        few = [content for content, count in kinds.items() for _ in range(min(count, dead)) if content]
        for lost in sorted(set(combinations(sorted(few), min(dead, len(few))))) if few else []:
            states.append(State("node", f"{offer} in {region}", slot, _gone(fleet, lost)))
    return states


def _gone(fleet: Fleet, lost: tuple[Content, ...]) -> tuple[tuple[PoolKey, int], ...]:
    """Replicas gone by pool. One over several nodes dies whole, and counts once for each of its nodes that dies."""
    gone: Counter[PoolKey] = Counter()
    pool_of = {index: pool.key for pool in fleet.pools.values() for index in pool.lines}
    for content in lost:
        for index, replicas in content:
            gone[pool_of[index]] += replicas
    return tuple(sorted(gone.items(), key=str))


def _all_of_offer(fleet: Fleet, key: NodeKey, slot: str) -> State:
    gone = tuple(
        (pool.key, pool.replicas[slot])
        for pool in fleet.pools.values()
        if (pool.key.region, pool.key.offer) == (key.region, key.offer)
    )
    return State("node", f"all {key.offer} in {key.region}", slot, gone)


def region_states(fleet: Fleet, slot: str) -> list[State]:
    """Loss of each region that has nodes or takes requests."""
    used = {key.region for key in fleet.nodes} | {flow.region for flow in fleet.plan.flows}
    return [State("region", region, slot, region=region) for region in sorted(used)]


def served_after(fleet: Fleet, workload: str, state: State, scope: str) -> Served:
    """The best that a workload can still be served after a loss."""
    gone = dict(state.gone)
    pools = [pool for pool in fleet.pools.values() if pool.key.way.workload == workload]
    servers = [
        fleet.server(pool, max(0, pool.replicas[state.slot] - gone.get(pool.key, 0)))
        for pool in pools
        if pool.key.region != state.region
    ]
    if len(fleet.world.scenario.workloads[workload].shapes) > 1:
        return most_served_mix(fleet.world, workload, state.slot, servers, scope)
    ceilings: dict[str, dict[float, float]] = {}
    for region in {server.region for server in servers}:
        here = [server for server in servers if server.region == region]
        ceilings[region] = {
            budget: sum(s.usable_replicas * s.rates[0] for s in here if s.budget_s <= budget)
            for budget in {server.budget_s for server in here}
        }
    return most_served(fleet.world, workload, state.slot, ceilings, scope)


def acted_out(fleet: Fleet) -> list[Loss]:
    """What the worst node of each type and region, and each region, leave of each workload that they hit."""
    failures = fleet.world.scenario.failures
    worst: dict[tuple[str, str, str], tuple[Served, str]] = {}
    least: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    for slot in fleet.world.slots:
        for state in node_states(fleet, slot) + region_states(fleet, slot):
            rule = failures.node if state.what == "node" else failures.region
            hit = {key.way.workload for key, count in state.gone if count}
            for workload in fleet.world.scenario.workloads if state.what == "region" else sorted(hit):
                served = served_after(fleet, workload, state, rule.scope if rule else "total")
                key = (state.what, state.where, workload)
                least[key][slot] = min(served.rate, least[key].get(slot, served.rate))
                if key not in worst or served.share < worst[key][0].share:
                    worst[key] = (served, slot)
    found = []
    for key, (served, slot) in worst.items():
        what, where, workload = key
        rule = failures.node if what == "node" else failures.region
        found.append(
            Loss(
                what="node" if what == "node" else "region",
                where=where,
                workload=workload,
                slot=slot,
                served_requests_per_s=served.rate,
                served_share=served.share,
                required_share=rule.share if rule else None,
                by_slot=least[key] if len(fleet.world.slots) > 1 else {},
            )
        )
    return found
