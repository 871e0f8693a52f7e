"""People's units: what is read, what is refused, and what is said then."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios import units
from scenarios.quantity import UnitError

READ = [
    (units.parse_time, "50 ms", 0.05),
    (units.parse_time, "50ms", 0.05),
    (units.parse_time, "10 us", 1e-5),
    (units.parse_time, "10 µs", 1e-5),
    (units.parse_time, "1 s", 1.0),
    (units.parse_time, "0 weeks", 0.0),
    (units.parse_time, "10 min", 600.0),
    (units.parse_time, "2 h", 7200.0),
    (units.parse_time, "7 days", 604_800.0),
    (units.parse_time, "12 months", 8760 * 3600.0),
    (units.parse_years, "3 years", 3.0),
    (units.parse_years, "18 months", 1.5),
    (units.parse_hours, "90 min", 1.5),
    (units.parse_money_per_year, "$5M/yr", 5e6),
    (units.parse_money_per_year, "$310k/yr", 310e3),
    (units.parse_money_per_year, "$1.2B/year", 1.2e9),
    (units.parse_money_per_year, "$20,000/month", 240e3),
    (units.parse_price, "$27,500", 27_500.0),
    (units.parse_price, "US$27.5k", 27_500.0),
    (units.parse_price_per_hour, "$2.5/h", 2.5),
    (units.parse_price_per_kwh, "$0.0892/kWh", 0.0892),
    (units.parse_price_per_kwh, "$89.2/MWh", 0.0892),
    (units.parse_price_per_kg, "$100/t", 0.1),
    (units.parse_mass_per_year, "500 t/yr", 500e3),
    (units.parse_mass_per_year, "500 tonnes/year", 500e3),
    (units.parse_mass_per_year, "20 kg/yr", 20.0),
    (units.parse_power, "5 MW", 5e6),
    (units.parse_energy_per_year, "10 GWh/yr", 1e7),
    (units.parse_water_per_year, "1000 m3/yr", 1e6),
    (units.parse_water_per_year, "500 l/yr", 500.0),
    (units.parse_rate, "600/s", 600.0),
    (units.parse_rate, "1,000 qps", 1000.0),
    (units.parse_rate, "36k/min", 600.0),
    (units.parse_rate, "3600 requests/h", 1.0),
    (units.parse_rate, 600, 600.0),
    (units.parse_rate, "1e3", 1000.0),
    (units.parse_fraction, "80%", 0.8),
    (units.parse_fraction, "57 %", 0.57),
    (units.parse_fraction, 0.8, 0.8),
    (units.parse_ratio, "150%", 1.5),
    (units.parse_carbon_intensity, "323 g/kWh", 0.323),
    (units.parse_carbon_intensity, "0.323 kg/kWh", 0.323),
    (units.parse_carbon_intensity, "0.323 t/MWh", 0.323),
    (units.parse_water_intensity, "0.12 l/kWh", 0.12),
    (units.parse_count, "1,000", 1000),
    (units.parse_count, 8, 8),
]


@pytest.mark.parametrize(("parse", "text", "expected"), READ)
def test_reads(parse, text, expected):
    assert parse(text) == pytest.approx(expected, rel=1e-15)


HINTS = [
    (units.parse_time, "50 mss", 'did you mean "50 ms"?'),
    (units.parse_time, "50 MS", 'did you mean "50 ms"?'),
    (units.parse_time, 50, 'write "50 ms" or "50 s"'),
    (units.parse_time, "50", 'write "50 ms" or "50 s"'),
    (units.parse_years, 3, 'write "3 years"'),
    (units.parse_money_per_year, "$5m/yr", 'did you mean "$5M/yr"?'),
    (units.parse_money_per_year, "$5M", 'write "$5M/yr"'),
    (units.parse_money_per_year, 5_000_000, 'write "$5,000,000/yr"'),
    (units.parse_money_per_year, "$5M per yr", 'did you mean "$5M/yr"?'),
    (units.parse_money_per_year, "5M/yr", "$ goes before the number"),
    (units.parse_price, 27_500, 'write "$27,500"'),
    (units.parse_price_per_hour, "$2.5", 'write "$2.5/h"'),
    (units.parse_price_per_kg, "$100/ton", 'did you mean "$100/t"?'),
    (units.parse_mass_per_year, "500 tons/yr", 'did you mean "500 t/yr"?'),
    (units.parse_mass_per_year, "500 t", 'did you mean "500 t/yr"?'),
    (units.parse_carbon_intensity, "323 g/kwh", 'did you mean "323 g/kWh"?'),
    (units.parse_power, 5, 'write "5 kW" or "5 MW"'),
    (units.parse_fraction, 80, "write 80% if that is meant"),
    (units.parse_rate, "600/sek", 'did you mean "600/sec"?'),
    (units.parse_count, 2.5, "for example"),
]


@pytest.mark.parametrize(("parse", "text", "hint"), HINTS)
def test_refuses_with_a_hint(parse, text, hint):
    with pytest.raises(UnitError) as caught:
        parse(text)
    assert hint in caught.value.hint


PARSERS = sorted((name for name in vars(units) if name.startswith("parse_")), key=str)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -1, "-1", True, None, "", "x", [1], {}, "five", "1e999 s"])
def test_never_a_quantity(name, value):
    with pytest.raises(UnitError) as caught:
        getattr(units, name)(value)
    assert caught.value.message and caught.value.hint


@pytest.mark.parametrize("text", ["-5 ms", "-$5M/yr", "$-5M/yr", "-3/s", "-80%"])
def test_negative(text):
    kinds = {"ms": units.TIME, "yr": units.MONEY_PER_YEAR, "/s": units.RATE, "0%": units.FRACTION}
    with pytest.raises(UnitError, match="negative"):
        kinds[text[-2:]].parse(text)


@pytest.mark.parametrize(
    ("parse", "text"),
    [(units.parse_price, "$0"), (units.parse_price_per_hour, "$0/h"), (units.parse_price_per_kwh, "$0/kWh")],
)
def test_a_price_of_nothing(parse, text):
    with pytest.raises(UnitError, match="a price of 0 is not a price"):
        parse(text)


AMOUNTS = st.floats(min_value=1e-6, max_value=1e12, allow_nan=False)
QUANTITIES = [value for value in vars(units).values() if isinstance(value, units.Quantity)]


@settings(deadline=None)
@given(st.data(), AMOUNTS)
def test_round_trip(data, amount):
    """Whatever the spelling: number times worth; and the pattern for editors lets it through."""
    quantity = data.draw(st.sampled_from(QUANTITIES))
    unit = data.draw(st.sampled_from(sorted(quantity.units)))
    space = data.draw(st.sampled_from(["", " "])) if unit else ""
    text = ("$" if quantity.money else "") + repr(amount) + space + unit
    expected = amount * quantity.units[unit]
    schema = quantity.json_schema()
    pattern = schema["pattern"] if "pattern" in schema else schema["anyOf"][1]["pattern"]
    assert re.search(pattern, text)
    if not max(quantity.least, quantity.minimum) <= expected <= quantity.maximum:
        with pytest.raises(UnitError):
            quantity.parse(text)
    else:
        assert quantity.parse(text) == pytest.approx(expected, rel=1e-12)


@settings(deadline=None)
@given(st.data(), st.text(max_size=20))
def test_any_text_is_read_or_refused(data, text):
    quantity = data.draw(st.sampled_from(QUANTITIES))
    try:
        assert quantity.parse(text) >= 0
    except UnitError as error:
        assert error.message and error.hint


@settings(deadline=None)
@given(st.data(), st.one_of(st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.integers())))
def test_any_value_is_read_or_refused(data, value):
    quantity = data.draw(st.sampled_from(QUANTITIES))
    try:
        assert quantity.parse(value) >= 0
    except UnitError as error:
        assert error.message
