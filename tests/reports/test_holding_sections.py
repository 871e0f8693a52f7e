"""`argosy robust --hold`: the plan it finds, what it gives up, and what it cannot go with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from reports import cli
from tests.optimizer.cases import chat, small_mapping

FLAGS = ["--draws", "5", "--range", "demand=70%..160%", "--range", "purchase prices=80% to 120%", "--gap", "0"]


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small scenario as a file."""
    file = tmp_path_factory.mktemp("questions") / "small.yaml"
    YAML().dump(small_mapping(workloads=chat(batch=[32], precisions=["fp8"])), file)
    return str(file)


def test_the_plan_is_told_written_and_verified(
    question: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = str(tmp_path / "plan.json")
    assert cli.run(["robust", question, *FLAGS, "--hold", "80%", "--output", plan]) == 0
    out, err = capsys.readouterr()
    text = " ".join(out.split())
    assert "keeps every limit in 4 of 5 draws; 4 were asked for" in text and err == ""
    assert "the demand of chat by" in text and "demand of chat 15" in text
    assert "no fleet that holds in so many draws has less" in text and "confirmed" in text
    assert cli.run(["verify", question, plan]) == 0
    capsys.readouterr()
    assert cli.run(["robust", question, *FLAGS, "--hold", "100%", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["holds_in"], found["may_break"], found["status"]) == (5, 0, "optimal")
    assert found["draws"][0]["factors"].keys() >= {"demand of chat"} and found["plan"]["verified"]
    assert found["change"]["usd_per_year"][0] > 0 and found["lock"]["gap"] == 0.0


def test_no_fleet_for_so_many_draws(question: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--draws", "4", "--range", "demand=100%..2000%", "--hold", "100%"]
    assert cli.run(["robust", question, *flags, "--markdown"]) == 3
    out = capsys.readouterr().out
    assert "No fleet at all holds in" in out and "a lower share may do" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--hold", "120%"], "more than 1"),
        (["--hold", "-10%"], "--hold"),
        (["--hold", "90%", "--resume", "draws.jsonl"], "cannot go with --resume"),
        (["--hold", "90%", "--draws-only"], "cannot go with --draws-only"),
        (["--hold", "90%", "--output", "nowhere/plan.json"], "there is no folder"),
    ],
)
def test_what_hold_cannot_be(question: str, words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["robust", question, *FLAGS, *words]) == 1
    assert says in " ".join(capsys.readouterr().err.split())
