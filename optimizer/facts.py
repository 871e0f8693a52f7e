"""Facts of a scenario as the layout takes them: limits, loss rules, slots, carbon."""

from __future__ import annotations

import numpy as np

from optimizer.tables import Question
from physics.layout import LossRule
from scenarios.schema import Scenario
from scenarios.schema_supply import Failure


def loss_rule(failure: Failure | None, what: str) -> LossRule | None:
    if failure is None:
        return None
    over = "in total" if failure.scope == "total" else "of every origin"
    return LossRule(
        failure.share, failure.scope, f"after {what} is lost, {failure.share:.0%} of the demand {over} is still served"
    )


def caps(scenario: Scenario) -> dict[str, float]:
    limits = scenario.limits
    named = {
        "budget": limits.budget_usd_per_year,
        "carbon": limits.carbon_kg_per_year,
        "water": limits.water_litres_per_year,
        "energy": limits.energy_kwh_per_year,
    }
    return {name: cap for name, cap in named.items() if cap is not None}


def closing(question: Question) -> dict[str, tuple[float, str, str]]:
    closing: dict[str, tuple[float, str, str]] = {}
    for work in question.workloads:
        if work.itl:
            closing[f"itl {work.name}"] = (
                work.itl.limit_s,
                "s",
                f"inter-token latency of {work.name} within its limit",
            )
        if work.ttft:
            closing[f"ttft {work.name}"] = (
                work.ttft.limit_s,
                "s",
                f"time to first token of {work.name} within its limit",
            )
        closing[f"precisions {work.name}"] = (
            float(len(work.precisions)),
            "precisions",
            f"{work.name} runs in {', '.join(work.precisions)} only",
        )
    return closing


def quotas(question: Question, regions: tuple[str, ...]) -> dict[tuple[int, str], float]:
    return {
        (regions.index(hire.region), hire.accelerator.name): hire.quota_devices
        for hire in question.offers.hires
        if np.isfinite(hire.quota_devices)
    }


def previous_slots(scenario: Scenario) -> np.ndarray:
    """The slot before each slot on the same day, cyclic."""
    days: dict[str, list[int]] = {}
    for t, slot in enumerate(scenario.slots):
        days.setdefault(slot.day, []).append(t)
    previous = np.zeros(len(scenario.slots), dtype=np.intp)
    for day in days.values():
        for place, t in enumerate(day):
            previous[t] = day[place - 1]
    return previous


def carbon_by_slot(scenario: Scenario, region_id: str) -> np.ndarray:
    """[slot] kg CO2e/kWh on the scenario's basis; an hourly shape is scaled so that the year's mean stays."""
    region = scenario.region(region_id)
    annual = region.carbon_kg_per_kwh[scenario.carbon_basis]
    hours = np.array([slot.hours for slot in scenario.slots])
    shape = np.ones(len(hours))
    if region.hourly_shape is not None and all(slot.start_hour is not None for slot in scenario.slots):
        curve = np.array(region.hourly_shape)
        for t, slot in enumerate(scenario.slots):
            covered = (np.arange(int(np.ceil(slot.length_h))) + int(slot.start_hour or 0)) % 24
            shape[t] = curve[covered].mean()
        shape /= (shape * hours).sum() / hours.sum()
    return annual * shape
