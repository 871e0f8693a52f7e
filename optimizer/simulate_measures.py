"""What was measured over the requests of a case, beside what the walls promised at the same load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimizer.simulate_fleet import Routes, SimulatedFleet
from optimizer.simulate_pool import FloatArray
from optimizer.simulate_types import LET_IN, WAITING, Estimate, Group, Times, Verdict
from optimizer.verify_types import PoolKey
from physics.locality import user_round_trip_s

STEADY = 0.01
"""The number that waits may grow by this share of the arrivals before the load counts as not sustained."""
_LAW = (1.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9)  # percentiles at which a pool's law is asked for
# Two-sided 95 % quantile of Student's t by degrees of freedom (W. S. Gosset, 1908; standard tables).
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


@dataclass(frozen=True)
class Record:
    """Measured requests of one case and seed, all pools together; TTFT and end-to-end with the network.

    `workload`, `pool` and `origin` are indices; `alone_s` is the TTFT without the network.
    """

    seconds: float
    workload: np.ndarray
    pool: np.ndarray
    origin: np.ndarray
    alone_s: FloatArray
    ttft_s: FloatArray
    itl_s: FloatArray
    e2e_s: FloatArray
    slots_used: FloatArray
    prefill_share: FloatArray
    served_per_s: FloatArray
    growth_per_s: FloatArray
    restarts: int


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and 95 % half-width of one value per seed.

    >>> found = estimate([1.0, 2.0, 3.0])
    >>> found.value, round(found.half_width, 3)
    (2.0, 2.484)
    """
    sample = np.asarray(values, float)
    if sample.size < 2:
        return Estimate(value=float(sample.mean()))
    student = _STUDENT[min(sample.size - 1, len(_STUDENT)) - 1]
    return Estimate(value=float(sample.mean()), half_width=float(student * sample.std(ddof=1) / np.sqrt(sample.size)))


def times(values: Sequence[FloatArray]) -> Times | None:
    """Mean and percentiles of one array per seed; None where there is nothing."""
    kept = [each[~np.isnan(each)] for each in values]
    if not all(each.size for each in kept):
        return None
    cuts = np.array([np.percentile(each, (50, 90, 99)) for each in kept])
    p50, p90, p99 = (estimate(column) for column in cuts.T)
    return Times(mean=estimate([float(each.mean()) for each in kept]), p50=p50, p90=p90, p99=p99)


class Promises:
    """What the walls say of a case: the law of each pool's first token at its load, and mixtures of them."""

    def __init__(self, fleet: SimulatedFleet, routes: Routes, left: dict[PoolKey, int], pools: list[PoolKey]) -> None:
        self.fleet, self.routes, self.pools = fleet, routes, pools
        self.loads = {key: fleet.loads(routes, key) for key in pools}
        self.busy = {key: fleet.busy(routes, key) for key in pools}
        self.left = left
        self._laws: dict[PoolKey, np.ndarray] = {}

    def law_s(self, key: PoolKey) -> np.ndarray:
        """First token without network at the percentiles `_LAW` [s]."""
        if key not in self._laws:
            priced = self.fleet.priced(key.way)
            ask = [priced.promised_s(self.busy[key], self.left[key], self.loads[key], p) for p in _LAW]
            self._laws[key] = np.array(ask)
        return self._laws[key]

    def ttft_s(self, entries: Sequence[tuple[str, int, str, PoolKey]], percentile: float) -> float:
        """Percentile over the requests of some routes, network included: the mixture of their pools' laws."""
        parts = []
        for key in entries:
            place = self.fleet.scenario.origins[key[2]]
            trip = self.fleet.scenario.catalog.round_trip(place.near, key[3].region).p50_s
            parts.append(
                (self.routes[key], self.law_s(key[3]) + user_round_trip_s(trip, place.last_mile_s, percentile))
            )
        return _mixture(parts, percentile)

    def alone_s(self, key: PoolKey, percentile: float) -> float:
        """Percentile of a pool, network excluded."""
        return float(self.law_s(key)[_LAW.index(percentile)])

    def token_s(self, key: PoolKey) -> float:
        """Mean time between tokens in a pool; 0 without decode steps."""
        return self.fleet.priced(key.way).itl_s(self.busy[key], self.left[key], self.loads[key])

    def itl_s(self, entries: Sequence[tuple[str, int, str, PoolKey]]) -> float | None:
        """Mean over the requests of some routes."""
        found = [(self.routes[key], self.token_s(key[3])) for key in entries]
        total = sum(rate for rate, itl in found if itl > 0)
        return sum(rate * itl for rate, itl in found) / total if total > 0 else None


def _mixture(parts: Sequence[tuple[float, np.ndarray]], percentile: float) -> float:
    """Percentile of a mixture of laws that are known at `_LAW`; between them the log of the tail is interpolated."""
    tail = -np.log1p(-np.array(_LAW) / 100.0)
    total = sum(rate for rate, _ in parts)
    if not all(np.isfinite(law).all() for _, law in parts):
        return float("inf")

    def beyond(x: float) -> float:
        return sum(rate * np.exp(-np.interp(x, law, tail)) for rate, law in parts) / total

    low, high = min(law[0] for _, law in parts), max(law[-1] for _, law in parts)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle) > 1 - percentile / 100 else (low, middle)
    return float(high)


def groups(promises: Promises, records: Sequence[Record]) -> list[Group]:
    """Every workload, every origin in every region that serves it, every pool."""
    fleet, pools = promises.fleet, promises.pools
    workloads, origins = list(fleet.scenario.workloads), list(fleet.scenario.origins)
    regions = list(fleet.scenario.regions)
    found = []
    for w, workload in enumerate(workloads):
        mine = [key for key in promises.routes if key[0] == workload]
        if not mine:
            continue
        found.append(_group("workload", workload, promises, mine, records, lambda r, w=w: r.workload == w))
        for o, origin in enumerate(origins):
            for region in regions:
                there = [key for key in mine if (key[2], key[3].region) == (origin, region)]
                inside = np.array([key.region == region for key in pools])
                if there:
                    name = f"{workload}: {origin} -> {region}"
                    found.append(
                        _group(
                            "route",
                            name,
                            promises,
                            there,
                            records,
                            lambda r, w=w, o=o, inside=inside: (r.workload == w) & (r.origin == o) & inside[r.pool],
                        )
                    )
    for p, key in enumerate(pools):
        through = [each for each in promises.routes if each[3] == key]
        if through:
            group = _group("pool", str(key), promises, through, records, lambda r, p=p: r.pool == p, alone=True)
            more = {
                "replicas": promises.left[key],
                "load": promises.busy[key] / promises.left[key],
                "slots_used": estimate([float(record.slots_used[p]) for record in records]),
                "prefill_share": estimate([float(record.prefill_share[p]) for record in records]),
                "promised_ttft_p50_s": promises.alone_s(key, 50.0),
                "promised_ttft_p99_s": promises.alone_s(key, 99.0),
            }
            found.append(group.model_copy(update=more))
    return [group for group in found if group.requests]


def _group(
    what: Literal["workload", "route", "pool"],
    name: str,
    promises: Promises,
    entries: Sequence[tuple[str, int, str, PoolKey]],
    records: Sequence[Record],
    chosen: Callable[[Record], np.ndarray],
    alone: bool = False,
) -> Group:
    masks = [chosen(record) for record in records]
    pairs = list(zip(records, masks, strict=True))
    nothing = Times(**dict.fromkeys(("mean", "p50", "p90", "p99"), Estimate(value=0.0)))
    return Group(
        what=what,
        name=name,
        requests=int(sum(mask.sum() for mask in masks)),
        requests_per_s=estimate([mask.sum() / record.seconds for record, mask in pairs]),
        ttft=times([(record.alone_s if alone else record.ttft_s)[mask] for record, mask in pairs]) or nothing,
        itl=times([record.itl_s[mask] for record, mask in pairs]),
        end_to_end=times([record.e2e_s[mask] for record, mask in pairs]) or nothing,
        promised_ttft_p50_s=promises.ttft_s(entries, 50.0),
        promised_ttft_p99_s=promises.ttft_s(entries, 99.0),
        promised_itl_s=promises.itl_s(entries),
    )


def verdicts(fleet: SimulatedFleet, records: Sequence[Record], admitted: dict[str, float]) -> list[Verdict]:
    """The limits of each workload as asked, and whether what was admitted is kept up with."""
    found = []
    for w, (name, workload) in enumerate(fleet.scenario.workloads.items()):
        masks = [record.workload == w for record in records]
        if not any(mask.any() for mask in masks):
            continue
        pairs = list(zip(records, masks, strict=True))
        if workload.ttft is not None:
            q, limit = workload.ttft.percentile, workload.ttft.limit_s
            value = estimate([_percentile(record.ttft_s[mask], q) for record, mask in pairs])
            found.append(_most(name, f"TTFT P{q:g}", value, limit, "s"))
        if workload.itl is not None:
            asked, limit = workload.itl.percentile, workload.itl.limit_s
            tokens = [record.itl_s[mask] for record, mask in pairs]
            tokens = [each[~np.isnan(each)] for each in tokens]
            if all(each.size for each in tokens):
                mean = asked == "mean"
                values = [float(each.mean()) if mean else _percentile(each, float(asked)) for each in tokens]
                found.append(_most(name, "ITL mean" if mean else f"ITL P{asked}", estimate(values), limit, "s"))
        growth = estimate([float(record.growth_per_s[w]) for record in records])
        found.append(_most(name, WAITING, growth, STEADY * admitted[name], "requests/s per s"))
    return found


def let_in(workload: str, admitted_per_s: float, demanded_per_s: float, required: float) -> Verdict:
    """Whether the share that a rule asks for is let in after a loss; routing of the independent check to 1e-5."""
    share = admitted_per_s / demanded_per_s if demanded_per_s > 0 else 1.0
    holds = share >= required * (1 - 1e-5)
    return Verdict(
        workload=workload,
        what=LET_IN,
        value=Estimate(value=share),
        sense=">=",
        limit=required,
        unit="share of demand",
        holds=holds,
    )


def _percentile(values: FloatArray, percentile: float) -> float:
    """With those that never got a token counted as infinitely late."""
    if not values.size:
        return 0.0
    return float(np.percentile(np.where(np.isnan(values), np.inf, values), percentile, method="higher"))


def _most(workload: str, what: str, value: Estimate, limit: float, unit: str) -> Verdict:
    holds = bool(value.value <= limit)
    return Verdict(workload=workload, what=what, value=value, sense="<=", limit=limit, unit=unit, holds=holds)


def goodput_per_s(fleet: SimulatedFleet, record: Record) -> float:
    """Requests a second whose own first token and own mean time between tokens are within the limits."""
    good = 0
    for w, workload in enumerate(fleet.scenario.workloads.values()):
        mine = record.workload == w
        within = ~np.isnan(record.ttft_s[mine])
        if workload.ttft is not None:
            within &= record.ttft_s[mine] <= workload.ttft.limit_s
        if workload.itl is not None:
            within &= ~(record.itl_s[mine] > workload.itl.limit_s)
        good += int(within.sum())
    return good / record.seconds
