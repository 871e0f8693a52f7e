"""Prices of rented machines: the shipped lists by provider, and the user's rows over them."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from scenarios import units
from scenarios.catalog_files import UserFile, shipped, shipped_table
from scenarios.catalog_things import Instance
from scenarios.errors import Problem
from scenarios.figures import Entry, Layer, nearest


@functools.cache
def shipped_instances(provider: str) -> tuple[Instance, ...]:
    """One provider's shipped price list; empty for a provider that has none."""
    if provider not in shipped("prices"):
        return ()
    table = shipped_table("prices", provider)
    found: list[Instance] = []
    for machine in table["instances"]:
        source = table["sources"][machine["source"]]
        found.extend(_instance(provider, machine, row, source) for row in machine["prices"])
    return tuple(found)


def _instance(provider: str, machine: dict[str, Any], row: dict[str, Any], source: dict[str, Any]) -> Instance:
    return Instance(
        provider=provider, name=machine["name"], accelerator=machine["accelerator"], devices=machine["devices"],
        region=f"{provider}/{row['region']}", on_demand_usd_per_h=_dollars(row.get("on_demand")),
        spot_usd_per_h=_dollars(row.get("spot")), source=source["source"], date=source["date"],
        confidence=source["confidence"], note=row.get("note", ""), unusable=row.get("unusable", ""),
    )  # fmt: skip


def _dollars(price: float | None) -> float | None:
    return None if price is None else float(price)


class Rentals:
    """All price rows of one catalog. A provider's list is read when it is first asked for."""

    def __init__(self, accelerators: Collection[str]) -> None:
        self._accelerators = accelerators
        self._by_user: dict[tuple[str, str], Instance] = {}
        self.overridden: list[str] = []
        self._cache: dict[str, tuple[Instance, ...]] = {}

    def providers(self) -> tuple[str, ...]:
        """Every provider with a price."""
        return tuple(sorted({*shipped("prices"), *(row.provider for row in self._by_user.values())}))

    def of(self, provider: str) -> tuple[Instance, ...]:
        """One provider's rows, the user's over the shipped ones."""
        if provider not in self._cache:
            rows = {(row.region, row.name): row for row in shipped_instances(provider)}
            rows |= {key: row for key, row in self._by_user.items() if row.provider == provider}
            self._cache[provider] = tuple(self._checked(row) for row in rows.values())
        return self._cache[provider]

    def _checked(self, row: Instance) -> Instance:
        if row.unusable or row.accelerator in self._accelerators:
            return row
        return replace(row, unusable=f"{row.accelerator} is not described in the catalog: add it to use this price")

    def add(self, file: UserFile, regions: Collection[str], problems: list[Problem]) -> None:
        """Takes in the [[prices]] of a user's file."""
        for index, table in enumerate(file.rows("prices")):
            entry = Entry(f"prices[{index}]", [Layer(file.name, table, True, file.lines)], problems)
            row = self._row(entry, table, regions)
            if row is not None:
                self._by_user[row.region, row.name] = row
                self.overridden.append(f"prices.{row.region}.{row.name}")
                self._cache.pop(row.provider, None)

    def _row(self, entry: Entry, table: dict[str, Any], regions: Collection[str]) -> Instance | None:
        before = len(entry.problems)
        region, name = entry.text("region"), entry.text("instance")
        if region and region not in regions:
            entry.problem("region", f"{region!r} is not in the catalog", nearest(region, regions))
        provider = region.partition("/")[0]
        old = next((row for row in self.of(provider) if (row.region, row.name) == (region, name)), None)
        kind = entry.text("accelerator", None if old is None else old.accelerator)
        if kind and kind not in self._accelerators:
            entry.problem("accelerator", f"{kind!r} is not in the catalog", nearest(kind, self._accelerators))
        devices = entry.count("devices", None if old is None else old.devices)
        on_demand = entry.figure("on_demand", units.PRICE_PER_HOUR)
        spot = entry.figure("spot", units.PRICE_PER_HOUR)
        if on_demand is None and spot is None and len(entry.problems) == before:
            entry.problem("", "has neither on_demand nor spot", 'for example on_demand = "$55.04/h"')
        figure = entry.figures.get("on_demand") or entry.figures.get("spot")
        source = table.get("source") or (figure.source if figure else "")
        date, note = entry.text("date", ""), entry.text("note", "")
        unusable = entry.text("unusable", "")
        entry.finish()
        if len(entry.problems) > before:
            return None
        if old is not None and spot is None:
            note = (note + " spot as shipped" if old.spot_usd_per_h else note).strip()
        return Instance(
            provider, name, kind, devices, region,
            on_demand if on_demand is not None or old is None else old.on_demand_usd_per_h,
            spot if spot is not None or old is None else old.spot_usd_per_h,
            str(source), date or (figure.date if figure else ""), "user", note, unusable,
        )  # fmt: skip
