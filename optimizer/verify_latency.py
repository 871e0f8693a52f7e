"""The check's own waiting times: Erlang-C by its exact recursion, the law of three waits, how full a pool may run.

Times are seconds. A pool has n replicas of b slots; a request waits for a slot, then for the prefills ahead of it,
then for the rest of the running step, and then takes its own prefill and the step that this shares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from optimizer.verify_physics import Running

GRID = 200  # usable utilisations are multiples of 1/200
PREFILL_BANDS = 4  # declared: how finely mixes of shapes are told apart by their prefill load


def erlang_c(servers: int, load: float) -> float:
    """Share of arrivals that must wait in M/M/c: ``1/C = (1 - rho)/B + rho``, ``1/B = sum_k prod_j (c - j)/a``."""
    if load <= 0.0:
        return 0.0
    if load >= servers:
        return 1.0
    inverse_b, term = 1.0, 1.0
    for served in range(servers):
        term *= (servers - served) / load
        inverse_b += term
        if inverse_b > 1e30:
            return 0.0
        if term < 1e-18 * inverse_b:
            break
    rho = load / servers
    return 1.0 / (inverse_b * (1.0 - rho) + rho)


@dataclass(frozen=True)
class Waits:
    """What the waits of a pool depend on.

    Attributes:
        servers: slots of the pool.
        slot_residual_s: mean rest of a slot's holding time that an arrival finds.
        prefill_load: prefill busy time per unit of slot utilisation.
        prefill_residual_s: mean rest of a prefill that an arrival finds.
        step_s: longest rest of a running step.
        own_s: own prefill and the step it shares.
    """

    servers: int
    slot_residual_s: float
    prefill_load: float
    prefill_residual_s: float
    step_s: float
    own_s: float

    def beyond(self, limit_s: float, utilisation: float) -> float:
        """Probability that the first token comes later than `limit_s` (network excluded); 1 where nothing is stable."""
        busy = utilisation * self.prefill_load
        if busy >= 1.0 - 1e-9:
            return 1.0
        if math.isinf(limit_s):
            return 0.0
        left = limit_s - self.own_s
        if utilisation >= 1.0 or left < 0.0:
            return 1.0
        slot = self.slot_residual_s / (self.servers * (1.0 - utilisation))
        queue = self.prefill_residual_s / (1.0 - busy)
        waiting = erlang_c(self.servers, utilisation * self.servers)
        at_once = (1.0 - busy) * _beyond_step(left, self.step_s) + busy * _beyond_one(left, queue, self.step_s)
        queued = (1.0 - busy) * _beyond_one(left, slot, self.step_s) + busy * _beyond_two(
            left, slot, queue, self.step_s
        )
        return (1.0 - waiting) * at_once + waiting * queued


def _beyond_step(x: float, step: float) -> float:
    """P(U > x), U uniform on 0..step."""
    return max(0.0, 1.0 - x / step) if step > 0.0 else 0.0


def _beyond_one(x: float, mean: float, step: float) -> float:
    """P(A + U > x), A exponential: the mean over U of P(A > x - U)."""
    if mean <= 0.0:
        return _beyond_step(x, step)
    if step <= 0.0:
        return math.exp(-x / mean)
    start = max(0.0, x - step)
    inside = mean * math.exp(-start / mean) * -math.expm1(-(x - start) / mean)
    return (inside + max(0.0, step - x)) / step


def _beyond_two(x: float, first: float, second: float, step: float) -> float:
    """P(A + B + U > x), A and B exponential."""
    if first <= 0.0 or second <= 0.0:
        return _beyond_one(x, max(first, second), step)
    if abs(first - second) < 1e-4 * (first + second):
        # Equal within what matters: the sum is a gamma variable of shape 2.
        mean = (first + second) / 2
        if step <= 0.0:
            return (1 + x / mean) * math.exp(-x / mean)
        start = max(0.0, x - step)
        inside = (2 * mean + start) * math.exp(-start / mean) - (2 * mean + x) * math.exp(-x / mean)
        return (inside + max(0.0, step - x)) / step
    one, other = _beyond_one(x, first, step), _beyond_one(x, second, step)
    return (first * one - second * other) / (first - second)


def waits(runs: Sequence[Running], replicas: int, batch: int) -> list[Waits]:
    """Laws that together bound every mix of the shapes; one law, exact, for one shape.

    The slot wait is that of the longest holding time, the step the longest, the own prefill the longest. The prefill
    queue of a mix depends on its load and on its residual, so the range of loads is cut in bands and each band takes
    its upper end with the largest residual that any mix inside it can have.
    """
    step = max(run.step_s if run.decode_steps > 0 else 0.0 for run in runs)
    own = max(run.prefill_s for run in runs) + step
    services = [run.prefill_s + step if run.prefill_s > 0.0 else 0.0 for run in runs]
    loads = [run.rate * service for run, service in zip(runs, services, strict=True)]
    hold = max(batch / run.rate for run in runs)
    return [
        Waits(replicas * batch, hold / 2, load, residual, step, own)
        for load, residual in prefill_bands(tuple(loads), tuple(services))
    ]


def prefill_bands(loads: tuple[float, ...], services: tuple[float, ...]) -> list[tuple[float, float]]:
    """(prefill load, largest mean rest of a prefill) of each band of mixes."""
    if len(loads) == 1:
        return [(loads[0], services[0] / 2)]
    least, most = min(loads), max(loads)
    cuts = [least + (most - least) * k / PREFILL_BANDS for k in range(PREFILL_BANDS)] + [most]
    answer = []
    for low, high in pairwise(cuts):
        corners = [service for load, service in zip(loads, services, strict=True) if low <= load <= high]
        corners += [_heaviest_mix(cut, loads, services) for cut in (low, high) if cut > 0.0]
        answer.append((high, max(corners, default=0.0) / 2))
    return answer


def _heaviest_mix(load: float, loads: tuple[float, ...], services: tuple[float, ...]) -> float:
    """Largest E[S^2]/E[S] among mixes of exactly this prefill load: two shapes are enough, one on each side of it."""
    best = 0.0
    for light, short in zip(loads, services, strict=True):
        for heavy, long in zip(loads, services, strict=True):
            if light <= load <= heavy and light < heavy:
                weight = (load - light) / (heavy - light)
                best = max(best, ((1 - weight) * light * short + weight * heavy * long) / load)
    return best


def usable_utilisation(
    runs: Sequence[Running], replicas: int, batch: int, limit_s: float, percentile: float, most: float
) -> float:
    """Largest multiple of 1/200, not above `most`, at which the percentile of the first token is inside `limit_s`."""
    return _usable(tuple(runs), replicas, batch, limit_s, percentile, most)


def exact_utilisation(
    runs: Sequence[Running], replicas: int, batch: int, limit_s: float, percentile: float, most: float
) -> float:
    """The same without rounding down: how full the pool may really run."""
    return _exact(tuple(runs), replicas, batch, limit_s, percentile, most)


@lru_cache(maxsize=200_000)
def _usable(
    runs: tuple[Running, ...], replicas: int, batch: int, limit_s: float, percentile: float, most: float
) -> float:
    if replicas <= 0:
        return 0.0
    if math.isinf(limit_s) and all(run.sustained for run in runs):
        return math.floor(min(most, 1.0) * GRID + 1e-9) / GRID
    laws, tail = waits(runs, replicas, batch), (100.0 - percentile) / 100.0

    def fits(steps: int) -> bool:
        return all(law.beyond(limit_s, steps / GRID) <= tail for law in laws)

    top = math.floor(min(most, 1.0) * GRID + 1e-9)
    if fits(top):
        return top / GRID
    if not fits(0):
        return 0.0
    low, high = 0, top
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low / GRID


@lru_cache(maxsize=200_000)
def _exact(
    runs: tuple[Running, ...], replicas: int, batch: int, limit_s: float, percentile: float, most: float
) -> float:
    low = _usable(runs, replicas, batch, limit_s, percentile, most)
    if replicas <= 0:
        return 0.0
    if math.isinf(limit_s) and all(run.sustained for run in runs):
        return min(most, 1.0)
    laws, tail = waits(runs, replicas, batch), (100.0 - percentile) / 100.0

    def fits(utilisation: float) -> bool:
        return all(law.beyond(limit_s, utilisation) <= tail for law in laws)

    if not fits(low):
        return 0.0
    high = min(most, low + 1 / GRID)
    if fits(high):
        return high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def first_token_s(runs: Sequence[Running], replicas: int, batch: int, utilisation: float, percentile: float) -> float:
    """Percentile of the time to the first token at a utilisation, network excluded, by bisection of the tail."""
    laws, tail = waits(runs, replicas, batch), (100.0 - percentile) / 100.0
    if any(law.beyond(math.inf, utilisation) > tail for law in laws) or utilisation >= 1.0:
        return math.inf
    low, high = 0.0, max(law.own_s + law.step_s for law in laws) + 1e-6
    while any(law.beyond(high, utilisation) > tail for law in laws):
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        if any(law.beyond(middle, utilisation) > tail for law in laws):
            low = middle
        else:
            high = middle
    return high


def mix_first_token_s(
    runs: Sequence[Running], loads: Sequence[float], replicas: int, batch: int, utilisation: float, percentile: float
) -> float:
    """Percentile of the time to the first token over all requests of a pool that serves shapes at given loads.

    The waits are those of the mix; each request adds its own prefill and the mean step.
    """
    share = [load / sum(loads) for load in loads]
    parts = list(zip(share, runs, strict=True))
    tokens = sum(weight * run.decode_steps for weight, run in parts)
    step = sum(weight * run.decode_steps * run.step_s for weight, run in parts) / tokens if tokens > 0 else 0.0
    service = [run.prefill_s + step if run.prefill_s > 0.0 else 0.0 for run in runs]
    work = sum(weight * each for weight, each in zip(share, service, strict=True))
    squared = sum(weight * each**2 for weight, each in zip(share, service, strict=True))
    hold = sum(weight / run.rate for weight, run in parts)
    slot = batch * sum(weight / run.rate**2 for weight, run in parts) / (2 * hold)
    queue = squared / (2 * work) if work > 0.0 else 0.0
    laws = [
        Waits(replicas * batch, slot, work / hold if run.prefill_s > 0.0 else 0.0, queue, step, run.prefill_s + step)
        for run in runs
    ]
    tail = (100.0 - percentile) / 100.0
    if utilisation >= 1.0 or utilisation * work / hold >= 1.0:
        return math.inf

    def beyond(limit_s: float) -> float:
        return sum(weight * law.beyond(limit_s, utilisation) for weight, law in zip(share, laws, strict=True))

    low, high = 0.0, max(law.own_s + law.step_s for law in laws) + 1e-6
    while beyond(high) > tail:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle) > tail else (low, middle)
    return high
