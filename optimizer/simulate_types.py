"""What a simulation answers, as data that goes to JSON. Times are seconds, rates requests a second."""

from __future__ import annotations

from typing import Literal

from optimizer.plan import Part

SIMULATION_VERSION = "1.0"
WAITING = "growth of those who wait"
"""Verdict on the load: the number of requests that wait for a slot does not grow."""
LET_IN = "share let in"
"""Verdict on a loss: what is routed anew inside the limits is the share asked for."""


class CannotPlayError(ValueError):
    """A plan cannot be played as asked; `about` says which of the options is at fault."""

    def __init__(self, about: Literal["plan", "slot", "lose", "at", "requests"], message: str, hint: str = "") -> None:
        super().__init__(message)
        self.about, self.hint = about, hint


class Estimate(Part):
    """Mean over the seeds; `half_width` of its 95 % confidence interval where there are several."""

    value: float
    half_width: float | None = None


class Times(Part):
    """Of one kind of time over the requests of a group."""

    mean: Estimate
    p50: Estimate
    p90: Estimate
    p99: Estimate


class Group(Part):
    """Requests of a workload, of an origin in a region, or of a pool."""

    what: Literal["workload", "route", "pool"]
    name: str
    requests: int
    """Measured requests over all seeds."""
    requests_per_s: Estimate
    """Arrivals that were admitted."""
    ttft: Times
    """Network included, but for pools."""
    itl: Times | None
    """Over requests, of each request's mean; none where requests have one token."""
    end_to_end: Times
    promised_ttft_p50_s: float
    """What wall 7 says at this load; infinite (null in JSON) where it states no bound."""
    promised_ttft_p99_s: float
    promised_itl_s: float | None
    """What wall 4 says at this load, the mean over requests."""
    replicas: int | None = None
    load: float | None = None
    """Share of the pool's rate with all slots in use that it is asked for."""
    slots_used: Estimate | None = None
    prefill_share: Estimate | None = None
    """Share of the replicas' time that prefills take."""


class Verdict(Part):
    """A limit, or the throughput, beside what was simulated."""

    workload: str
    what: str
    value: Estimate
    sense: Literal["<=", ">="]
    limit: float
    unit: str
    holds: bool


class Case(Part):
    """The plan whole, or after a loss."""

    what: Literal["whole", "node", "region"]
    where: str
    lost: str = ""
    """Replicas that are gone, in words."""
    demanded_requests_per_s: float
    admitted_requests_per_s: float
    """What the routing lets in; after a loss the rest is turned away."""
    served_requests_per_s: Estimate
    """Answers that ended in the measured time, a second."""
    goodput_requests_per_s: Estimate
    """Requests a second whose own first token, and own mean time between tokens, are within the limits."""
    waiting_growth_per_s: Estimate
    """How fast the number of those who wait for a slot grows, requests a second."""
    restarts: int
    """Requests that began again because a node died under them, over all seeds."""
    groups: list[Group]
    verdicts: list[Verdict]
    holds: bool


class Simulation(Part):
    """A plan played request by request."""

    schema_version: str = SIMULATION_VERSION
    scenario: str
    title: str
    slot: str
    requests: int
    """Measured requests for each case and seed, as asked."""
    seeds: list[int]
    arrivals: str
    dispatch: str
    spread: float
    """Share by which answers are shorter or longer than the plan's."""
    lost_from_s: float | None
    """When what is lost dies, since measuring began [s]; None where it is gone all the time."""
    lost_until_s: float | None
    """When it is repaired [s]; None where it is not."""
    warm_up_s: float
    measured_s: float
    cases: list[Case]
    holds: bool
    declared: list[str]
    played_requests: int
    """All that were played, warm-up included."""
    cpu_s: float
    """Processor time of playing and measuring."""
