"""`argosy simulate`: its three forms, a plan or a scenario, and every flag that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports import cli

QUICK = ("--requests", "500", "--seeds", "1", "--warm-up", "5 s")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small plan, written by `solve`."""
    file = tmp_path_factory.mktemp("plans") / "small.json"
    assert cli.run(["solve", "capstone_small", "--no-binding", "-q", "-o", str(file)]) == 0
    return str(file)


def test_text_markdown_and_json_say_the_same(plan: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    capsys.readouterr()
    file = tmp_path / "found.json"
    assert cli.run(["simulate", plan, *QUICK, "--lose", "nodes", "-q", "-o", str(file)]) == 0
    text = capsys.readouterr().out
    assert cli.run(["simulate", plan, *QUICK, "--lose", "nodes", "-q", "--markdown"]) == 0
    page = capsys.readouterr().out
    assert cli.run(["simulate", plan, *QUICK, "--lose", "nodes", "-q", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["holds"] is True and found["schema_version"]
    assert {**json.loads(file.read_text()), "cpu_s": 0} == {**found, "cpu_s": 0}
    p99 = found["cases"][0]["groups"][0]["ttft"]["p99"]["value"]
    for words in (text, page):
        assert "holds when it is played" in words
        assert f"{p99 * 1e3:.3g} ms" in words
        assert "b200" in words or "h" in words


def test_a_scenario_is_solved_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["simulate", "capstone_small", *QUICK, "-q", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scenario"] == "capstone_small"


def test_a_missed_promise_is_said_first_and_is_no_error(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Very bursty requests are not what the plan was made for."""
    capsys.readouterr()
    assert cli.run(["simulate", plan, *QUICK, "--burstiness", "40", "-q"]) == 0
    assert "does not hold when it is played" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--requests", "many"], "--requests"),
        (["--seeds", "0"], "--seeds"),
        (["--jobs", "0"], "--jobs"),
        (["--burstiness", "-1"], "--burstiness"),
        (["--dispatch", "best"], "least_loaded"),
        (["--lose", "nowhere"], "nodes, regions"),
        (["--slot", "noon"], "--slot"),
        (["--at", "5 s"], "--lose"),
        (["--lose", "nodes", "--at", "5 s", "--back", "4 s"], "--back"),
        (["--spread", "5"], "--spread"),
        (["--warm-up", "long"], "--warm-up"),
        (["--trace", "nowhere.csv"], "nowhere.csv"),
        (["--scenario", "capstone"], "does not hold for this scenario"),
        (["--json", "--markdown"], "choose one"),
    ],
)
def test_wrong_flags_are_named(plan: str, flags: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.run(["simulate", plan, *QUICK, *flags]) == 1
    error = capsys.readouterr().err
    assert says in error and "Traceback" not in error


def test_a_plan_whose_scenario_is_not_shipped_asks_for_it(
    plan: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads(Path(plan).read_text())
    data["lock"]["scenario_sha256"] = "0" * 64
    other = tmp_path / "other.json"
    other.write_text(json.dumps(data))
    capsys.readouterr()
    assert cli.run(["simulate", str(other)]) == 1
    assert "--scenario FILE" in capsys.readouterr().err
