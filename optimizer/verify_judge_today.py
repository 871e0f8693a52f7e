"""The judge's way from today's fleet: of everything that could become of it, by plain enumeration, the cheapest."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping

from optimizer.verify_nodes import NodeFacts
from optimizer.verify_today import (
    FIXED,
    Fates,
    a_year,
    key_of_move,
    nodes_now,
    number_of_changes,
    off_devices,
    resale_usd,
    sunk,
    today_bill,
    upkeep,
    wrong_fates,
)
from optimizer.verify_types import NodeKey
from optimizer.verify_world import World

Nodes = Mapping[NodeKey, Mapping[str, int]]


def best_fates(world: World, nodes: Nodes) -> Fates | None:
    """The cheapest way to have these nodes from today's; None where quotas or the limit on changes allow none."""
    most = Counter({key: max(by_slot.values()) for key, by_slot in nodes.items()})
    best, least = None, math.inf
    for fates in _all(world, most):
        if wrong_fates(world, fates, most) or not _within(world, fates, nodes, most):
            continue
        usd = sum(today_bill(world, fates).values()) + _new_usd(world, fates)
        if usd < least:
            best, least = fates, usd
    return best


def least_usd(world: World) -> float:
    """A bound below what today's fleet adds to the bill, whatever runs."""
    changes, found = world.scenario.today.changes, sum(sunk(world).values())
    for key, nodes in nodes_now(world).items():
        if key.procurement == "owned":
            gone = a_year(world, (changes.retire_usd_per_node or 0.0) - resale_usd(world, key))
            found += nodes * min(upkeep(world, key), gone)
    return found


def _all(world: World, most: Counter[NodeKey]) -> Iterator[Fates]:
    """Every way to share out each holding; what is missing of the nodes is new."""
    changes = world.scenario.today.changes
    holdings = {key: nodes for key, nodes in nodes_now(world).items() if key.procurement in FIXED}
    places = []
    for key, nodes in holdings.items():
        ways: list[str] = ["keep", "off"]
        if key.procurement == "owned":
            ways += ["retire"] if changes.retire_usd_per_node is not None else []
            others = [region for region in world.scenario.regions if region != key.region]
            ways += others if changes.move_usd_per_node is not None else []
        places.append([(key, dict(zip(ways, shares, strict=True))) for shares in _shares(nodes, len(ways))])
    for picked in itertools.product(*places):
        fates, come = Fates(), Counter[NodeKey]()
        for key, shares in picked:
            for way, number in shares.items():
                if not number:
                    continue
                if way in ("keep", "off", "retire"):
                    getattr(fates, way)[key] += number
                    come[key] += number if way == "keep" else 0
                else:
                    fates.move[key, way] += number
                    come[key_of_move(key, way)] += number
        for key, number in most.items():
            if key.procurement in FIXED and number > come[key]:
                fates.new[key] = number - come[key]
        yield fates


def _shares(nodes: int, ways: int) -> Iterator[tuple[int, ...]]:
    if ways == 1:
        yield (nodes,)
        return
    for first in range(nodes + 1):
        for rest in _shares(nodes - first, ways - 1):
            yield (first, *rest)


def _within(world: World, fates: Fates, nodes: Nodes, most: Counter[NodeKey]) -> bool:
    """Whether quotas hold with what is switched off, and few enough change."""
    limit = world.scenario.today.changes.limit
    if limit is not None and number_of_changes(world, fates, most) > limit:
        return False
    for (region, accelerator), off in off_devices(world, fates).items():
        for slot in world.slots:
            running = sum(
                _devices(world, key, accelerator) * n[slot] for key, n in nodes.items() if key.region == region
            )
            if off + running > world.quota(region, accelerator):
                return False
    return True


def _devices(world: World, key: NodeKey, accelerator: str) -> int:
    facts = world.node(key)
    return facts.devices if isinstance(facts, NodeFacts) and facts.accelerator == accelerator else 0


def _new_usd(world: World, fates: Fates) -> float:
    total = 0.0
    for key, nodes in fates.new.items():
        facts = world.node(key)
        assert isinstance(facts, NodeFacts)
        total += nodes * sum(usd for part, usd in facts.usd_per_year.items() if part != "licence")
    return total
