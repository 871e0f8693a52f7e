"""Wall 15, fragility: more parts fail more often, and what is left must still serve.

Functions take floats or NumPy arrays unless a line says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from physics.layout import Layout, RowBuilder
from physics.losses import UsableRates, loss_rows
from physics.wall import Block, Wall


def node_mtbf_s(parts: Sequence[tuple[float, float]]) -> float:
    """Mean time between failures of a node [s]: rates add, ``1 / sum (count / MTTF)``.

    Args:
        parts: pairs of count and mean time to failure [s]; a redundant part has count 0.

    Holds for independent parts with exponential lifetimes. Number: mlsysim 0.3.0 `ReliabilityModel`: 8 accelerators of
    50,000 h and 8 cards of 150,000 h.

    >>> round(node_mtbf_s([(8, 50000 * 3600), (8, 150000 * 3600)]) / 3600, 3)
    4687.5
    """
    return 1.0 / sum(count / mttf for count, mttf in parts)


def fleet_mtbf_s(node_mtbf: Any, nodes: Any) -> Any:
    """Mean time between failures of a fleet [s]: ``MTBF / N``. Number: mlsysim 0.3.0, 1,024 nodes: 4.6 h.

    >>> fleet_mtbf_s(4687.5 * 3600, 1024) / 3600
    4.57763671875
    """
    return node_mtbf / nodes


def failure_probability(duration_s: float, mtbf_s: float) -> float:
    """Probability of at least one failure (0 to 1): ``1 - exp(-t / MTBF)``.

    >>> round(failure_probability(1.0, 1.0), 6)
    0.632121
    """
    return -math.expm1(-duration_s / mtbf_s)


def young_daly_interval_s(checkpoint_s: float, mtbf_s: float) -> float:
    """Best time between checkpoints [s]: ``sqrt(2 t_checkpoint MTBF)``.

    Args:
        checkpoint_s: time to write one [s].
        mtbf_s: of the whole job [s].

    Holds for ``t_checkpoint << MTBF``. Reference: J. Daly, 2006, doi:10.1016/j.future.2004.11.016. Number: mlsysim
    0.3.0 `ReliabilityModel`.

    >>> young_daly_interval_s(60, 4.57763671875 * 3600)
    1406.25
    """
    return math.sqrt(2.0 * checkpoint_s * mtbf_s)


def plain_goodput(checkpoint_s: float, interval_s: float, recovery_s: float, mtbf_s: float) -> float:
    """Share of time that is useful training in the plain form (0 to 1): ``1 - t_c / interval - t_r / MTBF``.

    Args:
        checkpoint_s, interval_s: time to write a checkpoint, time between two [s].
        recovery_s, mtbf_s: time to recover, mean time between failures [s].

    It leaves out the rework since the last checkpoint. Number: mlsysim 0.3.0 `ReliabilityModel`.

    >>> round(plain_goodput(60, 1406.25, 300, 4.57763671875 * 3600), 9)
    0.939128889
    """
    return max(0.0, 1.0 - checkpoint_s / interval_s - recovery_s / mtbf_s)


def replicas_per_node(devices_per_node: Any, devices_per_replica: Any) -> Any:
    """Most replicas that one node's loss can take (count): ``floor(G / g)``, and 1 where a replica spans nodes.

    >>> replicas_per_node(8, 2).item(), replicas_per_node(8, 16).item()
    (4, 1)
    """
    return np.maximum(np.asarray(devices_per_node) // devices_per_replica, 1)


def rate_lost_per_node(requests_per_s: Any, devices_per_node: Any, devices_per_replica: Any) -> Any:
    """Rate that one node's loss takes from a pool [1/s]: ``mu floor(G / g)``; safe for every packing of replicas.

    Args:
        requests_per_s: rate of one replica ``mu`` [1/s].
        devices_per_node, devices_per_replica: ``G`` and ``g`` (count).

    >>> rate_lost_per_node(30.0, 8, 2).item()
    120.0
    """
    return requests_per_s * replicas_per_node(devices_per_node, devices_per_replica)


def k_of_n_availability(needed: int, nodes: int, node_availability: float) -> float:
    """Probability that at least `needed` of `nodes` work (0 to 1): the upper tail of a binomial.

    Args:
        needed, nodes: counts.
        node_availability: probability that a node works, each on its own.

    Reference: R. Barlow, F. Proschan, "Mathematical Theory of Reliability", 1965, chapter 2.

    >>> round(k_of_n_availability(2, 3, 0.9), 3)
    0.972
    """
    up, down = node_availability, 1.0 - node_availability
    return math.fsum(math.comb(nodes, k) * up**k * down ** (nodes - k) for k in range(needed, nodes + 1))


# ---- in the fleet ----


def fragility_rows(layout: Layout) -> list[Block]:
    """Regions in use, and what must still be served when a node, a region or a region's spot is lost."""
    blocks = _regions_in_use(layout)
    if layout.node_loss is None and layout.region_loss is None:
        return blocks
    usable = UsableRates(layout)
    blocks += usable.blocks
    if layout.node_loss is not None:
        for r in range(len(layout.regions)):
            for i in np.unique(layout.pools.offer[layout.pools.region == r]):
                spot = bool(layout.pools.spot[(layout.pools.region == r) & (layout.pools.offer == i)].any())
                blocks += loss_rows(layout, usable, "node failure", layout.node_loss, r, int(i), everything=spot)
    if layout.region_loss is not None:
        for r in range(len(layout.regions)):
            blocks += loss_rows(layout, usable, "region failure", layout.region_loss, r, None, everything=True)
    return blocks


def _regions_in_use(layout: Layout) -> list[Block]:
    return [*_most_regions(layout), *_least_regions(layout)]


def _regions(count: int) -> str:
    return "1 region is" if count == 1 else f"{count} regions are"


def _most_regions(layout: Layout) -> list[Block]:
    """Nodes stand in so many regions at most."""
    if layout.max_regions is None:
        return []
    hires, regions, name = layout.hires, len(layout.regions), "max regions"
    opened = layout.columns.add("region open", regions, lambda k: layout.regions[k], upper=1.0, integer=True)
    gate, most, says = RowBuilder(), RowBuilder(), f"at most {_regions(layout.max_regions)} used"
    for r in range(regions):
        for h in np.flatnonzero(hires.region == r):
            for col in np.unique(hires.col[h]):
                gate.add(f"{layout.hire_name(h)}/{col}", (col, 1.0), (opened[r], -hires.most_nodes[h]), upper=0.0)
    relax = layout.elastic(name, "limits.max_regions", "fragility", layout.max_regions, "regions", says)
    most.add("most", (opened, 1.0), (relax, -float(layout.max_regions)), upper=layout.max_regions)
    return [
        *gate.block("fragility", "open", "nodes", "nodes stand in open regions only", linking=True),
        *most.block("fragility", "max_regions", "regions", says, name),
    ]


def _least_regions(layout: Layout) -> list[Block]:
    """So many regions serve their share at least; others may serve less."""
    if layout.min_regions <= 1:
        return []
    flows, least, name = layout.flows, layout.min_region_share, "min regions"
    counted = layout.columns.add(
        "region counts", len(layout.regions), lambda k: layout.regions[k], upper=1.0, integer=True
    )
    share, most, says = RowBuilder(), RowBuilder(), f"at least {_regions(layout.min_regions)} used"
    relax = layout.elastic(name, "limits.min_regions", "fragility", layout.min_regions, "regions", says)
    most.add("least", (counted, 1.0), (relax, float(layout.min_regions)), lower=layout.min_regions)
    hours = layout.hours[flows.slot] / layout.hours.sum()
    demand = layout.requests.demand.sum(axis=(0, 1)) @ layout.hours / layout.hours.sum() / layout.rate_unit
    for r, region in enumerate(layout.regions):
        here = (flows.region == r).astype(float) - least
        share.add(region, (flows.col, here * hours), (counted[r], -least * demand), lower=-least * demand)
    counts = f"a region that counts serves at least {least:.0%} of the requests"
    return [
        *share.block("fragility", "region_share", "requests/s", counts, name),
        *most.block("fragility", "min_regions", "regions", says, name),
    ]


WALL = Wall(
    number=15,
    name="fragility",
    domain="fleet",
    question="What is left after a loss?",
    equation="rates add; MTBF / N; P(fail) = 1 - exp(-t / MTBF)",
    in_fleet="After any one node, or any one region, is lost, the stated share of demand is still served.",
    sources=("doi:10.1016/j.future.2004.11.016", "mlsysim 0.3.0"),
    acts=("rows",),
    rows=fragility_rows,
)
