"""How many requests a replica really runs at a load: fewer than its slots, and then its steps are shorter.

A plan's limits are checked with every slot in use, the slowest that a replica ever is. What its users see at the plan's
own load is a batch that settles where as many requests end as come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from physics.queueing import FloatArray

_NORMAL_P99 = 2.326


@dataclass(frozen=True)
class OperatingPoint:
    """One replica at a load.

    Attributes:
        running: requests that decode at once, k (count).
        prefill_busy: share of time that goes to prefills, rho [1].
        itl_s: mean time between tokens, by shape [s].
        step_s: a decode step on a busy moment (k at about its P99), by shape [s].
        slope: how much longer a step gets with the requests in it, d ln T / d ln k [1].
    """

    running: float
    prefill_busy: float
    itl_s: FloatArray
    step_s: FloatArray
    slope: float


def operating_point(
    requests_per_s: ArrayLike,
    prefill_occupancy_s: ArrayLike,
    decode_steps: ArrayLike,
    step_s: ArrayLike,
    replicas: float = 1.0,
) -> OperatingPoint:
    """Where a replica settles: the least k with ``k (1 - rho) = sum lambda_s d_s T_s(k)``, ``rho = sum lambda_s p_s``.

    Little's law for the requests that decode, whose steps share the time that prefills leave; between whole batches
    T is taken as linear, below one request as T(1). Then ``ITL_s = T_s(k) / (1 - rho)``, which at all slots is wall 4's
    ``t_dec + b t_pre / d``. A busy moment has k + 2.326 sqrt(k / n) + 1 requests: a pool of n replicas is balanced.

    Args:
        requests_per_s: lambda of one replica, by shape, [S] [1/s].
        prefill_occupancy_s: p, what a prompt takes from the replica's time, [S] [s].
        decode_steps: d, [S] (count).
        step_s: T, [b, S], a decode step with 1..b requests [s].
        replicas: n (count).

    >>> point = operating_point([4.0], [0.03], [255], [[0.02]] * 32, 4)
    >>> round(point.running, 3), round(float(point.itl_s[0]), 5)  # 4 x 255 x 0.02 / 0.88
    (23.182, 0.02273)
    """
    rate, prefill, steps, table = (
        np.asarray(v, float) for v in (requests_per_s, prefill_occupancy_s, decode_steps, step_s)
    )
    busy, batch = float((rate * prefill).sum()), len(table)
    work = table @ (rate * steps)
    count = np.arange(1, batch + 1, dtype=float)
    short = count * (1.0 - busy) - work
    enough = np.flatnonzero(short >= 0.0)
    if not enough.size:
        running = float(batch)
    elif enough[0] == 0:
        running = float(work[0] / (1.0 - busy))
    else:
        j = int(enough[0])
        running = float(j - short[j - 1] / (short[j] - short[j - 1]))
    high = min(float(batch), running + _NORMAL_P99 * np.sqrt(running / replicas) + 1.0)
    here, there = (np.array([np.interp(k, count, column) for column in table.T]) for k in (running, high))
    at = float(here @ (rate * steps))
    slope = float((work[-1] - work[0]) / (batch - 1) * running / at) if batch > 1 and at > 0.0 else 0.0
    return OperatingPoint(running, busy, here / (1.0 - busy), there, slope)
