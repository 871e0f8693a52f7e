"""A plan as the simulation plays it: pools with their replicas, and who is sent where, before and after a loss."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.at_load import AtLoad
from optimizer.candidates import Table, table
from optimizer.measured_rates import Measured
from optimizer.plan import Plan
from optimizer.simulate_pool import FloatArray, Replica, replica_of
from optimizer.verify_fleet import Fleet, Pool
from optimizer.verify_losses import State, node_states, region_states
from optimizer.verify_lp import SmallProgram
from optimizer.verify_routing import Server, add_mix_rows
from optimizer.verify_types import PoolKey, Way
from optimizer.verify_world import World
from physics.pricing import Prices

if TYPE_CHECKING:
    from scenarios.schema import Scenario

Routes = dict[tuple[str, int, str, PoolKey], float]
"""(workload, shape, origin, pool) -> requests a second."""
_NOTHING = 1e-9  # requests/s


@dataclass(frozen=True)
class Priced:
    """A way to run as the candidates table has it: its row, and the replica that the simulation plays."""

    prices: Prices
    row: int
    slots: int
    replica: Replica
    at_load: AtLoad

    def promised_s(self, busy: float, replicas: int, loads: FloatArray, percentile: float) -> float:
        """What wall 7 says of the first token at a load, network excluded."""
        return self.at_load.first_token_s(busy / replicas, replicas, loads, percentile)

    def itl_s(self, busy: float, replicas: int, loads: FloatArray) -> float:
        """What wall 4 says between tokens at a load, over the mix by its tokens; 0 without decode steps."""
        return self.at_load.itl_s(busy / replicas, replicas, loads)


class SimulatedFleet:
    """A verified plan with everything that is needed to play it."""

    def __init__(self, scenario: Scenario, plan: Plan, spread: float = 0.0) -> None:
        self.scenario, self.plan, self.world, self.spread = scenario, plan, World(scenario), spread
        self.fleet = Fleet(self.world, plan)
        self._priced: dict[Way, Priced] = {}

    def priced(self, way: Way) -> Priced:
        """A way to run, priced as the program had it: measurements and caution included."""
        if way not in self._priced:
            scenario = self.scenario
            workload = scenario.workloads[way.workload]
            only = workload.model_copy(
                update={
                    "precisions": (way.precision,),
                    "kv_precisions": (way.kv_precision,),
                    "tensor_parallel": (way.tensor_parallel,),
                    "pipeline_parallel": (way.pipeline_parallel,),
                    "batch": (way.batch,),
                }
            )
            part = scenario.model_copy(update={"accelerators": (way.accelerator,)})
            found = table(part, only, {}, measured=Measured(scenario, workload))
            row = _row(found, way)
            replica = replica_of(found.model, found.runs.take([row]), workload.shapes, found.prices, row, self.spread)
            self._priced[way] = Priced(found.prices, row, way.batch, replica, AtLoad(found, row))
        return self._priced[way]

    def shapes(self, workload: str) -> int:
        """Number of kinds of requests of a workload."""
        return len(self.scenario.workloads[workload].shapes)

    def loads(self, routes: Routes, key: PoolKey) -> FloatArray:
        """Load on a pool by shape [1/s]."""
        found = np.zeros(self.shapes(key.way.workload))
        for (_, shape, _, pool), rate in routes.items():
            if pool == key:
                found[shape] += rate
        return found

    def busy(self, routes: Routes, key: PoolKey) -> float:
        """Replicas' worth of load on a pool."""
        return float((self.loads(routes, key) / np.array(self.world.rates(key.way))).sum())

    # ---- who goes where ----

    def planned_routes(self, slot: str) -> Routes:
        """The plan's flows split over the pools of their region in proportion to the plan's loads.

        A pool takes requests of the origins that it serves. Those of two pools of a region contain one another, so
        filling the one that serves the fewest first leaves every later one enough.
        """
        routes: Routes = defaultdict(float)
        left: dict[tuple[str, int, str, str], float] = defaultdict(float)
        for flow in self.plan.flows:
            names = [shape.name for shape in self.scenario.workloads[flow.workload].shapes]
            if flow.slot == slot and flow.requests_per_s > _NOTHING:
                left[flow.workload, names.index(flow.shape), flow.origin, flow.region] += flow.requests_per_s
        for key, pool in sorted(self.fleet.pools.items(), key=lambda item: (len(item[0].serves), str(item[0]))):
            for shape in range(self.shapes(key.way.workload)):
                there = [
                    (key.way.workload, shape, origin, key.region)
                    for origin in key.serves
                    if left.get((key.way.workload, shape, origin, key.region), 0.0) > 0.0
                ]
                arriving, load = sum(left[each] for each in there), pool.load[slot, shape]
                if arriving <= _NOTHING or load <= _NOTHING:
                    continue
                share = min(1.0, load / arriving)
                for each in there:
                    routes[(*each[:3], key)] += share * left[each]
                    left[each] *= 1.0 - share
        return dict(routes)

    def states(self, slot: str, lose: str) -> list[State]:
        """The losses to play: `nodes` (each distinct node), `regions`, the name of a node, or that of a region."""
        if lose == "nodes":
            return node_states(self.fleet, slot)
        if lose == "regions":
            return region_states(self.fleet, slot)
        if lose in self.scenario.regions:
            return [State("region", lose, slot, region=lose)]
        for node in self.plan.placement:
            if node.node == lose:
                of_line = {index: pool.key for pool in self.fleet.pools.values() for index in pool.lines}
                gone: Counter[PoolKey] = Counter()
                for part in node.replicas:
                    gone[of_line[part.fleet]] += part.replicas
                return [State("node", lose, slot, tuple(sorted(gone.items(), key=str)))]
        return []

    def left_after(self, state: State | None, slot: str) -> dict[PoolKey, int]:
        """Replicas of each pool that still run."""
        gone = dict(state.gone) if state else {}
        return {
            key: 0
            if state and key.region == state.region
            else max(0, round(pool.replicas[slot] * pool.availability) - gone.get(key, 0))
            for key, pool in self.fleet.pools.items()
        }

    def routes_after(self, state: State) -> Routes:
        """Routing anew after a loss as the independent check does: the most that can be served inside the limits.

        Among equally good ones the one whose fullest pool is least full.
        """
        failures = self.scenario.failures
        rule = failures.node if state.what == "node" else failures.region
        left, routes = self.left_after(state, state.slot), Routes()
        for workload in self.scenario.workloads:
            pools = [p for key, p in self.fleet.pools.items() if key.way.workload == workload and left[key] > 0]
            servers = [self.fleet.server(pool, left[pool.key]) for pool in pools]
            routes |= _routed(self.world, workload, state.slot, pools, servers, rule.scope if rule else "total")
        return routes


def _row(found: Table, way: Way) -> int:
    rows = np.flatnonzero(found.runs.expert_parallel == way.expert_parallel) if len(found) else np.zeros(0, dtype=int)
    if not len(rows):
        raise ValueError(f"{way} cannot run in this scenario")
    return int(rows[0])


def _routed(world: World, workload: str, slot: str, pools: list[Pool], servers: list[Server], scope: str) -> Routes:
    """Loads of each shape and origin on each pool: most requests, then least crowding."""
    program, columns = SmallProgram(), dict[tuple[int, str, int], int]()
    shapes = range(len(world.scenario.workloads[workload].shapes))
    demand = {(s, o): world.demand(workload, s, o, slot) for s in shapes for o in world.scenario.origins}
    scale = max(demand.values(), default=0.0)
    if scale <= 0.0 or not pools:
        return {}
    for (shape, origin), rate in demand.items():
        for number, pool in enumerate(pools):
            if rate > 0.0 and origin in pool.key.serves and world.may_serve(workload, origin, pool.key.region):
                columns[shape, origin, number] = program.column(0.0, rate / scale)
        program.row({c: 1.0 for (s, o, _), c in columns.items() if (s, o) == (shape, origin)}, upper=rate / scale)
    for number, server in enumerate(servers):
        loads = []
        for shape in shapes:
            load = program.column()
            program.row(
                {load: 1.0, **{c: -1.0 for (s, _, n), c in columns.items() if (s, n) == (shape, number)}}, 0.0, 0.0
            )
            loads.append(load)
        add_mix_rows(program, server, loads, scale)
    _prefer(program, columns, demand, scale, scope)
    crowd = program.column(0.0)
    for number, server in enumerate(servers):
        busy = {c: scale / server.rates[s] for (s, _, n), c in columns.items() if n == number}
        program.row({**busy, crowd: -max(server.usable_replicas, 1e-9)}, upper=0.0)
    point = program.minimum({crowd: 1.0})
    if point is None:
        return {}
    found = {(workload, s, o, pools[n].key): point.columns[c] * scale for (s, o, n), c in columns.items()}
    return {key: rate for key, rate in found.items() if rate > _NOTHING}


def _prefer(
    program: SmallProgram,
    columns: dict[tuple[int, str, int], int],
    demand: dict[tuple[int, str], float],
    scale: float,
    scope: str,
) -> None:
    """Fix what the rule of a loss makes as large as it can be: all requests, or first the least share of any origin."""
    everything = dict.fromkeys(columns.values(), 1.0)
    if not everything:
        return
    if scope == "each":
        share = program.column(0.0, 1.0)
        for origin in dict.fromkeys(origin for _, origin in demand):
            rate = sum(rate for (_, other), rate in demand.items() if other == origin)
            served = {c: 1.0 for (_, other, _), c in columns.items() if other == origin}
            program.row({**served, share: -rate / scale}, lower=0.0)
        best = program.maximum({share: 1.0})
        program.row({share: 1.0}, lower=(best.columns[share] if best else 0.0) * (1 - 1e-7))
    most = program.maximum(everything)
    program.row(everything, lower=(most.value if most else 0.0) * (1 - 1e-7))
