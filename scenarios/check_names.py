"""Whether every name in a scenario exists, with the nearest one when it does not.

Reads the mapping as it was written, so that names are checked even where something else in the same part is wrong.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from scenarios.errors import Way

if TYPE_CHECKING:
    from scenarios.catalog import Catalog

Path = tuple[str | int, ...]


class Finding(NamedTuple):
    """Something wrong at one place of a scenario."""

    path: Path
    message: str
    hint: str = ""
    ways: tuple[Way, ...] = ()


def nearest(name: str, known: Collection[str]) -> str:
    """A hint: the nearest known name, else all of them if they are few, else a few of the near ones."""
    lower = {item.lower(): item for item in known}
    close = difflib.get_close_matches(name.lower(), lower, n=2, cutoff=0.6)
    if not close:
        # A short name inside a longer one ("h100" for "h100-sxm") is far by edit distance, yet plainly meant.
        # So is a country's code of two letters, which begins that of three.
        short = name.lower()
        inside = [item for item in lower if item.startswith(short) or (len(short) > 2 and short in item)]
        close = sorted(inside, key=len)[:2]
    if close:
        return "did you mean " + " or ".join(f'"{lower[item]}"' for item in close) + "?"
    if len(known) <= 8:
        return "there is " + ", ".join(sorted(known)) if known else "there is none"
    return "there is " + ", ".join(sorted(known)[:6]) + f" and {len(known) - 6} more"


def unknown_names(written: Mapping[str, Any], catalog: Catalog) -> Iterator[Finding]:
    """Every origin, region, model, accelerator, instance type and country that does not exist."""
    yield from _origins(written, catalog)
    yield from _workloads(written, catalog)
    yield from _regions(written, catalog)
    for index, name in enumerate(_items(written.get("accelerators"))):
        yield from _unknown(("accelerators", index), name, "accelerator", catalog.accelerators)
    yield from _procurement(_mapping(written.get("procurement")), written, catalog)


def _origins(written: Mapping[str, Any], catalog: Catalog) -> Iterator[Finding]:
    for origin, entry in _mapping(written.get("origins")).items():
        near, country = _mapping(entry).get("near"), _mapping(entry).get("country")
        yield from _unknown(("origins", origin, "near"), near, "region", catalog.regions)
        if isinstance(country, str) and not (len(country) == 3 and country.isalpha() and country.isupper()):
            hint = nearest(country, _countries(catalog)) if country else "write, for example, USA"
            yield Finding(("origins", origin, "country"), f'"{country}" is not a country of three letters', hint)


def _workloads(written: Mapping[str, Any], catalog: Catalog) -> Iterator[Finding]:
    origins = _mapping(written.get("origins"))
    for name, entry in _mapping(written.get("workloads")).items():
        workload, where = _mapping(entry), ("workloads", name)
        yield from _unknown((*where, "model"), workload.get("model"), "model", catalog.models)
        yield from _unknown((*where, "engine"), workload.get("engine"), "engine", catalog.engines)
        for source in _mapping(workload.get("demand")):
            yield from _unknown((*where, "demand", source), source, "origin", origins, "declared under origins")
        residency = workload.get("residency")
        by_origin: Mapping[str | None, Any] = residency if isinstance(residency, Mapping) else {None: residency}
        for origin, allowed in by_origin.items():
            at: Path = (*where, "residency")
            if origin is not None:
                at = (*at, origin)
                yield from _unknown(at, origin, "origin", _mapping(workload.get("demand")), "in this workload's demand")
            for index, place in enumerate(_items(allowed)):
                if place not in catalog.regions:
                    places = _countries(catalog) | set(catalog.regions)
                    yield from _unknown((*at, index), place, "region or country", places)


def _regions(written: Mapping[str, Any], catalog: Catalog) -> Iterator[Finding]:
    for name, entry in _mapping(written.get("regions")).items():
        yield from _unknown(("regions", name), name, "region", catalog.regions)
        for accelerator in _mapping(_mapping(entry).get("quota")):
            at = ("regions", name, "quota", accelerator)
            yield from _unknown(at, accelerator, "accelerator", catalog.accelerators)


def _procurement(ways: Mapping[str, Any], written: Mapping[str, Any], catalog: Catalog) -> Iterator[Finding]:
    owned = _mapping(ways.get("owned"))
    for index, name in enumerate(_items(owned.get("accelerators"))):
        at: Path = ("procurement", "owned", "accelerators", index)
        yield from _unknown(at, name, "accelerator", catalog.accelerators)
    for key in ("prices", "devices_per_node"):
        for name in _mapping(owned.get(key)):
            yield from _unknown(("procurement", "owned", key, name), name, "accelerator", catalog.accelerators)
    regions = _mapping(written.get("regions"))
    for way in ("on_demand", "reserved"):
        for region, prices in _mapping(_mapping(ways.get(way)).get("prices")).items():
            at = ("procurement", way, "prices", region)
            yield from _unknown(at, region, "region", regions, "listed under regions")
            known = {instance.name for instance in catalog.instances if instance.region == region}
            where = f"in {region}; a catalog file can add it"
            for name in _mapping(prices) if region in catalog.regions else ():
                yield from _unknown((*at, name), name, "instance type", known, where)
    availability = _mapping(_mapping(ways.get("spot")).get("availability"))
    instances = {instance.name for instance in catalog.instances if instance.region in regions} if availability else ()
    for name in availability:
        if name != "*":
            at = ("procurement", "spot", "availability", name)
            yield from _unknown(at, name, "instance type", instances, "in the regions listed")


def _unknown(
    path: Path, name: object, kind: str, known: Collection[str], where: str = "in the catalog"
) -> Iterator[Finding]:
    if isinstance(name, str) and name not in known:
        yield Finding(path, f'there is no {kind} "{name}" {where}', nearest(name, known))


def _countries(catalog: Catalog) -> set[str]:
    return {region.country for region in catalog.regions.values()}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: object) -> Iterable[object]:
    return value if isinstance(value, (list, tuple, set, frozenset)) else ()
