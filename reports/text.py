"""A report for a terminal: plain where it is piped, coloured where somebody looks, readable at 80 columns."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from reports.content import Bullets, Content, Paragraph, Part, Table, Tone
from reports.layout import lay_out

_STYLES: dict[Tone, str] = {"plain": "", "good": "green", "warn": "yellow", "bad": "red"}
_WIDEST = 140
_PIPED = 100


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
    if asked.isascii() and asked.isdigit() and int(asked) > 0:
        return max(40, int(asked))
    for one in (stream, sys.stderr, sys.stdin):
        try:
            found = os.get_terminal_size(one.fileno()).columns
        except (OSError, ValueError, AttributeError):
            continue
        if found > 0:
            return max(40, min(found, _WIDEST))
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
    headings, rows, left = lay_out(part, width - 2)
    lines = [Text(part.caption, style="dim")] if part.caption else []
    lines += [Text(line, style="dim") for line in headings]
    for place, row in enumerate(rows):
        total = part.total is not None and place == len(rows) - 1
        lines += [Text(line, style="bold" if total else "") for line in row]
    if left:
        lines.append(Text(f"(too narrow for: {', '.join(left)})", style="dim"))
    return Padding(Group(*lines), (0, 0, 0, 2))
