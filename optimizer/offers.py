"""What may be bought where: every (region, node type, procurement), its price a node and its power."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from optimizer.plan import Rejected
from optimizer.today import devices_there, owned_offer, standing, stays
from physics import capital, sustainability
from scenarios.catalog import Accelerator, Instance, Region
from scenarios.check_today import owned_devices
from scenarios.schema import Scenario
from scenarios.schema_supply import Owned

HOURS_PER_YEAR = 8760.0
EMBODIED_YEARS_WHEN_RENTED = 4.0


@dataclass(frozen=True)
class Hire:
    """One way to have nodes of one type in one region. Figures are per node."""

    region: str
    offer: str
    procurement: str
    accelerator: Accelerator
    devices: int
    timed: bool
    usd_per_year: dict[str, float] = field(default_factory=dict)
    usd_per_hour: float = 0.0
    startup_h: float = 0.0
    pays_energy: bool = False
    availability: float = 1.0
    embodied_years: float = EMBODIED_YEARS_WHEN_RENTED
    quota_devices: float = np.inf
    new: bool = True
    """Whether nodes can be had that are not there today."""
    held: bool = False
    """Whether nodes of today's fleet are there, or may be moved there."""

    @property
    def idle_w(self) -> float:
        """Power of the idle node, W."""
        return self._power_w(0.0)

    @property
    def load_w(self) -> float:
        """Power that full load adds, W."""
        return self._power_w(1.0) - self._power_w(0.0)

    def _power_w(self, busy: float) -> float:
        device = self.accelerator
        tdp_w = self.devices * device.tdp_w
        return float(sustainability.server_power_w(tdp_w, busy, device.idle_power_ratio, device.load_power_ratio))

    @property
    def nameplate_w(self) -> float:
        """Rated power of the node with its part of the server's host, W."""
        part = min(1.0, self.devices / self.accelerator.devices_per_node)
        return self.devices * self.accelerator.tdp_w + (self.accelerator.host_w_per_node or 0.0) * part

    @property
    def embodied_kg_per_year(self) -> float:
        """Carbon of making the devices, spread over their years; NaN where unknown."""
        kg = self.accelerator.embodied_kg
        if kg is None:
            return np.nan
        return float(sustainability.embodied_kg_per_year(kg, self.devices, self.embodied_years))

    @property
    def most_nodes(self) -> float:
        """Whole nodes within the quota."""
        return self.quota_devices if np.isinf(self.quota_devices) else float(self.quota_devices // self.devices)

    def usd_per_device_year(self) -> float:
        """Price of one device for a year without electricity, to compare candidates by."""
        return (sum(self.usd_per_year.values()) + self.usd_per_hour * HOURS_PER_YEAR) / self.devices


@dataclass
class Offers:
    """All hires, and what could not be offered and why."""

    hires: list[Hire]
    rejected: list[Rejected]


def offers(scenario: Scenario, twins: bool = False) -> Offers:
    """Every hire that the scenario's procurement, quotas and the catalog's prices allow.

    With `twins`, also the dearer of two ways to have the same node.
    """
    found = Offers([], [])
    for region_id in scenario.regions:
        region = scenario.region(region_id)
        for name in scenario.accelerators:
            quota = _quota(scenario, region_id, name)
            accelerator = scenario.catalog.accelerators[name]
            if (not isinstance(quota, str) and quota <= 0) or quota == "unknown":
                says = "its quota is unknown, so none is bought" if quota == "unknown" else "its quota is 0"
                _reject(found, f"{name} in {region_id}", "quota", 0.0 if quota == 0 else None, "devices", says)
                continue
            limit = np.inf if quota == "unlimited" else float(quota)
            _owned(scenario, found, region, accelerator, limit)
            _rented(scenario, found, region, accelerator, limit)
    if scenario.limits.include_embodied:
        _drop_unknown_embodied(found)
    if len(scenario.slots) == 1 and not twins:
        for dear, cheap in dearer_twins(scenario, found.hires):
            if dear in found.hires:
                found.hires.remove(dear)
                _reject_twin(scenario, found, dear, cheap)
    return found


def cheapest_device(found: Offers) -> dict[str, float]:
    """Least price of a device-year by accelerator, without electricity, USD."""
    least: dict[str, float] = {}
    for hire in [one for one in found.hires if one.new]:
        name = hire.accelerator.name
        least[name] = min(least.get(name, np.inf), hire.usd_per_device_year())
    return least


def _quota(scenario: Scenario, region_id: str, accelerator: str) -> int | str:
    use = scenario.regions[region_id]
    quota = use.quota.get(accelerator, use.quota_default or "unknown")
    if quota == "unknown":  # what stands there is known to be possible
        return devices_there(scenario, region_id, accelerator) or "unknown"
    return quota


def _reject(
    found: Offers, what: str, reading: str, limit: float | None, unit: str, says: str, wall: str = "capital"
) -> None:
    found.rejected.append(
        Rejected(
            workload="",
            what=what,
            wall=wall,
            reading=reading,
            value=None,
            sense="<=",
            limit=limit,
            unit=unit,
            says=f"{what}: {says}",
        )
    )


def _owned(scenario: Scenario, found: Offers, region: Region, accelerator: Accelerator, quota: float) -> None:
    held = stays(scenario, region.id, accelerator.name)
    price = _purchase_price(scenario, found, region, accelerator)
    if region.electricity_usd_per_kwh is None and (held or price is not None):
        says = f"no electricity price is known; give regions.{region.id}.electricity"
        return _reject(found, f"owned {accelerator.name} in {region.id}", "electricity price", None, "USD/kWh", says)
    if price is None and not held:
        return None
    owned = scenario.procurement.owned or Owned()
    devices = owned_devices(owned, accelerator)
    usd: dict[str, float] = {}
    if price is not None:
        yearly = capital.amortised_usd_per_year(
            price, owned.infrastructure_multiplier, owned.years, owned.discount_rate
        )
        usd = {
            "purchase": float(yearly) * devices,
            "maintenance": capital.maintenance_usd_per_year(price * devices, owned.maintenance),
        }
    found.hires.append(
        Hire(
            region.id,
            owned_offer(devices, accelerator),
            "owned",
            accelerator,
            devices,
            timed=False,
            usd_per_year=_licensed(scenario, usd, devices),
            pays_energy=True,
            embodied_years=owned.years,
            quota_devices=quota,
            new=price is not None,
            held=held,
        )
    )
    return None


def _purchase_price(scenario: Scenario, found: Offers, region: Region, accelerator: Accelerator) -> float | None:
    """Price of a device where it may be bought; one that is not known is told."""
    owned = scenario.procurement.owned
    if owned is None or (owned.accelerators is not None and accelerator.name not in owned.accelerators):
        return None
    price = owned.prices.get(accelerator.name, accelerator.purchase_usd)
    if price is None:
        says = "no purchase price is known; give one under procurement.owned.prices"
        _reject(found, f"owned {accelerator.name} in {region.id}", "purchase price", None, "USD", says)
    return price


def _licensed(scenario: Scenario, usd: dict[str, float], devices: int) -> dict[str, float]:
    licence = scenario.planning.licence_usd_per_device_year * devices
    return {**usd, "licence": licence} if licence else usd


def _rented(scenario: Scenario, found: Offers, region: Region, accelerator: Accelerator, quota: float) -> None:
    asked = scenario.procurement
    instances = scenario.catalog.instances_in(region.id, accelerator.name)
    if asked.on_demand is None and asked.reserved is None and asked.spot is None:
        instances = tuple(one for one in instances if _committed(scenario, one))
        if not instances:
            return
    if not instances:
        _reject(
            found,
            f"rented {accelerator.name} in {region.id}",
            "rental price",
            None,
            "USD/h",
            "no rental price is known in this region",
        )
    for instance in instances:
        if instance.unusable and not _committed(scenario, instance):
            _reject(
                found,
                f"{instance.name} ({accelerator.name}) in {region.id}",
                "rental price",
                None,
                "USD/h",
                instance.unusable,
            )
            continue
        for make in (_reserved,) if instance.unusable else (_on_demand, _reserved, _spot):
            hire = make(scenario, found, instance, accelerator, quota)
            if hire is not None:
                found.hires.append(hire)


def _on_demand(
    scenario: Scenario, found: Offers, instance: Instance, accelerator: Accelerator, quota: float
) -> Hire | None:
    asked = scenario.procurement.on_demand
    if asked is None:
        return None
    price = asked.prices.get(instance.region, {}).get(instance.name, instance.on_demand_usd_per_h)
    if price is None:
        _reject(
            found,
            f"{instance.name} on demand in {instance.region}",
            "rental price",
            None,
            "USD/h",
            "not sold on demand at a listed price",
        )
        return None
    licence = scenario.planning.licence_usd_per_device_year * instance.devices / HOURS_PER_YEAR
    return Hire(
        instance.region,
        instance.name,
        "on_demand",
        accelerator,
        instance.devices,
        timed=True,
        usd_per_hour=price + licence,
        startup_h=asked.startup_s / 3600,
        quota_devices=quota,
        held=(instance.region, instance.name, "on_demand") in standing(scenario),
    )


def _reserved(
    scenario: Scenario, found: Offers, instance: Instance, accelerator: Accelerator, quota: float
) -> Hire | None:
    asked, held, price = scenario.procurement.reserved, _committed(scenario, instance), None
    if asked is not None and not instance.unusable:
        price = asked.prices.get(instance.region, {}).get(instance.name)
        if price is None and asked.discount is not None and instance.on_demand_usd_per_h is not None:
            price = capital.reserved_usd_per_hour(instance.on_demand_usd_per_h, asked.discount)
        if price is None:
            what = f"{instance.name} reserved in {instance.region}"
            _reject(found, what, "rental price", None, "USD/h", "no reserved price: give a price or a discount")
    if price is None and not held:
        return None
    usd = _licensed(scenario, {} if price is None else {"rent": price * HOURS_PER_YEAR}, instance.devices)
    return Hire(
        instance.region,
        instance.name,
        "reserved",
        accelerator,
        instance.devices,
        timed=False,
        usd_per_year=usd,
        quota_devices=quota,
        new=price is not None,
        held=held,
    )


def _committed(scenario: Scenario, instance: Instance) -> bool:
    """Whether nodes of a type are reserved today."""
    return (instance.region, instance.name, "reserved") in standing(scenario)


def _spot(scenario: Scenario, found: Offers, instance: Instance, accelerator: Accelerator, quota: float) -> Hire | None:
    asked = scenario.procurement.spot
    if asked is None:
        return None
    what = f"{instance.name} on spot in {instance.region}"
    availability = asked.availability_of(instance.name)
    if instance.spot_usd_per_h is None or availability is None:
        missing = "no spot market is known" if instance.spot_usd_per_h is None else "its availability is not stated"
        _reject(
            found, what, "spot price" if instance.spot_usd_per_h is None else "availability", None, "USD/h", missing
        )
        return None
    startup_h = scenario.procurement.on_demand.startup_s / 3600 if scenario.procurement.on_demand else 600 / 3600
    licence = scenario.planning.licence_usd_per_device_year * instance.devices / HOURS_PER_YEAR
    return Hire(
        instance.region,
        f"spot-{instance.name}",
        "spot",
        accelerator,
        instance.devices,
        timed=True,
        usd_per_hour=instance.spot_usd_per_h + licence,
        startup_h=startup_h,
        availability=availability,
        quota_devices=quota,
    )


def _drop_unknown_embodied(found: Offers) -> None:
    """Where embodied carbon counts, a device whose figure is unknown cannot be counted, so it is not offered."""
    for hire in [h for h in found.hires if h.accelerator.embodied_kg is None]:
        found.hires.remove(hire)
        what = f"{hire.offer} in {hire.region}"
        _reject(
            found,
            what,
            "embodied carbon",
            None,
            "kg CO2e",
            "its embodied carbon is unknown and the carbon limit includes it",
            "sustainability",
        )


def dearer_twins(scenario: Scenario, hires: list[Hire]) -> list[tuple[Hire, Hire]]:
    """(dearer, cheaper) of two ways to have the same node in the same region, where all nodes run all year.

    The dearer one can go: supply, power, carbon and what a loss takes are the same, and the cheaper one under full load
    costs less than the dearer one idle. Availability differs on spot, so spot is left alone. What may be there of
    today's fleet is paid already; a new node is one change whichever of the two it is.
    """
    some = [hire for hire in hires if hire.procurement != "spot"]
    return [
        (dear, cheap)
        for dear in some
        for cheap in some
        if cheap is not dear
        and cheap.new
        and not dear.held
        and (cheap.region, cheap.accelerator.name, cheap.devices) == (dear.region, dear.accelerator.name, dear.devices)
        and _bill(scenario, cheap, True) < _bill(scenario, dear, False)
    ]


def _bill(scenario: Scenario, hire: Hire, busy: bool) -> float:
    """What a node costs a year, idle or under full load, USD."""
    watts = hire.idle_w + (hire.load_w if busy else 0.0)
    place = scenario.region(hire.region)
    energy = watts / 1e3 * HOURS_PER_YEAR * place.pue * (place.electricity_usd_per_kwh or 0.0)
    return hire.usd_per_device_year() * hire.devices + (energy if hire.pays_energy else 0.0)


def _reject_twin(scenario: Scenario, found: Offers, dear: Hire, cheap: Hire) -> None:
    idle, full = _bill(scenario, dear, False), _bill(scenario, cheap, True)
    says = (
        f"${idle / 1e3:,.0f}k a node and year, idle; the same node {_plainly(cheap)} costs ${full / 1e3:,.0f}k under "
        "full load"
    )
    _reject(found, f"{dear.offer} {_plainly(dear)} in {dear.region}", "price", full, "USD/yr", says)


def _plainly(hire: Hire) -> str:
    return hire.procurement.replace("_", " ")
