"""From the solver's point to what becomes of today's fleet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optimizer.offers import Hire
from optimizer.plan_today import FleetChange
from optimizer.program import Program
from optimizer.today import Place, Standing, standing
from physics.capital import rent_usd
from physics.layout import Layout
from scenarios.schema import Scenario

KINDS = ("keep", "off", "move", "retire", "return", "buy", "commit", "rent")


def fleet_changes(program: Program, x: np.ndarray) -> list[FleetChange]:
    """Every node of today's, and every new one, by what becomes of it; nothing where today's fleet is not stated."""
    layout, scenario = program.layout, program.question.scenario
    if layout.today is None or scenario.today is None:
        return []
    now, hires = standing(scenario), program.question.offers.hires
    found = [*_held(layout, now, x, scenario), *_new(layout, hires, x, scenario), *_rented(layout, hires, now, x)]
    return sorted(found, key=lambda one: (KINDS.index(one.kind), one.region, one.offer, one.to_region or ""))


def _held(layout: Layout, now: dict[Place, Standing], x: np.ndarray, scenario: Scenario) -> Iterator[FleetChange]:
    """What becomes of owned and committed nodes."""
    assert layout.today is not None and scenario.today is not None
    held, moves, changes = layout.today.holdings, layout.today.moves, scenario.today.changes
    by_name = {one.name: one for one in now.values()}

    for k, name in enumerate(held.name):
        one, upkeep = by_name[name], held.upkeep_usd_per_year[k]
        sold = changes.resale.get(one.accelerator.name, 0.0) * one.devices
        retired = held.retire_usd_per_year[k] - held.resale_usd_per_year[k]
        fates: list[tuple] = [
            ("keep", held.keep_col[k], 0.0, upkeep, None),
            ("off", held.off_col[k], 0.0, upkeep, None),
            ("retire", held.retire_col[k], (changes.retire_usd_per_node or 0.0) - sold, retired, None),
        ]
        for m in np.flatnonzero(moves.holding == k):
            to = layout.regions[layout.hires.region[moves.hire[m]]]
            once = changes.move_usd_per_node or 0.0
            fates.append(("move", moves.col[m], once, upkeep + moves.usd_per_year[m], to))
        for kind, col, once, yearly, to in fates:
            nodes = round(x[col]) if col >= 0 else 0
            if nodes:
                yield _change(kind, one, nodes, once, yearly, to)


def _change(kind: str, one: Standing, nodes: int, once: float, yearly: float, to: str | None = None) -> FleetChange:
    region, offer, procurement = one.place
    return FleetChange(
        kind=kind,  # type: ignore[arg-type]
        region=region,
        to_region=to,
        accelerator=one.accelerator.name,
        offer=offer,
        procurement=procurement,
        nodes=nodes,
        one_off_usd=nodes * once,
        usd_per_year=nodes * yearly,
    )


def _new(layout: Layout, hires: list[Hire], x: np.ndarray, scenario: Scenario) -> Iterator[FleetChange]:
    """What is bought and committed to."""
    assert layout.today is not None
    owned = scenario.procurement.owned
    for h, col in enumerate(layout.today.new_col):
        hire, nodes = hires[h], round(x[col]) if col >= 0 else 0
        if not nodes:
            continue
        once = 0.0
        if owned is not None and hire.procurement == "owned":
            price = owned.prices.get(hire.accelerator.name, hire.accelerator.purchase_usd)
            once = (price or 0.0) * owned.infrastructure_multiplier * hire.devices
        yearly = sum(usd for part, usd in hire.usd_per_year.items() if part != "licence")
        kind = "buy" if hire.procurement == "owned" else "commit"
        yield _change(kind, _standing_of(hire), nodes, once, yearly)


def _rented(layout: Layout, hires: list[Hire], now: dict[Place, Standing], x: np.ndarray) -> Iterator[FleetChange]:
    """What is rented by the hour: as many as today, more, or fewer. What is no longer offered is given back whole."""
    left = {one.place: one for one in now.values() if not one.fixed}
    for h, hire in enumerate(hires):
        if not hire.timed:
            continue
        one = left.pop((hire.region, hire.offer, hire.procurement), None)
        before = one.nodes if one else 0
        counts = np.round(x[layout.hires.col[h]]).astype(int)
        peak, here = int(counts.max()), one or _standing_of(hire)
        usd = rent_usd(hire.usd_per_hour, layout.hours)
        for kind, nodes, each in (
            ("keep", min(peak, before), np.minimum(counts, before)),
            ("rent", max(peak - before, 0), np.maximum(counts - before, 0)),
            ("return", max(before - peak, 0), np.zeros(counts.size)),
        ):
            if nodes:
                yield _change(kind, here, nodes, 0.0, float((usd * each).sum()) / nodes)
    for one in left.values():
        yield _change("return", one, one.nodes, 0.0, 0.0)


def _standing_of(hire: Hire) -> Standing:
    """A node of a hire in the words of today's fleet."""
    return Standing((hire.region, hire.offer, hire.procurement), hire.accelerator, hire.devices, 0, 0.0, 0.0)
