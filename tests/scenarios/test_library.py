"""The shipped scenarios: they load, ask what the capstone asks, and keep the JSON Schema beside them."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

import scenarios
from scenarios.yaml_text import read

LIBRARY = files("scenarios") / "library"
FAMILY = {
    "capstone",
    "capstone_2024",
    "capstone_small",
    "capstone_literal",
    "capstone_long",
    "capstone_slides",
    "capstone_diurnal",
    "capstone_today",
    "melange",
}


def complaints(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str = "") -> list[str]:
    """The part of JSON Schema that the schema uses; [] when the value keeps it."""
    if "$ref" in schema:
        return complaints(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root, path)
    if "anyOf" in schema:
        tried = [complaints(value, option, root, path) for option in schema["anyOf"]]
        return [] if any(not found for found in tried) else min(tried, key=len)
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path}: {value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{path}: {value!r} is not {schema['const']!r}")
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    kind = schema.get("type")
    if kind in ("number", "integer"):
        numeric = (int, float) if kind == "number" else int
        if not isinstance(value, numeric) or isinstance(value, bool):
            return [f"{path}: {value!r} is no {kind}"]
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            found.append(f"{path}: {value!r} is out of bounds")
    elif kind is not None and not isinstance(value, types[kind]):
        return [f"{path}: {value!r} is no {kind}"]
    if kind == "string" and "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{path}: {value!r} does not match {schema['pattern']}")
    if kind == "array" and "items" in schema:
        for index, item in enumerate(value):
            found += complaints(item, schema["items"], root, f"{path}.{index}")
    if kind == "object":
        found += [f"{path}: {key} is missing" for key in schema.get("required", ()) if key not in value]
        for key, item in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
            found += [f"{path}: no key {key}"] if inner is False else complaints(item, inner, root, f"{path}.{key}")
    return found


def texts() -> dict[str, str]:
    return {item.name: item.read_text(encoding="utf-8") for item in LIBRARY.iterdir() if item.name.endswith(".yaml")}


def test_the_family_is_shipped():
    assert set(scenarios.names()) >= FAMILY


@pytest.mark.parametrize("name", sorted(texts()))
def test_each_file(name):
    text = texts()[name]
    scenario = scenarios.loads(text, str(LIBRARY / name))
    assert f"{scenario.name}.yaml" == name
    assert scenario.title
    lines = text.splitlines()
    assert lines[0] == "# yaml-language-server: $schema=scenario.schema.json"
    assert lines[1].startswith("# ")
    assert max(map(len, lines)) <= 120
    schema = json.loads((LIBRARY / "scenario.schema.json").read_text(encoding="utf-8"))
    assert complaints(read(text, name).data, schema, schema) == []


def test_the_schema_beside_the_files_is_the_schema():
    written = json.loads((LIBRARY / "scenario.schema.json").read_text(encoding="utf-8"))
    assert written == scenarios.schema_json(), "write scenarios.schema_json() into the file again"


def test_the_schema_catches_what_an_editor_should():
    """The little checker above is worth nothing if it lets everything through."""
    schema = scenarios.schema_json()
    good = read(texts()["capstone.yaml"], "capstone").data
    for path, bad in [
        (("objectve",), "cost"),
        (("objective",), "costs"),
        (("limits", "budget"), "5M"),
        (("limits", "budget"), 5),
        (("limits", "min_regions"), 0),
        (("workloads", "chat", "itl", "limit"), 50),
        (("workloads", "chat", "itl", "limit"), "50 mss"),
        (("workloads", "chat", "precisions"), ["fp9"]),
        (("workloads", "chat", "demand", "virginia"), "600 apples"),
        (("regions", "aws/us-east-1", "quota", "h100-sxm"), "many"),
        (("procurement", "owned", "years"), 3),
    ]:
        data = json.loads(json.dumps(good))
        node = data
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = bad
        assert complaints(data, schema, schema), path
    del good["regions"]
    assert complaints(good, schema, schema) == [": regions is missing"]


def test_capstone_inputs():
    scenario = scenarios.load("capstone")
    chat = scenario.workloads["chat"]
    (shape,) = chat.shapes
    assert chat.model == "llama-3-70b"
    assert (shape.prompt_tokens, shape.output_tokens, shape.cached_context_tokens) == (512, 256, 0)
    assert chat.demand == {"virginia": (600.0,), "montreal": (400.0,)}
    assert {origin: item.near for origin, item in scenario.origins.items()} == {
        "virginia": "aws/us-east-1",
        "montreal": "aws/ca-central-1",
    }
    assert (chat.itl.limit_s, chat.itl.percentile, chat.ttft.limit_s, chat.ttft.percentile) == (0.05, "mean", 1.0, 99.0)
    for region in ("aws/us-east-1", "aws/ca-central-1"):
        assert scenario.regions[region].quota == {"b200-sxm": 8, "h200-sxm": 32, "h100-sxm": 256}
    owned = scenario.procurement.owned
    assert owned.prices == {"h100-sxm": 27_500.0, "h200-sxm": 35_000.0, "b200-sxm": 40_000.0}
    assert (owned.years, owned.infrastructure_multiplier) == (3.0, 2.5)
    assert (owned.maintenance, owned.discount_rate) == (0.05, 0.0)
    assert scenario.procurement.on_demand is not None and scenario.procurement.spot is None
    assert set(chat.precisions) == {"bf16", "fp8", "fp4"} and set(chat.kv_precisions) == {"bf16", "fp8"}
    limits = scenario.limits
    assert (limits.budget_usd_per_year, limits.carbon_kg_per_year, limits.include_embodied) == (5e6, 5e5, False)
    assert limits.min_regions == 2 and scenario.carbon_basis == "direct"
    assert (scenario.failures.node.share, scenario.failures.node.scope) == (0.8, "total")
    assert scenario.failures.region is None
    virginia, quebec = scenario.region("aws/us-east-1"), scenario.region("aws/ca-central-1")
    assert (virginia.pue, quebec.pue) == (1.15, 1.19)
    assert (virginia.electricity_usd_per_kwh, quebec.electricity_usd_per_kwh) == (0.0892, 0.0426)
    assert virginia.carbon_kg_per_kwh["direct"] == pytest.approx(0.323, abs=5e-4)
    assert quebec.carbon_kg_per_kwh["direct"] == pytest.approx(0.00548)


# What each differs in, and nothing else.
DIFFERENCES = {
    "capstone_2024": {"accelerators", "regions", "procurement"},
    "capstone_small": {"workloads"},
    "capstone_literal": {"workloads", "limits"},
    "capstone_long": {"workloads"},
    "capstone_slides": {"origins", "workloads", "regions", "limits", "carbon_basis"},
    "capstone_diurnal": {"slots", "workloads", "solver"},
    "capstone_today": {"limits", "today"},
}


@pytest.mark.parametrize("name", sorted(DIFFERENCES))
def test_the_others_differ_only_where_they_say(name):
    base, other = scenarios.load("capstone").model_dump(), scenarios.load(name).model_dump()
    changed = {key for key in base if base[key] != other[key]} - {"name", "title"}
    assert changed == DIFFERENCES[name]


def test_what_the_others_ask():
    assert scenarios.load("capstone_2024").accelerators == ("h100-sxm", "h200-sxm")
    small = scenarios.load("capstone_small")
    assert sum(rates[0] for rates in small.workloads["chat"].demand.values()) == 100
    literal = scenarios.load("capstone_literal")
    (token,) = literal.workloads["chat"].shapes
    assert (token.prompt_tokens, token.cached_context_tokens, token.output_tokens) == (0, 2048, 1)
    assert token.decode_steps == 1
    assert literal.limits.min_regions == 1
    (long,) = scenarios.load("capstone_long").workloads["chat"].shapes
    assert (long.prompt_tokens, long.output_tokens) == (4000, 1000)
    today = scenarios.load("capstone_today")
    assert today.limits.carbon_kg_per_year == 200e3 and today.today is not None
    assert sum(entry.nodes for entry in today.today.nodes) == 20
    slides = scenarios.load("capstone_slides")
    assert slides.workloads["chat"].ttft.limit_s == pytest.approx(0.1) and slides.limits.carbon_kg_per_year is None
    assert set(slides.regions) == {"aws/us-east-1", "aws/eu-west-1"}


def test_the_day_of_the_diurnal_capstone():
    scenario = scenarios.load("capstone_diurnal")
    demand = scenario.workloads["chat"].demand
    assert (max(demand["virginia"]), max(demand["montreal"])) == (600.0, 400.0)
    for rates in demand.values():
        assert len(rates) == 8 and rates.index(max(rates)) == 7
        assert 0.28 < min(rates) / max(rates) < 0.33
        assert all(abs(rates[i] - rates[i - 1]) < 0.35 * max(rates) for i in range(8)), "a smooth curve"
    assert [slot.start_hour for slot in scenario.slots] == list(range(0, 24, 3))
    assert (scenario.solver.gap, scenario.solver.time_limit_s) == (0.01, 60.0)
