"""The inputs that an answer leans on, by name: demand, prices, grids and efficiencies, one by one and by kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from scenarios.schema import Scenario
    from scenarios.schema_demand import Workload

Served = tuple[str, str]
"""Generation of devices, and the engine that a workload runs under."""
Kind = Literal["demand", "purchase", "rental", "electricity", "carbon", "pue", "efficiency"]


@dataclass(frozen=True)
class Input:
    """One figure, or one group of figures, that a question can be asked again with.

    Attributes:
        name: what it is called, unique in a scenario: "demand of chat", "PUE in aws/us-east-1".
        kind: what sort of figure it is.
        wall: the wall that reads it.
        value, unit: what it is today; None and "" where one factor moves many figures.
        key: path of the scenario's key, "" where the figures are the catalog's.
        of: what it belongs to: a workload, an accelerator, a region, or "generation (engine)"; "" for all rents.
    """

    name: str
    kind: Kind
    wall: str
    value: float | None
    unit: str
    key: str = ""
    of: str = ""


KINDS: dict[str, Kind] = {
    "demand": "demand",
    "purchase prices": "purchase",
    "rental prices": "rental",
    "electricity": "electricity",
    "carbon": "carbon",
    "PUE": "pue",
    "efficiency": "efficiency",
}
"""What all inputs of a kind are called together."""


def inputs(scenario: Scenario) -> tuple[Input, ...]:
    """Every input that the plan of a scenario, or its bill in money and carbon, can depend on."""
    return (
        *(_demand(scenario, workload) for workload in scenario.workloads.values()),
        *_prices(scenario),
        *_regional(scenario),
        *(
            Input(name, "efficiency", "software", None, "", "", f"{served[0]} ({served[1]})")
            for name, served in efficiencies(scenario).items()
        ),
    )


def _demand(scenario: Scenario, workload: Workload) -> Input:
    """Requests a second of all origins, the mean over the year."""
    hours = [slot.hours for slot in scenario.slots]
    total = sum(rate * hour for rates in workload.demand.values() for rate, hour in zip(rates, hours, strict=True))
    key = f"workloads.{workload.name}.demand"
    name = f"demand of {workload.name}"
    return Input(name, "demand", "serving", total / sum(hours), "requests/s", key, workload.name)


def _prices(scenario: Scenario) -> Iterable[Input]:
    asked = scenario.procurement
    for name in scenario.accelerators if asked.owned is not None else ():
        price = purchase_usd(scenario, name)
        if price is not None and _may_be_had(scenario, name):
            key = f"procurement.owned.prices.{name}"
            yield Input(f"purchase price of {name}", "purchase", "capital", price, "USD", key, name)
    if asked.on_demand or asked.reserved or asked.spot:
        yield Input("rental prices", "rental", "capital", None, "")


def purchase_usd(scenario: Scenario, name: str) -> float | None:
    owned = scenario.procurement.owned
    if owned is None or (owned.accelerators is not None and name not in owned.accelerators):
        return None
    return owned.prices.get(name, scenario.catalog.accelerators[name].purchase_usd)


def _may_be_had(scenario: Scenario, accelerator: str) -> bool:
    quotas = [use.quota.get(accelerator, use.quota_default or "unknown") for use in scenario.regions.values()]
    return any(quota not in (0, "unknown") for quota in quotas)


def _regional(scenario: Scenario) -> Iterable[Input]:
    for name in scenario.regions:
        region, key = scenario.region(name), f"regions.{name}"
        price, carbon = region.electricity_usd_per_kwh, region.carbon_kg_per_kwh.get(scenario.carbon_basis)
        if price and scenario.procurement.owned is not None:
            label = f"electricity price in {name}"
            yield Input(label, "electricity", "capital", price, "USD/kWh", f"{key}.electricity", name)
        if carbon:
            label = f"carbon intensity in {name}"
            yield Input(label, "carbon", "sustainability", carbon, "kg CO2e/kWh", f"{key}.carbon", name)
        yield Input(f"PUE in {name}", "pue", "sustainability", region.pue, "", f"{key}.pue", name)


def efficiencies(scenario: Scenario) -> dict[str, Served]:
    """Generations that may be used, each under every engine that predicts something, by the input's name."""
    engines = dict.fromkeys(one.engine for one in scenario.workloads.values() if not one.only_measured)
    devices = [name for name in scenario.accelerators if _may_be_had(scenario, name)]
    generations = dict.fromkeys(scenario.catalog.accelerators[name].generation for name in devices)
    return {f"efficiency of {name} ({engine})": (name, engine) for name in generations for engine in engines}
