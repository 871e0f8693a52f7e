"""A plan that a tighter question would not allow is reported, limit by limit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.optimizer.checked_plan import EAST, WEST, asked_again

LIMITS: dict[str, tuple[dict[str, Any], str]] = {
    "budget": ({"limits__budget": "$10k/yr"}, "budget"),
    "carbon": ({"limits__carbon": "1 t/yr"}, "carbon"),
    "water": ({"limits__water": "1 m3/yr"}, "water"),
    "energy": ({"limits__energy": "1 MWh/yr"}, "energy"),
    "quota": ({"regions": {EAST: {"quota": {"h100-sxm": 1}}, WEST: {"quota": {"h100-sxm": 1}}}}, "quota of h100-sxm"),
    "a quota that is unknown": (
        {"regions": {EAST: {"quota": {"h100-sxm": "unknown"}}, WEST: {"quota": {"h100-sxm": 16}}}},
        "quota of h100-sxm",
    ),
    "site power": (
        {"regions": {EAST: {"quota": {"h100-sxm": 16}, "site_power": "1 kW"}, WEST: {"quota": {"h100-sxm": 16}}}},
        "site power",
    ),
    "fewest regions": ({"limits__min_regions": 2, "limits__min_region_share": "49%"}, "regions serving"),
    "most regions": ({"limits__max_regions": 1}, "regions in use"),
    "time to first token": ({"workloads__chat__ttft": {"limit": "60 ms", "percentile": 99}}, "TTFT"),
    "time between tokens": ({"workloads__chat__itl": {"limit": "3 ms", "percentile": "mean"}}, "ITL"),
    "time between tokens of a mix": ({"workloads__draft__itl": {"limit": "3 ms", "percentile": "mean"}}, "ITL"),
    "precisions": (
        {"workloads__chat__precisions": ["bf16"], "workloads__draft__precisions": ["bf16"]},
        "precision fp8",
    ),
    "quality": (
        {"workloads__draft__quality_loss": {"fp8": 0.4, "limit": 0.1}},
        "quality loss",
    ),
    "batches": ({"workloads__draft__batch": [1]}, "allowed list"),
    "residency": ({"workloads__chat__residency": [EAST]}, "residency forbids"),
    "demand": ({"workloads__chat__demand": {"boston": [30, 95], "seattle": [20, 60]}}, "served from boston"),
    "growth": ({"planning__growth": "10%"}, "served from"),
    "spare nodes": ({"planning__spare_nodes": 9}, "devices used of"),
    "a node's loss": ({"failures__node": {"served": "100%", "scope": "each"}}, "share served of"),
    "two nodes' loss": (
        {"planning__maintenance_nodes": 3, "failures__node": {"served": "95%", "scope": "each"}},
        "share served of",
    ),
    "a region's loss": ({"failures__region": {"served": "90%", "scope": "total"}}, "share served of"),
    "what may be bought": ({"procurement": {"on_demand": True}}, "cannot be had"),
    "carbon basis": ({"carbon_basis": "lifecycle"}, "carbon basis"),
    "use at most": ({"workloads__chat__max_utilization": "20%"}, "busy replicas"),
    "objective": ({"objective": "carbon"}, "asked was"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_broken_limit_is_reported(limit: str) -> None:
    changes, says = LIMITS[limit]
    found = asked_again(**changes)
    assert not found.passed
    assert any(says in failure for failure in found.failures), found.failures[:5]
