"""Every quantity and count has a largest amount that is believed; a forgotten percent sign is not guessed at."""

from __future__ import annotations

import json
from typing import Any

import pytest

import scenarios
from scenarios import figures, units
from scenarios.quantity import Quantity, UnitError
from tests.scenarios.test_bad_input import CAPSTONE, problems_of

QUANTITIES = {name: value for name, value in vars(units).items() if isinstance(value, Quantity) and name[0] != "_"}
TODAY = "today: {nodes: [{region: aws/us-east-1, accelerator: h100-sxm, nodes: 1000000000000}]}\n"
SMALL = {
    "name": "bounds",
    "origins": {"east": {"near": "aws/us-east-1"}},
    "workloads": {
        "chat": {
            "model": "llama-3.1-8b",
            "requests": [{"prompt_tokens": 512, "output_tokens": 256}],
            "demand": {"east": "5/s"},
            "itl": {"limit": "50 ms", "percentile": "mean"},
            "precisions": ["bf16"],
        }
    },
    "regions": {"aws/us-east-1": {"quota": {"h100-sxm": "unlimited"}}},
    "accelerators": ["h100-sxm"],
    "procurement": {"owned": True},
}


@pytest.mark.parametrize("name", QUANTITIES)
def test_every_quantity_has_a_bound(name: str) -> None:
    quantity = QUANTITIES[name]
    assert quantity.most and 0 < quantity.maximum < 1e18
    assert quantity.parse(quantity.most) == quantity.maximum
    unit = next(unit for unit in quantity.units if quantity.money or unit)
    written = f"{'$' if quantity.money else ''}1e300{unit if unit[:1] in ('/', '%', '') else f' {unit}'}"
    with pytest.raises(UnitError, match="more than") as caught:
        quantity.parse(written)
    assert quantity.most in caught.value.message
    if quantity.smallest:
        assert quantity.parse(quantity.smallest) == quantity.minimum
        with pytest.raises(UnitError, match="less than"):
            quantity.parse(written.replace("1e300", "1e-300"))


def test_editors_know_the_bound_of_a_plain_number() -> None:
    for quantity in QUANTITIES.values():
        if quantity.plain is not None:
            number = quantity.json_schema()["anyOf"][0]  # type: ignore[index]
            assert number["maximum"] == min(quantity.maximum, quantity.bare_most) / quantity.plain


def test_every_whole_number_has_a_bound_for_editors() -> None:
    def whole(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [found for item in node for found in whole(item)]
        if not isinstance(node, dict):
            return []
        mine = [node] if node.get("type") == "integer" else []
        return mine + [found for item in node.values() for found in whole(item)]

    numbers = whole(scenarios.schema_json())
    free = [number for number in numbers if "maximum" not in number]
    assert len(numbers) > 10
    # The edges of a histogram are bounded by a check of their own, which says which edge it is.
    assert free == [{"type": "integer"}, {"type": "integer"}]


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("virginia: 600/s", "virginia: 1e308/s", "workloads.chat.demand.virginia", "more than 100M/s"),
        ("virginia: 600/s", "virginia: 1e308", "workloads.chat.demand.virginia", "more than 100M/s"),
        ("limits:", "limits:\n  energy: 1e30 GWh/yr", "limits.energy", "more than 100,000 TWh/yr"),
        ("limits:", "limits:\n  water: 1e30 m3/yr", "limits.water", "more than 1e12 m3/yr"),
        ("limits:", "limits:\n  max_regions: 1000000", "limits.max_regions", "more than 10,000"),
        ("budget: $5M/yr", "budget: $1e30/yr", "limits.budget", "more than $100,000B/yr"),
        ("carbon: 500 t/yr", "carbon: 1e30 t/yr", "limits.carbon", "more than 10,000 Mt/yr"),
        ("objective: cost", "objective: cost\nplanning: {spare_nodes: 1000000000000}", "planning.spare_nodes",
         "more than 100,000"),
        ("objective: cost", "objective: cost\nplanning: {growth: 200}", "planning.growth",
         "write 200% if that is meant"),
        ("objective: cost", "objective: cost\nplanning: {growth: '200'}", "planning.growth",
         "write 200% if that is meant"),
        ("objective: cost", "objective: cost\nplanning: {growth: 2}", "planning.growth",
         "write 2% or 200%, whichever is meant"),
        ("objective: cost", "objective: cost\nplanning: {growth: 1e9%}", "planning.growth", "more than 10,000%"),
        ("objective: cost", "objective: cost\nplanning: {peak_factor: 120}", "planning.peak_factor",
         "write 120% if that is meant"),
        ("objective: cost", "objective: cost\nplanning: {peak_factor: 50%}", "planning.peak_factor",
         "0.5 is less than 1"),
        ("b200-sxm: 8}\n  aws", "b200-sxm: 8}\n    pue: 110\n  aws", "regions.aws/us-east-1.pue",
         "write 110% if that is meant"),
        ("b200-sxm: 8}\n  aws", "b200-sxm: 1e12}\n  aws", "regions.aws/us-east-1.quota.b200-sxm",
         "more than 1,000,000,000"),
        ("b200-sxm: 8}\n  aws", "b200-sxm: 8}\n    site_power: 1e30 MW\n  aws", "regions.aws/us-east-1.site_power",
         "more than 1,000 GW"),
        ("prompt_tokens: 512", "prompt_tokens: 1000000000000", "workloads.chat.requests.0.prompt_tokens",
         "more than 1,000,000,000"),
        ("itl:", "batch: [10000000]\n    itl:", "workloads.chat.batch.0", "more than 1,000,000"),
        ("limit: 50 ms", "limit: 1e30 s", "workloads.chat.itl.limit", "more than 100 years"),
        ("percentile: 99", "percentile: 0.99", "workloads.chat.ttft.percentile", "write 99 for P99"),
        ("percentile: 99", "percentile: 99.9999999", "workloads.chat.ttft.percentile", "at most 99.999"),
        ("virginia: 600/s", "virginia: 8M/s\n      montreal: 8M/s", "workloads.chat.demand", "at most 10M/s"),
        ("virginia: 600/s", "virginia: 1e-300/s", "workloads.chat.demand.virginia", "less than 1e-9/s"),
        ("budget: $5M/yr", "budget: $1e-300/yr", "limits.budget", "less than $0.01/yr"),
        ("percentile: 99", "percentile: 0.999", "workloads.chat.ttft.percentile", "write 99.9 for P99.9"),
        ("percentile: mean", "percentile: 0.5", "workloads.chat.itl.percentile", "write mean, or 50 for P50"),
        ("objective: cost", f"objective: cost\n{TODAY}", "today.nodes.0.nodes", "more than 10,000,000"),
        ("objective: cost", "objective: cost\nsolver: {threads: 100000}", "solver.threads", "more than 256"),
    ],
)  # fmt: skip
def test_beyond_the_bound_is_said(old: str, new: str, key: str, words: str) -> None:
    assert old in CAPSTONE
    text = CAPSTONE.replace(old, new, 1)
    if "8M/s" in new:
        text = text.replace("      montreal: 400/s\n", "")
    if new.startswith("objective: cost\nsolver"):
        text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("solver: {gap"))
    named = [problem for problem in problems_of(text) if problem.key == key]
    assert len(named) == 1 and words in str(named[0])


@pytest.mark.parametrize("written", [0, 0.2, 1, "20%", "200%", "10,000%"])
def test_growth_that_is_meant_is_read(written: object) -> None:
    found = scenarios.from_mapping({**SMALL, "planning": {"growth": written}})
    assert found.planning.growth == units.RATIO.parse(written)


def test_a_catalog_figure_has_the_same_bounds() -> None:
    layer = figures.Layer("mine.toml", {}, by_user=True)
    for raw in ("1e300 W", {"value": 1e300, "unit": "W", "source": "me"}):
        with pytest.raises(UnitError, match="more than"):
            figures.read_figure(raw, figures.POWER, layer)
    with pytest.raises(UnitError, match="more than"):
        figures.read_figure("$1e300/h", units.PRICE_PER_HOUR, layer)


def test_the_copy_for_editors_is_json() -> None:
    assert json.loads(json.dumps(scenarios.schema_json()))["title"] == "Argosy scenario"


def test_in_python_a_growth_is_a_number_in_si() -> None:
    """Only what people write can lack its percent sign; questions about growth go beyond what a file may ask for."""
    found = scenarios.from_mapping(SMALL)
    assert found.replace("planning.growth", 3.0).planning.growth == 3.0
    assert found.replace("planning.growth", 1009.0).planning.growth == 1009.0
    with pytest.raises(scenarios.ScenarioError, match="write 200% if that is meant"):
        found.replace("planning.growth", "200")
