"""A plan held against another version of its scenario: which of the limits that it records are others there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from optimizer.plan import Part, Plan, Verification
from optimizer.verify_limits import asked_of
from optimizer.verify_world import World

Stated = tuple[str, str, str, float | None]
"""Name of a reading, how its place begins, its percentile ("" for any), and the limit that the scenario states."""


class LimitDiffers(Part):
    """A limit that the plan was made with, and that of the scenario it is held against."""

    limit: str
    where: str
    unit: str
    planned: float
    here: float | None
    """None where the scenario states none."""


class OtherVersion(Verification):
    """What became of a fleet in another version of its scenario: its limits and figures, not those the plan records."""

    made_for_another_version: Literal[True] = True
    differs: list[LimitDiffers] = []
    accounts: dict[str, float] = {}
    """Money, carbon and the others that are known, recomputed from this scenario."""


def limits_that_differ(world: World, plan: Plan) -> list[LimitDiffers]:
    """Every recorded limit of the user's that the scenario does not have, or has otherwise; once for a place."""
    stated, found = list(_stated(world)), dict[tuple[str, str], LimitDiffers]()
    for reading in plan.readings:
        limits = [
            limit
            for name, where, percentile, limit in stated
            if name == reading.name and reading.where.startswith(where) and percentile in ("", reading.percentile)
        ]
        if reading.limit is None or not limits or (limits[0] is not None and _near(reading.limit, limits[0])):
            continue
        where = next(where for name, where, *_ in stated if name == reading.name and reading.where.startswith(where))
        place = where.removesuffix(" in ").removesuffix(": ")
        told = LimitDiffers(limit=reading.name, where=place, unit=reading.unit, planned=reading.limit, here=limits[0])
        found.setdefault((reading.name, place), told)
    return list(found.values())


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other)) + 1e-9


def _stated(world: World) -> Iterator[Stated]:
    """The scenario's limits as a plan records them."""
    scenario, limits = world.scenario, world.scenario.limits
    yield "budget", "", "", limits.budget_usd_per_year
    yield "carbon", "", "", limits.carbon_kg_per_year
    yield "water", "", "", limits.water_litres_per_year
    yield "energy", "", "", limits.energy_kwh_per_year
    yield "min regions", "", "", limits.min_regions
    yield "max regions", "", "", limits.max_regions
    if scenario.today is not None:
        yield "changes", "", "", scenario.today.changes.limit
    for what in ("node", "region"):
        rule = getattr(scenario.failures, what)
        yield f"served after a {what} loss", "", "", None if rule is None else rule.share
    for region, use in scenario.regions.items():
        yield "site power", region, "", use.site_power_w
        for accelerator in scenario.accelerators:
            quota = world.quota(region, accelerator)
            yield "quota", f"{accelerator} in {region}", "", None if math.isinf(quota) else quota
    for name, workload in scenario.workloads.items():
        for what, limit in (("TTFT", workload.ttft), ("ITL", workload.itl)):
            of = f"{name}: " if what == "TTFT" else f"{name} in "
            asked = "" if limit is None else "mean" if limit.percentile == "mean" else f"P{limit.percentile:g}"
            yield what, of, asked, None if limit is None else limit.limit_s
        for slot in world.slots:
            yield "demand served", f"{name} ({slot})", "", asked_of(world, name, slot)
