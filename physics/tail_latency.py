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
from physics.pool_waits import UTILISATION_STEP as UTILISATION_STEP
from physics.pool_waits import mix_survivals, mix_waits, own_s, row_waits, usable_within, worst_mix_waits
from physics.queueing import FloatArray, erlang_c, tail_probability
from physics.shared_rows import closed_rows
from physics.size_bands import size_band_rows
from physics.wall import Block, Wall

_SLO_SERVICES = 5.0  # the plain form's threshold of a wait, in mean service times
_PARTS, _ROUNDS = 64, 8  # a quantile is cut out of 64 parts eight times: to 2^-48 of the first interval
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
    prompt_steps: ArrayLike = 0.0,
) -> FloatArray:
    """Quantile of the time to the first token in a pool that serves one shape, network excluded.

    ``TTFT = slot wait + shared wait + t_pre + t_dec``; the quantile is of the sum. Requests go to the replica with the
    least 4 x waiting + running. Engines batch continuously: all prompts that wait share the next step, as far as its
    token budget goes. With lambda = u mu arrivals a second at a replica, rho = lambda t_pre and phi = 1/min(n, 8):

    - Slot wait: 0 with probability 1 - C, else exponential. Prefills hold up everybody and requests come in bunches, so
      the slots in use vary by z = 1/(1 - rho)^2 times a Poisson count: C is twice the Erlang-C of c/z slots (Hayward's
      equivalent system), its mean ``h/(2 c) (sqrt(z)/(1 - u) + n - 1)``, c = n b, h = b/mu: a balanced replica's next
      slot is its own, not the pool's.
    - Shared wait, the later of two laws. *Together*: the rest of a running step, uniform on 0..S, and the prefills of
      the others in mine, with mean rho S and variance ``phi rho t_pre S + (1/2 + rho)^2 w S``: an exponential of that
      deviation, shifted by the mean less half of it, and rare where it is wider than the mean, but no rarer than e
      times the tail asked for, nor more frequent than such prompts; ``S = t_dec/(1 - rho) + w``,
      ``w = phi rho t_pre/(1 - rho^2)``. A balanced pool spreads arrivals, hence phi. *In turn*, where prompts fill the
      token budget of steps: with probability ``m min(1, m/.30)^min(n - 1, 3)``, m = lambda (t_pre + t_dec), a prefill
      is met: uniform on 0..t_pre + t_dec, and with probability ``r (phi + (1 - phi) r^4)`` others are ahead,
      exponential with mean ``1.25 s/2 (1 + phi r/(1 - r))``, s = t_pre + t_dec x prompt_steps, r = lambda s; else
      uniform on 0..t_dec.

    Args:
        utilisation: u, slot utilisation [1].
        replicas: n [1].
        batch: b, slots of a replica [1].
        prefill_s: t_pre [s]; 0 = no prompt.
        decode_step_s: t_dec [s].
        decode_steps: d [1].
        requests_per_s: mu, rate of one full replica, b/(d t_dec + b t_pre) [1/s].
        percentile: 50, 99 ... [percent].
        prompt_steps: steps whose token budget the prompt fills [1]; a longer prompt shares as many steps.

    Returns:
        Seconds, infinite where the pool is not stable. The margins 2, 1.25, .30 and 3 are calibrated against a
        simulation request by request (docs/accuracy.md says how near they come).

    Reference: Whitt (1984), doi:10.1002/j.1538-7305.1984.tb00104.x, for Hayward's approximation.

    >>> round(float(ttft_quantile_s(0.8, 4, 32, 0.03, 0.02, 255, 5.28, 99)), 3)
    0.359
    """
    columns = (np.asarray(v, float)[..., None] for v in (prefill_s, decode_step_s, decode_steps, requests_per_s))
    prefill, decode, steps, rate = columns
    chunks = np.asarray(prompt_steps, float)[..., None]
    return ttft_mix_quantile_s(
        utilisation, replicas, batch, prefill, decode, steps, rate, np.ones(1), percentile, chunks
    )


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
    prompt_steps: ArrayLike = 0.0,
) -> FloatArray:
    """Largest slot utilisation at which the TTFT quantile is within the limit, rounded down to `UTILISATION_STEP`.

    Args:
        limit_s: limit of the TTFT quantile less the round trip [s]; infinite = only stability and the cap count.
        max_utilisation: cap of the answer [1].
        replicas, batch, prefill_s, decode_step_s, decode_steps, requests_per_s, percentile, prompt_steps: as in
            `ttft_quantile_s`. All arrays broadcast: rows in shape (rows, 1) against pool sizes in shape (sizes,).

    Returns:
        Utilisation [1]; 0 where even an idle pool misses the limit. Always short of saturating the prefill server.

    >>> [float(u) for u in usable_utilisation(0.5, [1, 2, 8], 32, 0.03, 0.02, 255, 5.28, 99, 0.95)]
    [0.635, 0.74, 0.875]
    """
    pool = row_waits(replicas, batch, prefill_s, decode_step_s, decode_steps, requests_per_s, prompt_steps)
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
    prompt_steps: ArrayLike = 0.0,
) -> FloatArray:
    """Usable utilisation of a pool that may serve any mix of shapes: safe for every mix, exact for one shape.

    Why it is safe. Let u be the slot utilisation and w the shares of busy slots held by each shape.
    (1) C depends on u and on rho, in which it grows. Of those who wait for a slot the mean wait is proportional to
    E[h^2]/(2 E[h]), and E[h^2]/E[h] <= max h, reached by the pure shape that holds its slot longest.
    (2) Both laws of the shared wait grow with the load of prefills and with E[S^2]/E[S] of a prompt's turn S. Both are
    linear-fractional in w, so each is largest at a pure shape; but a mix can join the frequent prompts of one shape
    with the long ones of another. So for each of `PREFILL_BANDS` bands of the load the band's upper end and the largest
    E[S^2]/E[S] of its mixes bound every mix in it. The prefill alone is a share of the turn between the least and the
    largest of the shapes, which bounds rho and E[t_pre^2]/E[t_pre]; a step with a prefill is met no oftener than by
    rho and the most frequent prompts together.
    (3) Every step is at most the longest t_dec, every own prefill with its steps at most the longest of these; the
    quantile over all requests is at most the largest of the shapes' quantiles.
    So the limit holds for the requests of each shape by itself, and then over all requests.

    Args:
        limit_s, replicas, batch, percentile, max_utilisation: as in `usable_utilisation`.
        prefill_s, decode_step_s, decode_steps, requests_per_s, prompt_steps: as there, with one more axis, the last,
            over shapes.

    Returns:
        Utilisation [1], of the shape of the other arguments broadcast with all axes but the last of these.

    >>> float(usable_utilisation_mix(0.5, 2, 32, [0.03], [0.02], [255], [5.28], 99, 0.95))
    0.74
    """
    prefill, decode, steps, rate, chunks = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (prefill_s, decode_step_s, decode_steps, requests_per_s, prompt_steps))
    )
    worst = worst_mix_waits(replicas, batch, prefill, decode, steps, rate, chunks)
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
    prompt_steps: ArrayLike = 0.0,
    slots_used: ArrayLike = 1.0,
    slope: ArrayLike = 0.0,
) -> FloatArray:
    """TTFT quantile over all requests of a pool at an actual mix of shapes, network excluded: a report's figure.

    The shapes share the waits (with the moments of holding times and prompts over the mix, and a step that is the mean
    over decode steps); each adds its own prefill and the steps it shares. The survival function over requests is the
    weighted mean of the shapes'; section into ever smaller parts gives its quantile.

    Args:
        weights: share of requests of each shape [1], last axis; normalised here.
        prefill_s, decode_step_s, decode_steps, requests_per_s, prompt_steps: as in `ttft_quantile_s`, with a last axis
            over shapes.
        utilisation, replicas, batch, percentile: as in `ttft_quantile_s`.
        slots_used, slope: of the batch that really runs (`operating_point`): slots in use over u b, and d ln T / d ln k
            of its step, which raises z by 1/(1 - slope). 1 and 0 take every step as that of a full batch: an upper end.

    >>> round(float(ttft_mix_quantile_s(0.8, 4, 32, [0.03] * 2, [0.02] * 2, [255] * 2, [5.28] * 2, [1, 3], 99)), 3)
    0.359
    """
    prefill, decode, steps, rate, weight, chunks = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (prefill_s, decode_step_s, decode_steps, requests_per_s, weights, prompt_steps))
    )
    u, share = np.asarray(utilisation, float), weight / weight.sum(axis=-1, keepdims=True)
    pool = mix_waits(replicas, batch, prefill, decode, steps, rate, weight, chunks, slots_used, slope)
    own = own_s(prefill, pool.step_s[..., None], chunks)
    tail = tail_probability(percentile)
    waiting, slot_mean, laws = pool.slot_share(u), pool.slot_mean_s(u), pool.laws(u, tail)
    longest = [law.shift_s + law.step_s + law.queue_mean_s * np.log(4.0 / tail) for mix in laws for _, law in mix]
    high = pool.own_s + np.max(np.broadcast_arrays(*longest), axis=0) + slot_mean * np.log(4.0 / tail)
    low, parts = np.zeros_like(high), np.arange(1.0, _PARTS).reshape(-1, *(1,) * high.ndim) / _PARTS
    for _ in range(_ROUNDS):
        width = (high - low) / _PARTS
        inside = low + (high - low) * parts
        beyond = np.zeros_like(inside)
        for s in range(share.shape[-1]):
            each = (mix_survivals(inside - own[..., s], slot_mean, mix) for mix in laws)
            later = np.maximum(*((1.0 - waiting) * free + waiting * queued for free, queued in each))
            beyond = beyond + share[..., s] * later
        low = low + width * (beyond > tail).sum(axis=0)
        high = low + width
    return np.where((u < 1.0) & pool.stable(u), high, np.inf)


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
