"""A dossier as one HTML file that needs nothing else: no request leaves it, and it opens without a network.

Names from a scenario stay text everywhere: the template escapes, the SVG is written by an XML writer, the plan inside
the page has no `<`. The Content-Security-Policy lets only the page's own script run, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import count as counter
from typing import Any

from reports.charts import DARK, LIGHT, svg
from reports.content import Bullets, Paragraph, Part, Table
from reports.dossier import Dossier

_FILTERED = 10
"""Tables with at least so many rows can be filtered."""
_SORTED = 3
_VALUE = re.compile(
    r"^(?:saves|costs|adds|between|at most|at least|up to|about|\+)?\s*(-?)\$?(\d[\d,]*(?:\.\d+)?(?:e-?\d+)?)\s?"
    r"(k|M|B|GWh|MWh|kWh|kt|t|kg|ms|us|s|min|h|TB|GB|MB|GW|MW|kW|%)?(?![A-Za-z])"
)
_TIMES = {
    "k": 1e3,
    "M": 1e6,
    "B": 1e9,
    "kt": 1e6,
    "t": 1e3,
    "kg": 1.0,
    "h": 3600.0,
    "min": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "TB": 1e12,
    "GB": 1e9,
    "MB": 1e6,
    "GW": 1e9,
    "MW": 1e6,
    "kW": 1e3,
    "GWh": 1e6,
    "MWh": 1e3,
    "kWh": 1.0,
    "%": 0.01,
}


def sort_value(text: str) -> float | None:
    """The number by which a cell sorts, whatever its unit; None where it is words.

    >>> [sort_value(text) for text in ("$418k", "saves 22.4 t", "costs $1.5M to $2M", "-3 %", "H200", "8 H200")]
    [418000.0, -22400.0, 1500000.0, -0.03, None, 8.0]
    """
    found = _VALUE.match(text.strip())
    if found is None:
        return None
    value = float(found[2].replace(",", "")) * _TIMES.get(found[3] or "", 1.0)
    return -value if found[1] or text.startswith("saves") else value


@dataclass(frozen=True)
class Cell:
    """One cell as the template takes it."""

    text: str
    right: bool
    tag: str
    key: str | None = None


def html(found: Dossier) -> str:
    """The whole page; the same bytes for the same dossier."""
    from jinja2 import Environment

    folder = files("reports") / "templates"
    script = (folder / "report.js").read_text(encoding="utf-8")
    made = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    template = made.from_string((folder / "report.html.jinja").read_text(encoding="utf-8"))
    content, ids = found.content, _ids()
    return template.render(
        title=content.title,
        headline=content.headline,
        tone=content.tone,
        badge=found.badge,
        tiles=found.tiles,
        holds=found.holds,
        holds_title=found.holds_title,
        sections=[_section(found, section, ids) for section in content.sections],
        style=_safe(_style((folder / "report.css").read_text(encoding="utf-8"))),
        script=_safe(script),
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        plan=_safe(_inert(found.plan.model_dump_json())),
        version=found.plan.lock.argosy,
        file=re.sub(r"[^A-Za-z0-9_-]+", "-", found.plan.scenario).strip("-") + ".json",
    )


def _safe(text: str) -> Any:
    """Our own text, which is not escaped."""
    from markupsafe import Markup

    return Markup(text)


def _inert(json_text: str) -> str:
    """JSON that can end no script element, whatever it holds."""
    return json_text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _style(sheet: str) -> str:
    """The style sheet under its colours; dark ones where the reader's system is dark, never on paper."""
    light, dark = (";".join(f"--{name}:{value}" for name, value in names.items()) for names in (LIGHT, DARK))
    scheme = "@media screen and (prefers-color-scheme: dark) { :root { color-scheme: dark; %s } }"
    return f":root {{ color-scheme: light; {light} }}\n{scheme % dark}\n{sheet}"


def _ids() -> Iterator[str]:
    return (f"table-{number}" for number in counter(1))


def _section(found: Dossier, section: Any, ids: Iterator[str]) -> dict[str, Any]:
    charts = [
        {"title": one.title, "says": one.says, "svg": _safe(svg(one)), "table": _table(one.table, ids)}
        for one in found.charts_of(section)
    ]
    parts = [_part(part, ids) for part in section.parts]
    for part in parts:
        if part["kind"] == "table" and not part["caption"]:
            part["caption"] = section.title
    return {"id": f"section-{section.key}", "title": section.title, "charts": charts, "parts": parts}


def _part(part: Part, ids: Iterator[str]) -> dict[str, Any]:
    if isinstance(part, Paragraph):
        return {"kind": "paragraph", "text": part.text, "tone": part.tone}
    if isinstance(part, Bullets):
        return {"kind": "bullets", "points": part.items}
    return _table(part, ids)


def whole_rows(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Rows that can be sorted and filtered by themselves: an empty first cell means that of the row above.

    >>> whole_rows([("demand", "-10 %"), ("", "+10 %")])
    [('demand', '-10 %'), ('demand', '+10 %')]
    """
    made: list[tuple[str, ...]] = []
    for row in rows:
        made.append((made[-1][0], *row[1:]) if made and row[0] == "" else row)
    return made


def _table(part: Table, ids: Iterator[str]) -> dict[str, Any]:
    return {
        "kind": "table",
        "id": next(ids),
        "caption": part.caption,
        "heads": [{"title": column.title, "right": column.align == "right"} for column in part.columns],
        "rows": [_cells(part, row, True) for row in whole_rows(part.rows)],
        "total": _cells(part, part.total, False) if part.total is not None else None,
        "sortable": len(part.rows) >= _SORTED,
        "filter": len(part.rows) >= _FILTERED,
    }


def _cells(part: Table, row: tuple[str, ...], sorts: bool) -> list[Cell]:
    cells = []
    for place, (text, column) in enumerate(zip(row, part.columns, strict=True)):
        value = sort_value(text) if sorts else None
        head = "th" if place == 0 and text else "td"
        cells.append(Cell(text, column.align == "right", head, None if value is None else f"{value:.9g}"))
    return cells
