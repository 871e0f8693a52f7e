"""Wall 17, capital: what a year of the fleet costs. A missing price is an error before it comes here, never 0.

Functions take floats or NumPy arrays that broadcast together; money is US dollars; a year is 8,760 h.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from physics.changes import change_charges, change_rows
from physics.layout import ChargeBlock, Layout, RowBuilder
from physics.shared_rows import cap_rows
from physics.sustainability import electricity
from physics.wall import Block, Wall

HOURS_PER_YEAR = 8760.0
MAINTENANCE = 0.05  # of the purchase price, a year


def amortised_usd_per_year(purchase_usd: Any, multiplier: Any, years: Any, discount_rate: Any = 0.0) -> Any:
    """Yearly share of a purchase [USD/yr]: ``price x multiplier / years``, or the annuity at a discount rate.

    Args:
        purchase_usd: price of the devices [USD].
        multiplier: host, network and building on top (1 is devices only).
        years: life [yr].
        discount_rate: cost of capital a year (0 is the straight line).

    The annuity is ``price x multiplier x r / (1 - (1 + r)^-years)``. Number: mlsysim 0.3.0 `EconomicsModel`: 64 devices
    of $25,000 over 3 years.

    >>> round(float(amortised_usd_per_year(64 * 25000, 1.0, 3)), 4)
    533333.3333
    """
    rate = np.asarray(discount_rate, dtype=float)
    safe = np.where(rate > 0, rate, 1.0)
    life = np.asarray(years, dtype=float)
    annuity = np.where(rate > 0, safe / (1.0 - (1.0 + safe) ** -life), 1.0 / life)
    return purchase_usd * multiplier * annuity


def maintenance_usd_per_year(purchase_usd: Any, share: Any = MAINTENANCE) -> Any:
    """Upkeep of owned devices [USD/yr]: ``share x price``, on the bare purchase price. Number: mlsysim 0.3.0.

    >>> maintenance_usd_per_year(64 * 25000)
    80000.0
    """
    return share * purchase_usd


def energy_usd(kwh: Any, usd_per_kwh: Any) -> Any:
    """Electricity bill [USD]: ``kWh x price``; kWh at the meter, PUE included. Number: mlsysim 0.3.0, Quebec.

    >>> round(energy_usd(241277.0304, 0.12), 6)
    28953.243648
    """
    return kwh * usd_per_kwh


def rent_usd(usd_per_hour: Any, hours: Any, availability: Any = 1.0) -> Any:
    """Rent of an instance [USD]: ``price x hours x availability``; spot that is taken away is not billed.

    Args:
        usd_per_hour: price of the whole instance [USD/h].
        hours: hours rented, start-up included [h].
        availability: share of those hours that the instance runs.

    The example: an 8 x H100 instance at $55.04 all year.

    >>> round(rent_usd(55.04, HOURS_PER_YEAR), 1)
    482150.4
    """
    return usd_per_hour * hours * availability


def reserved_usd_per_hour(on_demand_usd_per_hour: Any, discount: Any) -> Any:
    """Price of a committed hour [USD/h]: ``on demand x (1 - discount)``.

    >>> reserved_usd_per_hour(50.0, 0.4)
    30.0
    """
    return on_demand_usd_per_hour * (1.0 - discount)


# ---- in the fleet ----


def capital_charges(layout: Layout) -> list[ChargeBlock]:
    """Purchase, upkeep, rent and the electricity of owned nodes, USD a year."""
    hires, blocks = layout.hires, []
    everything = np.arange(len(hires.procurement))
    for part, usd in hires.usd_per_year.items():
        # Of today's nodes the purchase and the committed rent are paid already; a licence runs with the node.
        col = hires.col[:, 0] if layout.today is None or part == "licence" else layout.today.new_col
        some = everything[(usd > 0) & (col >= 0)]
        blocks.append(ChargeBlock("capital", "usd_per_year", part, col[some], usd[some], some, hires.region[some]))
    for t in range(len(layout.slots)):
        some = everything[hires.timed]
        blocks.append(
            ChargeBlock(
                "capital",
                "usd_per_year",
                "rent",
                hires.col[some, t],
                rent_usd(hires.usd_per_hour[some], layout.hours[t]),
                some,
                hires.region[some],
            )
        )
    some = everything[hires.timed & (hires.startup_h > 0)]
    if len(layout.slots) > 1 and some.size:
        for t in range(len(layout.slots)):
            usd = rent_usd(hires.usd_per_hour[some], hires.startup_h[some] * layout.slot_days[t])
            blocks.append(
                ChargeBlock(
                    "capital", "usd_per_year", "start-up", layout.starts[some, t], usd, some, hires.region[some]
                )
            )
    for part, entry in electricity(layout):
        owned = hires.pays_energy[entry.hire]
        usd = energy_usd(entry.value, layout.usd_per_kwh[entry.region])
        blocks.append(
            ChargeBlock(
                "capital",
                "usd_per_year",
                f"energy, {part}",
                entry.col[owned],
                usd[owned],
                entry.hire[owned],
                entry.region[owned],
            )
        )
    return blocks + change_charges(layout)


def capital_rows(layout: Layout) -> list[Block]:
    """Supply (quota), today's fleet, spot share, start-ups and the budget."""
    return [
        *_quota(layout),
        *change_rows(layout),
        *_starts(layout),
        *_spot_share(layout),
        *cap_rows(layout, "capital", "budget", "USD/yr", "usd_per_year"),
    ]


def _quota(layout: Layout) -> list[Block]:
    hires, blocks = layout.hires, []
    for (r, accelerator), quota in layout.quotas.items():
        builder = RowBuilder()
        name = f"quota {accelerator} {layout.regions[r]}"
        relax = layout.elastic(
            name,
            f"regions.{layout.regions[r]}.quota.{accelerator}",
            "capital",
            quota,
            "devices",
            f"at most {quota:.0f} {accelerator} can be had in {layout.regions[r]}",
        )
        here = [
            h for h in range(len(hires.procurement)) if hires.region[h] == r and hires.accelerator[h] == accelerator
        ]
        slots = range(len(layout.slots)) if hires.timed[here].any() else range(1)
        off = _switched_off(layout, r, accelerator)
        for t in slots:
            builder.add(
                f"{layout.regions[r]}/{accelerator}/{layout.slots[t]}",
                (hires.col[here, t], hires.devices_per_node[here]),
                off,
                (relax, -quota),
                upper=quota,
            )
        blocks += builder.block(
            "capital", "quota", "devices", f"{accelerator} that can be had in {layout.regions[r]}", name
        )
    return blocks


def _switched_off(layout: Layout, region: int, accelerator: str) -> tuple[np.ndarray, np.ndarray]:
    """(columns, devices) of owned nodes that stand there without running; an unused commitment stands nowhere."""
    if layout.today is None:
        return np.zeros(0, dtype=np.intp), np.zeros(0)
    held = layout.today.holdings
    here = (held.region == region) & held.owned & (held.off_col >= 0)
    here &= np.array([name == accelerator for name in held.accelerator], dtype=bool)
    return held.off_col[here], held.devices_per_node[here]


def _starts(layout: Layout) -> list[Block]:
    hires, builder = layout.hires, RowBuilder()
    if layout.starts.size:
        for h in np.flatnonzero(hires.timed & (hires.startup_h > 0)):
            for t, before in enumerate(layout.previous_slot):
                builder.add(
                    f"{layout.hire_name(h)}/{layout.slots[t]}",
                    (hires.col[h, t], 1.0),
                    (hires.col[h, before], -1.0),
                    (layout.starts[h, t], -1.0),
                    upper=0.0,
                )
    return builder.block("capital", "start", "nodes", "nodes that are switched on are counted", linking=True)


def _spot_share(layout: Layout) -> list[Block]:
    pools, loads = layout.pools, layout.loads
    if layout.spot_max_share >= 1 or not pools.spot.any():
        return []
    builder = RowBuilder()
    relax = layout.elastic(
        "spot share",
        "procurement.spot.max_share",
        "capital",
        layout.spot_max_share,
        "share of demand",
        "spot carries at most its share of the load",
    )
    for w, name in enumerate(layout.workloads):
        for t, slot in enumerate(layout.slots):
            demand = layout.requests.demand[layout.shapes_of[w], :, t].sum() / layout.rate_unit
            on_spot = (pools.workload[loads.pool] == w) & pools.spot[loads.pool] & (loads.slot == t)
            most = layout.spot_max_share * demand
            less = layout.elastic_col(f"demand {name}")  # a share of less demand is less
            builder.add(f"{name}/{slot}", (loads.col[on_spot], 1.0), (relax, -most), (less, most), upper=most)
    return builder.block(
        "capital", "spot_share", "requests/s", "spot carries at most its share of the load", "spot share"
    )


WALL = Wall(
    number=17,
    name="capital",
    domain="fleet",
    question="What does it cost?",
    equation="cost n multiplier / years + 5 % of the purchase + kWh x price",
    in_fleet="Owned, reserved, on demand and spot charge the cost account; the budget is a row.",
    sources=("mlsysim 0.3.0",),
    acts=("charge", "rows"),
    charges=capital_charges,
    rows=capital_rows,
)
