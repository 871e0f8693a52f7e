"""Tiny questions with a few draws each, and the best fleet for them by enumeration.

A fleet is judged in every draw by the rules of the independent check alone. What a limit rules out in a draw stands
idle there. Draws are made by hand from factors on demand, speed and prices.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer.inputs import inputs, scaled
from optimizer.verify_judge import Judge
from optimizer.verify_judge_lp import GOALS, cheapest
from optimizer.verify_judge_types import Judgement
from optimizer.verify_nodes import NodeFacts
from optimizer.verify_types import PoolKey
from scenarios.schema import Scenario
from tests.optimizer.brute_force import hires, ways
from tests.optimizer.cases import EAST, NORTH, chat, small_scenario

KINDS = ("plain", "node loss", "carbon", "budget", "batches", "regions")
Fleet = tuple[int, ...]


def question(kind: str, seed: int) -> tuple[Scenario, list[Scenario]]:
    """A scenario and its draws."""
    rng = random.Random(f"{kind} {seed}")
    changes: dict[str, Any] = {
        "regions": {EAST: {"quota": {"l40s": 6, "h100-sxm": 2}, "carbon": {"direct": "300 g/kWh"}}},
        "procurement": {"owned": {"prices": {"l40s": rng.choice(("$8,000", "$14,000"))}}},
    }
    mine = {"precisions": ["fp8"], "batch": [rng.choice((8, 16, 32))], "demand": {"east": rng.uniform(6, 20)}}
    if kind == "node loss":
        changes["failures"] = {"node": {"served": f"{rng.choice((50, 70))}%", "scope": "total"}}
    if kind == "batches":  # the larger one is too slow where devices are
        mine |= {"batch": [8, 32], "itl": {"limit": f"{rng.uniform(20, 32):.2f} ms", "percentile": "mean"}}
        changes["accelerators"] = ["l40s"]
    if kind == "regions":
        changes["regions"][NORTH] = {"quota": {"l40s": 6}}
        changes["regions"][EAST]["quota"] = {"l40s": 6}
        changes["accelerators"] = ["l40s"]
        changes["limits"] = {"min_regions": 2, "min_region_share": f"{rng.choice((20, 45))}%"}
    scenario = small_scenario(workloads=chat(**mine), **changes)
    count = rng.choice((3, 4, 5))
    drawn = [_draw(rng, scenario, hard=k == 0) for k in range(count)]
    rng.shuffle(drawn)
    if kind in ("carbon", "budget"):
        account = {"carbon": "kg_co2e_per_year", "budget": "usd_per_year"}[kind]
        best = enumerated(scenario, drawn[:1], 1)
        least = (best.accounts.get(account) or 1e6) * rng.uniform(1.15, 1.5)
        value = f"{least / 1e3:.4f} t/yr" if kind == "carbon" else f"${least:.2f}/yr"
        scenario, *drawn = (one.replace(f"limits.{kind}", value) for one in (scenario, *drawn))
    return scenario, drawn


def _draw(rng: random.Random, scenario: Scenario, hard: bool) -> Scenario:
    """One draw; a hard one has much demand on slow devices, dear and dirty."""
    spans = {"demand": (0.8, 1.2), "efficiency": (0.85, 1.05), "purchase": (0.8, 1.1), "carbon": (0.7, 1.1)}
    if hard:
        spans = {"demand": (1.3, 1.7), "efficiency": (0.75, 0.9), "purchase": (1.1, 1.3), "carbon": (1.1, 1.5)}
    factors = {one.name: rng.uniform(*spans[one.kind]) for one in inputs(scenario) if one.kind in spans}
    return scaled(scenario, factors)


@dataclass
class Best:
    """The best fleet that breaks a limit in at most so many draws, and what it costs today; infinite where none is."""

    value: float
    fleet: Fleet
    broken: tuple[int, ...]
    accounts: dict[str, float]


def enumerated(scenario: Scenario, drawn: Sequence[Scenario], most: int, idle: Sequence[float] | None = None) -> Best:
    """The cheapest fleet, over the mean of the draws, of all within the quotas.

    `idle` is what the requests of each draw count with where it is given up.
    """
    judges = [Judge(one) for one in (scenario, *drawn)]
    idle = idle or [0.0] * len(drawn)
    pools = _pools(judges[0])
    best = Best(math.inf, (), (), {})
    fleets = []
    for fleet in itertools.product(*(range(top + 1) for _, _, top in pools)):
        counts = {(key, way): (number,) for (key, way, _), number in zip(pools, fleet, strict=True) if number}
        nodes = judges[0].least_nodes(counts)
        if not judges[0].supply(nodes):
            fixed = [judge.fixed(nodes)[GOALS[scenario.objective.account]] for judge in judges]
            least = float(np.mean([a + b for a, b in zip(fixed[1:], idle, strict=True)]))
            fleets.append((least, fleet, counts, nodes, fixed))
    for least, fleet, counts, nodes, fixed in sorted(fleets, key=lambda one: one[0]):
        if least >= best.value:
            break
        judged = [_judged(judge, counts, nodes) for judge in judges]
        broken = tuple(k for k, one in enumerate(judged[1:], start=1) if not one.feasible)
        if not judged[0].feasible or len(broken) > most:
            continue
        given_up = [fixed[k] + idle[k - 1] for k in range(1, len(judges))]
        bills = [one.objective if one.feasible else up for one, up in zip(judged[1:], given_up, strict=True)]
        saved = sorted((bill - up for bill, up in zip(bills, given_up, strict=True)), reverse=True)
        value = (sum(bills) - sum(max(one, 0.0) for one in saved[: most - len(broken)])) / len(drawn)
        if value < best.value:
            best = Best(value, fleet, broken, judged[0].accounts)
    return best


def _pools(judge: Judge) -> list[tuple[PoolKey, str, int]]:
    """(pool, procurement, most replicas) of everything that can run in the scenario as it stands."""
    found = []
    for hire in hires(judge.scenario):
        facts = judge.world.node(hire)
        if not isinstance(facts, NodeFacts):
            continue
        for way in ways(judge.scenario):
            if way.accelerator == facts.accelerator and not (facts.devices % way.devices):
                for serves in judge.classes(way.workload, hire.region):
                    top = int(judge.world.quota(hire.region, facts.accelerator) // way.devices)
                    key = PoolKey(hire.region, hire.offer, way, serves)
                    if not judge.runs_at_all(key, hire.procurement):
                        found.append((key, hire.procurement, top))
    return found


def _judged(judge: Judge, counts, nodes) -> Judgement:
    """What a draw says of a fleet whose nodes stand, whichever of its pools may run there."""
    able = {key: number for key, number in counts.items() if not judge.runs_at_all(*key)}
    for slot in judge.world.slots:
        why = judge.losses(able, slot)
        if why:
            return Judgement(False, why=why)
    return cheapest(judge, able, nodes)
