"""Reads TOML files: the shipped ones by kind and name, and the user's, with a line for every key."""

from __future__ import annotations

import functools
import hashlib
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from scenarios.errors import Problem, ScenarioError
from scenarios.figures import Layer, nearest

KINDS = ("accelerators", "models", "regions", "efficiencies")
"""Tables that a user's file may hold, by name of the thing."""
LISTS = ("prices", "round_trips")
"""Lists that a user's file may hold."""
_LARGEST_FILE_BYTES = 1_000_000
_HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=""")
_KEY_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^.\s"']+))\s*\.?""")


def _data() -> Traversable:
    return resources.files("scenarios").joinpath("data")


@functools.cache
def shipped(kind: str) -> dict[str, Traversable]:
    """Name -> file of one kind; a folder inside becomes part of the name ("aws/us-east-1")."""

    def walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
        for item in folder.iterdir():
            if item.is_dir():
                yield from walk(item, f"{prefix}{item.name}/")
            elif item.name.endswith(".toml"):
                yield prefix + item.name.removesuffix(".toml"), item

    return dict(sorted(walk(_data().joinpath(kind), "")))


@functools.cache
def shipped_table(kind: str, name: str) -> dict[str, Any]:
    """One shipped file, parsed once. Callers do not write to it."""
    return tomllib.loads(shipped(kind)[name].read_text(encoding="utf-8"))


@functools.cache
def shipped_digest() -> str:
    """SHA-256 over the names and contents of all shipped files."""
    digest = hashlib.sha256()
    for kind in sorted(item.name for item in _data().iterdir() if item.is_dir()):
        for name, file in shipped(kind).items():
            digest.update(f"{kind}/{name}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


class UserFile:
    """A user's TOML file: its tables, and the line of every key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self.problems: list[Problem] = []
        self.text = self._read_text()
        self.tables = self._parse()
        self.lines = _lines(self.text) if not self.problems else {}
        self._check_top()

    def _problem(self, message: str, hint: str = "", line: int | None = None, key: str = "") -> None:
        self.problems.append(Problem(self.name, line, key, message, hint))

    def _read_text(self) -> str:
        try:
            size = self.path.stat().st_size
            if size > _LARGEST_FILE_BYTES:
                self._problem(f"is {size / 1e6:.1f} MB; a catalog file may be 1 MB", "split it")
                return ""
            return self.path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            self._problem(f"cannot be read: {error.strerror or error}", "a path is relative to the scenario file")
        except UnicodeDecodeError:
            self._problem("is not UTF-8 text")
        return ""

    def _parse(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            where = re.search(r"\(at line (\d+)", str(error))
            self._problem(f"is not TOML: {error}", "texts need quotes", int(where[1]) if where else None)
        except RecursionError:
            self._problem("is nested too deeply")
        except ValueError as error:  # a whole number of thousands of digits
            self._problem(f"cannot be read: {error}")
        return {}

    def _check_top(self) -> None:
        for key, value in self.tables.items():
            if key in LISTS:
                good = isinstance(value, list) and all(isinstance(row, dict) for row in value)
                wanted = f"[[{key}]]"
            elif key in KINDS:
                good = isinstance(value, dict) and all(isinstance(item, dict) for item in value.values())
                wanted = f"[{key}.NAME]"
            else:
                self._problem("no such table", nearest(key, KINDS + LISTS), self.lines.get(key), key)
                continue
            if not good:
                self._problem("is not written as tables", f"write {wanted}", self.lines.get(key), key)

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """The rows of a list such as [[prices]]."""
        return list(self.tables.get(kind, []))

    def entries(self, kind: str) -> dict[str, dict[str, Any]]:
        """The tables of one kind, by name."""
        return dict(self.tables.get(kind, {}))

    def layer(self, kind: str, name: str) -> Layer:
        """What the file says about one thing; its `source`, a text or a table, holds for figures that state none."""
        table = self.entries(kind)[name]
        stated = table.get("source", "")
        source = stated if isinstance(stated, dict) else {"source": stated}
        texts = [str(source.get(key, "")) for key in ("source", "date")]
        return Layer(self.name, table, True, self.lines, texts[0], texts[1])


def read_user_files(paths: tuple[Path, ...]) -> list[UserFile]:
    """All of them; ScenarioError with what is wrong in any."""
    files = [UserFile(path) for path in paths]
    problems = [problem for file in files for problem in file.problems]
    if problems:
        raise ScenarioError(problems)
    return files


def _lines(text: str) -> dict[str, int]:
    """Dotted key -> line. A best effort by line: it only serves to point at things."""
    found: dict[str, int] = {}
    header, counts = "", {}  # type: ignore[var-annotated]
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _HEADER.match(line):
            header = _dotted(match[2])
            if match[1] == "[[":
                index = counts[header] = counts.get(header, -1) + 1
                header = f"{header}[{index}]"
            _add(found, header, number)
        elif match := _ASSIGNMENT.match(line):
            _add(found, f"{header}.{_dotted(match[1])}" if header else _dotted(match[1]), number)
    return found


def _add(found: dict[str, int], key: str, number: int) -> None:
    """Notes the key and, where they are new, the tables it lies in."""
    found.setdefault(key, number)
    while "." in key:
        key = key.rpartition(".")[0]
        found.setdefault(key, number)


def _dotted(text: str) -> str:
    return ".".join(first or second or third for first, second, third in _KEY_PART.findall(text))
