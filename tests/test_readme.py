"""The Python example of README.md runs. What its commands print is held to in `test_docs.py`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import optimizer
from optimizer.plan import Plan

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_python_example_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shipped_plan: Callable[[str], Plan]
) -> None:
    """As written, but for the solving, which other tests do: a plan of this run is handed out."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    plan = shipped_plan("capstone")
    monkeypatch.setattr(optimizer, "solve", lambda scenario: plan)
    exec(compile(code, "README.md", "exec"), {})
    assert "aws/us-east-1" in capsys.readouterr().out
