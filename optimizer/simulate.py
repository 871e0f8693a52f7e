"""`argosy simulate`: a plan played request by request, whole and after losses, beside what the walls promised."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.plan import Plan
from optimizer.simulate_arrivals import Pattern, Stream, stream_of
from optimizer.simulate_fleet import Routes, SimulatedFleet
from optimizer.simulate_measures import Promises, Record, estimate, goodput_per_s, groups, let_in, verdicts
from optimizer.simulate_play import Loss, Task, played_all, played_with_loss, tasks_of
from optimizer.simulate_pool import FloatArray, Served
from optimizer.simulate_types import CannotPlayError, Case, Simulation
from optimizer.verify_losses import State
from optimizer.verify_types import PoolKey

if TYPE_CHECKING:
    from scenarios.schema import Scenario

WARM_RESIDENCES, COOL_RESIDENCES = 10.0, 2.0
MOST_PLAYED = 30_000_000
"""Requests of a case over all seeds (count): they are held in memory together, about 220 bytes each as measured."""
_GROWTH_POINTS = 41
DECLARED = (
    "Continuous batching in steps of at most 8,192 tokens; prompts share a step, longer ones go on in the next.",
    "KV pages are reserved for a request's full length at admission, so nothing is preempted; first come first served.",
    "A request counts with the mean context of its life; step and prefill times are those of the walls.",
    "Round trips are lognormal with the catalog's median and a P99 of 1.3 times it, plus the last mile.",
    "Goodput asks each request's own mean time between tokens, even where the limit is on the mean over requests.",
)


@dataclass(frozen=True)
class Options:
    """How to play.

    Attributes:
        requests: measured requests of each case and seed (count).
        seeds: one run each.
        pattern: how requests come.
        slot: time slot; "" is the one with most requests.
        lose: what dies, one at a time: `nodes`, `regions`, or names of nodes or regions.
        whole: whether the plan is also played whole.
        warm_up_s: before measuring [s]; None is ten times the longest residence.
        dispatch: one of `simulate_engine.DISPATCH`.
        spread: share by which answers are shorter or longer than the plan's, evenly spread; 0 is all alike.
        jobs: processes.
        at_s: when what is lost dies, and `back_s` when it is repaired, since measuring began [s]; None: it is gone all
            the time, and never repaired.
    """

    requests: int = 100_000
    seeds: tuple[int, ...] = (1, 2, 3)
    pattern: Pattern = field(default_factory=Pattern)
    slot: str = ""
    lose: tuple[str, ...] = ()
    whole: bool = True
    warm_up_s: float | None = None
    dispatch: str = "least_loaded"
    spread: float = 0.0
    jobs: int = 1
    at_s: float | None = None
    back_s: float | None = None


def simulate(
    scenario: Scenario, plan: Plan, options: Options | None = None, progress: Callable[[str], None] | None = None
) -> Simulation:
    """Play a plan; CannotPlayError where that is not possible as asked, or where nothing would be measured."""
    options = options or Options()
    if plan.fleet is None:
        raise CannotPlayError("plan", f"the plan holds no fleet (its status is {plan.status})")
    began = time.process_time()
    fleet = SimulatedFleet(scenario, plan, options.spread)
    slot = _slot(fleet, options.slot)
    cases: list[Case] = []
    clock = _Clock(fleet, slot, options)
    states: list[State | None] = [None] if options.whole else []
    for name in options.lose:
        found = fleet.states(slot, name)
        if not found:
            raise CannotPlayError("lose", f"{name} is neither a node of the placement nor a region in use")
        states += [state for state in found if state not in states]
    clock.check(options, sum(_demanded(fleet, slot, name) for name in scenario.workloads))
    for state in states:
        if progress:
            progress(f"playing {state.where + ' lost' if state else 'the whole fleet'}")
        cases.append(_case(fleet, slot, state, options, clock))
    return Simulation(
        scenario=plan.scenario,
        title=plan.title,
        slot=slot,
        requests=options.requests,
        seeds=list(options.seeds),
        arrivals=str(options.pattern),
        dispatch=options.dispatch,
        spread=options.spread,
        lost_from_s=options.at_s,
        lost_until_s=options.back_s,
        warm_up_s=clock.warm_up_s,
        measured_s=clock.measured_s,
        cases=cases,
        holds=all(case.holds for case in cases),
        declared=list(DECLARED),
        played_requests=clock.played,
        cpu_s=time.process_time() - began,
    )


def _slot(fleet: SimulatedFleet, asked: str) -> str:
    if asked and asked not in fleet.world.slots:
        raise CannotPlayError("slot", f"there is no slot {asked}; the scenario has {', '.join(fleet.world.slots)}")
    return asked or max(fleet.world.slots, key=lambda slot: sum(fleet.planned_routes(slot).values()))


class _Clock:
    """How long is warmed up, measured and played on; and how many requests were played."""

    def __init__(self, fleet: SimulatedFleet, slot: str, options: Options) -> None:
        routes = fleet.planned_routes(slot)
        longest = 0.0
        for key in {each[3] for each in routes}:
            priced = fleet.priced(key.way)
            longest = max(longest, float(priced.prices.residence_s[priced.row].max()))
        self.warm_up_s = WARM_RESIDENCES * longest if options.warm_up_s is None else options.warm_up_s
        self.cool_s = COOL_RESIDENCES * longest
        self.measured_s = options.requests / sum(routes.values())
        self.played = 0

    @property
    def until_s(self) -> float:
        return self.warm_up_s + self.measured_s

    def check(self, options: Options, demanded_per_s: float) -> None:
        """CannotPlayError where a loss comes too late to be seen, or where the requests do not fit in memory."""
        if options.at_s is not None and options.at_s >= self.measured_s:
            message = f"{options.at_s:.4g} s is after the {self.measured_s:.4g} s that are measured"
            raise CannotPlayError("at", message, "let it die earlier, or measure more --requests")
        every = demanded_per_s * (self.until_s + self.cool_s) * len(options.seeds)
        if every > MOST_PLAYED:
            message = f"{every:.3g} requests would be played for each loss, warm-up and all seeds together"
            raise CannotPlayError("requests", message, f"at most {MOST_PLAYED:,}: fewer --requests or --seeds")

    def inside(self, when_s: FloatArray) -> np.ndarray:
        """Whether times lie in the measured window."""
        return np.asarray((when_s >= self.warm_up_s) & (when_s < self.until_s))


def _case(fleet: SimulatedFleet, slot: str, state: State | None, options: Options, clock: _Clock) -> Case:
    whole, left = fleet.planned_routes(slot), fleet.left_after(None, slot)
    routes = whole if state is None else fleet.routes_after(state)
    changes, gone = [(0.0, routes)], dict[PoolKey, int]()
    admitted = _by_workload(fleet, routes)
    down_s, up_s = 0.0, np.inf
    if state is not None:
        after = fleet.left_after(state, slot)
        if options.at_s is None:
            left = after
        else:
            gone = {key: left[key] - after[key] for key in left if left[key] > after[key]}
            down_s = clock.warm_up_s + options.at_s
            up_s = np.inf if options.back_s is None else clock.warm_up_s + options.back_s
            changes = [(0.0, whole), (down_s, routes)] + ([(up_s, whole)] if up_s < np.inf else [])
    used = {each[3] for _, some in changes for each in some}
    pools = [key for key in fleet.fleet.pools if left[key] > 0 and key in used]
    loss = Loss(down_s, up_s, [gone.get(key, 0) for key in pools], routes) if gone else None
    streams, served = [], list[list[Served]]()
    tasks: list[Task] = []
    for seed in options.seeds:
        draws = np.random.default_rng(seed)
        horizon = clock.until_s + clock.cool_s
        mine = [
            stream_of(fleet, name, slot, changes, pools, options.pattern, horizon, draws)
            for name in fleet.scenario.workloads
        ]
        if loss is None:
            tasks += tasks_of(fleet, mine, pools, left, options.dispatch, seed)
        else:
            mine, found = played_with_loss(fleet, mine, pools, left, options.dispatch, seed, loss)
            served.append(found)
        streams.append(mine)
    if loss is None:
        every = list(played_all(tasks, options.jobs))
        served = [every[k * len(pools) : (k + 1) * len(pools)] for k in range(len(options.seeds))]
    records = [_record(fleet, pools, left, *each, clock) for each in zip(streams, served, strict=True)]
    _something_measured(fleet, options, records, admitted)
    judged = verdicts(fleet, records, admitted)
    failures = fleet.scenario.failures
    rule = None if state is None else failures.node if state.what == "node" else failures.region
    for name, rate in admitted.items() if rule is not None else ():
        judged.append(let_in(name, rate, _demanded(fleet, slot, name), rule.share if rule else 0.0))
    return Case(
        what="whole" if state is None else "region" if state.what == "region" else "node",
        where=state.where if state else "",
        lost="" if state is None else _lost(state),
        demanded_requests_per_s=sum(_demanded(fleet, slot, name) for name in admitted),
        admitted_requests_per_s=sum(admitted.values()),
        served_requests_per_s=estimate([float(record.served_per_s.sum()) for record in records]),
        goodput_requests_per_s=estimate([goodput_per_s(fleet, record) for record in records]),
        waiting_growth_per_s=estimate([float(record.growth_per_s.sum()) for record in records]),
        restarts=sum(record.restarts for record in records),
        groups=groups(Promises(fleet, changes[0][1], left, pools), records),
        verdicts=judged,
        holds=all(each.holds for each in judged),
    )


def _something_measured(
    fleet: SimulatedFleet, options: Options, records: Sequence[Record], admitted: dict[str, float]
) -> None:
    """CannotPlayError where a workload that is let in has no request to judge: nothing would then seem to hold."""
    for w, name in enumerate(fleet.scenario.workloads):
        for seed, record in zip(options.seeds, records, strict=True):
            if admitted[name] > 0 and not (record.workload == w).any():
                message = f"with seed {seed} no request of {name} came while measuring"
                raise CannotPlayError("requests", message, "ask for more --requests, or for less burstiness")


def _by_workload(fleet: SimulatedFleet, routes: Routes) -> dict[str, float]:
    return {name: sum(rate for key, rate in routes.items() if key[0] == name) for name in fleet.scenario.workloads}


def _demanded(fleet: SimulatedFleet, slot: str, workload: str) -> float:
    return sum(
        fleet.world.demand(workload, shape, origin, slot)
        for shape in range(fleet.shapes(workload))
        for origin in fleet.scenario.origins
    )


def _lost(state: State) -> str:
    """Replicas that are gone, in words."""
    if state.region:
        return "everything there"
    return ", ".join(f"{count} x {key.way}" for key, count in state.gone if count)


def _record(
    fleet: SimulatedFleet,
    pools: list[PoolKey],
    left: dict[PoolKey, int],
    streams: Sequence[Stream],
    served: Sequence[Served],
    clock: _Clock,
) -> Record:
    """Measured requests of one seed, all pools one after another."""
    names = list(fleet.scenario.workloads)
    columns: dict[str, list[Any]] = {name: [] for name in ("workload", "pool", "origin", "alone", "net", "itl", "e2e")}
    slots_used, prefill = np.zeros(len(pools)), np.zeros(len(pools))
    ended, growth = np.zeros(len(names)), np.zeros(len(names))
    restarts = 0
    for number, (key, found) in enumerate(zip(pools, served, strict=True)):
        w = names.index(key.way.workload)
        rows = streams[w].pool == number
        delay = streams[w].delay_s[rows]
        inside = clock.inside(found.arrive_s - delay)
        clock.played += found.arrive_s.size
        count = int(inside.sum())
        columns["workload"].append(np.full(count, w))
        columns["pool"].append(np.full(count, number))
        columns["origin"].append(streams[w].origin[rows][inside])
        columns["net"].append(streams[w].network_s[rows][inside])
        columns["alone"].append((found.ttft_s + delay)[inside])
        columns["itl"].append(found.itl_s[inside])
        columns["e2e"].append((found.e2e_s + delay)[inside])
        restarts += found.restarts
        ended[w] += clock.inside(found.arrive_s + found.e2e_s).sum() / clock.measured_s
        growth[w] += _growth_per_s(found, clock)
        priced = fleet.priced(key.way)
        started, ends = found.arrive_s + found.wait_s, found.arrive_s + found.e2e_s
        held = np.clip(np.minimum(ends, clock.until_s) - np.maximum(started, clock.warm_up_s), 0.0, None)
        slots_used[number] = np.nansum(held) / (clock.measured_s * left[key] * priced.slots)
        work = np.array(priced.replica.kinds.prefill_s)[found.kind[inside]].sum()
        prefill[number] = work / (clock.measured_s * left[key])
    joined = {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in columns.items()}
    return Record(
        seconds=clock.measured_s,
        workload=joined["workload"],
        pool=joined["pool"].astype(int),
        origin=joined["origin"].astype(int),
        alone_s=joined["alone"],
        ttft_s=joined["alone"] + joined["net"],
        itl_s=joined["itl"],
        e2e_s=joined["e2e"] + joined["net"],
        slots_used=slots_used,
        prefill_share=prefill,
        served_per_s=ended,
        growth_per_s=growth,
        restarts=restarts,
    )


def _growth_per_s(found: Served, clock: _Clock) -> float:
    """Slope of the number of requests that wait for a slot, by least squares over the measured time [1/s]."""
    ask = np.linspace(clock.warm_up_s, clock.until_s, _GROWTH_POINTS)
    admitted = np.sort(found.arrive_s + found.wait_s)
    waiting = np.searchsorted(found.arrive_s, ask) - np.searchsorted(admitted, ask)
    centred = ask - ask.mean()
    return float((centred * waiting).sum() / (centred**2).sum())
