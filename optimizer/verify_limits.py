"""Limits read anew at the plan: supply, power, accounts, regions, spot's share, and the plan's own readings of them."""

from __future__ import annotations

from collections import defaultdict

from optimizer.plan import Plan
from optimizer.verify_fleet import Fleet
from optimizer.verify_nodes import NodeFacts
from optimizer.verify_today import fates_of, off_devices
from optimizer.verify_types import FLOW_RELATIVE, Findings
from optimizer.verify_world import World


def devices_by_slot(fleet: Fleet) -> dict[tuple[str, str, str], int]:
    """(region, accelerator, slot) -> devices in whole nodes, owned ones that are switched off too."""
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    for (region, accelerator), devices in off_devices(fleet.world, fates_of(fleet.plan)).items():
        for slot in fleet.world.slots:
            found[region, accelerator, slot] += devices
    for key, by_slot in fleet.nodes.items():
        facts = fleet.world.node(key)
        if isinstance(facts, NodeFacts):
            for slot, count in by_slot.items():
                found[key.region, facts.accelerator, slot] += facts.devices * count
    return found


def power_by_slot(fleet: Fleet) -> dict[tuple[str, str], float]:
    """(region, slot) -> nameplate watts of the nodes."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for key, by_slot in fleet.nodes.items():
        facts = fleet.world.node(key)
        if isinstance(facts, NodeFacts):
            for slot, count in by_slot.items():
                found[key.region, slot] += facts.nameplate_w * count
    return found


def check_supply(fleet: Fleet, findings: Findings) -> None:
    """Quotas in every slot (absent and unknown ones allow nothing) and site power."""
    world = fleet.world
    for (region, accelerator, slot), devices in devices_by_slot(fleet).items():
        quota = world.quota(region, accelerator)
        findings.at_most(f"quota of {accelerator} in {region} ({slot}), devices", devices, quota, relative=0.0)
    for (region, slot), watts in power_by_slot(fleet).items():
        limit = world.scenario.regions[region].site_power_w
        if limit is not None:
            findings.at_most(f"site power of {region} ({slot}), W", watts, limit)


def check_caps(fleet: Fleet, accounts: dict[str, float], findings: Findings) -> None:
    """Budget, carbon, water and energy of the year."""
    limits = fleet.world.scenario.limits
    carbon = accounts["kg_co2e_per_year"]
    if limits.include_embodied:
        carbon += accounts["kg_co2e_embodied_per_year"]
        for key in fleet.nodes:
            facts = fleet.world.node(key)
            known = isinstance(facts, NodeFacts) and facts.embodied_kg_per_year is not None
            findings.hold(known, f"embodied carbon counts, and that of {key} is unknown")
    for name, value, limit in (
        ("budget, USD/yr", accounts["usd_per_year"], limits.budget_usd_per_year),
        ("carbon, kg CO2e/yr", carbon, limits.carbon_kg_per_year),
        ("water, l/yr", accounts["litres_per_year"], limits.water_litres_per_year),
        ("energy, kWh/yr", accounts["kwh_per_year"], limits.energy_kwh_per_year),
    ):
        if limit is not None:
            findings.at_most(name, value, limit)


def region_shares(fleet: Fleet) -> dict[str, float]:
    """Part of the year's requests that each region serves."""
    served: dict[str, float] = defaultdict(float)
    for flow in fleet.plan.flows:
        served[flow.region] += flow.requests_per_s * fleet.world.hours[flow.slot]
    total = sum(served.values())
    return {region: rate / total for region, rate in served.items()} if total > 0 else {}


def check_regions(fleet: Fleet, findings: Findings) -> None:
    """Fewest and most regions in use."""
    limits, shares = fleet.world.scenario.limits, region_shares(fleet)
    if limits.min_regions is not None and limits.min_regions > 1:
        enough = [region for region, share in shares.items() if share >= limits.min_region_share * (1 - FLOW_RELATIVE)]
        says = f"regions serving {limits.min_region_share:.1%} of the requests: {len(enough)} of {limits.min_regions}"
        findings.hold(len(enough) >= limits.min_regions, says)
    if limits.max_regions is not None:
        with_nodes = {key.region for key, by_slot in fleet.nodes.items() if any(by_slot.values())}
        findings.at_most("regions in use", len(with_nodes | set(shares)), limits.max_regions, relative=0.0)


def spot_loads(fleet: Fleet) -> dict[tuple[str, str], float]:
    """(workload, slot) -> requests a second that spot carries."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for line in fleet.plan.fleet or ():
        if line.procurement == "spot":
            for entry in line.by_slot:
                found[line.workload, entry.slot] += sum(entry.requests_per_s.values())
    return found


def check_spot(fleet: Fleet, findings: Findings) -> None:
    """Spot carries at most its share of each workload's demand."""
    spot = fleet.world.scenario.procurement.spot
    if spot is None:
        return
    for (workload, slot), rate in spot_loads(fleet).items():
        limit = spot.max_share * asked(fleet, workload, slot)
        findings.at_most(f"load of {workload} on spot ({slot}), requests/s", rate, limit, FLOW_RELATIVE)


def asked(fleet: Fleet, workload: str, slot: str) -> float:
    """Planned requests a second of a workload in a slot."""
    return asked_of(fleet.world, workload, slot)


def asked_of(world: World, workload: str, slot: str) -> float:
    """The same, before there is a fleet."""
    shapes = range(len(world.scenario.workloads[workload].shapes))
    return sum(world.demand(workload, s, origin, slot) for s in shapes for origin in world.scenario.origins)


def check_objective(plan: Plan, fleet: Fleet, accounts: dict[str, float], findings: Findings) -> None:
    """The objective is the account it names (a tie-break may add a trace), its bound and gap fit it."""
    wanted = {"cost": "usd_per_year", "carbon": "kg_co2e_per_year", "energy": "kwh_per_year"}
    wanted |= {"water": "litres_per_year", "devices": "devices"}
    objective = fleet.world.scenario.objective
    account = wanted[objective.account]
    if not findings.hold(plan.objective is not None and plan.objective.value is not None, "the objective is missing"):
        return
    assert plan.objective is not None and plan.objective.value is not None
    findings.hold(plan.objective.account == account, f"the objective is {plan.objective.account}, asked was {account}")
    value = accounts[account]
    if account == "usd_per_year":
        value += objective.carbon_usd_per_kg * accounts["kg_co2e_per_year"]
    # Ties are broken by a documented second objective that may weigh up to 1e-5 of its unit.
    trace = 1e-5 * accounts["kg_co2e_per_year"] + 1e-9 * accounts["usd_per_year"]
    near = abs(plan.objective.value - value) <= 1.01 * trace + 1e-6 * abs(value)
    findings.hold(near, f"objective: the plan says {plan.objective.value:.9g}, recomputed {value:.9g}")
    if plan.bound is not None and plan.bound.value is not None:
        findings.at_most(f"bound of {account}", plan.bound.value, plan.objective.value)
        if plan.gap is not None:
            gap = (plan.objective.value - plan.bound.value) / max(abs(plan.objective.value), 1e-12)
            findings.hold(abs(plan.gap - gap) <= 1e-6, f"gap: the plan says {plan.gap:.3g}, recomputed {gap:.3g}")
