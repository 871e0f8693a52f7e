"""Today's fleet counted and billed anew: every node of it has one fate, and what changes costs what it must."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from optimizer.plan import Plan
from optimizer.plan_today import FleetChange
from optimizer.verify_nodes import HOURS_A_YEAR, NodeFacts, committed_price
from optimizer.verify_types import Findings, NodeKey
from optimizer.verify_world import World

OWNED_MAINTENANCE = 0.05  # of the purchase price a year, where nothing is bought so that no other share is stated
FIXED = ("owned", "reserved")


@dataclass
class Fates:
    """What becomes of owned and committed nodes, and how many of each kind are new."""

    keep: Counter[NodeKey] = field(default_factory=Counter)
    off: Counter[NodeKey] = field(default_factory=Counter)
    retire: Counter[NodeKey] = field(default_factory=Counter)
    move: Counter[tuple[NodeKey, str]] = field(default_factory=Counter)
    """(from, region to) -> nodes."""
    new: Counter[NodeKey] = field(default_factory=Counter)


def fates_of(plan: Plan) -> Fates:
    """Those that a plan tells."""
    fates = Fates()
    for line in plan.changes:
        key = key_of(line)
        if line.kind == "move":
            fates.move[key, str(line.to_region)] += line.nodes
        elif key.procurement in FIXED and line.kind in ("keep", "off", "retire"):
            getattr(fates, line.kind)[key] += line.nodes
        elif line.kind in ("buy", "commit"):
            fates.new[key] += line.nodes
    return fates


def key_of(line: FleetChange) -> NodeKey:
    """Nodes that a line speaks of, where they are today."""
    return NodeKey(line.region, line.offer, line.procurement)


def peaks(plan: Plan) -> Counter[NodeKey]:
    """Nodes that run of each kind, in the slot with most."""
    return Counter({NodeKey(line.region, line.offer, line.procurement): line.nodes for line in plan.nodes})


def key_of_move(key: NodeKey, to: str) -> NodeKey:
    """Nodes that were moved, where they come."""
    return NodeKey(to, key.offer, key.procurement)


# ---- what stands there today ----


def nodes_now(world: World) -> Counter[NodeKey]:
    """Today's nodes of each kind."""
    found: Counter[NodeKey] = Counter()
    for entry in _entries(world):
        found[_key(world, entry)] += entry.nodes
    return found


def _entries(world: World) -> tuple[Any, ...]:
    return () if world.scenario.today is None else world.scenario.today.nodes


def _key(world: World, entry: Any) -> NodeKey:
    if entry.procurement == "owned":
        return NodeKey(entry.region, f"owned-{_devices(world, entry.accelerator)}x-{entry.accelerator}", "owned")
    offer = f"spot-{entry.instance}" if entry.procurement == "spot" else entry.instance
    return NodeKey(entry.region, offer, entry.procurement)


def _devices(world: World, accelerator: str) -> int:
    owned = world.scenario.procurement.owned
    own = {} if owned is None else owned.devices_per_node
    return int(own.get(accelerator, world.catalog.accelerators[accelerator].devices_per_node))


def _accelerator(key: NodeKey) -> str:
    return key.offer.split("-", 2)[2]


def sunk(world: World) -> dict[tuple[str, str], float]:
    """(part, region) -> dollars a year that are paid whatever is decided."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for entry in _entries(world):
        if entry.procurement == "owned":
            found["write-off", entry.region] += entry.nodes * entry.write_off_usd_per_year
        elif entry.procurement == "reserved":
            row = next(one for one in world.catalog.instances_in(entry.region) if one.name == entry.instance)
            hourly = entry.price_usd_per_hour
            hourly = committed_price(world.scenario, row) if hourly is None else hourly
            found["committed rent", entry.region] += entry.nodes * (hourly or 0.0) * HOURS_A_YEAR
    return {key: usd for key, usd in found.items() if usd}


def upkeep(world: World, key: NodeKey) -> float:
    """Maintenance of one of today's nodes a year."""
    if key.procurement != "owned":
        return 0.0
    own = [entry.maintenance_usd_per_year for entry in _entries(world) if _key(world, entry) == key]
    if own[0] is not None:
        return float(own[0])
    name, owned = _accelerator(key), world.scenario.procurement.owned
    listed = world.catalog.accelerators[name].purchase_usd
    price = listed if owned is None else owned.prices.get(name, listed)
    share = OWNED_MAINTENANCE if owned is None else owned.maintenance
    return float(price * share * _devices(world, name))


def a_year(world: World, once: float) -> float:
    """A one-off cost spread over the horizon, at the cost of capital of purchases."""
    owned, years = world.scenario.procurement.owned, world.scenario.today.changes.horizon_years
    rate = 0.0 if owned is None else owned.discount_rate
    return once * rate / (1 - (1 + rate) ** -years) if rate > 0 else once / years


def resale_usd(world: World, key: NodeKey) -> float:
    """What an owned node is sold for."""
    name = _accelerator(key)
    return float(world.scenario.today.changes.resale.get(name, 0.0) * _devices(world, name))


def one_off(world: World, line: FleetChange) -> float:
    """What a line pays once."""
    changes, key = world.scenario.today.changes, key_of(line)
    if line.kind == "move":
        return line.nodes * float(changes.move_usd_per_node or 0.0)
    if line.kind == "retire":
        return line.nodes * (float(changes.retire_usd_per_node or 0.0) - resale_usd(world, key))
    if line.kind == "buy":
        owned, name = world.scenario.procurement.owned, _accelerator(key)
        price = owned.prices.get(name, world.catalog.accelerators[name].purchase_usd)
        return float(line.nodes * price * owned.infrastructure_multiplier * _devices(world, name))
    return 0.0


def today_bill(world: World, fates: Fates) -> dict[tuple[str, str, str, str], float]:
    """(account, part, region, offer) -> dollars a year of today's fleet: sunk costs, upkeep, moves and retirements."""
    bill: dict[tuple[str, str, str, str], float] = defaultdict(float)
    if world.scenario.today is None:
        return bill
    changes = world.scenario.today.changes
    for (part, region), usd in sunk(world).items():
        bill["usd_per_year", part, region, ""] += usd
    for key, nodes in (fates.keep + fates.off).items():
        bill["usd_per_year", "maintenance", key.region, key.offer] += nodes * upkeep(world, key)
    for (key, to), nodes in fates.move.items():
        bill["usd_per_year", "maintenance", to, key.offer] += nodes * upkeep(world, key)
        bill["usd_per_year", "moves", key.region, ""] += nodes * a_year(world, changes.move_usd_per_node or 0.0)
    for key, nodes in fates.retire.items():
        bill["usd_per_year", "retirement", key.region, ""] += nodes * a_year(world, changes.retire_usd_per_node or 0.0)
        bill["usd_per_year", "resale", key.region, ""] -= nodes * a_year(world, resale_usd(world, key))
    return bill


# ---- what must hold of the fates ----


def wrong_fates(world: World, fates: Fates, most: Counter[NodeKey]) -> list[str]:
    """Why fates cannot be those of a fleet with so many nodes of each kind; empty where they can."""
    scenario, now = world.scenario, nodes_now(world)
    changes, bad = scenario.today.changes, []
    leaves: Counter[NodeKey] = Counter()
    arrives: Counter[NodeKey] = Counter()
    for (key, to), nodes in fates.move.items():
        leaves[key] += nodes
        arrives[key_of_move(key, to)] += nodes
        if key.procurement != "owned" or changes.move_usd_per_node is None or to == key.region:
            bad.append(f"{nodes} nodes of {key} cannot be moved to {to}")
    for key, nodes in fates.retire.items():
        if key.procurement != "owned" or changes.retire_usd_per_node is None:
            bad.append(f"{nodes} nodes of {key} cannot be retired")
    told = fates.keep + fates.off + fates.retire + leaves
    for key in {key for key in now if key.procurement in FIXED} | set(told):
        if told[key] != now[key]:
            bad.append(f"{key}: {now[key]} nodes are there today, the changes speak of {told[key]}")
    come = fates.keep + arrives + fates.new
    for key in {key for key in most if key.procurement in FIXED} | set(come):
        if come[key] != most[key]:
            bad.append(f"{key}: {most[key]} nodes run, the changes bring {come[key]}")
    for key, nodes in fates.new.items():
        facts = world.node(key)
        if not isinstance(facts, NodeFacts) or not facts.new:
            bad.append(f"{nodes} new nodes of {key} cannot be had")
    if any(nodes < 0 for part in (fates.keep, fates.off, fates.retire, fates.new) for nodes in part.values()):
        bad.append("a negative number of nodes changes")
    return bad


def off_devices(world: World, fates: Fates) -> Counter[tuple[str, str]]:
    """(region, accelerator) -> devices of owned nodes that stand there switched off."""
    found: Counter[tuple[str, str]] = Counter()
    for key, nodes in fates.off.items():
        if key.procurement == "owned":
            found[key.region, _accelerator(key)] += nodes * _devices(world, _accelerator(key))
    return found


def number_of_changes(world: World, fates: Fates, most: Counter[NodeKey]) -> int:
    """Nodes bought, committed to, moved, retired, and rented beyond today's."""
    now = nodes_now(world)
    more = sum(max(0, nodes - now[key]) for key, nodes in most.items() if key.procurement not in FIXED)
    return sum(fates.new.values()) + sum(fates.move.values()) + sum(fates.retire.values()) + more


# ---- the plan's own words ----


def check_changes(world: World, plan: Plan, findings: Findings, said: Findings) -> bool:
    """The plan's changes: names, balance, permission, number and money; whether every line speaks of what can be.

    `said` keeps what the plan says of their cost.
    """
    if world.scenario.today is None:
        return findings.hold(not plan.changes, "the plan changes a fleet that the scenario does not state")
    if not all(_known(world, line, findings) for line in plan.changes):
        return False
    most, fates = peaks(plan), fates_of(plan)
    for bad in wrong_fates(world, fates, most):
        findings.hold(False, bad)
    findings.checks += len(most) + len(nodes_now(world))
    limit = world.scenario.today.changes.limit
    if limit is not None:
        number = number_of_changes(world, fates, most)
        findings.at_most("changes, nodes", number, limit, relative=0.0)
    _check_rented(world, plan, most, findings)
    for line in plan.changes:
        where = f"{line.kind} {line.nodes} of {key_of(line)}"
        said.same(f"{where}: paid once", line.one_off_usd, one_off(world, line))
        said.same(f"{where}: a year", line.usd_per_year, _yearly(world, plan, line), size=abs(line.one_off_usd))
    return True


def _known(world: World, line: FleetChange, findings: Findings) -> bool:
    """Whether a line speaks of nodes that are there today, or can be had, and does with them what can be done."""
    key, facts = key_of(line), world.node(key_of(line))
    where = f"{line.kind} {line.nodes} of {key}"
    kinds = {"owned": ("keep", "off", "move", "retire", "buy"), "reserved": ("keep", "off", "commit")}
    there = nodes_now(world)[key] > 0 or line.kind in ("buy", "commit", "rent")
    had = isinstance(facts, NodeFacts) and facts.accelerator == line.accelerator
    had = had and (line.kind not in ("buy", "commit") or getattr(facts, "new", False))
    goes = line.kind in ("off", "move", "retire", "return")
    return (
        findings.hold(line.kind in kinds.get(line.procurement, ("keep", "rent", "return")), f"{where}: cannot be")
        and findings.hold(there, f"{where}: none is there today")
        and findings.hold(had or goes, f"{where}: cannot be had")
        and findings.hold(line.nodes > 0, f"{where}: a line without nodes")
        and findings.hold((line.to_region is not None) == (line.kind == "move"), f"{where}: to {line.to_region}")
    )


def _check_rented(world: World, plan: Plan, most: Counter[NodeKey], findings: Findings) -> None:
    """Of what is rented by the hour as many are kept, rented and given back as the counts of both days say."""
    now, told = nodes_now(world), Counter[tuple[str, NodeKey]]()
    for line in plan.changes:
        if line.procurement not in FIXED:
            told[line.kind, key_of(line)] += line.nodes
    for key in {key for key in (*now, *most) if key.procurement not in FIXED} | {key for _, key in told}:
        before, after = now[key], most[key]
        own = {"keep": min(before, after), "rent": max(0, after - before), "return": max(0, before - after)}
        for kind, nodes in own.items():
            says = f"{kind} of {key}: the plan says {told[kind, key]} nodes, recomputed {nodes}"
            findings.hold(told[kind, key] == nodes, says)


def _yearly(world: World, plan: Plan, line: FleetChange) -> float:
    """What a line adds to the year's bill."""
    key = key_of(line)
    if key.procurement not in FIXED:
        facts, before = world.node(key), nodes_now(world)[key]
        if line.kind == "return" or not isinstance(facts, NodeFacts):
            return 0.0
        by_slot = next((n.by_slot for n in plan.nodes if NodeKey(n.region, n.offer, n.procurement) == key), {})
        share = {slot: min(n, before) if line.kind == "keep" else max(0, n - before) for slot, n in by_slot.items()}
        return sum(nodes * facts.usd_per_hour * world.hours[slot] for slot, nodes in share.items())
    if line.kind in ("buy", "commit"):
        facts = world.node(key)
        new = facts.usd_per_year if isinstance(facts, NodeFacts) else {}
        return line.nodes * sum(usd for part, usd in new.items() if part != "licence")
    stays = line.nodes * upkeep(world, key) if line.kind in ("keep", "off", "move") else 0.0
    return stays + (a_year(world, one_off(world, line)) if line.kind in ("move", "retire") else 0.0)
