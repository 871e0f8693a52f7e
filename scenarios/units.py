"""People's units at the edge of the program: a closed list, turned into plain SI floats.

Inside, every number is in SI and carries its unit in its name; here "50 ms" becomes 0.05 and "$5M/yr" 5,000,000 dollars
a year. The list is closed on purpose: a general unit library reads "$5M" as a molar dollar, and a unit that is guessed
is a wrong answer that looks right. A year has 8,760 hours, a month is a twelfth of it, a tonne is 1,000 kg.

Each kind has a largest amount that is believed (`most`), a hundred times what the largest fleet on Earth could need:
beyond it a unit or a digit is wrong, and the solver's numbers would no longer be exact.
"""

from __future__ import annotations

from collections.abc import Mapping

from scenarios.quantity import Quantity, UnitError, show

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
YEAR_H = 8760.0
YEAR_S = YEAR_H * HOUR_S


def _per(amounts: Mapping[str, float], periods: Mapping[str, float]) -> dict[str, float]:
    return {f"{a}/{p}": worth / length for a, worth in amounts.items() for p, length in periods.items()}


_NOT_A_PRICE = "a price of 0 is not a price"
_A_YEAR = {"yr": 1.0, "year": 1.0, "y": 1.0}
_SECONDS = {
    "ms": 1e-3, "s": 1.0, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "sec": 1.0, "second": 1.0, "seconds": 1.0,
    "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": HOUR_S, "hr": HOUR_S, "hour": HOUR_S, "hours": HOUR_S,
    "d": DAY_S, "day": DAY_S, "days": DAY_S, "week": 7 * DAY_S, "weeks": 7 * DAY_S,
    "month": YEAR_S / 12, "months": YEAR_S / 12, "year": YEAR_S, "years": YEAR_S, "yr": YEAR_S,
}  # fmt: skip
_RATES = {
    "/s": 1.0, "/sec": 1.0, "/min": 1 / 60, "/h": 1 / HOUR_S, "/hour": 1 / HOUR_S, "/day": 1 / DAY_S,
    "qps": 1.0, "rps": 1.0, "req/s": 1.0, "requests/s": 1.0, "queries/s": 1.0,
    "req/min": 1 / 60, "requests/min": 1 / 60, "req/h": 1 / HOUR_S, "requests/h": 1 / HOUR_S, "requests/day": 1 / DAY_S,
}  # fmt: skip
_LITRES = {"l": 1.0, "L": 1.0, "litres": 1.0, "liters": 1.0, "m3": 1e3, "m³": 1e3}

TIME = Quantity(
    "a time", _SECONDS, ("50 ms", "1 s", "10 min"), bare=("ms", "s"), most="100 years", smallest="0.001 us",
    shown=(
        ("days", DAY_S, 2 * DAY_S), ("h", HOUR_S, 2 * HOUR_S), ("min", 60.0, 120.0), ("s", 1.0, 1.0), ("ms", 1e-3, 0.0)
    ),
)  # fmt: skip
YEARS = Quantity(
    "a length of time", {unit: worth / YEAR_S for unit, worth in _SECONDS.items()}, ("3 years", "18 months"),
    bare=("years",), zero="nothing can be paid off in no time", most="100 years", smallest="1 day",
    shown=(("years", 1.0, 0.0),),
)  # fmt: skip
HOURS = Quantity(
    "a length of time", {unit: worth / HOUR_S for unit, worth in _SECONDS.items()}, ("3 h", "90 min"), bare=("h",),
    most="24 h", smallest="1 ms",
    shown=(("h", 1.0, 0.0),),
)  # fmt: skip
HOURS_A_YEAR = Quantity(
    "a number of hours a year", {"h": 1.0, "hours": 1.0}, ("1095", "1095 h"), plain=1.0, most="8,760 h",
    smallest="0.001 h",
    shown=(("h", 1.0, 0.0),),
)  # fmt: skip
HOUR_OF_DAY = Quantity("an hour of the day", {"h": 1.0}, ("0", "21"), plain=1.0, most="24 h", shown=(("h", 1.0, 0.0),))
MONEY_PER_YEAR = Quantity(
    "an amount of dollars a year", {"/yr": 1.0, "/year": 1.0, "/y": 1.0, "/month": 12.0},
    ("$5M/yr", "$310k/yr", "$20,000/month"), bare=("/yr",), money=True, multipliers=True,
    most="$100,000B/yr", smallest="$0.01/yr",
    shown=(("M/yr", 1e6, 999_500.0), ("k/yr", 1e3, 1e3), ("/yr", 1.0, 0.0)),
)  # fmt: skip
PRICE = Quantity(
    "a price in dollars", {"": 1.0, "/device": 1.0}, ("$27,500", "$27.5k"), bare=("",), money=True, multipliers=True,
    zero=_NOT_A_PRICE, most="$1B", smallest="$0.01",
)  # fmt: skip
ONE_OFF = Quantity(
    "an amount of dollars for each node", {"": 1.0, "/node": 1.0}, ("$5,000", "$5k/node"), bare=("",), money=True,
    multipliers=True, most="$1B", smallest="$0.01",
)  # fmt: skip
PRICE_PER_HOUR = Quantity(
    "a price in dollars an hour", {"/h": 1.0, "/hr": 1.0, "/hour": 1.0}, ("$2.5/h", "$55.04/h"), bare=("/h",),
    money=True, zero=_NOT_A_PRICE, most="$1,000,000/h", smallest="$0.0001/h",
    shown=(("/h", 1.0, 0.0),),
)  # fmt: skip
PRICE_PER_KWH = Quantity(
    "a price of electricity", {"/kWh": 1.0, "/MWh": 1e-3}, ("$0.0892/kWh", "$89.2/MWh"), bare=("/kWh",), money=True,
    zero=_NOT_A_PRICE, most="$100/kWh", smallest="$0.000001/kWh",
    shown=(("/kWh", 1.0, 0.0),),
)  # fmt: skip
PRICE_PER_KG = Quantity(
    "a price of carbon", {"/t": 1e-3, "/tonne": 1e-3, "/kg": 1.0}, ("$100/t", "$0.1/kg"), bare=("/t",), money=True,
    extra_spellings={"/ton": "/t"}, most="$1,000,000/t", smallest="$0.001/t",
    shown=(("/t", 1e-3, 0.0),),
)  # fmt: skip
MASS_PER_YEAR = Quantity(
    "a mass a year", _per({"t": 1e3, "kg": 1.0, "tonnes": 1e3, "tonne": 1e3, "kt": 1e6, "Mt": 1e9}, _A_YEAR),
    ("500 t/yr", "20 kg/yr"), bare=("t/yr",), most="10,000 Mt/yr", smallest="0.001 kg/yr",
    extra_spellings={
        **dict.fromkeys(("ton/yr", "tons/yr", "ton", "tons", "t"), "t/yr"), "kg": "kg/yr", "tonnes": "tonnes/yr"
    },
    shown=(("t/yr", 1e3, 1e3), ("kg/yr", 1.0, 0.0)),
)  # fmt: skip
POWER = Quantity(
    "a power", {"W": 1.0, "kW": 1e3, "MW": 1e6, "GW": 1e9}, ("5 MW", "300 kW"), bare=("kW", "MW"),
    most="1,000 GW", smallest="1 W",
    shown=(("MW", 1e6, 1e6), ("kW", 1e3, 1e3), ("W", 1.0, 0.0)),
)  # fmt: skip
ENERGY_PER_YEAR = Quantity(
    "an energy a year", _per({"kWh": 1.0, "MWh": 1e3, "GWh": 1e6, "TWh": 1e9}, _A_YEAR), ("10 GWh/yr", "500 MWh/yr"),
    bare=("GWh/yr",), most="100,000 TWh/yr", smallest="0.001 kWh/yr",
    extra_spellings={"kWh": "kWh/yr", "MWh": "MWh/yr", "GWh": "GWh/yr"},
    shown=(("GWh/yr", 1e6, 1e6), ("MWh/yr", 1e3, 1e3), ("kWh/yr", 1.0, 0.0)),
)  # fmt: skip
WATER_PER_YEAR = Quantity(
    "a volume of water a year", _per(_LITRES, _A_YEAR), ("1000 m3/yr", "500,000 l/yr"), bare=("m3/yr",),
    extra_spellings={"m3": "m3/yr", "l": "l/yr"}, most="1e12 m3/yr", smallest="0.001 l/yr",
    shown=(("m3/yr", 1e3, 1e3), ("l/yr", 1.0, 0.0)),
)  # fmt: skip
RATE = Quantity(
    "a rate of requests", _RATES, ("600/s", "1,000 qps", "36k/min"), plain=1.0, multipliers=True, most="100M/s",
    smallest="1e-9/s",
    shown=(("/s", 1.0, 0.0),),
)  # fmt: skip
FRACTION = Quantity(
    "a share", {"%": 0.01}, ("80%", "0.8"), plain=1.0, most="100%", smallest="0.0001%",
    shown=(("%", 0.01, 0.0),),
)  # fmt: skip
RATIO = Quantity(
    "a ratio", {"%": 0.01}, ("20%", "0.2"), plain=1.0, most="1,000,000", smallest="1e-9",
    shown=(("%", 0.01, 0.0),),
)  # fmt: skip
GROWTH = Quantity(
    "a growth", {"%": 0.01}, ("20%", "0.2"), plain=1.0, most="10,000%", smallest="1e-7%", bare_most=1.0,
    shown=(("%", 0.01, 0.0),),
)  # fmt: skip
MULTIPLIER = Quantity(
    "a factor", {"%": 0.01}, ("1.2", "120%"), plain=1.0, most="20", least=1.0,
    least_why="it multiplies: 1 changes nothing",
)  # fmt: skip
CARBON_INTENSITY = Quantity(
    "a carbon intensity",
    {"g/kWh": 1e-3, "kg/kWh": 1.0, "kg/MWh": 1e-3, "t/MWh": 1.0, "gCO2/kWh": 1e-3, "gCO2e/kWh": 1e-3},
    ("323 g/kWh", "0.323 kg/kWh", "0.323 t/MWh"), bare=("g/kWh",), most="10 kg/kWh", smallest="0.000001 g/kWh",
    shown=(("g/kWh", 1e-3, 0.0),),
)  # fmt: skip
WATER_INTENSITY = Quantity(
    "a water use per energy", {f"{unit}/kWh": worth for unit, worth in _LITRES.items()}, ("0.12 l/kWh",),
    bare=("l/kWh",), most="1,000 l/kWh", smallest="0.000001 l/kWh",
    shown=(("l/kWh", 1.0, 0.0),),
)  # fmt: skip
_COUNT = Quantity("a whole number", {"": 1.0}, ("8", "1,000"), plain=1.0)
MOST_PLANNED_PER_S = 1e7
"""Requests of a workload, all origins together, with growth and at their peak."""
MOST_DEVICES = 1_000_000_000
MOST_NODES = 10_000_000
MOST_SPARE_NODES = 100_000
"""In each region, beside the nodes that are needed."""
MOST_TOKENS = 1_000_000_000
LARGEST_BATCH = 1_000_000
MOST_DEVICES_PER_NODE = 10_000
MOST_REGIONS = 10_000
MOST_THREADS = 256
"""The solver takes as many threads as it is told to, whether or not there are processors for them."""

parse_time = TIME.parse
"""Seconds."""
parse_years = YEARS.parse
"""Years of 8,760 hours."""
parse_hours = HOURS.parse
"""Hours."""
parse_money_per_year = MONEY_PER_YEAR.parse
"""Dollars a year."""
parse_price = PRICE.parse
"""Dollars; 0 is refused."""
parse_price_per_hour = PRICE_PER_HOUR.parse
"""Dollars an hour; 0 is refused."""
parse_price_per_kwh = PRICE_PER_KWH.parse
"""Dollars per kWh; 0 is refused."""
parse_price_per_kg = PRICE_PER_KG.parse
"""Dollars per kg of CO2e."""
parse_mass_per_year = MASS_PER_YEAR.parse
"""Kilograms a year."""
parse_power = POWER.parse
"""Watts."""
parse_energy_per_year = ENERGY_PER_YEAR.parse
"""Kilowatt-hours a year."""
parse_water_per_year = WATER_PER_YEAR.parse
"""Litres a year."""
parse_rate = RATE.parse
"""Requests a second; a plain number is per second already."""
parse_fraction = FRACTION.parse
"""Between 0 and 1, written 0.8 or "80%"."""
parse_ratio = RATIO.parse
"""From 0 upwards, written 0.2, 1.5 or "20%"."""
parse_growth = GROWTH.parse
"""Head-room, written 0.2 or "20%"; above 1 only with a percent sign."""
parse_carbon_intensity = CARBON_INTENSITY.parse
"""Kilograms of CO2e per kWh."""
parse_water_intensity = WATER_INTENSITY.parse
"""Litres per kWh."""


def parse_count(value: object, most: int = MOST_DEVICES) -> int:
    """A whole number from 0 upwards, at most `most`.

    >>> parse_count("1,000")
    1000
    """
    amount = _COUNT.parse(value)
    if amount > most:
        raise UnitError(f"{show(value)} is more than {most:,}", f"a whole number up to {most:,}")
    if amount != int(amount):
        raise UnitError(f"{show(value)} is not a whole number", _COUNT.example())
    return int(amount)
