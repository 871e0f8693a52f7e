"""Pools of a case are played one by one, in one process or several; a loss in the middle hands requests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer.simulate_arrivals import Stream, network_s
from optimizer.simulate_engine import Outage
from optimizer.simulate_fleet import Routes, SimulatedFleet
from optimizer.simulate_pool import LENGTHS, FloatArray, Replica, Served, played
from optimizer.verify_types import PoolKey


@dataclass(frozen=True)
class Task:
    """One pool to play: plain data, so that another process can do it."""

    replica: Replica
    replicas: int
    arrive_s: FloatArray
    kind: np.ndarray
    dispatch: str
    seed: int
    outages: tuple[Outage, ...] = ()


@dataclass(frozen=True)
class Loss:
    """What dies in the middle: replicas gone by pool, when, until when, and the routes from then on."""

    down_s: float
    up_s: float
    gone: list[int]
    routes: Routes


def tasks_of(
    fleet: SimulatedFleet,
    streams: Sequence[Stream],
    pools: list[PoolKey],
    left: dict[PoolKey, int],
    dispatch: str,
    seed: int,
) -> Iterator[Task]:
    """A task for each pool."""
    names = list(fleet.scenario.workloads)
    for number, key in enumerate(pools):
        stream = streams[names.index(key.way.workload)]
        rows = stream.pool == number
        kind = stream.shape[rows]
        if fleet.spread > 0:
            kind = kind * LENGTHS + np.random.default_rng([seed, number]).integers(LENGTHS, size=kind.size)
        yield Task(fleet.priced(key.way).replica, left[key], stream.arrive_s[rows], kind, dispatch, seed)


def _play(task: Task) -> Served:
    return played(
        task.replica,
        task.replicas,
        task.arrive_s,
        task.kind,
        outages=task.outages,
        dispatch=task.dispatch,
        seed=task.seed,
    )


def played_all(tasks: Sequence[Task], jobs: int) -> Iterable[Served]:
    """Every task, in order."""
    if jobs <= 1:
        return map(_play, tasks)
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs) as workers:
        return list(workers.map(_play, tasks))


def played_with_loss(
    fleet: SimulatedFleet,
    streams: list[Stream],
    pools: list[PoolKey],
    left: dict[PoolKey, int],
    dispatch: str,
    seed: int,
    loss: Loss,
) -> tuple[list[Stream], list[Served]]:
    """Pools that die whole first: their unfinished requests begin again elsewhere at that moment, along the new routes.

    A pool that keeps replicas keeps its requests. One that died whole begins empty when it is repaired.
    """
    names = list(fleet.scenario.workloads)
    draws = np.random.default_rng([seed, 1])
    served: dict[int, Served] = {}
    dead = [number for number, key in enumerate(pools) if loss.gone[number] >= left[key]]
    for number, task in enumerate(tasks_of(fleet, streams, pools, left, dispatch, seed)):
        if number not in dead:
            continue
        w = names.index(pools[number].way.workload)
        rows = np.flatnonzero(streams[w].pool == number)
        early = task.arrive_s < loss.down_s
        all_down = tuple(Outage(replica, loss.down_s) for replica in range(task.replicas))
        first = _play(replace(task, arrive_s=task.arrive_s[early], kind=task.kind[early], outages=all_down))
        again = _play(replace(task, arrive_s=task.arrive_s[~early], kind=task.kind[~early]))
        orphan = np.isnan(first.e2e_s)
        streams[w] = _moved(fleet, streams[w], rows[early][orphan], names[w], pools, loss, draws)
        served[number] = _joined(first.take(~orphan), again)
    for number, task in enumerate(tasks_of(fleet, streams, pools, left, dispatch, seed)):
        if number not in dead:
            away = tuple(Outage(replica, loss.down_s, loss.up_s) for replica in range(loss.gone[number]))
            served[number] = _play(replace(task, outages=away))
    return streams, [served[number] for number in range(len(pools))]


def _joined(one: Served, other: Served) -> Served:
    columns = ("arrive_s", "kind", "ttft_s", "itl_s", "e2e_s", "wait_s")
    both = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in columns}
    return Served(**both, restarts=one.restarts + other.restarts)


def _moved(
    fleet: SimulatedFleet,
    stream: Stream,
    rows: np.ndarray,
    workload: str,
    pools: list[PoolKey],
    loss: Loss,
    draws: np.random.Generator,
) -> Stream:
    """The stream with some requests sent to other pools when theirs died; those that may go nowhere are dropped."""
    pool, arrive, delay = stream.pool.copy(), stream.arrive_s.copy(), stream.delay_s.copy()
    origins = list(fleet.scenario.origins)
    delay[rows] += loss.down_s - arrive[rows]
    arrive[rows] = loss.down_s
    pool[rows] = -1
    for shape in np.unique(stream.shape[rows]):
        for o in np.unique(stream.origin[rows]):
            mine = rows[(stream.shape[rows] == shape) & (stream.origin[rows] == o)]
            to = {k[3]: rate for k, rate in loss.routes.items() if k[:3] == (workload, int(shape), origins[o])}
            if mine.size and to:
                share = np.array(list(to.values())) / sum(to.values())
                pool[mine] = draws.choice([pools.index(key) for key in to], size=mine.size, p=share)
    kept = pool >= 0
    order = np.flatnonzero(kept)[np.argsort(arrive[kept], kind="stable")]
    network = stream.network_s.copy()
    gone_on = rows[pool[rows] >= 0]
    network[gone_on] = network_s(fleet, pool[gone_on], stream.origin[gone_on], pools, draws)
    return Stream(arrive[order], pool[order], stream.shape[order], stream.origin[order], network[order], delay[order])
