"""Writes what the pages quote by running what they say: `make pages`. Tests hold the pages to it.

Three things are made here; everything else on a page is written by hand.

- What a command prints. A console block under `<!-- output: PARTS -->` begins with its command; what follows is made.
  PARTS are joined by semicolons: `answer` (the first sentence), `title`, `all`, `nothing`, or the beginning of a
  section's title, perhaps with numbers of its paragraphs (`what binds 1-2`). Commands see the files that the same page
  writes out in blocks with a file name, and the files that the commands before them wrote.
- The table of shipped scenarios, between `<!-- begin: shipped -->` and its end.
- docs/walls/, from the walls' own text (`docs/wall_pages.py`).
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import optimizer
import scenarios
from docs import wall_pages
from optimizer.plan import Plan
from reports.cli import run as argosy
from reports.names import Places
from reports.words import listed

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
QUOTED = re.compile(r"(<!-- output: (.*?) -->\n```console\n)(\$ .*?)^```\n", re.M | re.S)
SHIPPED = re.compile(r"(<!-- begin: shipped -->\n)(.*?)(<!-- end: shipped -->)", re.S)
NAMED = re.compile(r"^```\w+ ([\w./-]+)\n(.*?)^```$", re.M | re.S)
HEAD = "| scenario | asks | answer | $M/yr | t CO2e/yr |\n|---|---|---|---:|---:|\n"
ANSWERED = (0, 3)  # exit codes: solved, or proven impossible


def command_of(block: str) -> tuple[str, str]:
    """The command at the head of a console block as written, and as one line.

    >>> command_of("$ argosy walls \\\\\\n    15\\nWhat is\\n")[1]
    'argosy walls 15'
    """
    lines = block.splitlines()
    last = next(number for number, line in enumerate(lines) if not line.endswith("\\"))
    written = "\n".join(lines[: last + 1]) + "\n"
    return written, " ".join(line.rstrip("\\").strip() for line in lines[: last + 1]).removeprefix("$ ")


@functools.cache
def ran(command: str, home: str) -> str:
    """What a command prints in a folder, 100 characters wide and without colours."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.chdir(home), _plain(), contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = _code(*shlex.split(command))
    if code not in ANSWERED:
        raise RuntimeError(f"$ {command}\n{output.getvalue()}{errors.getvalue()}")
    return output.getvalue()


def _code(tool: str, *words: str) -> int:
    """Exit code of `argosy ...` or `python -m benchmarks.NAME`, in this process."""
    if tool == "argosy":
        return argosy(words)
    if tool != "python" or words[0] != "-m" or not words[1].startswith("benchmarks."):
        raise RuntimeError(f"$ {tool} {' '.join(words)}: only argosy and benchmarks are run here")
    importlib.import_module(words[1]).main(*map(int, words[2:]))
    return 0


@contextlib.contextmanager
def _plain() -> Iterator[None]:
    """As a pipe 100 characters wide sees it."""
    before = {name: os.environ.get(name) for name in ("COLUMNS", "NO_COLOR")}
    os.environ.update(COLUMNS="100", NO_COLOR="1")
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def sections(text: str) -> dict[str, str]:
    """Bodies of a text report by title; the head, which holds the answer, has none."""
    parts = re.split(r"^([A-Z][A-Z0-9$ ,():&-]+)\n", text, flags=re.M)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def chosen(text: str, parts: str) -> str:
    """The parts of a report that a page quotes, a blank line between them."""
    found, quoted = sections(text), []
    answer, title, *_ = [*re.split(r"\n\s*\n", found[""].strip("\n"), maxsplit=2), ""]
    whole = {"answer": answer, "title": title, "all": text.strip("\n"), "nothing": ""}
    for part in (one.strip() for one in parts.split(";")):
        wanted = re.fullmatch(r"(.*?)(?: (\d)(?:-(\d))?)?", part)
        if part in whole or wanted is None:
            quoted.append(whole[part])
            continue
        name = next((one for one in found if one and one.lower().startswith(wanted[1].lower())), None)
        if name is None:
            raise RuntimeError(f"no section begins with {wanted[1]!r}: there are {', '.join(found)}")
        paragraphs = re.split(r"\n\s*\n", found[name].strip("\n"))
        first, last = int(wanted[2] or 1), int(wanted[3] or wanted[2] or len(paragraphs))
        quoted.append(f"{name}\n" + "\n\n".join(paragraphs[first - 1 : last]))
    return "\n\n".join(quoted)


@functools.cache
def home_of(page: str) -> str:
    """A folder with the files that a page writes out; pages without files share one."""
    return _home(files_of(page))


def files_of(page: str) -> tuple[tuple[str, str], ...]:
    """The files that a page writes out, by name."""
    return tuple(NAMED.findall(page))


@functools.cache
def _home(files: tuple[tuple[str, str], ...]) -> str:
    home = tempfile.TemporaryDirectory()
    _HOMES.append(home)
    for name, body in files:
        (Path(home.name) / name).parent.mkdir(parents=True, exist_ok=True)
        (Path(home.name) / name).write_text(body, encoding="utf-8")
    return home.name


_HOMES: list[tempfile.TemporaryDirectory[str]] = []  # gone when Python ends


@dataclass(frozen=True)
class Quote:
    """A console block that is made: what of a command's output stands on a page."""

    home: str
    about: str  # blocks about the same belong together: a later one may use a file that an earlier one wrote
    parts: str
    command: str
    output: str

    def made(self) -> str:
        """What should stand there."""
        text = chosen(ran(self.command, self.home), self.parts)
        return f"{text}\n" if text else ""


def quotes(page: str) -> list[Quote]:
    """The console blocks of a page that are made, in order."""
    found = []
    for _, parts, body in QUOTED.findall(page):
        written, command = command_of(body)
        about = files_of(page)[0][0] if files_of(page) else shlex.split(command)[2]
        found.append(Quote(home_of(page), about, parts, command, body.removeprefix(written)))
    return found


def made(page: str) -> str:
    """A page with what its commands print now."""

    def again(block: re.Match[str]) -> str:
        written, command = command_of(block[3])
        return f"{block[1]}{written}{Quote(home_of(page), '', block[2], command, '').made()}```\n"

    return QUOTED.sub(again, page)


def row(name: str, plan: Plan) -> str:
    """One shipped scenario: what it asks, and what comes out."""
    scenario = scenarios.load(name)
    return f"| `{name}` | {scenario.title} | {_answer(plan, Places(scenario))} |"


def _answer(plan: Plan, places: Places) -> str:
    if plan.fleet is None:
        return f"impossible: {listed(places.limit(member.limit) for member in plan.conflict)} | | "
    devices: dict[str, int] = {}
    for node in plan.nodes:
        devices[node.accelerator] = devices.get(node.accelerator, 0) + node.nodes * node.devices_per_node
    fleet = ", ".join(f"{count} {name}" for name, count in sorted(devices.items(), key=lambda item: -item[1]))
    accounts = plan.accounts
    return f"{fleet} | {accounts['usd_per_year'] / 1e6:.2f} | {accounts['kg_co2e_per_year'] / 1e3:.1f}"


def shipped() -> str:
    """The table of shipped scenarios."""
    rows = [row(name, optimizer.solve(scenarios.load(name), binding=False)) for name in scenarios.names()]
    return HEAD + "".join(f"{line}\n" for line in rows)


def main() -> None:
    """Write everything again."""
    wall_pages.write()
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        new = made(text)
        if SHIPPED.search(new):
            table = shipped()
            new = SHIPPED.sub(lambda block, table=table: f"{block[1]}{table}{block[3]}", new)
        if new != text:
            path.write_text(new, encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
