"""Follows a page of docs/ on a copy of the repository: writes its files, applies its edits, runs its commands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
COPIED = ("scenarios", "physics", "optimizer", "reports", "tests", "pyproject.toml", "README.md", "LICENSE")


def copy_of_the_repository(home: Path) -> Path:
    """A copy that has what a recipe needs; the repository is never touched."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, home / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, home / name)
    return home


@dataclass
class Ran:
    """One command of a recipe and what it printed."""

    command: str
    code: int
    output: str
    errors: str


def follow(page: str, home: Path) -> list[Ran]:
    """Carry out every block of a page that names a file, in order, and every `$` line of its consoles."""
    ran: list[Ran] = []
    for kind, target, body in BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if kind == "diff":
            _apply(home / target, body)
        elif kind == "console":
            ran += [run(line[2:], home) for line in body.splitlines() if line.startswith("$ ")]
        elif target:
            assert not (home / target).exists(), f"{target} is there already"
            (home / target).write_text(body, encoding="utf-8")
    return ran


def run(command: str, home: Path) -> Ran:
    """A command as a reader would type it, with this Python and the copy first on the path."""
    tool, *words = shlex.split(command)
    start = {
        "argosy": ["-c", "from reports.cli import main; main()"],
        "pytest": ["-m", "pytest", "-p", "no:cacheprovider"],
    }
    environment = {**os.environ, "PYTHONPATH": str(home), "NO_COLOR": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [sys.executable, *start[tool], *words], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    return Ran(command, done.returncode, done.stdout, done.stderr)


def _apply(path: Path, diff: str) -> None:
    """Insert the `+` lines of a diff where its other lines stand together, once."""
    before = "".join(line[1:] + "\n" for line in diff.splitlines() if not line.startswith("+"))
    after = "".join(line[1:] + "\n" for line in diff.splitlines())
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{path.name} has {text.count(before)} places that read\n{before}"
    path.write_text(text.replace(before, after), encoding="utf-8")
