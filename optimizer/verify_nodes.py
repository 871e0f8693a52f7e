"""The check's own node types: what a node of each offer is, what it costs and what it draws, from the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from optimizer.verify_types import NodeKey

HOURS_A_YEAR = 8760.0
RENTED_EMBODIED_YEARS = 4.0
OWNED_YEARS = 3.0  # where nothing is bought, so that no other life is stated


@dataclass(frozen=True)
class NodeFacts:
    """One node of a type, had in one way.

    `usd_per_year` is charged all year whatever runs, `usd_per_hour` while it is rented. Powers are running powers but
    for `nameplate_w`; `load_w` is what full load adds to the idle node.
    """

    accelerator: str
    devices: int
    timed: bool
    usd_per_year: dict[str, float]
    usd_per_hour: float
    startup_h: float
    pays_energy: bool
    availability: float
    idle_w: float
    load_w: float
    nameplate_w: float
    embodied_kg_per_year: float | None
    whole_server: bool
    link_domain: int
    new: bool = True
    """Whether nodes can be had beside today's; `usd_per_year` is then what a new one pays."""


def node_facts(scenario: Any, key: NodeKey) -> NodeFacts | str:
    """Facts of a node type, or why it cannot be had."""
    if key.region not in scenario.regions:
        return f"region {key.region} is not in the scenario"
    if key.procurement == "owned":
        return _owned(scenario, key)
    return _rented(scenario, key)


def _owned(scenario: Any, key: NodeKey) -> NodeFacts | str:
    owned = scenario.procurement.owned
    parts = key.offer.split("-", 2)
    if len(parts) != 3 or parts[0] != "owned" or parts[2] not in scenario.accelerators:
        return f"{key.offer} cannot be owned"
    name = parts[2]
    accelerator = scenario.catalog.accelerators[name]
    size = {} if owned is None else owned.devices_per_node
    devices = size.get(name, accelerator.devices_per_node)
    if parts[1] != f"{devices}x":
        return f"owned nodes of {name} have {devices} devices"
    listed = owned is not None and (not owned.accelerators or name in owned.accelerators)
    price = owned.prices.get(name, accelerator.purchase_usd) if listed else None
    kept = may_be_kept(scenario, key.region, name)
    if not listed and not kept:
        return f"{name} may not be bought"
    if price is None and not kept:
        return f"no purchase price of {name} is known"
    if scenario.region(key.region).electricity_usd_per_kwh is None:
        return f"no electricity price of {key.region} is known"
    usd, years = {}, OWNED_YEARS if owned is None else owned.years
    if price is not None:
        rate = owned.discount_rate
        yearly = rate / (1 - (1 + rate) ** -years) if rate > 0 else 1 / years
        usd = {
            "purchase": price * owned.infrastructure_multiplier * yearly * devices,
            "maintenance": price * owned.maintenance * devices,
        }
    licence = scenario.planning.licence_usd_per_device_year * devices
    if licence:
        usd["licence"] = licence
    return _facts(accelerator, devices, years, usd_per_year=usd, pays_energy=True, new=price is not None)


def may_be_kept(scenario: Any, region: str, accelerator: str) -> bool:
    """Whether owned nodes may be in a region without being bought: today's that stand there, or may move there."""
    if scenario.today is None:
        return False
    there = [node.region for node in scenario.today.nodes if node.accelerator == accelerator]
    return region in there or (bool(there) and scenario.today.changes.move_usd_per_node is not None)


def _committed(scenario: Any, key: NodeKey) -> bool:
    nodes = () if scenario.today is None else scenario.today.nodes
    now = {(node.region, node.instance) for node in nodes if node.procurement == "reserved"}
    return key.procurement == "reserved" and (key.region, key.offer) in now


def _rented(scenario: Any, key: NodeKey) -> NodeFacts | str:
    asked = scenario.procurement
    way = {"on_demand": asked.on_demand, "reserved": asked.reserved, "spot": asked.spot}.get(key.procurement)
    committed = _committed(scenario, key)
    if way is None and not committed:
        return f"procurement {key.procurement} is not offered"
    if key.offer.startswith("spot-") != (key.procurement == "spot"):
        return f"{key.offer} cannot be had as {key.procurement}"
    name = key.offer.removeprefix("spot-") if key.procurement == "spot" else key.offer
    found = [row for row in scenario.catalog.instances_in(key.region) if row.name == name]
    if not found:
        return f"{name} is not sold in {key.region}"
    row = found[0]
    if row.unusable and not committed:
        return f"the price of {name} is unusable: {row.unusable}"
    if row.accelerator not in scenario.accelerators:
        return f"{row.accelerator} may not be used"
    return _rent(scenario, key.procurement, row, scenario.catalog.accelerators[row.accelerator], committed)


def _rent(scenario: Any, procurement: str, row: Any, accelerator: Any, committed: bool) -> NodeFacts | str:
    asked, none = scenario.procurement, f"{row.name} has no {procurement} price in {row.region}"
    licence = scenario.planning.licence_usd_per_device_year * row.devices
    startup_h = asked.on_demand.startup_s / 3600 if asked.on_demand else 600 / 3600
    if procurement == "on_demand":
        price = asked.on_demand.prices.get(row.region, {}).get(row.name, row.on_demand_usd_per_h)
        if price is None:
            return none
        hourly = price + licence / HOURS_A_YEAR
        return _facts(accelerator, row.devices, RENTED_EMBODIED_YEARS, usd_per_hour=hourly, startup_h=startup_h)
    if procurement == "spot":
        availability = asked.spot.availability_of(row.name)
        if row.spot_usd_per_h is None or availability is None:
            return none
        hourly = row.spot_usd_per_h + licence / HOURS_A_YEAR
        facts = _facts(accelerator, row.devices, RENTED_EMBODIED_YEARS, usd_per_hour=hourly, startup_h=startup_h)
        return NodeFacts(**{**facts.__dict__, "availability": availability})
    price = committed_price(scenario, row)
    if price is None and not committed:
        return none
    usd = ({} if price is None else {"rent": price * HOURS_A_YEAR}) | ({"licence": licence} if licence else {})
    return _facts(accelerator, row.devices, RENTED_EMBODIED_YEARS, usd_per_year=usd, new=price is not None)


def committed_price(scenario: Any, row: Any) -> float | None:
    """Dollars an hour of a new commitment; None where none is offered."""
    asked = scenario.procurement.reserved
    if asked is None or row.unusable:
        return None
    price = asked.prices.get(row.region, {}).get(row.name)
    if price is None and asked.discount is not None and row.on_demand_usd_per_h is not None:
        price = row.on_demand_usd_per_h * (1 - asked.discount)
    return price


def _facts(
    accelerator: Any,
    devices: int,
    embodied_years: float,
    usd_per_year: dict[str, float] | None = None,
    usd_per_hour: float = 0.0,
    startup_h: float = 0.0,
    pays_energy: bool = False,
    new: bool = True,
) -> NodeFacts:
    tdp, kg = accelerator.tdp_w * devices, accelerator.embodied_kg
    whole = devices >= accelerator.devices_per_node
    rack = whole and accelerator.scaleup_domain > accelerator.devices_per_node
    return NodeFacts(
        accelerator=accelerator.name,
        devices=devices,
        timed=usd_per_year is None,
        usd_per_year=usd_per_year or {},
        usd_per_hour=usd_per_hour,
        startup_h=startup_h,
        pays_energy=pays_energy,
        availability=1.0,
        idle_w=tdp * accelerator.idle_power_ratio,
        load_w=tdp * (accelerator.load_power_ratio - accelerator.idle_power_ratio),
        nameplate_w=tdp + (accelerator.host_w_per_node or 0.0) * min(1.0, devices / accelerator.devices_per_node),
        embodied_kg_per_year=None if kg is None else kg * devices / embodied_years,
        whole_server=whole,
        link_domain=accelerator.scaleup_domain if rack else min(accelerator.scaleup_domain, devices),
        new=new,
    )
