"""The scenario object: SI attributes, defaults, derived parts, one value replaced."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

import scenarios
from scenarios.messages import keys_at
from scenarios.schema import Scenario
from scenarios.schema_demand import Shape, Slot, fill_lengths

SMALL = scenarios.load("capstone_small")
DOCS = Path(__file__).parents[2] / "docs" / "scenario.md"


@pytest.fixture(scope="module")
def capstone() -> scenarios.Scenario:
    return scenarios.load("capstone")


def parts_of(model: type[BaseModel], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every key of the schema; `x` stands for a name that the user chooses."""
    found: list[tuple[str, ...]] = []
    for key in keys_at(model, path):
        inner = (*path, key)
        found.append(inner)
        for deeper in (inner, (*inner, "x")):
            found += parts_of_once(model, deeper)
    return found


def parts_of_once(model: type[BaseModel], path: tuple[str, ...]) -> list[tuple[str, ...]]:
    return parts_of(model, path) if keys_at(model, path) else []


def test_si_inside(capstone):
    chat = capstone.workloads["chat"]
    assert chat.name == "chat"
    assert chat.ttft.limit_s == 1.0 and chat.ttft.percentile == 99.0
    assert chat.itl.limit_s == 0.05 and chat.itl.percentile == "mean"
    assert chat.demand == {"virginia": (600.0,), "montreal": (400.0,)}
    assert capstone.limits.budget_usd_per_year == 5e6
    assert capstone.limits.carbon_kg_per_year == 5e5
    assert capstone.failures.node.share == 0.8 and capstone.failures.node.scope == "total"
    assert capstone.failures.region is None
    assert capstone.procurement.owned.prices["h100-sxm"] == 27_500.0
    assert capstone.procurement.on_demand.startup_s == 600.0
    assert capstone.procurement.spot is None
    assert capstone.origins["virginia"].country == "USA"
    assert capstone.regions["aws/us-east-1"].id == "aws/us-east-1"
    assert capstone.slots[0].name == "year" and capstone.slots[0].hours == 8760 and capstone.slots[0].length_h == 24


def test_frozen(capstone):
    with pytest.raises(ValidationError):
        capstone.name = "other"
    with pytest.raises(ValidationError):
        capstone.limits.min_regions = 1


def test_decode_steps():
    """The first token comes out of the prompt; without a prompt every token is a step."""
    assert Shape(prompt_tokens=512, output_tokens=256).decode_steps == 255
    assert Shape(prompt_tokens=0, output_tokens=1, cached_context_tokens=2048).decode_steps == 1


def test_slot_lengths():
    def lengths(*starts: float | None) -> list[float]:
        slots = tuple(Slot(name=str(index), hours=1000, start_hour=start) for index, start in enumerate(starts))
        return [slot.length_h for slot in fill_lengths(slots)]

    assert lengths(None) == [24]
    assert lengths(None, None, None) == [8, 8, 8]
    assert lengths(0, 6, 18) == [6, 12, 6]
    assert lengths(22, 4) == [6, 18]
    diurnal = scenarios.load("capstone_diurnal")
    assert [slot.length_h for slot in diurnal.slots] == [3.0] * 8
    assert sum(slot.hours for slot in diurnal.slots) == 8760


def test_residency_of_a_list_holds_for_every_origin(capstone):
    one = capstone.replace("workloads.chat.residency", {"virginia": ["aws/us-east-1", "CAN"], "montreal": ["CAN"]})
    assert one.workloads["chat"].residency["virginia"] == frozenset({"aws/us-east-1", "CAN"})
    text = (files("scenarios") / "library" / "capstone.yaml").read_text(encoding="utf-8")
    both = scenarios.loads(text.replace("    itl:", "    residency: [aws/us-east-1, CAN]\n    itl:"))
    places = frozenset({"aws/us-east-1", "CAN"})
    assert both.workloads["chat"].residency == {"virginia": places, "montreal": places}
    swapped = scenarios.loads(text.replace("    itl:", "    residency: [CAN, aws/us-east-1]\n    itl:"))
    assert both.digest == swapped.digest


def test_own_figures_of_a_region(capstone):
    changed = capstone.replace("regions.aws/us-east-1.pue", 1.4)
    changed = changed.replace("regions.aws/us-east-1.carbon.direct", "100 g/kWh")
    region, before = changed.region("aws/us-east-1"), capstone.region("aws/us-east-1")
    assert region.pue == 1.4
    assert region.carbon_kg_per_kwh["direct"] == pytest.approx(0.1)
    assert region.carbon_kg_per_kwh["lifecycle"] == before.carbon_kg_per_kwh["lifecycle"]
    assert region.electricity_usd_per_kwh == before.electricity_usd_per_kwh
    assert region.figures["pue"].source == "capstone"
    assert before.figures["pue"].source != "capstone"


REPLACED = [
    ("limits.budget", "$4M/yr", lambda s: s.limits.budget_usd_per_year, 4e6),
    ("limits.budget_usd_per_year", 4e6, lambda s: s.limits.budget_usd_per_year, 4e6),
    ("limits.carbon_kg_per_year", None, lambda s: s.limits.carbon_kg_per_year, None),
    ("workloads.chat.itl.limit_s", 0.06, lambda s: s.workloads["chat"].itl.limit_s, 0.06),
    ("workloads.chat.itl.limit", "60 ms", lambda s: s.workloads["chat"].itl.limit_s, 0.06),
    ("workloads.chat.demand.virginia", 630.0, lambda s: s.workloads["chat"].demand["virginia"], (630.0,)),
    ("workloads.chat.demand.virginia", "630/s", lambda s: s.workloads["chat"].demand["virginia"], (630.0,)),
    ("workloads.chat.shapes.chat.output_tokens", 128, lambda s: s.workloads["chat"].shapes[0].output_tokens, 128),
    ("workloads.chat.requests.0.output_tokens", 128, lambda s: s.workloads["chat"].shapes[0].output_tokens, 128),
    ("regions.aws/us-east-1.quota.h100-sxm", 8, lambda s: s.regions["aws/us-east-1"].quota["h100-sxm"], 8),
    ("regions.aws/us-east-1.quota.l4", "unlimited", lambda s: s.regions["aws/us-east-1"].quota["l4"], "unlimited"),
    ("regions.aws/us-east-1.site_power", "5 MW", lambda s: s.regions["aws/us-east-1"].site_power_w, 5e6),
    ("failures.node", None, lambda s: s.failures.node, None),
    ("failures.node.share", 0.9, lambda s: s.failures.node.share, 0.9),
    ("objective", "carbon", lambda s: s.objective.account, "carbon"),
    ("accelerators", ("h100-sxm",), lambda s: s.accelerators, ("h100-sxm",)),
    ("procurement.spot", {"availability": 0.9}, lambda s: s.procurement.spot.availability_of("p5.48xlarge"), 0.9),
    ("solver.gap", 0, lambda s: s.solver.gap, 0.0),
    (
        "procurement.on_demand.prices.aws/us-east-1.p5.48xlarge",
        "$40/h",
        lambda s: s.procurement.on_demand.prices["aws/us-east-1"]["p5.48xlarge"],
        40.0,
    ),
]


@pytest.mark.parametrize(("path", "value", "read", "expected"), REPLACED, ids=[str(row[:2]) for row in REPLACED])
def test_replace(capstone, path, value, read, expected):
    changed = capstone.replace(path, value)
    assert read(changed) == expected
    assert changed.catalog is capstone.catalog and changed.source == capstone.source
    assert changed.digest != capstone.digest
    assert changed.workloads["chat"].name == "chat"
    assert capstone.digest == scenarios.load("capstone").digest


BAD_REPLACEMENTS = [
    ("limits.budgt", 1, "did you mean 'budget'?"),
    ("limits.budget", 4e6, 'write "$4,000,000/yr"'),
    ("limits.budget_usd_per_year", -1, "not possible"),
    ("limits.budget_usd_per_year", float("nan"), "not possible"),
    ("limits.min_regions", 3, "only 2 are listed"),
    ("limits", 3, "mapping"),
    ("name.x", 3, "nothing called"),
    ("workloads.chat.model", "llama", "no model"),
    ("workloads.chat.itl.limit_s", None, "itl.limit_s"),
    ("workloads.caht.itl.limit_s", 1, "did you mean 'chat'?"),
    ("regions.aws/us-east-1.quota.h100-sxm", "many", "not a quota"),
    ("regions.aws/us-east-1.quota.h100", 8, "no accelerator"),
]


@pytest.mark.parametrize(("path", "value", "words"), BAD_REPLACEMENTS, ids=[str(row[:2]) for row in BAD_REPLACEMENTS])
def test_replace_is_checked(capstone, path, value, words):
    with pytest.raises(scenarios.ScenarioError) as caught:
        capstone.replace(path, value)
    assert words in str(caught.value)


@settings(deadline=None)
@given(st.floats(min_value=1e-3, max_value=1e12))
def test_a_number_in_si_is_kept_exactly(amount):
    assert SMALL.replace("limits.budget_usd_per_year", amount).limits.budget_usd_per_year == amount


def test_every_key_is_described():
    """In the schema, for editors, and on the reference page, for readers."""
    schema = scenarios.schema_json()
    for definition in (schema, *schema["$defs"].values()):
        assert definition.get("description")
        for key, entry in definition["properties"].items():
            assert entry.get("description"), key
    text = DOCS.read_text(encoding="utf-8")
    for path in parts_of(Scenario):
        assert re.search(rf"`{path[-1]}`", text), f"{'.'.join(path)} is not on the page"


def test_the_example_on_the_page():
    example, *_ = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    scenario = scenarios.loads(example)
    assert scenario.procurement.on_demand is not None and scenario.workloads["chat"].kv_precisions == ("bf16",)


def test_the_schema_is_json():
    assert json.loads(json.dumps(scenarios.schema_json()))["$schema"].endswith("2020-12/schema")
