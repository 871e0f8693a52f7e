"""The check's own account of how many requests a replica runs at a load, and how long its steps are then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NORMAL_P99 = 2.326


@dataclass(frozen=True)
class Point:
    """One replica at a load.

    Attributes:
        running: requests that decode at once.
        itl_s: mean time between tokens, by shape.
        steps_s: a decode step on a busy moment, by shape.
        slope: relative growth of a step with a relative growth of its batch.
    """

    running: float
    itl_s: tuple[float, ...]
    steps_s: tuple[float, ...]
    slope: float


def point(
    rates: Sequence[float],
    occupancies_s: Sequence[float],
    decode_steps: Sequence[int],
    steps_s: Sequence[Sequence[float]],
    replicas: float,
) -> Point:
    """Where as many requests end as come: ``k (1 - busy) = sum rate x steps x T(k)``, T straight between whole batches.

    `rates` are those of one replica by shape; `steps_s[k - 1]` the decode steps with k requests, by shape.
    """
    idle = 1.0 - sum(rate * each for rate, each in zip(rates, occupancies_s, strict=True))
    weight = [rate * d for rate, d in zip(rates, decode_steps, strict=True)]

    def work(k: float) -> float:
        return sum(w * each for w, each in zip(weight, _between(steps_s, k), strict=True))

    running = float(len(steps_s))
    for k in range(1, len(steps_s) + 1):
        if k * idle >= work(k):
            before = (k - 1) * idle - work(k - 1) if k > 1 else 0.0
            running = work(1) / idle if k == 1 else k - 1 - before / (k * idle - work(k) - before)
            break
    busiest = min(float(len(steps_s)), running + NORMAL_P99 * math.sqrt(running / replicas) + 1.0)
    slope, most = 0.0, len(steps_s)
    if most > 1 and work(running) > 0.0:
        slope = (work(most) - work(1)) / (most - 1) * running / work(running)
    itl = tuple(each / idle for each in _between(steps_s, running))
    return Point(running, itl, tuple(_between(steps_s, busiest)), slope)


def _between(steps_s: Sequence[Sequence[float]], k: float) -> list[float]:
    """Steps of a batch between two whole ones; below one request those of one."""
    k = max(k, 1.0)
    low = min(int(k), len(steps_s))
    high = min(low + 1, len(steps_s))
    return [a + (k - low) * (b - a) for a, b in zip(steps_s[low - 1], steps_s[high - 1], strict=True)]
