"""Wall 7, tail latency: how full a pool may run before its slowest percent of users waits too long.

The plain equation (Erlang-C) is kept beside the form a fleet needs, in which the time to the first token (TTFT) is a
sum of waits and the limit is on a quantile of that sum. Symbols: n replicas of a pool, b concurrent requests (slots)
of a replica, t_pre prefill of one prompt, t_dec one decode step, d decode steps of a request, mu requests per second
of a full replica, u slot utilisation (load / (mu n)), rho_p share of time the prefill server is busy. The network is
not in here: the caller takes the round trip off the limit. Percentiles are in percent (50, 99), times in seconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from physics.layout import Layout, RowBuilder
from physics.pool_waits import STABLE, mix_waits, row_waits, usable_within, worst_mix_waits
from physics.pool_waits import UTILISATION_STEP as UTILISATION_STEP
from physics.queueing import FloatArray, erlang_c, tail_probability, wait_quantile_s, wait_survival
from physics.shared_rows import closed_rows
from physics.size_bands import size_band_rows
from physics.wall import Block, Wall

_SLO_SERVICES = 5.0  # the plain form's threshold of a wait, in mean service times
_NORMAL_P99 = 2.326  # standard normal quantile at 99 %


# ---- the plain equation -------------------------------------------------------------------------------------------


def plain_utilisation(arrivals_per_s: ArrayLike, service_s: ArrayLike, servers: ArrayLike) -> FloatArray:
    """Share of time a server is busy: ``rho = lambda T / c``. Stable below 1.

    Args:
        arrivals_per_s: lambda [1/s].
        service_s: T, mean service time [s].
        servers: c [1].

    >>> float(plain_utilisation(90, 0.1, 10))
    0.9
    """
    return np.asarray(arrivals_per_s, float) * np.asarray(service_s, float) / np.asarray(servers, float)


def plain_wait_quantile_s(
    arrivals_per_s: ArrayLike, service_s: ArrayLike, servers: ArrayLike, percentile: float, service_cv: ArrayLike = 1.0
) -> FloatArray:
    """Quantile of the wait in M/G/c: ``max(0, ln(C/p)) / (c/T - lambda) * (1 + cv^2)/2`` with p = 1 - percentile/100.

    Args:
        arrivals_per_s: lambda [1/s].
        service_s: T, mean service time [s].
        servers: c [1].
        percentile: 50, 99 ... [percent].
        service_cv: standard deviation of the service time over its mean [1]; 1 is exponential, 0 fixed.

    Holds below saturation; infinite at or above it. Reference: Kingman (1961) for the factor (1 + cv^2)/2.

    >>> round(float(plain_wait_quantile_s(90, 0.1, 10, 99)), 6)
    0.42028
    """
    rate, service, c, cv = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (arrivals_per_s, service_s, servers, service_cv))
    )
    spare = c / service - rate
    waiting = erlang_c(c, rate * service)
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = np.maximum(np.log(waiting / tail_probability(percentile)), 0.0) / spare * (1.0 + cv**2) / 2.0
    return np.where(spare > 0.0, tail, np.inf)


def plain_latency_quantile_s(
    arrivals_per_s: ArrayLike, service_s: ArrayLike, servers: ArrayLike, percentile: float, service_cv: ArrayLike = 1.0
) -> FloatArray:
    """Mean service time plus the quantile of the wait: wall 7's plain equation. Arguments: `plain_wait_quantile_s`.

    >>> [round(float(plain_latency_quantile_s(90, 0.1, 10, p)), 5) for p in (50, 99)]
    [0.12908, 0.52028]
    """
    wait = plain_wait_quantile_s(arrivals_per_s, service_s, servers, percentile, service_cv)
    return np.asarray(service_s, float) + wait


def plain_headroom_ratio(
    arrivals_per_s: ArrayLike, service_s: ArrayLike, servers: ArrayLike, service_cv: ArrayLike = 1.0
) -> FloatArray:
    """P99 wait over five mean service times; above 1 the tail is out of hand. Arguments: `plain_wait_quantile_s`.

    >>> round(float(plain_headroom_ratio(90, 0.1, 10)), 5)
    0.84056
    """
    wait = plain_wait_quantile_s(arrivals_per_s, service_s, servers, 99.0, service_cv)
    return wait / (_SLO_SERVICES * np.asarray(service_s, float))


# ---- the fleet form -----------------------------------------------------------------------------------------------


def ttft_quantile_s(
    utilisation: ArrayLike,
    replicas: ArrayLike,
    batch: ArrayLike,
    prefill_s: ArrayLike,
    decode_step_s: ArrayLike,
    decode_steps: ArrayLike,
    requests_per_s: ArrayLike,
    percentile: float,
    queue: tuple[ArrayLike, ArrayLike] | None = None,
    holding_cv: ArrayLike = 0.0,
) -> FloatArray:
    """Quantile of the time to the first token in a pool, network excluded.

    ``TTFT = slot wait + prefill queue + rest of the running step + t_pre + t_dec``; the quantile is of the sum.
    Slot wait: 0 with probability 1 - C, else exponential with mean ``h/(c (1 - u)) (1 + cv^2)/2``, where C is Erlang-C
    of c = n b slots at load u c and h = b/mu is how long a request holds its slot. Prefill queue: M/G/1 per replica at
    u mu arrivals per second with service t_pre + t_dec (a prefill shares its step): 0 with probability 1 - rho_p, else
    exponential with mean W/rho_p. The running step is uniform on 0..t_dec. A shape without a prompt has no prefill
    and no prefill queue; without decode steps (d = 0) nothing else runs and t_dec counts as 0.

    Args:
        utilisation: u, slot utilisation [1].
        replicas: n [1].
        batch: b, slots of a replica [1].
        prefill_s: t_pre [s]; 0 = no prompt.
        decode_step_s: t_dec [s].
        decode_steps: d [1].
        requests_per_s: mu, rate of one full replica, b/(d t_dec + b t_pre) [1/s].
        percentile: 50, 99 ... [percent].
        queue: mean [s] and second moment [s^2] of the prefill service where other shapes share the pool, per arrival
            at u mu a second; of this row alone if absent.
        holding_cv: coefficient of variation of the holding time [1]; 0 when all requests are alike.

    Returns:
        Seconds, infinite where the pool is not stable. The waits are taken as independent. Against a step-by-step
        simulation of one replica at loads of 0.5 to 0.9, P99 is within 25 % (high by up to 18 % at low loads, low by
        4-24 % at high ones), except at the knee where slots just begin to run out: there it is up to 40 % low, which
        as a load is 0.045 too much at most.

    >>> round(float(ttft_quantile_s(0.8, 4, 32, 0.03, 0.02, 255, 5.28, 99)), 3)
    0.172
    """
    u = np.asarray(utilisation, float)
    pool = row_waits(replicas, batch, prefill_s, decode_step_s, decode_steps, requests_per_s, queue, holding_cv)
    slot_mean, busy, queue_mean = pool.means_s(u)
    waiting = erlang_c(pool.servers, u * pool.servers)
    wait = wait_quantile_s(percentile, waiting, slot_mean, busy, queue_mean, pool.step_s)
    return np.where((u < 1.0) & (busy < STABLE), wait + pool.own_s, np.inf)


def ttft_mean_s(
    utilisation: ArrayLike,
    replicas: ArrayLike,
    batch: ArrayLike,
    prefill_s: ArrayLike,
    decode_step_s: ArrayLike,
    decode_steps: ArrayLike,
    requests_per_s: ArrayLike,
    queue: tuple[ArrayLike, ArrayLike] | None = None,
    holding_cv: ArrayLike = 0.0,
) -> FloatArray:
    """Mean time to the first token, network excluded: the sum of the means. Arguments: `ttft_quantile_s`.

    >>> round(float(ttft_mean_s(0.0, 4, 32, 0.03, 0.02, 255, 5.28)), 3)  # idle: half a step, then prefill and its step
    0.06
    """
    u = np.asarray(utilisation, float)
    pool = row_waits(replicas, batch, prefill_s, decode_step_s, decode_steps, requests_per_s, queue, holding_cv)
    slot_mean, busy, queue_mean = pool.means_s(u)
    total = erlang_c(pool.servers, u * pool.servers) * slot_mean + busy * queue_mean + pool.step_s / 2.0 + pool.own_s
    return np.where((u < 1.0) & (busy < STABLE), total, np.inf)


# ---- how full a pool may run --------------------------------------------------------------------------------------


def usable_utilisation(
    limit_s: ArrayLike,
    replicas: ArrayLike,
    batch: ArrayLike,
    prefill_s: ArrayLike,
    decode_step_s: ArrayLike,
    decode_steps: ArrayLike,
    requests_per_s: ArrayLike,
    percentile: float,
    max_utilisation: ArrayLike,
    holding_cv: ArrayLike = 0.0,
) -> FloatArray:
    """Largest slot utilisation at which the TTFT quantile is within the limit, rounded down to `UTILISATION_STEP`.

    Args:
        limit_s: limit of the TTFT quantile less the round trip [s]; infinite = only stability and the cap count.
        max_utilisation: cap of the answer [1].
        replicas, batch, prefill_s, decode_step_s, decode_steps, requests_per_s, percentile, holding_cv: as in
            `ttft_quantile_s`. All arrays broadcast: rows in shape (rows, 1) against pool sizes in shape (sizes,).

    Returns:
        Utilisation [1]; 0 where even an idle pool misses the limit. Always short of saturating the prefill server.

    >>> [float(u) for u in usable_utilisation(0.5, [1, 2, 8], 32, 0.03, 0.02, 255, 5.28, 99, 0.95)]
    [0.7, 0.8, 0.925]
    """
    pool = row_waits(replicas, batch, prefill_s, decode_step_s, decode_steps, requests_per_s, None, holding_cv)
    return usable_within(pool, limit_s, percentile, max_utilisation)


def usable_utilisation_mix(
    limit_s: ArrayLike,
    replicas: ArrayLike,
    batch: ArrayLike,
    prefill_s: ArrayLike,
    decode_step_s: ArrayLike,
    decode_steps: ArrayLike,
    requests_per_s: ArrayLike,
    percentile: float,
    max_utilisation: ArrayLike,
) -> FloatArray:
    """Usable utilisation of a pool that may serve any mix of shapes: safe for every mix, exact for one shape.

    Why it is safe. Let u be the slot utilisation and w the shares of busy slots held by each shape.
    (1) C depends on u alone. Of those who wait for a slot the mean wait is E[h^2]/(2 E[h])/(c (1 - u)), and
    E[h^2]/E[h] <= max h, reached by the pure shape that holds its slot longest. (The bound of cv^2 on [h_min, h_max],
    (h_max - h_min)^2/(4 h_max h_min), is reached by another mix than the longest mean: using both would count twice.)
    (2) The mean wait W of the prefill queue is linear-fractional in w, so it is largest at a pure shape. The tail is
    not: a mix can join the frequent prefills of one shape with the long ones of another. But
    P(queue > t) = rho_p exp(-t (1 - rho_p)/R), R = E[S^2]/(2 E[S]), grows with rho_p and with R; so for each of
    `PREFILL_BANDS` bands of rho_p the band's upper end and the largest R of its mixes bound every mix in it.
    (3) Every step is at most the longest t_dec, every own prefill at most the longest t_pre; the quantile over all
    requests is at most the largest of the shapes' quantiles.
    So the limit holds for the requests of each shape by itself, and then over all requests. Measured against the least
    usable utilisation of the pure shapes (not safe: some mixes then miss the limit by 14 %), this costs 1-4 % on
    average where the limit is 3-10 times the longest prefill, 9 % at 1.3 times, and most of the pool where a long
    prompt must pass among many short ones with little to spare.

    Args:
        limit_s, replicas, batch, percentile, max_utilisation: as in `usable_utilisation`.
        prefill_s, decode_step_s, decode_steps, requests_per_s: as there, with one more axis, the last, over shapes.

    Returns:
        Utilisation [1], of the shape of the other arguments broadcast with all axes but the last of these.

    >>> float(usable_utilisation_mix(0.5, 2, 32, [0.03], [0.02], [255], [5.28], 99, 0.95))
    0.8
    """
    prefill, decode, steps, rate = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (prefill_s, decode_step_s, decode_steps, requests_per_s))
    )
    worst = worst_mix_waits(replicas, batch, prefill, decode, steps, rate)
    answer = np.asarray(max_utilisation, float)
    for pool in reversed(worst):  # the busiest band first: what it allows caps the rest, which then mostly pass at once
        answer = usable_within(pool, limit_s, percentile, answer)
    return answer


def ttft_mix_quantile_s(
    utilisation: ArrayLike,
    replicas: ArrayLike,
    batch: ArrayLike,
    prefill_s: ArrayLike,
    decode_step_s: ArrayLike,
    decode_steps: ArrayLike,
    requests_per_s: ArrayLike,
    weights: ArrayLike,
    percentile: float,
) -> FloatArray:
    """TTFT quantile over all requests of a pool at an actual mix of shapes, network excluded: a report's figure.

    The shapes share the waits (slot wait with the holding time's moments over the mix, prefill queue with the prompts'
    service moments, a running step that is the mean over decode steps); each adds its own prefill and that step. The
    survival function over requests is the weighted mean of the shapes'; bisection gives its quantile.

    Args:
        weights: share of requests of each shape [1], last axis; normalised here.
        prefill_s, decode_step_s, decode_steps, requests_per_s: as in `ttft_quantile_s`, with a last axis over shapes.
        utilisation, replicas, batch, percentile: as in `ttft_quantile_s`.

    >>> round(float(ttft_mix_quantile_s(0.8, 4, 32, [0.03] * 2, [0.02] * 2, [255] * 2, [5.28] * 2, [1, 3], 99)), 3)
    0.172
    """
    prefill, decode, steps, rate, weight = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (prefill_s, decode_step_s, decode_steps, requests_per_s, weights))
    )
    u, share = np.asarray(utilisation, float), weight / weight.sum(axis=-1, keepdims=True)
    pool = mix_waits(replicas, batch, prefill, decode, steps, rate, weight)
    slot_mean, busy, queue_mean = pool.means_s(u)
    waiting = erlang_c(pool.servers, u * pool.servers)
    tail = tail_probability(percentile)
    step = pool.step_s
    high = pool.own_s + step + (slot_mean + queue_mean) * np.log(2.0 / tail)
    low = np.zeros_like(high)
    for _ in range(44):
        middle = 0.5 * (low + high)
        beyond = np.zeros_like(high)
        for s in range(share.shape[-1]):
            queued = np.where(prefill[..., s] > 0, busy, 0.0)
            rest = middle - prefill[..., s] - step
            beyond = beyond + share[..., s] * wait_survival(rest, waiting, slot_mean, queued, queue_mean, step)
        low, high = np.where(beyond > tail, middle, low), np.where(beyond > tail, high, middle)
    return np.where((u < 1.0) & (busy < STABLE), high, np.inf)


# ---- between tokens -----------------------------------------------------------------------------------------------


def itl_p99_s(decode_step_s: ArrayLike, prefill_s: ArrayLike, batch: ArrayLike, decode_steps: ArrayLike) -> FloatArray:
    """P99 over requests of a request's mean time between tokens in a full replica.

    Formula: ``t_dec + t_pre (b + 2.326 sqrt(b)) / d``: the number of others' prefills that land in a request's life is
    about Poisson with mean b at full occupancy (in a long life exactly b depart and are replaced), here by its normal
    quantile; good for b >= 4, cautious where arrivals are steadier than Poisson.

    Args:
        decode_step_s: t_dec [s].
        prefill_s: t_pre of the others' prompts [s].
        batch: b [1].
        decode_steps: d [1]; with 0 there is no time between tokens and the answer is 0.

    >>> round(float(itl_p99_s(0.02, 0.03, 32, 255)), 5)
    0.02531
    """
    step, prefill, b, d = (np.asarray(v, float) for v in (decode_step_s, prefill_s, batch, decode_steps))
    landed = b + _NORMAL_P99 * np.sqrt(b)
    return np.where(d > 0, step + prefill * landed / np.where(d > 0, d, 1.0), 0.0)


def token_itl_p99_s(decode_step_s: ArrayLike, chunk_prefill_s: ArrayLike) -> FloatArray:
    """P99 of single gaps between tokens: ``t_dec + t_pre(chunk)``, a step that carries somebody's prefill chunk.

    Args:
        decode_step_s: t_dec [s].
        chunk_prefill_s: prefill time of one chunk (the whole prompt when prefill is not chunked) [s].

    >>> round(float(token_itl_p99_s(0.02, 0.03)), 3)
    0.05
    """
    return np.asarray(decode_step_s, float) + np.asarray(chunk_prefill_s, float)


# ---- in the fleet ----


def tail_latency_rows(layout: Layout) -> list[Block]:
    """Origins are served only by pools that are fast enough for them; a pool's size chooses its band."""
    builder = RowBuilder()
    for j in range(len(layout.requests.names)):
        for r in range(len(layout.regions)):
            for t in range(len(layout.slots)):
                add_class_rows(layout, builder, j, r, t)
    blocks = builder.block(
        "tail_latency", "class", "requests/s", "origins with little time are served by pools that are fast enough"
    )
    return blocks + size_band_rows(layout) + closed_rows(layout, "ttft", "tail_latency")


def add_class_rows(layout: Layout, builder: RowBuilder, j: int, r: int, t: int) -> None:
    """sum of flows of class <= k is at most the load on pools of class <= k, for all but the last class."""
    w = layout.requests.workload[j]
    flows, loads, pools = layout.flows, layout.loads, layout.pools
    flow = np.flatnonzero((flows.request == j) & (flows.region == r) & (flows.slot == t))
    load = np.flatnonzero((loads.request == j) & (loads.slot == t) & (pools.region[loads.pool] == r))
    origin_class, pool_class = layout.class_of[w, flows.origin[flow], r], pools.latency_class[loads.pool[load]]
    for k in range(layout.classes[w, r] - 1):
        builder.add(
            f"{layout.workloads[w]}/{layout.requests.names[j]}/{layout.regions[r]}/{k}/{layout.slots[t]}",
            (flows.col[flow[origin_class <= k]], 1.0),
            (loads.col[load[pool_class <= k]], -1.0),
            upper=0.0,
        )


WALL = Wall(
    number=7,
    name="tail_latency",
    domain="serving",
    question="How full may a pool run before its slowest percent of users waits too long?",
    equation="P99 = service + ln(C(c, a) / 0.01) / (c/T - lambda) * (1 + cv^2) / 2",
    in_fleet=(
        "P99 of TTFT = quantile of slot wait (Erlang-C over n b slots) + prefill queue (M/G/1) + rest of the running "
        "step + prefill + its step; the usable utilisation it leaves grows with the pool size and caps each pool's load"
    ),
    sources=(
        "A. K. Erlang (1917); Jagers & van Doorn (1986), doi:10.1016/0167-6377(86)90099-6",
        "J. F. C. Kingman (1961), doi:10.1017/S0305004100036094",
        "L. Kleinrock, Queueing Systems vol. 1 (1975), eq. 5.63",
    ),
    acts=("gate", "rows"),
    rows=tail_latency_rows,
)
