"""How one kind of quantity is read: a number, its unit from a closed list, and what to say when it cannot be."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from scenarios.errors import BadValue

_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.[0-9]+|(?<=[0-9])\.?)(?:[eE][-+]?[0-9]+)?"
_SIGN_AND_DOLLAR = r"(?P<sign>[-+]?)\s*(?P<dollar>(?:US)?\$)?\s*(?P<minus>-?)\s*"
_SPLIT = re.compile(rf"{_SIGN_AND_DOLLAR}(?P<number>{_NUMBER})\s*(?P<rest>.*)", re.DOTALL)
_PLURALS = ("years", "days")
_MULTIPLIERS = {"k": 1e3, "M": 1e6, "B": 1e9}


class UnitError(BadValue):
    """A quantity that cannot be read."""


class NoUnit(UnitError):
    """A number where a unit is needed."""


@dataclass(frozen=True)
class Quantity:
    """One kind of quantity: what its units are called and what each is worth.

    >>> time = Quantity("a time", {"ms": 1e-3, "s": 1.0}, ("50 ms", "1 s"))
    >>> time.parse("50 ms")
    0.05
    >>> time.parse("50 mss")
    Traceback (most recent call last):
    scenarios.quantity.UnitError: "50 mss" is not a time
    """

    noun: str
    """With its article: "a time"."""
    units: Mapping[str, float]
    """Every spelling allowed -> its worth in the unit used inside. "" stands for none."""
    examples: tuple[str, ...]
    """The first is shown in messages."""
    bare: tuple[str, ...] = ()
    """Units to propose when somebody writes a number without one."""
    plain: float | None = None
    """What a number without a unit is multiplied by; None: it is an error."""
    money: bool = False
    """Must begin with a dollar sign."""
    multipliers: bool = False
    """Whether k, M and B may follow the number."""
    most: str = ""
    """The largest that is believed, as people write it; beyond it a unit or a digit is wrong. "": no bound."""
    smallest: str = ""
    """The smallest above zero that is believed, as people write it."""
    bare_most: float = math.inf
    """The largest number without a unit: beyond it a percent sign was forgotten."""
    least: float = 0.0
    """In the unit used inside; `least_why` says why less is refused."""
    least_why: str = ""
    zero: str = ""
    """Why zero is refused; "" when it is allowed."""
    extra_spellings: Mapping[str, str] = field(default_factory=dict)
    """Spellings refused on purpose -> the one to propose."""
    shown: tuple[tuple[str, float, float], ...] = (("", 1.0, 0.0),)
    """How an amount is written for people: unit, its worth, the least amount that it is used for; largest first."""

    @cached_property
    def maximum(self) -> float:
        """`most` in the unit used inside."""
        return self._bound(self.most) if self.most else math.inf

    @cached_property
    def minimum(self) -> float:
        """`smallest` in the unit used inside."""
        return self._bound(self.smallest) if self.smallest else 0.0

    def _bound(self, text: str) -> float:
        return replace(self, most="", smallest="", bare_most=math.inf).parse(text)

    def parse(self, value: object) -> float:
        """The quantity in the unit used inside; UnitError when it cannot be one."""
        if isinstance(value, bool) or value is None:
            raise UnitError(f"{show(value)} is not {self.noun}", self.example())
        if isinstance(value, (int, float)):
            return self._plain(value)
        if not isinstance(value, str):
            raise UnitError(f"{self.noun} is wanted here, not {_kind(value)}", self.example())
        return self._text(value.strip())

    def _plain(self, value: int | float) -> float:
        if self.plain is None or self.money:
            raise NoUnit(f"{show(value)} has no unit", self._bare_hint(f"{value:,.10g}"))
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        return self._bare(number, value)

    def _text(self, text: str) -> float:
        match = _SPLIT.fullmatch(text)
        if match is None:
            raise UnitError(f"{show(text)} is not {self.noun}", self.example())
        number, rest = match["number"], match["rest"].strip()
        if bool(match["dollar"]) != self.money:
            wanted = f"$ goes before the number: {self.example()}" if self.money else self.example()
            raise UnitError(f"{show(text)} is not {self.noun}", wanted)
        amount = float(number.replace(",", "")) * (-1.0 if "-" in (match["sign"], match["minus"]) else 1.0)
        for split in self._splits(rest):
            multiplier, unit = split
            if unit in self.units:
                return self._bounded(_times(amount * multiplier, self.units[unit]), text)
            if unit == "" and self.plain is not None:
                return self._bare(amount * multiplier, text)
        raise self._unreadable(text, match["dollar"] or "", number, rest)

    def _splits(self, rest: str) -> list[tuple[float, str]]:
        """The ways to read what follows the number: with or without a leading k, M or B."""
        ways = [(1.0, rest)]
        if self.multipliers and rest[:1] in _MULTIPLIERS:
            ways.append((_MULTIPLIERS[rest[0]], rest[1:].lstrip()))
        return ways

    def _bare(self, number: float, value: object) -> float:
        """A number without a unit. One that can only be a percentage whose sign was forgotten is not guessed at."""
        amount = number * (self.plain or 1.0)
        if "%" not in self.units or not min(self.bare_most, self.maximum) < amount < math.inf:
            return self._bounded(amount, value)
        readings = [f"{percent:.6g}%" for percent in (number, number * 100) if self._can_be(percent / 100)]
        hint = f"write {readings[0]} if that is meant" if readings else self.example()
        if len(readings) > 1:
            hint = f"write {' or '.join(readings)}, whichever is meant"
        if self.bare_most < self.maximum:
            raise NoUnit(f"{show(value)} without a percent sign is more than {self.bare_most:g}", hint)
        raise UnitError(f"{show(value)} is more than {self.most}", hint)

    def _can_be(self, amount: float) -> bool:
        return self.least <= amount <= self.maximum

    def _bounded(self, amount: float, value: object) -> float:
        if not math.isfinite(amount):
            raise UnitError(f"{show(value)} is not a finite number", self.example())
        if amount < 0:
            raise UnitError(f"{show(value)} is negative", f"{self.noun} is never negative")
        if amount == 0 and self.zero:
            raise UnitError(f"{show(value)}: {self.zero}", self.example())
        if amount < self.least:
            raise UnitError(f"{amount:g} is less than {self.least:g}", self.least_why)
        return self.believed(amount, value)

    def believed(self, amount: float, value: object) -> float:
        """The amount; UnitError where it is beyond every bound, so that a unit or a digit must be wrong."""
        if amount > self.maximum:
            raise UnitError(f"{show(value)} is more than {self.most}", self.example())
        if 0 < amount < self.minimum:
            raise UnitError(f"{show(value)} is less than {self.smallest}", self.example())
        return amount

    def _unreadable(self, text: str, dollar: str, number: str, rest: str) -> UnitError:
        if rest == "":
            return UnitError(f"{show(text)} has no unit", self._bare_hint(dollar + number))
        squeezed = re.sub(r"\s*/\s*|\s+per\s+", "/", rest)
        prefix = ""
        if self.multipliers and squeezed not in self.extra_spellings:
            letter = squeezed[:1]
            follows = squeezed[1:2]
            if follows in ("", "/", " ") and letter.upper() in ("K", "M", "B"):
                prefix = "k" if letter in "kK" else letter.upper()
                squeezed = squeezed[1:].lstrip()
        if squeezed == "":
            return UnitError(f"{show(text)} has no unit", self._bare_hint(dollar + number + prefix))
        near = self.extra_spellings.get(squeezed) or _nearest(squeezed, self.units)
        if near is None:
            return UnitError(f"{show(text)} is not {self.noun}", self.example())
        meant = _join(dollar + number + prefix, near)
        return UnitError(f"{show(text)} is not {self.noun}", f'did you mean "{meant}"?')

    def write(self, amount: float) -> str:
        """An amount, in the unit used inside, as a person writes it; `parse` reads it back, to six digits.

        >>> Quantity("a time", {"ms": 1e-3, "s": 1.0}, ("1 s",), shown=(("s", 1.0, 1.0), ("ms", 1e-3, 0.0))).write(0.05)
        '50 ms'
        """
        fits = [one for one in self.shown if (one[1] == 1.0 if amount == 0 else amount >= one[2])]
        unit, worth, _ = (fits or self.shown[-1:])[0]
        number = digits(amount / worth)
        if self.money:
            return f"${number}{unit}"
        one = unit.removesuffix("s") if number == "1" and unit in _PLURALS else unit
        return f"{number}{one}" if unit[:1] in ("/", "") else f"{number} {one}"

    def example(self) -> str:
        return "for example " + ", ".join(f'"{example}"' for example in self.examples[:3])

    def _bare_hint(self, number: str) -> str:
        if self.money and not number.startswith(("$", "US")):
            number = "$" + number
        written = " or ".join(f'"{_join(number, unit)}"' for unit in self.bare)
        return f"write {written}" if written else self.example()

    def json_schema(self) -> dict[str, object]:
        """What an editor checks while the user types."""
        spellings = sorted((unit for unit in self.units if unit), key=len, reverse=True)
        units = "|".join(_escape(unit) for unit in spellings)
        optional = "?" if "" in self.units or self.plain is not None else ""
        dollar = r"(US)?\$ *" if self.money else ""
        letters = " *[kMB]?" if self.multipliers else ""
        pattern = rf"^ *\+?{dollar}[0-9.][0-9,]*(\.[0-9]*)?([eE][-+]?[0-9]+)?{letters} *({units}){optional} *$"
        text = {"type": "string", "pattern": pattern}
        if self.plain is None:
            return {**text, "examples": list(self.examples)}
        number: dict[str, object] = {"type": "number", "minimum": self.least / self.plain}
        largest = min(self.bare_most, self.maximum)
        if math.isfinite(largest):
            number["maximum"] = largest / self.plain
        return {"anyOf": [number, text], "examples": list(self.examples)}


def _times(amount: float, worth: float) -> float:
    """The product, by dividing where that is exact: 57 % is 57 / 100 = 0.57, but 57 x 0.01 is not."""
    parts = round(1 / worth) if worth < 1 else 1
    return amount / parts if parts > 1 and abs(parts * worth - 1) < 1e-12 else amount * worth


def _escape(unit: str) -> str:
    return re.sub(r"([$.^])", r"\\\1", unit)


def _join(number: str, unit: str) -> str:
    return number + unit if unit[:1] in ("/", "%", "") else f"{number} {unit}"


def _nearest(unit: str, spellings: Mapping[str, float]) -> str | None:
    by_lower = {spelling.lower(): spelling for spelling in reversed(list(spellings)) if spelling}
    found = difflib.get_close_matches(unit.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[found[0]] if found else None


def digits(value: float) -> str:
    """A number to six digits, with commas and without an exponent where it can do without.

    >>> digits(1234567.0), digits(0.0892), digits(300.0), digits(1e-9)
    ('1,234,570', '0.0892', '300', '1e-09')
    """
    if not math.isfinite(value) or (value and abs(value) < 1e-6):
        return f"{value:.6g}"
    places = 5 - math.floor(math.log10(abs(value))) if value else 0
    text = f"{round(value, places):,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def show(value: object) -> str:
    """A value as the user wrote it, cut where it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 60 else f'"{value[:56]}..."'
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    return _kind(value) if isinstance(value, (dict, list, tuple)) else str(value)


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else type(value).__name__
