"""The answer: a plan, as data that goes to JSON and back.

A plan is self-contained: with the scenario that it answers, it can be verified, reported and compared without the
program that made it. Money is USD a year, carbon kg CO2e a year, rates requests a second, unless a name says else.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from optimizer.plan_base import Interval, Part, Status
from optimizer.plan_binding import Binding, LimitsTogether, MostDemand, Relaxation, Swing
from optimizer.plan_repr import Shown
from optimizer.plan_today import AsItIs, FleetChange

SCHEMA_VERSION = "1.0"
Stop = Literal["gap", "infeasible", "no_candidate", "time_limit", "interrupt"]
Basis = Literal["measured", "calibrated", "modelled"]


class Amount(Part):
    """A value of an account."""

    account: str
    value: float | None
    unit: str


class FleetLine(Part):
    """Replicas of one kind in one region under one procurement."""

    workload: str
    region: str
    offer: str
    """Node type: an instance type, or an owned node such as `owned-8x-h100-sxm`."""
    accelerator: str
    precision: str
    kv_precision: str
    tensor_parallel: int
    pipeline_parallel: int
    expert_parallel: int
    batch: int
    """Most requests that one replica decodes at once."""
    procurement: Literal["owned", "reserved", "on_demand", "spot"]
    basis: Basis = "modelled"
    """What its rates rest on: the user's measurement, physics calibrated by the user's measurements, or physics."""
    replicas: int
    """Replicas; the most over the slots where they are rented by the hour."""
    devices: int
    capacity_requests_per_s: float
    """What the replicas can serve inside the latency limits at the pool's size, at the workload's mix of requests."""
    requests_per_s: float
    """Load in the slot where the line serves most."""
    by_slot: list[SlotLine]
    itl_s: float | None = None
    """Mean time between tokens at the full batch, at the workload's mix: the middle of the prediction."""
    itl_band_s: Interval | None = None
    """Where the middle 90 % of measured times would lie."""
    ttft_s: float | None = None
    """Time to the first token of a request that waits for nothing, network left out, at the workload's mix."""
    ttft_band_s: Interval | None = None
    unmeasured: list[str] = Field(default_factory=list)
    """What in these two predictions no measured row stands behind."""
    serves: list[str] = Field(default_factory=list)
    """Origins that the line is fast enough for. Lines that agree in all but replicas and procurement are one pool."""


class SlotLine(Part):
    """One slot of a fleet line: replicas that run and the load on them, by request shape."""

    slot: str
    replicas: int
    requests_per_s: dict[str, float]


class NodeLine(Part):
    """Whole nodes bought or rented."""

    region: str
    offer: str
    accelerator: str
    procurement: str
    devices_per_node: int
    nodes: int
    """Nodes; the most over the slots where they are rented by the hour."""
    by_slot: dict[str, int]


class PlacedReplicas(Part):
    """Replicas of one fleet line on one node."""

    fleet: int
    """Index into `fleet`."""
    replicas: int
    """Replicas that lie wholly on this node; a replica over several nodes is listed as 1 on each of them."""
    spans_nodes: int = 1


class PlacedNode(Part):
    """One node and what runs on it in the slot with most nodes."""

    node: str
    region: str
    offer: str
    procurement: str
    replicas: list[PlacedReplicas]


class Flow(Part):
    """Requests a second from an origin to a region."""

    workload: str
    shape: str
    origin: str
    region: str
    slot: str
    requests_per_s: float


class ReadingLine(Part):
    """A value beside its limit; `slack` is not below 0 where the limit holds."""

    wall: str
    name: str
    where: str
    value: float
    sense: Literal["<=", ">=", "=="]
    limit: float | None
    slack: float | None
    unit: str
    percentile: str = ""


class Charge(Part):
    """One line of a bill: what was charged to an account, where and for what."""

    account: str
    part: str
    """For example `purchase`, `maintenance`, `energy`, `rent`, `idle power`, `load power`, `embodied`."""
    region: str
    offer: str
    procurement: str
    value: float


class Loss(Part):
    """What is left after a loss."""

    what: Literal["node", "region"]
    where: str
    workload: str
    slot: str
    served_requests_per_s: float
    served_share: float
    required_share: float | None
    by_slot: dict[str, float] = Field(default_factory=dict)
    """Requests a second still served in each slot that it hits, where there are several; the rest speaks of `slot`."""


class Insurance(Part):
    """What planning with the pessimistic end costs, found by solving again with the middle of each prediction."""

    confidence: float
    status_without: Status
    """Of the question without the confidence."""
    usd_per_year_without: float | None
    kg_co2e_per_year_without: float | None
    usd_per_year_change: Interval | None
    """With less without; what the two gaps leave open. None where one of the two has no fleet."""
    kg_co2e_per_year_change: Interval | None
    nodes: int
    nodes_without: int
    resolved: bool
    """False where the change is smaller than the two gaps can tell apart."""
    seconds: float


class ConflictMember(Part):
    """One limit of a minimal set that cannot hold together."""

    limit: str
    key: str
    value: float | str | None
    unit: str
    says: str


class Change(Part):
    """One value of a scenario that a way out changes; an addition starts from nothing."""

    limit: str
    """Name of the limit; empty for an addition."""
    key: str
    start: float | str | None
    to: float | str | None
    unit: str


class Repair(Part):
    """A way out of an impossible question. `to` is None where moving this limit alone never helps, or where an addition
    that was asked for saves too little.

    A `limit` moves alone. A `combination` moves several limits together, an `addition` has one more region, precision,
    accelerator or way of buying, and moves what else must: both say everything in `changes`.
    """

    kind: Literal["limit", "combination", "addition"] = "limit"
    number: int | None = None
    """For `argosy repair --choose`; None where it cannot be chosen."""
    changes: list[Change] = Field(default_factory=list)
    weight: float | None = None
    """How much changes: the sum of the relative moves (1 for 100 %), and 1 for an addition."""
    limit: str
    key: str
    start: float | str | None
    to: float | str | None
    unit: str
    usd_per_year: float | None
    kg_co2e_per_year: float | None
    verified: bool
    settled: bool = True
    """False where time ran out before it was known whether this helps."""
    says: str


class Rejected(Part):
    """A way of running that was ruled out, by which wall and by how much."""

    workload: str
    what: str
    wall: str
    reading: str
    value: float | None
    sense: str
    limit: float | None
    unit: str
    says: str
    usd_per_million_requests: float | None = None
    """Best-case price at full load, to show how strong the candidate would have been."""


class Gated(Part):
    """How many ways of running a workload a wall rules out, where nothing is left that can run it."""

    workload: str
    wall: str
    ways: int
    nearest: str = ""
    """The nearest miss of all, at the wall that it misses."""


class Assumption(Part):
    """A declared figure that the answer leans on, and where it comes from."""

    name: str
    value: str
    source: str
    confidence: str = ""


class Verification(Part):
    """What the independent check found."""

    passed: bool
    checks: int
    failures: list[str]


class Lock(Part):
    """What produced the answer: same lock, same plan."""

    argosy: str
    highs: str
    solver: str = "highs"
    """What solved the program; the second search and the re-solves are HiGHS's."""
    python: str
    scenario_sha256: str
    catalog_sha256: str
    overridden: list[str]
    seed: int
    threads: int
    gap: float


class Sizes(Part):
    """How large the question was and how long each step took, in seconds of processor time."""

    candidates_priced: int
    candidates_kept: int
    columns: int
    rows: int
    nonzeros: int
    price_s: float
    build_s: float
    solve_s: float
    verify_s: float = 0.0
    explain_s: float = 0.0


class Plan(Part, Shown):
    """A fleet with its reasons, or the reasons why there is none."""

    schema_version: str = SCHEMA_VERSION
    scenario: str
    title: str
    status: Status
    stopped_by: Stop
    gap: float | None
    """(incumbent - bound) / incumbent, a fraction."""
    confidence: float | None = None
    """Planned with the end of each predicted time that holds in this share of the cases; None: with the middle."""
    objective: Amount | None
    bound: Amount | None
    cross_check: str = ""
    """What a second search along another path said of the optimum: `confirmed`, `corrected` or `not finished`."""
    accounts: dict[str, float]
    """`usd_per_year`, `kg_co2e_per_year` (operational, stated basis), `kwh_per_year`, `litres_per_year`, `devices`;
    `kg_co2e_embodied_per_year` only where it is known for every device of the fleet."""
    carbon_basis: str
    fleet: list[FleetLine] | None
    nodes: list[NodeLine] = Field(default_factory=list)
    placement: list[PlacedNode] = Field(default_factory=list)
    flows: list[Flow] = Field(default_factory=list)
    charges: list[Charge] = Field(default_factory=list)
    changes: list[FleetChange] = Field(default_factory=list)
    """Only where the scenario states today's fleet: what becomes of it, and what comes beside it."""
    as_it_is: AsItIs | None = None
    """The same: what it would do unchanged."""
    readings: list[ReadingLine] = Field(default_factory=list)
    losses: list[Loss] = Field(default_factory=list)
    binding: list[Binding] = Field(default_factory=list)
    together: LimitsTogether | None = None
    """Only with curves."""
    most_demand: list[MostDemand] = Field(default_factory=list)
    """Only with curves."""
    relaxation: Relaxation | None = None
    """Only with curves."""
    sensitivity: list[Swing] = Field(default_factory=list)
    """Only with a tornado: the largest first."""
    insurance: Insurance | None = None
    """Only where a confidence was asked for."""
    conflict: list[ConflictMember] = Field(default_factory=list)
    repairs: list[Repair] = Field(default_factory=list)
    rejected: list[Rejected] = Field(default_factory=list)
    gated: list[Gated] = Field(default_factory=list)
    """Only for workloads that nothing on offer can run."""
    assumptions: list[Assumption] = Field(default_factory=list)
    verified: bool = False
    verification: Verification | None = None
    lock: Lock
    sizes: Sizes | None = None

    @property
    def lines(self) -> list[FleetLine]:
        """The fleet, empty where there is none."""
        return self.fleet or []

    @property
    def exit_code(self) -> int:
        """Exit code of the command line for this answer."""
        if self.status == "optimal":
            return 0
        if self.status == "no_incumbent" and self.stopped_by == "interrupt":
            return 130
        return {"no_candidate": 2, "infeasible": 3}.get(self.status, 4)


FleetLine.model_rebuild()
