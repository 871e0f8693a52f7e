"""What can be wrong with a statement of today's fleet, one mistake each: its key, and words that help."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import scenarios

EAST = "aws/us-east-1"
OWNED = {"region": EAST, "accelerator": "h100-sxm", "nodes": 2}
RESERVED = {"region": EAST, "procurement": "reserved", "instance": "p5.48xlarge", "nodes": 1, "price": "$33/h"}
BASE: dict[str, Any] = {
    "name": "now",
    "origins": {"east": {"near": EAST}},
    "workloads": {
        "chat": {
            "model": "llama-3-70b",
            "requests": [{"prompt_tokens": 512, "output_tokens": 256}],
            "demand": {"east": "10/s"},
            "precisions": ["fp8"],
        }
    },
    "regions": {EAST: {"quota": {"h100-sxm": 64}}},
    "accelerators": ["h100-sxm"],
    "procurement": {"on_demand": True},
}
MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "no nodes": ({"nodes": []}, "today.nodes", "at least one kind of node"),
    "no number": ({"nodes": [{"region": EAST, "accelerator": "h100-sxm"}]}, "today.nodes.0.nodes", "is missing"),
    "none of them": ({"nodes": [OWNED | {"nodes": 0}]}, "today.nodes.0.nodes", "at least 1"),
    "an odd key": ({"nodes": [OWNED | {"writeoff": "$1/yr"}]}, "today.nodes.0.writeoff", '"write_off"'),
    "a region apart": (
        {"nodes": [OWNED | {"region": "aws/us-east-2"}]},
        "today.nodes.0.region",
        "listed under regions",
    ),
    "another device": ({"nodes": [OWNED | {"accelerator": "h200-sxm"}]}, "today.nodes.0.accelerator", "not listed"),
    "an unknown device": ({"nodes": [OWNED | {"accelerator": "h100"}]}, "today.nodes.0.accelerator", '"h100-sxm"'),
    "no device": ({"nodes": [{"region": EAST, "nodes": 1}]}, "today.nodes.0", "which accelerator?"),
    "an owned instance": ({"nodes": [OWNED | {"instance": "p5.48xlarge"}]}, "today.nodes.0.instance", "accelerator"),
    "an unknown instance": ({"nodes": [RESERVED | {"instance": "p5.48"}]}, "today.nodes.0.instance", "p5.48xlarge"),
    "a commitment without price": (
        {"nodes": [{key: value for key, value in RESERVED.items() if key != "price"}]},
        "today.nodes.0.price",
        "no price of the commitment",
    ),
    "a price of what is owned": ({"nodes": [OWNED | {"price": "$3/h"}]}, "today.nodes.0.price", "only reserved"),
    "a write-off of what is rented": (
        {"nodes": [RESERVED | {"write_off": "$3/yr"}]},
        "today.nodes.0.write_off",
        "only owned",
    ),
    "two kinds of upkeep": (
        {"nodes": [OWNED, OWNED | {"maintenance": "$1k/yr"}]},
        "today.nodes.1.maintenance",
        "write-off may differ",
    ),
    "no unit": ({"nodes": [OWNED], "changes": {"move": 20000}}, "today.changes.move", "$20,000"),
    "resale of nothing": (
        {"nodes": [RESERVED], "changes": {"resale": {"h100-sxm": "$8k"}}},
        "today.changes.resale.h100-sxm",
        "no node with h100-sxm is owned",
    ),
    "resale of what stays": (
        {"nodes": [OWNED], "changes": {"resale": {"h100-sxm": "$8k"}}},
        "today.changes.resale",
        "add retire",
    ),
    "a move of nothing": ({"nodes": [RESERVED], "changes": {"move": "$1k"}}, "today.changes.move", "nothing is owned"),
    "no time": ({"nodes": [OWNED], "changes": {"horizon": "0 years"}}, "today.changes.horizon", "no time"),
    "less than none": ({"nodes": [OWNED], "changes": {"limit": -1}}, "today.changes.limit", ""),
    "more than the quota": ({"nodes": [OWNED | {"nodes": 9}]}, "today.nodes.0.nodes", "add retire: or move:"),
}


def mapping(today: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return copy.deepcopy(BASE) | copy.deepcopy(changes) | {"today": today}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_key(mistake: str) -> None:
    today, key, words = MISTAKES[mistake]
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.from_mapping(mapping(today))
    told = [problem for problem in caught.value.problems if problem.key == key]
    assert told, caught.value.problems
    assert any(words in f"{problem.message} {problem.hint}" for problem in told), told


def test_what_is_right_is_read() -> None:
    changes = {
        "retire": "$5k/node",
        "resale": {"h100-sxm": "$8k"},
        "move": "$20,000",
        "horizon": "18 months",
        "limit": 0,
    }
    today = scenarios.from_mapping(mapping({"nodes": [OWNED, RESERVED], "changes": changes})).today
    assert today is not None
    assert (today.changes.retire_usd_per_node, today.changes.move_usd_per_node) == (5_000, 20_000)
    assert (today.changes.horizon_years, today.changes.limit) == (1.5, 0)
    assert today.nodes[1].price_usd_per_hour == 33.0


def test_an_unknown_embodied_figure_cannot_be_counted() -> None:
    known = scenarios.load("capstone").catalog.accelerators
    name = next(one for one in ("h200-sxm", "b200-sxm", "l40s") if known[one].embodied_kg is None)
    data = mapping({"nodes": [OWNED | {"accelerator": name}]}, accelerators=[name])
    data["regions"] = {EAST: {"quota": {name: 64}}}
    data["limits"] = {"carbon": "100 t/yr", "include_embodied": True}
    with pytest.raises(scenarios.ScenarioError, match="embodied carbon"):
        scenarios.from_mapping(data)
