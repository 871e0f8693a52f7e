"""A good plan passes; every way of tampering with it is reported, and so is every limit that it would break."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest

from optimizer.plan import Plan, Verification
from optimizer.solve import solve
from optimizer.verify import losses, verify
from scenarios import from_mapping

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


def asked_again(**changes: Any) -> Verification:
    """What the check says of the good plan when the question was another."""
    data = copy.deepcopy(QUESTION)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = data
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return verify(from_mapping(data), good()[1])


def test_the_good_plan_passes() -> None:
    scenario, plan = good()
    found = verify(scenario, plan)
    assert found.passed and not found.failures
    assert found.checks > 300
    assert {line.workload for line in plan.fleet or ()} == {"chat", "draft"}
    assert {line.procurement for line in plan.fleet or ()} == {"owned", "on_demand"}, "the plan should show both"


def test_it_survives_json() -> None:
    scenario, plan = good()
    assert verify(scenario, Plan.model_validate_json(plan.model_dump_json())).passed


def test_losses_are_those_of_the_plan() -> None:
    scenario, plan = good()
    assert losses(scenario, plan) == plan.losses
    assert {loss.what for loss in plan.losses} == {"node", "region"}


def test_no_fleet_no_pass() -> None:
    scenario, plan = good()
    nothing = plan.model_copy(update={"fleet": None, "status": "infeasible"})
    assert not verify(scenario, nothing).passed
    assert losses(scenario, nothing) == []


def charge(data: dict[str, Any], account: str, part: str) -> dict[str, Any]:
    """A charge line of the plan's data."""
    return next(line for line in data["charges"] if line["account"] == account and line["part"] == part)


def scale(data: dict[str, Any], account: str, part: str, factor: float) -> None:
    """Scale all charges of a part, and the account with them, as a program with the same mistake would."""
    for line in data["charges"]:
        if line["account"] == account and part in line["part"]:
            data["accounts"][account] += line["value"] * (factor - 1)
            line["value"] *= factor


def line_of(data: dict[str, Any], procurement: str) -> dict[str, Any]:
    """A fleet line."""
    return next(line for line in data["fleet"] if line["procurement"] == procurement)


def busiest(data: dict[str, Any]) -> dict[str, Any]:
    """The fleet line with most load."""
    return max(data["fleet"], key=lambda line: line["requests_per_s"])


def fewer_replicas(data: dict[str, Any]) -> None:
    line = line_of(data, "owned")
    line["replicas"] -= 1
    line["devices"] -= line["tensor_parallel"] * line["pipeline_parallel"]
    for slot in line["by_slot"]:
        slot["replicas"] -= 1


def fewer_nodes(data: dict[str, Any]) -> None:
    node = next(node for node in data["nodes"] if node["procurement"] == "owned")
    node["nodes"] -= 1
    node["by_slot"] = {slot: count - 1 for slot, count in node["by_slot"].items()}


def move_a_flow(data: dict[str, Any]) -> None:
    next(flow for flow in data["flows"] if flow["origin"] == "seattle")["region"] = EAST


def overfill(data: dict[str, Any]) -> None:
    """All replicas of one node go onto another of the same kind."""
    owned = [node for node in data["placement"] if node["procurement"] == "owned"]
    first = owned[0]
    other = next((n for n in owned[1:] if n["region"] == first["region"] and n["replicas"]), None)
    if other is None:
        first["replicas"].append(dict(first["replicas"][0]))
        return
    first["replicas"] += other["replicas"]
    other["replicas"] = []


def drop_pue(data: dict[str, Any]) -> None:
    scenario, _ = good()
    for account in ("kwh_per_year", "kg_co2e_per_year"):
        for line in data["charges"]:
            if line["account"] == account and line["part"] == "load power":
                less = line["value"] * (1 - 1 / scenario.region(line["region"]).pue)
                line["value"] -= less
                data["accounts"][account] -= less


def swap_basis(data: dict[str, Any]) -> None:
    """The bill of the other carbon basis under this one's name."""
    scenario, _ = good()
    for line in data["charges"]:
        if line["account"] == "kg_co2e_per_year":
            carbon = scenario.region(line["region"]).carbon_kg_per_kwh
            more = line["value"] * (carbon["lifecycle"] / carbon["direct"] - 1)
            line["value"] += more
            data["accounts"]["kg_co2e_per_year"] += more


def shift_flow(data: dict[str, Any], factor: float) -> None:
    data["flows"][0]["requests_per_s"] *= factor


def shift_load(data: dict[str, Any], factor: float) -> None:
    line = busiest(data)
    for slot in line["by_slot"]:
        slot["requests_per_s"] = {name: rate * factor for name, rate in slot["requests_per_s"].items()}
    line["requests_per_s"] *= factor


def set_in(data: dict[str, Any], *path: Any, to: Any) -> None:
    """Set one value of nested data."""
    *parents, last = path
    for parent in parents:
        data = data[parent]
    data[last] = to


def reading(data: dict[str, Any], name: str) -> dict[str, Any]:
    """The largest reading of a name."""
    return max((line for line in data["readings"] if line["name"] == name), key=lambda line: line["value"])


def read_better(data: dict[str, Any], name: str) -> None:
    """A reading that looks better than it is, with a slack that fits."""
    line = reading(data, name)
    line["value"] *= 0.9 if line["sense"] == "<=" else 1.1
    if line["limit"] is not None:
        line["slack"] = (line["limit"] - line["value"]) * (1 if line["sense"] == "<=" else -1)


def loosen(data: dict[str, Any], name: str) -> None:
    """A reading whose limit is not the scenario's."""
    line = reading(data, name)
    line["limit"] *= 1.5 if line["sense"] == "<=" else 0.5
    line["slack"] = (line["limit"] - line["value"]) * (1 if line["sense"] == "<=" else -1)


TAMPERINGS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a flow's sign": (lambda d: shift_flow(d, -1), "flow of -"),
    "a flow too small": (lambda d: shift_flow(d, 0.999), "served from"),
    "a flow that is missing": (lambda d: d["flows"].pop(), "served from"),
    "a flow that residency forbids": (move_a_flow, "residency forbids"),
    "a flow from nowhere": (lambda d: set_in(d, "flows", 0, "origin", to="atlantis"), "unknown"),
    "a load too small": (lambda d: shift_load(d, 0.9), "against flows"),
    "a load too large": (lambda d: shift_load(d, 3), "busy replicas"),
    "a replica fewer": (fewer_replicas, "placement does not hold exactly"),
    "a replica count off by one": (lambda d: set_in(d, "fleet", 0, "replicas", to=d["fleet"][0]["replicas"] + 1), "run"),
    "devices off by one": (lambda d: set_in(d, "fleet", 0, "devices", to=d["fleet"][0]["devices"] + 1), "devices are listed"),
    "a node fewer": (fewer_nodes, "nodes are placed"),
    "a node of another size": (lambda d: set_in(d, "nodes", 0, "devices_per_node", to=3), "devices a node"),
    "nodes listed twice": (lambda d: d["nodes"].append(d["nodes"][0]), "listed twice"),
    "a node over-filled": (overfill, "devices' worth"),
    "a placed node left out": (lambda d: d["placement"].pop(0), "are placed"),
    "one node under two names": (lambda d: d["placement"].append(d["placement"][0]), "placed twice"),
    "a replica placed elsewhere": (lambda d: set_in(d, "placement", 0, "region", to=WEST if d["placement"][0]["region"] == EAST else EAST), "holds replicas of"),
    "capacity too large": (lambda d: set_in(d, "fleet", 0, "capacity_requests_per_s", to=1e4), "capacity of"),
    "capacity under its load": (lambda d: busiest(d).update(capacity_requests_per_s=1e-3), "capacity of"),
    "a larger batch": (lambda d: set_in(d, "fleet", 0, "batch", to=4096), "batch 4096 is not in the allowed list"),
    "a precision not allowed": (lambda d: set_in(d, "fleet", 0, "precision", to="fp4"), "does not compute fp4"),
    "a precision of no chip": (lambda d: set_in(d, "fleet", 0, "precision", to="fp5"), "unknown"),
    "more ranks than heads share": (lambda d: set_in(d, "fleet", 0, "tensor_parallel", to=3), "cannot share"),
    "a region that is not asked about": (lambda d: set_in(d, "fleet", 0, "region", to="aws/eu-west-1"), "not in the scenario"),
    "a node type not offered": (lambda d: set_in(d, "fleet", 0, "offer", to="owned-2x-h100-sxm"), "cannot be had"),
    "a way of buying not offered": (lambda d: set_in(d, "nodes", 0, "procurement", to="reserved"), "cannot be had"),
    "origins served by pools too slow for them": (
        lambda d: [line.update(serves=["seattle"]) for line in d["fleet"] if line["region"] == WEST],
        "pools that fast carry",
    ),
    "no origin served": (lambda d: set_in(d, "fleet", 0, "serves", to=[]), "serves no origin"),
    "the other carbon basis by name": (lambda d: d.update(carbon_basis="lifecycle"), "carbon basis"),
    "the other carbon basis in the bill": (swap_basis, "account kg_co2e_per_year"),
    "a purchase price changed": (lambda d: scale(d, "usd_per_year", "purchase", 0.9), "account usd_per_year"),
    "an hourly price changed": (lambda d: scale(d, "usd_per_year", "rent", 1.01), "usd_per_year, rent"),
    "maintenance forgotten": (lambda d: scale(d, "usd_per_year", "maintenance", 0), "usd_per_year, maintenance"),
    "PUE forgotten on load power": (drop_pue, "account kwh_per_year"),
    "PUE put on water": (lambda d: scale(d, "litres_per_year", "load", 1.15), "account litres_per_year"),
    "a charge twice": (lambda d: d["charges"].append(charge(d, "usd_per_year", "purchase")), "usd_per_year, purchase"),
    "a charge without reason": (lambda d: charge(d, "usd_per_year", "purchase").update(part="sundries"), "sundries"),
    "an account that does not add up": (lambda d: set_in(d, "accounts", "usd_per_year", to=1.0), "account usd_per_year"),
    "an account left out": (lambda d: d["accounts"].pop("litres_per_year"), "litres_per_year is missing"),
    "an account too many": (lambda d: d["accounts"].update(yen_per_year=1.0), "yen_per_year is unknown"),
    "embodied carbon of half the devices": (lambda d: scale(d, "kg_co2e_embodied_per_year", "", 0.5), "embodied"),
    "devices miscounted": (lambda d: set_in(d, "accounts", "devices", to=1.0), "account devices"),
    "an objective that flatters": (lambda d: set_in(d, "objective", "value", to=d["objective"]["value"] * 0.99), "objective"),
    "another objective": (lambda d: set_in(d, "objective", "account", to="devices"), "asked was"),
    "a bound above the answer": (lambda d: set_in(d, "bound", "value", to=d["objective"]["value"] * 1.1), "bound"),
    "a gap that flatters": (lambda d: d.update(gap=(d["gap"] or 0) + 0.01), "gap"),
    "an impossible status": (lambda d: d.update(status="infeasible"), "cannot be infeasible"),
    "a loss that looks harmless": (lambda d: set_in(d, "losses", 0, "served_share", to=1.5), "share served of"),
    "a loss left out": (lambda d: d["losses"].pop(0), "does not say what is left"),
    "a loss with less asked": (lambda d: set_in(d, "losses", 0, "required_share", to=0.1), "required share"),
    "a loss of nothing": (lambda d: d["losses"].append({**d["losses"][0], "where": "the moon"}), "cannot be"),
    "slack that does not fit": (lambda d: reading(d, "budget").update(slack=1e9), "slack"),
    "a limit with another value": (lambda d: loosen(d, "budget"), "the plan's limit is"),
    **{
        f"a better {name}": ((lambda name: lambda d: read_better(d, name))(name), f"reading {name}")
        for name in ("budget", "carbon", "water", "energy", "quota", "KV cache", "ITL", "pool load", "TTFT", "demand served")
    },
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_reported(what: str) -> None:
    change, says = TAMPERINGS[what]
    found = tampered(change)
    assert not found.passed
    assert any(says in failure for failure in found.failures), found.failures[:5]


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
    "precisions": ({"workloads__chat__precisions": ["bf16"], "workloads__draft__precisions": ["bf16"]}, "precision fp8"),
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
        {"planning__maintenance_nodes": 3, "failures__node": {"served": "90%", "scope": "each"}},
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


def test_failures_come_in_words_with_numbers() -> None:
    found = asked_again(limits__budget="$10k/yr")
    told = next(failure for failure in found.failures if failure.startswith("budget"))
    assert "exceeds 10000" in told and "USD" in told
