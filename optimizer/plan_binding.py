"""The parts of a plan that say what holds it: limits and inputs moved, and the question solved again.

A change is the difference of two optima, after less before. Of what was made least it is an interval: what the two
(bound, incumbent) pairs leave open. Of the other account it is the difference of the two fleets that were found.
"""

from __future__ import annotations

from typing import Literal

from optimizer.plan_base import Interval, Part

Asked = Literal["solved", "kept", "implied", "no_fleet", "stopped"]


class NodeChange(Part):
    """Nodes of one kind in one region, where their number differs."""

    region: str
    offer: str
    accelerator: str
    procurement: str
    before: int
    after: int


class Binding(Part):
    """What one moved limit would change, found by solving again."""

    limit: str
    key: str
    wall: str
    change: str
    """In words, for example `carbon limit 500 t/yr -> 525 t/yr`."""
    relaxation: float
    """Relative relaxation, 0.05 for 5 %; below 0 the limit was tightened, 1 of a failure rule drops it."""
    start: float | None = None
    to: float | None = None
    """Values before and after, in `unit`; `to` is None where the limit was dropped."""
    unit: str = ""
    status: Asked = "solved"
    """`kept`: the plan keeps the tighter limit as it is, so nothing was solved. `implied`: a larger move of the same
    limit the same way changes nothing, so this one does not; where time was up, no more than that one does. `no_fleet`:
    proven that no fleet holds the tighter limit. `stopped`: the solver found neither in its time."""
    usd_per_year_change: Interval | None
    """None where there is no fleet to compare with."""
    kg_co2e_per_year_change: Interval | None
    requests_per_s_change: Interval | None = None
    """How many more requests a second could be served for no more of the plan's money (or carbon, whichever was made
    least); only with curves."""
    resolved: bool
    """False where the change is smaller than the two gaps can tell apart."""
    node_changes: list[NodeChange] = []
    """Nodes of the fleet that was found against the plan's; empty where the change is none or not resolved."""
    seconds: float
    """Of processor time, both questions together."""


class Together(Part):
    """Limits none of which changes the answer alone, but which do together; no smaller part of them does."""

    limits: list[str]
    changes: list[str]
    usd_per_year_change: Interval
    kg_co2e_per_year_change: Interval
    node_changes: list[NodeChange] = []


class LimitsTogether(Part):
    """What was found of limits that hold together."""

    asked: list[str]
    """Limits whose relaxation alone changes nothing that the gaps can tell."""
    by: float
    """They were relaxed by this fraction, counts by one at least."""
    usd_per_year_change: Interval | None
    """With all of them relaxed at once."""
    kg_co2e_per_year_change: Interval | None
    found: list[Together]
    complete: bool
    """False where the search ended before every set was found."""
    seconds: float


class MostDemand(Part):
    """The most requests a second that can be served, in the mix and at the hours of the demand that is asked."""

    within: Literal["plan", "limits"]
    """`plan`: for no more of what was made least than the plan takes. `limits`: as far as the limits reach."""
    account: str
    value: float | None
    """Of the account: the plan's, or None where no limit of its own is asked for."""
    unit: str
    requests_per_s: Interval
    """What a fleet was found for, and what is proven that none can serve more than."""
    asked_requests_per_s: float
    at_least: bool
    """True where the search ended at its largest demand."""
    seconds: float


class Swing(Part):
    """What one input moved down or up would change."""

    input: str
    kind: str
    wall: str
    factor: float
    start: float | None
    to: float | None
    unit: str
    status: Asked = "solved"
    usd_per_year_change: Interval | None
    kg_co2e_per_year_change: Interval | None
    resolved: bool
    fleet_stays: bool | None
    """Whether the plan's nodes are still as good as any, within the gap asked for; None where that is not known."""
    node_changes: list[NodeChange] = []
    seconds: float


class ShadowPrice(Part):
    """What a limit would cost if nodes came in fractions: a dual of the linear relaxation."""

    limit: str
    key: str
    wall: str
    per_percent: float
    """Change of the relaxation's value, in its unit, for each 1 % by which the limit is relaxed; below 0 it falls."""


class Relaxation(Part):
    """The linear relaxation of the question with its duals: not the prices of the fleet, which has whole nodes."""

    account: str
    value: float | None
    """No fleet can do with less; whole nodes may need much more. None where no optimum was found in time."""
    unit: str
    prices: list[ShadowPrice]
    """Limits that are not listed cost the relaxation nothing; TTFT and ITL, which gate ways to run, have no dual."""
    seconds: float
