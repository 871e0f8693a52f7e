"""Every number that ships has a unit, a source and a date; no file names a registry's host or a machine's path."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import scenarios
from scenarios.catalog import load_catalog

DATA = Path(scenarios.__file__).parent / "data"
FILES = sorted(DATA.rglob("*.toml"))
WANTED = ("unit", "source", "date")
CONFIDENCE = {"A", "B", "C"}


def _numbers(node: Any, path: tuple[str, ...], above: tuple[dict[str, Any], ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _numbers(value, (*path, key), (*above, node))
    elif isinstance(node, list):
        for value in node:
            yield from _numbers(value, path, above)
    elif isinstance(node, (int, float)) and not isinstance(node, bool):
        yield path, above


def _sourced(path: tuple[str, ...], above: tuple[dict[str, Any], ...], table: dict[str, Any]) -> bool:
    """A table around the number says all three, or names one of the file's sources, or the file says it of itself."""
    tables = [*above, table.get("source")]
    tables += [table["sources"][one["source"]] for one in above if path[0] == "instances" and "source" in one]
    return any(isinstance(one, dict) and all(one.get(key) for key in WANTED) for one in tables)


def test_there_are_files() -> None:
    assert len(FILES) > 120


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DATA)))
def test_every_number_is_sourced(file: Path) -> None:
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    # How many measured points lie behind a fit is a statement about the file's own figures.
    found = [(path, above) for path, above in _numbers(table, (), ()) if path != ("rows",)]
    assert [".".join(path) for path, above in found if not _sourced(path, above, table)] == []
    assert found


def test_no_registry_host_and_no_machine_path() -> None:
    hosts = r"\bpypi\.|python[h]osted|npmjs|crates\.io|anaconda\.(org|com)|proxy\.golang"
    forbidden = re.compile(hosts + r"|(^|[\s\"'(])/(work|home|root|tmp|usr)/")
    for file in FILES:
        assert not forbidden.search(file.read_text(encoding="utf-8")), file


def test_figures_carry_their_source() -> None:
    catalog = load_catalog()
    for kind in (catalog.accelerators, catalog.regions, catalog.efficiencies, catalog.models):
        for thing in kind.values():
            for key, figure in thing.figures.items():
                assert figure.source and figure.unit, (thing, key)
                assert figure.date, (thing, key)
                assert figure.confidence in CONFIDENCE, (thing, key)


def test_a_figure_shows_as_it_was_written() -> None:
    figures = load_catalog().accelerators["h100-sxm"].figures
    assert figures["memory_bandwidth"].shown == "3.35 TB/s"
    assert figures["peak.fp8"].shown == "1,979 TFLOP/s"
    assert figures["purchase"].shown == "27,500 USD"
    assert figures["purchase"].note == "mean of 25,000 and 30,000"
    assert figures["idle_power_ratio"].shown == "0.43"
