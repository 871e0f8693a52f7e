"""What a judgement of an integer fleet speaks of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from optimizer.verify_types import NodeKey, PoolKey

Counts = Mapping[tuple[PoolKey, str], tuple[int, ...]]
"""(pool, procurement) -> replicas in each slot."""


@dataclass(frozen=True)
class Judgement:
    """Whether a fleet holds every limit, its cheapest accounts and objective, else the first limit that it breaks."""

    feasible: bool
    objective: float = math.inf
    accounts: dict[str, float] = field(default_factory=dict)
    nodes: dict[NodeKey, dict[str, int]] = field(default_factory=dict)
    why: str = ""


@dataclass
class Stock:
    """A pool in one slot: replicas, of how many a loss can take, and its usable rate per replica's rate."""

    key: PoolKey
    replicas: int
    lost: int
    availability: float
