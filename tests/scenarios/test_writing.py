"""Values of a scenario in words: what is written is read back, whatever the quantity."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scenarios
from scenarios import units
from scenarios.quantity import Quantity
from scenarios.replacing import value_at
from scenarios.schema import Scenario
from scenarios.writing import quantity_of, words

QUANTITIES = {name: one for name, one in vars(units).items() if isinstance(one, Quantity)}


@pytest.mark.parametrize("name", QUANTITIES)
@given(value=st.floats(min_value=1e-5, max_value=1e9))
def test_what_is_written_is_read_back_to_six_digits(name: str, value: float) -> None:
    quantity = QUANTITIES[name]
    value = min(max(value, quantity.minimum, quantity.least), quantity.maximum)
    text = quantity.write(value)
    assert math.isclose(quantity.parse(text), value, rel_tol=1e-5), text
    if quantity.plain is None:
        assert not text.replace(",", "").replace(".", "").isdigit(), f"{text} has no unit"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("TIME", 0.05, "50 ms"),
        ("TIME", 90.0, "90 s"),
        ("TIME", 600.0, "10 min"),
        ("TIME", 0.0, "0 s"),
        ("TIME", 86400.0 * 42, "42 days"),
        ("YEARS", 1.0, "1 year"),
        ("MONEY_PER_YEAR", 4.1e6, "$4.1M/yr"),
        ("MONEY_PER_YEAR", 0.0, "$0/yr"),
        ("PRICE", 27500.0, "$27,500"),
        ("PRICE_PER_KWH", 0.0892, "$0.0892/kWh"),
        ("PRICE_PER_KG", 0.1, "$100/t"),
        ("MASS_PER_YEAR", 5e5, "500 t/yr"),
        ("POWER", 3e5, "300 kW"),
        ("ENERGY_PER_YEAR", 1.3e6, "1.3 GWh/yr"),
        ("WATER_PER_YEAR", 5e4, "50 m3/yr"),
        ("RATE", 600.0, "600/s"),
        ("FRACTION", 0.8, "80 %"),
        ("RATIO", 0.2, "20 %"),
        ("MULTIPLIER", 2.5, "2.5"),
        ("CARBON_INTENSITY", 0.3, "300 g/kWh"),
        ("WATER_INTENSITY", 0.12, "0.12 l/kWh"),
    ],
)
def test_amounts_as_people_write_them(name: str, value: float, text: str) -> None:
    assert QUANTITIES[name].write(value) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("workloads.chat.demand", "virginia 600/s, montreal 400/s"),
        ("workloads.chat.ttft.percentile", "P99"),
        ("workloads.chat.itl.percentile", "mean"),
        ("workloads.chat.requests", "name chat, prompt_tokens 512, output_tokens 256"),
        ("workloads.chat.residency", "not set"),
        ("regions.aws/us-east-1.quota", "h100-sxm 256, h200-sxm 32, b200-sxm 8"),
        ("regions.aws/us-east-1.carbon", "none"),
        ("procurement.owned.prices.h100-sxm", "$27,500"),
        ("procurement.on_demand", "startup 10 min"),
        ("failures.node", "served 80 %, scope total"),
        ("accelerators", "h100-sxm, h200-sxm, b200-sxm"),
        ("solver.gap", "0.1 %"),
        ("slots", "name year, hours 8,760 h, length 24 h"),
    ],
)
def test_every_kind_of_value_has_its_words(path: str, text: str) -> None:
    place = value_at(scenarios.load("capstone"), path)
    assert words(place.value, place.kind) == text


def test_long_lists_are_cut() -> None:
    place = value_at(scenarios.load("capstone_diurnal"), "workloads.chat.demand.virginia")
    assert words(place.value, place.kind).endswith("/s ...")


def test_no_number_of_a_scenario_is_told_without_the_unit_in_its_name() -> None:
    """A field whose attribute carries a unit is read by a quantity, so that it is written with one."""
    endings = ("_s", "_w", "_h", "_usd", "_per_year", "_per_kwh", "_per_kg", "_usd_per_node", "_years")
    parts, seen = [Scenario], 0
    for part in parts:
        for name, field in part.model_fields.items():
            place = scenarios.replacing.annotated(field)
            if name.endswith(endings):
                assert quantity_of(place) is not None, f"{part.__name__}.{name}"
                seen += 1
            parts += [one for one in _parts_in(place) if one not in parts]
    assert seen >= 25


def _parts_in(kind: object) -> list[type]:
    from typing import get_args

    from pydantic import BaseModel

    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [part for one in get_args(kind) for part in _parts_in(one)]
