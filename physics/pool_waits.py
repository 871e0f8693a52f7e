"""The waits of a pool of replicas, reduced to a few numbers per row, and the search for the load that a limit allows.

`tail_latency` states the equations; this is their machinery: the laws of the waits at a utilisation, a test of a limit
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

# Calibrated against the simulator over pools of 1 to 30 replicas (benchmarks/first_token.py); see `tail_latency`.
SLOT_SHARE_MARGIN = 2.0
TURN_MARGIN = 1.25
MEETING_LOAD = 0.30
MEETING_POWER = 3.0
CROWDING_POWER = 4.0
MOST_SPREAD = 8.0

_STEPS_PER_UNIT = round(1.0 / UTILISATION_STEP)
_CHUNK = 16384  # rows that fit the cache of a core
_MOST_SLOPE = 0.95


@dataclass(frozen=True)
class Law:
    """The wait of a request that has a slot: ``shift + [Exp(mean) with a probability] + U(0, step)``, times in s."""

    shift_s: FloatArray
    queue_share: FloatArray
    queue_mean_s: FloatArray
    step_s: FloatArray


Mix = tuple[tuple[FloatArray, Law], ...]
"""Laws with the probability of each."""


@dataclass(frozen=True)
class PoolWaits:
    """What the waits of a pool depend on, per row; all arrays of one shape.

    Attributes:
        replicas: n, over which requests are balanced [1].
        servers: c = n b slots [1].
        slot_residual_s: E[h^2] / (2 E[h]) of the holding time h of a slot [s]; h/2 when all requests are alike.
        slots_used: slots in use per unit of utilisation, over b [1]; 1 where every step counts as that of a full batch.
        slope: how much longer a step gets with the requests in it, d ln T / d ln k [1]; 0 with a full batch's step.
        prefill_busy: share of time that goes to prefills, rho, per unit of utilisation [1].
        prefill_size_s: E[p^2] / E[p] of the prefill time p [s].
        turn_busy: the same share with the part of a decode step that a prompt's tokens need, per unit [1].
        turn_residual_s: E[s^2] / (2 E[s]) of that time s [s].
        meeting_busy: chance per unit of utilisation that a replica is in a step with a prefill [1].
        step_s: T, a decode step [s].
        own_s: the request's own prefill and the steps it shares [s].
    """

    replicas: FloatArray
    servers: FloatArray
    slot_residual_s: FloatArray
    slots_used: FloatArray
    slope: FloatArray
    prefill_busy: FloatArray
    prefill_size_s: FloatArray
    turn_busy: FloatArray
    turn_residual_s: FloatArray
    meeting_busy: FloatArray
    step_s: FloatArray
    own_s: FloatArray

    def take(self, rows: np.ndarray | slice) -> PoolWaits:
        """The same pools at the given rows of flat arrays."""
        return PoolWaits(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def stable(self, utilisation: FloatArray) -> np.ndarray:
        """Whether the prefills are kept up with."""
        return np.asarray(utilisation * self.turn_busy < STABLE)

    def laws(self, utilisation: FloatArray, tail: float) -> tuple[Mix, Mix]:
        """The law of steps that everybody shares, and that of turns (met or not); the later of the two counts.

        Of a mean and a variance the first makes a law that is right at the probability `tail`, and there never better
        for a larger variance: its parts meet where the deviation is the mean. (Of 20,000 drawn pools none was more than
        0.08 % slower at P95 with one more replica.)
        """
        spread = 1.0 / np.minimum(self.replicas, MOST_SPREAD)
        busy = np.minimum(utilisation * self.prefill_busy, STABLE)
        step = self.step_s / (1.0 - busy)
        ripple = spread * busy * self.prefill_size_s / (1.0 - busy**2)
        found = step + ripple
        others = busy * found
        variance = spread * busy * self.prefill_size_s * found + (0.5 + busy) ** 2 * ripple * found
        deviation = np.sqrt(variance)
        narrow, some = deviation < others, others > 0.0
        scarce = np.where(some, others, 1.0)
        mean = np.where(narrow, deviation, np.where(some, (variance + others**2) / (2.0 * scarce), 0.0))
        size = np.where(some, self.prefill_size_s, 1.0)
        rare = np.maximum(others / np.where(mean > 0.0, mean, 1.0), np.e * tail)
        share = np.minimum(np.where(narrow, 1.0, rare), np.minimum(others / size, 1.0))
        shift = np.maximum(others - deviation / 2.0, 0.0)
        together = Law(shift, share, mean, found)

        turns = np.minimum(utilisation * self.turn_busy, STABLE)
        meeting = np.minimum(utilisation * self.meeting_busy, 1.0)
        missed = np.minimum(meeting / MEETING_LOAD, 1.0) ** np.minimum(self.replicas - 1.0, MEETING_POWER)
        meets = np.minimum(np.maximum(meeting, turns), 1.0) * missed
        behind = turns * (spread + (1.0 - spread) * turns**CROWDING_POWER)
        rest = TURN_MARGIN * self.turn_residual_s * (1.0 + spread * turns / (1.0 - turns))
        zero = np.zeros_like(rest)
        in_turn = Law(zero, behind, rest, self.prefill_size_s + self.step_s)
        calm = Law(zero, zero, zero, self.step_s + zero)
        return ((np.ones_like(rest), together),), ((meets, in_turn), (1.0 - meets, calm))

    def slot_servers(self, utilisation: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Servers and offered load of the Erlang-C that speaks for the slots (Hayward's equivalent system)."""
        servers = np.maximum(self.servers / self._peakedness(utilisation), 1.0)
        return servers, np.minimum(utilisation * self.slots_used, STABLE) * servers

    def slot_share(self, utilisation: FloatArray) -> FloatArray:
        """Probability that a request waits for a slot."""
        return np.minimum(SLOT_SHARE_MARGIN * erlang_c(*self.slot_servers(utilisation)), 1.0)

    def slot_mean_s(self, utilisation: FloatArray) -> FloatArray:
        """Mean wait for a slot of those who wait [s]; a balanced replica's next slot is its own, not the pool's."""
        room = np.maximum(1.0 - utilisation, 1e-12)
        own = self.replicas - 1.0
        return self.slot_residual_s / self.servers * (np.sqrt(self._peakedness(utilisation)) / room + own)

    def _peakedness(self, utilisation: FloatArray) -> FloatArray:
        """Variance over mean of the slots in use: each prefill holds up the others, and a fuller batch steps slower."""
        idle = 1.0 - np.minimum(utilisation * self.prefill_busy, STABLE)
        return 1.0 / (idle**2 * (1.0 - np.minimum(self.slope, _MOST_SLOPE)))


def row_waits(
    replicas: ArrayLike,
    batch: ArrayLike,
    prefill_s: ArrayLike,
    decode_step_s: ArrayLike,
    decode_steps: ArrayLike,
    requests_per_s: ArrayLike,
    prompt_steps: ArrayLike = 0.0,
) -> PoolWaits:
    """The pool that serves one shape."""
    columns = (np.asarray(v, float)[..., None] for v in (prefill_s, decode_step_s, decode_steps, requests_per_s))
    prefill, decode, steps, rate = columns
    return mix_waits(
        replicas, batch, prefill, decode, steps, rate, np.ones(1), np.asarray(prompt_steps, float)[..., None]
    )


def mix_waits(
    replicas: ArrayLike,
    batch: ArrayLike,
    prefill_s: FloatArray,
    decode_step_s: FloatArray,
    decode_steps: FloatArray,
    requests_per_s: FloatArray,
    weights: FloatArray,
    prompt_steps: FloatArray,
    slots_used: ArrayLike = 1.0,
    slope: ArrayLike = 0.0,
) -> PoolWaits:
    """The pool that serves shapes (last axis) by given shares of requests; `own_s` is of the longest prompt."""
    b, n = np.asarray(batch, float), np.asarray(replicas, float)
    share = weights / weights.sum(axis=-1, keepdims=True)
    decoding = share * decode_steps
    step = (decoding * decode_step_s).sum(axis=-1) / np.maximum(decoding.sum(axis=-1), 1e-300)
    turn, own = turn_s(prefill_s, step[..., None], prompt_steps), own_s(prefill_s, step[..., None], prompt_steps)
    holding = (share / requests_per_s).sum(axis=-1)  # of one slot in b
    work, turns = (share * prefill_s).sum(axis=-1), (share * turn).sum(axis=-1)
    meeting = (share * np.where(prefill_s > 0, prefill_s + step[..., None], 0.0)).sum(axis=-1)
    return PoolWaits(
        replicas=n,
        servers=n * b,
        slot_residual_s=b * (share / requests_per_s**2).sum(axis=-1) / (2.0 * holding) * slots_used,
        slots_used=np.asarray(slots_used, float),
        slope=np.asarray(slope, float),
        prefill_busy=work / holding,
        prefill_size_s=(share * prefill_s**2).sum(axis=-1) / np.maximum(work, 1e-300),
        turn_busy=turns / holding,
        turn_residual_s=(share * turn**2).sum(axis=-1) / (2.0 * np.maximum(turns, 1e-300)),
        meeting_busy=meeting / holding,
        step_s=step,
        own_s=own.max(axis=-1),
    )


def worst_mix_waits(
    replicas: ArrayLike,
    batch: ArrayLike,
    prefill_s: FloatArray,
    decode_step_s: FloatArray,
    decode_steps: FloatArray,
    requests_per_s: FloatArray,
    prompt_steps: FloatArray,
) -> list[PoolWaits]:
    """Pools, one per band of the prefill share, of which the worst is no better than any mix of the shapes (last axis).

    The argument is in `tail_latency.usable_utilisation_mix`.
    """
    b, n = np.asarray(batch, float), np.asarray(replicas, float)
    step = np.where(decode_steps > 0, decode_step_s, 0.0).max(axis=-1)
    turn, own = turn_s(prefill_s, step[..., None], prompt_steps), own_s(prefill_s, step[..., None], prompt_steps)
    prompted = prefill_s > 0
    ratio = np.where(prompted, prefill_s / np.where(prompted, turn, 1.0), 0.0)
    most = ratio.max(axis=-1)
    least = np.where(prompted, ratio, 1.0).min(axis=-1)
    busiest = (requests_per_s * prefill_s).max(axis=-1)
    arrivals = np.where(prompted, requests_per_s, 0.0).max(axis=-1)
    worst = []
    for busy, residual in prefill_bands(requests_per_s * turn, turn):
        prefills = np.minimum(busy * most, busiest)
        worst.append(
            PoolWaits(
                replicas=n,
                servers=n * b,
                slot_residual_s=b / requests_per_s.min(axis=-1) / 2.0,
                slots_used=np.ones_like(step),
                slope=np.zeros_like(step),
                prefill_busy=prefills,
                prefill_size_s=2.0 * residual * most**2 / least,
                turn_busy=busy,
                turn_residual_s=residual,
                meeting_busy=prefills + arrivals * step,
                step_s=step,
                own_s=own.max(axis=-1),
            )
        )
    return worst


def turn_s(prefill_s: FloatArray, step_s: FloatArray, prompt_steps: FloatArray) -> FloatArray:
    """What a prompt takes when prompts queue: its prefill and its share of the steps whose token budget it uses [s]."""
    return np.where(prefill_s > 0, prefill_s + step_s * prompt_steps, 0.0)


def own_s(prefill_s: FloatArray, step_s: FloatArray, prompt_steps: FloatArray) -> FloatArray:
    """Own prefill and the decode steps that it shares [s]: as many as the chunks of the prompt, at least one."""
    return prefill_s + step_s * np.maximum(np.ceil(prompt_steps - 1e-9), 1.0)


def mix_survivals(x_s: FloatArray, slot_mean_s: FloatArray, mix: Mix) -> tuple[FloatArray, FloatArray]:
    """P(wait > x) of a request that finds a free slot, and of one that must wait for one; see `wait_survivals`."""
    free, queued = np.zeros_like(x_s), np.zeros_like(x_s)
    for share, law in mix:
        parts = wait_survivals(x_s - law.shift_s, slot_mean_s, law.queue_share, law.queue_mean_s, law.step_s)
        free, queued = free + share * parts[0], queued + share * parts[1]
    return free, queued


def meets_limit(pool: PoolWaits, slack_s: FloatArray, tail: float, utilisation: FloatArray) -> np.ndarray:
    """Whether P(waits > slack) <= tail; Erlang-C is asked only where 0 and `erlang_c_ceiling` do not decide."""
    stable, slot_mean = pool.stable(utilisation), pool.slot_mean_s(utilisation)
    possible, threshold = stable & (utilisation < 1.0), np.full(np.shape(slack_s), np.inf)
    for mix in pool.laws(utilisation, tail):
        free, queued = mix_survivals(slack_s, slot_mean, mix)
        # The survival is linear in the share that waits for a slot, so the limit is a threshold on that share.
        threshold = np.minimum(threshold, (tail - free) / np.maximum(queued - free, 1e-300))
        possible &= free <= tail
    meets = possible & (threshold >= 1.0)
    open_rows = np.flatnonzero(possible & ~meets)
    servers, load = (values[open_rows] for values in pool.slot_servers(utilisation))
    allowed = threshold[open_rows] / SLOT_SHARE_MARGIN
    sure = erlang_c_ceiling(servers, load) <= allowed
    meets[open_rows] = sure
    unsure = open_rows[~sure]
    meets[unsure] = erlang_c(servers[~sure], load[~sure]) <= allowed[~sure]
    return np.where(np.isinf(slack_s) & (slack_s > 0), stable, meets)


def usable_steps(pool: PoolWaits, limit_s: FloatArray, tail: float, top: np.ndarray) -> np.ndarray:
    """Largest k <= top with the limit met at u = k/200, by bisection over whole steps: the tail grows with u."""
    if np.isposinf(limit_s).all():
        return _stable_steps(pool, top)
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


def _stable_steps(pool: PoolWaits, top: np.ndarray) -> np.ndarray:
    """Largest k <= top at which the prefills are kept up with: all that counts where no first token is awaited."""
    room = STABLE * _STEPS_PER_UNIT / np.maximum(pool.turn_busy, 1e-300)
    steps = np.minimum(top, np.ceil(np.minimum(room, _STEPS_PER_UNIT)).astype(int))
    return np.where(pool.stable(steps / _STEPS_PER_UNIT), steps, np.maximum(steps - 1, 0))


def whole_steps(utilisation: float) -> float:
    """A utilisation rounded down to a whole step, between 0 and 1.

    >>> whole_steps(0.957), whole_steps(1.0)
    (0.955, 1.0)
    """
    return float(np.floor(np.clip(utilisation, 0.0, 1.0) * _STEPS_PER_UNIT + 1e-9) / _STEPS_PER_UNIT)


def usable_within(pool: PoolWaits, limit_s: ArrayLike, percentile: float, max_utilisation: ArrayLike) -> FloatArray:
    """`usable_steps` over chunks that fit the cache, as utilisations of the broadcast shape; a cap of 0 is free."""
    tail = tail_probability(percentile)
    names = pool.__dataclass_fields__
    limit, cap, *fields = np.broadcast_arrays(
        np.asarray(limit_s, float), np.asarray(max_utilisation, float), *(getattr(pool, name) for name in names)
    )
    shape = limit.shape
    flat = PoolWaits(*(field.ravel() for field in fields))
    limit, top = limit.ravel(), np.floor(np.clip(cap.ravel(), 0.0, 1.0) * _STEPS_PER_UNIT + 1e-9).astype(int)
    steps, asked = np.zeros(limit.size, int), np.flatnonzero(top)
    for start in range(0, asked.size, _CHUNK):
        rows = asked[start : start + _CHUNK]
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
