"""Judge integer fleets by the declared rules: the cheapest nodes and routing for given replica counts, or why none.

Used by the brute force, which enumerates fleets and asks here; nothing of the program is used. Here a loss is not acted
out on a placement: the declared bound holds for every packing, so that the answer does not depend on one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from optimizer.verify_bills import node_bill, totals, whole_bill
from optimizer.verify_judge_lp import cheapest
from optimizer.verify_judge_today import best_fates, least_usd
from optimizer.verify_judge_types import Counts, Judgement, Stock
from optimizer.verify_latency import usable_utilisation
from optimizer.verify_nodes import NodeFacts
from optimizer.verify_routing import Server, most_served, most_served_mix
from optimizer.verify_today import Fates
from optimizer.verify_types import NodeKey, PoolKey
from optimizer.verify_world import World

if TYPE_CHECKING:
    from scenarios.schema import Scenario
    from scenarios.schema_supply import Failure

ROUNDING = 1e-9


class Judge:
    """Judges fleets of one scenario; what is worked out once is kept."""

    def __init__(self, scenario: Scenario) -> None:
        self.world = World(scenario)
        self.scenario = scenario
        self.usable = cache(self._usable)
        self.runs_at_all = cache(self._runs_at_all)
        self._served: dict[object, float] = {}

    # ---- ways and places ----

    def classes(self, workload: str, region: str) -> list[tuple[str, ...]]:
        """Origins that a pool of each latency class serves, the tightest class first; classes out of reach left out."""
        left = {origin: self.world.budget_s(workload, origin, region) for origin in self.scenario.origins}
        steps = sorted({budget for budget in left.values() if budget > 0.0})
        return [tuple(origin for origin, budget in left.items() if budget >= step) for step in steps]

    def _runs_at_all(self, key: PoolKey, procurement: str) -> str:
        """Why replicas of a pool cannot be had in one way; "" where they can."""
        facts = self.world.node(NodeKey(key.region, key.offer, procurement))
        if not isinstance(facts, NodeFacts):
            return facts
        why = self.world.why_not(key.way)
        if why:
            return why[0]
        size, room = key.way.devices, facts.devices
        inside, spanning = size <= room and room % size == 0, size > room and size % room == 0
        if facts.accelerator != key.way.accelerator or not (inside or (spanning and facts.whole_server)):
            return f"{key.way} does not fill nodes of {key.offer}"
        if key.way.tensor_parallel > facts.link_domain:
            return f"{key.way} leaves the link domain"
        if self.scenario.limits.include_embodied and facts.embodied_kg_per_year is None:
            return f"embodied carbon of {facts.accelerator} is unknown"
        return ""

    def _usable(self, key: PoolKey, replicas: int) -> float:
        """Usable utilisation of a pool at a size, rounded down as declared."""
        way, world = key.way, self.world
        most = self.scenario.workloads[way.workload].max_utilization
        budget, percentile = world.pool_budget_s(key), world.percentile(way.workload)
        return usable_utilisation(world.running(way), replicas, way.batch, budget, percentile, most)

    # ---- the judgement ----

    def judge(self, counts: Counts) -> Judgement:
        """The cheapest way to run these replicas."""
        counts = {key: number for key, number in counts.items() if any(number)}
        for key, procurement in counts:
            why = self.runs_at_all(key, procurement)
            if why:
                return Judgement(False, why=why)
        nodes = self.least_nodes(counts)
        why = self.supply(nodes)
        fates = None if why or self.scenario.today is None else best_fates(self.world, nodes)
        if fates is None and self.scenario.today is not None:
            why = why or "today's fleet cannot become this"
        why = why or self._hopeless(nodes, fates) or self._too_few_regions(counts)
        if why:
            return Judgement(False, why=why)
        for slot in self.world.slots:
            why = self.losses(counts, slot)
            if why:
                return Judgement(False, why=why)
        return cheapest(self, counts, nodes, fates)

    def least_nodes(self, counts: Counts) -> dict[NodeKey, dict[str, int]]:
        """Fewest whole nodes that hold the replicas, with the spare ones."""
        devices: dict[NodeKey, dict[str, int]] = defaultdict(lambda: dict.fromkeys(self.world.slots, 0))
        for (key, procurement), number in counts.items():
            for slot, replicas in zip(self.world.slots, number, strict=True):
                devices[NodeKey(key.region, key.offer, procurement)][slot] += replicas * key.way.devices
        found: dict[NodeKey, dict[str, int]] = {}
        for hire, by_slot in devices.items():
            facts = self.world.node(hire)
            assert isinstance(facts, NodeFacts)
            spare = self.scenario.planning.spare_nodes
            needed = {slot: -(-number // facts.devices) + spare for slot, number in by_slot.items()}
            most = max(needed.values())
            found[hire] = needed if facts.timed else dict.fromkeys(needed, most)
        return found

    def supply(self, nodes: Mapping[NodeKey, Mapping[str, int]]) -> str:
        """Which quota, site power or number of regions is exceeded; "" where none is."""
        devices: dict[tuple[str, str, str], int] = defaultdict(int)
        watts: dict[tuple[str, str], float] = defaultdict(float)
        for hire, by_slot in nodes.items():
            facts = self.world.node(hire)
            assert isinstance(facts, NodeFacts)
            for slot, count in by_slot.items():
                devices[hire.region, facts.accelerator, slot] += count * facts.devices
                watts[hire.region, slot] += count * facts.nameplate_w
        for (region, accelerator, slot), number in devices.items():
            if number > self.world.quota(region, accelerator):
                return f"quota of {accelerator} in {region} ({slot})"
        for (region, slot), power in watts.items():
            limit = self.scenario.regions[region].site_power_w
            if limit is not None and power > limit * (1 + ROUNDING):
                return f"site power of {region} ({slot})"
        most = self.scenario.limits.max_regions
        if most is not None and len({hire.region for hire in nodes}) > most:
            return "max regions"
        return ""

    def _hopeless(self, nodes: dict[NodeKey, dict[str, int]], fates: Fates | None) -> str:
        """A limit that the nodes alone break, whatever runs on them; "" where there is none."""
        limits, accounts = self.scenario.limits, self.fixed(nodes, fates)
        if len({hire.region for hire in nodes}) < (limits.min_regions or 1):
            return "min regions"
        for name, cap in (
            ("usd_per_year", limits.budget_usd_per_year),
            ("kg_co2e_per_year", limits.carbon_kg_per_year),
            ("litres_per_year", limits.water_litres_per_year),
            ("kwh_per_year", limits.energy_kwh_per_year),
        ):
            if cap is not None and accounts[name] > cap * (1 + ROUNDING):
                return name
        return ""

    def _too_few_regions(self, counts: Counts) -> str:
        """Whether fewer regions than asked could carry their share, whatever the routing; "" where enough could."""
        limits, most = self.scenario.limits, defaultdict[str, float](float)
        if (limits.min_regions or 1) <= 1:
            return ""
        asked = 0.0
        for slot, hours in self.world.hours.items():
            for name, workload in self.scenario.workloads.items():
                asked += hours * sum(self._asked(name, slot, shape) for shape in range(len(workload.shapes)))
            for stock in self.stocks(counts, slot):
                busy = self.usable(stock.key, stock.replicas) * stock.replicas * stock.availability
                most[stock.key.region] += hours * busy * max(self.world.rates(stock.key.way))
        enough = [region for region, rate in most.items() if rate >= limits.min_region_share * asked * (1 - 1e-6)]
        return "min regions" if len(enough) < (limits.min_regions or 1) else ""

    def stocks(self, counts: Counts, slot: str) -> list[Stock]:
        """Pools in a slot, summed over procurements."""
        at = self.world.slots.index(slot)
        found: dict[PoolKey, Stock] = {}
        dead = 1 + self.scenario.planning.maintenance_nodes
        for (key, procurement), number in counts.items():
            facts = self.world.node(NodeKey(key.region, key.offer, procurement))
            assert isinstance(facts, NodeFacts)
            on_a_node = max(facts.devices // key.way.devices, 1)
            stock = found.setdefault(key, Stock(key, 0, on_a_node * dead, facts.availability))
            stock.replicas += number[at]
        return [stock for stock in found.values() if stock.replicas]

    # ---- losses, safe for every packing ----

    def losses(self, counts: Counts, slot: str) -> str:
        """The first loss after which too little could be served in a slot; "" where there is none."""
        failures, stocks = self.scenario.failures, self.stocks(counts, slot)
        if failures.node is not None:
            for region, offer in dict.fromkeys((stock.key.region, stock.key.offer) for stock in stocks):
                for workload in {s.key.way.workload for s in stocks if (s.key.region, s.key.offer) == (region, offer)}:
                    mine = [stock for stock in stocks if stock.key.way.workload == workload]
                    share = self._share_without_node(workload, slot, mine, region, offer, failures.node)
                    if share < failures.node.share * (1 - ROUNDING):
                        return f"node of {offer} in {region} ({slot}): {share:.4f} of {workload} is served"
        if failures.region is not None:
            for region in self.scenario.regions:
                for workload in self.scenario.workloads:
                    mine = [s for s in stocks if s.key.way.workload == workload and s.key.region != region]
                    share = self._share(workload, slot, mine, failures.region)
                    if share < failures.region.share * (1 - ROUNDING):
                        return f"region {region} ({slot}): {share:.4f} of {workload} is served"
        return ""

    def _share_without_node(
        self, workload: str, slot: str, stocks: list[Stock], region: str, offer: str, rule: Failure
    ) -> float:
        hit = [s for s in stocks if (s.key.region, s.key.offer) == (region, offer)]
        others = [s for s in stocks if (s.key.region, s.key.offer) != (region, offer)]
        if offer.startswith("spot-"):
            return self._share(workload, slot, others, rule)
        if len(self.scenario.workloads[workload].shapes) == 1:
            return self._share(workload, slot, others, rule, region, self._left(hit, region))
        smaller = [Stock(s.key, max(0, s.replicas - s.lost), s.lost, s.availability) for s in hit]
        return self._share(workload, slot, others + smaller, rule)

    def _left(self, hit: list[Stock], region: str) -> dict[float, float]:
        """Rate that an offer's pools keep up to each latency threshold when a node dies, whatever lay on it.

        For every pool c in use: all pools' rate less ``mu_c K_c``, and that of c at its surviving size beside the
        others' full rate; the least of these. Where one of them is negative, everything on the offer counts as lost.
        """
        world, left = self.world, {}
        budgets = {stock.key: world.pool_budget_s(stock.key) for stock in hit}
        workload = hit[0].key.way.workload
        thresholds = {world.budget_s(workload, origin, region) for origin in self.scenario.origins}
        for threshold in sorted(thresholds):
            members = [stock for stock in hit if budgets[stock.key] <= threshold]
            total = sum(self.rate(stock) for stock in members)
            bounds = []
            for stock in members:
                unit = world.rates(stock.key.way)[0] * stock.availability
                size = max(0, stock.replicas - stock.lost)
                after = unit * self.usable(stock.key, size) * size
                bounds += [total - unit * stock.lost, total - self.rate(stock) + after]
            left[threshold] = min(bounds, default=0.0)
        if any(value < -ROUNDING for value in left.values()):
            return dict.fromkeys(left, 0.0)
        return {threshold: max(0.0, value) for threshold, value in left.items()}

    def rate(self, stock: Stock) -> float:
        """Usable rate of a pool of one shape."""
        rate = self.world.rates(stock.key.way)[0] * stock.availability
        return rate * self.usable(stock.key, stock.replicas) * stock.replicas

    def server(self, stock: Stock) -> Server:
        """A pool as routing sees it, at its declared usable utilisation."""
        world, way = self.world, stock.key.way
        runs, full = world.running(way), self.usable(stock.key, stock.replicas) if stock.replicas else 0.0
        return Server(
            region=stock.key.region,
            budget_s=world.pool_budget_s(stock.key),
            usable_replicas=full * stock.replicas * stock.availability,
            rates=world.rates(way),
            kv=tuple(run.holding_s * run.kv_bytes for run in runs),
            kv_room=stock.replicas * max(world.kv_room_bytes(way), 0.0) if full > 0.0 else 0.0,
            itl=world.itl_excess_s(way),
        )

    def _share(
        self,
        workload: str,
        slot: str,
        stocks: list[Stock],
        rule: Failure,
        region: str = "",
        left: Mapping[float, float] | None = None,
    ) -> float:
        """Share that can be served by some pools, with what is left of an offer in one region on top."""
        scope, enough = rule.scope, rule.share
        if len(self.scenario.workloads[workload].shapes) > 1:
            key: object = (workload, slot, scope, frozenset((s.key, s.replicas) for s in stocks))
            if key not in self._served:
                servers = [self.server(stock) for stock in stocks if stock.replicas]
                self._served[key] = most_served_mix(self.world, workload, slot, servers, scope).share
            return self._served[key]
        ceilings = {r: self._ceiling(workload, r, stocks) for r in self.scenario.regions}
        for threshold, rate in (left or {}).items():
            ceilings[region][threshold] += rate
        most = sum(max(steps.values(), default=0.0) for steps in ceilings.values())
        if most < enough * (1 - 1e-6) * self._asked(workload, slot):
            return most / self._asked(workload, slot)  # too little whatever the routing
        key = (workload, slot, scope, tuple(tuple(steps.items()) for steps in ceilings.values()))
        if key not in self._served:
            self._served[key] = most_served(self.world, workload, slot, ceilings, scope).share
        return self._served[key]

    def _asked(self, workload: str, slot: str, shape: int = 0) -> float:
        return sum(self.world.demand(workload, shape, origin, slot) for origin in self.scenario.origins)

    def _ceiling(self, workload: str, region: str, stocks: list[Stock]) -> dict[float, float]:
        budgets = sorted({self.world.budget_s(workload, origin, region) for origin in self.scenario.origins})
        here = [(self.world.pool_budget_s(s.key), self.rate(s)) for s in stocks if s.key.region == region]
        return {step: sum(rate for budget, rate in here if budget <= step) for step in budgets}

    def fixed(self, nodes: dict[NodeKey, dict[str, int]], fates: Fates | None = None) -> dict[str, float]:
        """Accounts of the nodes alone, start-ups left out: no fleet on them is cheaper.

        From today's fleet each node may be there already: then it has no price, unless `fates` say what becomes of all.
        """
        if fates is not None:
            bill = whole_bill(self.world, nodes, fates)
        else:
            bill = node_bill(self.world, nodes, None if self.scenario.today is None else Fates())
        return totals({key: value for key, value in bill.items() if key[1] != "start-up"})

    def least_of_today(self) -> float:
        """What today's fleet adds to the cost at least, beside what its nodes draw; 0 where none is stated."""
        return least_usd(self.world) if self.scenario.today is not None else 0.0


def judge(scenario: Scenario, counts: Counts) -> Judgement:
    """Judge one fleet; see `Judge` for many of the same scenario."""
    return Judge(scenario).judge(counts)
