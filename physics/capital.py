"""Wall 17, capital: what a year of the fleet costs. A missing price is an error before it comes here, never 0.

Functions take floats or NumPy arrays that broadcast together; money is US dollars; a year is 8,760 h.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from physics.wall import Wall

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


WALL = Wall(
    number=17,
    name="capital",
    domain="fleet",
    question="What does it cost?",
    equation="cost n multiplier / years + 5 % of the purchase + kWh x price",
    in_fleet="Owned, reserved, on demand and spot charge the cost account; the budget is a row.",
    sources=("mlsysim 0.3.0",),
    acts=("charge", "rows"),
)
