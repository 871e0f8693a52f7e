"""The inputs that an answer leans on, by name, and the same question with some of them multiplied.

`inputs(scenario)` names them; `scaled(scenario, {name: factor})` is a copy in which they are multiplied, for the walls'
pricing and for the independent check alike. What each factor multiplies:

- demand: every rate of the workload, from all origins and in all slots;
- purchase price: the price of a device, and so its writing off and its maintenance;
- rental prices: every rent, the user's own and the catalog's: on demand, reserved and spot;
- electricity price, carbon intensity (on every basis), PUE: of the region; a PUE stays at 1 where it would fall below;
- efficiency: the speed of every predicted prefill and decode step of a generation of devices under an engine, so a
  factor of 1.1 divides both times by 1.1. What the user measured stays as measured, and so do ways calibrated by it. A
  speed at which a device would pass the peak of its data sheet is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from optimizer.moves import with_part, with_workload
from optimizer.scaled_catalog import ScaledCatalog, Served
from scenarios.check_names import nearest
from scenarios.errors import Problem, ScenarioError
from scenarios.schema import Scenario
from scenarios.schema_demand import Workload
from scenarios.schema_supply import InstancePrices, RegionUse

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


def inputs(scenario: Scenario) -> tuple[Input, ...]:
    """Every input that the plan of a scenario, or its bill in money and carbon, can depend on."""
    return (
        *(_demand(scenario, workload) for workload in scenario.workloads.values()),
        *_prices(scenario),
        *_regional(scenario),
        *(_efficiency(served) for served in _served(scenario)),
    )


def scaled(scenario: Scenario, factors: Mapping[str, float]) -> Scenario:
    """The scenario with the named inputs multiplied; the very same one where all factors are 1.

    ScenarioError for a name that is no input of the scenario, a factor that is no positive number, or a speed beyond a
    peak. Its digest, or its catalog's, differs from the unscaled one's.
    """
    known = {one.name: one for one in inputs(scenario)}
    for name, factor in factors.items():
        if name not in known:
            raise _problem(scenario, name, "is no input of this scenario", nearest(name, list(known)))
        if not (math.isfinite(factor) and factor > 0):
            raise _problem(scenario, name, f"cannot be multiplied by {factor:g}", "a factor is a number above 0")
    moved = {name: factor for name, factor in factors.items() if factor != 1.0}
    rents, speeds = 1.0, {}
    for name, factor in moved.items():
        one = known[name]
        if one.kind == "demand":
            scenario = _with_demand(scenario, one.of, factor)
        elif one.kind == "purchase":
            scenario = _with_purchase(scenario, one.of, factor)
        elif one.kind == "rental":
            scenario, rents = _with_rents(scenario, factor), factor
        elif one.kind == "efficiency":
            served = next(served for served in _served(scenario) if _efficiency(served).name == name)
            speeds[served] = _possible(scenario, served, name, factor)
        else:
            scenario = _with_region(scenario, one, factor)
    return _with_catalog(scenario, rents, speeds) if rents != 1.0 or speeds else scenario


def fastest(scenario: Scenario, name: str) -> float:
    """The largest factor of an efficiency: there a step reaches a peak of the data sheet."""
    served = next(served for served in _served(scenario) if _efficiency(served).name == name)
    return _fastest(scenario, served)


def served_efficiency(scenario: Scenario, name: str) -> tuple[Served, list[str]]:
    """Generation and engine that an efficiency's name speaks of, and the scenario's accelerators of the generation."""
    served = next(served for served in _served(scenario) if _efficiency(served).name == name)
    devices = [device for device in scenario.accelerators if _generation(scenario, device) == served[0]]
    return served, devices


def _problem(scenario: Scenario, name: str, message: str, hint: str) -> ScenarioError:
    return ScenarioError(Problem(scenario.source, None, name, message, hint))


# ---- what there is ----


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
        price = _purchase_usd(scenario, name)
        if price is not None and _may_be_had(scenario, name):
            key = f"procurement.owned.prices.{name}"
            yield Input(f"purchase price of {name}", "purchase", "capital", price, "USD", key, name)
    if asked.on_demand or asked.reserved or asked.spot:
        yield Input("rental prices", "rental", "capital", None, "")


def _purchase_usd(scenario: Scenario, name: str) -> float | None:
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


def _served(scenario: Scenario) -> list[Served]:
    """Generations that may be used, each under every engine that predicts something."""
    engines = dict.fromkeys(one.engine for one in scenario.workloads.values() if not one.only_measured)
    devices = [name for name in scenario.accelerators if _may_be_had(scenario, name)]
    generations = dict.fromkeys(_generation(scenario, name) for name in devices)
    return [(generation, engine) for generation in generations for engine in engines]


def _generation(scenario: Scenario, accelerator: str) -> str:
    return scenario.catalog.accelerators[accelerator].generation


def _efficiency(served: Served) -> Input:
    of = f"{served[0]} ({served[1]})"
    return Input(f"efficiency of {of}", "efficiency", "software", None, "", "", of)


# ---- with a factor ----


def _with_demand(scenario: Scenario, workload: str, factor: float) -> Scenario:
    asked = scenario.workloads[workload].demand
    demand = {origin: tuple(rate * factor for rate in rates) for origin, rates in asked.items()}
    return with_workload(scenario, workload, {"demand": demand})


def _with_purchase(scenario: Scenario, accelerator: str, factor: float) -> Scenario:
    owned, price = scenario.procurement.owned, _purchase_usd(scenario, accelerator)
    assert owned is not None and price is not None
    prices = {**owned.prices, accelerator: price * factor}
    return with_part(scenario, "procurement", {"owned": owned.model_copy(update={"prices": prices})})


def _with_rents(scenario: Scenario, factor: float) -> Scenario:
    """The user's own rents; those of the catalog come with the catalog."""
    ways = {name: getattr(scenario.procurement, name) for name in ("on_demand", "reserved")}
    update = {
        name: way.model_copy(update={"prices": _times(way.prices, factor)})
        for name, way in ways.items()
        if way is not None
    }
    return with_part(scenario, "procurement", update)


def _times(prices: InstancePrices, factor: float) -> InstancePrices:
    return {region: {name: usd * factor for name, usd in rows.items()} for region, rows in prices.items()}


def _with_region(scenario: Scenario, one: Input, factor: float) -> Scenario:
    assert one.value is not None
    use = scenario.regions[one.of]
    update: dict[str, object] = {}
    if one.kind == "pue":
        update["pue"] = max(1.0, one.value * factor)
    elif one.kind == "electricity":
        update["electricity_usd_per_kwh"] = one.value * factor
    else:
        known = scenario.region(one.of).carbon_kg_per_kwh
        update["carbon_kg_per_kwh"] = {basis: kg * factor for basis, kg in known.items()}
    new: RegionUse = use.model_copy(update=update)
    return scenario.model_copy(update={"regions": {**scenario.regions, one.of: new}})


def _with_catalog(scenario: Scenario, rents: float, speeds: Mapping[Served, float]) -> Scenario:
    copy = scenario.model_copy()
    copy._catalog = ScaledCatalog(scenario.catalog, rents, speeds)
    return copy


def _fastest(scenario: Scenario, served: Served) -> float:
    device = next(name for name in scenario.accelerators if _generation(scenario, name) == served[0])
    own = scenario.catalog.efficiency(device, served[1])
    return 1.0 / (max(own.prefill_compute, own.decode_compute, own.decode_bandwidth) * own.speed)


def _possible(scenario: Scenario, served: Served, name: str, factor: float) -> float:
    most = _fastest(scenario, served)
    if factor > most:
        says = f"cannot be multiplied by {factor:g}: a step would pass the peak of the data sheet"
        raise _problem(scenario, name, says, f"at most by {math.floor(most * 1000) / 1000:g}")
    return factor
