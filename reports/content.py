"""What a report says, before it looks like anything: a headline and sections of paragraphs, bullets and tables.

The renderers (`text.py`, `markdown.py`) only lay this out, so that all of them say the same. Every string is made
harmless here, once: names come from the user's files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.words import plain

Tone = Literal["plain", "good", "warn", "bad"]
Align = Literal["left", "right"]


@dataclass(frozen=True)
class Paragraph:
    """Sentences; the tone is shown by colour where there is any, and never carries meaning of its own."""

    text: str
    tone: Tone = "plain"

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", plain(self.text))


@dataclass(frozen=True)
class Bullets:
    """Short statements of equal rank."""

    items: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(plain(item) for item in self.items))


@dataclass(frozen=True)
class Column:
    """Heading of a table's column."""

    title: str
    align: Align = "left"
    spare: int = 0
    """Columns with the highest number go first where the page is too narrow; 0 stays."""
    below: bool = False
    """On a narrow page it stands on a line of its own under its row."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", plain(self.title))


@dataclass(frozen=True)
class Table:
    """Rows of text under headings, with an optional row of totals."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] | None = None
    caption: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(tuple(plain(cell) for cell in row) for row in self.rows))
        object.__setattr__(self, "caption", plain(self.caption))
        if self.total is not None:
            object.__setattr__(self, "total", tuple(plain(cell) for cell in self.total))
        for row in [*self.rows, *([self.total] if self.total else [])]:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} cells under {len(self.columns)} headings: {row}")


Part = Paragraph | Bullets | Table


@dataclass(frozen=True)
class Section:
    """One heading and what stands under it."""

    key: str
    """Short name by which an order of sections is asked for."""
    title: str
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", plain(self.title))


@dataclass(frozen=True)
class Content:
    """A whole report."""

    title: str
    headline: str
    tone: Tone
    sections: tuple[Section, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", plain(self.title))
        object.__setattr__(self, "headline", plain(self.headline))

    def led_by(self, keys: Sequence[str]) -> Content:
        """The same report with these sections first."""
        rank = {key: place for place, key in enumerate(keys)}
        ordered = sorted(self.sections, key=lambda section: rank.get(section.key, len(rank)))
        return Content(self.title, self.headline, self.tone, tuple(ordered))


def columns(*titles: str) -> tuple[Column, ...]:
    """Headings. A leading `>` aligns right; a trailing `?` marks what may go first on a narrow page, `_` what may
    go below its row.

    >>> [(c.title, c.align, c.spare, c.below) for c in columns("region", ">value", "wall??", "where_")]
    [('region', 'left', 0, False), ('value', 'right', 0, False), ('wall', 'left', 2, False), ('where', 'left', 0, True)]
    """
    made = []
    for title in titles:
        bare = title.rstrip("?_")
        marks = title[len(bare) :]
        align: Align = "right" if bare.startswith(">") else "left"
        made.append(Column(bare.lstrip(">"), align, marks.count("?"), "_" in marks))
    return tuple(made)


def section(key: str, title: str, parts: Iterable[Part | None]) -> Section | None:
    """A section, or None where there is nothing to say."""
    kept = tuple(part for part in parts if part is not None)
    return Section(key, title, kept) if kept else None
