"""Questions to a table of all fleets: the limits of a scenario, some of which move, as lines and charges."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scenarios.schema import Scenario

if TYPE_CHECKING:
    from tests.optimizer.fleet_book import Book

CAPS = {
    "budget": "usd_per_year",
    "carbon": "kg_co2e_per_year",
    "energy": "kwh_per_year",
    "water": "litres_per_year",
}
TOLERANCE = 1e-9
DROPPED = 0.0


@dataclass(frozen=True)
class Best:
    """The least goal over all fleets, and the loads, replicas and row that reach it; infinite where there is none."""

    goal: float
    loads: tuple[float, ...] = ()
    replicas: tuple[int, ...] = ()
    accounts: Mapping[str, float] | None = None
    row: int = -1


class Sheet:
    """A book under the limits of a scenario, some of which may move."""

    def __init__(
        self, book: Book, limits: Scenario, free: Mapping[str, float], running: np.ndarray | None = None
    ) -> None:
        self.book, self.limits, self.free = book, limits, free
        asked = limits.workloads[book.name]
        planning = limits.planning
        (origin,) = asked.demand
        self.demand = asked.demand[origin][0] * planning.peak_factor * (1 + planning.growth)
        self.whole = np.zeros(len(book.room))
        """Weighted relaxations that follow from the replicas alone; infinite where a limit that is kept is broken."""
        if running is not None:
            self.whole[(np.abs(book.running - running) > TOLERANCE).any(axis=1)] = np.inf
        self._whole_things()

    def _whole_things(self) -> None:
        book, limits = self.book, self.limits
        for number, (region, accelerator) in enumerate(book.places):
            use = limits.regions[region]
            quota = use.quota.get(accelerator, use.quota_default or "unknown")
            if isinstance(quota, int):
                over = np.maximum(book.devices[:, number] / max(quota, 1e-9) - 1.0, 0.0)
                self._charge(f"quota {accelerator} {region}", over)
        for region in book.regions:
            site = limits.regions[region].site_power_w
            if site is not None:
                here = [n for n, place in enumerate(book.places) if place[0] == region]
                self._charge(f"site power {region}", book.watts[:, here].sum(axis=1) / site - 1.0)
        if limits.today is not None and limits.today.changes.limit is not None:
            most = limits.today.changes.limit
            self._charge("changes", (book.changes - most) / max(most, 1))
        used = sum((book.replicas[:, inside].sum(axis=1) > 0) for inside in book.in_region)
        if limits.limits.max_regions is not None:
            self._charge("max regions", used / limits.limits.max_regions - 1.0)
        if "demand" not in self.free:
            for kind in ("node", "region"):
                rule = getattr(limits.failures, kind)
                if rule is not None:
                    short = 1.0 - getattr(book, f"after_{kind}") / (rule.share * self.demand)
                    self._charge(f"{kind} failure", short, most=0.9)

    def _charge(self, name: str, over: np.ndarray, most: float = np.inf) -> None:
        over = np.where(over > TOLERANCE, over, 0.0)
        weight = self.free.get(name)
        if weight is None:
            self.whole[over > 0.0] = np.inf
        elif weight:
            self.whole += np.where(over <= most, weight * over, np.inf)

    def best(self, goal: Mapping[str, float]) -> Best:
        """The least of the goal's accounts and of what the limits that may move are relaxed by."""
        fewest = (self.limits.limits.min_regions or 1) if self.free.get("min regions") != DROPPED else 1
        choices = [(fewest, 0.0)]
        if "min regions" in self.free and fewest > 1:
            choices += [(n, self.free["min regions"] * (1 - n / fewest)) for n in range(1, fewest)]
        rows = np.flatnonzero(np.isfinite(self.whole))
        found = [self._at(goal, rows, spread, extra) for spread, extra in choices]
        return min(found, key=lambda one: one.goal)

    def _at(self, goal: Mapping[str, float], rows: np.ndarray, fewest: int, extra: float) -> Best:
        """The best where so many regions must serve their share."""
        book, pools = self.book, len(self.book.pools)
        if fewest > len(book.regions) or not rows.size or not pools:
            return Best(np.inf)
        fixed = {account: values[rows] for account, values in book.fixed.items()}
        lines, kept = self._lines(rows, fewest)
        points = _crossings(lines, pools, None if "demand" in self.free else 2 * pools)
        loads = points.sum(axis=-1)
        good = np.isfinite(points).all(axis=-1)
        points = np.where(good[..., None], points, 0.0)
        for normal, limit in kept:
            value = points @ normal
            good &= value <= limit[None, :] + TOLERANCE * (np.abs(limit)[None, :] + self.demand)
        cost = np.zeros(loads.shape)
        if "demand" not in self.free:
            good &= np.abs(loads - self.demand) <= TOLERANCE * self.demand
        elif self.free["demand"]:
            cost += self.free["demand"] * np.maximum(1.0 - loads / self.demand, 0.0)
        for name, account in CAPS.items():
            cap, weight = self._cap(name), self.free.get(name)
            if cap is None or weight == DROPPED:
                continue
            over = (fixed[account][None, :] + points @ book.unit[account]) / cap - 1.0
            if weight is None:
                good &= over <= TOLERANCE
            else:
                cost += weight * np.maximum(over, 0.0)
        for account, weight in goal.items():
            cost += weight * (fixed[account][None, :] + points @ book.unit[account])
        total = np.where(good, cost + self.whole[None, rows] + extra, np.inf)
        at = np.unravel_index(int(np.argmin(total)), total.shape)
        if not np.isfinite(total[at]):
            return Best(np.inf)
        accounts = {a: float(fixed[a][at[1]] + points[at] @ book.unit[a]) for a in book.unit}
        row = int(rows[at[1]])
        return Best(float(total[at]), tuple(points[at]), tuple(book.replicas[row].astype(int)), accounts, row)

    def _cap(self, name: str) -> float | None:
        limits = self.limits.limits
        return {
            "budget": limits.budget_usd_per_year,
            "carbon": limits.carbon_kg_per_year,
            "energy": limits.energy_kwh_per_year,
            "water": limits.water_litres_per_year,
        }[name]

    def _lines(self, rows: np.ndarray, fewest: int):
        """Lines whose crossings hold the optimum: (normal, value by fleet); and those that no point may pass."""
        book, pools, fleets = self.book, len(self.book.pools), rows.size
        kept = []
        for p in range(pools):
            axis = np.eye(pools)[p]
            kept += [(axis, book.room[rows, p]), (-axis, np.zeros(fleets))]
        every = np.ones(pools)
        kept.append((every, np.full(fleets, self.demand)))
        if self.free.get("demand"):
            kept.append((-every, np.full(fleets, -0.1 * self.demand)))
        if "demand" in self.free:
            for kind in ("node", "region"):
                rule = getattr(self.limits.failures, kind)
                if rule is not None and self.free.get(f"{kind} failure") != DROPPED:
                    kept.append((every, getattr(book, f"after_{kind}")[rows] / rule.share))
        if fewest > 1:
            for inside in book.in_region:
                normal = self.limits.limits.min_region_share * every - inside
                kept.append((normal, np.zeros(fleets)))
        bends = []
        for name, account in CAPS.items():
            cap = self._cap(name)
            if cap is not None:
                bends.append((book.unit[account], cap - book.fixed[account][rows]))
        return [*kept, *bends], kept


def _crossings(lines, pools: int, on: int | None) -> np.ndarray:
    """[pair, fleet, pool] where lines cross, one of them the line `on` if that is given; NaN where they do not."""
    found = []
    with np.errstate(divide="ignore", invalid="ignore"):
        if pools == 1:
            one = lines if on is None else [lines[on]]
            return np.array([value / normal[0] for normal, value in one])[..., None]
        pairs = itertools.combinations(lines, 2)
        if on is not None:
            pairs = ((lines[on], other) for number, other in enumerate(lines) if number != on)
        for (one, left), (other, right) in pairs:
            size = one[0] * other[1] - one[1] * other[0]
            x = (left * other[1] - right * one[1]) / size
            y = (right * one[0] - left * other[0]) / size
            found.append(np.stack([x, y], axis=-1))
    return np.where(np.isfinite(np.array(found)), np.array(found), np.nan)
