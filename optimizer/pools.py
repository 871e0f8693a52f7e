"""Pools: candidates at work in a region, their usable utilisation by pool size, and which of them can be left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optimizer.candidates import Table
from optimizer.dominance import undominated
from optimizer.pool_mixes import never_limited
from optimizer.remembered import remembered
from physics.locality import user_round_trip_s
from physics.memory import prompt_steps
from physics.pool_waits import whole_steps
from physics.tail_latency import UTILISATION_STEP, usable_utilisation_mix
from scenarios.schema import Scenario
from scenarios.schema_demand import Workload

LARGEST_EXACT_POOL = 8
LOWEST_TAIL = 90.0  # percentile
BAND_STARTS = np.array([1, 2, 3, 5, 9, 17, 33, 65])


@dataclass(frozen=True)
class Latency:
    """How much time a region leaves a pool for the first token.

    `budgets_s[k]` is the time of latency class k, tightest first; `class_of[o]` the class of each origin.
    """

    budgets_s: np.ndarray
    class_of: np.ndarray


def latency(scenario: Scenario, workload: Workload, region_id: str) -> Latency:
    """TTFT limit less round trip at the limit's percentile, for every origin."""
    percentile = workload.ttft.percentile if workload.ttft else 99.0
    limit = workload.ttft.limit_s if workload.ttft else np.inf
    left = []
    for origin in scenario.origins.values():
        trip = scenario.catalog.round_trip(origin.near, region_id)
        left.append(limit - float(user_round_trip_s(trip.p50_s, origin.last_mile_s, percentile)))
    budgets, class_of = np.unique(np.round(left, 9), return_inverse=True)
    return Latency(budgets, class_of)


@dataclass(frozen=True)
class Variants:
    """Candidates of one workload at work for a latency class in one node type: equal-length columns.

    `utilisation` and `after_loss` are [n, bands]; bands beyond a row's own have `smallest` = 0.
    """

    candidate: np.ndarray
    latency_class: np.ndarray
    closed_by: list[tuple[str, ...]]
    devices: np.ndarray
    lost: np.ndarray
    smallest: np.ndarray
    largest: np.ndarray
    utilisation: np.ndarray
    after_loss: np.ndarray
    joined: bool = False
    """The bands are the program's as they stand: equal neighbours are joined already, none is left out."""

    def take(self, rows: np.ndarray) -> Variants:
        """The same columns at `rows`."""
        return Variants(
            self.candidate[rows],
            self.latency_class[rows],
            [self.closed_by[r] for r in rows],
            self.devices[rows],
            self.lost[rows],
            self.smallest[rows],
            self.largest[rows],
            self.utilisation[rows],
            self.after_loss[rows],
            self.joined,
        )


def bands(most: np.ndarray, exact: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[n, m] smallest and largest size of each band for pools of at most `most` replicas; 0 where there is no band.

    Where `exact`, every size up to 8 is a band of its own: pools that the quota keeps there. There are larger ones only
    where the quota itself is in question; then m is 12, else 8.

    >>> bands(np.array([3.0, 40.0]), np.array([True, False]))[0]
    array([[ 1.,  2.,  3.,  0.,  0.,  0.,  0.,  0.],
           [ 1.,  2.,  3.,  5.,  9., 17., 33.,  0.]])
    """
    beyond = bool(np.any(exact & (most > LARGEST_EXACT_POOL)))
    large = np.flatnonzero(BAND_STARTS > LARGEST_EXACT_POOL) if beyond else np.zeros(0, dtype=int)
    sizes = np.concatenate([np.arange(1, LARGEST_EXACT_POOL + 1), BAND_STARTS[large]])
    coarse = np.pad(BAND_STARTS, (0, len(large)))
    starts = np.where(exact[:, None], sizes[None, :], coarse[None, :]).astype(float)
    starts = np.where(starts <= most[:, None], starts, 0.0)
    following = np.concatenate([starts[:, 1:], np.zeros((len(starts), 1))], axis=1)
    ends = np.where(following > 0, following - 1, most[:, None])
    return starts, np.where(starts > 0, ends, 0.0)


@dataclass(frozen=True)
class Node:
    """What a node type means for a candidate: how many replicas lie on it and die with it.

    `whole_server` is False for an instance that is a part of a server: no replica spans several of those.
    """

    devices: int
    dead_nodes: int
    whole_server: bool
    link_domain: int

    def holds(self, replica_devices: np.ndarray, tensor_parallel: np.ndarray) -> np.ndarray:
        """Replicas that share a node evenly, or take whole nodes, with tensor parallelism inside the link domain."""
        g = np.maximum(replica_devices, 1)
        inside = (g <= self.devices) & (self.devices % g == 0)
        spanning = self.whole_server & (g > self.devices) & (g % self.devices == 0)
        return (inside | spanning) & (tensor_parallel <= self.link_domain)

    def replicas(self, nodes: float, replica_devices: np.ndarray) -> np.ndarray:
        """Replicas that so many nodes hold."""
        if np.isinf(nodes):
            return np.full(len(replica_devices), np.inf)
        inside = np.floor(self.devices / replica_devices)
        spanned = np.maximum(np.ceil(replica_devices / self.devices), 1)
        return np.where(inside >= 1, nodes * inside, np.floor(nodes / spanned))

    def lost(self, replica_devices: np.ndarray) -> np.ndarray:
        """Replicas that can die with the planned number of nodes."""
        return np.maximum(np.floor(self.devices / replica_devices), 1.0) * self.dead_nodes


def needed_replicas(table: Table, rows: np.ndarray, demand: float, lost: np.ndarray) -> np.ndarray:
    """Replicas beyond which no pool needs to grow: all demand on this pool alone at the least usable load, and a loss.

    A finite first bound for the size bands; `_enough` tightens it once the usable utilisations are known.
    """
    slowest = table.prices.requests_per_s[rows].min(axis=1)
    return np.ceil(demand / (slowest * UTILISATION_STEP)) + lost + 1


def variants(
    scenario: Scenario,
    table: Table,
    time: Latency,
    node: Node,
    rows: np.ndarray,
    most: np.ndarray,
    exact: np.ndarray,
    demand: float,
    closed: bool,
    prune: bool | str,
) -> Variants | None:
    """All worthwhile (candidate, latency class) of a node type, with bands.

    With `closed`, candidates that only a limit of the user's rules out are there too, marked with that limit.
    """
    workload = table.workload
    base_tags = _tags(table, rows)
    if not closed:
        keep = np.array([not tags for tags in base_tags], dtype=bool)
        rows, most, exact = rows[keep], most[keep], exact[keep]
        base_tags = [t for t, k in zip(base_tags, keep, strict=True) if k]
    classes: list[tuple[int, float, tuple[str, ...]]]
    classes = [(k, float(budget), ()) for k, budget in enumerate(time.budgets_s)]
    if closed and workload.ttft is not None:
        classes.append((0, np.inf, (f"ttft {workload.name}",)))
    parts, quickly = [], prune is True and not node.dead_nodes
    for k, budget, extra in classes:
        if budget <= 0 or not rows.size:
            continue
        quick = _quick(table, rows, most, budget) if quickly else np.ones(rows.size, dtype=bool)
        parts.append(
            _at_class(
                table,
                node,
                rows[quick],
                most[quick],
                exact[quick],
                k,
                budget,
                [t + extra for t, q in zip(base_tags, quick, strict=True) if q],
                demand,
            )
        )
    found = _join(parts)
    return found.take(undominated([(table, found)], prune == "each precision")) if prune and found else found


def _tags(table: Table, rows: np.ndarray) -> list[tuple[str, ...]]:
    name = table.workload.name
    return [
        ((f"itl {name}",) if over else ()) + (() if allowed else (f"precisions {name}",))
        for over, allowed in zip(table.over_itl[rows], table.allowed[rows], strict=True)
    ]


def _usable(table: Table, rows: np.ndarray, sizes: np.ndarray, budget_s: float) -> np.ndarray:
    """Usable utilisation of candidates `rows` at pool sizes `sizes` [n, m]; 0 where the size is 0."""
    workload, prices = table.workload, table.prices
    percentile = workload.ttft.percentile if workload.ttft else 99.0
    if not sizes.size:
        return np.zeros(sizes.shape)
    steps = prompt_steps([shape.prompt_tokens for shape in workload.shapes])

    def work_out(some_rows: np.ndarray, lacking: np.ndarray) -> np.ndarray:
        # With an axis for the sizes, what many shapes bring together is worked out once for each candidate.
        some = rows[some_rows, None]
        return usable_utilisation_mix(
            budget_s,
            np.maximum(sizes[some_rows], 1.0),
            table.runs.batch[some],
            prices.prefill_s[some],
            prices.decode_step_s[some],
            prices.decode_steps,
            prices.requests_per_s[some],
            percentile,
            np.where(lacking, workload.max_utilization, 0.0),
            steps,
        )

    common = np.hstack([budget_s, percentile, workload.max_utilization, prices.decode_steps, steps]).astype(float)
    figures = (table.runs.batch[rows, None], prices.prefill_s[rows], prices.decode_step_s[rows])
    out = remembered(
        common.tobytes(), np.hstack([*figures, prices.requests_per_s[rows]]).astype(float), sizes, work_out
    )
    if np.isinf(budget_s):
        # What was measured is kept up with, and nobody asked how long a first token takes.
        out[table.measured.sustained(table.which[rows])] = whole_steps(workload.max_utilization)
    return np.where(sizes > 0, out, 0.0)


def _quick(table: Table, rows: np.ndarray, most: np.ndarray, budget_s: float) -> np.ndarray:
    """Drop rows that another row of the same configuration beats whatever the pool sizes: its rate in the smallest
    pool is not below this one's in the largest. Same chip, degrees and devices, so price and power are the same.
    Not for questions that plan for a node loss: what the loss rows leave is not compared here."""
    alone = _usable(table, rows, np.ones((rows.size, 1)), budget_s)[:, 0]
    large = _usable(table, rows, np.maximum(most, 1.0)[:, None], budget_s)[:, 0]
    rate = table.prices.requests_per_s[rows]
    runs, tags = table.runs, np.array([hash(t) for t in _tags(table, rows)])
    keys = np.stack(
        [table.chip[rows], runs.tensor_parallel[rows], runs.pipeline_parallel[rows], runs.expert_parallel[rows], tags],
        axis=1,
    )
    _, group = np.unique(keys, axis=0, return_inverse=True)
    keep, free = large > 0, never_limited(table, rows)
    for g in range(group.max(initial=-1) + 1):
        mine = np.flatnonzero(group == g)
        able = mine[free[mine]]
        if not able.size:
            continue
        best = able[np.argmax(rate[able].min(axis=1) * alone[able])]
        beaten = (rate[mine] * large[mine, None] <= rate[best] * alone[best]) & (rate[mine] <= rate[best])
        beaten = beaten.all(axis=1)
        beaten[mine == best] = False
        keep[mine[beaten]] = False
    return keep


def _at_class(
    table: Table,
    node: Node,
    rows: np.ndarray,
    most: np.ndarray,
    exact: np.ndarray,
    k: int,
    budget_s: float,
    tags: list[tuple[str, ...]],
    demand: float,
) -> Variants:
    found = in_bands(table, node, rows, most, exact, k, budget_s, tags)
    return trimmed(found, enough(table, found, demand))


def in_bands(
    table: Table,
    node: Node,
    rows: np.ndarray,
    most: np.ndarray,
    exact: np.ndarray,
    k: int,
    budget_s: float,
    tags: list[tuple[str, ...]],
) -> Variants:
    """Candidates `rows` at work for latency class `k`, in every band up to `most` replicas."""
    devices = table.runs.devices[rows]
    lost = node.lost(devices)
    smallest, largest = bands(most, exact)
    utilisation = _usable(table, rows, smallest, budget_s)
    if table.workload.ttft is not None and table.workload.ttft.percentile < LOWEST_TAIL:
        # Only in the tail is a larger pool sure to be no slower (wall 7): a median is judged at both ends of a band.
        utilisation = np.minimum(utilisation, _usable(table, rows, largest, budget_s))
    after = _usable(table, rows, np.maximum(smallest - lost[:, None], 0.0), budget_s)
    after = np.where(largest > lost[:, None], after, 0.0)
    return Variants(rows, np.full(rows.size, k), tags, devices, lost, smallest, largest, utilisation, after)


def enough(table: Table, found: Variants, demand: float) -> np.ndarray:
    """Replicas with which each pool serves so much demand alone, also after a loss; infinite where none do."""
    busy = demand / table.prices.requests_per_s[found.candidate].min(axis=1)
    return _enough(busy, found.lost, found.smallest, found.utilisation, found.after_loss)


def trimmed(found: Variants, most: np.ndarray) -> Variants:
    """The same pools with no more than `most` replicas."""
    smallest = np.where(found.smallest <= most[:, None], found.smallest, 0.0)
    largest = np.where(smallest > 0, np.minimum(found.largest, most[:, None]), 0.0)
    return replace(found, smallest=smallest, largest=largest)


def _enough(busy: np.ndarray, lost: np.ndarray, smallest: np.ndarray, use: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Replicas with which a pool serves all demand alone, `busy` of them at work, also after what a loss takes.

    A tight bound matters: the columns that say whether a band is in use are tied to the counts by it.
    """

    def least(needed: np.ndarray, there: np.ndarray) -> np.ndarray:
        return np.where(there, np.maximum(smallest, np.ceil(needed)), np.inf).min(axis=1)

    b, k = busy[:, None], lost[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        working = least(b / use, (smallest > 0) & (use > 0))
        spared = least((b + k) / use, (smallest > 0) & (use > 0))
        smaller = least(k + b / after, (smallest > 0) & (after > 0))
    return np.where(lost > 0, np.maximum(np.maximum(working, spared), smaller), working)


def _join(parts: list[Variants]) -> Variants | None:
    parts = [part for part in parts if part.candidate.size]
    if not parts:
        return None
    width = max(part.smallest.shape[1] for part in parts)

    def stack(name: str) -> np.ndarray:
        columns = [getattr(part, name) for part in parts]
        if columns[0].ndim > 1:
            columns = [np.pad(column, ((0, 0), (0, width - column.shape[1]))) for column in columns]
        return np.concatenate(columns)

    tags = [tag for part in parts for tag in part.closed_by]
    names = ("devices", "lost", "smallest", "largest", "utilisation", "after_loss")
    stacked: dict[str, Any] = {name: stack(name) for name in names}
    found = Variants(stack("candidate"), stack("latency_class"), tags, **stacked)
    working = np.flatnonzero(found.utilisation.max(axis=1) > 0)
    return found.take(working) if working.size else None
