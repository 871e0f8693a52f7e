"""A plan's fleet as the check sees it: pools by what they run and serve, nodes by how they are had, slot by slot."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from optimizer.plan import FleetLine, Plan
from optimizer.verify_latency import exact_utilisation, usable_utilisation
from optimizer.verify_nodes import NodeFacts
from optimizer.verify_routing import Server
from optimizer.verify_types import NodeKey, PoolKey, Way
from optimizer.verify_world import World


@dataclass
class Pool:
    """Replicas that share a queue. `lines` are indices into the plan's fleet."""

    key: PoolKey
    lines: list[int] = field(default_factory=list)
    replicas: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    load: dict[tuple[str, int], float] = field(default_factory=lambda: defaultdict(float))
    """(slot, shape) -> requests a second."""
    availability: float = 1.0


def way_of(line: FleetLine) -> Way:
    """What a fleet line runs."""
    return Way(
        workload=line.workload,
        accelerator=line.accelerator,
        precision=line.precision,
        kv_precision=line.kv_precision,
        tensor_parallel=line.tensor_parallel,
        pipeline_parallel=line.pipeline_parallel,
        expert_parallel=line.expert_parallel,
        batch=line.batch,
    )


def node_key(line: FleetLine) -> NodeKey:
    """Nodes on which a fleet line runs."""
    return NodeKey(line.region, line.offer, line.procurement)


class Fleet:
    """Pools and nodes of a plan. Only for plans whose names are all known."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world, self.plan = world, plan
        self.pools: dict[PoolKey, Pool] = {}
        for index, line in enumerate(plan.fleet or ()):
            key = PoolKey(line.region, line.offer, way_of(line), tuple(line.serves))
            pool = self.pools.setdefault(key, Pool(key))
            pool.lines.append(index)
            facts = world.node(node_key(line))
            pool.availability = facts.availability if isinstance(facts, NodeFacts) else 0.0
            shapes = [shape.name for shape in world.scenario.workloads[line.workload].shapes]
            for entry in line.by_slot:
                pool.replicas[entry.slot] += entry.replicas
                for name, rate in entry.requests_per_s.items():
                    pool.load[entry.slot, shapes.index(name)] += rate
        self.nodes: dict[NodeKey, dict[str, int]] = {
            NodeKey(line.region, line.offer, line.procurement): dict(line.by_slot) for line in plan.nodes
        }

    def utilisation(self, pool: Pool, replicas: int, exact: bool) -> float:
        """How full a pool of a size may run inside the first-token limit of every origin that it serves."""
        way, world = pool.key.way, self.world
        most = world.scenario.workloads[way.workload].max_utilization
        budget = world.pool_budget_s(pool.key)
        ask = exact_utilisation if exact else usable_utilisation
        return ask(world.running(way), replicas, way.batch, budget, world.percentile(way.workload), most)

    def busy(self, pool: Pool, slot: str) -> float:
        """Replicas' worth of load on a pool in a slot."""
        rates = self.world.rates(pool.key.way)
        return sum(pool.load[slot, shape] / rate for shape, rate in enumerate(rates))

    def server(self, pool: Pool, replicas: int) -> Server:
        """A pool at a size, as routing sees it, at its exact usable utilisation."""
        world, way = self.world, pool.key.way
        runs = world.running(way)
        full = self.utilisation(pool, replicas, exact=True) if replicas > 0 else 0.0
        return Server(
            region=pool.key.region,
            budget_s=world.pool_budget_s(pool.key),
            usable_replicas=full * replicas * pool.availability,
            rates=world.rates(way),
            kv=tuple(run.holding_s * run.kv_bytes for run in runs),
            kv_room=max(replicas, 0) * max(world.kv_room_bytes(way), 0.0),
            itl=world.itl_excess_s(way),
        )
