"""What the independent check speaks of: ways to run, pools, node types, and the list of what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

RELATIVE = 1e-6
FLOW_RELATIVE = 1e-5


@dataclass(frozen=True)
class Way:
    """One way of running a workload on one replica."""

    workload: str
    accelerator: str
    precision: str
    kv_precision: str
    tensor_parallel: int
    pipeline_parallel: int
    expert_parallel: int
    batch: int

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.tensor_parallel * self.pipeline_parallel

    def __str__(self) -> str:
        parts = f"tp{self.tensor_parallel}"
        parts += f" pp{self.pipeline_parallel}" if self.pipeline_parallel > 1 else ""
        parts += f" ep{self.expert_parallel}" if self.expert_parallel > 1 else ""
        return f"{self.workload} on {self.accelerator} {self.precision}/{self.kv_precision} {parts} batch {self.batch}"


@dataclass(frozen=True)
class PoolKey:
    """Replicas of one way in one region and offer that serve the same origins; they share one queue."""

    region: str
    offer: str
    way: Way
    serves: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.way} in {self.offer}, {self.region}"


@dataclass(frozen=True)
class NodeKey:
    """Nodes of one kind that are had in one way."""

    region: str
    offer: str
    procurement: str

    def __str__(self) -> str:
        return f"{self.offer} ({self.procurement}) in {self.region}"


@dataclass
class Findings:
    """Counts checks and keeps, in words with numbers, those that failed."""

    checks: int = 0
    failures: list[str] = field(default_factory=list)

    def hold(self, true: bool, says: Callable[[], str] | str) -> bool:
        """One check; `says` is what to report where it does not hold."""
        self.checks += 1
        if not true:
            self.failures.append(says if isinstance(says, str) else says())
        return true

    def same(self, what: str, plan: float, own: float, relative: float = RELATIVE, size: float = 0.0) -> bool:
        """The plan's number equals the recomputed one within a relative tolerance of either (or of `size`)."""
        near = abs(plan - own) <= relative * max(abs(plan), abs(own), size) + 1e-12
        return self.hold(near, lambda: f"{what}: the plan says {plan:.9g}, recomputed {own:.9g}")

    def at_most(self, what: str, value: float, limit: float, relative: float = RELATIVE) -> bool:
        """`value <= limit` within a relative tolerance."""
        near = value <= limit or value <= limit + relative * max(abs(limit), abs(value)) + 1e-12
        return self.hold(near, lambda: f"{what}: {value:.9g} exceeds {limit:.9g}")

    def at_least(self, what: str, value: float, limit: float, relative: float = RELATIVE) -> bool:
        """`value >= limit` within a relative tolerance."""
        near = value >= limit or value >= limit - relative * max(abs(limit), abs(value)) - 1e-12
        return self.hold(near, lambda: f"{what}: {value:.9g} is below {limit:.9g}")
