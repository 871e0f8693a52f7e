"""The page about the command line tells of every command and every flag, and of none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports import cli

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = (
    *("solve", "explain", "cheapest", "verify", "repair", "whatif", "whynot", "compare", "simulate", "report"),
    *("validate", "calibrate", "frontier", "alternatives", "robust", "export"),
    *("walls", "catalog", "scenarios", "schema"),
)


def test_every_command_and_flag_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    listed = re.findall(r"^  ([a-z]+) ", capsys.readouterr().out.split("Commands:")[1], re.MULTILINE)
    assert set(listed) == set(COMMANDS)
    flags = set()
    for command in COMMANDS:
        assert f"`argosy {command}" in PAGE
        assert cli.run([command, "--help"]) == 0
        flags |= set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", capsys.readouterr().out))
    missing = {flag for flag in flags if not re.search(rf"{flag}(?![\w-])", PAGE)}
    assert not missing
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) <= flags
