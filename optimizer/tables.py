"""From a scenario to the layout of its program: which columns there are, with the figures that the walls read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.candidates import Table, table
from optimizer.offers import Hire, Offers, cheapest_device, offers
from optimizer.pools import LARGEST_EXACT_POOL, Latency, Node, Variants, latency, needed_replicas, variants
from scenarios.schema import Scenario
from scenarios.schema_demand import Workload


@dataclass(frozen=True)
class PoolGroup:
    """Pools of one workload in one region and node type."""

    workload: int
    region: int
    offer: str
    hires: list[int]
    variants: Variants


@dataclass(frozen=True)
class Question:
    """A scenario with its offers, priced candidates and pools; the program is built from it.

    With `closed`, candidates that only the user's limits rule out are in it, held at 0. With `roomy`, there are columns
    for more nodes than the quotas allow, so that a relaxed quota can be used.
    """

    scenario: Scenario
    closed: bool
    offers: Offers
    tables: list[Table]
    groups: list[PoolGroup]
    roomy: bool = False

    @property
    def workloads(self) -> list[Workload]:
        """Workloads in order."""
        return list(self.scenario.workloads.values())


def ask(
    scenario: Scenario,
    closed: bool = False,
    prune: bool | str = True,
    roomy: bool = False,
    twins: bool = False,
    like: Question | None = None,
) -> Question:
    """Price the scenario's candidates and set up its pools. `prune=False` keeps what the safe rule would drop,
    `"each precision"` drops only what is dominated at its own precision.

    `twins`: also keep the dearer of two ways to have the same node. `like`: what this question is compared with; pools
    that its quotas keep small have a band for every size here too, so that a larger quota rules out none of its fleets.
    """
    found = offers(scenario, twins)
    prices = cheapest_device(found)
    tables = [table(scenario, workload, prices, all_precisions=closed) for workload in scenario.workloads.values()]
    question = Question(scenario, closed, found, tables, [], closed or roomy)
    before = {(hire.region, hire.offer): hire.most_nodes for hire in like.offers.hires} if like is not None else {}
    for w, workload in enumerate(question.workloads):
        cache: dict[tuple, Variants | None] = {}
        for r, region in enumerate(scenario.regions):
            time = latency(scenario, workload, region)
            by_offer: dict[str, list[int]] = {}
            for number, hire in enumerate(found.hires):
                if hire.region == region:
                    by_offer.setdefault(hire.offer, []).append(number)
            for offer, hires in by_offer.items():
                hire = found.hires[hires[0]]
                fewest = min(hire.most_nodes, before.get((region, offer), hire.most_nodes))
                group = _group(question, tables[w], w, time, hire, cache, prune, fewest)
                if group is not None:
                    question.groups.append(PoolGroup(w, r, offer, hires, group))
    return question


def allowance(scenario: Scenario) -> float:
    """Planned over asked demand: growth and the peak inside the hour."""
    return scenario.planning.peak_factor * (1 + scenario.planning.growth)


def planned_demand(scenario: Scenario, workload: Workload) -> np.ndarray:
    """[shape, origin, slot] requests/s with growth and the peak inside the hour."""
    share = np.array([shape.share for shape in workload.shapes])
    none = (0.0,) * len(scenario.slots)
    by_origin = np.array([workload.demand.get(origin, none) for origin in scenario.origins])
    return share[:, None, None] * by_origin[None, :, :] * allowance(scenario)


def _group(
    question: Question,
    priced: Table,
    w: int,
    time: Latency,
    hire: Hire,
    cache: dict[tuple, Variants | None],
    prune: bool | str,
    fewest: float,
) -> Variants | None:
    """Pools of a node type; `fewest`: the nodes that every quota in question allows."""
    scenario = question.scenario
    # A roomy question asks what relaxing a quota would do, so its columns have room beyond it.
    nodes = np.inf if question.roomy else hire.most_nodes
    times = time.budgets_s.tobytes()
    key = (hire.accelerator.name, hire.devices, nodes, hire.most_nodes, fewest, hire.availability, times)
    if key not in cache:
        dead = 1 + scenario.planning.maintenance_nodes
        node = node_of(hire, dead if scenario.failures.node else 0)
        mine = np.array([chip.accelerator.name == hire.accelerator.name for chip in priced.chips], dtype=bool)
        rows = (
            np.flatnonzero(mine[priced.chip] & node.holds(priced.runs.devices, priced.runs.tensor_parallel))
            if len(priced)
            else np.zeros(0, dtype=int)
        )
        demand = planned_demand(scenario, question.workloads[w]).sum(axis=(0, 1)).max()
        devices = priced.runs.devices[rows]
        needed = needed_replicas(priced, rows, demand / hire.availability, node.lost(devices))
        most = np.minimum(needed, node.replicas(nodes, devices))
        exact = node.replicas(fewest, devices) <= LARGEST_EXACT_POOL
        can = most >= 1
        cache[key] = variants(
            scenario,
            priced,
            time,
            node,
            rows[can],
            most[can],
            exact[can],
            demand / hire.availability,
            question.closed,
            prune,
        )
    return cache[key]


def node_of(hire: Hire, dead_nodes: int) -> Node:
    accelerator = hire.accelerator
    whole = hire.devices >= accelerator.devices_per_node
    rack_scale = whole and accelerator.scaleup_domain > accelerator.devices_per_node
    domain = accelerator.scaleup_domain if rack_scale else min(accelerator.scaleup_domain, hire.devices)
    return Node(hire.devices, dead_nodes, whole, domain)


def may_serve(scenario: Scenario, workload: Workload, origin: str, region_id: str) -> bool:
    """Whether residency lets a region serve an origin."""
    if workload.residency is None or origin not in workload.residency:
        return True
    allowed = workload.residency[origin]
    return region_id in allowed or scenario.region(region_id).country in allowed
