"""Tables as lines of text of a given width: numbers stay whole, words fold, long places go on a line of their own."""

from __future__ import annotations

import re

from rich.cells import cell_len, chop_cells

from reports.content import Table

GAP = 2
_INDENT = 4
_LONGEST_WORD = 24


def lay_out(table: Table, width: int) -> tuple[list[str], list[tuple[str, ...]], list[str]]:
    """Headings, rows and the titles that had no room; each row is a tuple of lines, the total (if any) the last row."""
    rows = [*table.rows, *([table.total] if table.total else [])]
    kept, below = _fit(table, rows, width)
    widths = _widths(table, rows, kept, width)
    titles = tuple(table.columns[place].title for place in range(len(table.columns)))
    headings = list(_row(table, titles, kept, None, widths, width)) if any(titles) else []
    laid = [_row(table, row, kept, below, widths, width) for row in rows]
    left = [titles[place] for place in range(len(titles)) if place not in kept and place != below]
    return headings, laid, left


def _fit(table: Table, rows: list[tuple[str, ...]], width: int) -> tuple[list[int], int | None]:
    """Columns side by side, and the one that goes below its row; spare ones are left out if it must be."""
    kept = list(range(len(table.columns)))
    below = None
    while sum(_least(table, rows, place) + GAP for place in kept) - GAP > width:
        spare = [place for place in kept if table.columns[place].spare]
        under = next((place for place in kept if table.columns[place].below), None)
        if under is not None:
            below = under
        elif not spare:
            break
        kept.remove(under if under is not None else max(spare, key=lambda place: (table.columns[place].spare, place)))
    return kept, below


def _natural(table: Table, rows: list[tuple[str, ...]], place: int) -> int:
    return max((cell_len(cell) for cell in [table.columns[place].title, *(row[place] for row in rows)]), default=0)


def _least(table: Table, rows: list[tuple[str, ...]], place: int) -> int:
    """The narrowest that a column may become."""
    column, natural = table.columns[place], _natural(table, rows, place)
    title = max((cell_len(word) for word in column.title.split()), default=0)
    if column.spare or column.align == "right":
        return max(title, max((cell_len(row[place]) for row in rows), default=0))
    if column.below:
        return natural
    words = [cell_len(word) for row in rows for word in row[place].split()]
    # A long sentence in a column of its longest word would be a tower.
    return max(title, min(_LONGEST_WORD, max(words, default=1)), min(natural, 14), min(natural // 8, 30))


def _widths(table: Table, rows: list[tuple[str, ...]], kept: list[int], width: int) -> dict[int, int]:
    """Natural widths, the widest cut down until the page is wide enough."""
    widths = {place: _natural(table, rows, place) for place in kept}
    least = {place: _least(table, rows, place) for place in kept}
    excess = sum(widths.values()) + GAP * (len(kept) - 1) - width
    while excess > 0:
        # Above all a heading gives way, then the widest column.
        can = [place for place in kept if widths[place] > least[place]]
        if not can:
            break
        widths[max(can, key=lambda place: widths[place])] -= 1
        excess -= 1
    while excess > 0:
        soft = [place for place in kept if table.columns[place].align == "left" and widths[place] > 8]
        if not soft:
            break
        widths[max(soft, key=lambda place: widths[place])] -= 1
        excess -= 1
    return widths


def _row(
    table: Table, cells: tuple[str, ...], kept: list[int], below: int | None, widths: dict[int, int], width: int
) -> tuple[str, ...]:
    columns = [(wrapped(cells[place], widths[place]), widths[place], table.columns[place].align) for place in kept]
    lines = []
    for number in range(max((len(text) for text, _, _ in columns), default=0)):
        parts = [_padded(text[number] if number < len(text) else "", size, align) for text, size, align in columns]
        lines.append((" " * GAP).join(parts).rstrip())
    if below is not None and cells[below]:
        lines += [" " * _INDENT + line for line in wrapped(cells[below], width - _INDENT)]
    return tuple(lines)


def _padded(text: str, width: int, align: str) -> str:
    blank = " " * max(0, width - cell_len(text))
    return blank + text if align == "right" else text + blank


def _pieces(text: str) -> list[str]:
    """What stays together: words, and the parts of a path."""
    return [piece for word in text.split() for piece in re.split(r"(?<=/)", word) if piece]


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at blanks; a word that is longer is broken after a slash, else anywhere.

    >>> wrapped("lost: aws/us-east-1/owned-8x-h200-sxm/1 in use", 20)
    ['lost: aws/us-east-1/', 'owned-8x-h200-sxm/1', 'in use']
    """
    lines: list[str] = []
    for word in text.split():
        blank = " " if lines else ""
        for piece in [word] if cell_len(word) <= width else _pieces(word):
            if lines and cell_len(lines[-1] + blank + piece) <= width:
                lines[-1] += blank + piece
            else:
                lines += chop_cells(piece, max(width, 1))
            blank = ""
    return lines or [""]
