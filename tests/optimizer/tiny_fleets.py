"""Random tiny questions, each of a kind that makes one part of the program matter, small enough to enumerate.

`limited(kind, seed)` is the question, and beside it the same one with the limit of its kind left out.
"""

from __future__ import annotations

import random
from typing import Any

from optimizer.verify_world import World
from scenarios import from_mapping
from tests.optimizer.brute_force import optimum, ways

KINDS = (
    "node loss",
    "region loss",
    "shapes",
    "shared",
    "slots",
    "min regions",
    "carbon",
    "budget",
    "classes",
    "spot",
    "today",
    "mixed",
    "shapes, node loss",
    "shapes, region loss",
    "shapes, spot loss",
)
REGIONS = ("aws/us-east-1", "aws/us-west-2")


def limited(kind: str, seed: int) -> tuple[Any, Any]:
    """The question of a kind, and the one without the limit that the kind is about."""
    rng = random.Random(f"{kind} {seed}")
    data = _base(rng)
    limit = _MAKERS[kind](rng, data)
    relaxed = from_mapping(_sized(rng, data))
    limit(data, relaxed)
    return from_mapping(data), relaxed


def _base(rng: random.Random) -> dict[str, Any]:
    """One workload, one origin, one region, one accelerator, owned nodes."""
    name, room = rng.choice(("l4", "l40s", "h100-sxm")), rng.choice((1, 2, 4))
    return {
        "name": "tiny",
        "origins": {"east": {"near": REGIONS[0], "last_mile": "10 ms"}},
        "workloads": {"chat": _workload(rng, room)},
        "regions": {REGIONS[0]: _region(rng, [name])},
        "accelerators": [name],
        "procurement": {
            "owned": {
                "prices": {name: rng.choice(("$4,000", "$9,000"))},
                "devices_per_node": {name: room},
            }
        },
        "solver": {"gap": 0.0},
    }


def _workload(rng: random.Random, room: int) -> dict[str, Any]:
    return {
        "model": "llama-3.1-8b",
        "requests": [_shape(rng, "short", 1.0)],
        "demand": {"east": 1.0},
        "ttft": {"limit": f"{rng.choice((900, 1500, 3000))} ms", "percentile": rng.choice((99, 99, 50))},
        "precisions": ["fp8"],
        "tensor_parallel": rng.choice(([1], [1], [2], [1, 2])) if room > 1 else [1],
        "pipeline_parallel": [1],
        "batch": sorted(rng.sample((4, 8, 12, 24), rng.choice((1, 2)))),
    }


def _shape(rng: random.Random, name: str, share: float) -> dict[str, Any]:
    prompt, output = rng.randrange(100, 900), rng.randrange(40, 200)
    return {"name": name, "share": share, "prompt_tokens": prompt, "output_tokens": output}


def _region(rng: random.Random, names: list[str]) -> dict[str, Any]:
    return {
        "quota": {name: rng.choice((4, 6, 8)) for name in names},
        "electricity": f"${rng.choice((0.04, 0.09, 0.2))}/kWh",
        "carbon": {"direct": f"{rng.choice((5, 120, 400))} g/kWh"},
    }


def _sized(rng: random.Random, data: dict[str, Any]) -> dict[str, Any]:
    """Demand of about as many replicas as a node or two hold, whatever the physics says a replica can do."""
    world_of = from_mapping(data)
    world = World(world_of)
    for name, workload in data["workloads"].items():
        rates = [min(world.rates(way)) for way in ways(world_of) if way.workload == name]
        replicas = rng.uniform(0.4, 1.7) / len(workload["demand"])
        for origin, level in workload["demand"].items():
            levels = level if isinstance(level, list) else [level]
            sized = [round(replicas * each * min(rates), 4) for each in levels]
            workload["demand"][origin] = sized if isinstance(level, list) else sized[0]
    return data


def _two_regions(rng: random.Random, data: dict[str, Any]) -> None:
    data["regions"][REGIONS[1]] = _region(rng, data["accelerators"])


def _two_origins(data: dict[str, Any]) -> None:
    data["origins"]["west"] = {"near": REGIONS[1], "last_mile": "10 ms"}
    for workload in data["workloads"].values():
        workload["demand"]["west"] = 0.7


def _node_loss(rng: random.Random, data: dict[str, Any]):
    if rng.random() < 0.5:
        _two_regions(rng, data)
    if rng.random() < 0.3:
        _two_origins(data)
    rule = {"served": f"{rng.choice((60, 80, 100))}%", "scope": rng.choice(("total", "each"))}
    return lambda data, _: data.update(failures={"node": rule})


def _region_loss(rng: random.Random, data: dict[str, Any]):
    _two_regions(rng, data)
    if rng.random() < 0.5:
        _two_origins(data)
    rule = {"served": f"{rng.choice((30, 60, 100))}%", "scope": rng.choice(("total", "each"))}
    return lambda data, _: data.update(failures={"region": rule})


def _shapes(rng: random.Random, data: dict[str, Any]):
    workload = data["workloads"]["chat"]
    share = rng.choice((0.3, 0.5, 0.8))
    workload["ttft"] = {"limit": f"{rng.choice((3, 6))} s", "percentile": 99}
    workload["batch"] = [rng.choice((8, 12)), 24]
    workload["requests"] = [_shape(rng, "short", share), _shape(rng, "long", 1 - share)]
    workload["requests"][1]["prompt_tokens"] *= rng.choice((2, 5))
    if rng.random() < 0.4:
        data["failures"] = {"node": {"served": "60%", "scope": "total"}}

    def limit(data: dict[str, Any], relaxed: Any) -> None:
        # Between the two shapes' own times at the largest batch: the mix must be watched.
        times = [run.itl_s for way in ways(relaxed) for run in World(relaxed).running(way)]
        at = min(times) + rng.uniform(0.15, 0.7) * (max(times) - min(times))
        data["workloads"]["chat"]["itl"] = {"limit": f"{at * 1e3:.4f} ms", "percentile": "mean"}

    return limit


def _shared(rng: random.Random, data: dict[str, Any]):
    """Two workloads; the question is the same, what matters is whether they share a node."""
    data["workloads"]["search"] = _workload(rng, 4) | {"tensor_parallel": [1]}
    name = data["accelerators"][0]
    data["procurement"]["owned"]["devices_per_node"] = {name: 4}
    data["regions"][REGIONS[0]]["quota"] = {name: 8}
    for workload in data["workloads"].values():
        workload["batch"] = workload["batch"][:1]
    if rng.random() < 0.4:
        data["failures"] = {"node": {"served": "50%", "scope": "total"}}
    return lambda data, _: None


def _slots(rng: random.Random, data: dict[str, Any]):
    """A day with a peak, owned nodes beside rented ones."""
    data["accelerators"] = ["h100-sxm"]
    data["procurement"] = {
        "owned": {"prices": {"h100-sxm": "$40,000"}, "devices_per_node": {"h100-sxm": rng.choice((1, 2))}},
        "on_demand": {
            "startup": rng.choice(("10 min", "60 min", "9 h")),
            "prices": {REGIONS[0]: {"p5.4xlarge": "$4/h"}},
        },
    }
    data["regions"][REGIONS[0]] |= {"quota": {"h100-sxm": 4}}
    data["slots"] = [
        {"name": "night", "hours": 2920, "start_hour": 0},
        {"name": "day", "hours": 4380, "start_hour": 8},
        {"name": "evening", "hours": 1460, "start_hour": 20},
    ][: rng.choice((2, 3))]
    data["slots"][-1]["hours"] = 8760 - sum(slot["hours"] for slot in data["slots"][:-1])
    workload = data["workloads"]["chat"] | {"tensor_parallel": [1]}
    workload["batch"] = workload["batch"][:1]
    workload["demand"] = {"east": [rng.uniform(0.1, 0.6), 1.8, rng.uniform(0.3, 1.2)][: len(data["slots"])]}
    data["workloads"]["chat"] = workload
    if rng.random() < 0.3:
        data["failures"] = {"node": {"served": "50%", "scope": "total"}}
    return lambda data, _: None


def _min_regions(rng: random.Random, data: dict[str, Any]):
    _two_regions(rng, data)
    if rng.random() < 0.4:
        _two_origins(data)
    limits = {"min_regions": 2, "min_region_share": f"{rng.choice((5, 20, 45))}%"}
    return lambda data, _: data.update(limits=limits)


def _carbon(rng: random.Random, data: dict[str, Any]):
    """A dirty cheap region and a clean dear one (or a clean dear device)."""
    _two_regions(rng, data)
    data["regions"][REGIONS[0]] |= {"carbon": {"direct": "400 g/kWh"}, "electricity": "$0.03/kWh"}
    data["regions"][REGIONS[1]] |= {"carbon": {"direct": "20 g/kWh"}, "electricity": "$0.20/kWh"}
    factor = rng.choice((0.4, 0.7, 0.9, 0.97))

    def limit(data: dict[str, Any], relaxed: Any) -> None:
        kg = optimum(relaxed).judgement.accounts.get("kg_co2e_per_year", 1e6)
        data["limits"] = {"carbon": f"{factor * kg / 1e3:.6f} t/yr"}

    return limit


def _budget(rng: random.Random, data: dict[str, Any]):
    """The greenest fleet within a budget."""
    _carbon(rng, data)
    data["objective"] = rng.choice(("carbon", "energy"))
    factor = rng.choice((0.97, 0.99, 0.999))

    def limit(data: dict[str, Any], relaxed: Any) -> None:
        usd = optimum(relaxed).judgement.accounts.get("usd_per_year", 1e9)
        data["limits"] = {"budget": f"${factor * usd:.2f}/yr"}

    return limit


def _classes(rng: random.Random, data: dict[str, Any]):
    """A near and a far origin: the same pool may be too full for the far one."""
    _two_origins(data)
    if rng.random() < 0.4:
        _two_regions(rng, data)
    if rng.random() < 0.4:
        data["failures"] = {"node": {"served": "60%", "scope": "each"}}
    workload = data["workloads"]["chat"]
    del workload["ttft"]
    workload["batch"] = workload["batch"][:1]

    def limit(data: dict[str, Any], relaxed: Any) -> None:
        world = World(relaxed)
        own = max(run.prefill_s + 2 * run.step_s for way in ways(relaxed) for run in world.running(way))
        trip = 1.3 * relaxed.catalog.round_trip(*reversed(REGIONS)).p50_s + 0.010
        milliseconds = 1e3 * (trip + rng.uniform(1.0, 1.8) * own)
        data["workloads"]["chat"]["ttft"] = {"limit": f"{milliseconds:.3f} ms", "percentile": 99}

    return limit


def _spot(rng: random.Random, data: dict[str, Any]):
    """Spot beside on demand; what spot may carry is limited."""
    data["accelerators"] = ["l4"]
    data["regions"] = {REGIONS[0]: _region(rng, ["l4"])}
    data["regions"][REGIONS[0]]["quota"] = {"l4": 8}
    data["workloads"]["chat"] |= {"tensor_parallel": [1], "batch": [rng.choice((8, 12))]}
    data["procurement"] = {"on_demand": True, "spot": {"availability": 0.9, "max_share": "100%"}}
    if rng.random() < 0.6:
        data["failures"] = {"node": {"served": "40%", "scope": "total"}}
    share = rng.choice((20, 40))
    return lambda data, _: data["procurement"]["spot"].update(max_share=f"{share}%")


def _today(rng: random.Random, data: dict[str, Any]):
    """Nodes that are there: kept, switched off, moved, retired or joined by new ones, only so many of them."""
    name = data["accelerators"][0]
    if rng.random() < 0.6:
        _two_regions(rng, data)
    for use in data["regions"].values():
        use["quota"] = {name: rng.choice((4, 8))}
    chat = data["workloads"]["chat"]
    chat |= {"tensor_parallel": [1], "batch": chat["batch"][:1]}
    write_offs = ("$0/yr", "$2k/yr")
    entry = {"accelerator": name, "write_off": rng.choice(write_offs)}
    nodes = [{"region": REGIONS[0], "nodes": rng.choice((1, 2, 3)), **entry}]
    if len(data["regions"]) > 1 and rng.random() < 0.4:
        nodes.append({"region": REGIONS[1], "nodes": 1, **entry})
    if name == "h100-sxm" and rng.random() < 0.6:
        data["procurement"]["on_demand"] = True
        rented = {"region": REGIONS[0], "instance": "p5.4xlarge", "nodes": 1}
        nodes.append(rented | rng.choice(({"procurement": "reserved", "price": "$2/h"}, {"procurement": "on_demand"})))
    if rng.random() < 0.25:
        data["procurement"] = {"on_demand": True}  # nothing more is bought
        for entry in nodes:
            if entry.get("procurement", "owned") == "owned":
                entry["maintenance"] = "$300/yr"
    changes = {"retire": rng.choice(("$0/node", "$400/node")), "horizon": rng.choice(("1 year", "3 years"))}
    changes["resale"] = {name: rng.choice(("$200", "$2,500"))}
    if rng.random() < 0.7:
        changes["move"] = rng.choice(("$60/node", "$900/node"))
    data["today"] = {"nodes": nodes, "changes": changes}
    most = rng.choice((0, 0, 1, 1, 2))
    return lambda data, _: changes.update(limit=most)


def _mixed(rng: random.Random, data: dict[str, Any]):
    """Some of everything that is left: a second device, ways of buying, allowances, power, prices of carbon."""
    name = data["accelerators"][0]
    data["regions"][REGIONS[0]]["quota"] = {name: 8}
    chat = data["workloads"]["chat"]
    chat |= {"tensor_parallel": [1], "batch": chat["batch"][:1]}
    owned = data["procurement"]["owned"]
    if rng.random() < 0.4:
        other = rng.choice([each for each in ("l4", "l40s", "h100-sxm") if each != name])
        data["accelerators"].append(other)
        data["regions"][REGIONS[0]]["quota"][other] = rng.choice((0, 4, 4, "unknown"))
        owned["prices"][other] = "$6,000"
        owned["devices_per_node"][other] = rng.choice((1, 2))
    if rng.random() < 0.3:
        _two_regions(rng, data)
        data["regions"][REGIONS[1]]["quota"] = {each: rng.choice((4, 8)) for each in data["accelerators"]}
        data["limits"] = {"max_regions": 1}
    if "h100-sxm" in data["accelerators"] and rng.random() < 0.5:
        data["procurement"]["reserved"] = {"discount": f"{rng.choice((20, 50))}%"}
        data["procurement"]["on_demand"] = rng.choice((True, False))
    owned |= {"discount_rate": rng.choice(("0%", "8%")), "years": rng.choice(("3 years", "5 years"))}
    data["planning"] = {
        "peak_factor": rng.choice((1.0, 1.2)),
        "growth": rng.choice(("0%", "15%")),
        "spare_nodes": rng.choice((0, 0, 1)),
        "maintenance_nodes": rng.choice((0, 0, 1)),
        "staff": rng.choice(("$0/yr", "$1k/yr")),
        "licence_per_device": rng.choice(("$0/yr", "$500/yr")),
    }
    chat["max_utilization"] = rng.choice(("70%", "95%", "100%"))
    chat["ttft"] = {"limit": "5 s", "percentile": 99}
    chat["itl"] = {"limit": f"{rng.choice((40, 90))} ms", "percentile": rng.choice(("mean", 99))}
    if rng.random() < 0.3:
        data["objective"] = {"minimize": "cost", "carbon_price": "$500/t"}
    if rng.random() < 0.5:
        data["failures"] = {"node": {"served": f"{rng.choice((30, 70))}%", "scope": rng.choice(("total", "each"))}}
    if rng.random() < 0.3:
        data["carbon_basis"] = "lifecycle"
        for use in data["regions"].values():
            use["carbon"]["lifecycle"] = "300 g/kWh"

    def limit(data: dict[str, Any], relaxed: Any) -> None:
        nodes, world = optimum(relaxed).judgement.nodes, World(relaxed)
        watts = sum(world.node(hire).nameplate_w * max(by_slot.values()) for hire, by_slot in nodes.items()) or 1e4
        factor = rng.choice((0.8, 0.97, 1.1, 1.1))
        for use in data["regions"].values():
            use["site_power"] = f"{factor * watts / 1e3:.4f} kW"

    return limit


def _two_shapes(rng: random.Random, data: dict[str, Any]) -> None:
    """A short and a long kind of request from one or two origins, and time enough that the rule of a loss decides."""
    chat, share = data["workloads"]["chat"], rng.choice((0.3, 0.5, 0.8))
    chat |= {"ttft": {"limit": f"{rng.choice((3, 6))} s", "percentile": 99}, "batch": [rng.choice((8, 12))]}
    chat["tensor_parallel"] = [1]
    chat["requests"] = [_shape(rng, "short", share), _shape(rng, "long", 1 - share)]
    chat["requests"][1]["prompt_tokens"] *= rng.choice((2, 5))
    if rng.random() < 0.5:
        _two_origins(data)


def _shapes_node(rng: random.Random, data: dict[str, Any]):
    """The share of every origin after a node loss, over both kinds of request together."""
    _two_shapes(rng, data)
    rule = {"served": f"{rng.choice((60, 80, 90))}%", "scope": "each"}
    return lambda data, _: data.update(failures={"node": rule})


def _shapes_region(rng: random.Random, data: dict[str, Any]):
    """The same after a region's loss."""
    _two_regions(rng, data)
    _two_shapes(rng, data)
    rule = {"served": f"{rng.choice((30, 60, 90))}%", "scope": "each"}
    return lambda data, _: data.update(failures={"region": rule})


def _shapes_spot(rng: random.Random, data: dict[str, Any]):
    """The same where all spot of an offer goes at once, or a node on demand."""
    _spot(rng, data)
    _two_shapes(rng, data)
    data.pop("failures", None)
    data["procurement"]["spot"]["max_share"] = f"{rng.choice((40, 70))}%"
    rule = {"served": f"{rng.choice((50, 70, 90))}%", "scope": "each"}
    return lambda data, _: data.update(failures={"node": rule})


_MAKERS = {
    "node loss": _node_loss,
    "region loss": _region_loss,
    "shapes": _shapes,
    "shared": _shared,
    "slots": _slots,
    "min regions": _min_regions,
    "carbon": _carbon,
    "budget": _budget,
    "classes": _classes,
    "spot": _spot,
    "today": _today,
    "mixed": _mixed,
    "shapes, node loss": _shapes_node,
    "shapes, region loss": _shapes_region,
    "shapes, spot loss": _shapes_spot,
}
