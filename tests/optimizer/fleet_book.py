"""Every fleet of a tiny question with what it needs of each limit, so that moving a limit is a look-up.

For one workload of one shape from one origin in one slot, on at most two kinds of pool. Capacities, losses and bills
are the independent check's. The loads of the two pools are then a point in the plane, every limit but those on whole
things is a line in it, and the least of a linear goal is at a crossing of two lines.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from optimizer.verify_bills import Bill, add_load, totals
from optimizer.verify_judge import Judge
from optimizer.verify_types import NodeKey, PoolKey
from scenarios.schema import Scenario
from scenarios.schema_supply import Failure
from tests.optimizer.brute_force import hires, ways

CAPS = {"budget": "usd_per_year", "carbon": "kg_co2e_per_year", "energy": "kwh_per_year"}
TOLERANCE = 1e-9
MUCH = 1e6
"""Demand so many times larger that a loss never leaves enough: what is left is then told in full."""
DROPPED = 0.0


@dataclass(frozen=True)
class Best:
    """The least goal over all fleets, and the loads and replicas that reach it; infinite where there is none."""

    goal: float
    loads: tuple[float, ...] = ()
    replicas: tuple[int, ...] = ()
    accounts: Mapping[str, float] | None = None


class Book:
    """All fleets with at most `most` replicas of each pool."""

    def __init__(self, scenario: Scenario, most: int = 8) -> None:
        self.scenario = scenario
        (self.name,) = scenario.workloads
        judge = Judge(scenario)
        self.slot = judge.world.slots[0]
        self.pools = _pools(judge)
        assert 1 <= len(self.pools) <= 2
        counts = itertools.product(range(most + 1), repeat=len(self.pools))
        self.replicas = np.array(sorted(counts, key=sum), dtype=float)
        self.regions = list(scenario.regions)
        self.in_region = np.array([[key.region == region for key, _ in self.pools] for region in self.regions])
        self.demand = judge._asked(self.name, self.slot)
        self.unit = self._unit(judge)
        self._tabulate(judge)

    def _unit(self, judge: Judge) -> dict[str, np.ndarray]:
        """Account -> what a request a second on each pool adds to it."""
        found = []
        for key, procurement in self.pools:
            bill: Bill = defaultdict(float)
            hire = NodeKey(key.region, key.offer, procurement)
            add_load(judge.world, bill, hire, key.way.devices, 1.0 / judge.world.rates(key.way)[0], self.slot)
            found.append(totals(bill))
        return {account: np.array([each[account] for each in found]) for account in found[0]}

    def _tabulate(self, judge: Judge) -> None:
        rows = defaultdict(list)
        loud = Judge(_louder(self.scenario))
        for replicas in self.replicas.astype(int):
            counts = {pool: (int(n),) for pool, n in zip(self.pools, replicas, strict=True) if n}
            nodes, stocks = judge.least_nodes(counts), judge.stocks(counts, self.slot)
            rows["fixed"].append(judge.fixed(nodes))
            rate = {stock.key: judge.rate(stock) for stock in stocks}
            rows["room"].append([rate.get(key, 0.0) for key, _ in self.pools])
            rows["node"].append(self._left_by_node(loud, counts))
            rows["region"].append([sum(r for k, r in rate.items() if k.region != lost) for lost in self.regions])
            rows["devices"].append(self._by_region(judge, nodes, "devices"))
            rows["watts"].append(self._by_region(judge, nodes, "nameplate_w"))
        self.fixed = {a: np.array([each[a] for each in rows["fixed"]]) for a in rows["fixed"][0]}
        self.room, self.after_node = np.array(rows["room"]), np.array(rows["node"])
        self.after_region = np.array(rows["region"]).min(axis=1)
        self.devices, self.watts = np.array(rows["devices"]), np.array(rows["watts"])

    def _left_by_node(self, loud: Judge, counts) -> float:
        """Requests a second that the worst loss of a node leaves."""
        stocks = loud.stocks(counts, self.slot)
        asked = loud._asked(self.name, self.slot)
        rule = Failure(served=1.0, scope="total")
        places = dict.fromkeys((stock.key.region, stock.key.offer) for stock in stocks)
        shares = [loud._share_without_node(self.name, self.slot, stocks, *place, rule) for place in places]
        return min(shares, default=0.0) * asked

    def _by_region(self, judge: Judge, nodes, what: str) -> dict[tuple[str, str], float]:
        found = {(region, a): 0.0 for region in self.regions for a in self.scenario.accelerators}
        for hire, by_slot in nodes.items():
            facts = judge.world.node(hire)
            found[hire.region, facts.accelerator] += getattr(facts, what) * by_slot[self.slot]
        return list(found.values())

    # ---- questions ----

    def least(self, limits: Scenario, free: Mapping[str, float]) -> float:
        """Least weighted sum of relaxations of the limits in `free` (limit -> weight), the others of the scenario
        kept; a weight of 0 drops a limit. Infinite where nothing helps."""
        return _Sheet(self, limits, free).best({}).goal

    def optimum(self, limits: Scenario, account: str = "usd_per_year") -> Best:
        """The least of an account within the limits of a scenario that has these fleets."""
        return _Sheet(self, limits, {}).best({account: 1.0})


class _Sheet:
    """A book under the limits of a scenario, some of which may move."""

    def __init__(self, book: Book, limits: Scenario, free: Mapping[str, float]) -> None:
        self.book, self.limits, self.free = book, limits, free
        asked = limits.workloads[book.name]
        planning = limits.planning
        (origin,) = asked.demand
        self.demand = asked.demand[origin][0] * planning.peak_factor * (1 + planning.growth)
        self.whole = np.zeros(len(book.replicas))
        """Weighted relaxations that follow from the replicas alone; infinite where a limit that is kept is broken."""
        self._whole_things()

    def _whole_things(self) -> None:
        book, limits = self.book, self.limits
        places = [(r, a) for r in book.regions for a in limits.accelerators]
        for number, (region, accelerator) in enumerate(places):
            use = limits.regions[region]
            quota = use.quota.get(accelerator, use.quota_default or "unknown")
            if isinstance(quota, int):
                over = np.maximum(book.devices[:, number] / max(quota, 1e-9) - 1.0, 0.0)
                self._charge(f"quota {accelerator} {region}", over)
        for region in book.regions:
            site = limits.regions[region].site_power_w
            if site is not None:
                here = [n for n, place in enumerate(places) if place[0] == region]
                self._charge(f"site power {region}", book.watts[:, here].sum(axis=1) / site - 1.0)
        used = sum((book.replicas[:, inside].sum(axis=1) > 0) for inside in book.in_region)
        if limits.limits.max_regions is not None:
            self._charge("max regions", used / limits.limits.max_regions - 1.0)
        if "demand" not in self.free:
            for kind, after in (("node", book.after_node), ("region", book.after_region)):
                rule = getattr(limits.failures, kind)
                if rule is not None:
                    short = 1.0 - after / (rule.share * self.demand)
                    self._charge(f"{kind} failure", short, most=0.9)

    def _charge(self, name: str, over: np.ndarray, most: float = np.inf) -> None:
        over = np.where(over > TOLERANCE, over, 0.0)
        weight = self.free.get(name)
        if weight is None:
            self.whole[over > 0.0] = np.inf
        elif weight:
            self.whole += np.where(over <= most, weight * over, np.inf)

    def best(self, goal: Mapping[str, float]) -> Best:
        fewest = (self.limits.limits.min_regions or 1) if self.free.get("min regions") != DROPPED else 1
        choices = [(fewest, 0.0)]
        if "min regions" in self.free and fewest > 1:
            choices += [(n, self.free["min regions"] * (1 - n / fewest)) for n in range(1, fewest)]
        found = [self._at(goal, spread, extra) for spread, extra in choices]
        return min(found, key=lambda one: one.goal)

    def _at(self, goal: Mapping[str, float], fewest: int, extra: float) -> Best:
        """The best where so many regions must serve their share."""
        book, pools = self.book, len(self.book.pools)
        if fewest > len(book.regions):
            return Best(np.inf)
        lines, kept = self._lines(fewest)
        points = _crossings(lines, pools)
        loads = points.sum(axis=-1)
        good = np.isfinite(points).all(axis=-1)
        points = np.where(good[..., None], points, 0.0)
        for normal, limit in kept:
            value = points @ normal
            good &= value <= limit[None, :] + TOLERANCE * (np.abs(limit)[None, :] + self.demand)
        if "demand" in self.free:
            cost = np.zeros(loads.shape)
            if self.free["demand"]:
                cost += self.free["demand"] * np.maximum(1.0 - loads / self.demand, 0.0)
        else:
            good &= np.abs(loads - self.demand) <= TOLERANCE * self.demand
            cost = np.zeros(loads.shape)
        for name, account in CAPS.items():
            cap, weight = self._cap(name), self.free.get(name)
            if cap is None or weight == DROPPED:
                continue
            over = (book.fixed[account][None, :] + points @ book.unit[account]) / cap - 1.0
            if weight is None:
                good &= over <= TOLERANCE
            else:
                cost += weight * np.maximum(over, 0.0)
        for account, weight in goal.items():
            cost += weight * (book.fixed[account][None, :] + points @ book.unit[account])
        total = np.where(good, cost + self.whole[None, :] + extra, np.inf)
        at = np.unravel_index(int(np.argmin(total)), total.shape)
        if not np.isfinite(total[at]):
            return Best(np.inf)
        accounts = {a: float(book.fixed[a][at[1]] + points[at] @ book.unit[a]) for a in book.unit}
        return Best(float(total[at]), tuple(points[at]), tuple(book.replicas[at[1]].astype(int)), accounts)

    def _cap(self, name: str) -> float | None:
        limits = self.limits.limits
        return {
            "budget": limits.budget_usd_per_year,
            "carbon": limits.carbon_kg_per_year,
            "energy": limits.energy_kwh_per_year,
        }[name]

    def _lines(self, fewest: int):
        """Lines whose crossings hold the optimum: (normal, value by fleet); and those that no point may pass."""
        book, pools, fleets = self.book, len(self.book.pools), len(self.book.replicas)
        kept = []
        for p in range(pools):
            axis = np.eye(pools)[p]
            kept += [(axis, book.room[:, p]), (-axis, np.zeros(fleets))]
        every = np.ones(pools)
        kept.append((every, np.full(fleets, self.demand)))
        if self.free.get("demand"):
            kept.append((-every, np.full(fleets, -0.1 * self.demand)))
        if "demand" in self.free:
            for kind, after in (("node", book.after_node), ("region", book.after_region)):
                rule = getattr(self.limits.failures, kind)
                if rule is not None and self.free.get(f"{kind} failure") != DROPPED:
                    kept.append((every, after / rule.share))
        if fewest > 1:
            for inside in book.in_region:
                normal = self.limits.limits.min_region_share * every - inside
                kept.append((normal, np.zeros(fleets)))
        bends = []
        for name, account in CAPS.items():
            cap = self._cap(name)
            if cap is not None:
                bends.append((book.unit[account], cap - book.fixed[account]))
        return [*kept, *bends], kept


def _crossings(lines, pools: int) -> np.ndarray:
    """[pair, fleet, pool] where lines cross; NaN where they do not."""
    found = []
    with np.errstate(divide="ignore", invalid="ignore"):
        if pools == 1:
            return np.array([value / normal[0] for normal, value in lines])[..., None]
        for (one, left), (other, right) in itertools.combinations(lines, 2):
            size = one[0] * other[1] - one[1] * other[0]
            x = (left * other[1] - right * one[1]) / size
            y = (right * one[0] - left * other[0]) / size
            found.append(np.stack([x, y], axis=-1))
    return np.where(np.isfinite(np.array(found)), np.array(found), np.nan)


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
