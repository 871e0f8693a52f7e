"""Rows of a user's CSV file, one at a time, each with its line; what is wrong is said with file and line."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from scenarios.check_names import nearest
from scenarios.errors import Problem, ScenarioError

_BLOCK = 1 << 20


def sha256(path: Path) -> str:
    """Digest of a file's content, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def rows(
    path: Path, name: str, largest_bytes: int, hint: str = "the path is relative to the scenario file"
) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of the file, the header first; empty lines are left out. ScenarioError where it is no such file."""
    try:
        size = path.stat().st_size
        if size > largest_bytes:
            raise _refused(name, None, f"the file has {size:,} bytes", f"at most {largest_bytes:,} are read")
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            try:
                for cells in reader:
                    if any(cell.strip() for cell in cells):
                        yield reader.line_num, [cell.strip() for cell in cells]
            except csv.Error as error:
                raise _refused(name, reader.line_num, f"this is not CSV: {error}") from error
            except UnicodeDecodeError as error:
                message = "this is not UTF-8 text"
                raise _refused(name, reader.line_num + 1, message, "save the file as UTF-8") from error
    except IsADirectoryError as error:
        raise _refused(name, None, "this is a folder", "give a CSV file") from error
    except FileNotFoundError as error:
        raise _refused(name, None, "there is no such file", hint) from error
    except (OSError, ValueError) as error:
        raise _refused(name, None, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def parted_by_commas(titles: list[str], name: str, line: int) -> None:
    """ScenarioError where the first line is empty, or names its columns in one cell."""
    if not titles:
        raise _refused(name, None, "the file is empty", "its first line names the columns")
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(titles) == 1 and titles[0].count(mark) > 1:
            raise _refused(name, line, f"the columns are parted by {word}", "save the file with commas between them")


def header(cells: list[str], known: Mapping[str, Collection[str]], name: str, line: int) -> dict[str, int]:
    """Place of each known column, found under any of its spellings. A spelling that stands there twice is refused."""
    found: dict[str, int] = {}
    plain = [_plain(cell) for cell in cells]
    for column, spellings in known.items():
        places = [place for place, cell in enumerate(plain) if cell in spellings]
        if len(places) > 1:
            both = " and ".join(f'"{cells[place]}"' for place in places[:2])
            raise _refused(name, line, f"{both} are both a column of {column}", "delete one of them")
        if places:
            found[column] = places[0]
    return found


def unknown_columns(cells: list[str], known: Mapping[str, Collection[str]], name: str, line: int) -> None:
    """ScenarioError where a column has a name that nobody reads: a mistyped one must not be left out in silence."""
    spellings = {spelling for group in known.values() for spelling in group}
    wrong = [cell for cell in cells if _plain(cell) not in spellings]
    if wrong:
        raise ScenarioError(
            Problem(name, line, cell, "there is no such column", nearest(_plain(cell), list(known))) for cell in wrong
        )


def _plain(cell: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in cell.strip().lower())


def _refused(name: str, line: int | None, message: str, hint: str = "") -> ScenarioError:
    return ScenarioError(Problem(name, line, "", message, hint))
