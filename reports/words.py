"""Numbers and names as people read them: "$3.41M", "212 t", "48.2 ms", "0.08 %".

Everything inside is SI; this is the edge on the way out. A value and its limit are always written in the same unit.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DASH = "-"
_DUST, _TINY, _ROUNDING = 1e-6, 1e-5, 1e-9
"""Parts of one: below the first a change is nothing; between the others a gap is small, but there."""
UNKNOWN = "unknown"


def plain(text: object) -> str:
    """Text from outside as one harmless line: no control characters, no escape codes, no direction overrides.

    >>> plain("a\\x1b[31mb\\nc")
    'a?[31mb c'
    """
    letters = []
    for letter in str(text):
        if letter in "\n\r\t\u2028\u2029":
            letters.append(" ")
        elif unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co"):
            letters.append("?")
        else:
            letters.append(letter)
    return "".join(letters)


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, whole where it has more, thousands apart.

    >>> [number(0.0), number(3.14159), number(1234.5), number(1e-9)]
    ['0', '3.14', '1,234', '1e-09']
    """
    if not math.isfinite(value):
        return "no bound" if math.isinf(value) else UNKNOWN
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4:
        return f"{value:.{digits - 1}g}"
    decimals = max(0, digits - 1 - size)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


@dataclass(frozen=True)
class Scale:
    """How to write the values of one unit at one size."""

    divide: float
    after: str
    before: str = ""

    def write(self, value: float, digits: int = 3) -> str:
        """The value with its unit."""
        if not math.isfinite(value):
            return number(value)
        sign = "-" if value < 0 else ""
        return f"{sign}{self.before}{number(abs(value) / self.divide, digits)}{self.after}"


def _steps(*steps: tuple[float, float, str]) -> tuple[tuple[float, Scale], ...]:
    return tuple((least, Scale(divide, after)) for least, divide, after in steps)


_MONEY = (
    (1e9, Scale(1e9, "B", "$")),
    (1e6, Scale(1e6, "M", "$")),
    (1e4, Scale(1e3, "k", "$")),
    (0.0, Scale(1, "", "$")),
)
_MASS = _steps((1e8, 1e6, " kt"), (1e3, 1e3, " t"), (0, 1, " kg"))
_TIME = _steps((3600, 3600, " h"), (120, 60, " min"), (1, 1, " s"), (1e-3, 1e-3, " ms"), (0, 1e-6, " us"))
_BYTES = _steps((1e12, 1e12, " TB"), (1e9, 1e9, " GB"), (1e6, 1e6, " MB"), (0, 1, " B"))
_POWER = _steps((1e9, 1e9, " GW"), (1e6, 1e6, " MW"), (1e3, 1e3, " kW"), (0, 1, " W"))
_ENERGY = _steps((1e6, 1e6, " GWh"), (1e3, 1e3, " MWh"), (0, 1, " kWh"))
_WATER = _steps((1e3, 1e3, " m3"), (0, 1, " litres"))
_SHARE = _steps((0, 0.01, " %"))
_FLOPS = _steps((1e15, 1e15, " PFLOP/s"), (1e12, 1e12, " TFLOP/s"), (0, 1, " FLOP/s"))

_FAMILIES: dict[str, tuple[tuple[float, Scale], ...]] = {
    **dict.fromkeys(("usd", "$"), _MONEY),
    **dict.fromkeys(("kg", "kgco2e", "kgco2"), _MASS),
    **dict.fromkeys(("s", "seconds"), _TIME),
    **dict.fromkeys(("byte", "bytes", "b"), _BYTES),
    **dict.fromkeys(("w", "watts", "watt"), _POWER),
    "kwh": _ENERGY,
    **dict.fromkeys(("l", "litre", "litres"), _WATER),
    **dict.fromkeys(("share", "fraction"), _SHARE),
    "flop/s": _FLOPS,
}
_YEARS = ("/yr", "/year", "_per_year", " a year", " per year", "/y")
_RATES = ("1/s", "/s", "requests/s", "requests_per_s", "requests a second", "req/s")


def scale(unit: str, size: float) -> Scale:
    """How to write values of `unit` (as the optimizer names it) that are about `size` large.

    >>> scale("s", 0.05).write(0.0482)
    '48.2 ms'
    >>> scale("USD/yr", 5e6).write(3_412_310)
    '$3.41M/yr'
    """
    size = abs(size) if math.isfinite(size) else 1.0
    base, after = unit.strip(), ""
    if base.lower() in _RATES:
        return Scale(1, "/s")
    if base.startswith(("share of", "of its", "of the")):
        return Scale(0.01, " %")
    for ending in _YEARS:
        if base.lower().endswith(ending):
            base, after = base[: -len(ending)], "/yr"
            break
    family = _FAMILIES.get(base.lower().replace(" ", ""))
    if family is None:
        return Scale(1, f" {plain(unit)}" if unit.strip() not in ("", "1") else "")
    chosen = next(step for least, step in family if size >= least)
    return Scale(chosen.divide, chosen.after + after, chosen.before)


def together(unit: str, values: Sequence[float | None], digits: int = 3) -> list[str]:
    """Several values of one unit written alike, by the largest; `unknown` for None.

    >>> together("s", [0.0482, 0.05, 0.0018])
    ['48.2 ms', '50 ms', '1.8 ms']
    """
    sizes = [abs(value) for value in values if value is not None and math.isfinite(value)]
    chosen = scale(unit, max(sizes, default=1.0))
    return [UNKNOWN if value is None else chosen.write(value, digits) for value in values]


def money(usd: float, digits: int = 3) -> str:
    """Dollars, short: `$3.41M`, `$190k`, `$950`."""
    return scale("USD", usd).write(usd, digits)


def dollars(usd: float) -> str:
    """Dollars, whole: `$3,412,310`; cents only below ten dollars.

    >>> dollars(-1e-9), dollars(3.5), dollars(-1234.5)
    ('$0', '$3.50', '-$1,234')
    """
    amount = abs(usd)
    sign = "-" if usd <= -0.005 else ""
    return f"{sign}${amount:,.2f}" if 0.005 <= amount < 10 else f"{sign}${amount:,.0f}"


def mass(kg: float, digits: int = 3) -> str:
    """A mass of CO2e: `212 t`, `950 kg`."""
    return scale("kg", kg).write(kg, digits)


def percent(fraction: float, digits: int = 2) -> str:
    """A fraction as a percentage: `0.08 %`.

    >>> percent(0.0008), percent(2e-16)
    ('0.08 %', '0 %')
    """
    if abs(fraction) < _DUST:
        return "0 %"
    return f"{number(fraction * 100, digits)} %" if abs(fraction) < 1 else f"{number(fraction * 100, 4)} %"


def gap(fraction: float) -> str:
    """How far apart a plan and its bound are: what cannot be told from nothing is 0, what is tiny is not written out.

    >>> gap(2e-16), gap(9e-7), gap(0.0008)
    ('0 %', 'below 0.001 %', '0.08 %')
    """
    return f"below {percent(_TINY)}" if _ROUNDING < fraction < _TINY else percent(fraction)


def within(fraction: float) -> str:
    """A bound on a distance, never smaller than it is: `within 0.001 %`.

    >>> within(2e-16), within(9e-7)
    ('0 %', '0.001 %')
    """
    return percent(_TINY) if _ROUNDING < fraction < _TINY else percent(fraction)


def rate(per_second: float, digits: int = 4) -> str:
    """A rate of requests: `1,000/s`."""
    return f"{number(per_second, digits)}/s"


def span(low: str, high: str) -> str:
    """An interval of two written values; one value where they read the same."""
    return low if low == high else f"{low} to {high}"


def count(amount: int, noun: str, plural: str = "") -> str:
    """A number of things: `1 node`, `12 nodes`."""
    return f"{amount:,} {noun if amount == 1 else plural or noun + 's'}"


def listed(items: Iterable[str], last: str = "and") -> str:
    """Things in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    texts = list(items)
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {last} {texts[-1]}" if texts else ""


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".!?" else text + "."


_PROCUREMENT = {"owned": "buy", "reserved": "reserve", "on_demand": "rent on demand", "spot": "rent on the spot market"}
_SHORT_PROCUREMENT = {"owned": "owned", "reserved": "reserved", "on_demand": "on demand", "spot": "spot"}


def verb(procurement: str) -> str:
    """What to do to get nodes: `buy`, `reserve`, `rent on demand`."""
    return _PROCUREMENT.get(procurement, plain(procurement))


def procured(procurement: str) -> str:
    """How nodes are held: `owned`, `on demand`."""
    return _SHORT_PROCUREMENT.get(procurement, plain(procurement))


_SHORT_DEVICE = re.compile(r"[a-z]{1,3}[0-9]+[a-z]?(-[0-9]+)?")


def device(accelerator: str) -> str:
    """An accelerator's name as people say it: `H200` for `h200-sxm`.

    >>> [device("h100-sxm"), device("h100-pcie"), device("tpu-v5e"), device("gaudi3")]
    ['H100', 'H100 PCIe', 'TPU v5e', 'Gaudi3']
    """
    name = plain(accelerator)
    if name.endswith("-sxm"):
        return name[:-4].upper()
    if name.endswith("-pcie"):
        return name[:-5].upper() + " PCIe"
    if name.startswith("tpu-"):
        return "TPU " + name[4:]
    return name.upper() if _SHORT_DEVICE.fullmatch(name) else name[:1].upper() + name[1:]


_ACRONYMS = {
    "ttft": "TTFT",
    "itl": "ITL",
    "kv": "KV",
    "hbm": "HBM",
    "co2e": "CO2e",
    "p99": "P99",
    "p50": "P50",
    "pue": "PUE",
}


def spoken(name: str) -> str:
    """A name of the program as words: `node loss`, `TTFT`.

    >>> [spoken("ttft"), spoken("node_loss"), spoken("kv_capacity")]
    ['TTFT', 'node loss', 'KV capacity']
    """
    return " ".join(_ACRONYMS.get(word.lower(), word) for word in plain(name).replace("_", " ").split(" "))


def percentile(name: str) -> str:
    """`P99` for 99, "99" or "p99"; `mean` for the mean.

    >>> [percentile("99"), percentile("p50"), percentile("mean"), percentile("99.0")]
    ['P99', 'P50', 'mean', 'P99']
    """
    bare = plain(name).strip().lower().removeprefix("p")
    try:
        return f"P{float(bare):g}"
    except ValueError:
        return plain(name).strip()
