"""Wall 8, ingestion: data must arrive as fast as the accelerators eat it."""

from __future__ import annotations

from physics.wall import Wall


def supply_bytes_per_s(storage_bytes_per_s: float, link_bytes_per_s: float) -> float:
    """Bandwidth that reaches the accelerators [byte/s]: the slower of storage and link.

    >>> supply_bytes_per_s(7e9, 64e9)
    7000000000.0
    """
    return min(storage_bytes_per_s, link_bytes_per_s)


def ingestion_utilization(demand_bytes_per_s: float, storage_bytes_per_s: float, link_bytes_per_s: float) -> float:
    """Share of the supply that is used (above 1: stalled): ``rho = demand / min(storage, link)``.

    Args:
        demand_bytes_per_s: what the job reads [byte/s].
        storage_bytes_per_s, link_bytes_per_s: what storage and the link to it give [byte/s].

    Reference: D. Mohan et al., "Analyzing and mitigating data stalls", VLDB 2021, arXiv:2007.06775. Number: mlsysim
    0.3.0 `DataModel`.

    >>> round(ingestion_utilization(2e9, 7e9, 64e9), 9)
    0.285714286
    """
    return demand_bytes_per_s / supply_bytes_per_s(storage_bytes_per_s, link_bytes_per_s)


def load_s(model_bytes: float, supply_per_s: float) -> float:
    """Seconds to bring a model's weights to a replica [s]: ``bytes / supply``; part of every recovery.

    >>> round(load_s(70.6e9, 7e9), 2)
    10.09
    """
    return model_bytes / supply_per_s


WALL = Wall(
    number=8,
    name="ingestion",
    domain="data",
    question="Does the data arrive in time?",
    equation="rho = demand / min(storage, link)",
    in_fleet="Says how long a replica takes to load after a loss; storage is not yet a limit of the program.",
    sources=("arXiv:2007.06775", "mlsysim 0.3.0"),
)
