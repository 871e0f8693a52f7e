"""Every way of tampering with a good plan is reported."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.optimizer.checked_plan import EAST, WEST, good, tampered


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
    "a replica count off by one": (
        lambda d: set_in(d, "fleet", 0, "replicas", to=d["fleet"][0]["replicas"] + 1),
        "run",
    ),
    "devices off by one": (
        lambda d: set_in(d, "fleet", 0, "devices", to=d["fleet"][0]["devices"] + 1),
        "devices are listed",
    ),
    "a node fewer": (fewer_nodes, "nodes are placed"),
    "a node of another size": (lambda d: set_in(d, "nodes", 0, "devices_per_node", to=3), "devices a node"),
    "nodes listed twice": (lambda d: d["nodes"].append(d["nodes"][0]), "listed twice"),
    "a node over-filled": (overfill, "devices' worth"),
    "a placed node left out": (lambda d: d["placement"].pop(0), "are placed"),
    "one node under two names": (lambda d: d["placement"].append(d["placement"][0]), "placed twice"),
    "a replica placed elsewhere": (
        lambda d: set_in(d, "placement", 0, "region", to=WEST if d["placement"][0]["region"] == EAST else EAST),
        "holds replicas of",
    ),
    "capacity too large": (lambda d: set_in(d, "fleet", 0, "capacity_requests_per_s", to=1e4), "capacity of"),
    "capacity under its load": (lambda d: busiest(d).update(capacity_requests_per_s=1e-3), "capacity of"),
    "a larger batch": (lambda d: set_in(d, "fleet", 0, "batch", to=4096), "batch 4096 is not in the allowed list"),
    "a precision not allowed": (lambda d: set_in(d, "fleet", 0, "precision", to="fp4"), "does not compute fp4"),
    "a precision of no chip": (lambda d: set_in(d, "fleet", 0, "precision", to="fp5"), "unknown"),
    "more ranks than heads share": (lambda d: set_in(d, "fleet", 0, "tensor_parallel", to=3), "cannot share"),
    "a region that is not asked about": (
        lambda d: set_in(d, "fleet", 0, "region", to="aws/eu-west-1"),
        "not in the scenario",
    ),
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
    "an account that does not add up": (
        lambda d: set_in(d, "accounts", "usd_per_year", to=1.0),
        "account usd_per_year",
    ),
    "an account left out": (lambda d: d["accounts"].pop("litres_per_year"), "litres_per_year is missing"),
    "an account too many": (lambda d: d["accounts"].update(yen_per_year=1.0), "yen_per_year is unknown"),
    "embodied carbon of half the devices": (lambda d: scale(d, "kg_co2e_embodied_per_year", "", 0.5), "embodied"),
    "devices miscounted": (lambda d: set_in(d, "accounts", "devices", to=1.0), "account devices"),
    "an objective that flatters": (
        lambda d: set_in(d, "objective", "value", to=d["objective"]["value"] * 0.99),
        "objective",
    ),
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
        f"a better {name}": (functools.partial(read_better, name=name), f"reading {name}")
        for name in (
            "budget",
            "carbon",
            "water",
            "energy",
            "quota",
            "KV cache",
            "ITL",
            "pool load",
            "TTFT",
            "demand served",
        )
    },
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_reported(what: str) -> None:
    change, says = TAMPERINGS[what]
    found = tampered(change)
    assert not found.passed
    assert any(says in failure for failure in found.failures), found.failures[:5]
