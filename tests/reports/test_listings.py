"""Lists on the command line: walls, scenarios, catalog, schemas."""

from __future__ import annotations

import json

import pytest

import scenarios
from physics import WALLS
from reports import cli


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.run(list(arguments)) == 0
    return capsys.readouterr().out


def test_all_22_walls_and_which_act(capsys: pytest.CaptureFixture[str]) -> None:
    out = ask(capsys, "walls")
    assert out.startswith("22 walls, of which ")
    listed = json.loads(ask(capsys, "walls", "--json"))
    assert [wall["number"] for wall in listed] == list(range(1, 23))
    assert [bool(wall["acts"]) for wall in listed] == [bool(wall.acts) for wall in WALLS]


@pytest.mark.parametrize("name", ["7", "tail_latency", "tail latency", "Tail-Latency"])
def test_one_wall_by_number_or_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = ask(capsys, "walls", name)
    assert "Wall 7: tail latency" in out
    for heading in ("EQUATION", "IN A FLEET", "SOURCES"):
        assert heading in out


def test_shipped_scenarios_with_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(ask(capsys, "scenarios", "--json"))
    assert [one["name"] for one in listed] == list(scenarios.names())
    assert all(one["title"] for one in listed)


@pytest.mark.parametrize("kind", ["accelerators", "models", "regions", "prices"])
def test_the_catalog_in_lists(kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for width in ("80", "120"):
        monkeypatch.setenv("COLUMNS", width)
        assert max(map(len, ask(capsys, "catalog", kind).splitlines())) <= int(width)
    held = json.loads(ask(capsys, "catalog", kind, "--json"))
    assert len(held) == len(getattr(scenarios.load_catalog(), "instances" if kind == "prices" else kind))


def test_a_filter_keeps_lines_with_every_word(capsys: pytest.CaptureFixture[str]) -> None:
    held = json.loads(ask(capsys, "catalog", "prices", "h100-sxm", "us-east-1", "--json"))
    assert held and all(one["accelerator"] == "h100-sxm" and "us-east-1" in one["region"] for one in held)
    assert ask(capsys, "catalog", "models", "no such thing").startswith("0 models")


def test_figures_carry_their_source(capsys: pytest.CaptureFixture[str]) -> None:
    (held,) = json.loads(ask(capsys, "catalog", "accelerators", "h200-sxm", "--json"))
    assert held["figures"]["tdp"]["source"] and held["figures"]["tdp"]["date"]
    assert held["embodied_kg"] is None


def test_unknown_figures_are_called_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    line = next(
        line for line in ask(capsys, "catalog", "accelerators", "h200-sxm").splitlines() if "h200-sxm  " in line
    )
    assert "unknown" in line


def test_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    assert "workloads" in json.loads(ask(capsys, "schema"))["properties"]
    plan = json.loads(ask(capsys, "schema", "--plan"))
    for key in ("accounts", "fleet", "readings", "binding", "conflict", "repairs", "rejected", "lock"):
        assert key in plan["properties"]
