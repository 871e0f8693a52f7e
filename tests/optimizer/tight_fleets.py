"""Random tiny questions with many limits at once, most of which no fleet can hold together; each has its book."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np

from optimizer.verify_world import World
from scenarios import from_mapping
from scenarios.schema import Scenario
from tests.optimizer.brute_force import ways
from tests.optimizer.fleet_book import Book
from tests.optimizer.fleet_sheet import CAPS

REGIONS = ("aws/us-east-1", "aws/us-west-2")


@cache
def tight(seed: int) -> tuple[Scenario, Book]:
    """A question and all its fleets."""
    rng = random.Random(f"tight {seed}")
    data = structure(rng)
    sized(rng, data)
    other = random.Random(f"tight today {seed}")
    if other.random() < 0.2:
        today(other, data)
        data["today"]["changes"]["limit"] = other.choice((0, 0, 1))
    free = from_mapping(data)
    book = Book(free)
    _capped(rng, data, book)
    if len(data["regions"]) == 2 and other.random() < 0.06:
        # Only that one region must do stands against the rule that one may be lost.
        data["limits"] = {"max_regions": 1}
        data["failures"] = {"region": {"served": "30%", "scope": "total"}}
    return from_mapping(data), book


def structure(rng: random.Random) -> dict[str, Any]:
    """One or two regions, one or two devices: at most two kinds of pool."""
    names = rng.sample(("l4", "l40s", "h100-sxm"), 1)
    regions = list(REGIONS[: rng.choice((1, 2, 2))])
    if len(regions) == 1 and rng.random() < 0.7:
        names = rng.sample(("l4", "l40s", "h100-sxm"), 2)
    data: dict[str, Any] = {
        "name": "tight",
        "origins": {"east": {"near": REGIONS[0], "last_mile": "10 ms"}},
        "workloads": {
            "chat": {
                "model": "llama-3.1-8b",
                "requests": [
                    {
                        "name": "chat",
                        "share": 1,
                        "prompt_tokens": rng.randrange(100, 900),
                        "output_tokens": rng.randrange(40, 200),
                    }
                ],
                "demand": {"east": 1.0},
                "ttft": {"limit": f"{rng.choice((1500, 3000, 60000, 60000))} ms", "percentile": rng.choice((99, 50))},
                "precisions": ["fp8"],
                "tensor_parallel": [1],
                "pipeline_parallel": [1],
                "batch": [rng.choice((4, 8, 12, 24))],
            }
        },
        "regions": {
            name: {
                "quota": {device: rng.choice((4, 6, 8)) for device in names},
                "electricity": f"${rng.choice((0.04, 0.09, 0.2))}/kWh",
                "carbon": {"direct": f"{rng.choice((20, 120, 400))} g/kWh"},
            }
            for name in regions
        },
        "accelerators": names,
        "procurement": {
            "owned": {
                "prices": {name: rng.choice(("$4,000", "$9,000", "$25,000")) for name in names},
                "devices_per_node": {name: rng.choice((1, 1, 2, 4)) for name in names},
            }
        },
        "solver": {"gap": 0.0},
    }
    return data


def sized(rng: random.Random, data: dict[str, Any]) -> None:
    """Demand of one to three replicas; each device measured in one way, so that no other way is ever in question."""
    asked, chat = from_mapping(data), data["workloads"]["chat"]
    rates = {way.accelerator: World(asked).rates(way)[0] * rng.uniform(0.7, 1.1) for way in ways(asked)}
    chat["measurements"] = [
        {
            "accelerator": name,
            "precision": "fp8",
            "batch": chat["batch"][0],
            "source": "made up",
            "requests": {"chat": {"requests_per_s": rate}},
        }
        for name, rate in rates.items()
    ]
    chat["only_measured"] = True
    chat["demand"]["east"] = round(rng.uniform(0.5, 3.0) * min(rates.values()), 4)


def today(rng: random.Random, data: dict[str, Any]) -> None:
    """One or two nodes that are there."""
    name = data["accelerators"][0]
    there = {"region": next(iter(data["regions"])), "accelerator": name, "nodes": rng.choice((1, 2))}
    changes = {"retire": rng.choice(("$0/node", "$400/node")), "horizon": rng.choice(("1 year", "3 years"))}
    changes["resale"] = {name: rng.choice(("$200", "$2,500"))}
    if rng.random() < 0.7:
        changes["move"] = rng.choice(("$60/node", "$900/node"))
    data["today"] = {"nodes": [there | {"write_off": rng.choice(("$0/yr", "$2k/yr"))}], "changes": changes}


def _capped(rng: random.Random, data: dict[str, Any], book: Book) -> None:
    """Rules of failure and of regions, quotas and power, then less money, carbon or energy than any fleet needs."""
    two = len(data["regions"]) == 2
    failures = {}
    if rng.random() < 0.5:
        failures["node"] = {"served": f"{rng.choice((40, 60, 80, 100))}%", "scope": "total"}
    if two and rng.random() < 0.4:
        failures["region"] = {"served": f"{rng.choice((30, 60, 100))}%", "scope": "total"}
    if failures:
        data["failures"] = failures
    limits: dict[str, Any] = {}
    if two and rng.random() < 0.3:
        limits |= {"min_regions": 2, "min_region_share": f"{rng.choice((10, 30, 45))}%"}
    elif two and rng.random() < 0.3:
        limits["max_regions"] = 1
    best = book.optimum(from_mapping(data | ({"limits": limits} if limits else {})))
    if not best.accounts:
        best = book.optimum(book.scenario)
    if rng.random() < 0.35:
        for use in data["regions"].values():
            use["quota"] = {name: rng.choice((1, 2, 2, 3)) for name in use["quota"]}
    if rng.random() < 0.3:
        power = max(float(np.max(book.watts, initial=0.0)) / 8, 1.0)
        for use in data["regions"].values():
            use["site_power"] = f"{rng.uniform(0.7, 4.0) * power / 1e3:.4f} kW"
    for name, unit, scale in (("budget", "${}/yr", 1.0), ("carbon", "{} t/yr", 1e-3), ("energy", "{} kWh/yr", 1.0)):
        if best.accounts and rng.random() < (0.7, 0.6, 0.3)[list(CAPS).index(name)]:
            value = best.accounts[CAPS[name]] * scale * rng.uniform(0.55, 1.1)
            limits[name] = unit.format(f"{value:.6f}")
    if limits:
        data["limits"] = limits
