"""Wall 18, sustainability: energy, carbon and water of a fleet, on one declared carbon basis.

Functions take floats or NumPy arrays that broadcast together. PUE multiplies power and energy alike.
"""

from __future__ import annotations

from typing import Any

from physics.wall import Wall

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


WALL = Wall(
    number=18,
    name="sustainability",
    domain="fleet",
    question="What does it emit and drink?",
    equation="kWh x PUE x CI; water = kWh x WUE",
    in_fleet="Idle and load power of the whole server, energy, carbon by region and hour, water; caps are rows.",
    sources=("MLPerf Inference v4.1 and v5.1 power", "mlsysim 0.3.0"),
    acts=("charge", "rows"),
)
