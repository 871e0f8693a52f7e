"""Today's fleet as the program takes it: what stands where, what it costs, and the columns of what becomes of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from physics import capital
from physics.holdings import Holdings, Moves, Today
from physics.layout import Layout
from scenarios.catalog import Accelerator
from scenarios.check_today import device_of, instance_of, owned_devices
from scenarios.schema import Scenario
from scenarios.schema_supply import Owned
from scenarios.schema_today import NodesNow

HOURS_PER_YEAR = 8760.0
Place = tuple[str, str, str]
"""Region, offer and procurement: the name of a hire."""


@dataclass(frozen=True)
class Standing:
    """Today's nodes of one kind in one region, entries of the same kind added up."""

    place: Place
    accelerator: Accelerator
    devices: int
    nodes: int
    upkeep_usd_per_year: float
    """Maintenance of one owned node."""
    sunk_usd_per_year: float
    """Of all of them: write-off, or committed rent."""

    @property
    def name(self) -> str:
        """Region, node type and procurement."""
        return "/".join(self.place)

    @property
    def owned(self) -> bool:
        """Whether the nodes are owned."""
        return self.place[2] == "owned"

    @property
    def fixed(self) -> bool:
        """Whether they are paid for whatever is decided: owned or committed to."""
        return self.place[2] in ("owned", "reserved")


def standing(scenario: Scenario) -> dict[Place, Standing]:
    """Today's nodes by region, offer and procurement."""
    found: dict[Place, Standing] = {}
    for entry in scenario.today.nodes if scenario.today else ():
        one = _standing(scenario, entry)
        known = found.get(one.place)
        nodes, sunk = (known.nodes, known.sunk_usd_per_year) if known else (0, 0.0)
        found[one.place] = Standing(
            one.place,
            one.accelerator,
            one.devices,
            nodes + one.nodes,
            one.upkeep_usd_per_year,
            sunk + one.sunk_usd_per_year,
        )
    return found


def _standing(scenario: Scenario, entry: NodesNow) -> Standing:
    device = device_of(entry, scenario.catalog)
    assert device is not None
    if entry.procurement == "owned":
        owned = scenario.procurement.owned
        devices = owned_devices(owned, device)
        place = (entry.region, owned_offer(devices, device), "owned")
        sunk = entry.write_off_usd_per_year * entry.nodes
        return Standing(place, device, devices, entry.nodes, _upkeep(scenario, entry, device, devices), sunk)
    row = instance_of(entry, scenario.catalog)
    assert row is not None
    offer = f"spot-{row.name}" if entry.procurement == "spot" else row.name
    sunk = 0.0
    if entry.procurement == "reserved":
        sunk = capital.rent_usd(_committed_usd_per_hour(scenario, entry), HOURS_PER_YEAR) * entry.nodes
    return Standing((entry.region, offer, entry.procurement), device, row.devices, entry.nodes, 0.0, sunk)


def owned_offer(devices: int, device: Accelerator) -> str:
    """Name of an owned node type."""
    return f"owned-{devices}x-{device.name}"


def _upkeep(scenario: Scenario, entry: NodesNow, device: Accelerator, devices: int) -> float:
    if entry.maintenance_usd_per_year is not None:
        return entry.maintenance_usd_per_year
    owned = scenario.procurement.owned or Owned()
    price = owned.prices.get(device.name, device.purchase_usd)
    assert price is not None
    return float(capital.maintenance_usd_per_year(price * devices, owned.maintenance))


def _committed_usd_per_hour(scenario: Scenario, entry: NodesNow) -> float:
    if entry.price_usd_per_hour is not None:
        return entry.price_usd_per_hour
    asked, row = scenario.procurement.reserved, instance_of(entry, scenario.catalog)
    assert asked is not None and row is not None
    price = asked.prices.get(entry.region, {}).get(row.name)
    if price is None:
        assert asked.discount is not None and row.on_demand_usd_per_h is not None
        price = float(capital.reserved_usd_per_hour(row.on_demand_usd_per_h, asked.discount))
    return price


def stays(scenario: Scenario, region: str, accelerator: str) -> bool:
    """Whether owned nodes of an accelerator may be in a region without being bought: they stand there, or may move."""
    today = scenario.today
    if today is None:
        return False
    owned = [entry for entry in today.nodes if entry.procurement == "owned" and entry.accelerator == accelerator]
    return any(entry.region == region or today.changes.move_usd_per_node is not None for entry in owned)


def devices_there(scenario: Scenario, region: str, accelerator: str) -> int:
    """Devices of an accelerator that are had in a region today, in every way."""
    return sum(
        one.nodes * one.devices
        for one in standing(scenario).values()
        if one.place[0] == region and one.accelerator.name == accelerator
    )


def sunk_costs(scenario: Scenario) -> list[tuple[str, str, float]]:
    """(part, region, USD a year) of what is paid whatever is decided."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for one in standing(scenario).values():
        if one.sunk_usd_per_year:
            found["write-off" if one.owned else "committed rent", one.place[0]] += one.sunk_usd_per_year
    return [(part, region, usd) for (part, region), usd in found.items()]


def spread(scenario: Scenario, one_off_usd: float) -> float:
    """A one-off cost a year over the horizon, at the cost of capital of purchases."""
    assert scenario.today is not None
    owned = scenario.procurement.owned
    rate = owned.discount_rate if owned is not None else 0.0
    return float(capital.amortised_usd_per_year(one_off_usd, 1.0, scenario.today.changes.horizon_years, rate))


def add_today(layout: Layout, scenario: Scenario, may_be_new: list[bool]) -> None:
    """The tables and columns of today's fleet, beside hires that have their columns; nothing where none is stated.

    may_be_new: [hire] whether nodes can be had there that are not today's
    """
    if scenario.today is None:
        return
    held = _holdings(layout, scenario)
    moves = _moves(layout, scenario, held)
    hires, columns, limit = layout.hires, layout.columns, scenario.today.changes.limit
    split = np.zeros(len(hires.procurement), dtype=bool)
    split[held.hire[held.hire >= 0]] = True
    split[moves.hire] = True
    new_col = np.where(hires.timed, -1, hires.col[:, 0]) if split.size else np.zeros(0, dtype=np.intp)
    new_col[split] = -1
    new = np.flatnonzero(split & np.array(may_be_new, dtype=bool))
    new_col[new] = columns.add(
        "new", new.size, lambda k: layout.hire_name(new[k]), upper=hires.most_nodes[new], integer=True
    )
    rented = np.zeros(split.size)
    names = {layout.hire_name(h): h for h in range(split.size)}
    for one in standing(scenario).values():
        if not one.fixed and one.name in names:
            rented[names[one.name]] = one.nodes
    more_col, timed = np.full(split.size, -1, dtype=np.intp), np.flatnonzero(hires.timed)
    if limit is not None:
        more_col[timed] = columns.add("more", timed.size, lambda k: layout.hire_name(timed[k]))
    layout.today = Today(held, moves, new_col, rented, more_col, None if limit is None else float(limit))


def _holdings(layout: Layout, scenario: Scenario) -> Holdings:
    assert scenario.today is not None
    changes, columns = scenario.today.changes, layout.columns
    fixed = [one for one in standing(scenario).values() if one.fixed]
    names = {layout.hire_name(h): h for h in range(len(layout.hires.procurement))}
    hire = np.array([names.get(one.name, -1) for one in fixed], dtype=np.intp)
    nodes = np.array([float(one.nodes) for one in fixed])
    owned = np.array([one.owned for one in fixed], dtype=bool)
    retire = owned & (changes.retire_usd_per_node is not None)
    # A commitment may always go unused; an owned node stands somewhere, so a quota of 0 lets none stay.
    stay, off = hire >= 0, (hire >= 0) | ~owned

    def cols(name: str, where: np.ndarray) -> np.ndarray:
        found, rows = np.full(len(fixed), -1, dtype=np.intp), np.flatnonzero(where)
        found[rows] = columns.add(name, rows.size, lambda k: fixed[rows[k]].name, upper=nodes[rows], integer=True)
        return found

    return Holdings(
        name=[one.name for one in fixed],
        region=np.array([layout.regions.index(one.place[0]) for one in fixed], dtype=np.intp),
        hire=hire,
        accelerator=[one.accelerator.name for one in fixed],
        owned=owned,
        devices_per_node=np.array([float(one.devices) for one in fixed]),
        nodes=nodes,
        upkeep_usd_per_year=np.array([one.upkeep_usd_per_year for one in fixed]),
        retire_usd_per_year=np.full(len(fixed), spread(scenario, changes.retire_usd_per_node or 0.0)),
        resale_usd_per_year=np.array(
            [spread(scenario, changes.resale.get(one.accelerator.name, 0.0) * one.devices) for one in fixed]
        ),
        keep_col=cols("keep", stay),
        off_col=cols("off", off),
        retire_col=cols("retire", retire),
    )


def _moves(layout: Layout, scenario: Scenario, held: Holdings) -> Moves:
    assert scenario.today is not None
    usd, hires = scenario.today.changes.move_usd_per_node, layout.hires
    ways = [
        (k, h)
        for k in np.flatnonzero(held.owned)
        for h in range(len(hires.procurement))
        if usd is not None
        and hires.procurement[h] == "owned"
        and hires.accelerator[h] == held.accelerator[k]
        and hires.region[h] != held.region[k]
    ]
    table = np.array(ways, dtype=np.intp).reshape(-1, 2)
    col = layout.columns.add(
        "move",
        len(ways),
        lambda m: f"{held.name[ways[m][0]]}->{layout.regions[hires.region[ways[m][1]]]}",
        upper=held.nodes[table[:, 0]],
        integer=True,
    )
    return Moves(table[:, 0], table[:, 1], np.full(len(ways), spread(scenario, usd or 0.0)), col)
