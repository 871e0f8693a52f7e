"""A plan at a glance: the figures that somebody who pays for it asks for first, and what holds it back."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.plan import Binding, Plan
from reports.charts_bills import limit_on
from reports.charts_limits import full_limits
from reports.names import Places
from reports.summary import effect, moved, served_per_s
from reports.ways_sections import way_said
from reports.words import count, gap, mass, money, number, percent, plain, rate, sentence, within

_HELD = 4
_SECONDS_A_YEAR = 8760 * 3600


@dataclass(frozen=True)
class Tile:
    """One figure, large."""

    label: str
    value: str
    note: str


def badge(plan: Plan) -> str:
    """The status in two words."""
    if plan.status == "optimal":
        return "proven optimal" if (plan.gap or 0.0) < 5e-6 else f"within {within(plan.gap or 0.0)} of the optimum"
    return {
        "feasible": "stopped early",
        "infeasible": "proven impossible",
        "no_candidate": "nothing can run it",
        "no_incumbent": "stopped, no fleet yet",
    }[plan.status]


def tiles(plan: Plan) -> tuple[Tile, ...]:
    """Money, carbon, devices, what is served and how sure it is; without a fleet, what stands in the way."""
    if plan.fleet is None:
        return _none(plan)
    found = [_cost(plan), _carbon(plan)]
    nodes = sum(line.nodes for line in plan.nodes)
    devices = sum(line.nodes * line.devices_per_node for line in plan.nodes)
    regions = len({line.region for line in plan.nodes if line.nodes})
    most = ", at the most" if any(len(set(line.by_slot.values())) > 1 for line in plan.nodes) else ""
    found.append(Tile("Devices", f"{devices:,}", f"{count(nodes, 'node')} in {count(regions, 'region')}{most}"))
    found.append(_served(plan))
    found.append(_proof(plan))
    return tuple(one for one in found if one is not None)


def _cost(plan: Plan) -> Tile | None:
    usd = plan.accounts.get("usd_per_year")
    if usd is None:
        return None
    budget = limit_on(plan, "budget")
    note = f"{percent(1 - usd / budget)} below the {money(budget)} budget" if budget else "no budget is set"
    return Tile("Cost a year", money(usd), note)


def _carbon(plan: Plan) -> Tile | None:
    kg = plan.accounts.get("kg_co2e_per_year")
    if kg is None:
        return None
    cap = limit_on(plan, "carbon")
    limit = f", {percent(1 - kg / cap)} below the {mass(cap)} limit" if cap else ", no limit is set"
    return Tile("CO2e a year", mass(kg), f"{plain(plan.carbon_basis)} basis{limit}")


def _served(plan: Plan) -> Tile:
    served, usd = served_per_s(plan), plan.accounts.get("usd_per_year")
    slots = {flow.slot for flow in plan.flows}
    note = "at the peak"
    if len(slots) == 1 and usd is not None and served > 0:
        note = f"${number(1e6 * usd / (served * _SECONDS_A_YEAR), 3)} a million requests at full demand"
    return Tile("Served", rate(served), note)


def _proof(plan: Plan) -> Tile:
    checks = plan.verification.checks if plan.verification is not None and plan.verification.passed else None
    note = f"{checks:,} independent checks hold" if checks else "not checked"
    return Tile("Proven gap", gap(plan.gap) if plan.gap is not None else "no bound", note)


def _none(plan: Plan) -> tuple[Tile, ...]:
    found = [Tile("Fleet", "none", badge(plan))]
    if plan.conflict:
        found.append(Tile("Limits that clash", str(len(plan.conflict)), "without any one of them the rest can hold"))
    ways = [one for one in plan.repairs if one.to is not None and one.verified]
    if plan.repairs:
        found.append(
            Tile("Ways out", str(len(ways)), "each solved, priced and verified" if ways else "no single limit helps")
        )
    priced = [one.usd_per_year for one in ways if one.usd_per_year is not None]
    if priced:
        found.append(Tile("Cheapest way out", money(min(priced)), "a year"))
    if plan.gated:
        found.append(Tile("Ways of running", f"{sum(line.ways for line in plan.gated):,}", "all ruled out"))
    return tuple(found)


def holds(plan: Plan, places: Places) -> tuple[str, tuple[str, ...]]:
    """A heading and one sentence for each thing that holds the plan back, the dearest first."""
    if plan.fleet is None:
        return "What stands in the way, and the ways out", tuple(_obstacles(plan, places))
    carbon = plan.objective is not None and plan.objective.account.startswith("kg")
    found: dict[str, Binding] = {}
    for line in sorted(plan.binding, key=lambda line: _gain(line, carbon)):
        if line.resolved and line.relaxation > 0 and _gain(line, carbon) < -1.0:
            found.setdefault(line.key, line)
    if found:
        return "What holds it back", tuple(_sentence(line, places) for line in list(found.values())[:_HELD])
    full = full_limits(plan, places)[:_HELD]
    return "Limits that are used to the full", tuple(sentence(one) for one in full)


def _gain(line: Binding, carbon: bool) -> float:
    return sum((line.kg_co2e_per_year_change if carbon else line.usd_per_year_change) or (0.0, 0.0)) / 2


def _sentence(line: Binding, places: Places) -> str:
    """Every step of a limit: what it would save, and what it would do to carbon."""
    start, _, to = places.step(line.limit, line.change).partition(" -> ")
    usd = effect(line.usd_per_year_change or (0.0, 0.0), "USD", "save", "cost")
    kg = effect(line.kg_co2e_per_year_change or (0.0, 0.0), "kg", "save", "add")
    if kg.startswith("save ") and usd.startswith("save "):
        kg = kg.removeprefix("save ")
    said = [f"{usd} a year"] if usd != "no change" else []
    said += [f"{kg} CO2e"] if kg != "no change" else []
    instead = f"{to} instead of {start}" if to else start
    return sentence(f"{places.limit(line.limit)}: {instead} would {' and '.join(said)}")


def _obstacles(plan: Plan, places: Places) -> list[str]:
    said = [
        sentence(f"{places.limit(one.limit)}: {plain(one.says)}" if one.says else places.limit(one.limit))
        for one in plan.conflict
    ]
    ways = [one for one in plan.repairs if one.to is not None and one.verified]
    for one in sorted(ways, key=lambda one: one.weight if one.weight is not None else moved(one))[:_HELD]:
        cost = f" ({money(one.usd_per_year)} a year)" if one.usd_per_year is not None else ""
        said.append(f"A way out: {way_said(one, places)}{cost}.")
    if not said:
        said = [sentence(plain(f"{one.what}: {one.says}")) for one in plan.rejected[:_HELD] if one.says]
    return said
