"""A dossier as Markdown for a pull request: the answer and its figures first, long tables folded away."""

from __future__ import annotations

import html
from collections.abc import Iterator

from reports.content import Column, Part, Section, Table
from reports.dossier import Dossier
from reports.markdown import escape, markdown_part

_OPEN = ("conflict", "repairs", "fleet", "binding")
"""Sections that are not folded."""


def markdown_file(found: Dossier) -> str:
    """The whole report, as GitHub and its like show it; the answer is the first line."""
    content = found.content
    blocks = [f"**{escape(content.headline)}**", f"# {escape(content.title)}"]
    tiles = Table(
        tuple(Column(tile.label) for tile in found.tiles),
        (tuple(tile.value for tile in found.tiles), tuple(tile.note for tile in found.tiles)),
    )
    blocks.append(markdown_part(tiles))
    if found.holds:
        blocks += [f"## {escape(found.holds_title)}", "\n".join(f"- {escape(one)}" for one in found.holds)]
    for section in content.sections:
        parts = list(_parts(found, section))
        body = "\n\n".join(markdown_part(part) for part in parts)
        if section.key in _OPEN:
            blocks.append(f"## {escape(section.title)}\n\n{body}")
        elif parts:
            blocks.append(f"<details><summary>{html.escape(section.title)}</summary>\n\n{body}\n\n</details>")
    return "\n\n".join(blocks) + "\n"


def _parts(found: Dossier, section: Section) -> Iterator[Part]:
    """What a section says; of its pictures the figures, where its own tables do not have them already."""
    yield from section.parts
    own = {part.rows for part in section.parts if isinstance(part, Table)}
    for chart in found.charts_of(section):
        if chart.table.rows not in own:
            yield chart.table
