"""Random small questions: failures, two latency classes, mixed shapes, slots, several node sizes, each now and then."""

from __future__ import annotations

import random
from typing import Any

from scenarios.schema import Scenario
from tests.optimizer.cases import DROP, EAST, FAR, NORTH, WEST, small_scenario

KINDS = ("failures", "classes", "shapes", "slots", "plain")


def random_scenario(kind: str, seed: int) -> Scenario:
    """A question of a kind; every seed another."""
    rng = random.Random(f"{kind} {seed}")
    names = rng.sample(["l4", "l40s", "h100-sxm"], rng.choice((1, 2)))
    workload: dict[str, Any] = {
        "demand": {"east": rng.choice((6.0, 15.0, 33.0, 50.0))},
        "ttft": {"limit": f"{rng.choice((150, 220, 350, 600, 1500))} ms", "percentile": rng.choice((99, 99, 90, 50))},
        "itl": {"limit": f"{rng.choice((18, 25, 40))} ms"} if rng.random() < 0.6 else DROP,
        "precisions": rng.choice((["fp8"], ["bf16", "fp8"], ["bf16", "int4"], ["bf16"])),
        "tensor_parallel": rng.choice(([1], [1, 2])),
        "batch": sorted(rng.sample((2, 4, 8, 12, 16, 24, 32, 48), rng.choice((2, 3, 4)))),
        "requests": [_shape(rng, "chat", 1)],
    }
    if "fp8" in workload["precisions"] and rng.random() < 0.3:
        workload["kv_precisions"] = ["bf16", "fp8"]
    changes: dict[str, Any] = {"workloads": {"chat": workload}, "accelerators": names}
    changes["regions"] = {EAST: {"quota": dict.fromkeys(("l40s", "h100-sxm"), DROP) | _quotas(rng, names)}}
    nodes = {name: rng.choice((1, 2, 4)) for name in names}
    prices = {"l4": "$3,000", "l40s": "$8,000", "h100-sxm": "$27,500"}
    owned = {
        "prices": dict.fromkeys(("l40s", "h100-sxm"), DROP) | {n: prices[n] for n in names},
        "devices_per_node": dict.fromkeys(("l40s", "h100-sxm"), DROP) | nodes,
    }
    changes["procurement"] = {"owned": owned}
    _MAKERS[kind](rng, changes, workload)
    return small_scenario(**changes)


def _shape(rng: random.Random, name: str, share: float) -> dict[str, Any]:
    return {
        "name": name,
        "share": share,
        "prompt_tokens": rng.choice((64, 256, 700)),
        "output_tokens": rng.choice((32, 96, 200)),
    }


def _quotas(rng: random.Random, names: list[str]) -> dict[str, int]:
    return {name: rng.choice((8, 16, 24)) for name in names}


def _failures(rng: random.Random, changes: dict[str, Any], workload: dict[str, Any]) -> None:
    rule = {"served": f"{rng.choice((50, 70, 80, 100))}%", "scope": rng.choice(("total", "each"))}
    changes["failures"] = {"node": rule}
    changes["planning"] = {"maintenance_nodes": rng.choice((0, 0, 1))}
    if rng.random() < 0.4:
        changes["regions"][NORTH] = {"quota": _quotas(rng, changes["accelerators"])}


def _classes(rng: random.Random, changes: dict[str, Any], workload: dict[str, Any]) -> None:
    changes["origins"] = {"far": {"near": rng.choice((WEST, FAR)), "last_mile": "10 ms"}}
    workload["demand"]["far"] = rng.choice((4.0, 11.0))
    workload["ttft"] = {"limit": f"{rng.choice((230, 300, 450))} ms", "percentile": 99}
    if rng.random() < 0.5:
        _failures(rng, changes, workload)


def _shapes(rng: random.Random, changes: dict[str, Any], workload: dict[str, Any]) -> None:
    share = rng.choice((0.3, 0.6, 0.9))
    long = _shape(rng, "long", 1 - share) | {"prompt_tokens": rng.choice((900, 2000)), "output_tokens": 150}
    workload["requests"] = [_shape(rng, "short", share), long]
    workload["ttft"] = {"limit": f"{rng.choice((800, 1500, 4000))} ms", "percentile": 99}
    workload["demand"] = {"east": rng.choice((4.0, 9.0, 16.0))}
    if rng.random() < 0.4:
        changes["failures"] = {"node": {"served": "60%", "scope": rng.choice(("total", "each"))}}


def _slots(rng: random.Random, changes: dict[str, Any], workload: dict[str, Any]) -> None:
    changes["accelerators"] = ["l4"]
    changes["regions"] = {EAST: {"quota": {"l40s": DROP, "h100-sxm": DROP, "l4": rng.choice((8, 16))}}}
    owned = {
        "prices": {"l40s": DROP, "h100-sxm": DROP, "l4": rng.choice(("$3,000", "$9,000"))},
        "devices_per_node": {"l40s": DROP, "h100-sxm": DROP, "l4": rng.choice((1, 2))},
    }
    changes["procurement"] = {"owned": owned, "on_demand": {"startup": rng.choice(("10 min", "2 h"))}}
    changes["slots"] = [
        {"name": "day", "hours": 4380, "start_hour": 8, "length": "12 h"},
        {"name": "night", "hours": 4380, "start_hour": 20, "length": "12 h"},
    ]
    workload["demand"] = {"east": [rng.choice((3.0, 6.0)), rng.choice((1.0, 2.0))]}
    workload["ttft"] = {"limit": f"{rng.choice((600, 1500))} ms", "percentile": 99}
    workload["itl"] = DROP
    workload["tensor_parallel"] = [1]
    if rng.random() < 0.4:
        changes["failures"] = {"node": {"served": "60%", "scope": "total"}}


def _plain(rng: random.Random, changes: dict[str, Any], workload: dict[str, Any]) -> None:
    changes["limits"] = {"carbon": f"{rng.choice((20, 60))} t/yr"}


_MAKERS = {"failures": _failures, "classes": _classes, "shapes": _shapes, "slots": _slots, "plain": _plain}
