"""How a plan shows itself in a notebook or in a rich console: one line and the nodes, from its own data alone.

The full report is the business of `reports`; this is what `plan` at the end of a cell prints.
"""

from __future__ import annotations

import html
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimizer.plan import Plan

_HEADINGS = ("region", "held", "nodes", "node type", "devices")
_UNITS = {"usd_per_year": "USD a year", "kg_co2e_per_year": "kg CO2e a year"}


class Shown:
    """Mixed into the plan: what notebooks and rich consoles ask an object for."""

    def _repr_html_(self) -> str:
        return as_html(self)  # type: ignore[arg-type]

    def _repr_markdown_(self) -> str:
        return as_markdown(self)  # type: ignore[arg-type]

    def __rich__(self) -> Any:
        return as_rich(self)  # type: ignore[arg-type]


def as_html(plan: Plan) -> str:
    """The line and the nodes as HTML; every text of the scenario escaped."""
    parts = [f"<p><b>{html.escape(headline(plan))}</b></p>"]
    if plan.nodes:
        heads = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in _rows(plan))
        parts.append(f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>")
    return "".join(parts)


def as_markdown(plan: Plan) -> str:
    """The same as Markdown."""
    lines = [f"**{_marked(headline(plan))}**"]
    if plan.nodes:
        lines += ["", f"| {' | '.join(_HEADINGS)} |", "|---|---|---:|---|---:|"]
        lines += [f"| {' | '.join(_marked(cell) for cell in row)} |" for row in _rows(plan)]
    return "\n".join(lines) + "\n"


def as_rich(plan: Plan) -> Any:
    """The same for a rich console. Texts are `Text`: brackets in a name are no markup."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(*_HEADINGS)
    for row in _rows(plan):
        table.add_row(*(Text(cell) for cell in row))
    return Group(Text(headline(plan), style="bold"), *([table] if plan.nodes else []))


def headline(plan: Plan) -> str:
    """Status, money and carbon, or what is in the way, in one line."""
    what = _plain(plan.title or plan.scenario)
    if plan.fleet is None:
        against = ", ".join(_plain(member.limit) for member in plan.conflict)
        return f"{what}: no fleet ({plan.status}{': ' + against if against else ''})"
    sums = [f"{plan.accounts[name]:,.0f} {unit}" for name, unit in _UNITS.items() if name in plan.accounts]
    gap = "" if plan.gap is None else f", gap {plan.gap:.2%}"
    checked = "verified" if plan.verified else "not verified"
    return f"{what}: {', '.join(sums)} ({plan.status}{gap}, {checked})"


def _rows(plan: Plan) -> list[tuple[str, ...]]:
    return [
        (
            _plain(line.region),
            line.procurement.replace("_", " "),
            f"{line.nodes:,}",
            _plain(line.offer),
            f"{line.nodes * line.devices_per_node:,} {_plain(line.accelerator)}",
        )
        for line in plan.nodes
    ]


def _plain(text: str) -> str:
    """One line without control characters or direction overrides."""
    return "".join("?" if unicodedata.category(letter)[0] == "C" else letter for letter in " ".join(text.split()))


def _marked(text: str) -> str:
    """Text that Markdown and the HTML in it take literally."""
    safe = html.escape(text, quote=False)
    return "".join(f"\\{letter}" if letter in "\\`*_[]|!#~" else letter for letter in safe)
