"""A question with two regions, origins, slots and workloads, and a plan of it that passes."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from optimizer.plan import Plan, Verification
from optimizer.solve import solve
from optimizer.verify import verify
from scenarios import from_mapping
from scenarios.schema import Scenario

EAST, WEST = "aws/us-east-1", "aws/us-west-2"
QUESTION: dict[str, Any] = {
    "name": "checked",
    "slots": [{"name": "night", "hours": 4380, "start_hour": 0}, {"name": "day", "hours": 4380, "start_hour": 12}],
    "origins": {
        "boston": {"near": EAST, "last_mile": "10 ms"},
        "seattle": {"near": WEST, "last_mile": "10 ms"},
    },
    "workloads": {
        "chat": {
            "model": "llama-3.1-8b",
            "requests": [{"name": "chat", "share": 1, "prompt_tokens": 400, "output_tokens": 150}],
            "demand": {"boston": [30, 90], "seattle": [20, 60]},
            "ttft": {"limit": "500 ms", "percentile": 99},
            "itl": {"limit": "40 ms", "percentile": "mean"},
            "precisions": ["bf16", "fp8"],
            "kv_precisions": ["bf16", "fp8"],
            "residency": {"seattle": [WEST]},
            "batch": [16, 32],
        },
        "draft": {
            "model": "qwen3-32b",
            "requests": [
                {"name": "short", "share": 0.7, "prompt_tokens": 200, "output_tokens": 100},
                {"name": "long", "share": 0.3, "prompt_tokens": 1500, "output_tokens": 200},
            ],
            "demand": {"boston": [3, 5]},
            "ttft": {"limit": "3 s", "percentile": 99},
            "itl": {"limit": "35 ms", "percentile": "mean"},
            "precisions": ["fp8"],
            "tensor_parallel": [2],
            "batch": [8, 24],
        },
    },
    "regions": {EAST: {"quota": {"h100-sxm": 16}}, WEST: {"quota": {"h100-sxm": 16}}},
    "accelerators": ["h100-sxm"],
    "procurement": {
        "owned": {"prices": {"h100-sxm": "$30,000"}, "devices_per_node": {"h100-sxm": 4}},
        "on_demand": {"prices": {EAST: {"p5.4xlarge": "$4/h"}, WEST: {"p5.4xlarge": "$4/h"}}},
    },
    "limits": {"budget": "$5M/yr", "carbon": "5000 t/yr", "water": "1000000 m3/yr", "energy": "100 GWh/yr"},
    "failures": {"node": {"served": "70%", "scope": "each"}},
    "solver": {"gap": 0.02, "time_limit": "20 s"},
}


@functools.cache
def good() -> tuple[Any, Plan]:
    """The question and a plan that passes."""
    scenario = from_mapping(copy.deepcopy(QUESTION))
    return scenario, solve(scenario, binding=False)


def tampered(change: Callable[[dict[str, Any]], object]) -> Verification:
    """What the check says of the good plan after a change of its data."""
    scenario, plan = good()
    data = plan.model_dump()
    change(data)
    return verify(scenario, Plan.model_validate(data))


def version(**changes: Any) -> Scenario:
    """The question of the good plan with other values, by path (`limits__carbon`)."""
    data = copy.deepcopy(QUESTION)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = data
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return from_mapping(data)


def asked_again(**changes: Any) -> Verification:
    """What the check says of the good plan when the question was another."""
    return verify(version(**changes), good()[1])
