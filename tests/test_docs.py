"""The pages say what their commands say, hang together, and are all on the site."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import optimizer
import scenarios
from docs import generate, wall_pages
from optimizer.plan import Plan

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TEXTS = {path: path.read_text(encoding="utf-8") for path in (*generate.PAGES, *sorted((DOCS / "walls").glob("*.md")))}
QUOTES = [(path.name, quote) for path, text in TEXTS.items() for quote in generate.quotes(text)]
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
# Two machines round differently in the last digit; within the solver's gap the fleet may then differ a little.
TOLERANCE = 0.02


def same(written: str, made: str) -> None:
    """The same words, and numbers that differ by rounding only; how closely a gap was proven may vary."""
    written, made = (
        re.sub(r"within [\d.e-]+ % of the", "within # of the", " ".join(text.split())) for text in (written, made)
    )
    assert NUMBER.sub("#", written) == NUMBER.sub("#", made), "run `make pages`"
    for old, new in zip(NUMBER.findall(written), NUMBER.findall(made), strict=True):
        assert float(new.replace(",", "")) == pytest.approx(float(old.replace(",", "")), rel=TOLERANCE), (
            "run `make pages`"
        )


@pytest.fixture
def solved_once(monkeypatch: pytest.MonkeyPatch, shipped_plan: Callable[[str], Plan]) -> None:
    """A shipped scenario that another test has solved is not solved again, where the answer is the same."""
    solve = optimizer.solve

    def known(scenario: Any, binding: bool = True, **asked: Any) -> Plan:
        if scenario.name in scenarios.names() and scenario == scenarios.load(scenario.name):
            with monkeypatch.context() as real:
                real.setattr(optimizer, "solve", solve)
                plan = shipped_plan(scenario.name)
            if not binding or plan.fleet is None:
                return plan
        return solve(scenario, binding=binding, **asked)

    monkeypatch.setattr(optimizer, "solve", known)


@pytest.mark.usefixtures("solved_once")
@pytest.mark.parametrize("about", sorted({quote.about for _, quote in QUOTES}))
def test_what_a_command_prints(about: str) -> None:
    for _, quote in QUOTES:
        if quote.about == about:
            same(quote.output.removesuffix("```\n"), quote.made())


@pytest.mark.parametrize("name", scenarios.names())
def test_shipped_scenarios(name: str, shipped_plan: Callable[[str], Plan]) -> None:
    tables = [block for text in TEXTS.values() for _, block, _ in generate.SHIPPED.findall(text)]
    assert tables
    for table in tables:
        (written,) = (line for line in table.splitlines() if line.startswith(f"| `{name}` |"))
        same(written, generate.row(name, shipped_plan(name)))


def test_walls_are_what_the_code_says() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "walls").glob("*.md")}
    assert written == wall_pages.pages(), "run `make pages`"
