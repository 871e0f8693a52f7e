"""What a mix of request shapes asks of a pool beside its rates: ITL over the mix, and room for its KV."""

from __future__ import annotations

import numpy as np

from optimizer.candidates import Table, itl_limit_s
from physics.batching import MIXED_KV_SHARE


def never_limited(table: Table, rows: np.ndarray) -> np.ndarray:
    """Rows that the ITL limit and the room for KV leave alone whatever the mix: every shape by itself keeps both."""
    if len(table.workload.shapes) == 1:
        return np.ones(rows.size, dtype=bool)
    prices = table.prices
    held = (table.runs.batch[:, None] * prices.kv_bytes_per_request)[rows].max(axis=1)
    room = MIXED_KV_SHARE * prices.kv_capacity_bytes[rows]
    return np.asarray((table.itl_s[rows] <= itl_limit_s(table.workload)).all(axis=1) & (held <= room))


def mixes_as_well(table: Table, one: int, others: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Whether `copies` of a candidate keep ITL and KV at every mix at which one of the others keeps them.

    They do where nothing limits the candidate; else where each shape has no worse ITL and takes no more of the room.
    """
    if never_limited(table, np.array([one]))[0]:
        return np.ones(others.size, dtype=bool)
    prices, runs = table.prices, table.runs
    itl = (table.itl_s[one][None, :] <= table.itl_s[others]).all(axis=1)
    held = runs.batch[:, None] / prices.requests_per_s * prices.kv_bytes_per_request
    room = np.maximum(copies, 1.0)[:, None] * prices.kv_capacity_bytes[one]
    shares = held[one][None, :] * prices.kv_capacity_bytes[others, None] <= held[others] * room
    return itl & np.asarray(shares.all(axis=1))
