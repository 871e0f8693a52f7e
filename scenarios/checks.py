"""What no single key can tell: whether the parts of a scenario fit each other and the catalog.

All findings are collected. They work on whatever parts could be read, so that one bad key does not hide another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scenarios import units
from scenarios.check_names import Finding, unknown_names
from scenarios.check_today import today_findings
from scenarios.errors import Way
from scenarios.measurements import measurement_findings, unknown_accelerators
from scenarios.schema_demand import Objective, QualityLoss, Slot, Workload
from scenarios.schema_ranges import range_findings
from scenarios.schema_repair import repair_findings
from scenarios.schema_supply import Limits, Planning, Procurement, RegionUse

if TYPE_CHECKING:
    from scenarios.catalog import Catalog


def findings(
    parts: Any, written: Mapping[str, Any], catalog: Catalog, most_per_s: float = units.MOST_PLANNED_PER_S
) -> list[Finding]:
    """Everything wrong between the parts.

    parts: an object with the attributes of a Scenario; None stands for a part that could not be read
    written: the mapping as the user wrote it
    most_per_s: the most requests a second that may be planned for, of one workload
    """
    found: list[Finding] = []
    if parts.slots:
        found += _slots(parts.slots)
    for name, workload in (parts.workloads or {}).items():
        found += _shapes(name, workload, catalog)
        if parts.planning:
            found += _planned(name, workload, parts.planning, most_per_s)
        found += _quality(name, workload.precisions, workload.quality_loss)
        found += measurement_findings(name, workload, catalog)
    found += unknown_accelerators(written, catalog)
    found += _unused_origins(written)
    for name, region in (parts.regions or {}).items():
        found += _quotas(name, region, [item for item in parts.accelerators or () if item in catalog.accelerators])
    if parts.procurement:
        found += _procurement(parts.procurement, parts.accelerators, catalog)
    if parts.limits:
        found += _limits(parts.limits, written)
    if parts.objective:
        found += _objective(parts.objective)
    if parts.limits and parts.objective and parts.regions:
        found += _figures(parts, catalog)
    if parts.today:
        found += today_findings(parts, parts.today, catalog)
    if parts.repair:
        found += repair_findings(parts, parts.repair, catalog)
    if parts.ranges and not found and _whole(parts, written, catalog):
        found += range_findings(parts, catalog)
    return found


def _whole(parts: Any, written: Mapping[str, Any], catalog: Catalog) -> bool:
    """Whether everything could be read and every name is known."""
    return hasattr(parts, "digest") and not any(unknown_names(written, catalog))


def _slots(slots: tuple[Slot, ...]) -> Iterator[Finding]:
    total = sum(slot.hours for slot in slots)
    if abs(total - 8760) > 0.5:
        yield Finding(("slots",), f"the hours of all slots sum to {total:g}", "they must sum to 8,760, a whole year")
    for index, slot in enumerate(slots):
        if any(slot.name == other.name for other in slots[:index]):
            yield Finding(("slots", index, "name"), f'two slots are called "{slot.name}"', "give each its own name")
    for day in dict.fromkeys(slot.day for slot in slots):
        lengths = sum(slot.length_h for slot in slots if slot.day == day)
        if abs(lengths - 24) > 1e-6:
            message = f'the slots of day "{day}" span {lengths:g} hours'
            first = next(index for index, slot in enumerate(slots) if slot.day == day)
            yield Finding(("slots", first), message, "the slots of one day span 24 hours, in the order of the clock")


def _shapes(name: str, workload: Workload, catalog: Catalog) -> Iterator[Finding]:
    where = ("workloads", name, "requests")
    total = sum(shape.share for shape in workload.shapes)
    if abs(total - 1) > 1e-6:
        yield Finding(where, f"the shares sum to {total:g}", "they must sum to 1")
    model = catalog.models.get(workload.model)
    for index, shape in enumerate(workload.shapes):
        if any(shape.name == other.name for other in workload.shapes[:index]):
            message = f'two kinds of request are called "{shape.name}"'
            yield Finding((*where, index, "name"), message, "give each its own name")
        if shape.prompt_tokens == 0 and shape.cached_context_tokens == 0:
            message = "a request without prompt and without cached context has nothing to answer"
            yield Finding((*where, index, "prompt_tokens"), message, "give prompt_tokens or cached_context_tokens")
        if model is not None and shape.context_tokens > model.context_tokens:
            message = f"{shape.context_tokens:,} tokens in all, but {workload.model} holds {model.context_tokens:,}"
            yield Finding((*where, index), message, "shorten the request or choose a model with a longer context")


def _planned(name: str, workload: Workload, planning: Planning, most_per_s: float) -> Iterator[Finding]:
    """Each rate is believable, and so is what is planned for: all origins together, grown, at their peak."""
    busiest = max(map(sum, zip(*workload.demand.values(), strict=True)))
    planned = busiest * (1 + planning.growth) * planning.peak_factor
    if planned > most_per_s:
        message = f"{planned:,.4g} requests/s are planned for, with growth and peak factor"
        yield Finding(("workloads", name, "demand"), message, f"at most {most_per_s / 1e6:,.0f}M/s")


def _quality(name: str, precisions: tuple[str, ...], loss: QualityLoss | None) -> Iterator[Finding]:
    if loss is None:
        return
    for precision in precisions:
        if loss.of(precision) is None:
            message = f"no loss is given for {precision}, which is allowed"
            yield Finding(("workloads", name, "quality_loss"), message, f"add {precision}: a figure of your own")


def _unused_origins(written: Mapping[str, Any]) -> Iterator[Finding]:
    """An origin whose demand was forgotten would get the smallest fleet, silently."""
    origins, workloads = written.get("origins"), written.get("workloads")
    if not isinstance(origins, Mapping) or not isinstance(workloads, Mapping):
        return
    written_demands = [workload.get("demand") for workload in workloads.values() if isinstance(workload, Mapping)]
    demands = [demand for demand in written_demands if isinstance(demand, Mapping)]
    if not demands or len(demands) < len(workloads):
        return
    for origin in origins:
        if not any(origin in demand for demand in demands):
            message = "no workload has a demand from here"
            yield Finding(("origins", origin), message, "give its demand in a workload, or delete the origin")


def _quotas(name: str, region: RegionUse, accelerators: list[str]) -> Iterator[Finding]:
    if region.quota_default == "unlimited":
        return
    for accelerator in accelerators:
        if accelerator not in region.quota:
            message = f"no quota for {accelerator}, which is listed in accelerators"
            hint = f"write {accelerator}: with a number of devices, unlimited or unknown; or quota_default: unlimited"
            yield Finding(("regions", name, "quota"), message, hint)


def _procurement(buying: Procurement, listed: tuple[str, ...] | None, catalog: Catalog) -> Iterator[Finding]:
    ways = (buying.owned, buying.on_demand, buying.reserved, buying.spot)
    if all(way is None for way in ways):
        yield Finding(("procurement",), "offers no way of getting a node", "add owned, on_demand, reserved or spot")
    if buying.owned is not None:
        yield from _owned(buying, listed, catalog)
    if buying.reserved is not None and buying.reserved.discount is None and not buying.reserved.prices:
        hint = "write discount: 40%, or prices for each region and instance type"
        yield Finding(("procurement", "reserved"), "has neither a discount nor prices", hint)
    if buying.reserved is not None and buying.reserved.discount == 1:
        yield Finding(("procurement", "reserved", "discount"), "a price of 0 is not a price", "less than 100%")


def _owned(buying: Procurement, listed: tuple[str, ...] | None, catalog: Catalog) -> Iterator[Finding]:
    owned = buying.owned
    if owned is None:
        return
    where = ("procurement", "owned")
    for index, item in enumerate(owned.accelerators or ()):
        if listed is not None and item in catalog.accelerators and item not in listed:
            message = f"{item} is not listed in accelerators"
            yield Finding((*where, "accelerators", index), message, "add it there, or delete it here")
        device = catalog.accelerators.get(item)
        if device is not None and item not in owned.prices and device.purchase_usd is None:
            message = f"the catalog has no purchase price for {item}"
            yield Finding((*where, "accelerators", index), message, f'add procurement.owned.prices: {{{item}: "$..."}}')


def _limits(limits: Limits, written: Mapping[str, Any]) -> Iterator[Finding]:
    regions = written.get("regions")
    count = len(regions) if isinstance(regions, Mapping) else None
    fewest, most, share = limits.min_regions, limits.max_regions, limits.min_region_share
    if fewest is not None and most is not None and fewest > most:
        yield Finding(("limits", "min_regions"), f"{fewest} is more than max_regions, {most}", "they contradict")
    if fewest is not None and count is not None and fewest > count:
        message = f"{fewest} regions must be used, but only {count} {'is' if count == 1 else 'are'} listed"
        yield Finding(("limits", "min_regions"), message, "add regions or lower min_regions")
    if fewest is not None and fewest * share > 1 + 1e-9:
        message = f"{fewest} regions with {share:.0%} of the demand each make more than 100%"
        yield Finding(("limits", "min_region_share"), message, f"at most {1 / fewest:.4g}")


def _objective(objective: Objective) -> Iterator[Finding]:
    if objective.carbon_usd_per_kg and objective.account != "cost":
        message = f"a carbon price is added to the cost, but {objective.account} is minimised"
        yield Finding(("objective", "carbon_price"), message, "write minimize: cost")


def _figures(parts: Any, catalog: Catalog) -> Iterator[Finding]:
    """Every answer states its carbon, and a limit or an objective needs its figure: an unknown one is not 0."""
    basis = parts.carbon_basis or "direct"
    limits, objective = parts.limits, parts.objective
    water = limits.water_litres_per_year is not None or objective.account == "water"
    for name, use in parts.regions.items():
        region = catalog.regions.get(name)
        if region is None:
            continue
        if basis not in use.carbon_kg_per_kwh and basis not in region.carbon_kg_per_kwh:
            yield _no_carbon(name, parts, catalog)
        if water and use.wue_l_per_kwh is None and region.wue_l_per_kwh is None:
            message = "the catalog has no water use, and water is limited or minimised"
            ways = (Way(f"regions.{name}.wue", "... l/kWh", "with a figure of your own"),)
            yield Finding(("regions", name), message, 'add wue: "... l/kWh" to it', ways)


def _no_carbon(name: str, parts: Any, catalog: Catalog) -> Finding:
    """The region's own figure may be written, or all regions counted on the basis for which each has one."""
    basis = parts.carbon_basis or "direct"
    other = "lifecycle" if basis == "direct" else "direct"
    known = {
        region: parts.regions[region].carbon_kg_per_kwh.get(other, catalog.regions[region].carbon_kg_per_kwh.get(other))
        for region in parts.regions
        if region in catalog.regions
    }
    message = f"the catalog has no {basis} carbon intensity, and every answer states its carbon"
    hint = f'add carbon: {{{basis}: "... g/kWh"}} to it'
    ways = [Way(f"regions.{name}.carbon.{basis}", "... g/kWh", "with a figure of your own")]
    here = known[name]
    if here is not None:
        message += f"; the {other} one is {units.CARBON_INTENSITY.write(here)}"
        lacking = [region for region, value in known.items() if value is None]
        if lacking:
            hint += f"; carbon_basis: {other} would need a figure for {', '.join(lacking)}"
        else:
            hint += f", or write carbon_basis: {other}, for which every region of the scenario has a figure"
            ways.append(Way("carbon_basis", other, f"which counts every region by its {other} figure"))
    return Finding(("regions", name), message, hint, tuple(ways))
