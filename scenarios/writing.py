"""A scenario's values in words, in the units in which a person writes them: `300 g/kWh`, not 0.3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, BeforeValidator

from scenarios import schema_demand, schema_ranges, schema_types, units
from scenarios.quantity import Quantity, digits
from scenarios.replacing import annotated

Write = Callable[[float], str]
_MOST_SHOWN = 6
_LONGEST = 160


def _percentile(value: float) -> str:
    return f"P{value:g}"


# Values that are not read by a quantity itself.
_BY_READER: dict[Any, Write] = {
    schema_types.parse_percentile: _percentile,
    schema_types.mean_or_percentile: _percentile,
    schema_demand.parse_demand: units.RATE.write,
    schema_ranges.parse_factor: units.RATIO.write,
}


def quantity_of(kind: Any) -> Quantity | None:
    """The quantity as which values of a type are read; None for a count, a name or a part."""
    read = (getattr(one.func, "__self__", None) for one in _readers(kind))
    return next((one for one in read if isinstance(one, Quantity)), None)


def words(value: Any, kind: Any) -> str:
    """A value of a type in words.

    >>> words(0.3, schema_types.KgPerKwh), words({"fp8": 0.02}, dict[str, schema_types.Fraction]), words(None, None)
    ('300 g/kWh', 'fp8 2 %', 'not set')
    """
    text = _words(value, _write(kind))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4] + " ..."


def _words(value: Any, write: Write) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:,}" if isinstance(value, int) and write is digits else write(value)
    if isinstance(value, BaseModel):
        return _part(value)
    if isinstance(value, dict):
        return _mapping(value, write)
    if isinstance(value, (tuple, list, frozenset)):
        items = sorted(value) if isinstance(value, frozenset) else list(value)
        if all(isinstance(item, float) and item == items[0] for item in items):
            items = items[:1]  # one rate for every slot
        return _joined([_words(item, write) for item in items])
    return str(value)


def _mapping(value: dict[Any, Any], write: Write) -> str:
    if list(value) == ["*"]:
        return _words(value["*"], write)
    said = [(str(key), _words(item, write)) for key, item in value.items()]
    between = ": " if any(", " in text for _, text in said) else " "
    return _joined([key + between + text for key, text in said])


def _part(part: BaseModel) -> str:
    """The keys of a part that differ from their defaults, in the file's words; the first of all where none does."""
    fields = [(name, field, getattr(part, name)) for name, field in type(part).model_fields.items()]
    kept = [(name, field, value) for name, field, value in fields if value is not None]
    others = [one for one in kept if one[1].is_required() or one[2] != one[1].get_default(call_default_factory=True)]
    return ", ".join(
        f"{field.alias or name} {words(value, annotated(field))}" for name, field, value in others or kept[:1]
    )


def _joined(said: list[str]) -> str:
    """The first few, between commas, or between semicolons where there are commas in them."""
    between = "; " if any(", " in text for text in said) else ", "
    return between.join(said[:_MOST_SHOWN]) + (" ..." if len(said) > _MOST_SHOWN else "") or "none"


def _write(kind: Any) -> Write:
    """How numbers of a type are written."""
    quantity = quantity_of(kind)
    if quantity is not None:
        return quantity.write
    return next((_BY_READER[one.func] for one in _readers(kind) if one.func in _BY_READER), digits)


def _readers(kind: Any) -> Iterator[Any]:
    """Every reader in a type, the outermost first; not those of the parts in it."""
    if get_origin(kind) is Annotated:
        inner, *said = get_args(kind)
        yield from (one for one in said if isinstance(one, BeforeValidator))
        yield from _readers(inner)
    else:
        for one in get_args(kind):
            yield from _readers(one)
