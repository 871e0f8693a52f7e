"""Whether what a scenario says of today's fleet exists, is complete and fits the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scenarios.catalog_things import Accelerator, Instance
from scenarios.check_names import Finding, Path, nearest
from scenarios.schema_supply import Owned
from scenarios.schema_today import NodesNow, Today

if TYPE_CHECKING:
    from scenarios.catalog import Catalog

_ONLY_OWNED = {"write_off": "write_off_usd_per_year", "maintenance": "maintenance_usd_per_year"}


def today_findings(parts: Any, today: Today, catalog: Catalog) -> list[Finding]:
    """Everything wrong with today's fleet. `parts` is like a Scenario, with None for what could not be read."""
    found: list[Finding] = []
    for index, entry in enumerate(today.nodes or ()):
        where: Path = ("today", "nodes", index)
        wrong = [*_place(where, entry, parts), *_kind(where, entry, parts, catalog)]
        found += wrong or [*_money(where, entry, parts, catalog), *_embodied(where, entry, parts, catalog)]
    if today.nodes:
        found += _alike(today.nodes)
        found += _changes(today, catalog)
    if today.nodes and not found and parts.regions and parts.procurement:
        found += _room(parts, today, catalog)
    return found


def _place(where: Path, entry: NodesNow, parts: Any) -> Iterator[Finding]:
    if parts.regions and entry.region not in parts.regions:
        message = f'"{entry.region}" is not listed under regions'
        hint = f"{nearest(entry.region, parts.regions)}; a region with a quota of 0 may keep nothing"
        yield Finding((*where, "region"), message, hint)


def _kind(where: Path, entry: NodesNow, parts: Any, catalog: Catalog) -> Iterator[Finding]:
    needed, other = ("accelerator", "instance") if entry.procurement == "owned" else ("instance", "accelerator")
    how = entry.procurement.replace("_", " ")
    if getattr(entry, other) is not None:
        yield Finding((*where, other), f"{how} nodes are told by their {needed}", f"write {needed}: instead")
    name = getattr(entry, needed)
    if name is None:
        yield Finding(where, f"which {needed}?", f"add {needed}: to {how} nodes")
        return
    if needed == "instance":
        row = instance_of(entry, catalog)
        if row is None:
            sold = {one.name for one in catalog.instances_in(entry.region)}
            message = f'there is no instance type "{name}" in {entry.region}'
            yield Finding((*where, "instance"), message, f"{nearest(name, sold)}; a catalog file can add it")
            return
        name = row.accelerator
    if name not in catalog.accelerators:
        message = f'there is no accelerator "{name}" in the catalog'
        yield Finding((*where, needed), message, nearest(name, catalog.accelerators))
    elif parts.accelerators and name not in parts.accelerators:
        message = f"{name} is not listed in accelerators"
        yield Finding((*where, needed), message, "add it there; a quota of 0 says that none may stay")
    for key, attribute in _ONLY_OWNED.items():
        if entry.procurement != "owned" and getattr(entry, attribute):
            yield Finding((*where, key), f"only owned nodes have a {key}", "delete it here")
    if entry.procurement != "reserved" and entry.price_usd_per_hour is not None:
        hint = "what is rented by the hour has its price under procurement"
        yield Finding((*where, "price"), "only reserved nodes have a price of their own here", hint)


def _money(where: Path, entry: NodesNow, parts: Any, catalog: Catalog) -> Iterator[Finding]:
    """Kept nodes need no purchase price, but what they cost a year must be known: nothing is 0 for not being said."""
    buying, region = parts.procurement, entry.region
    if entry.procurement == "owned":
        device = catalog.accelerators[str(entry.accelerator)]
        prices = buying.owned.prices if buying is not None and buying.owned is not None else {}
        if entry.maintenance_usd_per_year is None and prices.get(device.name, device.purchase_usd) is None:
            message = f"no purchase price of {device.name} is known to take the maintenance from"
            yield Finding((*where, "maintenance"), message, 'add maintenance: "$.../yr" for a node')
        use = (parts.regions or {}).get(region)
        own = use.electricity_usd_per_kwh if use is not None else None
        if own is None and region in catalog.regions and catalog.regions[region].electricity_usd_per_kwh is None:
            message = f"no electricity price of {region} is known, and owned nodes pay for theirs"
            yield Finding((*where, "region"), message, f"add electricity: to regions.{region}")
    if entry.procurement == "reserved" and entry.price_usd_per_hour is None:
        row, asked = instance_of(entry, catalog), buying.reserved if buying is not None else None
        price = asked.prices.get(region, {}).get(entry.instance) if asked is not None else None
        listed = row is not None and row.on_demand_usd_per_h is not None
        if price is None and (asked is None or asked.discount is None or not listed):
            message = f"no price of the commitment to {entry.instance} is known"
            yield Finding((*where, "price"), message, 'add price: "$.../h" for a node')


def _embodied(where: Path, entry: NodesNow, parts: Any, catalog: Catalog) -> Iterator[Finding]:
    if parts.limits is None or not parts.limits.include_embodied or entry.procurement in ("on_demand", "spot"):
        return
    device = device_of(entry, catalog)
    if device is not None and device.embodied_kg is None:
        message = f"the embodied carbon of {device.name} is unknown, and the carbon limit includes it"
        yield Finding(where, message, "give it in a catalog file, or leave include_embodied out")


def _alike(nodes: tuple[NodesNow, ...]) -> Iterator[Finding]:
    """Nodes of one kind in one place cost the same to keep: else it would matter which of them goes."""
    first: dict[tuple[object, ...], NodesNow] = {}
    for index, entry in enumerate(nodes):
        key = (entry.region, entry.procurement, entry.accelerator, entry.instance)
        known = first.setdefault(key, entry)
        if known.maintenance_usd_per_year != entry.maintenance_usd_per_year:
            message = "the same kind of node stands above with another maintenance"
            hint = "give both the same; the write-off may differ"
            yield Finding(("today", "nodes", index, "maintenance"), message, hint)


def _changes(today: Today, catalog: Catalog) -> Iterator[Finding]:
    changes, where = today.changes, ("today", "changes")
    owned = [entry.accelerator for entry in today.nodes if entry.procurement == "owned"]
    for name in changes.resale:
        if name not in catalog.accelerators:
            message = f'there is no accelerator "{name}" in the catalog'
            yield Finding((*where, "resale", name), message, nearest(name, catalog.accelerators))
        elif name not in owned:
            yield Finding((*where, "resale", name), f"no node with {name} is owned today", "delete it here")
    if changes.resale and changes.retire_usd_per_node is None:
        message = "nodes can only be sold where they may be retired"
        yield Finding((*where, "resale"), message, 'add retire: "$.../node"; $0 where it costs nothing')
    for key, value in (("retire", changes.retire_usd_per_node), ("move", changes.move_usd_per_node)):
        if value is not None and not any(owned):
            message = f"nothing is owned today that could be {'moved' if key == 'move' else 'retired'}"
            yield Finding((*where, key), message, "delete it here")


def _room(parts: Any, today: Today, catalog: Catalog) -> Iterator[Finding]:
    """Owned nodes beyond a quota must have somewhere to go."""
    if today.changes.retire_usd_per_node is not None:
        return
    standing: dict[tuple[str, str], int] = defaultdict(int)
    first: dict[tuple[str, str], int] = {}
    for index, entry in enumerate(today.nodes):
        if entry.procurement == "owned":
            key = (entry.region, str(entry.accelerator))
            standing[key] += entry.nodes * owned_devices(parts.procurement.owned, catalog.accelerators[key[1]])
            first.setdefault(key, index)
    for (region, name), devices in standing.items():
        quota = parts.regions[region].quota.get(name)
        elsewhere = any(other != region and use.quota.get(name) != 0 for other, use in parts.regions.items())
        if not isinstance(quota, int) or quota >= devices:
            continue
        if today.changes.move_usd_per_node is None or not elsewhere:
            message = f"{devices} {name} stand in {region}, its quota is {quota}, and none may leave"
            hint = "add retire: or move: to today.changes, or raise the quota"
            yield Finding(("today", "nodes", first[region, name], "nodes"), message, hint)


def instance_of(entry: NodesNow, catalog: Catalog) -> Instance | None:
    """The price row of a rented node."""
    return next((row for row in catalog.instances_in(entry.region) if row.name == entry.instance), None)


def device_of(entry: NodesNow, catalog: Catalog) -> Accelerator | None:
    """What is in a node."""
    row = instance_of(entry, catalog) if entry.instance else None
    return catalog.accelerators.get(row.accelerator if row is not None else str(entry.accelerator))


def owned_devices(owned: Owned | None, accelerator: Accelerator) -> int:
    """Devices in an owned node: the scenario's figure, or the catalog's."""
    given = owned.devices_per_node if owned is not None else {}
    return given.get(accelerator.name, accelerator.devices_per_node)
