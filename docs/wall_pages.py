"""A page for each wall, from its own text: what `WALL` says and the docstrings of its equations, doctests included.

`make pages` writes docs/walls/; a test holds the pages to the code.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from physics import WALLS
from physics.wall import Wall
from reports.content import Bullets, Content, Paragraph, Table
from reports.listings import wall as listing
from reports.listings import walls as all_walls
from reports.markdown import escape, table
from reports.words import spoken

_WIDTH = 90  # of a signature in one line
FOLDER = Path(__file__).parent / "walls"
# Labels that begin a paragraph of a docstring and stand out on the page.
_LABEL = re.compile(r"(?<![\w`])(Reference|References|Number|Numbers):")
_ARGUMENT = re.compile(r"^    (\S[^:]*): (.*)$")
_LINK = re.compile(r"\b(?:(doi):(10\.[^\s,;)]*[^\s,;).])|(arXiv):(\d{4}\.\d{5}))")


def file_name(wall: Wall) -> str:
    """Its page: ``15-fragility.md``."""
    return f"{wall.number:02d}-{wall.name.replace('_', '-')}.md"


def pages() -> dict[str, str]:
    """Every page of docs/walls/ by its file name."""
    return {"index.md": _contents()} | {file_name(wall): _page(wall) for wall in WALLS}


def _contents() -> str:
    content, _ = all_walls()
    lines = [
        "# The 22 walls",
        "Every limit that an ML system meets is one of 22 walls. Each is one file in `physics/`: its equations, what\n"
        "it does to a fleet, and its sources. These pages are written from those files; `argosy walls 15` says the\n"
        "same in short.",
        content.headline,
        "| | wall | domain | question | acts |\n|---:|---|---|---|---|\n" + "\n".join(_rows(content)),
        "What acting means:",
    ]
    return "\n\n".join([*lines, *(_part(part) for part in content.sections[1].parts)]) + "\n"


def _rows(content: Content) -> Iterator[str]:
    """The table of `argosy walls`, with a link to each page."""
    (listed,) = (part for part in content.sections[0].parts if isinstance(part, Table))
    for wall, (number, name, *rest) in zip(WALLS, listed.rows, strict=True):
        yield f"| {number} | [{name}]({file_name(wall)}) | {' | '.join(rest)} |"


def _page(wall: Wall) -> str:
    module = importlib.import_module(f"physics.{wall.name}")
    content, _ = listing(str(wall.number))
    equations = [f for f in functions(module) if not _of_a_fleet(f)]
    rows = [f for f in functions(module) if _of_a_fleet(f)]
    parts = [f"# {escape(content.title)}", f"**{escape(content.headline)}**", *_summary(content)]
    parts += ["## In words", _prose(module.__doc__ or "")]
    parts += ["## Equations, one by one", *(_function(one) for one in equations)]
    if rows:
        parts += ["## What it writes into the program", *(_function(one) for one in rows)]
    parts += _elsewhere(module, wall)
    parts += ["## Sources", *(_part(part, linked=True) for part in content.sections[2].parts), "---", _neighbours(wall)]
    return "\n\n".join(parts) + "\n"


def _summary(content: Content) -> Iterator[str]:
    """Equation and effect, as `argosy walls N` has them."""
    equation, fleet, _ = content.sections
    yield "```text\n" + "\n".join(part.text for part in equation.parts if isinstance(part, Paragraph)) + "\n```"
    yield f"## {fleet.title}"
    for part in fleet.parts:
        if not isinstance(part, Bullets) or part.items:
            yield _part(part)


def _part(part: object, linked: bool = False) -> str:
    if isinstance(part, Bullets):
        return "\n".join(f"- {links(item) if linked else escape(item)}" for item in part.items)
    if isinstance(part, Paragraph):
        return escape(part.text)
    return table(part)  # type: ignore[arg-type]


def functions(module: ModuleType) -> list[Callable[..., object]]:
    """The public functions that a file defines, as they stand there."""
    found = [
        value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    return sorted(found, key=lambda one: one.__code__.co_firstlineno)


def _of_a_fleet(function: Callable[..., object]) -> bool:
    return any("Layout" in str(one.annotation) for one in inspect.signature(function).parameters.values())


def _function(function: Callable[..., object]) -> str:
    """One function: its name and arguments, and its docstring."""
    signature = inspect.signature(function)
    plain = signature.replace(
        parameters=[one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()],
        return_annotation=inspect.Signature.empty,
    )
    name = function.__name__  # type: ignore[attr-defined]
    shown = f"{name}{plain}"
    if len(shown) > _WIDTH:
        shown = f"{name}(\n" + "".join(f"    {one},\n" for one in plain.parameters.values()) + ")"
    return f"### `{name}`\n\n```python\n{shown}\n```\n\n{_prose(inspect.getdoc(function) or '')}"


def _prose(docstring: str) -> str:
    """A docstring as Markdown: its arguments as a list, its doctests as code."""
    blocks, written = re.split(r"\n\s*\n", inspect.cleandoc(docstring).strip()), []
    for block in blocks:
        lines = block.splitlines()
        if block.startswith(">>>"):
            written.append(f"```pycon\n{block}\n```")
        elif lines[0] in ("Args:", "Attributes:", "Returns:"):
            title = {"Args:": "", "Attributes:": "", "Returns:": "Returns:\n\n"}[lines[0]]
            written.append(title + "\n".join(_arguments(lines[1:])))
        else:
            written.append(links(_LABEL.sub(r"*\1:*", block), marked=True))
    return "\n\n".join(written)


def _arguments(lines: list[str]) -> Iterator[str]:
    """Each argument as an item; a line without a name goes on with the last one."""
    for line in lines:
        found = _ARGUMENT.match(line)
        if found:
            names = ", ".join(f"`{name.strip()}`" for name in found[1].split(","))
            yield f"- {names}: {found[2]}"
        else:
            yield f"  {line.strip()}"


def links(text: str, marked: bool = False) -> str:
    """Text with its digital object identifiers and arXiv numbers as links."""

    def link(found: re.Match[str]) -> str:
        if found[1]:
            return f"[doi:{found[2]}](https://doi.org/{found[2]})"
        return f"[arXiv:{found[4]}](https://arxiv.org/abs/{found[4]})"

    return _LINK.sub(link, text if marked else escape(text))


def _elsewhere(module: ModuleType, wall: Wall) -> list[str]:
    """Other files of physics/ that this wall's file leans on and that are no walls themselves."""
    source = inspect.getsource(module)
    names = dict.fromkeys(re.findall(r"^from physics(?:\.(\w+))? import", source, re.M))
    walls = {one.name for one in WALLS}
    items = []
    for name in names:
        if name and name not in walls | {"wall", "layout"}:
            says = " ".join(
                inspect.cleandoc(importlib.import_module(f"physics.{name}").__doc__ or "").split("\n\n")[0].split()
            )
            items.append(f"- `physics/{name}.py`: {says}")
    said = [f"The code: `physics/{wall.name}.py`; its tests: `tests/physics/test_{wall.name}.py`."]
    return ["## Where it is", *said, *(["It leans on:\n\n" + "\n".join(items)] if items else [])]


def _neighbours(wall: Wall) -> str:
    """The way to the walls before and after."""
    before = [f"[{one.number} {spoken(one.name)}]({file_name(one)})" for one in WALLS if one.number == wall.number - 1]
    after = [f"[{one.number} {spoken(one.name)}]({file_name(one)})" for one in WALLS if one.number == wall.number + 1]
    return " · ".join([*before, "[all walls](index.md)", *after])


def write() -> None:
    """Write every page, and take away those of walls that are gone."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
