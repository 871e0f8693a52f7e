"""The waits of a pool of replicas, reduced to six numbers per row, and the search for the load that a limit allows.

`tail_latency` states the equations; this is their machinery: the law of the waits at a utilisation, a test of a limit
that avoids Erlang-C where cheap bounds decide, and a bisection over whole steps of utilisation, vectorised over rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from physics.queueing import FloatArray, erlang_c, erlang_c_ceiling, tail_probability, wait_survivals

UTILISATION_STEP = 0.005
"""Usable utilisations are rounded down to a multiple of this: tidy coefficients in the program, on the safe side."""

PREFILL_BANDS = 4
"""Bands of the prefill share that a pool of many shapes is judged by, one by one; more are slower and less cautious."""

STABLE = 1.0 - 1e-9
"""A prefill server busier than this counts as saturated."""

_STEPS_PER_UNIT = round(1.0 / UTILISATION_STEP)
_CHUNK = 16384  # rows that fit the cache of a core


def whole_steps(utilisation: float) -> float:
    """A utilisation rounded down to a whole step, between 0 and 1.

    >>> whole_steps(0.957), whole_steps(1.0)
    (0.955, 1.0)
    """
    return float(np.floor(np.clip(utilisation, 0.0, 1.0) * _STEPS_PER_UNIT + 1e-9) / _STEPS_PER_UNIT)


@dataclass(frozen=True)
class PoolWaits:
    """What the waits of a pool depend on, per row; all arrays of one shape.

    Attributes:
        servers: c = n b slots [1].
        slot_residual_s: E[h^2] / (2 E[h]) of the holding time h of a slot [s]; h/2 when all requests are alike.
        prefill_busy: rho_p per unit of slot utilisation [1].
        prefill_residual_s: E[S^2] / (2 E[S]) of the prefill service S [s].
        step_s: T, a running step that an arrival finds [s].
        own_s: the request's own prefill and the step it shares [s].
    """

    servers: FloatArray
    slot_residual_s: FloatArray
    prefill_busy: FloatArray
    prefill_residual_s: FloatArray
    step_s: FloatArray
    own_s: FloatArray

    def take(self, rows: np.ndarray | slice) -> PoolWaits:
        """The same pools at the given rows of flat arrays."""
        return PoolWaits(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def means_s(self, utilisation: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean slot wait of those who wait, prefill share rho_p, mean prefill queue of those who queue."""
        slot_room = np.maximum(1.0 - utilisation, 1e-12)
        busy = utilisation * self.prefill_busy
        queue_room = np.maximum(1.0 - busy, 1e-12)
        return self.slot_residual_s / (self.servers * slot_room), busy, self.prefill_residual_s / queue_room


def row_waits(
    replicas: ArrayLike,
    batch: ArrayLike,
    prefill_s: ArrayLike,
    decode_step_s: ArrayLike,
    decode_steps: ArrayLike,
    requests_per_s: ArrayLike,
    queue: tuple[ArrayLike, ArrayLike] | None,
    holding_cv: ArrayLike,
) -> PoolWaits:
    """The pool that serves one shape (or, with `queue` and `holding_cv`, this shape among others)."""
    n, b, prefill, decode, steps, rate, cv = (
        np.asarray(v, float)
        for v in (replicas, batch, prefill_s, decode_step_s, decode_steps, requests_per_s, holding_cv)
    )
    step = np.where(steps > 0, decode, 0.0)
    service = np.where(prefill > 0, prefill + step, 0.0)
    mean, second = (np.asarray(v, float) for v in (queue or (service, service**2)))
    prompt = (prefill > 0) & (mean > 0)
    residual = np.where(prompt, second / (2.0 * np.where(mean > 0, mean, 1.0)), 0.0)
    return PoolWaits(
        servers=n * b,
        slot_residual_s=b / rate * (1.0 + cv**2) / 2.0,
        prefill_busy=np.where(prompt, rate * mean, 0.0),
        prefill_residual_s=residual,
        step_s=step,
        own_s=prefill + step,
    )


def mix_waits(
    replicas: ArrayLike,
    batch: ArrayLike,
    prefill_s: FloatArray,
    decode_step_s: FloatArray,
    decode_steps: FloatArray,
    requests_per_s: FloatArray,
    weights: FloatArray,
) -> PoolWaits:
    """The pool that serves shapes (last axis) by given shares of requests; `own_s` is of the longest prompt."""
    b = np.asarray(batch, float)
    share = weights / weights.sum(axis=-1, keepdims=True)
    decoding = share * decode_steps
    step = (decoding * decode_step_s).sum(axis=-1) / np.maximum(decoding.sum(axis=-1), 1e-300)
    service = np.where(prefill_s > 0, prefill_s + step[..., None], 0.0)
    work = (share * service).sum(axis=-1)
    holding = (share / requests_per_s).sum(axis=-1)  # of one slot in b
    return PoolWaits(
        servers=np.asarray(replicas, float) * b,
        slot_residual_s=b * (share / requests_per_s**2).sum(axis=-1) / (2.0 * holding),
        prefill_busy=work / holding,
        prefill_residual_s=(share * service**2).sum(axis=-1) / (2.0 * np.maximum(work, 1e-300)),
        step_s=step,
        own_s=prefill_s.max(axis=-1) + step,
    )


def worst_mix_waits(
    replicas: ArrayLike,
    batch: ArrayLike,
    prefill_s: FloatArray,
    decode_step_s: FloatArray,
    decode_steps: FloatArray,
    requests_per_s: FloatArray,
) -> list[PoolWaits]:
    """Pools, one per band of the prefill share, of which the worst is no better than any mix of the shapes (last axis).

    The argument is in `tail_latency.usable_utilisation_mix`.
    """
    b = np.asarray(batch, float)
    step = np.where(decode_steps > 0, decode_step_s, 0.0).max(axis=-1)
    service = np.where(prefill_s > 0, prefill_s + step[..., None], 0.0)
    return [
        PoolWaits(
            servers=np.asarray(replicas, float) * b,
            slot_residual_s=b / requests_per_s.min(axis=-1) / 2.0,
            prefill_busy=busy,
            prefill_residual_s=residual,
            step_s=step,
            own_s=prefill_s.max(axis=-1) + step,
        )
        for busy, residual in prefill_bands(requests_per_s * service, service)
    ]


def meets_limit(pool: PoolWaits, slack_s: FloatArray, tail: float, utilisation: FloatArray) -> np.ndarray:
    """Whether P(waits > slack) <= tail; Erlang-C is asked only where 0 and `erlang_c_ceiling` do not decide."""
    slot_mean, busy, queue_mean = pool.means_s(utilisation)
    stable = busy < STABLE
    free, queued = wait_survivals(slack_s, slot_mean, np.minimum(busy, 1.0), queue_mean, pool.step_s)
    # The survival is linear in C, so the limit is a threshold on C itself.
    threshold = (tail - free) / np.maximum(queued - free, 1e-300)
    possible = stable & (free <= tail) & (utilisation < 1.0)
    meets = possible & (threshold >= 1.0)
    open_rows = np.flatnonzero(possible & ~meets)
    load = utilisation[open_rows] * pool.servers[open_rows]
    sure = erlang_c_ceiling(pool.servers[open_rows], load) <= threshold[open_rows]
    meets[open_rows] = sure
    unsure = open_rows[~sure]
    meets[unsure] = erlang_c(pool.servers[unsure], load[~sure]) <= threshold[unsure]
    return np.where(np.isinf(slack_s) & (slack_s > 0), stable, meets)


def usable_steps(pool: PoolWaits, limit_s: FloatArray, tail: float, top: np.ndarray) -> np.ndarray:
    """Largest k <= top with the limit met at u = k/200, by bisection over whole steps: the tail grows with u."""
    with np.errstate(invalid="ignore"):
        slack = limit_s - pool.own_s
    low = np.where(meets_limit(pool, slack, tail, top / _STEPS_PER_UNIT), top, 0)
    idle_ok = meets_limit(pool, slack, tail, np.zeros_like(slack))
    rows = np.flatnonzero((low < top) & idle_ok)
    part, slack = pool.take(rows), slack[rows]
    below, above = np.zeros(rows.size, int), top[rows].copy()  # met at `below`, not met at `above`
    while rows.size and np.any(above - below > 1):
        middle = (below + above) // 2
        good = meets_limit(part, slack, tail, middle / _STEPS_PER_UNIT)
        below, above = np.where(good, middle, below), np.where(good, above, middle)
    low[rows] = below
    return low


def usable_within(pool: PoolWaits, limit_s: ArrayLike, percentile: float, max_utilisation: ArrayLike) -> FloatArray:
    """`usable_steps` over chunks that fit the cache, as utilisations of the broadcast shape."""
    tail = tail_probability(percentile)
    names = pool.__dataclass_fields__
    limit, cap, *fields = np.broadcast_arrays(
        np.asarray(limit_s, float), np.asarray(max_utilisation, float), *(getattr(pool, name) for name in names)
    )
    shape = limit.shape
    flat = PoolWaits(*(field.ravel() for field in fields))
    limit, top = limit.ravel(), np.floor(np.clip(cap.ravel(), 0.0, 1.0) * _STEPS_PER_UNIT + 1e-9).astype(int)
    steps = np.zeros(limit.size, int)
    for start in range(0, limit.size, _CHUNK):
        rows = slice(start, start + _CHUNK)
        steps[rows] = usable_steps(flat.take(rows), limit[rows], tail, top[rows])
    return (steps / _STEPS_PER_UNIT).reshape(shape)


def prefill_bands(busy: FloatArray, service_s: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    """Per band of rho_p, its upper end and the largest E[S^2]/(2 E[S]) of any mix inside the band.

    With w the slot shares of the shapes, rho_p = sum w r and E[S^2]/E[S] = sum w r S / sum w r: on the mixes of a band
    the ratio is linear-fractional, so it is largest at a corner: a pure shape inside, or a pair on an end of the band.
    """
    shapes = busy.shape[-1]
    if shapes == 1:
        return [(busy[..., 0], service_s[..., 0] / 2.0)]
    least, most = busy.min(axis=-1), busy.max(axis=-1)
    bands = []
    for band in range(PREFILL_BANDS):
        ends = [least + (most - least) * k / PREFILL_BANDS for k in (band, band + 1)]
        ends[1] = most if band == PREFILL_BANDS - 1 else ends[1]
        inside = (busy >= ends[0][..., None]) & (busy <= ends[1][..., None])
        largest = np.where(inside, service_s, 0.0).max(axis=-1)
        for end in ends:
            for i in range(shapes):
                for j in range(shapes):
                    low, high = busy[..., i], busy[..., j]
                    spans = (low <= end) & (end <= high) & (low < high) & (end > 0.0)
                    share = np.where(spans, (end - low) / np.where(high > low, high - low, 1.0), 0.0)
                    work = (1.0 - share) * low * service_s[..., i] + share * high * service_s[..., j]
                    largest = np.maximum(largest, np.where(spans, work / np.where(end > 0.0, end, 1.0), 0.0))
        bands.append((ends[1], largest / 2.0))
    return bands
