"""The catalog: what devices, models, regions, prices and networks there are, each number with its source.

`load_catalog()` is quick: a thing's file is parsed when the thing is first asked for.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from scenarios import catalog_build
from scenarios.architecture import Model
from scenarios.catalog_files import KINDS, UserFile, read_user_files, shipped, shipped_digest, shipped_table
from scenarios.catalog_things import (
    DEFAULT_ENGINE,
    Accelerator,
    Discount,
    Efficiency,
    Instance,
    Region,
    RoundTrip,
    borrowed,
)
from scenarios.errors import Problem, ScenarioError
from scenarios.figures import Entry, Figure, Layer, nearest
from scenarios.rentals import Rentals
from scenarios.round_trips import Network

Thing = TypeVar("Thing")


class Things(Mapping[str, Thing], Generic[Thing]):
    """Name -> thing, each built when first asked for. An unknown name is a KeyError naming the nearest known one."""

    def __init__(self, kind: str, users: list[UserFile], build: Callable[[Entry, str], Thing | None]) -> None:
        self._kind = kind
        self._users = [file for file in users if file.entries(kind)]
        self._build = build
        self._built: dict[str, Thing] = {}
        self._names = dict.fromkeys((*shipped(kind), *(name for file in self._users for name in file.entries(kind))))

    def __getitem__(self, name: str) -> Thing:
        if name not in self._built:
            if name not in self._names:
                raise KeyError(f"{self._kind}: {name!r} is not in the catalog; {nearest(name, self._names)}")
            thing, entry = self.read(name)
            if thing is None:
                raise ScenarioError(entry.problems)
            self._built[name] = thing
        return self._built[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def read(self, name: str) -> tuple[Thing | None, Entry]:
        """The thing anew, with the problems and overridden keys met on the way."""
        layers = []
        if name in shipped(self._kind):
            layers.append(Layer(f"{self._kind}/{name}.toml", shipped_table(self._kind, name)))
        for file in self._users:
            if name in file.entries(self._kind):
                layers.append(file.layer(self._kind, name))
        entry = Entry(f"{self._kind}.{name}", layers, [])
        return self._build(entry, name), entry

    def read_users(self) -> tuple[list[Problem], list[str]]:
        """Builds everything that a user's file touches: what is wrong, and what it adds or overrides."""
        problems: list[Problem] = []
        overridden: list[str] = []
        for name in dict.fromkeys(name for file in self._users for name in file.entries(self._kind)):
            thing, entry = self.read(name)
            if thing is not None:
                self._built[name] = thing
            new = name not in shipped(self._kind)
            problems.extend(self._with_near_miss(name, entry.problems) if new else entry.problems)
            overridden.extend([f"{self._kind}.{name}"] if new else sorted(set(entry.overridden)))
        return problems, overridden

    def _with_near_miss(self, name: str, problems: list[Problem]) -> list[Problem]:
        """A new thing that lacks something may be a known one misspelt."""
        hint = nearest(name, shipped(self._kind))
        if not problems or not hint.startswith("did you mean"):
            return problems
        first = problems[0]
        line = next(file.lines.get(f"{self._kind}.{name}") for file in self._users if name in file.entries(self._kind))
        message = "is not in the catalog, so it is read as a new one, and that is not complete"
        return [Problem(first.file, line, f"{self._kind}.{name}", message, hint), *problems]


class Catalog:
    """Everything known about devices, models, regions, prices and networks. Not to be written to."""

    def __init__(self, files: tuple[Path, ...] = ()) -> None:
        users = read_user_files(files)
        configs = (
            file.path.parent / table["config"]
            for file in users
            for table in file.entries("models").values()
            if isinstance(table.get("config"), str)
        )
        self.files = (*files, *configs)
        """The user's files, and the published configurations that they name."""
        self.accelerators: Mapping[str, Accelerator] = Things("accelerators", users, self._accelerator)
        self.models: Mapping[str, Model] = Things("models", users, catalog_build.model)
        self.regions: Mapping[str, Region] = Things("regions", users, self._region)
        self.efficiencies: Mapping[str, Efficiency] = Things("efficiencies", users, catalog_build.efficiency)
        self._rentals = Rentals(self.accelerators)
        self._network = Network(self.regions.__getitem__)
        self.overridden: tuple[str, ...] = self._take_in(users)
        self._user_texts = tuple(file.text for file in users)

    def _take_in(self, users: list[UserFile]) -> tuple[str, ...]:
        """Reads all that the users' files say; ScenarioError with everything that is wrong."""
        problems: list[Problem] = []
        overridden: list[str] = []
        for kind in KINDS:
            found, names = getattr(self, kind).read_users()
            problems.extend(found)
            overridden.extend(names)
        for file in users:
            self._rentals.add(file, self.regions, problems)
            self._network.add(file, self.regions, problems)
        if problems:
            raise ScenarioError(problems)
        return (*overridden, *self._rentals.overridden, *self._network.overridden)

    def __deepcopy__(self, memo: dict[int, Any]) -> Catalog:
        return self

    def _accelerator(self, entry: Entry, name: str) -> Accelerator | None:
        def peers(generation: str) -> list[Accelerator]:
            found = (self.accelerators[other] for other in shipped("accelerators") if other != name)
            return [other for other in found if other.generation == generation]

        return catalog_build.accelerator(entry, name, peers)

    def _region(self, entry: Entry, name: str) -> Region | None:
        return catalog_build.region(entry, name, _hourly_shape)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything the catalog was made from."""
        digest = hashlib.sha256(shipped_digest().encode())
        for text in self._user_texts:
            digest.update(text.encode())
        return digest.hexdigest()

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """Every price row of every provider, the unusable ones too."""
        return tuple(row for provider in self._rentals.providers() for row in self._rentals.of(provider))

    def instances_in(self, region: str, accelerator: str | None = None) -> tuple[Instance, ...]:
        """Price rows of one region, of one kind of device or of all; the unusable ones too."""
        rows = self._rentals.of(region.partition("/")[0])
        return tuple(row for row in rows if row.region == region and accelerator in (None, row.accelerator))

    def efficiency(self, accelerator: str | Accelerator, engine: str = DEFAULT_ENGINE) -> Efficiency:
        """The efficiencies that hold for a device under an engine: those of its generation.

        The file of the default engine has the generation's name, any other GENERATION-ENGINE. An engine without one
        takes over the generation's, as not measured and with a wider band.
        """
        device = self.accelerators[accelerator] if isinstance(accelerator, str) else accelerator
        if device.generation not in self.efficiencies:
            message = f"there are no efficiencies of the generation {device.generation!r}"
            hint = nearest(device.generation, self.efficiencies) or "add [efficiencies.NAME] to your catalog file"
            raise ScenarioError(Problem("catalog", None, f"accelerators.{device.name}.generation", message, hint))
        own = self.efficiencies[device.generation]
        if engine in ("", DEFAULT_ENGINE, own.engine):
            return own
        if (name := f"{device.generation}-{engine}") in self.efficiencies:
            return self.efficiencies[name]
        return borrowed(own, engine)

    @cached_property
    def engines(self) -> tuple[str, ...]:
        """Engines that some generation has efficiencies for, the default first."""
        found = {one.engine for one in self.efficiencies.values()}
        return (DEFAULT_ENGINE, *sorted(found - {DEFAULT_ENGINE, ""}))

    def round_trip(self, one: str, other: str) -> RoundTrip:
        """Network time there and back between two regions, median."""
        return self._network.round_trip(one, other)

    @cached_property
    def discounts(self) -> tuple[Discount, ...]:
        """All of them: weak figures, not specific to accelerators."""
        found: list[Discount] = []
        for provider in shipped("discounts"):
            for row in shipped_table("discounts", provider)["discounts"]:
                entry = Entry(f"discounts.{provider}", [Layer(f"discounts/{provider}.toml", row)], [])
                one = catalog_build.discount(entry, provider)
                if one is None:
                    raise ScenarioError(entry.problems)
                found.append(one)
        return tuple(found)

    @property
    def reserved_discounts(self) -> tuple[Discount, ...]:
        """Off the on-demand price for a commitment."""
        return tuple(discount for discount in self.discounts if discount.kind == "reserved")


def _hourly_shape(zone: str) -> Figure | None:
    if zone not in shipped("grids"):
        return None
    entry = Entry(f"grids.{zone}", [Layer(f"grids/{zone}.toml", shipped_table("grids", zone))], [])
    entry.numbers("hourly_shape", catalog_build.INTENSITY, 24, required=True)
    return entry.figures["hourly_shape"]


@functools.cache
def _shipped_catalog() -> Catalog:
    return Catalog()


def load_catalog(files: tuple[Path, ...] = ()) -> Catalog:
    """The shipped catalog, with the user's TOML files over it, later ones over earlier ones.

    Raises ScenarioError with every problem in any of the files.
    """
    return Catalog(tuple(Path(file) for file in files)) if files else _shipped_catalog()
