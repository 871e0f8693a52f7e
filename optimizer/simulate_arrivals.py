"""When requests come and where they go: Poisson, bursty or from a trace, sent to pools at random by the routes' rates.

The whole stream of a workload is drawn first and then split, so that a burst hits all its pools at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from optimizer.simulate_fleet import Routes, SimulatedFleet
from optimizer.simulate_pool import FloatArray
from optimizer.verify_types import PoolKey
from physics.locality import ROUND_TRIP_P99_RATIO
from scenarios.errors import Problem, ScenarioError
from scenarios.traces import COLUMNS, read_trace

_NORMAL_P99 = 2.3263478740408408


@dataclass(frozen=True)
class Times:
    """Times of a trace, from 0 [s], and how many of its requests there are a second on average [1/s]."""

    arrive_s: FloatArray
    requests_per_s: float


def read_times(name: str) -> Times:
    """Times of arrival of a CSV trace; ScenarioError where it has none."""
    trace = read_trace(Path(name), name, "give a CSV file with a request in each line")
    if len(trace.times_s) < 2:
        hint = f"it is found under the name {', '.join(COLUMNS['time'][:4])} and the like"
        raise ScenarioError(Problem(name, 1, "time", "there is no such column in the first line", hint))
    when = np.sort(np.array(trace.times_s))
    span = float(when[-1]) - float(when[0])
    if not math.isfinite(span):
        raise ScenarioError(Problem(name, None, "time", "the times are too far apart", "give times in seconds"))
    if span <= 0.0:
        raise ScenarioError(Problem(name, None, "time", "all requests come at one moment", "give times that differ"))
    return Times(when - when[0], len(when) / (span * len(when) / (len(when) - 1)))


@dataclass(frozen=True)
class Pattern:
    """How requests come: gaps of coefficient of variation `burstiness` (1 is Poisson, 0 even), or as in a trace."""

    burstiness: float = 1.0
    trace: Times | None = None

    def __str__(self) -> str:
        if self.trace is not None:
            return "as in the trace, stretched to the plan's rate"
        if self.burstiness == 1.0:
            return "Poisson"
        return f"gaps of coefficient of variation {self.burstiness:g}, gamma distributed"


def arrivals_s(pattern: Pattern, rate: float, horizon_s: float, stream: np.random.Generator) -> FloatArray:
    """Times of arrival up to a horizon [s].

    >>> found = arrivals_s(Pattern(0.5), 100.0, 1000.0, np.random.default_rng(1))
    >>> gaps = np.diff(found); bool(abs(gaps.std() / gaps.mean() - 0.5) < 0.01)
    True
    """
    if pattern.trace is not None:
        return _repeated(pattern.trace, rate, horizon_s, stream)
    most = int(rate * horizon_s + 6 * max(pattern.burstiness, 1.0) * np.sqrt(rate * horizon_s) + 50)
    square = pattern.burstiness**2
    found = np.zeros(0)
    while not found.size or found[-1] < horizon_s:
        gaps = np.full(most, 1.0) if square == 0 else stream.gamma(1.0 / square, square, most)
        found = np.concatenate([found, (found[-1] if found.size else 0.0) + np.cumsum(gaps) / rate])
    return found[: np.searchsorted(found, horizon_s)]


def _repeated(trace: Times, rate: float, horizon_s: float, stream: np.random.Generator) -> FloatArray:
    """The trace at the plan's mean rate, from a random place on, round and round."""
    count = len(trace.arrive_s)
    once = count / rate
    at = trace.arrive_s * (trace.requests_per_s / rate)
    shift = stream.uniform(0.0, once)
    rounds = int(horizon_s / once) + 2
    every = np.concatenate([at + once * k for k in range(rounds)]) - shift
    return np.sort(every[(every >= 0.0) & (every < horizon_s)])


@dataclass(frozen=True)
class Stream:
    """Requests of one workload that were let in, in order of arrival.

    Attributes:
        arrive_s: time of arrival at the pool that served it [s].
        pool, shape, origin: where each goes (index into the pools given), what it is, where it comes from.
        network_s: its round trip [s].
        delay_s: what went by since its first arrival, at a pool that died [s].
    """

    arrive_s: FloatArray
    pool: np.ndarray
    shape: np.ndarray
    origin: np.ndarray
    network_s: FloatArray
    delay_s: FloatArray


def stream_of(
    fleet: SimulatedFleet,
    workload: str,
    slot: str,
    changes: list[tuple[float, Routes]],
    pools: list[PoolKey],
    pattern: Pattern,
    horizon_s: float,
    draws: np.random.Generator,
) -> Stream:
    """Requests of a workload over time; `changes` says from when on which routes hold, the first from 0.

    Requests come at the demanded rate; those for which there is no route are turned away.
    """
    world, scenario = fleet.world, fleet.scenario
    origins = list(scenario.origins)
    demand = sum(
        world.demand(workload, shape, origin, slot) for shape in range(fleet.shapes(workload)) for origin in origins
    )
    when = arrivals_s(pattern, demand, horizon_s, draws) if demand > 0 else np.zeros(0)
    lot = draws.random(when.size)
    columns = [np.zeros(when.size, dtype=np.int32) for _ in range(3)]
    let_in = np.zeros(when.size, dtype=bool)
    for number, (start, routes) in enumerate(changes):
        stop = changes[number + 1][0] if number + 1 < len(changes) else np.inf
        rows = slice(int(np.searchsorted(when, start)), int(np.searchsorted(when, stop)))
        mine = [(key, rate) for key, rate in routes.items() if key[0] == workload]
        shares = np.cumsum([rate for _, rate in mine]) / demand
        if shares.size and shares[-1] > 1.0 - 1e-9:
            shares[-1] = np.inf  # a whole routing lets everybody in, whatever the rounding
        entry = np.searchsorted(shares, lot[rows], side="right")
        let_in[rows] = entry < len(mine)
        table = np.array([(pools.index(k[3]), k[1], origins.index(k[2])) for k, _ in mine] + [(0, 0, 0)])
        for column, values in zip(columns, table.T, strict=True):
            column[rows] = values[entry]
    pool, shape, origin = (column[let_in] for column in columns)
    network = network_s(fleet, pool, origin, pools, draws)
    return Stream(when[let_in], pool, shape, origin, network, np.zeros(pool.size))


def network_s(
    fleet: SimulatedFleet, pool: np.ndarray, origin: np.ndarray, pools: list[PoolKey], draws: np.random.Generator
) -> FloatArray:
    """Round trips [s]: lognormal with the catalog's median and the declared P99 of 1.3 times it, plus the last mile."""
    scenario = fleet.scenario
    places = list(scenario.origins.values())
    median = np.array(
        [[scenario.catalog.round_trip(place.near, key.region).p50_s for key in pools] for place in places]
    )
    last_mile = np.array([place.last_mile_s for place in places])
    sigma = np.log(ROUND_TRIP_P99_RATIO) / _NORMAL_P99
    return median[origin, pool] * draws.lognormal(0.0, sigma, pool.size) + last_mile[origin]
