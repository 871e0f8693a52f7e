"""Lists for the command line: walls, shipped scenarios, and what the catalog holds."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.content import Bullets, Content, Paragraph, Section, Table, columns
from reports.problems import wrong_flag
from reports.words import UNKNOWN, count, number, spoken

if TYPE_CHECKING:
    from physics.wall import Wall
    from scenarios import Catalog

_TITLES = {"shape": "shapes", "gate": "gates", "charge": "charges", "rows": "rows", "question": "asks"}


def walls() -> tuple[Content, list[dict[str, Any]]]:
    """All 22 walls, and what each does to a fleet already."""
    from physics import WALLS

    rows = tuple(
        (
            str(wall.number),
            spoken(wall.name),
            wall.domain,
            wall.question,
            ", ".join(_TITLES[act] for act in wall.acts) or "equation only",
        )
        for wall in WALLS
    )
    acting = sum(bool(wall.acts) for wall in WALLS)
    headline = f"{count(len(WALLS), 'wall')}, of which {acting} act on a fleet today; the others are equations to ask."
    table = Table(columns(">", "wall", "domain?", "question", "acts"), rows)
    legend = Bullets(tuple(f"{_TITLES[act]}: {says}" for act, says in _MEANS.items()))
    content = Content(
        "The walls",
        headline,
        "plain",
        (Section("walls", "Walls", (table,)), Section("acts", "What acting means", (legend,))),
    )
    return content, [wall_data(wall) for wall in WALLS]


_MEANS = {
    "shape": "sets time, memory, throughput or power of every way of running",
    "gate": "rules ways of running out, and says by how much",
    "charge": "adds to a bill: money, carbon, energy, water",
    "rows": "limits the fleet as a whole",
    "question": "asks the whole program again with something moved",
}


def wall(asked: str) -> tuple[Content, dict[str, Any]]:
    """One wall: its equation, what it does in a fleet, its sources."""
    from physics import WALLS

    name = asked.strip().lower().replace(" ", "_").replace("-", "_")
    found = next((one for one in WALLS if name in (one.name.lower(), str(one.number))), None)
    if found is None:
        near = difflib.get_close_matches(name, [one.name for one in WALLS], n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`argosy walls` lists all 22"
        raise wrong_flag("WALL", f'there is no wall "{asked}"', hint)
    sections = [
        Section("equation", "Equation", (Paragraph(found.equation),)),
        Section(
            "fleet",
            "In a fleet",
            (Paragraph(found.in_fleet), Bullets(tuple(f"{_TITLES[act]}: {_MEANS[act]}" for act in found.acts))),
        ),
        Section("sources", "Sources", (Bullets(tuple(found.sources)),)),
    ]
    title = f"Wall {found.number}: {spoken(found.name)} ({found.domain})"
    return Content(title, found.question, "plain", tuple(sections)), wall_data(found)


def wall_data(found: Wall) -> dict[str, Any]:
    """A wall as plain data."""
    keys = ("number", "name", "domain", "question", "equation", "in_fleet", "sources", "acts")
    return {key: getattr(found, key) for key in keys}


def shipped() -> tuple[Content, list[dict[str, str]]]:
    """The scenarios that come with argosy."""
    import scenarios

    found = [{"name": name, "title": scenarios.load(name).title} for name in scenarios.names()]
    table = Table(columns("name", "what it asks"), tuple((one["name"], one["title"]) for one in found))
    headline = f"{count(len(found), 'scenario')} to solve by name: argosy solve {found[0]['name']}"
    return Content("Shipped scenarios", headline, "plain", (Section("scenarios", "Scenarios", (table,)),)), found


def catalog(kind: str, words: str, files: tuple[str, ...]) -> tuple[Content, list[dict[str, Any]]]:
    """What the catalog holds of one kind, where every word of the filter occurs."""
    import scenarios

    held = scenarios.load_catalog(tuple(Path(name) for name in files))
    items, headings, row = _KINDS[kind](held)
    wanted = words.lower().split()
    pairs = [(item, row(item)) for item in items]
    kept = [(item, cells) for item, cells in pairs if all(word in " ".join(cells).lower() for word in wanted)]
    asked = f' with "{words}"' if words else ""
    headline = f"{len(kept):,} {kind}{asked} of {len(pairs):,} in the catalog."
    parts: tuple[Any, ...] = (Table(headings, tuple(cells for _, cells in kept)),) if kept else ()
    content = Content(f"Catalog: {kind}", headline, "plain", (Section(kind, kind, parts),) if parts else ())
    return content, [_data(item) for item, _ in kept]


def _data(item: Any) -> dict[str, Any]:
    return dataclasses.asdict(item)


_Kind = tuple[Iterable[Any], tuple[Any, ...], Callable[[Any], tuple[str, ...]]]


def _maybe(value: float | None, factor: float = 1.0, digits: int = 4, before: str = "") -> str:
    return UNKNOWN if value is None else f"{before}{number(value / factor, digits)}"


def _accelerators(held: Catalog) -> _Kind:
    def row(one: Any) -> tuple[str, ...]:
        return (
            one.name,
            str(one.year),
            str(one.devices_per_node),
            number(one.hbm_bytes / 1e9, 4),
            number(one.hbm_bytes_per_s / 1e12, 3),
            _maybe(one.peak_flop_per_s.get("bf16") or one.peak_flop_per_s.get("fp16"), 1e12),
            " ".join(name for name in one.peak_flop_per_s),
            number(one.tdp_w, 4),
            _maybe(one.purchase_usd, before="$", digits=5),
            _maybe(one.embodied_kg),
        )

    headings = columns(
        "name",
        ">year??",
        ">a node",
        ">GB",
        ">TB/s",
        ">16-bit TFLOP/s?",
        "native????",
        ">W",
        ">to buy",
        ">embodied kg???",
    )
    return (held.accelerators[name] for name in held.accelerators), headings, row


def _models(held: Catalog) -> _Kind:
    def row(one: Any) -> tuple[str, ...]:
        return (
            one.name,
            one.kind,
            number(one.params_total / 1e9, 4),
            number(one.params_active / 1e9, 4),
            str(one.layers),
            number(one.kv_elements_per_token * 2 / 1e3, 4),
            f"{one.context_tokens:,}",
        )

    headings = columns(
        "name", "kind", ">10^9 parameters", ">active", ">layers?", ">KV kB a token, 16 bit??", ">context"
    )
    return (held.models[name] for name in held.models), headings, row


def _regions(held: Catalog) -> _Kind:
    def row(one: Any) -> tuple[str, ...]:
        direct, whole = one.carbon_kg_per_kwh.get("direct"), one.carbon_kg_per_kwh.get("lifecycle")
        return (
            one.id,
            one.city,
            one.country,
            _maybe(direct, 1e-3, 3),
            _maybe(whole, 1e-3, 3),
            number(one.pue, 3),
            _maybe(one.wue_l_per_kwh, digits=3),
            _maybe(one.electricity_usd_per_kwh, digits=3, before="$"),
        )

    headings = columns("region", "city", "country??", ">g/kWh direct", ">lifecycle?", ">PUE?", ">l/kWh???", ">a kWh")
    return (held.regions[name] for name in held.regions), headings, row


def _prices(held: Catalog) -> _Kind:
    def row(one: Any) -> tuple[str, ...]:
        return (
            f"{one.provider} {one.name}",
            one.region,
            f"{one.devices} {one.accelerator}",
            _maybe(one.on_demand_usd_per_h, before="$"),
            _maybe(one.spot_usd_per_h, before="$"),
            one.date,
            one.unusable or "yes",
        )

    return held.instances, columns("instance", "region", "devices", ">on demand/h", ">spot/h?", "date??", "usable"), row


_KINDS: dict[str, Callable[[Any], _Kind]] = {
    "accelerators": _accelerators,
    "models": _models,
    "regions": _regions,
    "prices": _prices,
}
