"""The scenario: everything that is asked, in one frozen object. Numbers are SI and carry their unit in their name."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from scenarios import units
from scenarios.check_names import unknown_names
from scenarios.checks import findings
from scenarios.errors import Problem, ScenarioError
from scenarios.figures import Figure
from scenarios.replacing import replaced
from scenarios.schema_demand import WHOLE_YEAR, Objective, Origin, Slot, Workload, fill_lengths
from scenarios.schema_ranges import Ranges
from scenarios.schema_repair import Repair
from scenarios.schema_supply import Failures, Limits, Planning, Procurement, RegionUse, Solver
from scenarios.schema_today import Today
from scenarios.schema_types import Account, Basis, Part, Text, distinct, name_parts, one_word, some

if TYPE_CHECKING:
    from scenarios.catalog import Catalog, Region


_MOST_ASKED_PER_S = 10 * units.MOST_PLANNED_PER_S
"""Questions about more demand go beyond what a file may ask for."""


class Scenario(Part):
    """What is asked of a fleet: the demand, where it may be served, what may be had there, and what must hold."""

    name: Annotated[Text, some("letter")]
    """Short name."""
    title: Text = ""
    """One line saying what is asked."""
    objective: Annotated[
        Objective, BeforeValidator(one_word("minimize", get_args(Account)), json_schema_input_type=Account | Objective)
    ] = Objective()
    """What is made as small as possible: an account, or the cost with a price on carbon."""
    carbon_basis: Basis = "direct"
    """`direct` counts what power stations emit, `lifecycle` also fuel supply and building them."""
    catalog_files: tuple[Text, ...] = Field(default=(), alias="catalog")
    """The user's own catalog files, relative to the scenario file."""
    slots: Annotated[tuple[Slot, ...], some("slot"), AfterValidator(fill_lengths)] = (WHOLE_YEAR,)
    """The parts of the year; one slot for the whole year when absent."""
    origins: Annotated[dict[str, Origin], some("origin"), AfterValidator(name_parts)]
    """Where requests come from."""
    workloads: Annotated[dict[str, Workload], some("workload"), AfterValidator(name_parts)]
    """What is to be served."""
    regions: Annotated[dict[str, RegionUse], some("region"), AfterValidator(name_parts)]
    """Where it may be served."""
    accelerators: Annotated[tuple[Text, ...], some("accelerator"), AfterValidator(distinct)]
    """Which accelerators may be used."""
    procurement: Procurement
    """How nodes may be had."""
    limits: Limits = Limits()
    """Limits on the whole fleet."""
    failures: Failures = Failures()
    """Losses to survive."""
    planning: Planning = Planning()
    """A planner's allowances."""
    today: Today | None = None
    """What is owned or committed to now; nothing when absent."""
    ranges: Ranges = Field(default_factory=dict)
    """How far inputs may lie from what stands here, as parts of it: `argosy robust` draws from them."""
    repair: Repair = Repair()
    """What `argosy repair` may move or add where nothing fits, and how much each counts."""
    solver: Solver = Solver()
    """When the solver stops."""

    _catalog: Any = PrivateAttr(default=None)
    _source: str = PrivateAttr(default="<mapping>")
    _files: tuple[Path, ...] = PrivateAttr(default=())

    @property
    def catalog(self) -> Catalog:
        """The catalog that the scenario was read with."""
        if self._catalog is None:
            raise ScenarioError(Problem(self._source, None, "", "read without a catalog", "use scenarios.from_mapping"))
        return self._catalog

    @property
    def source(self) -> str:
        """The file, or the name of the shipped scenario."""
        return self._source

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that it was read from: its own, catalogs, configurations of models, traces, measurements."""
        return self._files

    @property
    def digest(self) -> str:
        """SHA-256 of the scenario's content, whatever its layout and comments."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def region(self, region_id: str) -> Region:
        """The catalog's region with the scenario's own figures put in."""
        region, use = self.catalog.regions[region_id], self.regions[region_id]
        given = {
            "pue": ("pue", "1", use.pue),
            "electricity": ("electricity_usd_per_kwh", "USD/kWh", use.electricity_usd_per_kwh),
            "wue": ("wue_l_per_kwh", "L/kWh", use.wue_l_per_kwh),
        }
        own: dict[str, Any] = {attribute: value for attribute, _, value in given.values() if value is not None}
        own["carbon_kg_per_kwh"] = {**region.carbon_kg_per_kwh, **use.carbon_kg_per_kwh}
        units = {key: (unit, value) for key, (_, unit, value) in given.items() if value is not None}
        units |= {f"carbon.{basis}": ("kg/kWh", value) for basis, value in use.carbon_kg_per_kwh.items()}
        figures = {key: Figure(value, unit, value, self._source, "", "user") for key, (unit, value) in units.items()}
        return dataclasses.replace(region, **own, figures={**region.figures, **figures}) if figures else region

    def replace(self, path: str, value: object) -> Scenario:
        """A copy with one value changed, checked as a file is.

        The path is dotted; a piece is an attribute (then the value is in SI) or the file's key (then in people's units,
        as is every text). `scenario.replace("limits.budget", "$4M/yr")`.
        """
        copy = replaced(self, path, value, context={"slots": len(self.slots)}, source=self._source)
        written = copy.model_dump(by_alias=True)
        wrong = findings(copy, written, self.catalog, _MOST_ASKED_PER_S)
        problems = [
            Problem(self._source, None, ".".join(map(str, found.path)), found.message, found.hint, found.ways)
            for found in (*unknown_names(written, self.catalog), *wrong)
        ]
        if problems:
            raise ScenarioError(problems)
        return copy
