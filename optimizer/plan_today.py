"""Parts of a plan that start from today's fleet: what becomes of it, and what it would do unchanged."""

from __future__ import annotations

from typing import Literal

from optimizer.plan_base import Part


class FleetChange(Part):
    """What becomes of today's nodes of one kind in one region, or what comes beside them."""

    kind: Literal["keep", "off", "move", "retire", "return", "buy", "commit", "rent"]
    """`off`: kept without running, or a commitment paid and not used. `return`: no longer rented by the hour."""
    region: str
    """Where they are today; of new ones, where they come."""
    to_region: str | None = None
    """Only of a move."""
    accelerator: str
    offer: str
    procurement: str
    nodes: int
    one_off_usd: float
    """Paid once for all of them: purchase, move or retirement less resale; below 0 where resale brings more."""
    usd_per_year: float
    """What they add to the year's bill: purchase, maintenance, rent, and other one-off costs spread. Electricity,
    start-ups, licences of what is not rented by the hour, and what is paid whatever is decided are not in it."""


class AsItIs(Part):
    """What today's fleet does without any change: nothing bought, committed to, moved or retired, no more rented."""

    served_share: float | None
    """1 where it holds every limit; below, the largest share of every demand with which it does; None where none."""
    settled: bool
    """False where time ran out before it was known."""
    usd_per_year: float | None
    """At that share."""
    kg_co2e_per_year: float | None
    verified: bool
    seconds: float
