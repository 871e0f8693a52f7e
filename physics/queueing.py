"""Queueing mathematics of wall 7: Erlang-C for any pool size, and the law of a sum of waits.

Symbols: c servers, a offered load (mean busy servers), rho = a / c. Times are in seconds. Everything is vectorised;
nothing here knows an accelerator.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

# Nodes of the trapezoid rule in `erlang_c`, in widths of the integrand's peak. The exponential stretch of the left side
# follows the slow left tail of the integrand; 29 nodes were measured to be within 3e-10 for c from 1 to 1e6.
_STEP = 0.4
_STRETCH = 0.1
_NODES = np.arange(-5.5, 6.0 + 1e-9, _STEP)
_OFFSETS = _NODES - _STRETCH * (np.expm1(-_NODES) + _NODES)
_WEIGHTS = _STEP * (1.0 + _STRETCH * np.expm1(-_NODES))
_CHUNK = 8192  # rows that fit the cache of a core

_FLOOR_S = 1e-12  # below this a time counts as zero
_SPREAD = 1e-4  # means nearer than this (relative) are drawn apart to it in their sum: an error of second order


def _erlang_c_chunk(c: FloatArray, a: FloatArray) -> FloatArray:
    """Waiting probability for 0 < a < c by quadrature around the peak of the integrand."""
    surplus = c + 1.0 - a
    peak = (surplus + np.sqrt(surplus * surplus + 8.0 * a)) / (2.0 * a)
    width = 1.0 / np.sqrt(a * peak - (c - 1.0) * peak / (1.0 + peak) ** 2)
    load_at_peak, share = a * peak, peak / (1.0 + peak)
    total = np.zeros_like(c)
    for offset, weight in zip(_OFFSETS, _WEIGHTS, strict=True):
        y = offset * width
        growth = np.expm1(y)
        total += weight * np.exp(2.0 * y + (c - 1.0) * np.log1p(share * growth) - load_at_peak * growth)
    log_peak = np.log(a) + 2.0 * np.log(peak) + (c - 1.0) * np.log1p(peak) - load_at_peak
    return np.minimum(np.exp(-log_peak) / (width * total), 1.0)


def erlang_c(servers: ArrayLike, offered_load: ArrayLike) -> FloatArray:
    """Probability that an arrival must wait in M/M/c, for real-valued c >= 1.

    Formula: ``1 / C = a * integral_0^inf t (1 + t)^(c - 1) e^(-a t) dt``, integrated over ``ln t`` by a trapezoid rule
    centred at the peak of the integrand (known in closed form) and scaled by its width there. The integrand is
    positive, so nothing cancels; the work is 29 nodes whatever c is.

    Args:
        servers: c [1], any shape, from 1 to 1e6.
        offered_load: a [1], broadcast with `servers`; 0 gives 0, and a >= c gives 1 (everybody waits).

    Returns:
        Probability [1]; relative error below 1e-9 against the exact recursion.

    Reference: Jagers & van Doorn, "On the continued Erlang loss function", Oper. Res. Letters 5 (1986) 43-46,
    doi:10.1016/0167-6377(86)90099-6. The number below is the textbook's C(10, 9).

    >>> round(float(erlang_c(10, 9)), 6)
    0.668732
    """
    c, a = np.broadcast_arrays(np.asarray(servers, float), np.asarray(offered_load, float))
    if np.any(c < 1.0):
        raise ValueError("erlang_c needs at least 1 server")
    shape = c.shape
    c, a = c.ravel(), a.ravel()
    answer = np.where(a >= c, 1.0, 0.0)
    inside = np.flatnonzero((a > 0.0) & (a < c))
    for start in range(0, inside.size, _CHUNK):
        rows = inside[start : start + _CHUNK]
        answer[rows] = _erlang_c_chunk(c[rows], a[rows])
    return answer.reshape(shape)


def erlang_c_ceiling(servers: ArrayLike, offered_load: ArrayLike) -> FloatArray:
    """Upper bound of `erlang_c` that costs one logarithm and one exponential.

    Formula: ``C <= B / (1 - rho)`` and ``B <= 2 e^-(c ln(c/a) - c + a) / sqrt(2 pi c)``, by Stirling's lower bound of
    the factorial and because the median of a Gamma(c + 1) variable exceeds c.

    Args:
        servers: c [1].
        offered_load: a [1], broadcast with `servers`.

    >>> bool(erlang_c_ceiling(10, 9) >= erlang_c(10, 9)), bool(erlang_c_ceiling(1e4, 9e3) < 1e-20)
    (True, True)
    """
    c, a = np.broadcast_arrays(np.asarray(servers, float), np.asarray(offered_load, float))
    rho = np.clip(a / c, 1e-300, 1.0)
    exponent = c * (rho - 1.0 - np.log(rho))
    with np.errstate(divide="ignore"):
        bound = 2.0 * np.exp(-exponent) / (np.sqrt(2.0 * np.pi * c) * (1.0 - rho))
    return np.minimum(bound, 1.0)


def poisson_wait_s(arrivals_per_s: ArrayLike, mean_service_s: ArrayLike, second_moment_s2: ArrayLike) -> FloatArray:
    """Mean wait of M/G/1 (Pollaczek-Khinchine).

    Formula: ``W = lambda E[S^2] / (2 (1 - lambda E[S]))``; infinite at or beyond saturation.

    Args:
        arrivals_per_s: lambda [1/s].
        mean_service_s: E[S] [s].
        second_moment_s2: E[S^2] [s^2].

    Reference: Kleinrock, Queueing Systems vol. 1 (1975), eq. 5.63. For fixed service it is M/D/1, rho/(2 mu (1 - rho)).

    >>> float(poisson_wait_s(0.5, 1.0, 1.0))
    0.5
    """
    rate, mean, second = (np.asarray(x, float) for x in (arrivals_per_s, mean_service_s, second_moment_s2))
    idle = 1.0 - rate * mean
    return np.where(idle > 0.0, rate * second / (2.0 * np.where(idle > 0.0, idle, 1.0)), np.inf)


def _exponential_and_step(x_s: FloatArray, mean_s: FloatArray, step_s: FloatArray) -> FloatArray:
    """P(Exp(mean) + U > x), U uniform on 0..step; mean and step above 0."""
    within = np.minimum(x_s, step_s)
    return (step_s - within - mean_s * np.expm1(-within / mean_s) * np.exp(-(x_s - within) / mean_s)) / step_s


def _tails(x_s: FloatArray, first_s: FloatArray, second_s: FloatArray, step_s: FloatArray) -> tuple[FloatArray, ...]:
    """P(> x) of U, A + U, B + U and A + B + U, for A, B exponential of the given means, U uniform on 0..step."""
    step = np.maximum(step_s, _FLOOR_S)
    x = x_s + (step - step_s)
    a, b = np.maximum(first_s, _FLOOR_S), np.maximum(second_s, _FLOOR_S)
    with_a, with_b = _exponential_and_step(x, a, step), _exponential_and_step(x, b, step)
    close = np.abs(a - b) < _SPREAD * (a + b)
    both = np.asarray((a * with_a - b * with_b) / np.where(close, 1.0, a - b))
    if np.any(close):  # partial fractions cancel: draw the means apart around their middle
        middle, x_close, step_close = 0.5 * (a + b)[close], x[close], step[close]
        more, less = middle * (1.0 + _SPREAD), middle * (1.0 - _SPREAD)
        difference = more * _exponential_and_step(x_close, more, step_close)
        difference -= less * _exponential_and_step(x_close, less, step_close)
        both[close] = difference / (more - less)
    return (step - np.minimum(x, step)) / step, with_a, with_b, both


def wait_survivals(
    x_s: ArrayLike, slot_mean_s: ArrayLike, queue_share: ArrayLike, queue_mean_s: ArrayLike, step_s: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """P(wait > x) of a request that finds a free slot, and of one that must wait for a slot.

    The wait is [A] + B + U: A, the wait for a slot, is exponential (only in the second answer); B, the prefill queue,
    is 0 with probability 1 - q and exponential otherwise; U, the rest of the running step, is uniform on 0..T. The law
    of the sum is in closed form: with y = min(x, T) and m a mean,
    ``F_m(x) = P(Exp(m) + U > x) = (T - y)/T + m/T (1 - e^(-y/m)) e^(-(x - y)/m)`` and
    ``P(Exp(a) + Exp(b) + U > x) = (a F_a - b F_b)/(a - b)``.

    Args:
        x_s: x [s], >= 0 (below 0 both answers are 1).
        slot_mean_s: mean of A given that there is a wait [s].
        queue_share: q [1], probability that the prefill server is busy.
        queue_mean_s: mean of B given that it is busy [s].
        step_s: T [s]; 0 allowed.

    Returns:
        The two probabilities; a request waits for a slot with probability C, so P = (1 - C) first + C second.
    """
    x, a, q, b, step = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (x_s, slot_mean_s, queue_share, queue_mean_s, step_s))
    )
    uniform, with_a, with_b, both = _tails(np.maximum(x, 0.0), a, b, step)
    free = np.where(x < 0.0, 1.0, (1.0 - q) * uniform + q * with_b)
    queued = np.where(x < 0.0, 1.0, (1.0 - q) * with_a + q * both)
    return free, queued


def wait_survival(
    x_s: ArrayLike,
    slot_share: ArrayLike,
    slot_mean_s: ArrayLike,
    queue_share: ArrayLike,
    queue_mean_s: ArrayLike,
    step_s: ArrayLike,
) -> FloatArray:
    """P(slot wait + prefill queue + rest of the step > x); see `wait_survivals`. `slot_share` is C [1].

    >>> float(wait_survival(0.25, 0.0, 1.0, 0.0, 1.0, 1.0))
    0.75
    """
    free, queued = wait_survivals(x_s, slot_mean_s, queue_share, queue_mean_s, step_s)
    share = np.asarray(slot_share, float)
    return (1.0 - share) * free + share * queued


def wait_quantile_s(
    percentile: float,
    slot_share: ArrayLike,
    slot_mean_s: ArrayLike,
    queue_share: ArrayLike,
    queue_mean_s: ArrayLike,
    step_s: ArrayLike,
) -> FloatArray:
    """Percentile of the sum of the three waits [s], by bisection on `wait_survival` to better than 1e-9 of its bracket.

    The bracket is T + (a + b) ln(2/p), p = 1 - percentile/100: beyond it each exponential alone has at most p/2.

    Args:
        percentile: 50, 99 ... [percent], strictly between 0 and 100.
        slot_share, slot_mean_s, queue_share, queue_mean_s, step_s: as in `wait_survival`; finite.

    >>> round(float(wait_quantile_s(99, 1.0, 1.0, 0.0, 0.0, 0.0)), 6)  # ln 100
    4.60517
    """
    tail = tail_probability(percentile)
    terms = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (slot_share, slot_mean_s, queue_share, queue_mean_s, step_s))
    )
    _, a, _, b, step = terms
    high = step + (a + b) * np.log(2.0 / tail)
    low = np.zeros_like(high)
    for _ in range(44):
        middle = 0.5 * (low + high)
        beyond = wait_survival(middle, *terms) > tail
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    return high


def tail_probability(percentile: float) -> float:
    """1 - percentile/100, refusing what is no percentile.

    >>> round(tail_probability(99), 12)
    0.01
    """
    if not 0.0 < percentile < 100.0:
        raise ValueError(f"a percentile lies strictly between 0 and 100, not {percentile!r}")
    return (100.0 - percentile) / 100.0
