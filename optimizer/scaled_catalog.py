"""A catalog with rents and efficiencies multiplied: what a question with moved inputs is asked against."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

from scenarios.catalog import Catalog
from scenarios.catalog_things import DEFAULT_ENGINE, Accelerator, Efficiency, Instance
from scenarios.inputs import Served


class ScaledCatalog(Catalog):
    """Another catalog's things, its rents times one factor and its speeds times one for each generation and engine."""

    def __init__(self, base: Catalog, rents: float, speeds: Mapping[Served, float]) -> None:
        self.__dict__.update(base.__dict__)
        for name in ("digest", "instances"):  # worked out from the prices: not the base's
            self.__dict__.pop(name, None)
        self._base, self._rents, self._speeds = base, rents, dict(speeds)
        self._rows: dict[tuple[str, str | None], tuple[Instance, ...]] = {}
        said = [f"rental prices x {rents:g}"] if rents != 1.0 else []
        said += [f"efficiency of {generation} ({engine}) x {by:g}" for (generation, engine), by in self._speeds.items()]
        self.overridden = (*base.overridden, *said)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the base's digest and of the factors."""
        factors = f"{self._rents!r} {sorted(self._speeds.items())!r}"
        return hashlib.sha256(f"{self._base.digest} {factors}".encode()).hexdigest()

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """Every price row, at the multiplied prices."""
        return tuple(self._scaled(row) for row in self._base.instances)

    def instances_in(self, region: str, accelerator: str | None = None) -> tuple[Instance, ...]:
        """Price rows of one region, of one kind of device or of all, at the multiplied prices."""
        if (region, accelerator) not in self._rows:
            rows = self._base.instances_in(region, accelerator)
            self._rows[region, accelerator] = tuple(self._scaled(row) for row in rows)
        return self._rows[region, accelerator]

    def efficiency(self, accelerator: str | Accelerator, engine: str = DEFAULT_ENGINE) -> Efficiency:
        """The efficiencies that hold for a device under an engine, at the multiplied speed."""
        device = self.accelerators[accelerator] if isinstance(accelerator, str) else accelerator
        own = self._base.efficiency(device, engine)
        by = self._speeds.get((device.generation, engine), 1.0)
        return own if by == 1.0 else replace(own, speed=own.speed * by)

    def _scaled(self, row: Instance) -> Instance:
        prices = (row.on_demand_usd_per_h, row.spot_usd_per_h)
        on_demand, spot = (None if price is None else price * self._rents for price in prices)
        return replace(row, on_demand_usd_per_h=on_demand, spot_usd_per_h=spot)
