"""What a scenario could have besides: one more region, precision, accelerator or way of buying.

An addition takes the scenario's own defaults: a new region has the largest quota that the scenario's regions have of
each accelerator, a new accelerator the largest that a region has of any. Residency is never touched. What needs a
figure that only the user knows (a reserved discount, the availability of spot) is not tried.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from optimizer.moves import with_part, with_workload
from optimizer.plan import Change
from physics import fidelity
from scenarios.catalog import Accelerator, Region
from scenarios.schema import Scenario
from scenarios.schema_supply import OnDemand, Owned, RegionUse

NEAREST, CLEANEST, ACCELERATORS = 1, 1, 2


@dataclass(frozen=True)
class Addition:
    """One thing more, and the scenario that has it."""

    change: Change
    scenario: Scenario
    says: str


def additions(scenario: Scenario) -> list[Addition]:
    """What is tried: the nearest and the cleanest region, smaller precisions, two accelerators, ways of buying."""
    return [
        *_regions(scenario),
        *_precisions(scenario),
        *_accelerators(scenario),
        *_procurements(scenario),
    ]


def added(scenario: Scenario, key: str, what: str) -> Scenario:
    """The scenario with one thing more, named as in a `Change`: `added(scenario, "regions", "aws/us-east-2")`."""
    if key == "regions":
        return scenario.model_copy(update={"regions": {**scenario.regions, what: _like_the_others(scenario, what)}})
    if key == "accelerators":
        changed = scenario.model_copy(update={"accelerators": (*scenario.accelerators, what)})
        return changed.model_copy(
            update={"regions": {name: _with_quota(use, what) for name, use in scenario.regions.items()}}
        )
    if key == "procurement":
        return with_part(scenario, "procurement", {what: {"owned": Owned, "on_demand": OnDemand}[what]()})
    workload = key.split(".")[1]
    return with_workload(scenario, workload, {"precisions": (*scenario.workloads[workload].precisions, what)})


def _addition(scenario: Scenario, key: str, what: str, says: str) -> Addition:
    change = Change(limit="", key=key, start=None, to=what, unit="")
    return Addition(change, added(scenario, key, what), says)


def _largest(quotas: Iterable[int | str]) -> int | str:
    """The largest of some quotas; unlimited beats a number, a number beats an unknown one."""
    known = list(quotas)
    if "unlimited" in known:
        return "unlimited"
    return max((quota for quota in known if isinstance(quota, int)), default="unknown")


def _quota(use: RegionUse, accelerator: str) -> int | str:
    return use.quota.get(accelerator, use.quota_default or "unknown")


def _like_the_others(scenario: Scenario, region: str) -> RegionUse:
    uses = scenario.regions.values()
    quota = {name: _largest(_quota(use, name) for use in uses) for name in scenario.accelerators}
    return next(iter(uses)).model_copy(
        update={
            "name": region,
            "quota": quota,
            "quota_default": None,
            **dict.fromkeys(("site_power_w", "pue", "electricity_usd_per_kwh", "wue_l_per_kwh")),
            "carbon_kg_per_kwh": {},
        }
    )


def _with_quota(use: RegionUse, accelerator: str) -> RegionUse:
    if accelerator in use.quota or use.quota_default:
        return use
    return use.model_copy(update={"quota": {**use.quota, accelerator: _largest(use.quota.values())}})


def _regions(scenario: Scenario) -> list[Addition]:
    """Regions of the same providers: the nearest to the demand and the cleanest, with every figure that is needed."""
    catalog, basis = scenario.catalog, scenario.carbon_basis
    providers = {catalog.regions[name].provider for name in scenario.regions}
    others = [catalog.regions[name] for name in catalog.regions if name not in scenario.regions]
    buying = scenario.procurement.owned is not None
    others = [
        region
        for region in others
        if region.provider in providers
        and basis in region.carbon_kg_per_kwh
        and (region.electricity_usd_per_kwh is not None or not buying)
        and (buying or any(catalog.instances_in(region.id, name) for name in scenario.accelerators))
    ]
    far = {region.id: _mean_round_trip_s(scenario, region) for region in others}
    clean = {region.id: region.pue * region.carbon_kg_per_kwh[basis] for region in others}
    near = sorted(others, key=lambda region: (far[region.id], region.id))[:NEAREST]
    green = [one for one in sorted(others, key=lambda region: (clean[region.id], region.id)) if one not in near]
    return [
        _addition(scenario, "regions", region.id, f"add the region {region.id} ({region.city})")
        for region in (*near, *green[:CLEANEST])
    ]


def _mean_round_trip_s(scenario: Scenario, region: Region) -> float:
    """Mean over the requests, P50."""
    total, seconds = 0.0, 0.0
    for workload in scenario.workloads.values():
        for origin, rates in workload.demand.items():
            trip = scenario.catalog.round_trip(scenario.origins[origin].near, region.id)
            total += sum(rates)
            seconds += sum(rates) * trip.p50_s
    return seconds / total if total else 0.0


def _precisions(scenario: Scenario) -> list[Addition]:
    """Those that make weights smaller than every allowed one does, on an accelerator that has them natively."""
    found = []
    for name, workload in scenario.workloads.items():
        for precision in fidelity.PRECISIONS:
            devices = [scenario.catalog.accelerators[a] for a in scenario.accelerators]
            smaller = any(_smaller(device, precision, workload.precisions) for device in devices)
            declared = workload.quality_loss
            lost = declared.of(precision) if declared else None
            too_much = declared is not None and declared.limit is not None and (lost is None or lost > declared.limit)
            if smaller and not too_much:
                says = f"let {name} run in {precision}"
                found.append(_addition(scenario, f"workloads.{name}.precisions", precision, says))
    return found


def _smaller(device: Accelerator, precision: str, allowed: tuple[str, ...]) -> bool:
    if fidelity.compute_rate(device, precision) is None:
        return False
    native = [one for one in allowed if fidelity.compute_rate(device, one) is not None]
    size = fidelity.weight_bytes_per_parameter(precision)
    return all(size < fidelity.weight_bytes_per_parameter(one) - 1e-12 for one in native)


def _accelerators(scenario: Scenario) -> list[Addition]:
    """Those with a known price, by the memory bandwidth that a dollar buys, largest first."""
    catalog = scenario.catalog
    worth: dict[str, float] = {}
    for name in catalog.accelerators:
        device = catalog.accelerators[name]
        price = None if name in scenario.accelerators else _usd_per_year(scenario, device)
        if price:
            worth[name] = device.hbm_bytes_per_s / price
    best = sorted(worth, key=lambda name: (-worth[name], name))[:ACCELERATORS]
    return [
        _addition(scenario, "accelerators", name, f"allow {catalog.accelerators[name].title or name}") for name in best
    ]


def _usd_per_year(scenario: Scenario, device: Accelerator) -> float | None:
    """Least price of a device and year as the scenario buys, without electricity; None where none is known."""
    asked, prices = scenario.procurement, []
    if asked.owned is not None and asked.owned.accelerators is None:
        price = asked.owned.prices.get(device.name, device.purchase_usd)
        if price:
            prices.append(price * asked.owned.infrastructure_multiplier / asked.owned.years)
    if asked.on_demand is not None:
        for region in scenario.regions:
            for instance in scenario.catalog.instances_in(region, device.name):
                if instance.on_demand_usd_per_h and not instance.unusable:
                    prices.append(instance.on_demand_usd_per_h * 8760.0 / instance.devices)
    return min(prices, default=None)


def _procurements(scenario: Scenario) -> list[Addition]:
    found = []
    if scenario.procurement.owned is None:
        found.append(_addition(scenario, "procurement", "owned", "let nodes be bought"))
    if scenario.procurement.on_demand is None:
        found.append(_addition(scenario, "procurement", "on_demand", "let nodes be rented by the hour"))
    return found
