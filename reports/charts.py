"""What every chart of a report shares: colours that colour-blind readers can tell apart, and inline SVG.

A chart is data first: a table with everything that it shows, a sentence that says it, and a function that draws it.
Markdown and spreadsheets take the table; the page takes all three. matplotlib is imported only when a chart is drawn.
"""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from reports.content import Table
from reports.words import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 480
"""Width of every chart in its own units; on a wide page one unit is about a pixel."""
FONT = 13.0

LIGHT = {
    "bg": "#ffffff",
    "panel": "#f3f6f9",
    "ink": "#1b2631",
    "soft": "#4f5d6b",
    "line": "#ccd4db",
    "land": "#dde5ea",
    "blue": "#0b5cad",
    "orange": "#b3500a",
    "teal": "#0a766b",
    "purple": "#7b3f99",
    "red": "#b0241c",
    "grey": "#5c6874",
}
"""Colours by the part they play, dark enough to read as text; the page's style sheet has the same names."""
DARK = {
    "bg": "#11171d",
    "panel": "#1a222b",
    "ink": "#e8edf2",
    "soft": "#a9b6c2",
    "line": "#3a4651",
    "land": "#2a343e",
    "blue": "#6db3f5",
    "orange": "#f2a45f",
    "teal": "#55cbbd",
    "purple": "#cf9be8",
    "red": "#ff9b90",
    "grey": "#9aa7b3",
}
SERIES = ("blue", "orange", "teal", "purple", "grey", "red")
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "++")
"""Patterns go with the colours, so that no meaning hangs on a colour alone."""

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "argosy",
    "text.parse_math": False,
    "axes.unicode_minus": False,
    "font.family": ["DejaVu Sans"],
    "font.size": FONT,
    "text.color": LIGHT["ink"],
    "axes.labelcolor": LIGHT["soft"],
    "axes.edgecolor": LIGHT["line"],
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelsize": FONT,
    "grid.color": LIGHT["line"],
    "grid.linewidth": 0.7,
    "xtick.color": LIGHT["line"],
    "ytick.color": LIGHT["line"],
    "xtick.labelcolor": LIGHT["soft"],
    "ytick.labelcolor": LIGHT["ink"],
    "legend.frameon": False,
    "legend.labelcolor": LIGHT["ink"],
    "hatch.linewidth": 1.1,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_NAMES = {value: f"var(--{name})" for name, value in LIGHT.items()}
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_FONT = re.compile(r"font:\s*(?:(\d+)\s+)?([\d.]+)px[^;]*;?")
_FAMILY = re.compile(r"font-family:[^;]*;?\s*")
_REFERENCE = re.compile(r"(?:url\(|^)#([\w.-]+)")


@dataclass(frozen=True)
class Chart:
    """One picture, the sentence that says it, and the table behind it."""

    key: str
    """Unique in a report; the picture's ids begin with it."""
    title: str
    says: str
    table: Table
    draw: Callable[[Axes], None]
    height: float = 260
    """In the units of WIDTH."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", plain(self.title))
        object.__setattr__(self, "says", plain(self.says))


def short(text: object, letters: int = 30) -> str:
    """A label that leaves room for the picture.

    >>> short("x" * 40, 10)
    'xxxxxxxxx…'
    """
    one = plain(text)
    return one if len(one) <= letters else one[: letters - 1].rstrip() + "…"


def lines(text: object, letters: int = 22) -> str:
    """A label in at most two lines.

    >>> lines("quota of H200 in Montreal", 14)
    'quota of H200\\nin Montreal'
    """
    one = plain(text)
    head, bracket, rest = one.partition(" (")
    if bracket and len(one) > letters:
        return f"{short(head, letters)}\n({short(rest, letters)}"
    return "\n".join(textwrap.wrap(one, letters, max_lines=2, placeholder="…"))


def colour(place: int) -> str:
    """Colour of the series at this place."""
    return LIGHT[SERIES[place % len(SERIES)]]


def filled(place: int) -> dict[str, Any]:
    """Colour and pattern of a series, for matplotlib's bars."""
    hatch = HATCHES[place % len(HATCHES)]
    return {"facecolor": colour(place), "hatch": hatch, "edgecolor": LIGHT["bg"], "linewidth": 0.8}


def svg(chart: Chart) -> str:
    """The picture as inline SVG: the same bytes for the same chart, with a title and a description."""
    import matplotlib
    from matplotlib.figure import Figure

    out = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the measuring font lacks: the reader's own font has them
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=(WIDTH / 72, chart.height / 72), layout="constrained")
        chart.draw(figure.subplots())
        figure.savefig(out, format="svg", metadata=_NO_METADATA)
    return _inline(ElementTree.fromstring(out.getvalue()), chart)


def _inline(root: ElementTree.Element, chart: Chart) -> str:
    """Without what only a file needs; colours by name, so that a dark page and a printed one can set them."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    used = {
        name
        for one in root.iter()
        for written, value in one.attrib.items()
        if written.endswith("href") or "url(#" in value
        for name in _REFERENCE.findall(value)
    }
    for one in root.iter():
        one.tag = one.tag.rpartition("}")[2]
        one.attrib = _attributes(one.attrib, used, chart.key)
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-labelledby": f"{chart.key}-title {chart.key}-says",
    }
    for place, (tag, text) in enumerate((("title", chart.title), ("desc", chart.says))):
        told = ElementTree.Element(tag, {"id": f"{chart.key}-{'says' if place else 'title'}"})
        told.text = text
        root.insert(place, told)
    return ElementTree.tostring(root, encoding="unicode")


def _attributes(found: dict[str, str], used: set[str], key: str) -> dict[str, str]:
    kept: dict[str, str] = {}
    for written, value in found.items():
        name = written.rpartition("}")[2]
        if name == "id":
            if value in used:
                kept["id"] = f"{key}-{value}"
            continue
        value = _NUMBER.sub(lambda match: f"{float(match.group()):.2f}".rstrip("0").rstrip("."), value)
        if name == "href" or "url(#" in value:
            value = _REFERENCE.sub(lambda match: match.group().replace("#", f"#{key}-"), value)
        kept[name] = value
    for name in ("fill", "stroke"):  # the style sheet's names are understood in a style only
        if name in kept and kept[name] in _NAMES:
            kept["style"] = f"{name}: {kept.pop(name)}; {kept.get('style', '')}"
    if "style" in kept:
        style = _FONT.sub(
            lambda match: f"font-size: {match[2]}px;" + f" font-weight: {match[1]};" * bool(match[1]), kept["style"]
        )
        style = _FAMILY.sub("", style)
        for value, named in _NAMES.items():
            style = style.replace(value, named)
        kept["style"] = style.strip().rstrip(";")
    return kept


def bare(axes: Axes) -> None:
    """No frame but the line from which bars begin."""
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
