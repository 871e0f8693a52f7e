"""What a scenario could have besides: one more region, precision, accelerator or way of buying.

What might be had is listed under the scenario's `repair.additions`, else it is chosen from the catalog. An addition
takes the scenario's own defaults: a new region has the largest quota that the scenario's regions have of each
accelerator, a new accelerator the largest that a region has of any. Residency is never touched. Reserved and spot nodes
need a figure that only the user knows (the discount, the availability), so they are tried where it is given.
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

HAD_ANYWAY = {"owned": Owned, "on_demand": OnDemand}
WITH_FIGURES = ("reserved", "spot")

NEAREST, CLEANEST, ACCELERATORS = 1, 1, 2


@dataclass(frozen=True)
class Addition:
    """One thing more, and the scenario that has it."""

    change: Change
    scenario: Scenario
    says: str

    @property
    def listed(self) -> bool:
        """Whether the scenario asks for it, by name or by its figures."""
        asked = self.scenario.repair.additions
        by_key = {"regions": asked.regions, "accelerators": asked.accelerators}
        if self.change.key == "procurement":
            return self.change.to in WITH_FIGURES
        return by_key.get(self.change.key, asked.precisions) is not None

    @property
    def family(self) -> str:
        """Of the additions of one family, those that the catalog offers for the choice, the best one is enough."""
        alone = self.listed or self.change.key == "procurement"
        return f"{self.change.key} {self.change.to}" if alone else self.change.key


def additions(scenario: Scenario) -> list[Addition]:
    """What the scenario lists; else the nearest and the cleanest region, smaller precisions, two accelerators. Always
    ways of buying."""
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
        how = HAD_ANYWAY[what]() if what in HAD_ANYWAY else getattr(scenario.repair.additions, what)
        return with_part(scenario, "procurement", {what: how})
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
    """Those that the scenario lists, else of the same providers the nearest to the demand and the cleanest."""
    asked = scenario.repair.additions.regions
    if asked is None:
        others = _usable_regions(scenario)
        far = {region.id: _mean_round_trip_s(scenario, region) for region in others}
        clean = {region.id: region.pue * region.carbon_kg_per_kwh[scenario.carbon_basis] for region in others}
        near = sorted(far, key=lambda name: (far[name], name))[:NEAREST]
        green = [name for name in sorted(clean, key=lambda name: (clean[name], name)) if name not in near]
        asked = (*near, *green[:CLEANEST])
    cities = {name: scenario.catalog.regions[name].city for name in asked}
    return [
        _addition(scenario, "regions", name, f"add the region {name} ({city})")
        for name, city in cities.items()
        if name not in scenario.regions
    ]


def _usable_regions(scenario: Scenario) -> list[Region]:
    """Further regions of the same providers, with every figure that is needed."""
    catalog, basis = scenario.catalog, scenario.carbon_basis
    providers = {catalog.regions[name].provider for name in scenario.regions}
    buying = scenario.procurement.owned is not None
    return [
        region
        for name, region in catalog.regions.items()
        if name not in scenario.regions
        and region.provider in providers
        and basis in region.carbon_kg_per_kwh
        and (region.electricity_usd_per_kwh is not None or not buying)
        and (buying or any(catalog.instances_in(region.id, name) for name in scenario.accelerators))
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
    found, asked = [], scenario.repair.additions.precisions
    for name, workload in scenario.workloads.items():
        for precision in fidelity.PRECISIONS if asked is None else asked:
            devices = [scenario.catalog.accelerators[a] for a in scenario.accelerators]
            smaller = any(_smaller(device, precision, workload.precisions) for device in devices)
            wanted = smaller if asked is None else precision not in workload.precisions
            declared = workload.quality_loss
            lost = declared.of(precision) if declared else None
            too_much = declared is not None and declared.limit is not None and (lost is None or lost > declared.limit)
            if wanted and not too_much:
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
    """Those that the scenario lists, else of those with a known price the ones with most bandwidth for a dollar."""
    catalog, asked = scenario.catalog, scenario.repair.additions.accelerators
    if asked is None:
        worth: dict[str, float] = {}
        for name, device in catalog.accelerators.items():
            price = None if name in scenario.accelerators else _usd_per_year(scenario, device)
            if price:
                worth[name] = device.hbm_bytes_per_s / price
        asked = tuple(sorted(worth, key=lambda name: (-worth[name], name))[:ACCELERATORS])
    return [
        _addition(scenario, "accelerators", name, f"allow {catalog.accelerators[name].title or name}")
        for name in asked
        if name not in scenario.accelerators
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
    had, asked = scenario.procurement, scenario.repair.additions
    said = {
        "owned": "let nodes be bought",
        "on_demand": "let nodes be rented by the hour",
        "reserved": "let nodes be rented by the year",
        "spot": "let spot nodes be rented",
    }
    able = [*HAD_ANYWAY, *(how for how in WITH_FIGURES if getattr(asked, how) is not None)]
    return [_addition(scenario, "procurement", how, said[how]) for how in able if getattr(had, how) is None]
