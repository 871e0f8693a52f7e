"""A report for a terminal: plain where it is piped, coloured where somebody looks, readable at 80 columns."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from reports.content import Bullets, Column, Content, Paragraph, Part, Table, Tone

_STYLES: dict[Tone, str] = {"plain": "", "good": "green", "warn": "yellow", "bad": "red"}
_WIDEST = 140
_PIPED = 100
_GAP = 2


def console(stream: TextIO | None = None, width: int | None = None) -> Console:
    """A console without markup, emoji or guesses: names from the user's files stay what they are."""
    stream = stream or sys.stdout
    terminal = stream.isatty()
    return Console(
        file=stream,
        width=width or _width(stream),
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
        no_color=None if terminal else True,
        force_terminal=terminal,
    )


def _width(stream: TextIO) -> int:
    """COLUMNS if set, else the terminal that somebody looks at, else a page."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdigit() and int(asked) > 0:
        return max(40, int(asked))
    for one in (stream, sys.stderr, sys.stdin):
        try:
            return max(40, min(os.get_terminal_size(one.fileno()).columns, _WIDEST))
        except (OSError, ValueError, AttributeError):
            continue
    return _PIPED


def show(content: Content, out: Console) -> None:
    """Print the report; its first line is the answer. Lines do not end in blanks."""
    with out.capture() as captured:
        _lay_out(content, out)
    out.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _lay_out(content: Content, out: Console) -> None:
    out.print(Text(content.headline, style=f"bold {_STYLES[content.tone]}".strip()))
    out.print()
    out.print(Text(content.title, style="dim"))
    for section in content.sections:
        out.print()
        out.print(Text(section.title.upper(), style="bold"))
        for place, part in enumerate(section.parts):
            if place and not (isinstance(part, Bullets) and isinstance(section.parts[place - 1], Paragraph)):
                out.print()
            out.print(render(part, out.width))


def render(part: Part, width: int) -> RenderableType:
    """One part for a page of this width."""
    if isinstance(part, Paragraph):
        return Padding(Text(part.text, style=_STYLES[part.tone]), (0, 0, 0, 2))
    if isinstance(part, Bullets):
        return _bullets(part)
    return table(part, width)


def _bullets(part: Bullets) -> RenderableType:
    grid = RichTable.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=3, justify="right")
    grid.add_column(overflow="fold")
    for item in part.items:
        grid.add_row(Text("-"), Text(item))
    return grid


def table(part: Table, width: int) -> RenderableType:
    """A table under its caption; spare columns go where the page is too narrow, and a line says which."""
    kept = _kept(part, width - 2)
    rich_table = RichTable(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, show_edge=False, header_style="dim")
    for place in kept:
        rich_table.add_column(
            Text(part.columns[place].title),
            justify=part.columns[place].align,
            no_wrap=_stays_whole(part, place),
            overflow="fold",
            vertical="top",
        )
    for row in part.rows:
        rich_table.add_row(*(Text(row[place]) for place in kept))
    if part.total is not None:
        rich_table.add_row(*(Text(part.total[place], style="bold") for place in kept))
    lines: list[RenderableType] = [Text(part.caption, style="dim")] if part.caption else []
    lines.append(rich_table)
    left = [column.title for place, column in enumerate(part.columns) if place not in kept]
    if left:
        lines.append(Text(f"(too narrow for: {', '.join(left)})", style="dim"))
    return Padding(Group(*lines), (0, 0, 0, 2))


def _cells(part: Table, place: int) -> list[str]:
    return [row[place] for row in part.rows] + ([part.total[place]] if part.total else [])


def _stays_whole(part: Table, place: int) -> bool:
    """Numbers and short words are never broken over lines."""
    column: Column = part.columns[place]
    longest = max((cell_len(cell) for cell in _cells(part, place)), default=0)
    return longest <= 14 if column.align == "left" else longest <= 24


def _least(part: Table, place: int) -> int:
    """The narrowest that a column can be without breaking a word of up to 20 letters."""
    cells = [*_cells(part, place), part.columns[place].title]
    if _stays_whole(part, place) or part.columns[place].spare:
        return max(cell_len(cell) for cell in cells[:-1] or [""])
    return max((min(20, cell_len(word)) for cell in cells for word in cell.split()), default=1)


def _kept(part: Table, width: int) -> list[int]:
    """Places of the columns that fit."""
    kept = list(range(len(part.columns)))
    while sum(_least(part, place) + _GAP for place in kept) > width:
        spare = [place for place in kept if part.columns[place].spare]
        if not spare:
            break
        kept.remove(max(spare, key=lambda place: (part.columns[place].spare, place)))
    return kept
