"""The columns of the program as the walls see them: tables of what may be chosen, and where its columns stand.

Everything is NumPy columns. A table row and a program column are tied by an index array named `col`. Nothing here
knows a solver; walls read these tables and write blocks of rows, charges and, where a row needs it, further columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from physics.holdings import Today
from physics.wall import Block


class Columns:
    """A growing register of columns: bounds, whole or not, and a name for each."""

    def __init__(self) -> None:
        self.lower: list[np.ndarray] = []
        self.upper: list[np.ndarray] = []
        self.integer: list[np.ndarray] = []
        self.groups: list[tuple[str, int, Callable[[int], str]]] = []
        self.size = 0

    def add(
        self,
        name: str,
        count: int,
        where: Callable[[int], str],
        lower: float | np.ndarray = 0.0,
        upper: float | np.ndarray = np.inf,
        integer: bool = False,
    ) -> np.ndarray:
        """Add `count` columns and return their indices. `where(k)` labels the k-th of them."""
        self.lower.append(np.broadcast_to(np.asarray(lower, dtype=float), (count,)))
        self.upper.append(np.broadcast_to(np.asarray(upper, dtype=float), (count,)))
        self.integer.append(np.full(count, integer))
        self.groups.append((name, count, where))
        self.size += count
        return np.arange(self.size - count, self.size)

    def names(self) -> list[str]:
        """Name of every column, ``group[where]``."""
        return [f"{name}[{where(k)}]" for name, count, where in self.groups for k in range(count)]


@dataclass
class Requests:
    """Request shapes, one row per (workload, shape)."""

    workload: np.ndarray
    names: list[str]
    share: np.ndarray
    decode_steps: np.ndarray
    demand: np.ndarray
    """[shape, origin, slot] planned requests/s."""
    allowance: float = 1.0
    """Planned over asked demand: growth and the peak inside the hour."""


@dataclass
class Flows:
    """Requests/s of a shape from an origin to a region in a slot, in units of `Layout.rate_unit`."""

    request: np.ndarray
    origin: np.ndarray
    region: np.ndarray
    slot: np.ndarray
    col: np.ndarray
    closed: np.ndarray
    """True where residency forbids the flow; its column is held at 0."""


@dataclass
class Hires:
    """Ways to have nodes: one row per (region, offer, procurement)."""

    region: np.ndarray
    offer: np.ndarray
    """Index into `Layout.offers`."""
    procurement: list[str]
    accelerator: list[str]
    devices_per_node: np.ndarray
    timed: np.ndarray
    """Rented by the hour: counts may differ between slots."""
    usd_per_year: dict[str, np.ndarray]
    """Fixed yearly price of a node by part (purchase, maintenance, rent, licence)."""
    usd_per_hour: np.ndarray
    startup_h: np.ndarray
    pays_energy: np.ndarray
    idle_w: np.ndarray
    load_w: np.ndarray
    """Accelerator power under full load less idle power, whole node, W."""
    nameplate_w: np.ndarray
    embodied_kg_per_year: np.ndarray
    """Per node; NaN where unknown."""
    most_nodes: np.ndarray
    col: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.intp))
    """[hire, slot] node count column; the same column in every slot where not timed."""


@dataclass
class Pools:
    """Replicas of one candidate in one region and offer, working for one latency class."""

    workload: np.ndarray
    region: np.ndarray
    offer: np.ndarray
    candidate: np.ndarray
    """Row of the candidate table."""
    latency_class: np.ndarray
    """May serve origins of this class and looser ones (0 is the tightest of the region)."""
    devices: np.ndarray
    lost_replicas: np.ndarray
    """Replicas that one node loss can take."""
    requests_per_s: np.ndarray
    """[pool, shape of the workload] rate of one replica; NaN beyond the workload's shapes."""
    itl_s: np.ndarray
    """[pool, shape] the inter-token latency that the limit speaks of."""
    kv_bytes: np.ndarray
    """[pool, shape] KV bytes of one request at full length."""
    kv_capacity_bytes: np.ndarray
    """Per replica."""
    batch: np.ndarray
    load_w_per_replica: np.ndarray
    spot: np.ndarray
    availability: np.ndarray
    closed_by: list[tuple[str, ...]]
    """Names of the limits that close the pool (none where open); closed counts are held at 0."""


@dataclass
class Counts:
    """Replica counts, one row per (pool, hire)."""

    pool: np.ndarray
    hire: np.ndarray
    col: np.ndarray
    """[row, slot], the same column in every slot where the hire is not timed."""


@dataclass
class Bands:
    """Pool-size bands, one row per (pool, slot or all slots, band)."""

    pool: np.ndarray
    slot: np.ndarray
    """-1 where the pool's size is the same in all slots."""
    smallest: np.ndarray
    largest: np.ndarray
    utilisation: np.ndarray
    utilisation_after_loss: np.ndarray
    """At the size that is left when a node dies."""
    count_col: np.ndarray
    chosen_col: np.ndarray
    """Binary column; -1 where one band covers all sizes and no loss is planned for."""


@dataclass
class Loads:
    """Load of a shape on a pool in a slot, in units of `Layout.rate_unit`."""

    pool: np.ndarray
    shape: np.ndarray
    """Shape number within the workload."""
    request: np.ndarray
    slot: np.ndarray
    col: np.ndarray


@dataclass
class Elastic:
    """A user's limit by name. Its column is 0; at e the limit is relaxed by the fraction e."""

    name: str
    key: str
    wall: str
    value: float
    unit: str
    says: str
    col: int
    most: float = np.inf
    """Largest sensible relaxation (1 where a demand has gone to 0)."""


@dataclass(frozen=True)
class LossRule:
    """The share of demand that must still be served after a loss; `scope` is ``total`` or ``each`` (origin)."""

    share: float
    scope: str
    says: str


@dataclass
class ChargeBlock:
    """What columns charge to an account: natural units of the account per unit of column."""

    wall: str
    account: str
    part: str
    col: np.ndarray
    value: np.ndarray
    hire: np.ndarray
    """Hire that each entry belongs to, -1 where it belongs to none."""
    region: np.ndarray


@dataclass
class Layout:
    """All tables of one program."""

    columns: Columns
    workloads: tuple[str, ...]
    origins: tuple[str, ...]
    regions: tuple[str, ...]
    offers: tuple[str, ...]
    slots: tuple[str, ...]
    hours: np.ndarray
    slot_days: np.ndarray
    """Days a year that a slot occurs."""
    previous_slot: np.ndarray
    requests: Requests
    shapes_of: tuple[np.ndarray, ...]
    """Request rows of each workload."""
    class_of: np.ndarray
    """[workload, origin, region] latency class, -1 where no flow can exist."""
    classes: np.ndarray
    """[workload, region] number of latency classes."""
    rate_unit: float
    flows: Flows
    hires: Hires
    pools: Pools
    counts: Counts
    bands: Bands
    loads: Loads
    pool_names: list[str]
    """Name of each pool."""
    hire_of_pool: np.ndarray
    """A hire of the pool's offer (that of the owned nodes where they are owned)."""
    starts: np.ndarray
    """[hire, slot] columns of nodes switched on; empty where there is one slot."""
    itl_limit_s: np.ndarray
    """[workload], infinite where there is no limit."""
    closing: dict[str, tuple[float, str, str]]
    """(value, unit, sentence) of the limits that close pools."""
    caps: dict[str, float]
    """Caps of accounts by limit: budget, carbon, water, energy."""
    include_embodied: bool
    quotas: dict[tuple[int, str], float]
    """(region, accelerator) -> devices, where there is a finite quota."""
    site_power_w: dict[int, float]
    spot_max_share: float
    spare_nodes: int
    maintenance_nodes: int
    """Nodes that are down for maintenance when another is lost."""
    min_regions: int
    min_region_share: float
    max_regions: int | None
    node_loss: LossRule | None
    region_loss: LossRule | None
    pue: np.ndarray
    kg_co2e_per_kwh: np.ndarray
    """[region, slot]"""
    usd_per_kwh: np.ndarray
    litres_per_kwh: np.ndarray
    today: Today | None = None
    """What is owned or committed to now."""
    elastics: list[Elastic] = field(default_factory=list)
    accounts: dict[str, int] = field(default_factory=dict)
    """Column of each account and the size of its unit, filled by the program."""
    account_units: dict[str, float] = field(default_factory=dict)

    def elastic(self, name: str, key: str, wall: str, value: float, unit: str, says: str, most: float = np.inf) -> int:
        """Register a user's limit and return its relaxation column."""
        for known in self.elastics:
            if known.name == name:
                return known.col
        col = int(self.columns.add("relax", 1, lambda _: name, upper=0.0)[0])
        self.elastics.append(Elastic(name, key, wall, value, unit, says, col, most))
        return col

    def elastic_col(self, name: str) -> int:
        """Relaxation column of a limit that is known already."""
        return next(known.col for known in self.elastics if known.name == name)

    def pool_name(self, pool: int | np.integer) -> str:
        """Name of a pool."""
        return self.pool_names[pool]

    def hire_name(self, hire: int | np.integer) -> str:
        """Name of a hire."""
        hires = self.hires
        return f"{self.regions[hires.region[hire]]}/{self.offers[hires.offer[hire]]}/{hires.procurement[hire]}"

    def flow_name(self, flow: int | np.integer) -> str:
        """Name of a flow."""
        flows, requests = self.flows, self.requests
        j = flows.request[flow]
        shape = f"{self.workloads[requests.workload[j]]}/{requests.names[j]}"
        way = f"{self.origins[flows.origin[flow]]}->{self.regions[flows.region[flow]]}"
        return f"{shape}/{way}/{self.slots[flows.slot[flow]]}"

    def count_terms(self, pool: int, slot: int) -> tuple[np.ndarray, np.ndarray]:
        """(columns, values): replicas of a pool in a slot."""
        cols = self.counts.col[self.counts.pool == pool, slot]
        return cols, np.full(cols.size, self.pools.availability[pool])

    def capacity_terms(self, slot: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(band row, column, value): usable replicas of every pool in a slot, one entry per band."""
        rows = np.flatnonzero((self.bands.slot == slot) | (self.bands.slot == -1))
        pool = self.bands.pool[rows]
        return rows, self.bands.count_col[rows], self.bands.utilisation[rows] * self.pools.availability[pool]


class RowBuilder:
    """Collects the triplets of a block row by row or in bulk."""

    def __init__(self) -> None:
        self._row: list[np.ndarray] = []
        self._col: list[np.ndarray] = []
        self._value: list[np.ndarray] = []
        self._lower: list[float] = []
        self._upper: list[float] = []
        self._where: list[str] = []

    def add(
        self, where: str, *terms: tuple[ArrayLike, ArrayLike], lower: float = -np.inf, upper: float = np.inf
    ) -> None:
        """Add one row: terms are (columns, values)."""
        number = len(self._lower)
        for col, value in terms:
            col = np.atleast_1d(np.asarray(col, dtype=np.intp))
            self._row.append(np.full(col.size, number, dtype=np.intp))
            self._col.append(col)
            self._value.append(np.broadcast_to(np.asarray(value, dtype=float), col.shape))
        self._lower.append(lower)
        self._upper.append(upper)
        self._where.append(where)

    def add_many(
        self,
        where: Sequence[str],
        row: np.ndarray,
        col: np.ndarray,
        value: np.ndarray,
        lower: float | np.ndarray = -np.inf,
        upper: float | np.ndarray = np.inf,
    ) -> None:
        """Add `len(where)` rows at once; `row` counts from 0 within them."""
        count = len(where)
        self._row.append(np.asarray(row, dtype=np.intp) + len(self._lower))
        self._col.append(np.asarray(col, dtype=np.intp))
        self._value.append(np.asarray(value, dtype=float))
        self._lower.extend(np.broadcast_to(np.asarray(lower, dtype=float), (count,)).tolist())
        self._upper.extend(np.broadcast_to(np.asarray(upper, dtype=float), (count,)).tolist())
        self._where.extend(where)

    def block(self, wall: str, name: str, unit: str, says: str, limit: str = "", linking: bool = False) -> list[Block]:
        """The block, or nothing where no row was added. Triplets on the same spot are summed."""
        if not self._lower:
            return []
        row, col, value = (
            np.concatenate(part) if part else np.zeros(0) for part in (self._row, self._col, self._value)
        )
        row, col, value = merged(row.astype(np.intp), col.astype(np.intp), value)
        lower, upper = np.array(self._lower), np.array(self._upper)
        return [Block(wall, name, unit, says, row, col, value, lower, upper, self._where, limit, linking)]


def merged(row: np.ndarray, col: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triplets in row order with equal spots summed, zeros and cancelled terms left out."""
    order = np.lexsort((col, row))
    row, col, value = row[order], col[order], value[order]
    if row.size:
        first = np.concatenate(([True], (row[1:] != row[:-1]) | (col[1:] != col[:-1])))
        start = np.flatnonzero(first)
        size = np.add.reduceat(np.abs(value), start)
        row, col, value = row[start], col[start], np.add.reduceat(value, start)
        keep = np.abs(value) > 1e-12 * size  # what is left of terms that cancel is rounding, not a coefficient
        row, col, value = row[keep], col[keep], value[keep]
    return row, col, value
