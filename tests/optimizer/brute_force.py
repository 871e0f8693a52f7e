"""The best fleet by enumeration: every integer fleet inside small bounds, judged by the independent check's rules."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from optimizer.verify_bills import Bill, add_load, totals
from optimizer.verify_judge import Judge
from optimizer.verify_judge_lp import GOALS
from optimizer.verify_judge_types import Counts, Judgement
from optimizer.verify_nodes import NodeFacts
from optimizer.verify_types import NodeKey, PoolKey, Way

ACCOUNTS = ("usd_per_year", "kg_co2e_per_year", "kwh_per_year", "litres_per_year", "devices")


@dataclass
class Best:
    """The best fleet found, and how many there were and were judged."""

    judgement: Judgement = field(default_factory=lambda: Judgement(False, why="no fleet is large enough"))
    counts: Counts = field(default_factory=dict)
    fleets: int = 0
    judged: int = 0


@dataclass(frozen=True)
class Stand:
    """One way to fill the nodes of one hire."""

    counts: Counts
    goal: float
    rate: np.ndarray
    devices: np.ndarray


def hires(scenario) -> list[NodeKey]:
    """Every way to have nodes that the scenario names."""
    procurement, found = scenario.procurement, []
    for region in scenario.regions:
        for name in scenario.accelerators:
            accelerator = scenario.catalog.accelerators[name]
            if procurement.owned or scenario.today:
                own = procurement.owned.devices_per_node if procurement.owned else {}
                devices = own.get(name, accelerator.devices_per_node)
                found.append(NodeKey(region, f"owned-{devices}x-{name}", "owned"))
            for instance in scenario.catalog.instances_in(region, name):
                found.append(NodeKey(region, instance.name, "on_demand"))
                found.append(NodeKey(region, instance.name, "reserved"))
                found.append(NodeKey(region, f"spot-{instance.name}", "spot"))
    return found


def ways(scenario) -> list[Way]:
    """Every way to run each workload from its allow-lists; all of them must be given."""
    found = []
    for workload in scenario.workloads.values():
        for lists in itertools.product(
            scenario.accelerators,
            workload.precisions,
            workload.kv_precisions,
            workload.tensor_parallel,
            workload.pipeline_parallel,
            workload.batch,
        ):
            accelerator, precision, kv_precision, tensor, pipeline, batch = lists
            found.append(Way(workload.name, accelerator, precision, kv_precision, tensor, pipeline, 1, batch))
    return found


def optimum(scenario, most: int = 8) -> Best:
    """The best of all fleets with at most `most` replicas of each pool and procurement."""
    judge, best = Judge(scenario), Best()
    stands = [list(_stands(judge, hire, most)) for hire in hires(scenario)]
    stands = [options for options in stands if len(options) > 1]
    if not stands:
        return best
    order = _worth_judging(judge, stands, best)
    for goal, picks in order:
        if goal >= best.judgement.objective * (1 - 1e-9):
            break
        counts = {
            key: number
            for options, pick in zip(stands, picks, strict=True)
            for key, number in options[pick].counts.items()
        }
        judgement = judge.judge(counts)
        best.judged += 1
        if judgement.objective < best.judgement.objective:
            best.judgement, best.counts = judgement, counts
    return best


def _worth_judging(judge: Judge, stands: list[list[Stand]], best: Best) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Fleets that have the supply and could carry the demand, the least bound of the goal first.

    The bound is the nodes' goal, and that of the demand on the replicas that carry it cheapest, wherever it comes from.
    """
    scenario, world = judge.scenario, judge.world
    demand = np.array(
        [
            sum(world.demand(w, s, o, t) for s in range(len(workload.shapes)) for o in scenario.origins)
            for w, workload in scenario.workloads.items()
            for t in world.slots
        ]
    )
    quotas = np.array([world.quota(r, a) for r in scenario.regions for a in scenario.accelerators for _ in world.slots])
    goals, rates, devices = np.zeros(1), np.zeros((1, demand.size)), np.zeros((1, quotas.size))
    picks = np.zeros((1, 0), dtype=int)
    for options in stands:
        # Every fleet so far with every way to fill this hire; what exceeds a quota is dropped at once.
        new = np.array([stand.devices for stand in options])
        kept = np.argwhere((devices[:, None, :] + new[None, :, :] <= quotas).all(axis=-1))
        old, chosen = kept[:, 0], kept[:, 1]
        goals = goals[old] + np.array([stand.goal for stand in options])[chosen]
        rates = rates[old] + np.array([stand.rate for stand in options])[chosen]
        devices = devices[old] + new[chosen]
        picks = np.column_stack([picks[old], chosen])
    best.fleets = len(picks)
    good = np.flatnonzero((rates >= demand * (1 - 1e-9)).all(axis=-1))
    bounds = goals[good] + _least_of_loads(judge, stands, picks[good], demand)
    bounds += judge.least_of_today() if scenario.objective.account == "cost" else 0.0
    for place in np.argsort(bounds, kind="stable"):
        yield float(bounds[place]), tuple(picks[good[place]])


def _least_of_loads(judge: Judge, stands: list[list[Stand]], picks: np.ndarray, demand: np.ndarray) -> np.ndarray:
    """[fleet] least that serving the demand adds to the goal: the cheapest replicas are filled first."""
    goals: list[np.ndarray] = []
    carried: list[np.ndarray] = []
    for number, options in enumerate(stands):
        for pool in dict.fromkeys(pool for stand in options for pool in stand.counts):
            rates = [_rate(judge, {pool: stand.counts[pool]} if pool in stand.counts else {}) for stand in options]
            goals.append(_unit_goals(judge, pool))
            carried.append(np.array(rates)[picks[:, number]])
    least = np.zeros(len(picks))
    for column, asked in enumerate(demand):
        left = np.full(len(picks), asked)
        for pool in np.argsort([goal[column] for goal in goals], kind="stable"):
            taken = np.minimum(left, carried[pool][:, column])
            least, left = least + taken * goals[pool][column], left - taken
    return least


def _unit_goals(judge: Judge, pool: tuple[PoolKey, str]) -> np.ndarray:
    """[workload, slot] what a request a second adds to the goal, of the cheapest shape; 0 for other workloads."""
    (key, procurement), world = pool, judge.world
    found = np.zeros((len(judge.scenario.workloads), len(world.slots)))
    for t, slot in enumerate(world.slots):
        bill: Bill = defaultdict(float)
        hire = NodeKey(key.region, key.offer, procurement)
        add_load(world, bill, hire, key.way.devices, 1.0 / max(world.rates(key.way)), slot)
        found[list(judge.scenario.workloads).index(key.way.workload), t] = _goal_of(judge, totals(bill))
    return found.ravel()


def _stands(judge: Judge, hire: NodeKey, most: int) -> Iterator[Stand]:
    scenario, world = judge.scenario, judge.world
    facts = world.node(hire)
    yield Stand({}, 0.0, np.zeros(_rates(scenario)), np.zeros(_devices(scenario)))
    if not isinstance(facts, NodeFacts):
        return
    keys = [
        PoolKey(hire.region, hire.offer, way, serves)
        for way in ways(scenario)
        if way.accelerator == facts.accelerator
        for serves in judge.classes(way.workload, hire.region)
    ]
    keys = [key for key in keys if not judge.runs_at_all(key, hire.procurement)]
    quota = world.quota(hire.region, facts.accelerator)
    tops = [int(min(most, quota // key.way.devices)) for key in keys]
    for numbers in _within([key.way.devices for key in keys], tops, quota, len(world.slots) if facts.timed else 1):
        if not any(any(number) for number in numbers):
            continue
        spread = [number if facts.timed else number * len(world.slots) for number in numbers]
        counts = {(key, hire.procurement): number for key, number in zip(keys, spread, strict=True) if any(number)}
        nodes = judge.least_nodes(counts)
        if not judge.supply(nodes):
            yield Stand(counts, _goal(judge, nodes), _rate(judge, counts), _in_nodes(judge, nodes))


def _within(sizes: list[int], tops: list[int], quota: float, slots: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Replicas of every pool in every slot whose devices stay within the quota."""
    if not sizes:
        yield ()
        return

    def one_slot(at: int, left: float) -> Iterator[tuple[int, ...]]:
        if at == len(sizes):
            yield ()
            return
        for number in range(min(tops[at], int(min(left, 1e9) // sizes[at])) + 1):
            for rest in one_slot(at + 1, left - number * sizes[at]):
                yield (number, *rest)

    for by_slot in itertools.product(list(one_slot(0, quota)), repeat=slots):
        yield tuple(zip(*by_slot, strict=True))


def _goal(judge: Judge, nodes) -> float:
    staff = judge.scenario.planning.staff_usd_per_year
    return _goal_of(judge, judge.fixed(nodes)) - (staff if judge.scenario.objective.account == "cost" else 0.0)


def _goal_of(judge: Judge, accounts: Mapping[str, float]) -> float:
    objective = judge.scenario.objective
    goal = accounts[GOALS[objective.account]]
    return goal + (objective.carbon_usd_per_kg * accounts["kg_co2e_per_year"] if objective.account == "cost" else 0.0)


def _rates(scenario) -> int:
    return len(scenario.workloads) * len(scenario.slots)


def _devices(scenario) -> int:
    return len(scenario.regions) * len(scenario.accelerators) * len(scenario.slots)


def _rate(judge: Judge, counts: Counts) -> np.ndarray:
    """[workload, slot] most requests that the replicas could carry at any usable utilisation."""
    names, slots = list(judge.scenario.workloads), judge.world.slots
    total = np.zeros((len(names), len(slots)))
    for (key, _), numbers in counts.items():
        most = judge.scenario.workloads[key.way.workload].max_utilization
        total[names.index(key.way.workload)] += max(judge.world.rates(key.way)) * most * np.array(numbers)
    return total.ravel()


def _in_nodes(judge: Judge, nodes) -> np.ndarray:
    """[region, accelerator, slot] devices of whole nodes."""
    scenario, slots = judge.scenario, judge.world.slots
    regions, names = list(scenario.regions), list(scenario.accelerators)
    total = np.zeros((len(regions), len(names), len(slots)))
    for hire, by_slot in nodes.items():
        facts = judge.world.node(hire)
        for t, slot in enumerate(slots):
            total[regions.index(hire.region), names.index(facts.accelerator), t] += by_slot[slot] * facts.devices
    return total.ravel()
