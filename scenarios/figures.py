"""A figure of the catalog: a number with unit, source, date and confidence; and how it is read from a TOML table."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from scenarios import units
from scenarios.errors import Problem
from scenarios.quantity import Quantity, UnitError

COMPUTE = Quantity(
    "a rate of arithmetic", {"TFLOP/s": 1e12, "TOP/s": 1e12, "PFLOP/s": 1e15, "POP/s": 1e15, "GFLOP/s": 1e9},
    ("989 TFLOP/s",), bare=("TFLOP/s",), most="1,000,000 PFLOP/s",
    zero="leave the precision out where it is not native",
    extra_spellings={"TFLOPS": "TFLOP/s", "TOPS": "TOP/s", "PFLOPS": "PFLOP/s"},
)  # fmt: skip
MEMORY = Quantity(
    "an amount of memory", {"GB": 1e9, "GiB": 2.0**30, "TB": 1e12}, ("80 GB",), bare=("GB",), most="1,000,000 TB",
    zero="a device without memory serves nothing",
)  # fmt: skip
BANDWIDTH = Quantity(
    "a bandwidth", {"TB/s": 1e12, "GB/s": 1e9, "MB/s": 1e6}, ("3.35 TB/s", "450 GB/s"), bare=("GB/s",),
    most="1,000,000 TB/s",
    zero="leave it out where there is no link", extra_spellings={"Gb/s": "GB/s", "Gbps": "GB/s", "GBps": "GB/s"},
)  # fmt: skip
MASS = Quantity(
    "a mass", {"kg": 1.0, "t": 1e3}, ("164 kg",), bare=("kg",), most="1,000,000 t", zero="leave it out while unknown"
)
PARAMETERS = Quantity(
    "a number of parameters", {"1e9 parameters": 1e9, "parameters": 1.0}, ("70.6e9 parameters",), most="1e18 parameters"
)
DEGREES = Quantity("an angle in degrees", {"deg": 1.0}, ("45.5 deg",), plain=1.0)
POWER = Quantity(
    "a power", {"W": 1.0, "kW": 1e3}, ("700 W",), bare=("W",), most="100,000 kW",
    zero="every device draws power",
)  # fmt: skip
RATIO = Quantity("a ratio", {"1": 1.0, "%": 0.01}, ("0.55", "55%"), plain=1.0, most="1,000")
SECONDS = Quantity("a time", {"s": 1.0, "ms": 1e-3, "us": 1e-6}, ("20 us",), bare=("us",), most="100 s")
INTENSITY = units.CARBON_INTENSITY
WATER = Quantity(
    "a water use per energy", {"L/kWh": 1.0, "l/kWh": 1.0}, ("0.12 L/kWh",), bare=("L/kWh",), most="1,000 L/kWh"
)

_SIGNED = (DEGREES,)
_FIGURE_KEYS = ("value", "unit", "source", "date", "confidence", "note")
_BY_USER = "user"
_LARGEST_COUNT = 10**9
_LARGEST_NUMBER = 10**30


@dataclass(frozen=True, slots=True)
class Figure:
    """One number and where it comes from: `value` in `unit` as the file has it, `si` the same in the unit used inside.

    >>> Figure(3.35, "TB/s", 3.35e12, "data sheet", "2026-11", "A").shown
    '3.35 TB/s'
    """

    value: float | tuple[float, ...]
    unit: str
    si: float | tuple[float, ...]
    source: str
    date: str
    confidence: str
    """A: read from a document; B: recalled or second hand; C: an estimate; "user": written by the user."""
    note: str = ""

    @property
    def shown(self) -> str:
        """The number with its unit, for a report."""
        number = f"{self.value:,g}" if isinstance(self.value, (int, float)) else str(list(self.value))
        return number if self.unit == "1" else f"{number} {self.unit}"


@dataclass
class Layer:
    """One file's table about a thing: the shipped one first, then the user's, each later one over the earlier."""

    file: str
    table: dict[str, Any]
    by_user: bool = False
    lines: Mapping[str, int] = field(default_factory=dict)
    """Dotted key -> line, where known."""
    source: str = ""
    """Of the figures that state none themselves."""
    date: str = ""

    def line(self, key: str) -> int | None:
        """Of a key, or of the nearest table around it."""
        while key not in self.lines and "." in key:
            key = key.rpartition(".")[0]
        return self.lines.get(key)


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint naming the closest of the words allowed, or all of them when few and none is close."""
    allowed = sorted(words)
    close = difflib.get_close_matches(word, allowed, n=1, cutoff=0.55)
    if close:
        return f"did you mean {close[0]!r}?"
    return "allowed: " + ", ".join(allowed) if 0 < len(allowed) <= 24 else ""


def _times(value: float, worth: float) -> float:
    """The product in decimals: 5.48 g is 0.00548 kg exactly, where 5.48 x 0.001 is not."""
    return float(Decimal(repr(value)) * Decimal(repr(worth)))


class Entry:
    """Reads one thing of the catalog out of its layers, collecting figures and problems as it goes."""

    def __init__(self, key: str, layers: list[Layer], problems: list[Problem], prefix: str = "") -> None:
        self.key = key
        self.layers = layers
        self.problems = problems
        self.prefix = prefix
        self.figures: dict[str, Figure] = {}
        self.overridden: list[str] = []
        self._asked: set[str] = {"source"}

    def problem(self, key: str, message: str, hint: str = "", layer: Layer | None = None) -> None:
        """Notes that something is wrong with a key."""
        where = layer or self.layers[-1]
        path = f"{self.key}.{self.prefix}{key}" if key else self.key
        self.problems.append(Problem(where.file, where.line(path), path, message, hint))

    def _find(self, key: str) -> tuple[Layer, Any] | None:
        self._asked.add(key)
        for layer in reversed(self.layers):
            if key in layer.table:
                if layer.by_user:
                    self.overridden.append(f"{self.key}.{self.prefix}{key}")
                return layer, layer.table[key]
        return None

    def _missing(self, key: str, example: str) -> None:
        self.problem(key, "is missing", f"for example {example}")

    def text(self, key: str, default: str | None = None, allowed: tuple[str, ...] = ()) -> str:
        """A text. Without a default it must be there."""
        found = self._find(key)
        if found is None:
            if default is None:
                self._missing(key, f'{key} = "{allowed[0] if allowed else "..."}"')
            return default or ""
        layer, value = found
        if not isinstance(value, str) or (allowed and value not in allowed):
            self.problem(key, f"{value!r} is not allowed here", nearest(str(value), allowed) or "a text", layer)
            return default or ""
        return value

    def raw(self, key: str) -> Any:
        """Whatever the file says under a key; None when it is absent."""
        found = self._find(key)
        return None if found is None else found[1]

    def truth(self, key: str, default: bool = False) -> bool:
        """true or false."""
        found = self._find(key)
        if found is not None and not isinstance(found[1], bool):
            self.problem(key, f"{found[1]!r} is neither true nor false", "", found[0])
        return found[1] is True if found is not None else default

    def count(self, key: str, default: int | None = None, least: int = 1) -> int:
        """A whole number that is part of what the thing is, such as layers or devices per node."""
        found = self._find(key)
        if found is None:
            if default is None:
                self._missing(key, f"{key} = 8")
            return least if default is None else default
        layer, value = found
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _LARGEST_COUNT:
            shown = f"{value!r}" if not isinstance(value, int) or abs(value) <= _LARGEST_COUNT else "that"
            self.problem(key, f"{shown} is not a whole number from {least} to {_LARGEST_COUNT:,}", "", layer)
            return least
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when it is absent."""
        found = self._find(key)
        if found is None:
            return ()
        layer, value = found
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.problem(key, f"{value!r} is not a list of texts", f'{key} = ["..."]', layer)
            return ()
        return tuple(value)

    def figure(
        self, key: str, quantity: Quantity, required: bool = False, least: float = -math.inf, most: float = math.inf
    ) -> float | None:
        """A number in the unit used inside; None when it is absent."""
        found = self._find(key)
        if found is None:
            if required:
                self._missing(key, f'{key} = "{quantity.examples[0]}"')
            return None
        figure = self._read(key, found[0], found[1], quantity, 1)
        if figure is None:
            return None
        amount = figure.si[0] if isinstance(figure.si, tuple) else figure.si
        if not least <= amount <= most:
            wrong = f"less than {least:g}" if amount < least else f"more than {most:g}"
            self.problem(key, f"{figure.shown} is {wrong}", "", found[0])
            return None
        return amount

    def numbers(self, key: str, quantity: Quantity, length: int, required: bool = False) -> tuple[float, ...] | None:
        """A list of so many numbers that share one unit."""
        found = self._find(key)
        if found is None:
            if required:
                self._missing(key, f"{key} = [{', '.join(['1'] * min(length, 3))}]")
            return None
        figure = self._read(key, found[0], found[1], quantity, length)
        return figure.si if figure is not None and isinstance(figure.si, tuple) else None

    def _read(self, key: str, layer: Layer, raw: Any, quantity: Quantity, length: int) -> Figure | None:
        try:
            figure = read_figure(raw, quantity, layer, length)
        except UnitError as error:
            self.problem(key, error.message, error.hint, layer)
            return None
        self.figures[self.prefix + key] = figure
        return figure

    def part(self, key: str) -> Entry:
        """A table inside this one, such as [peak]; its figures are collected under "peak.bf16"."""
        self._asked.add(key)
        layers = []
        for layer in self.layers:
            table = layer.table.get(key, {})
            if isinstance(table, dict):
                layers.append(replace(layer, table=table))
            else:
                self.problem(key, f"{table!r} is not a table", f"write [{self.key}.{key}]", layer)
        inner = Entry(self.key, layers, self.problems, f"{self.prefix}{key}.")
        inner.figures, inner.overridden = self.figures, self.overridden
        return inner

    def finish(self) -> None:
        """Refuses every key that nobody asked for."""
        for layer in self.layers:
            for key in layer.table:
                if key not in self._asked:
                    self.problem(key, "no such key", nearest(key, self._asked - {"source"}), layer)


def read_figure(raw: Any, quantity: Quantity, layer: Layer, length: int = 1) -> Figure:
    """A figure from an inline table {value, unit, source, date}, a text such as "700 W", or a plain number or list."""
    table = raw if isinstance(raw, dict) else {"value": raw}
    for key in table:
        if key not in _FIGURE_KEYS:
            raise UnitError(f"no such key {key!r}", nearest(key, _FIGURE_KEYS))
    if "value" not in table:
        raise UnitError("has no value", f'write "{quantity.examples[0]}" or {{value = ..., unit = "..."}}')
    value, unit = table["value"], table.get("unit")
    wrong = not isinstance(value, list) if length > 1 else isinstance(value, list)
    if wrong or (length > 1 and len(value) != length):
        raise UnitError("one number is wanted here" if length == 1 else f"{length} numbers are wanted here")
    values = value if isinstance(value, list) else [value]
    if any(isinstance(one, int) and abs(one) > _LARGEST_NUMBER for one in values):
        raise UnitError("is too large a number", f'for example "{quantity.examples[0]}"')
    si = tuple(_inside(one, unit, quantity) for one in values)
    shown = tuple(one if isinstance(one, (int, float)) else inside for one, inside in zip(values, si, strict=True))
    source = table.get("source") or layer.source or (f"written in {layer.file}" if layer.by_user else "")
    date, note = str(table.get("date", layer.date)), str(table.get("note", ""))
    confidence = str(table.get("confidence", _BY_USER if layer.by_user else ""))
    if unit is None:
        unit = next((name for name, worth in quantity.units.items() if worth == 1.0), "1")
        shown = si
    whole = (shown[0], si[0]) if length == 1 else (shown, si)
    return Figure(whole[0], _unit_name(unit, quantity), whole[1], str(source), date, confidence, note)


def _unit_name(unit: str, quantity: Quantity) -> str:
    return f"USD{unit}" if quantity.money and not unit.startswith("USD") else unit or "1"


def _inside(value: Any, unit: str | None, quantity: Quantity) -> float:
    """One number in the unit used inside."""
    if unit is None and (quantity not in _SIGNED or not isinstance(value, (int, float))):
        return quantity.parse(value)
    unit = unit or next(iter(quantity.units))
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UnitError(f"{value!r} is not a number", "with `unit`, `value` is a plain number")
    spelling = str(unit).removeprefix("USD") if quantity.money else unit
    if spelling not in quantity.units or (quantity.money and spelling == unit):
        names = [_unit_name(name, quantity) for name in quantity.units]
        raise UnitError(f"{unit!r} is not a unit of {quantity.noun}", nearest(str(unit), names))
    if value < 0 and quantity not in _SIGNED:
        raise UnitError(f"{value:g} is negative", f"{quantity.noun} is never negative")
    if value == 0 and quantity.zero:
        raise UnitError(f"{value:g}: {quantity.zero}", quantity.examples[0])
    return quantity.believed(float(_times(value, quantity.units[spelling])), f"{value:g} {unit}")
