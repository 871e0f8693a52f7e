"""Wall 10, locality: who talks over which wire, and how far the user is.

Every function takes floats or NumPy arrays that broadcast together. Bandwidths are per direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from physics.layout import Layout, RowBuilder
from physics.shared_rows import FREE
from physics.wall import Block, Wall

# P99 of a round trip over its P50: declared, editable.
ROUND_TRIP_P99_RATIO = 1.3


def spans_domain(ranks: Any, scaleup_domain: Any) -> Any:
    """Whether a group of `ranks` devices leaves the scale-up domain of `scaleup_domain` devices (truth value).

    >>> bool(spans_domain(16, 8)), bool(spans_domain(16, 72))
    (True, False)
    """
    return np.asarray(ranks) > scaleup_domain


def group_bytes_per_s(ranks: Any, scaleup_domain: Any, link_bytes_per_s: Any, fabric_bytes_per_s: Any) -> Any:
    """Bandwidth of one device inside a group of `ranks` [byte/s]: the link inside the domain, else the fabric.

    Args:
        ranks: devices in the group (count).
        scaleup_domain: devices that the fast link joins (count).
        link_bytes_per_s: scale-up link, per direction and device [byte/s].
        fabric_bytes_per_s: scale-out fabric, per direction and device; 0 where there is none [byte/s].

    Reference: NVLink 4 moves 450 GB/s per direction inside 8 H100, InfiniBand NDR 50 GB/s beyond.

    >>> group_bytes_per_s(16, 8, 450e9, 50e9).item()
    50000000000.0
    """
    return np.where(spans_domain(ranks, scaleup_domain), fabric_bytes_per_s, link_bytes_per_s)


def bisection_fraction(topology: str, nodes: float, oversubscription: float = 1.0) -> float:
    """Share of full bisection that a network offers (0 to 1).

    ``fat_tree 1, dragonfly 0.85, torus_3d 2 N^(-1/3), ring 2 / N``, over the oversubscription, never above 1.

    Args:
        topology: one of the four names.
        nodes: nodes ``N`` (count).
        oversubscription: ratio at the spine (1 is none).

    Reference: W. Dally, B. Towles, "Principles and Practices of Interconnection Networks", 2004, chapter 3; J. Kim
    et al., "Dragonfly", ISCA 2008, doi:10.1109/ISCA.2008.19. Number: mlsysim 0.3.0 `TopologyModel`, 64 nodes.

    >>> round(bisection_fraction("torus_3d", 64), 12), bisection_fraction("ring", 64)
    (0.5, 0.03125)
    """
    fractions = {"fat_tree": 1.0, "dragonfly": 0.85, "torus_3d": 2.0 * nodes ** (-1.0 / 3.0), "ring": 2.0 / nodes}
    if topology not in fractions:
        raise KeyError(f"unknown topology {topology!r}; known: {', '.join(fractions)}")
    return min(1.0, fractions[topology]) / oversubscription


def effective_bytes_per_s(link_bytes_per_s: float, topology: str, nodes: float, oversubscription: float = 1.0) -> float:
    """Bandwidth of one node when all talk at once [byte/s]: ``BW x bisection fraction``.

    Number: mlsysim 0.3.0 `TopologyModel`, 64 nodes on 50 GB/s links.

    >>> effective_bytes_per_s(50e9, "dragonfly", 64) / 1e9
    42.5
    """
    return link_bytes_per_s * bisection_fraction(topology, nodes, oversubscription)


def bisection_bytes_per_s(link_bytes_per_s: float, topology: str, nodes: float, oversubscription: float = 1.0) -> float:
    """Bandwidth between two halves of the network [byte/s]: ``N / 2 x effective bandwidth``. Number: as above.

    >>> bisection_bytes_per_s(50e9, "fat_tree", 64) / 1e9
    1600.0
    """
    return nodes / 2.0 * effective_bytes_per_s(link_bytes_per_s, topology, nodes, oversubscription)


def mean_hops(topology: str, nodes: float) -> float:
    """Links that a message crosses on average (count): ``fat_tree 4, dragonfly 3, torus_3d 3/4 N^(1/3), ring N/4``.

    Number: mlsysim 0.3.0 `TopologyModel`, 64 nodes.

    >>> mean_hops("ring", 64), round(mean_hops("torus_3d", 64), 12)
    (16.0, 3.0)
    """
    hops = {"fat_tree": 4.0, "dragonfly": 3.0, "torus_3d": 0.75 * nodes ** (1.0 / 3.0), "ring": nodes / 4.0}
    if topology not in hops:
        raise KeyError(f"unknown topology {topology!r}; known: {', '.join(hops)}")
    return hops[topology]


def user_round_trip_s(p50_s: Any, last_mile_s: Any = 0.010, percentile: float = 99.0) -> Any:
    """Round trip of a user to a region [s]: ``P50 x (1.3 at P99, 1 at P50) + last mile``.

    Args:
        p50_s: median round trip between the origin's nearest region and the serving one [s].
        last_mile_s: from the user to that nearest region [s].
        percentile: 99, or 50 for the median.

    The ratio 1.3 is declared by this project. The example: 16 ms of backbone is 30.8 ms to a user at P99.

    >>> round(user_round_trip_s(0.016), 4)
    0.0308
    """
    ratio = ROUND_TRIP_P99_RATIO if percentile > 50.0 else 1.0
    return p50_s * ratio + last_mile_s


# ---- in the fleet ----


def locality_rows(layout: Layout) -> list[Block]:
    """Replicas lie inside whole nodes; no request leaves where it may be served."""
    hires, counts = layout.hires, layout.counts
    builder, residency = RowBuilder(), []
    if layout.spare_nodes:
        used = layout.columns.add("used", len(hires.procurement), layout.hire_name, upper=1.0, integer=True)
    for h in range(len(hires.procurement)):
        lying = np.flatnonzero(counts.hire == h)
        devices = layout.pools.devices[counts.pool[lying]]
        for t in range(len(layout.slots)):
            if t and not hires.timed[h]:
                break
            label = layout.hire_name(h) + (f"/{layout.slots[t]}" if hires.timed[h] else "")
            room = hires.devices_per_node[h]
            spare = [(used[h], layout.spare_nodes * room)] if layout.spare_nodes else []
            builder.add(label, (counts.col[lying, t], devices), (hires.col[h, t], -room), *spare, upper=0.0)
            if layout.spare_nodes:
                builder.add(
                    label + "/used", (counts.col[lying, t], devices), (used[h], -room * hires.most_nodes[h]), upper=0.0
                )
    flows = layout.flows
    for w, name in enumerate(layout.workloads):
        shut = flows.closed & (layout.requests.workload[flows.request] == w)
        if shut.any():
            relax = layout.elastic(
                f"residency {name}",
                f"workloads.{name}.residency",
                "locality",
                0.0,
                "",
                f"requests of {name} stay where they may be served",
            )
            rows = RowBuilder()
            for f in np.flatnonzero(shut):
                rows.add(layout.flow_name(f), (flows.col[f], 1.0), (relax, -FREE), upper=0.0)
            residency += rows.block(
                "locality", "residency", "requests/s", "requests stay where they may be served", f"residency {name}"
            )
    return builder.block("locality", "devices", "devices", "replicas lie inside whole nodes", linking=True) + residency


WALL = Wall(
    number=10,
    name="locality",
    domain="fleet",
    question="Which wire, and how far?",
    equation="BW_eff = BW beta / oversubscription",
    in_fleet="Parallel groups stay in the scale-up domain or pay the fabric; a round trip decides which flows exist.",
    sources=("doi:10.1109/ISCA.2008.19", "mlsysim 0.3.0"),
    acts=("gate", "rows"),
    rows=locality_rows,
)
