"""A report as Markdown. Names from the user's files stay text: nothing in them becomes markup."""

from __future__ import annotations

import re

from reports.content import Bullets, Content, Paragraph, Part, Table

_MARKS = re.compile(r"([\\`*\[\]<|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|\$(?![0-9]))")
_LINE_START = re.compile(r"^(\s*)([#+=>-]|\d+(?=[.)]))")
_ENTITY = re.compile(r"&(?=#?\w+;)")


def escape(text: str) -> str:
    """Text that Markdown shows as it is.

    >>> print(escape("a|b *c* <script> [x](y) 1,000/s us-east-1 kv_cache"))
    a\\|b \\*c\\* &lt;script> \\[x\\](y) 1,000/s us-east-1 kv_cache
    """
    marked = _MARKS.sub(r"\\\1", _ENTITY.sub("&amp;", text))
    return marked.replace("\\<", "&lt;")


def _line(text: str) -> str:
    """A line of its own: no list, heading or rule by accident."""
    escaped = escape(text)
    return (
        _LINE_START.sub(r"\1\\\2", escaped)
        if not escaped[:1].isdigit()
        else re.sub(r"^(\d+)([.)]\s)", r"\1\\\2", escaped)
    )


def markdown(content: Content) -> str:
    """The whole report; the answer is its first line."""
    blocks = [f"**{escape(content.headline)}**", f"# {escape(content.title)}"]
    for section in content.sections:
        blocks.append(f"## {escape(section.title)}")
        blocks += [markdown_part(part) for part in section.parts]
    return "\n\n".join(blocks) + "\n"


def markdown_part(part: Part) -> str:
    if isinstance(part, Paragraph):
        return _line(part.text)
    if isinstance(part, Bullets):
        return "\n".join(f"- {_line(item)}" for item in part.items)
    return table(part)


def table(part: Table) -> str:
    """A table, with its caption above and its totals in bold."""
    lines = [_row(column.title for column in part.columns)]
    lines.append("|" + "|".join(" ---: " if column.align == "right" else " --- " for column in part.columns) + "|")
    lines += [_row(row) for row in part.rows]
    if part.total is not None:
        lines.append("| " + " | ".join(f"**{escape(cell)}**" if cell else "" for cell in part.total) + " |")
    body = "\n".join(lines)
    return f"{_line(part.caption)}:\n\n{body}" if part.caption else body


def _row(cells: object) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"  # type: ignore[attr-defined]
