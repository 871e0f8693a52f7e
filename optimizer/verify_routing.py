"""How much can still be served: the check's own routing of requests to what is left, inside latency and residency.

Rates are requests a second. A region takes an origin's requests only on pools that are fast enough for what the
network leaves: with thresholds sorted from tight to loose, flows of the origins up to a threshold are at most what the
pools up to it can take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from optimizer.verify_lp import SmallProgram
from optimizer.verify_world import World

MIXED_KV_SHARE = 0.9  # declared: how much of the cache a mix of shapes may fill

Ceilings = Mapping[str, Mapping[float, float]]
"""Region -> latency threshold -> rate that flows up to that threshold may reach."""


@dataclass(frozen=True)
class Server:
    """A pool in one slot, as routing sees it: replicas that run, how full they may be, and what a shape takes of one.

    `kv` and `itl` are the declared coefficients of the two rows of a mix, `kv_room` the right-hand side of the first.
    """

    region: str
    budget_s: float
    usable_replicas: float
    rates: tuple[float, ...]
    kv: tuple[float, ...] = ()
    kv_room: float = 0.0
    itl: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Served:
    """The best that can be served: requests a second, and the share that the rule looks at."""

    rate: float
    share: float


class _Flows:
    """Flow columns of one workload and slot, no more than demand, with the goal that a rule sets."""

    def __init__(self, world: World, workload: str, slot: str, regions: list[str]) -> None:
        self.program = SmallProgram()
        self.world, self.workload = world, workload
        shapes = range(len(world.scenario.workloads[workload].shapes))
        self.demand = {
            (shape, origin): world.demand(workload, shape, origin, slot)
            for shape in shapes
            for origin in world.scenario.origins
        }
        self.demand = {key: rate for key, rate in self.demand.items() if rate > 0.0}
        self.scale = max(self.demand.values(), default=1.0)
        self.columns: dict[tuple[int, str, str], int] = {}
        for (shape, origin), rate in self.demand.items():
            for region in regions:
                if world.may_serve(workload, origin, region) and world.budget_s(workload, origin, region) > 0.0:
                    self.columns[shape, origin, region] = self.program.column(0.0, rate / self.scale)
            self.program.row(self.of(shape, origin), upper=rate / self.scale)

    def of(self, shape: int, origin: str) -> dict[int, float]:
        """Flow columns of one shape and origin."""
        return {column: 1.0 for (s, o, _), column in self.columns.items() if (s, o) == (shape, origin)}

    def up_to(self, region: str, threshold_s: float, shape: int | None = None) -> dict[int, float]:
        """Flow columns into a region from origins that leave at most the threshold."""
        return {
            column: 1.0
            for (s, origin, r), column in self.columns.items()
            if r == region and shape in (None, s) and self.world.budget_s(self.workload, origin, region) <= threshold_s
        }

    def thresholds(self, region: str) -> list[float]:
        """Times that origins leave in a region, from tight to loose."""
        origins = {origin for (_, origin, r) in self.columns if r == region}
        return sorted({self.world.budget_s(self.workload, origin, region) for origin in origins})

    def best(self, scope: str) -> Served:
        """Most requests in total, or (scope `each`) the largest share that every origin can have at once.

        The share of an origin is that of its requests of all shapes together: one may be served less than another.
        """
        asked = sum(self.demand.values())
        if asked <= 0.0:
            return Served(0.0, 1.0)
        everything = dict.fromkeys(self.columns.values(), 1.0)
        share_column = None
        if scope == "each":
            share_column = self.program.column(0.0, 1.0)
            for origin in dict.fromkeys(origin for _, origin in self.demand):
                rate = sum(rate for (_, other), rate in self.demand.items() if other == origin)
                served = {column: 1.0 for (_, other, _), column in self.columns.items() if other == origin}
                self.program.row({**served, share_column: -rate / self.scale}, lower=0.0)
            point = self.program.maximum({share_column: 1.0})
            share = min(1.0, max(0.0, point.columns[share_column])) if point else 0.0
            self.program.row({share_column: 1.0}, lower=share * (1 - 1e-9))
        if not everything:
            return Served(0.0, 0.0)
        point = self.program.maximum(everything)
        rate = max(0.0, point.value * self.scale) if point else 0.0
        return Served(rate, share if scope == "each" else min(1.0, rate / asked))


def most_served(world: World, workload: str, slot: str, ceilings: Ceilings, scope: str) -> Served:
    """Best service of a workload with one shape, where regions have ceilings by latency threshold.

    A threshold that is not listed has the ceiling of the next tighter one that is; flows tighter than all have none.
    """
    flows = _Flows(world, workload, slot, list(ceilings))
    for region, steps in ceilings.items():
        for threshold in flows.thresholds(region):
            known = [limit for limit in steps if limit <= threshold]
            ceiling = steps[max(known)] if known else 0.0
            flows.program.row(flows.up_to(region, threshold), upper=ceiling / flows.scale)
    return flows.best(scope)


def most_served_mix(world: World, workload: str, slot: str, servers: list[Server], scope: str) -> Served:
    """Best service of a workload with several shapes: loads of each shape on each pool, with the rows of a mix."""
    regions = list(dict.fromkeys(server.region for server in servers))
    flows = _Flows(world, workload, slot, regions)
    shapes = range(len(world.scenario.workloads[workload].shapes))
    loads = [[flows.program.column() for _ in shapes] for _ in servers]
    for server, columns in zip(servers, loads, strict=True):
        add_mix_rows(flows.program, server, columns, flows.scale)
    for region in regions:
        for shape in shapes:
            for threshold in flows.thresholds(region):
                terms = flows.up_to(region, threshold, shape)
                for server, columns in zip(servers, loads, strict=True):
                    if server.region == region and server.budget_s <= threshold:
                        terms[columns[shape]] = -1.0
                flows.program.row(terms, upper=0.0)
    return flows.best(scope)


def add_mix_rows(program: SmallProgram, server: Server, columns: list[int], scale: float) -> None:
    """What a pool can take in one slot: busy replicas, and for a mix its cache and its mean time between tokens."""
    busy = {column: scale / rate for column, rate in zip(columns, server.rates, strict=True)}
    program.row(busy, upper=server.usable_replicas)
    if len(columns) == 1:
        return
    need = {column: scale * value for column, value in zip(columns, server.kv, strict=True)}
    program.row(need, upper=MIXED_KV_SHARE * server.kv_room)
    if server.itl is not None:
        program.row(dict(zip(columns, server.itl, strict=True)), upper=0.0)
