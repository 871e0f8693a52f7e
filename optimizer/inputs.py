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
from collections.abc import Mapping

from optimizer.moves import with_part, with_workload
from optimizer.scaled_catalog import ScaledCatalog
from scenarios.check_names import nearest
from scenarios.errors import Problem, ScenarioError
from scenarios.inputs import Input, Kind, Served, efficiencies, inputs, purchase_usd
from scenarios.schema import Scenario
from scenarios.schema_supply import InstancePrices, RegionUse

__all__ = ["Input", "Kind", "fastest", "inputs", "scaled"]


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
    rents = 1.0
    speeds: dict[Served, float] = {}
    for name, factor in moved.items():
        one = known[name]
        if one.kind == "demand":
            scenario = _with_demand(scenario, one.of, factor)
        elif one.kind == "purchase":
            scenario = _with_purchase(scenario, one.of, factor)
        elif one.kind == "rental":
            scenario, rents = _with_rents(scenario, factor), factor
        elif one.kind == "efficiency":
            speeds[efficiencies(scenario)[name]] = _possible(scenario, name, factor)
        else:
            scenario = _with_region(scenario, one, factor)
    return _with_catalog(scenario, rents, speeds) if rents != 1.0 or speeds else scenario


def fastest(scenario: Scenario, name: str) -> float:
    """The largest factor of an efficiency, by the input's name: there a step reaches a peak of the data sheet."""
    generation, engine = efficiencies(scenario)[name]
    device = next(d for d in scenario.accelerators if scenario.catalog.accelerators[d].generation == generation)
    own = scenario.catalog.efficiency(device, engine)
    return 1.0 / (max(own.prefill_compute, own.decode_compute, own.decode_bandwidth) * own.speed)


def _problem(scenario: Scenario, name: str, message: str, hint: str) -> ScenarioError:
    return ScenarioError(Problem(scenario.source, None, name, message, hint))


def _with_demand(scenario: Scenario, workload: str, factor: float) -> Scenario:
    asked = scenario.workloads[workload].demand
    demand = {origin: tuple(rate * factor for rate in rates) for origin, rates in asked.items()}
    return with_workload(scenario, workload, {"demand": demand})


def _with_purchase(scenario: Scenario, accelerator: str, factor: float) -> Scenario:
    owned, price = scenario.procurement.owned, purchase_usd(scenario, accelerator)
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


def _possible(scenario: Scenario, name: str, factor: float) -> float:
    most = fastest(scenario, name)
    if factor > most:
        says = f"cannot be multiplied by {factor:g}: a step would pass the peak of the data sheet"
        raise _problem(scenario, name, says, f"at most by {math.floor(most * 1000) / 1000:g}")
    return factor
