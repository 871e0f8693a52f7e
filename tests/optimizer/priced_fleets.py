"""Random tiny questions that a fleet holds and in which several limits bind, each with its table of all fleets."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Callable
from functools import cache
from typing import Any

from optimizer.verify_physics import itl_at
from optimizer.verify_world import World
from scenarios import from_mapping
from scenarios.schema import Scenario
from tests.optimizer.brute_force import ways
from tests.optimizer.fleet_book import Book
from tests.optimizer.fleet_sheet import CAPS, Best
from tests.optimizer.tight_fleets import sized, structure, today

UNITS = {
    "budget": ("${:.6f}/yr", 1.0),
    "carbon": ("{:.9f} t/yr", 1e-3),
    "energy": ("{:.6f} kWh/yr", 1.0),
    "water": ("{:.9f} m3/yr", 1e-3),
}


@cache
def loose(seed: int) -> tuple[Scenario, Book]:
    """A question that some fleet holds, and all its fleets."""
    for attempt in itertools.count():
        rng = random.Random(f"loose {seed} {attempt}")
        data = structure(rng)
        sized(rng, data)
        _at_odds(rng, data)
        if rng.random() < 0.25:
            today(rng, data)
        if rng.random() < 0.3:
            _within_itl(rng, data)
        book = Book(from_mapping(data))
        best = book.optimum(book.scenario, goal_of(data))
        if best.accounts:
            scenario = _bound(rng, data, book, best)
            if scenario is not None:
                return scenario, book
    raise AssertionError("there is always one more attempt")


def goal_of(data: dict[str, Any]) -> str:
    """The account that is made least."""
    return {"cost": "usd_per_year", "carbon": "kg_co2e_per_year"}[data["objective"]]


def _at_odds(rng: random.Random, data: dict[str, Any]) -> None:
    """What costs less emits or draws more, so that caps bind; not every place has a quota, nor every answer a limit."""
    data["objective"] = rng.choice(("cost", "cost", "carbon"))
    cheap = [("$0.04/kWh", "400 g/kWh", "1.8 L/kWh"), ("$0.20/kWh", "20 g/kWh", "0.2 L/kWh")]
    rng.shuffle(cheap)
    for use, (electricity, carbon, water) in zip(data["regions"].values(), cheap, strict=False):
        use |= {"electricity": electricity, "carbon": {"direct": carbon}, "wue": water}
    chat = data["workloads"]["chat"]
    if rng.random() < 0.25:
        chat["ttft"]["limit"] = f"{rng.choice((150, 250, 400, 600))} ms"
    elif rng.random() < 0.7:
        # Without a limit on the first token a pool of any size may be as busy, so that no size band rounds it down.
        del chat["ttft"]
        for use in data["regions"].values():
            use["quota"] = {name: rng.choice((quota, "unlimited")) for name, quota in use["quota"].items()}


def _within_itl(rng: random.Random, data: dict[str, Any]) -> None:
    """A limit that some device misses, by little or much."""
    scenario = from_mapping(data)
    world = World(scenario)
    times = [itl_at(run, way.batch, "mean") for way in ways(scenario) for run in world.running(way)]
    limit = rng.choice(times) * rng.choice((0.8, 0.97, 0.97, 1.02))
    data["workloads"]["chat"]["itl"] = {"limit": f"{1e3 * limit:.6f} ms", "percentile": "mean"}


# ---- limits that bind ----

Step = Callable[[random.Random, dict[str, Any], Book, Best], bool]
"""Writes one limit more, given the best fleet so far; False where there is none to write."""


def _bound(rng: random.Random, data: dict[str, Any], book: Book, best: Best) -> Scenario | None:
    """The question with limits that the best fleet breaks, one after the other, as long as some fleet is left.

    None where fewer than two then bind.
    """
    steps, caps = [_quota, _quota, _power, _regions, _node, _region, _changes], [_cap(name) for name in CAPS]
    rng.shuffle(steps)
    rng.shuffle(caps)
    wanted, binding = rng.choice((2, 3, 4)), 0
    for step in [*steps, *caps]:
        more = copy.deepcopy(data)
        if binding == wanted or not step(rng, more, book, best):
            continue
        found = book.optimum(from_mapping(more), goal_of(data))
        binds = found.goal > best.goal + 1e-5 * abs(best.goal)
        if found.accounts and (binds or rng.random() < 0.1):
            data, best, binding = more, found, binding + binds
    return from_mapping(data) if binding >= 2 else None


def _cap(name: str) -> Step:
    def step(rng: random.Random, data: dict[str, Any], book: Book, best: Best) -> bool:
        assert best.accounts is not None
        value = best.accounts[CAPS[name]]
        least = book.optimum(from_mapping(data), CAPS[name]).goal
        if value - least < 1e-4 * abs(value) or value <= 0 or least <= 0:
            cap = value * rng.uniform(1.0, 1.2)
        else:
            near, far = rng.uniform(0.955, 0.998) * value, least + rng.uniform(0.05, 0.9) * (value - least)
            cap = max(near, least) if rng.random() < 0.7 else far
        unit, scale = UNITS[name]
        data.setdefault("limits", {})[name] = unit.format(cap * scale * (1 + 1e-6))
        return cap > 0

    return step


def _quota(rng: random.Random, data: dict[str, Any], book: Book, best: Best) -> bool:
    used = [(place, n) for place, n in zip(book.places, book.devices[best.row], strict=True) if n > 0]
    if not used:
        return False
    (region, name), devices = rng.choice(used)
    data["regions"][region]["quota"][name] = max(int(devices) - rng.choice((0, 1, book.node_sizes[name])), 1)
    return True


def _power(rng: random.Random, data: dict[str, Any], book: Book, best: Best) -> bool:
    region = rng.choice(book.regions)
    here = [n for n, place in enumerate(book.places) if place[0] == region]
    watts = float(book.watts[best.row, here].sum())
    data["regions"][region]["site_power"] = f"{watts * rng.choice((0.97, 0.8, 1.03)) / 1e3:.6f} kW"
    return watts > 0


def _regions(rng: random.Random, data: dict[str, Any], book: Book, best: Best) -> bool:
    loaded = book.in_region @ book.replicas[best.row] > 0
    limits = data.setdefault("limits", {})
    if loaded.sum() > 1:
        limits["max_regions"] = 1
    else:
        limits |= {"min_regions": 2, "min_region_share": f"{rng.choice((10, 30, 45))}%"}
    return len(book.regions) == 2


def _node(rng: random.Random, data: dict[str, Any], book: Book, best: Best) -> bool:
    data.setdefault("failures", {})["node"] = {"served": f"{rng.choice((40, 60, 80, 100))}%", "scope": "total"}
    return True


def _region(rng: random.Random, data: dict[str, Any], book: Book, best: Best) -> bool:
    data.setdefault("failures", {})["region"] = {"served": f"{rng.choice((30, 60, 100))}%", "scope": "total"}
    return len(book.regions) == 2


def _changes(rng: random.Random, data: dict[str, Any], book: Book, best: Best) -> bool:
    if "today" not in data:
        return False
    data["today"]["changes"]["limit"] = max(int(book.changes[best.row]) - rng.choice((0, 1, 1, 2)), 0)
    return True
