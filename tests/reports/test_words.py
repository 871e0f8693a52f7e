"""Numbers and names as people read them."""

from __future__ import annotations

import math

import pytest

from reports.names import Places
from reports.summary import headline
from reports.words import (
    count,
    device,
    dollars,
    gap,
    listed,
    money,
    number,
    percent,
    percentile,
    plain,
    scale,
    spoken,
    together,
    within,
)
from tests.reports import plans


@pytest.mark.parametrize(
    ("unit", "value", "written"),
    [
        ("USD/yr", 3_412_310.0, "$3.41M/yr"),
        ("USD/yr", 190_000.0, "$190k/yr"),
        ("USD/yr", -950.0, "-$950/yr"),
        ("kg CO2e/yr", 212_000.0, "212 t/yr"),
        ("kg CO2e/yr", 950.0, "950 kg/yr"),
        ("s", 0.0482, "48.2 ms"),
        ("s", 1.5, "1.5 s"),
        ("requests/s", 1000.0, "1,000/s"),
        ("share of demand", 0.802, "80.2 %"),
        ("of its replicas", 0.95, "95 %"),
        ("devices", 8.0, "8 devices"),
        ("W", 5e6, "5 MW"),
        ("GB", 67.43, "67.4 GB"),
        ("kWh/yr", 1.9e6, "1.9 GWh/yr"),
        ("l/yr", 1_200_000.0, "1,200 m3/yr"),
        ("USD", math.inf, "no bound"),
        ("USD", math.nan, "unknown"),
        ("", 3.0, "3"),
    ],
)
def test_a_value_is_written_in_its_units_own_size(unit: str, value: float, written: str) -> None:
    assert scale(unit, value).write(value) == written


def test_value_and_limit_share_a_unit() -> None:
    assert together("s", [0.93, 1.0, 0.07]) == ["0.93 s", "1 s", "0.07 s"]
    assert together("USD/yr", [3.41e6, 5e6, None]) == ["$3.41M/yr", "$5M/yr", "unknown"]


@pytest.mark.parametrize(
    ("usd", "written"), [(0.0, "$0"), (-1e-9, "$0"), (3.5, "$3.50"), (-12.4, "-$12"), (1e6, "$1,000,000")]
)
def test_whole_dollars(usd: float, written: str) -> None:
    assert dollars(usd) == written


def test_zero_is_zero_and_small_is_not() -> None:
    assert number(0.0) == "0"
    assert number(0.00012) == "0.00012"
    assert percent(0.0) == "0 %"
    assert percent(1e-5) == "0.001 %"
    assert money(0.0) == "$0"


def test_text_from_outside_has_no_control_characters() -> None:
    for hostile in ("\x1b[31mred", "a\nb", "a\rb", "\u202eabc", "\x00", "\x07"):
        assert all(letter.isprintable() for letter in plain(hostile))


def test_names() -> None:
    assert [device(name) for name in ("b200-sxm", "mi300x", "trainium2", "a100-80")] == [
        "B200",
        "MI300X",
        "Trainium2",
        "A100-80",
    ]
    assert spoken("tail_latency") == "tail latency"
    assert [percentile(name) for name in ("P99", "99", "mean", "p50")] == ["P99", "P99", "mean", "P50"]
    assert [listed([]), listed(["a"]), listed(["a", "b"])] == ["", "a", "a and b"]
    assert [count(1, "node"), count(2, "node")] == ["1 node", "2 nodes"]


def test_no_exponents_in_gaps() -> None:
    for fraction in (0.0, 2e-16, 9e-10, 9e-7, 9.9e-6, 1e-5, 1e-3, 0.3):
        for write in (percent, gap, within):
            assert "e-" not in write(fraction)
    assert gap(9e-7) == "below 0.001 %" and within(9e-7) == "0.001 %" and percent(9e-7) == "0 %"
    assert gap(2e-16) == within(2e-16) == "0 %"


def test_what_is_closest_is_named_once() -> None:
    plan = plans.no_candidate()
    what = "l4 bf16 (KV bf16) TP1 batch 1"
    says = f"{what} needs 110.81 times the memory it has"
    plan = plan.model_copy(update={"rejected": [plan.rejected[0].model_copy(update={"what": what, "says": says})]})
    assert headline(plan, Places(None)).count(what) == 1
    plan = plan.model_copy(update={"rejected": [plan.rejected[0].model_copy(update={"says": "is not native"})]})
    assert f"{what}: is not native" in headline(plan, Places(None))
