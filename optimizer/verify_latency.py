"""The check's own waiting times: Erlang-C by its exact recursion, the law of three waits, how full a pool may run.

Times are seconds. A pool has n replicas of b slots; a request waits for a slot, then for the prefills ahead of it,
then for the rest of the running step, and then takes its own prefill and the step that this shares.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from optimizer.verify_physics import Running
from optimizer.verify_point import Point

GRID = 200  # usable utilisations are multiples of 1/200
NEARLY_ONE = 1.0 - 1e-9
ROUNDING = 1e-12  # to which a percentile is bisected, relative
MOST_SLOPE = 0.95
# Declared margins of the law of first tokens.
TWICE = 2.0
TURN_MARGIN = 1.25
MEETING_LOAD = 0.30
MEETING_POWER = 3.0
CROWDING_POWER = 4.0
MOST_SPREAD = 8.0
PREFILL_BANDS = 4  # declared: how finely mixes of shapes are told apart by their prefill load


@lru_cache(maxsize=100_000)  # a quantile asks for the same wait at every time that it tries
def erlang_c(servers: float, load: float) -> float:
    """Share of arrivals that must wait in M/M/c: ``1/C = (1 - rho)/B + rho``, ``1/B = sum_k prod_j (c - j)/a``.

    Between whole numbers of servers the sum goes on as ``1/B = a integral e^(-a t) (1 + t)^c dt``: its first terms by
    the recursion ``1/B(c) = 1 + c/a 1/B(c - 1)``, the part of one server left by quadrature.
    """
    if load <= 0.0:
        return 0.0
    if load >= servers:
        return 1.0
    whole = math.floor(servers)
    part = servers - whole
    inverse_b = 1.0 if part == 0.0 else _part_server(part, load)
    for served in range(1, whole + 1):
        inverse_b = 1.0 + (part + served) / load * inverse_b
        if inverse_b > 1e30:
            return 0.0
    rho = load / servers
    return 1.0 / (inverse_b * (1.0 - rho) + rho)


@lru_cache(maxsize=100_000)
def _part_server(part: float, load: float) -> float:
    """``integral_0^inf e^-x (1 + x/a)^part dx``: the inverse Erlang-B of less than one server, 0 <= part < 1.

    Double-exponential rule, ``x = exp(t - exp(-t))``: even steps of t from -4 to 4 leave out less than 1e-20.
    """
    total = 0.0
    for k in range(-64, 65):
        t = k / 16
        x = math.exp(t - math.exp(-t))
        total += x * (1.0 + math.exp(-t)) * math.exp(-x) * (1.0 + x / load) ** part
    return total / 16


@dataclass(frozen=True)
class Waits:
    """What the waits of a pool depend on. A share "per unit" is multiplied by the slot utilisation.

    Attributes:
        replicas, servers: replicas, and slots of them all.
        slot_residual_s: mean rest of a slot's holding time that an arrival finds.
        prefill_load: prefill time per unit.
        prefill_size_s: second moment over mean of the prefill time.
        turn_load: prefills and the part of decode steps that their tokens fill, per unit.
        turn_residual_s: mean rest of such a turn that an arrival finds.
        meeting: chance per unit of finding a step with a prefill.
        step_s: a decode step.
        own_s: own prefill and the steps it shares.
        slots_used, slope: of the batch that really runs: slots in use per unit, and how a step grows with its batch.
    """

    replicas: float
    servers: float
    slot_residual_s: float
    prefill_load: float
    prefill_size_s: float
    turn_load: float
    turn_residual_s: float
    meeting: float
    step_s: float
    own_s: float
    slots_used: float = 1.0
    slope: float = 0.0

    def beyond(self, limit_s: float, utilisation: float, tail: float) -> float:
        """Probability that the first token comes later than `limit_s` (network excluded); 1 where nothing is stable.

        The law is right near the probability `tail`.
        """
        if utilisation * self.turn_load >= NEARLY_ONE:
            return 1.0
        if math.isinf(limit_s):
            return 0.0
        if utilisation >= 1.0:
            return 1.0
        waiting, slot = self._slot(utilisation)
        left = limit_s - self.own_s
        return max(
            sum(chance * _of_law(left, waiting, slot, *law) for chance, law in laws)
            for laws in ([(1.0, self._together(utilisation, tail))], self._in_turn(utilisation))
        )

    def _slot(self, utilisation: float) -> tuple[float, float]:
        """Probability of a wait for a slot, and its mean. The slots in use vary more than a Poisson count does."""
        idle = 1.0 - min(utilisation * self.prefill_load, NEARLY_ONE)
        peaked = 1.0 / (idle * idle * (1.0 - min(self.slope, MOST_SLOPE)))
        servers = max(self.servers / peaked, 1.0)
        waiting = min(1.0, TWICE * erlang_c(servers, min(utilisation * self.slots_used, NEARLY_ONE) * servers))
        mean = (math.sqrt(peaked) / (1.0 - utilisation) + self.replicas - 1.0) / self.servers
        return waiting, self.slot_residual_s * mean

    def _together(self, utilisation: float, tail: float) -> tuple[float, float, float, float]:
        """(shift, share, mean, step) where all prompts that wait go into the next step; made for one probability."""
        load = min(utilisation * self.prefill_load, NEARLY_ONE)
        noise = load * self.prefill_size_s / min(self.replicas, MOST_SPREAD)
        ripple = noise / (1.0 - load * load)
        step = self.step_s / (1.0 - load) + ripple
        others = load * step
        if others <= 0.0:
            return 0.0, 0.0, 0.0, step
        variance = noise * step + (0.5 + load) ** 2 * ripple * step
        often = others / self.prefill_size_s
        if variance < others * others:
            return others - math.sqrt(variance) / 2, min(often, 1.0), math.sqrt(variance), step
        mean = (variance / others + others) / 2.0
        shift = max(0.0, others - math.sqrt(variance) / 2)
        return shift, min(max(others / mean, math.e * tail), often, 1.0), mean, step

    def _in_turn(self, utilisation: float) -> list[tuple[float, tuple[float, float, float, float]]]:
        """(chance, law) where prompts queue for the token budget of the steps: a prefill is met, or none."""
        load, met = utilisation * self.turn_load, min(utilisation * self.meeting, 1.0)
        chance = min(max(met, load), 1.0) * min(met / MEETING_LOAD, 1.0) ** min(self.replicas - 1.0, MEETING_POWER)
        alone = 1.0 / min(self.replicas, MOST_SPREAD)
        behind = load * (alone + (1.0 - alone) * load**CROWDING_POWER)
        rest = TURN_MARGIN * self.turn_residual_s * (1.0 + alone * load / (1.0 - load))
        met_law = (0.0, behind, rest, self.prefill_size_s + self.step_s)
        return [(chance, met_law), (1.0 - chance, (0.0, 0.0, 0.0, self.step_s))]


def _of_law(left: float, waiting: float, slot: float, shift: float, share: float, queue: float, step: float) -> float:
    left -= shift
    if left < 0.0:
        return 1.0
    at_once = (1.0 - share) * _beyond_step(left, step) + share * _beyond_one(left, queue, step)
    queued = (1.0 - share) * _beyond_one(left, slot, step) + share * _beyond_two(left, slot, queue, step)
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

    The slot wait is that of the longest holding time, the step the longest, the own work the longest. What prompts wait
    for each other depends in a mix on the load of turns and on their residual, so the range of loads is cut in bands
    and each band takes its upper end with the largest residual that any mix inside it can have.
    """
    step = max(run.step_s if run.decode_steps > 0 else 0.0 for run in runs)
    own = max(_own_s(run, step) for run in runs)
    turns = [_turn_s(run, step) for run in runs]
    loads = [run.rate * turn for run, turn in zip(runs, turns, strict=True)]
    hold = max(batch / run.rate for run in runs)
    prompted = [(run, turn) for run, turn in zip(runs, turns, strict=True) if run.prefill_s > 0.0]
    ratios = [run.prefill_s / turn for run, turn in prompted]
    most, least = max(ratios, default=0.0), min(ratios, default=1.0)
    busiest = max(run.rate * run.prefill_s for run in runs)
    often = max((run.rate for run, _ in prompted), default=0.0)
    found = []
    for load, residual in prefill_bands(tuple(loads), tuple(turns)):
        prefills = min(load * most, busiest)
        size = 2.0 * residual * most * most / least
        met = prefills + often * step
        found.append(Waits(replicas, replicas * batch, hold / 2, prefills, size, load, residual, met, step, own))
    return found


def _turn_s(run: Running, step: float) -> float:
    """What a prompt takes where prompts queue: its prefill and the part of decode steps that its tokens fill."""
    return run.prefill_s + step * run.prompt_steps if run.prefill_s > 0.0 else 0.0


def _own_s(run: Running, step: float) -> float:
    """Own prefill and the steps it shares, one for each chunk."""
    return run.prefill_s + step * max(math.ceil(run.prompt_steps - 1e-9), 1)


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
        return all(law.beyond(limit_s, steps / GRID, tail) <= tail for law in laws)

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
        return all(law.beyond(limit_s, utilisation, tail) <= tail for law in laws)

    if not fits(low):
        return 0.0
    high = min(most, low + 1 / GRID)
    if fits(high):
        return high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def late_share(
    runs: Sequence[Running], replicas: int, batch: int, utilisation: float, limit_s: float, tail: float
) -> float:
    """Share of first tokens later than a limit (network excluded) in the worst mix, with every step a full batch's."""
    return max(law.beyond(limit_s, utilisation, tail) for law in waits(runs, replicas, batch))


def first_token_s(
    runs: Sequence[Running],
    loads: Sequence[float],
    replicas: float,
    batch: int,
    utilisation: float,
    percentile: float,
    point: Point | None = None,
) -> float:
    """Percentile of the time to the first token over all requests of a pool that serves shapes at given loads.

    Network excluded, by bisection of the tail. The waits are those of the mix; each request adds its own prefill and
    the mean step. With a `point` the steps are those of the batch that really runs, else those of a full one.
    """
    share = [load / sum(loads) for load in loads]
    steps = [run.step_s for run in runs] if point is None else point.steps_s
    tokens = sum(weight * run.decode_steps for weight, run in zip(share, runs, strict=True))
    step = sum(w * run.decode_steps * each for w, run, each in zip(share, runs, steps, strict=True))
    step = step / tokens if tokens > 0 else 0.0
    turns = [_turn_s(run, step) for run in runs]

    def mean(values: Iterable[float]) -> float:
        return sum(weight * value for weight, value in zip(share, values, strict=True))

    hold = mean(1 / run.rate for run in runs)
    work, turn = mean(run.prefill_s for run in runs), mean(turns)
    used = 1.0 if point is None else point.running / (utilisation * batch)
    laws = [
        Waits(
            replicas,
            replicas * batch,
            batch * mean(1 / other.rate**2 for other in runs) / (2 * hold) * used,
            work / hold,
            mean(other.prefill_s**2 for other in runs) / work if work > 0.0 else 0.0,
            turn / hold,
            mean(each**2 for each in turns) / (2 * turn) if turn > 0.0 else 0.0,
            mean(other.prefill_s + step if other.prefill_s > 0.0 else 0.0 for other in runs) / hold,
            step,
            _own_s(run, step),
            used,
            0.0 if point is None else point.slope,
        )
        for run in runs
    ]
    tail = (100.0 - percentile) / 100.0
    if utilisation >= 1.0 or utilisation * turn / hold >= NEARLY_ONE:
        return math.inf

    def beyond(limit_s: float) -> float:
        return sum(weight * law.beyond(limit_s, utilisation, tail) for weight, law in zip(share, laws, strict=True))

    low, high = 0.0, max(law.own_s + law.step_s for law in laws) + 1e-6
    while beyond(high) > tail:
        low, high = high, 2 * high
    while high - low > ROUNDING * high:
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle) > tail else (low, middle)
    return high
