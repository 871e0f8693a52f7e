"""Tables of pools and of their size bands."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from optimizer.pools import Variants
from optimizer.tables import PoolGroup, Question
from physics.layout import Bands, Pools


def pool_tables(question: Question, offer_names: tuple[str, ...]) -> tuple[Pools, Bands]:
    """Pools of all groups, one after the other, and the size bands of each."""
    shapes = max(len(work.shapes) for work in question.workloads)
    timed_slots = len(question.scenario.slots) if len(question.scenario.slots) > 1 else 0
    pools, bands, count = [], [np.zeros((0, 7))], 0
    for group in question.groups:
        timed = any(question.offers.hires[h].timed for h in group.hires)
        bands.append(
            _band_rows(group.variants, count, timed_slots if timed else 0, question.scenario.failures.node is not None)
        )
        pools.append(_pools_of(question, group, offer_names, shapes))
        count += group.variants.candidate.size
    table = np.concatenate(bands)
    return _joined(pools, shapes), Bands(
        pool=table[:, 0].astype(np.intp),
        slot=table[:, 1].astype(np.intp),
        smallest=table[:, 2],
        largest=table[:, 3],
        utilisation=table[:, 4],
        utilisation_after_loss=table[:, 5],
        count_col=np.zeros(len(table), dtype=np.intp),
        chosen_col=np.where(table[:, 6] > 0, 0, -1).astype(np.intp),
    )


def _pools_of(question: Question, group: PoolGroup, offer_names: tuple[str, ...], shapes: int) -> Pools:
    """Pools of one group, with shape columns padded to `shapes`."""
    priced, found = question.tables[group.workload], group.variants
    hire, row = question.offers.hires[group.hires[0]], found.candidate
    count, prices = row.size, priced.prices

    def padded(column: np.ndarray) -> np.ndarray:
        return np.pad(column[row], ((0, 0), (0, shapes - column.shape[1])), constant_values=np.nan)

    return Pools(
        workload=np.full(count, group.workload, dtype=np.intp),
        region=np.full(count, group.region, dtype=np.intp),
        offer=np.full(count, offer_names.index(group.offer), dtype=np.intp),
        candidate=row.astype(np.intp),
        latency_class=found.latency_class.astype(np.intp),
        devices=found.devices,
        lost_replicas=found.lost,
        requests_per_s=padded(prices.requests_per_s),
        itl_s=padded(priced.itl_s),
        kv_bytes=padded(prices.kv_bytes_per_request),
        kv_capacity_bytes=prices.kv_capacity_bytes[row],
        batch=priced.runs.batch[row],
        load_w_per_replica=found.devices * hire.load_w / hire.devices,
        spot=np.full(count, hire.procurement == "spot"),
        availability=np.full(count, hire.availability),
        closed_by=found.closed_by,
    )


def _joined(parts: list[Pools], shapes: int) -> Pools:
    """All pools as one table; empty columns where there is none."""
    columns: dict[str, Any] = {}
    for column in fields(Pools):
        mine = [getattr(part, column.name) for part in parts]
        if column.name == "closed_by":
            columns[column.name] = [tags for part in mine for tags in part]
        elif mine:
            columns[column.name] = np.concatenate(mine)
        else:
            wide = column.name in ("requests_per_s", "itl_s", "kv_bytes")
            whole = column.name in ("workload", "region", "offer", "candidate", "latency_class")
            kind = bool if column.name == "spot" else np.intp if whole else float
            columns[column.name] = np.zeros((0, shapes) if wide else 0, dtype=kind)
    return Pools(**columns)


def _band_rows(found: Variants, first_pool: int, timed_slots: int, losses: bool) -> np.ndarray:
    """[rows, 7] pool, slot, smallest, largest, utilisation, after loss, needs a binary. Equal neighbours are joined."""
    rows: list[tuple[float, ...]] = []
    for number in range(found.candidate.size):
        merged_bands: list[list[float]] = []
        for b in range(found.smallest.shape[1]):
            low, high = found.smallest[number, b], found.largest[number, b]
            use, after = found.utilisation[number, b], found.after_loss[number, b] if losses else 0.0
            if low <= 0 or (use <= 0 and not found.joined):
                continue
            last = merged_bands[-1] if merged_bands and not found.joined else None
            if last and last[2] == use and last[3] == after and last[1] == low - 1:
                last[1] = high
            else:
                merged_bands.append([low, high, use, after])
        binary = losses or len(merged_bands) > 1 or merged_bands[0][0] > 1
        for t in range(timed_slots) if timed_slots else (-1,):
            rows += [
                (first_pool + number, t, low, high, use, after, float(binary)) for low, high, use, after in merged_bands
            ]
    return np.array(rows)


def pool_names(question: Question) -> list[str]:
    names = []
    for group in question.groups:
        region, priced = list(question.scenario.regions)[group.region], question.tables[group.workload]
        for row, k, closed in zip(
            group.variants.candidate, group.variants.latency_class, group.variants.closed_by, strict=True
        ):
            suffix = f" (beyond {', '.join(closed)})" if closed else ""
            names.append(f"{priced.workload.name}/{region}/{group.offer}/{priced.describe(row)}/class {k}{suffix}")
    return names
