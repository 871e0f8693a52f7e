"""Declared figures that an answer leans on, each with its source."""

from __future__ import annotations

from optimizer.answer import Answer
from optimizer.candidates import LARGEST_BATCH
from optimizer.measured_words import measured_assumptions
from optimizer.plan import Assumption
from optimizer.sureness import gaps
from scenarios.catalog_things import Accelerator, Efficiency
from scenarios.figures import Figure
from scenarios.schema import Scenario


def assumptions(scenario: Scenario, answer: Answer | None) -> list[Assumption]:
    """Efficiencies, prices, carbon and network figures in use; without an answer those of the whole question."""
    regions = [line.region for line in answer.nodes] if answer else list(scenario.regions)
    devices = [line.accelerator for line in answer.nodes] if answer else list(scenario.accelerators)
    found = [*_efficiencies(scenario, dict.fromkeys(devices)), *_unmeasured(scenario, answer)]
    found += measured_assumptions(scenario, answer)
    found += _regions(scenario, dict.fromkeys(regions))
    found += _prices(scenario, answer, dict.fromkeys(devices))
    found += _network(scenario, dict.fromkeys(regions))
    found += _declared(scenario)
    return found


def _figure(name: str, figure: Figure | None, fallback: str = "") -> Assumption:
    if figure is None:
        return Assumption(name=name, value=fallback, source="scenario", confidence="user")
    source = f"{figure.source}, {figure.date}" if figure.date else figure.source
    return Assumption(name=name, value=figure.shown, source=source, confidence=figure.confidence)


def _efficiencies(scenario: Scenario, devices: dict[str, None]) -> list[Assumption]:
    catalog = scenario.catalog
    used = {
        (catalog.accelerators[name].generation, workload.engine): catalog.efficiency(name, workload.engine)
        for name in devices
        for workload in scenario.workloads.values()
    }
    mixtures = {bool(catalog.models[workload.model].experts) for workload in scenario.workloads.values()}
    return [_efficiency(*key, figures, mixtures) for key, figures in used.items()]


def _efficiency(generation: str, engine: str, figures: Efficiency, mixtures: set[bool]) -> Assumption:
    bands = [figures.itl_band_moe if experts else figures.itl_band for experts in mixtures]
    low, high = min(low for low, _ in bands), max(high for _, high in bands)
    measured = (
        f"fitted to {figures.rows} measured rows"
        if figures.measured
        else f"not measured, taken from {figures.inherits_from}"
    )
    figure = figures.figures.get("figures.decode_bandwidth")
    return Assumption(
        name=f"serving efficiency, {generation} ({engine})",
        value=f"prefill {figures.prefill_compute:.0%} of peak FLOP/s, "
        f"decode {figures.decode_bandwidth:.0%} of bandwidth; "
        f"measured ITL lies between {low:.2f} and {high:.2f} of the predicted one; {measured}"
        + (f"; here taken as {figures.speed:g} times as fast" if figures.speed != 1.0 else ""),
        source=figure.source if figure else "catalog",
        confidence=figure.confidence if figure else "C",
    )


def _unmeasured(scenario: Scenario, answer: Answer | None) -> list[Assumption]:
    """Where the answer leans on something that no measured row covers, say so."""
    if answer is None:
        return []
    found = []
    for line in answer.fleet:
        if line.basis == "measured":
            continue
        workload = scenario.workloads[line.workload]
        model = scenario.catalog.models[workload.model]
        efficiency = scenario.catalog.efficiency(line.accelerator, workload.engine)
        found += gaps(
            model, efficiency, line.accelerator, line.precision, line.kv_precision, line.pipeline_parallel, line.batch
        )
    return [
        Assumption(name=name, value=value, source="docs/accuracy.md", confidence="C")
        for name, value in dict.fromkeys(found)
    ]


def _regions(scenario: Scenario, regions: dict[str, None]) -> list[Assumption]:
    found = []
    for name in regions:
        region = scenario.region(name)
        figures = region.figures
        basis = scenario.carbon_basis
        found.append(
            _figure(
                f"carbon intensity, {name} ({basis})",
                figures.get(f"carbon.{basis}"),
                f"{region.carbon_kg_per_kwh[basis] * 1e3:g} g/kWh",
            )
        )
        found.append(_figure(f"PUE, {name}", figures.get("pue"), f"{region.pue:g}"))
        if region.electricity_usd_per_kwh is not None and scenario.procurement.owned:
            found.append(
                _figure(f"electricity, {name}", figures.get("electricity"), f"${region.electricity_usd_per_kwh:g}/kWh")
            )
    return found


def _prices(scenario: Scenario, answer: Answer | None, devices: dict[str, None]) -> list[Assumption]:
    found = []
    owned = scenario.procurement.owned
    for name in devices:
        accelerator = scenario.catalog.accelerators[name]
        if owned and (
            answer is None or any(line.accelerator == name and line.procurement == "owned" for line in answer.nodes)
        ):
            if name in owned.prices:
                spread = f"x {owned.infrastructure_multiplier:g} over {owned.years:g} years"
                value = f"${owned.prices[name]:,.0f} a device {spread}"
                found.append(
                    Assumption(
                        name=f"purchase, {name}", value=value, source=f"scenario {scenario.name}", confidence="user"
                    )
                )
            elif "price_low" in accelerator.figures or accelerator.purchase_usd is not None:
                found.append(
                    _figure(
                        f"purchase, {name}",
                        _first(accelerator, "price", "price_low"),
                        f"${accelerator.purchase_usd or 0:,.0f}",
                    )
                )
        found.append(_figure(f"TDP, {name}", accelerator.figures.get("tdp"), f"{accelerator.tdp_w:g} W"))
    for line in answer.nodes if answer else []:
        if line.procurement != "owned":
            name = line.offer.removeprefix("spot-")
            rental = next(
                (i for i in scenario.catalog.instances_in(line.region, line.accelerator) if i.name == name), None
            )
            if rental:
                price = rental.spot_usd_per_h if line.procurement == "spot" else rental.on_demand_usd_per_h
                reserved = scenario.procurement.reserved
                own = line.procurement == "reserved" and reserved is not None and reserved.discount is not None
                less = f", less {reserved.discount:.0%} for the year" if own and reserved else ""
                found.append(
                    Assumption(
                        name=f"rent, {line.offer} in {line.region}",
                        value=f"${price}/h list price{less}",
                        source=f"{rental.source}, {rental.date}",
                        confidence=rental.confidence,
                    )
                )
    return found


def _first(accelerator: Accelerator, *names: str) -> Figure | None:
    return next((accelerator.figures[name] for name in names if name in accelerator.figures), None)


def _network(scenario: Scenario, regions: dict[str, None]) -> list[Assumption]:
    found = []
    for origin in scenario.origins.values():
        for region in regions:
            trip = scenario.catalog.round_trip(origin.near, region)
            kind = "measured" if trip.measured or origin.near == region else "from distance"
            found.append(
                Assumption(
                    name=f"round trip {origin.name} -> {region}",
                    value=f"P50 {trip.p50_s * 1e3:.1f} ms ({kind}) + last mile {origin.last_mile_s * 1e3:g} ms; "
                    "P99 = 1.3 x P50",
                    source=trip.source,
                    confidence="A" if trip.measured else "C",
                )
            )
    return found


def _declared(scenario: Scenario) -> list[Assumption]:
    planning, found = scenario.planning, []
    for workload in scenario.workloads.values():
        found.append((f"highest load of a pool, {workload.name}", f"{workload.max_utilization:.0%} of its replicas"))
        if workload.batch is None:
            found.append(
                (
                    f"largest batch tried, {workload.name}",
                    f"{LARGEST_BATCH} requests a replica, as far as dense models are measured",
                )
            )
        shapes = ", ".join(
            f"{s.share:.0%} {s.prompt_tokens} in / {s.output_tokens} out"
            + (f" on {s.cached_context_tokens} cached" if s.cached_context_tokens else "")
            for s in workload.shapes
        )
        found.append((f"requests of {workload.name}", f"{shapes}; Poisson arrivals, every request of a shape alike"))
    found.append(
        (
            "power of a node",
            "idle 0.43 and full load 1.30 times the TDP of its devices, unless its catalog entry says else",
        )
    )
    extras = {
        "confidence that each predicted time holds": planning.confidence is not None
        and f"{planning.confidence:.1%}, each candidate at its own pessimistic end",
        "peak inside the hour": planning.peak_factor != 1 and f"x {planning.peak_factor:g}",
        "growth head-room": planning.growth and f"{planning.growth:.0%}",
        "nodes in maintenance beside a failure": planning.maintenance_nodes,
        "warm spare nodes per offer": planning.spare_nodes,
        "staff": planning.staff_usd_per_year and f"${planning.staff_usd_per_year:,.0f}/yr",
        "licences": planning.licence_usd_per_device_year
        and f"${planning.licence_usd_per_device_year:,.0f} a device and year",
        "delivery time": planning.delivery_s and f"{planning.delivery_s / 604800:g} weeks; not part of the program",
    }
    found += [(name, str(value)) for name, value in extras.items() if value]
    changed = [
        Assumption(
            name=f"own figure: {name}",
            value="given by the user, wins over the catalog",
            source="user's catalog file",
            confidence="user",
        )
        for name in scenario.catalog.overridden
    ]
    return [
        Assumption(name=name, value=value, source=f"scenario {scenario.name}", confidence="declared")
        for name, value in found
    ] + changed
