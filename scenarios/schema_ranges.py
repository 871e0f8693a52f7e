"""How far each input may lie from what the scenario says: `ranges`, for robust planning.

A range is a pair of factors on today's figure, "80% to 130%". Under the name of a kind ("demand", "purchase prices") it
moves all inputs of the kind together, under an input's own name ("demand of chat") that one alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema

from scenarios import units
from scenarios.check_names import Finding, nearest
from scenarios.errors import BadValue
from scenarios.inputs import KINDS, Input, inputs
from scenarios.quantity import UnitError, show
from scenarios.schema_types import Part, given

if TYPE_CHECKING:
    from scenarios.catalog import Catalog
    from scenarios.schema import Scenario

MOST = 20.0
"""The largest factor: beyond it a percent sign was forgotten."""
MEASURED = "measured"
_EXAMPLE = 'for example "80% to 130%"'
_APART = re.compile(r"\.\.\.?|\bto\b|–")


def parse_factor(value: object) -> float:
    try:
        factor = units.parse_ratio(value)
    except UnitError as error:
        raise BadValue(f"{show(value)} is not a part of today's figure", _EXAMPLE) from error
    if not 0 < factor <= MOST:
        bare = factor > 0 and not (isinstance(value, str) and value.strip().endswith("%"))
        hint = f"write {factor:g}% if that is meant" if bare else _EXAMPLE
        raise BadValue(f"{show(value)} is no factor to plan for: above 0 and at most {MOST:.0%}", hint)
    return factor


Factor = Annotated[float, BeforeValidator(parse_factor), WithJsonSchema(units.RATIO.json_schema())]


class Range(Part):
    """Between which parts of today's figure an input may lie: `80% to 130%`, `measured`, or these keys."""

    low: Factor = given(1.0, "100%")
    """The least, as a part of today's figure: 80%."""
    high: Factor = given(1.0, "100%")
    """The most."""
    shape: Literal["uniform", "triangular", "measured"] = "uniform"
    """`uniform`: every value is as likely; `triangular`: today's is the most likely one; `measured`, of an efficiency:
    as measured and predicted times differ, each generation of devices on its own."""
    apart: bool = False
    """Under the name of a kind: whether each of its inputs moves on its own."""


def parse_range(value: Any) -> Any:
    """The text forms as a mapping; and what no single key can tell."""
    if value == MEASURED:
        return {"shape": MEASURED}
    if isinstance(value, str):
        ends = [part.strip() for part in _APART.split(value)]
        if len(ends) != 2:
            hint = _EXAMPLE + (", or measured" if "meas" in value.lower() else "")
            raise BadValue(f"{show(value)} is not a range", hint)
        value = {"low": parse_factor(ends[0]), "high": parse_factor(ends[1])}
    if not isinstance(value, dict):
        if isinstance(value, Range):
            return value
        raise BadValue(f"{show(value)} is not a range", _EXAMPLE)
    if value.get("shape") == MEASURED:
        if {"low", "high"} & value.keys():
            raise BadValue("has ends, but its shape is measured", "leave out low and high, or the shape")
        return value
    return _checked(value)


def _checked(value: dict[str, Any]) -> dict[str, Any]:
    lacking = [key for key in ("low", "high") if key not in value]
    if lacking and set(value) <= set(Range.model_fields):
        raise BadValue(f"has no {' and no '.join(lacking)}", _EXAMPLE)
    if not lacking:
        low, high = parse_factor(value["low"]), parse_factor(value["high"])
        if low >= high:
            raise BadValue(f"{low:.0%} to {high:.0%} is no range", "the least comes first")
        if value.get("shape") == "triangular" and not low <= 1 <= high:
            raise BadValue("today's figure is outside of the range, so it cannot be the most likely", "shape: uniform")
    return value


Ranges = dict[str, Annotated[Range, BeforeValidator(parse_range, json_schema_input_type=Range | str)]]
"""By the name of an input, or of a kind of them."""


@dataclass(frozen=True)
class Moved:
    """An input with its range, and the number of the draw that moves it; inputs of one number move together."""

    input: Input
    range: Range
    group: int


def moved_inputs(scenario: Scenario) -> list[Moved]:
    """Every input that the scenario's ranges move, in the order of the ranges."""
    found: list[Moved] = []
    number = 0
    for name, asked in scenario.ranges.items():
        mine = _meant(name, inputs(scenario))
        together = asked.shape != MEASURED and not asked.apart  # a measured band is a generation's own
        for place, one in enumerate(mine):
            found.append(Moved(one, asked, number + (0 if together else place)))
        number += 1 if together else len(mine)
    return found


def _meant(name: str, known: tuple[Input, ...]) -> list[Input]:
    """The input of this name, or all of this kind."""
    own = [one for one in known if one.name == name]
    return own or [one for one in known if one.kind == _kind(name)]


def _kind(name: str) -> str | None:
    return KINDS.get(name) or KINDS.get(name.upper() if name == "pue" else name.lower())


def range_findings(parts: Any, catalog: Catalog) -> Iterator[Finding]:
    """Names that mean nothing, inputs that are moved twice, bands where none was measured.

    parts: a whole Scenario, in which everything else is well
    """
    scenario = parts.model_copy()
    scenario._catalog = catalog
    known = inputs(scenario)
    taken: dict[str, str] = {}
    for name, asked in scenario.ranges.items():
        mine = _meant(name, known)
        if not mine:
            yield Finding(("ranges", name), *_unknown(name, known))
        for one in mine:
            if one.name in taken:
                message = f"moves the {one.name}, as {taken[one.name]} does already"
                yield Finding(("ranges", name), message, "leave one of them out")
            taken.setdefault(one.name, name)
        if asked.shape == MEASURED and any(one.kind != "efficiency" for one in mine):
            yield Finding(("ranges", name), "no band was measured of this; only efficiency has one", _EXAMPLE)


def _unknown(name: str, known: tuple[Input, ...]) -> tuple[str, str]:
    if _kind(name):
        return f"nothing in this scenario depends on {name}", "leave it out"
    names = [*(kind for kind in KINDS if _meant(kind, known)), *(one.name for one in known)]
    return f'"{name}" is no input of this scenario', nearest(name, names)
