"""Every fleet of a tiny question with what it needs of each limit, so that moving a limit is a look-up.

For one workload of one shape from one origin in one slot, on at most two kinds of pool. Capacities, losses and bills
are the independent check's. The loads of the two pools are then a point in the plane, every limit but those on whole
things is a line in it, and the least of a linear goal is at a crossing of two lines.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from optimizer.verify_bills import Bill, add_load, totals
from optimizer.verify_judge import Judge
from optimizer.verify_judge_today import _all
from optimizer.verify_nodes import NodeFacts
from optimizer.verify_today import number_of_changes, off_devices, wrong_fates
from optimizer.verify_types import NodeKey, PoolKey
from scenarios.schema import Scenario
from scenarios.schema_supply import Failure
from tests.optimizer.brute_force import hires, ways
from tests.optimizer.fleet_sheet import Best, Sheet

MUCH = 1e6
"""Demand so many times larger that a loss never leaves enough: what is left is then told in full."""
Nodes = Mapping[NodeKey, Mapping[str, int]]


class Book:
    """All fleets with at most `most` replicas of each pool, each with every way worth having from today's fleet."""

    def __init__(self, scenario: Scenario, most: int = 8) -> None:
        self.scenario, self.most = scenario, most
        (self.name,) = scenario.workloads
        judge = Judge(scenario)
        self.slot = judge.world.slots[0]
        self.pools = _pools(judge)
        assert len(self.pools) <= 2
        self.regions = list(scenario.regions)
        self.places = [(region, name) for region in self.regions for name in scenario.accelerators]
        inside = [[key.region == region for key, _ in self.pools] for region in self.regions]
        self.in_region = np.array(inside, dtype=bool)
        self.demand = judge._asked(self.name, self.slot)
        self.unit = self._unit(judge)
        self._tabulate(judge, most)

    def _unit(self, judge: Judge) -> dict[str, np.ndarray]:
        """Account -> what a request a second on each pool adds to it."""
        found = []
        for key, procurement in self.pools:
            bill: Bill = defaultdict(float)
            hire = NodeKey(key.region, key.offer, procurement)
            add_load(judge.world, bill, hire, key.way.devices, 1.0 / judge.world.rates(key.way)[0], self.slot)
            found.append(totals(bill))
        return {account: np.array([each[account] for each in found]) for account in totals({})}

    def _tabulate(self, judge: Judge, most: int) -> None:
        """A row for each number of replicas of the pools, and for each way to come there from today's fleet."""
        rows, known = defaultdict(list), {}
        counts_of_pools = itertools.product(range(most + 1), repeat=len(self.pools))
        for replicas in sorted(counts_of_pools, key=sum):
            counts = {pool: (n,) for pool, n in zip(self.pools, replicas, strict=True) if n}
            nodes, stocks = judge.least_nodes(counts), judge.stocks(counts, self.slot)
            rate = {stock.key: judge.rate(stock) for stock in stocks}
            rest = [sum(r for k, r in rate.items() if k.region != lost) for lost in self.regions]
            same = frozenset((hire, by_slot[self.slot]) for hire, by_slot in nodes.items())
            if same not in known:
                places = [self._by_place(judge, nodes, what) for what in ("devices", "nameplate_w")]
                known[same] = (self._from_today(judge, nodes), *places)
            ways_there, running, watts = known[same]
            for fixed, changes, off in ways_there:
                rows["fixed"].append(fixed)
                rows["changes"].append(changes)
                rows["replicas"].append(replicas)
                rows["room"].append([rate.get(key, 0.0) for key, _ in self.pools])
                rows["region"].append(rest)
                rows["running"].append(running)
                rows["off"].append(off)
                rows["watts"].append(watts)
        self.fixed = {a: np.array([each[a] for each in rows["fixed"]]) for a in rows["fixed"][0]}
        self.replicas = np.array(rows["replicas"], dtype=float).reshape(len(rows["room"]), len(self.pools))
        self.room = np.array(rows["room"])
        self.after_region = np.array(rows["region"]).min(axis=1)
        self.changes, self.watts = np.array(rows["changes"]), np.array(rows["watts"])
        self.running = np.array(rows["running"])
        self.devices = self.running + np.array(rows["off"])
        """Of a quota: those that run and those that stand switched off."""

    def _from_today(self, judge: Judge, nodes: Nodes) -> list[tuple[dict[str, float], int, list[int]]]:
        """Accounts of the nodes, nodes that change and devices switched off by place, for each way that no other beats.

        What becomes of today's nodes only changes the money, so that the accounts need no other comparison.
        """
        world, none = judge.world, [0] * len(self.places)
        if self.scenario.today is None:
            return [(judge.fixed(nodes), 0, none)]
        most = Counter({key: max(by_slot.values()) for key, by_slot in nodes.items()})
        found: list[tuple[dict[str, float], int, list[int]]] = []
        for fates in _all(world, most):
            if wrong_fates(world, fates, most):
                continue
            off = off_devices(world, fates)
            new = (judge.fixed(nodes, fates), number_of_changes(world, fates, most), [off[p] for p in self.places])
            if not any(_no_worse(old, new) for old in found):
                found = [old for old in found if not _no_worse(new, old)] + [new]
        return found

    @cached_property
    def node_sizes(self) -> dict[str, int]:
        """Accelerator -> devices of an owned node."""
        facts = [Judge(self.scenario).world.node(hire) for hire in hires(self.scenario)]
        return {one.accelerator: one.devices for one in facts if isinstance(one, NodeFacts)}

    @cached_property
    def after_node(self) -> np.ndarray:
        """Requests a second that the worst loss of a node leaves to each fleet."""
        loud, left = Judge(_louder(self.scenario)), {}
        for replicas in np.unique(self.replicas.astype(int), axis=0):
            counts = {pool: (int(n),) for pool, n in zip(self.pools, replicas, strict=True) if n}
            left[tuple(replicas)] = self._left_by_node(loud, counts)
        return np.array([left[tuple(replicas)] for replicas in self.replicas.astype(int)])

    def _left_by_node(self, loud: Judge, counts) -> float:
        stocks = loud.stocks(counts, self.slot)
        asked = loud._asked(self.name, self.slot)
        rule = Failure(served=1.0, scope="total")
        places = dict.fromkeys((stock.key.region, stock.key.offer) for stock in stocks)
        shares = [loud._share_without_node(self.name, self.slot, stocks, *place, rule) for place in places]
        return min(shares, default=0.0) * asked

    def _by_place(self, judge: Judge, nodes: Nodes, what: str) -> list[float]:
        found = dict.fromkeys(self.places, 0.0)
        for hire, by_slot in nodes.items():
            facts = judge.world.node(hire)
            found[hire.region, facts.accelerator] += getattr(facts, what) * by_slot[self.slot]
        return list(found.values())

    # ---- questions ----

    def least(self, limits: Scenario, free: Mapping[str, float]) -> float:
        """Least weighted sum of relaxations of the limits in `free` (limit -> weight), the others of the scenario
        kept; a weight of 0 drops a limit. Infinite where nothing helps."""
        return Sheet(self, limits, free).best({}).goal

    def optimum(
        self, limits: Scenario, account: str = "usd_per_year", dropped: str = "", running: np.ndarray | None = None
    ) -> Best:
        """The least of an account within the limits of a scenario that has these fleets, one of them dropped; with
        `running` only of fleets with so many devices at each place."""
        return Sheet(self, limits, {dropped: 0.0} if dropped else {}, running).best({account: 1.0})


def _no_worse(one: tuple[dict[str, float], int, list[int]], other: tuple[dict[str, float], int, list[int]]) -> bool:
    less = one[0]["usd_per_year"] <= other[0]["usd_per_year"] and one[1] <= other[1]
    return less and all(mine <= its for mine, its in zip(one[2], other[2], strict=True))


def _pools(judge: Judge) -> list[tuple[PoolKey, str]]:
    found = []
    for hire in hires(judge.scenario):
        for way in ways(judge.scenario):
            for serves in judge.classes(way.workload, hire.region):
                key = PoolKey(hire.region, hire.offer, way, serves)
                if not judge.runs_at_all(key, hire.procurement):
                    found.append((key, hire.procurement))
    return found


def _louder(scenario: Scenario) -> Scenario:
    (name,) = scenario.workloads
    demand = {origin: tuple(MUCH * rate for rate in rates) for origin, rates in scenario.workloads[name].demand.items()}
    workload = scenario.workloads[name].model_copy(update={"demand": demand})
    return scenario.model_copy(update={"workloads": {name: workload}})
