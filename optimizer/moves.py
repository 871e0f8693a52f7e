"""A user's limit, moved: the scenario with one limit relaxed by a fraction, and how to say it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from physics.changes import LIMIT as CHANGES
from physics.changes import move_size
from physics.layout import Elastic
from scenarios.schema import Scenario

CAPS = {
    "budget": "budget_usd_per_year",
    "carbon": "carbon_kg_per_year",
    "water": "water_litres_per_year",
    "energy": "energy_kwh_per_year",
}

COUNTS = ("quota", "min", "max", CHANGES)
COUNT_TOLERANCE = 1e-7
MARGIN = 2e-3
"""A limit is moved this much further than the least, so that the repaired question is not on the edge."""


@dataclass(frozen=True)
class Move:
    """A limit that moves from `start` to `to` (None: dropped), `unit` as in its reading."""

    limit: str
    key: str
    wall: str
    start: float | str
    to: float | str | None
    unit: str
    scenario: Scenario


def step(limit: Elastic, wanted: float, node_devices: float, regions: int) -> float | None:
    """The move to try for a relaxation by `wanted` (below 0: a tightening); None where there is no such move.

    A quota moves by whole nodes of `node_devices`, counts of regions and of changed nodes by whole ones, at least one.
    No share rises above 1, and no more regions are asked for than there are.
    """
    kind = limit.name.split()[0]
    whole = {"quota": node_devices, "min": 1.0, "max": 1.0, CHANGES: 1.0}.get(kind)
    by = wanted
    if whole:
        of = size(limit.name, limit.value)
        by = math.copysign(max(math.ceil(abs(wanted) * of / whole - 1e-9), 1) * whole / of, wanted)
    to = relaxed_value(limit, by)
    if kind in ("node", "region", "spot") and to > 1.0:
        by, to = abs(1.0 / limit.value - 1.0) * math.copysign(1.0, wanted), 1.0
    least, most = {"min": (1, regions), "max": (1, regions), "quota": (0, math.inf), CHANGES: (0, math.inf)}.get(
        kind, (0.0, math.inf)
    )
    return by if abs(by) > 1e-9 and least - 1e-9 <= to <= most + 1e-9 else None


def size(limit: str, value: float) -> float:
    """By how much a relaxation of 100 % moves a limit: its value, and one node where no change is allowed."""
    return move_size(value) if limit == CHANGES else value


def relaxed_value(limit: Elastic, by: float) -> float:
    """Value of the limit once it is relaxed by the fraction `by`."""
    downwards = limit.name.split()[0] in ("demand", "node", "region", "min")
    return limit.value + (-by if downwards else by) * size(limit.name, limit.value)


def a_bit_more(limit: Elastic, by: float) -> float:
    """A little more than the least relaxation; counts are rounded to the next whole one, so they need no margin."""
    if limit.name.split()[0] in COUNTS:
        return max(by - COUNT_TOLERANCE, 0.0)
    return min(by + MARGIN * (1 + by), limit.most)


def moved(scenario: Scenario, limit: Elastic, by: float) -> Move:
    """The scenario with `limit` relaxed by the fraction `by`; counts are rounded so that the relaxation is kept."""
    words = limit.name.split()
    kind, value = words[0], relaxed_value(limit, by)
    if kind in CAPS:
        changed = scenario.replace(f"limits.{CAPS[kind]}", value)
    elif kind == "quota":
        value = float(math.ceil(value - 1e-9))
        use = scenario.regions[words[2]]
        changed = _with_region(scenario, words[2], {"quota": {**use.quota, words[1]: int(value)}})
    elif kind == "site":
        changed = _with_region(scenario, words[2], {"site_power_w": value})
    elif kind == "demand":
        changed = _scaled_demand(scenario, words[1], 1 - by)
    elif kind in ("node", "region"):
        failure = getattr(scenario.failures, kind).model_copy(update={"share": value})
        changed = with_part(scenario, "failures", {kind: failure})
    elif kind in ("min", "max"):
        value = float(math.floor(value + 1e-9) if kind == "min" else math.ceil(value - 1e-9))
        value = max(value, 1.0)
        changed = with_part(scenario, "limits", {f"{kind}_regions": int(value)})
    elif kind == CHANGES:
        assert scenario.today is not None
        value = float(math.ceil(value - 1e-9))
        allowed = scenario.today.changes.model_copy(update={"limit": int(value)})
        changed = with_part(scenario, "today", {"changes": allowed})
    elif kind in ("itl", "ttft"):
        asked = getattr(scenario.workloads[words[1]], kind).model_copy(update={"limit_s": value})
        changed = with_workload(scenario, words[1], {kind: asked})
    elif kind == "spot":
        spot = scenario.procurement.spot
        assert spot is not None
        value = min(value, 1.0)
        changed = with_part(scenario, "procurement", {"spot": spot.model_copy(update={"max_share": value})})
    else:
        raise ValueError(f"limit {limit.name} has no value that could move")
    return Move(limit.name, limit.key, limit.wall, limit.value, value, limit.unit, changed)


def _copy(scenario: Scenario, update: dict) -> Scenario:
    """A copy with the same catalog; pydantic copies private attributes along."""
    return scenario.model_copy(update=update)


def with_part(scenario: Scenario, part: str, update: dict) -> Scenario:
    """A copy with some values of one part changed."""
    return _copy(scenario, {part: getattr(scenario, part).model_copy(update=update)})


def _with_region(scenario: Scenario, region: str, update: dict) -> Scenario:
    return _copy(
        scenario, {"regions": {**scenario.regions, region: scenario.regions[region].model_copy(update=update)}}
    )


def with_workload(scenario: Scenario, name: str, update: dict) -> Scenario:
    """A copy with some values of one workload changed."""
    workload = scenario.workloads[name].model_copy(update=update)
    return _copy(scenario, {"workloads": {**scenario.workloads, name: workload}})


def _scaled_demand(scenario: Scenario, name: str, factor: float) -> Scenario:
    demand = {
        origin: tuple(rate * factor for rate in rates) for origin, rates in scenario.workloads[name].demand.items()
    }
    return with_workload(scenario, name, {"demand": demand})


def latency_limits(scenario: Scenario) -> list[Elastic]:
    """TTFT and ITL limits. They gate candidates, so they move by pricing again and not by a column."""
    found = []
    for workload in scenario.workloads.values():
        for kind, asked, wall in (("ttft", workload.ttft, "tail_latency"), ("itl", workload.itl, "serving")):
            if asked is not None:
                says = f"{kind.upper()} of {workload.name} within its limit"
                found.append(
                    Elastic(
                        f"{kind} {workload.name}",
                        f"workloads.{workload.name}.{kind}",
                        wall,
                        asked.limit_s,
                        "s",
                        says,
                        -1,
                    )
                )
    return found
