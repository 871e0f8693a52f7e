"""Bills added up anew: money, energy, carbon, water, devices and embodied carbon, each line by its part and place."""

from __future__ import annotations

from collections import defaultdict

from optimizer.plan import Plan
from optimizer.verify_fleet import Fleet
from optimizer.verify_nodes import HOURS_A_YEAR, NodeFacts
from optimizer.verify_today import FIXED, Fates, fates_of, today_bill
from optimizer.verify_types import Findings, NodeKey
from optimizer.verify_world import World

Bill = dict[tuple[str, str, str, str], float]
"""(account, part, region, offer) -> amount a year."""


def node_bill(world: World, nodes: dict[NodeKey, dict[str, int]], fates: Fates | None = None) -> Bill:
    """What nodes cost, draw and emit whatever runs on them. `fates` says which are new; the others are paid for."""
    bill: Bill = defaultdict(float)
    for key, by_slot in nodes.items():
        facts = world.node(key)
        assert isinstance(facts, NodeFacts)
        place = (key.region, key.offer)
        most = max(by_slot.values())
        new = most if fates is None or key.procurement not in FIXED else fates.new[key]
        for part, usd in facts.usd_per_year.items():
            bill["usd_per_year", part, *place] += usd * (most if part == "licence" else new)
        for slot in world.slots:
            count, hours = by_slot[slot], world.hours[slot]
            if facts.timed:
                bill["usd_per_year", "rent", *place] += count * facts.usd_per_hour * hours
                if len(world.slots) > 1:
                    started = max(0, count - by_slot[world.before[slot]]) * world.days[slot]
                    bill["usd_per_year", "start-up", *place] += started * facts.usd_per_hour * facts.startup_h
            _power(world, bill, key, facts, "idle power", count * facts.idle_w, slot)
            share = hours / HOURS_A_YEAR
            bill["devices", "devices", *place] += count * facts.devices * share
            if facts.embodied_kg_per_year is not None:
                embodied = count * facts.embodied_kg_per_year * share
                bill["kg_co2e_embodied_per_year", "embodied", *place] += embodied
    staff = world.scenario.planning.staff_usd_per_year
    if staff:
        bill["usd_per_year", "staff", "", ""] += staff
    return bill


def whole_bill(world: World, nodes: dict[NodeKey, dict[str, int]], fates: Fates | None) -> Bill:
    """What nodes cost with all that has to do with today's fleet, where one is stated."""
    bill = node_bill(world, nodes, fates)
    for key, usd in today_bill(world, fates).items() if fates is not None else ():
        bill[key] += usd
    return bill


def _power(world: World, bill: Bill, key: NodeKey, facts: NodeFacts, part: str, watts: float, slot: str) -> None:
    """Energy of a power in a slot, and what follows from it. PUE counts for energy, money and carbon, not for water."""
    place, region = (key.region, key.offer), world.region(key.region)
    machines_kwh = watts / 1000 * world.hours[slot]
    metered_kwh = machines_kwh * region.pue
    bill["kwh_per_year", part, *place] += metered_kwh
    bill["kg_co2e_per_year", part, *place] += metered_kwh * world.carbon_kg_per_kwh(key.region, slot)
    bill["litres_per_year", part, *place] += machines_kwh * (region.wue_l_per_kwh or 0.0)
    if facts.pays_energy:
        bill["usd_per_year", f"energy, {part}", *place] += metered_kwh * region.electricity_usd_per_kwh


def add_load(world: World, bill: Bill, key: NodeKey, devices: int, busy_replicas: float, slot: str) -> None:
    """What busy replicas draw above the idle node."""
    facts = world.node(key)
    assert isinstance(facts, NodeFacts)
    watts = facts.load_w * devices / facts.devices * busy_replicas
    _power(world, bill, key, facts, "load power", watts, slot)


def totals(bill: Bill) -> dict[str, float]:
    """Amount of every account."""
    found: dict[str, float] = dict.fromkeys(
        ("usd_per_year", "kg_co2e_per_year", "kwh_per_year", "litres_per_year", "kg_co2e_embodied_per_year", "devices"),
        0.0,
    )
    for (account, *_), value in bill.items():
        found[account] += value
    return found


def fleet_bill(fleet: Fleet) -> Bill:
    """The whole bill of a plan's fleet."""
    bill = whole_bill(fleet.world, fleet.nodes, fates_of(fleet.plan) if fleet.world.scenario.today else None)
    for pool in fleet.pools.values():
        line = fleet.plan.lines[pool.lines[0]]
        key = NodeKey(line.region, line.offer, line.procurement)
        for slot in fleet.world.slots:
            add_load(fleet.world, bill, key, pool.key.way.devices, fleet.busy(pool, slot), slot)
    return bill


def unknown(fleet: Fleet) -> dict[str, str]:
    """Accounts that rest on an unknown figure, and which."""
    absent: dict[str, str] = {}
    for key in fleet.nodes:
        facts = fleet.world.node(key)
        if isinstance(facts, NodeFacts) and facts.embodied_kg_per_year is None:
            absent["kg_co2e_embodied_per_year"] = f"embodied carbon of {key} is unknown"
        if fleet.world.region(key.region).wue_l_per_kwh is None:
            absent["litres_per_year"] = f"water use of {key.region} is unknown"
    return absent


def check_bills(fleet: Fleet, plan: Plan, findings: Findings) -> dict[str, float]:
    """Every charge line and every account against the recomputed bill; returns the recomputed accounts."""
    own = {key: value for key, value in fleet_bill(fleet).items() if key[0] != "devices"}
    said: Bill = defaultdict(float)
    for charge in plan.charges:
        said[charge.account, charge.part, charge.region, charge.offer] += charge.value
    accounts = totals(fleet_bill(fleet))
    for key in sorted(own.keys() | said.keys()):
        account, part, region, offer = key
        where = f"{account}, {part}" + (f", {offer} in {region}" if offer else "")
        findings.same(where, said.get(key, 0.0), own.get(key, 0.0), size=0.1 * accounts.get(account, 0.0))
    absent = unknown(fleet)
    for account, value in accounts.items():
        if account in absent:
            findings.hold(account not in plan.accounts, f"{account}: {absent[account]}, so the account must be absent")
        elif findings.hold(account in plan.accounts, f"account {account} is missing"):
            findings.same(f"account {account}", plan.accounts[account], value)
    for account in plan.accounts:
        findings.hold(account in accounts, f"account {account} is unknown")
    return accounts
