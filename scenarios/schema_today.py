"""What is owned or committed to now, and what changing it costs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scenarios.schema_types import (
    Nodes,
    Part,
    PositiveNodes,
    Text,
    UsdPerDevice,
    UsdPerHour,
    UsdPerNode,
    UsdPerYear,
    Years,
    given,
    some,
)


class NodesNow(Part):
    """Nodes of one kind that stand in one region now, or are rented there."""

    region: Text
    """One of the scenario's regions."""
    procurement: Literal["owned", "reserved", "on_demand", "spot"] = "owned"
    """How they are had now."""
    accelerator: Text | None = None
    """What is in an owned node."""
    instance: Text | None = None
    """Instance type of a rented node."""
    nodes: PositiveNodes
    """How many there are."""
    write_off_usd_per_year: UsdPerYear = given(0.0, "$0/yr", alias="write_off")
    """Of each owned node: what its purchase still costs a year, kept or not; 0 once it is written off."""
    maintenance_usd_per_year: UsdPerYear | None = Field(default=None, alias="maintenance")
    """Of each owned node; the share of the purchase price that new ones pay when absent."""
    price_usd_per_hour: UsdPerHour | None = Field(default=None, alias="price")
    """Of each reserved node under today's commitment; that of a new commitment when absent."""


class Changes(Part):
    """What may be changed of today's owned nodes, and its one-off cost. A way that is not written is not offered."""

    retire_usd_per_node: UsdPerNode | None = Field(default=None, alias="retire")
    """Taking a node out for good."""
    resale: dict[str, UsdPerDevice] = Field(default_factory=dict)
    """What each device of a retired node is sold for."""
    move_usd_per_node: UsdPerNode | None = Field(default=None, alias="move")
    """Bringing a node to another region."""
    horizon_years: Years = given(3.0, "3 years", alias="horizon")
    """Over how long one-off costs are spread."""
    limit: Nodes | None = None
    """Most nodes bought, committed to, moved or retired, and rented beyond today's, all together."""


class Today(Part):
    """The fleet as it stands now; the plan keeps, buys, moves and retires."""

    nodes: Annotated[tuple[NodesNow, ...], some("kind of node")]
    """Nodes by kind and region."""
    changes: Changes = Changes()
    """What may be changed, and at what cost."""
