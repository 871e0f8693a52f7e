"""What a way out of an impossible scenario may move, how much each move counts, and what might be had besides.

`argosy repair` reads it; the answer to the scenario itself does not depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from scenarios import units
from scenarios.check_names import Finding, nearest
from scenarios.errors import BadValue
from scenarios.quantity import UnitError, show
from scenarios.schema_supply import Reserved, Spot
from scenarios.schema_types import Part, Precision, Text, distinct

if TYPE_CHECKING:
    from scenarios.catalog import Catalog, Region

NEVER = math.inf
_MOST_WEIGHT = 1_000_000
ADDITION = "addition"
ONE_FOR_ALL = (
    "budget",
    "carbon",
    "water",
    "energy",
    "node failure",
    "region failure",
    "min regions",
    "max regions",
    "spot share",
    "changes",
)
OF_WORKLOADS = ("demand", "ttft", "itl")
KINDS = (*ONE_FOR_ALL, *OF_WORKLOADS, "quota", "site power", ADDITION)
_EXAMPLE = "a number from 0, such as 2, or never"
_KEPT = {"residency": "residency is kept in every way out", "precisions": "a precision more is an addition"}


def _weight(value: object) -> float:
    if value == NEVER or (isinstance(value, str) and value.strip().lower() == "never"):
        return NEVER
    try:
        weight = units.parse_ratio(value) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    except (UnitError, TypeError, ValueError) as error:
        raise BadValue(f"{show(value)} is no weight", _EXAMPLE) from error
    if isinstance(value, bool) or not weight >= 0:
        raise BadValue(f"{show(value)} is no weight", _EXAMPLE)
    if _MOST_WEIGHT < weight < NEVER:
        raise BadValue(f"{show(value)} is more than {_MOST_WEIGHT:,}", "write never to keep a limit as it is")
    return weight


Weight = Annotated[
    float,
    BeforeValidator(_weight),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": _MOST_WEIGHT}, {"type": "string"}]}),
]
Names = Annotated[tuple[Text, ...], AfterValidator(distinct)]


class Additions(Part):
    """What might be had besides. A list that is absent is filled from the catalog, an empty one is not tried."""

    regions: Names | None = None
    """Regions of the catalog."""
    accelerators: Names | None = None
    """Accelerators of the catalog."""
    precisions: Annotated[tuple[Precision, ...], AfterValidator(distinct)] | None = None
    """Precisions in which every workload might run."""
    reserved: Reserved | None = None
    """Renting by the year, with your figures; not tried when absent."""
    spot: Spot | None = None
    """Renting what can be taken back, with your figures; not tried when absent."""


class Repair(Part):
    """How ways out of an impossible scenario are looked for."""

    weights: dict[str, Weight] = Field(default_factory=dict)
    """By limit or kind of limit, what a move of 100 % counts: 1 when absent, `never` keeps the limit as it is."""
    additions: Additions = Additions()
    """What might be had besides."""

    def weight(self, limit: str) -> float:
        """What a limit's move of 100 % counts; the longest name that it begins with decides. `NEVER`: it stays.

        >>> Repair(weights={"quota": 0.1, "quota h100-sxm": "never"}).weight("quota h100-sxm aws/us-east-1")
        inf
        """
        mine = [key for key in self.weights if limit == key or limit.startswith(f"{key} ")]
        return self.weights[max(mine, key=len)] if mine else 1.0


def repair_findings(parts: Any, repair: Repair, catalog: Catalog) -> Iterator[Finding]:
    """Names that mean nothing in a scenario's `repair`. `parts` is like a Scenario, None for what was not read."""
    known = [*KINDS, *_names(parts)]
    for name in repair.weights:
        if name.split()[:1] and name.split()[0] in _KEPT:
            yield Finding(("repair", "weights", name), _KEPT[name.split()[0]], "leave it out")
        elif name not in known:
            yield Finding(("repair", "weights", name), f'"{name}" is no limit of this scenario', nearest(name, known))
    kinds = {"regions": catalog.regions, "accelerators": catalog.accelerators}
    for kind, there in kinds.items():
        for index, name in enumerate(getattr(repair.additions, kind) or ()):
            where = ("repair", "additions", kind, index)
            if name not in there:
                yield Finding(where, f'there is no {kind[:-1]} "{name}" in the catalog', nearest(name, there))
            elif name in (getattr(parts, kind) or ()):
                yield Finding(where, f"{name} is in the scenario already", "leave it out here")
            elif kind == "regions" and parts.carbon_basis not in catalog.regions[name].carbon_kg_per_kwh:
                message = f"{name} has no {parts.carbon_basis} carbon intensity, and every answer states its carbon"
                yield Finding(where, message, "leave it out, or choose the other carbon_basis")
            elif kind == "regions" and _no_electricity(parts, catalog.regions[name]):
                hint = "leave it out, or give the price in a catalog file"
                yield Finding(where, f"no price of electricity is known in {name}", hint)
    asked = repair.additions.reserved
    if asked is not None and asked.discount is None and not asked.prices:
        hint = "write discount: 40%, or prices for each region and instance type"
        yield Finding(("repair", "additions", "reserved"), "has neither a discount nor prices", hint)


def _no_electricity(parts: Any, region: Region) -> bool:
    owned = parts.procurement.owned if parts.procurement else None
    return owned is not None and region.electricity_usd_per_kwh is None


def _names(parts: Any) -> Iterator[str]:
    """Limits that could be one of several, by name, and what they begin with."""
    for kind in OF_WORKLOADS:
        yield from (f"{kind} {name}" for name in parts.workloads or {})
    more = parts.repair.additions
    regions = (*(parts.regions or ()), *(more.regions or ()))
    for name in (*(parts.accelerators or ()), *(more.accelerators or ())):
        yield f"quota {name}"
        yield from (f"quota {name} {region}" for region in regions)
    yield from (f"site power {region}" for region in regions)
