"""The table of contents: 22 walls in canonical order, then ours; each a file with sourced equations and a test."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import physics
from physics import WALLS, wall

HERE = Path(__file__).parent
ORDER = (
    "compute", "memory", "software", "serving", "batching", "streaming", "tail_latency", "ingestion", "transformation",
    "locality", "complexity", "reasoning", "fidelity", "communication", "fragility", "multi_tenant", "capital",
    "sustainability", "checkpoint", "safety", "sensitivity", "synthesis",
)  # fmt: skip
ACTING = {
    "compute", "memory", "software", "serving", "batching", "tail_latency", "locality", "fidelity", "communication",
    "fragility", "capital", "sustainability", "sensitivity",
}  # fmt: skip


def test_the_22_in_order() -> None:
    assert tuple(w.name for w in WALLS)[:22] == ORDER
    assert [w.number for w in WALLS] == list(range(1, len(WALLS) + 1))
    assert {w.name for w in WALLS[:22] if w.acts} == ACTING


@pytest.mark.parametrize("number", range(1, 23))
def test_found_by_number_and_name(number: int) -> None:
    assert wall(number) is wall(str(number)) is wall(wall(number).name)


def test_unknown_wall_lists_all() -> None:
    with pytest.raises(KeyError, match="22 synthesis"):
        wall("great")


@pytest.mark.parametrize("name", [w.name for w in WALLS])
def test_a_wall_is_a_file_of_sourced_equations(name: str) -> None:
    module = importlib.import_module(f"physics.{name}")
    found = module.WALL
    assert found is wall(name)
    assert found.question.endswith("?")
    assert found.in_fleet
    assert found.sources
    assert (HERE / f"test_{name}.py").exists(), "each wall has a test of its own name"
    equations = [f for _, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__]
    public = [f for f in equations if not f.__name__.startswith("_") and "rows" not in f.__name__]
    assert public, "a wall has an equation"
    assert all(f.__doc__ for f in public)
    finder = doctest.DocTestFinder(recurse=False)
    assert any(test.examples for f in public for test in finder.find(f, module=False)), "and a doctest"
    text = " ".join((module.__doc__ or "", *(f.__doc__ or "" for f in public)))
    assert any(word in text + str(found.sources) for word in ("mlsysim", "arXiv", "doi")), "with a number from a source"
    assert re.search(r"\[[^\]]+\]|\(count\)|\(ratio\)", text), "in units"


def test_no_stubs() -> None:
    for path in Path(inspect.getfile(physics)).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = [n for n in node.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]
                assert body, f"{path.name}: {node.name} does nothing"
                assert not isinstance(body[0], ast.Pass), f"{path.name}: {node.name} does nothing"


def test_import_is_light() -> None:
    """Physics loads NumPy and nothing heavier."""
    code = "import sys, physics; print(sorted({'pandas','scipy','pyomo','highspy','pydantic'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
