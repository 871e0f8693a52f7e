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
        (["--lose", "nodes", "--at", "1 h"], "--at: 3600 s is after"),
        (["--requests", "1e9"], "at most 30,000,000"),
        (["--warm-up", "8e5 h"], "at most 30,000,000"),
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


def test_times_too_far_apart_are_refused(plan: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("time,isl,osl\n1e308,10,10\n-1e308,10,10\n")
    assert cli.run(["simulate", plan, *QUICK, "--trace", str(trace)]) == 1
    assert "the times are too far apart" in capsys.readouterr().err


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


def test_nothing_seems_to_hold_where_nothing_was_measured(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.run(["simulate", plan, *QUICK, "--burstiness", "100", "-q"]) == 1
    assert "no request of chat came while measuring" in capsys.readouterr().err


def test_a_node_named_twice_dies_once(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.run(["simulate", plan, *QUICK, "--lose", "nodes", "--lose", "nodes", "-q", "--json"]) == 0
    places = [case["where"] for case in json.loads(capsys.readouterr().out)["cases"]]
    assert len(places) == len(set(places))


def test_no_ratio_to_a_bound_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Devices of the Mélange example run full, so wall 7 states no first token."""
    assert cli.run(["simulate", "melange", *QUICK, "-q", "--markdown"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "no bound" in line)
    assert [cell.strip() for cell in line.split("|")][-3:] == ["no bound", "", ""]
