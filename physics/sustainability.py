"""Wall 18, sustainability: energy, carbon and water of a fleet, on one declared carbon basis.

Functions take floats or NumPy arrays that broadcast together. PUE multiplies power and energy alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from physics.layout import ChargeBlock, Layout, RowBuilder
from physics.shared_rows import cap_rows
from physics.wall import Block, Wall

IDLE_POWER_RATIO = 0.43  # 8 x H200 server: 2.4 kW with a model loaded and no queries, over 5.6 kW of TDP (MLPerf v4.1)
LOAD_POWER_RATIO = 1.30  # 8 x B200 server: 10.4 kW on llama2-70b, over 8 kW of TDP (MLPerf v5.1)


def server_power_w(
    tdp_w: Any, busy: Any, idle_ratio: Any = IDLE_POWER_RATIO, load_ratio: Any = LOAD_POWER_RATIO
) -> Any:
    """Running power of a whole server [W]: ``TDP (idle + (load - idle) busy)``.

    Args:
        tdp_w: total accelerator TDP of the server [W].
        busy: share of time at work, sum of load / (rate x replicas) (0 to 1).
        idle_ratio, load_ratio: power of the server over `tdp_w`, idle and at full load.

    Holds for 8-accelerator servers whose power was measured; other servers use the same ratios at confidence C.
    Number: 8 x B200, 10.4 kW under load (MLPerf Inference v5.1, Lenovo SR680a V3).

    >>> server_power_w(8000.0, 1.0)
    10400.0
    """
    return tdp_w * (idle_ratio + (load_ratio - idle_ratio) * busy)


def energy_kwh(power_w: Any, hours: Any, pue: Any = 1.0) -> Any:
    """Energy [kWh]: ``power x hours x PUE / 1000``; IT energy at PUE 1. Number: mlsysim 0.3.0, 64 devices for a year.

    >>> round(energy_kwh(64 * plain_power_w(700, 0.4), 8760), 6)
    227619.84
    """
    return power_w * hours * pue / 1e3


def carbon_kg(kwh: Any, kg_per_kwh: Any) -> Any:
    """Operational carbon [kg CO2e]: ``kWh x intensity``, kWh at the meter. Number: mlsysim 0.3.0, Quebec at 20 g/kWh.

    >>> round(carbon_kg(241277.0304, 0.020), 6)
    4825.540608
    """
    return kwh * kg_per_kwh


def water_litres(it_kwh: Any, litres_per_kwh: Any) -> Any:
    """Water used on site [l]: ``IT kWh x WUE``. Number: mlsysim 0.3.0, US average at 1.8 l/kWh.

    >>> round(water_litres(254934.2208, 1.8), 6)
    458881.59744
    """
    return it_kwh * litres_per_kwh


def embodied_kg_per_year(embodied_kg: Any, devices: Any, years: Any = 1.0) -> Any:
    """Yearly share of the carbon of making the devices [kg CO2e/yr]: ``kg x devices / years``.

    Unknown embodied carbon stays unknown; it is never 0. Number: mlsysim 0.3.0, 64 devices of 164 kg.

    >>> embodied_kg_per_year(164.0, 64)
    10496.0
    """
    return embodied_kg * devices / years


def plain_power_w(tdp_w: Any, utilization: Any) -> Any:
    """Power of one accelerator in the plain form [W]: ``TDP (0.3 + 0.7 MFU)``; leaves out host, fans and supplies.

    Number: mlsysim 0.3.0 `SustainabilityModel`.

    >>> round(plain_power_w(700, 0.4), 9)
    406.0
    """
    return tdp_w * (0.3 + 0.7 * utilization)


# ---- in the fleet ----


def electricity(layout: Layout) -> list[tuple[str, ChargeBlock]]:
    """Facility kWh a year by column: idle power of nodes, load power of busy replicas. One block per part and slot."""
    hires, pools, loads, found = layout.hires, layout.pools, layout.loads, []
    everything = np.arange(len(hires.procurement))
    hire_of_pool = layout.hire_of_pool
    for t in range(len(layout.slots)):
        pue = layout.pue[hires.region]
        idle = energy_kwh(hires.idle_w, layout.hours[t], pue)
        found.append(
            (
                "idle power",
                ChargeBlock("sustainability", "kwh_per_year", f"{t}", hires.col[:, t], idle, everything, hires.region),
            )
        )
        some = np.flatnonzero(loads.slot == t)
        pool = loads.pool[some]
        busy = layout.rate_unit / pools.requests_per_s[pool, loads.shape[some]]
        load = energy_kwh(pools.load_w_per_replica[pool] * busy, layout.hours[t], layout.pue[pools.region[pool]])
        found.append(
            (
                "load power",
                ChargeBlock(
                    "sustainability",
                    "kwh_per_year",
                    f"{t}",
                    loads.col[some],
                    load,
                    hire_of_pool[pool],
                    pools.region[pool],
                ),
            )
        )
    return found


def sustainability_charges(layout: Layout) -> list[ChargeBlock]:
    """Energy, operational carbon on the declared basis, water, and embodied carbon where it is known."""
    blocks, hires = [], layout.hires
    for part, entry in electricity(layout):
        t = int(entry.part)
        carbon = carbon_kg(entry.value, layout.kg_co2e_per_kwh[entry.region, t])
        water = water_litres(entry.value / layout.pue[entry.region], layout.litres_per_kwh[entry.region])
        for account, value in (("kwh_per_year", entry.value), ("kg_co2e_per_year", carbon), ("litres_per_year", water)):
            blocks.append(ChargeBlock("sustainability", account, part, entry.col, value, entry.hire, entry.region))
    for t in range(len(layout.slots)):
        share = layout.hours[t] / layout.hours.sum()
        known = np.flatnonzero(np.isfinite(hires.embodied_kg_per_year))
        kg = hires.embodied_kg_per_year[known] * share
        blocks.append(
            ChargeBlock(
                "sustainability",
                "kg_co2e_embodied_per_year",
                "embodied",
                hires.col[known, t],
                kg,
                known,
                hires.region[known],
            )
        )
        devices = hires.devices_per_node * share
        blocks.append(
            ChargeBlock(
                "sustainability", "devices", "devices", hires.col[:, t], devices, np.arange(len(devices)), hires.region
            )
        )
    return blocks


def sustainability_rows(layout: Layout) -> list[Block]:
    """Site power and the caps on carbon, water and energy."""
    hires, blocks = layout.hires, []
    for r, watts in layout.site_power_w.items():
        name = f"site power {layout.regions[r]}"
        relax = layout.elastic(
            name,
            f"regions.{layout.regions[r]}.site_power",
            "sustainability",
            watts,
            "W",
            f"nameplate power of the nodes in {layout.regions[r]}",
        )
        builder = RowBuilder()
        here = np.flatnonzero(hires.region == r)
        for t in range(len(layout.slots) if hires.timed[here].any() else 1):
            builder.add(
                f"{layout.regions[r]}/{layout.slots[t]}",
                (hires.col[here, t], hires.nameplate_w[here]),
                (relax, -watts),
                upper=watts,
            )
        blocks += builder.block("sustainability", "site_power", "W", "nameplate power of the nodes at a site", name)
    carbon = ("kg_co2e_per_year", "kg_co2e_embodied_per_year")[: 2 if layout.include_embodied else 1]
    return [
        *blocks,
        *cap_rows(layout, "sustainability", "carbon", "kg CO2e/yr", *carbon),
        *cap_rows(layout, "sustainability", "water", "l/yr", "litres_per_year"),
        *cap_rows(layout, "sustainability", "energy", "kWh/yr", "kwh_per_year"),
    ]


WALL = Wall(
    number=18,
    name="sustainability",
    domain="fleet",
    question="What does it emit and drink?",
    equation="kWh x PUE x CI; water = kWh x WUE",
    in_fleet="Idle and load power of the whole server, energy, carbon by region and hour, water; caps are rows.",
    sources=("MLPerf Inference v4.1 and v5.1 power", "mlsysim 0.3.0"),
    acts=("charge", "rows"),
    charges=sustainability_charges,
    rows=sustainability_rows,
)
