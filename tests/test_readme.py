"""README.md says what its commands say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

import scenarios

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
# Two machines round differently in the last digit; within the solver's gap the fleet may then differ a little.
TOLERANCE = 0.02


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = generator()


def same(written: str, made: str) -> None:
    """The same words, and numbers that differ by rounding only; how closely a gap was proven may vary."""
    written, made = (
        re.sub(r"within [\d.e-]+ % of the", "within # of the", " ".join(text.split())) for text in (written, made)
    )
    assert NUMBER.sub("#", written) == NUMBER.sub("#", made), "run `make readme`"
    for old, new in zip(NUMBER.findall(written), NUMBER.findall(made), strict=True):
        assert float(new.replace(",", "")) == pytest.approx(float(old.replace(",", "")), rel=TOLERANCE), (
            "run `make readme`"
        )


@pytest.mark.parametrize("name", ["capstone", "cheapest"])
def test_block(name: str) -> None:
    same(GENERATE.blocks(README)[name], GENERATE.BLOCKS[name]())


@pytest.mark.parametrize("name", scenarios.names())
def test_row(name: str) -> None:
    (written,) = (line for line in GENERATE.blocks(README)["shipped"].splitlines() if line.startswith(f"| `{name}` |"))
    same(written, GENERATE.row(name))


def test_every_block_is_generated() -> None:
    assert GENERATE.blocks(README).keys() == GENERATE.BLOCKS.keys()


def test_python_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(compile(code, "README.md", "exec"), {})
