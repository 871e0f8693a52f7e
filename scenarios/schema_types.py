"""The kinds of value a scenario's keys take: people's units in, SI floats out, each with what an editor checks."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, WithJsonSchema

from scenarios import units
from scenarios.errors import BadValue
from scenarios.quantity import Quantity, show

Precision = Literal["bf16", "fp16", "fp8", "int8", "fp4", "int4"]
KvPrecision = Literal["bf16", "fp8"]
Account = Literal["cost", "carbon", "energy", "water", "devices"]
Basis = Literal["direct", "lifecycle"]


class Part(BaseModel):
    """A piece of a scenario. Frozen; a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Named(Part):
    """A piece that is called by its key in the mapping above it."""

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """The key under which it stands in the file."""
        return self._name


def name_parts(parts: dict[str, Any]) -> dict[str, Any]:
    """Tell each part of a mapping what it is called."""
    for key, part in parts.items():
        if not key.strip():
            raise BadValue("a name is empty", "give each a name before its colon")
        part._name = key
    return parts


def given(default: float, text: str, alias: str | None = None) -> Any:
    """A field with a default in SI, shown to people as `text`."""
    return Field(default=default, alias=alias, json_schema_extra={"default": text})


def some(what: str) -> AfterValidator:
    """At least one entry."""

    def check(value: Any) -> Any:
        if not value:
            raise BadValue("is empty", f"give at least one {what}")
        return value

    return AfterValidator(check)


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """No value twice."""
    for index, value in enumerate(values):
        if value in values[:index]:
            raise BadValue(f"{show(value)} stands here twice", "delete one of them")
    return values


def _positive(value: float) -> float:
    if value == 0:
        raise BadValue("0 is not possible here", "it must be more than 0")
    return value


def _confident(value: float) -> float:
    if not 0.5 <= value <= 0.999:
        why = "below one half it would be hope" if value < 0.5 else "no band is known that far out"
        raise BadValue(f"{value:g} is not a confidence to plan with: {why}", "from 0.5 to 0.999, for example 0.9")
    return value


def _whole(least: int, most: int) -> tuple[BeforeValidator, WithJsonSchema]:
    """A whole number within bounds, for the reader and for editors."""

    def parse(value: object) -> int:
        number = units.parse_count(value, most)
        if number < least:
            raise BadValue(f"{show(value)} is too small", f"it must be at least {least}")
        return number

    return BeforeValidator(parse), WithJsonSchema({"type": "integer", "minimum": least, "maximum": most})


def _quantity(quantity: Quantity) -> tuple[BeforeValidator, WithJsonSchema]:
    return BeforeValidator(quantity.parse), WithJsonSchema(quantity.json_schema())


Text = Annotated[str, AfterValidator(str.strip)]
Seconds = Annotated[float, *_quantity(units.TIME)]
PositiveSeconds = Annotated[float, *_quantity(units.TIME), AfterValidator(_positive)]
Years = Annotated[float, *_quantity(units.YEARS)]
Hours = Annotated[float, *_quantity(units.HOURS), AfterValidator(_positive)]
HoursPerYear = Annotated[float, *_quantity(units.HOURS_A_YEAR), AfterValidator(_positive)]
HourOfDay = Annotated[float, *_quantity(units.HOUR_OF_DAY), AfterValidator(lambda hour: hour % 24)]
UsdPerYear = Annotated[float, *_quantity(units.MONEY_PER_YEAR)]
PositiveUsdPerYear = Annotated[float, *_quantity(units.MONEY_PER_YEAR), AfterValidator(_positive)]
UsdPerDevice = Annotated[float, *_quantity(units.PRICE)]
UsdPerNode = Annotated[float, *_quantity(units.ONE_OFF)]
UsdPerHour = Annotated[float, *_quantity(units.PRICE_PER_HOUR)]
UsdPerKwh = Annotated[float, *_quantity(units.PRICE_PER_KWH)]
UsdPerKg = Annotated[float, *_quantity(units.PRICE_PER_KG)]
KgPerYear = Annotated[float, *_quantity(units.MASS_PER_YEAR), AfterValidator(_positive)]
LitresPerYear = Annotated[float, *_quantity(units.WATER_PER_YEAR), AfterValidator(_positive)]
KwhPerYear = Annotated[float, *_quantity(units.ENERGY_PER_YEAR), AfterValidator(_positive)]
KgPerKwh = Annotated[float, *_quantity(units.CARBON_INTENSITY)]
LitresPerKwh = Annotated[float, *_quantity(units.WATER_INTENSITY)]
Watts = Annotated[float, *_quantity(units.POWER), AfterValidator(_positive)]
Fraction = Annotated[float, *_quantity(units.FRACTION)]
PositiveRate = Annotated[float, *_quantity(units.RATE), AfterValidator(_positive)]
PositiveFraction = Annotated[float, *_quantity(units.FRACTION), AfterValidator(_positive)]
Confidence = Annotated[float, *_quantity(units.FRACTION), AfterValidator(_confident)]
Ratio = Annotated[float, *_quantity(units.RATIO)]
Growth = Annotated[float, *_quantity(units.GROWTH)]
Multiplier = Annotated[float, *_quantity(units.MULTIPLIER)]
Nodes = Annotated[int, *_whole(0, units.MOST_NODES)]
SpareNodes = Annotated[int, *_whole(0, units.MOST_SPARE_NODES)]
PositiveNodes = Annotated[int, *_whole(1, units.MOST_NODES)]
DevicesPerNode = Annotated[int, *_whole(1, units.MOST_DEVICES_PER_NODE)]
Regions = Annotated[int, *_whole(1, units.MOST_REGIONS)]
Tokens = Annotated[int, *_whole(0, units.MOST_TOKENS)]
PositiveTokens = Annotated[int, *_whole(1, units.MOST_TOKENS)]
Size = Annotated[int, *_whole(1, units.LARGEST_BATCH)]
"""Of a batch, or of a parallel group."""
Threads = Annotated[int, *_whole(1, units.MOST_THREADS)]
Seed = Annotated[int, *_whole(0, 2**31 - 1)]


def _quota(value: object) -> int | str:
    if isinstance(value, str) and not value.strip()[:1].isdigit():
        if value in ("unlimited", "unknown"):
            return value
        raise BadValue(f"{show(value)} is not a quota", 'write a number of devices, "unlimited" or "unknown"')
    return units.parse_count(value, units.MOST_DEVICES)


Quota = Annotated[
    int | Literal["unlimited", "unknown"],
    BeforeValidator(_quota),
    WithJsonSchema({
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": units.MOST_DEVICES},
                {"enum": ["unlimited", "unknown"]},
            ]
        }),
]


MOST_PERCENTILE = 99.999
"""Beyond it the law of the first tokens is not exact."""


def parse_percentile(value: object) -> float:
    """Of 100, written 99, "P99" or "99%"."""
    text = str(value).strip().upper().removeprefix("P").removesuffix("%")
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if isinstance(value, bool) or not 0 < number < 100:
        raise BadValue(f"{show(value)} is not a percentile", "write a number between 1 and 100, such as 99")
    if number > MOST_PERCENTILE:
        raise BadValue(f"{show(value)} is beyond what can be told of a tail", f"at most {MOST_PERCENTILE:g}")
    if number < 1:
        meant = f"{number * 100:g}"
        raise BadValue(f"{show(value)} is below the first percentile", f"write {meant} for P{meant}")
    return number


def mean_or_percentile(value: object) -> float | str:
    if value == "mean":
        return value
    try:
        return parse_percentile(value)
    except BadValue as error:
        hint = f"write mean, or {error.hint.removeprefix('write ')}"
        raise BadValue(f"{show(value)} is neither mean nor a percentile", hint) from error


_PERCENTILE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 1, "maximum": MOST_PERCENTILE},
        {"type": "string", "pattern": r"^[Pp][0-9]+(\.[0-9]+)?$"},
    ]
}
Percentile = Annotated[float, BeforeValidator(parse_percentile), WithJsonSchema(_PERCENTILE_SCHEMA)]
MeanOrPercentile = Annotated[
    float | Literal["mean"],
    BeforeValidator(mean_or_percentile),
    WithJsonSchema({"anyOf": [*_PERCENTILE_SCHEMA["anyOf"], {"const": "mean"}]}),
]


def on_or_off(value: object) -> object:
    """`true` stands for "offered, with all defaults", `false` for leaving the key out."""
    if isinstance(value, bool):
        return {} if value else None
    return value


def one_word(key: str, allowed: tuple[str, ...]) -> Callable[[object], object]:
    """A word alone stands for a mapping with that word under `key`."""

    def expand(value: object) -> object:
        if not isinstance(value, str):
            return value
        if value not in allowed:
            near = difflib.get_close_matches(value.lower(), allowed, n=1, cutoff=0.5)
            hint = f'did you mean "{near[0]}"?' if near else ""
            raise BadValue(f"{show(value)} is not possible here: one of {', '.join(allowed)}", hint)
        return {key: value}

    return expand
