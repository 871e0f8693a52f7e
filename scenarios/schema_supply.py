"""What may be had and what must hold: regions, ways of buying, limits, losses to survive, allowances, the solver."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from scenarios import units
from scenarios.schema_types import (
    Basis,
    Confidence,
    DevicesPerNode,
    Fraction,
    Growth,
    KgPerKwh,
    KgPerYear,
    KwhPerYear,
    LitresPerKwh,
    LitresPerYear,
    Multiplier,
    Named,
    Part,
    PositiveFraction,
    PositiveSeconds,
    PositiveUsdPerYear,
    Quota,
    Regions,
    Seconds,
    Seed,
    SpareNodes,
    Text,
    Threads,
    UsdPerDevice,
    UsdPerHour,
    UsdPerKwh,
    UsdPerYear,
    Watts,
    Years,
    given,
    on_or_off,
    some,
)


class RegionUse(Named):
    """What may be used in one region, and the user's own figures for it."""

    quota: dict[str, Quota] = Field(default_factory=dict)
    """Devices that can be had of each accelerator: a number, 0 (forbidden), `unlimited`, or `unknown` (not bought)."""
    quota_default: Literal["unlimited"] | None = None
    """Write `unlimited` to lift the rule that each accelerator needs a quota."""
    site_power_w: Watts | None = Field(default=None, alias="site_power")
    """Power that the site can give to nodes, cooling included."""
    pue: Multiplier | None = None
    """Power usage effectiveness, in place of the catalog's."""
    electricity_usd_per_kwh: UsdPerKwh | None = Field(default=None, alias="electricity")
    """Price of electricity, in place of the catalog's."""
    carbon_kg_per_kwh: dict[Basis, KgPerKwh] = Field(default_factory=dict, alias="carbon")
    """Carbon intensity of the grid for each basis, in place of the catalog's."""
    wue_l_per_kwh: LitresPerKwh | None = Field(default=None, alias="wue")
    """Water used per kWh of the machines, in place of the catalog's."""

    @property
    def id(self) -> str:
        """Provider and region, as in the catalog."""
        return self.name


class Owned(Part):
    """Nodes that are bought and written off in a straight line."""

    accelerators: Annotated[tuple[Text, ...], some("accelerator")] | None = None
    """Which may be bought; every one with a price when absent."""
    years: Years = given(3.0, "3 years")
    """Over how long they are written off."""
    infrastructure_multiplier: Multiplier = 2.5
    """Whole cost over the accelerators' price: host, network and building."""
    maintenance: Fraction = given(0.05, "5%")
    """Of the purchase price, each year."""
    discount_rate: Fraction = given(0.0, "0%")
    """Yearly cost of capital; 0 is a straight line."""
    prices: dict[str, UsdPerDevice] = Field(default_factory=dict)
    """Purchase price per device, in place of the catalog's."""
    devices_per_node: dict[str, DevicesPerNode] = Field(default_factory=dict)
    """Devices in one node, in place of the catalog's."""


InstancePrices = dict[str, dict[str, UsdPerHour]]


class OnDemand(Part):
    """Instances rented by the hour."""

    startup_s: Seconds = given(600.0, "10 min", alias="startup")
    """From asking for a node until it serves; it is paid for that long before."""
    prices: InstancePrices = Field(default_factory=dict)
    """Region, then instance type: the user's own price in place of the catalog's."""


class Reserved(Part):
    """Instances committed to for the whole year."""

    discount: Fraction | None = None
    """Off the on-demand price."""
    prices: InstancePrices = Field(default_factory=dict)
    """Region, then instance type: the hourly price under the commitment."""


class Spot(Part):
    """Instances that can be taken back at any time, all those of a region together."""

    availability: Annotated[
        dict[str, PositiveFraction],
        BeforeValidator(
            lambda value: value if isinstance(value, dict) else {"*": units.parse_fraction(value)},
            json_schema_input_type=PositiveFraction | dict[str, PositiveFraction],
        ),
    ]
    """Part of the time that an instance can be had: one figure for all, or one for each instance type."""
    max_share: PositiveFraction = given(0.3, "30%")
    """Largest part of a workload's demand that may rest on spot."""

    def availability_of(self, instance: str) -> float | None:
        """The figure for an instance type; None when it is unknown."""
        return self.availability.get(instance, self.availability.get("*"))


def _switch(model: Any) -> BeforeValidator:
    return BeforeValidator(on_or_off, json_schema_input_type=bool | model | None)


class Procurement(Part):
    """Ways of getting nodes. Only those written here are offered."""

    owned: Annotated[Owned | None, _switch(Owned)] = None
    """Buying."""
    on_demand: Annotated[OnDemand | None, _switch(OnDemand)] = None
    """Renting by the hour."""
    reserved: Reserved | None = None
    """Renting by the year."""
    spot: Spot | None = None
    """Renting what can be taken back."""


class Limits(Part):
    """Limits on the whole fleet. One that is absent does not limit."""

    budget_usd_per_year: PositiveUsdPerYear | None = Field(default=None, alias="budget")
    """Money a year."""
    carbon_kg_per_year: KgPerYear | None = Field(default=None, alias="carbon")
    """CO2e a year, on the scenario's carbon basis."""
    include_embodied: bool = False
    """Whether the carbon limit also counts the making of the hardware."""
    water_litres_per_year: LitresPerYear | None = Field(default=None, alias="water")
    """Water a year."""
    energy_kwh_per_year: KwhPerYear | None = Field(default=None, alias="energy")
    """Energy a year, cooling included."""
    min_regions: Regions | None = None
    """Fewest regions in use."""
    min_region_share: PositiveFraction = given(0.05, "5%")
    """Part of the demand that a region must serve to count for `min_regions`."""
    max_regions: Regions | None = None
    """Most regions in use."""


class Failure(Part):
    """What must still be served after a loss."""

    share: PositiveFraction = Field(alias="served")
    """Part of the demand that must still be served inside its limits."""
    scope: Literal["each", "total"] = "each"
    """`each`: of every workload and origin; `total`: of all requests together."""


class Failures(Part):
    """Losses to survive, one at a time, in every slot. A kind that is absent is reported, not limited."""

    node: Failure | None = None
    """The loss of any one node."""
    region: Failure | None = None
    """The loss of any one region."""


class Planning(Part):
    """A planner's allowances: linear, and nothing unless written."""

    peak_factor: Multiplier = 1.0
    """Peak within an hour over the mean of that hour."""
    growth: Growth = given(0.0, "0%")
    """Head-room for growth of the demand."""
    spare_nodes: SpareNodes = 0
    """Warm spare nodes in each region in use."""
    maintenance_nodes: SpareNodes = 0
    """Nodes down for maintenance in each region in use, on top of a failure."""
    staff_usd_per_year: UsdPerYear = given(0.0, "$0/yr", alias="staff")
    """Cost of staff."""
    licence_usd_per_device_year: UsdPerYear = given(0.0, "$0/yr", alias="licence_per_device")
    """Cost of licences for each device."""
    delivery_s: Seconds = given(0.0, "0 weeks", alias="delivery")
    """From ordering a node to its first request."""
    confidence: Confidence | None = None
    """Plan with the pessimistic end of each predicted time that holds in this share of the cases, 0.5 to 0.999; the
    middle when absent."""


class Solver(Part):
    """When to stop, and what makes a run repeatable."""

    gap: Fraction = given(0.001, "0.1%")
    """How far from proven optimal the answer may be."""
    time_limit_s: PositiveSeconds = given(60.0, "60 s", alias="time_limit")
    """Longest time to search."""
    threads: Threads = 1
    """Threads to use."""
    seed: Seed = 0
    """The same seed gives the same plan."""
