"""`argosy robust`: its forms, its file, and every flag that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from reports import cli
from tests.optimizer.cases import small_mapping

FLAGS = ["--draws", "6", "--jobs", "1", "--range", "demand=60%..130%", "--range", "purchase prices=80% to 120%"]


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small scenario as a file."""
    file = tmp_path_factory.mktemp("questions") / "small.yaml"
    YAML().dump(small_mapping(), file)
    return str(file)


def test_text_markdown_and_json(question: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, file = str(tmp_path / "plan.json"), str(tmp_path / "draws.jsonl")
    assert cli.run(["solve", question, "--no-binding", "--output", plan]) == 0
    capsys.readouterr()
    asked = ["robust", question, plan, *FLAGS]
    assert cli.run([*asked, "--output", file]) == 0
    out, err = capsys.readouterr()
    text = " ".join(out.split())
    assert "Within every limit in 4 of 6 draws; broken: the demand of chat in 2." in text and err == ""
    assert "another fleet is better" in text and "these alone turn nothing: purchase prices" in text
    assert cli.run([*asked, "--resume", file, "--markdown"]) == 0
    assert "10 pieces taken from" in capsys.readouterr().out
    assert cli.run([*asked, "--resume", file, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["held"], found["drawn"], found["reused"]) == ("complete", 4, 6, 10)
    assert cli.run([*asked, "--output", file]) == 1
    assert "is there already" in capsys.readouterr().err
    assert cli.run([*asked, "--draws-only", "--confidence", "0.9", "--resume", file, "--json"]) == 1
    assert "robust run of another question" in json.loads(capsys.readouterr().out)["errors"][0]["message"]


def test_a_plan_is_held_to_its_own_confidence(
    question: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = str(tmp_path / "sure.json")
    assert cli.run(["solve", question, "--no-binding", "--confidence", "0.9", "--output", plan]) == 0
    capsys.readouterr()
    assert cli.run(["robust", question, plan, *FLAGS, "--draws-only", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["today"] == [] and found["plan"]["confidence"] == 0.9


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--draws", "0"], "1 to 100,000"),
        (["--seed", "-1"], "--seed"),
        (["--jobs", "0"], "1 to 256"),
        (["--resume", "a", "--output", "b"], "--resume"),
        (["--time-limit", "0 s"], "no time is left"),
        (["--json", "--markdown"], "choose one"),
        (["--output", "nowhere/draws.jsonl"], "there is no folder nowhere"),
        (["nowhere.json"], "nowhere.json cannot be read"),
        (["--range", "demand"], "is no range of an input"),
        (["--range", "demnd=80%..130%"], 'did you mean "demand"?'),
        (["--range", "demand=80%"], "is not a range"),
        (["--range", "demand=130%..80%"], "the least comes first"),
        (["--range", "demand of chat=80%..90%"], "as demand does already"),
        (["--range", "efficiency=80%..200%"], "at most 1"),
    ],
)
def test_wrong_flags_are_named(question: str, words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    base = [] if "nowhere.json" in words else ["--range", "demand=60%..130%"]
    assert cli.run(["robust", question, *base, *words]) == 1
    error = " ".join(capsys.readouterr().err.split())
    assert says in error and "Traceback" not in error


def test_without_ranges_or_without_a_fleet(question: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["robust", question]) == 1
    assert "nothing to draw from" in capsys.readouterr().err
    file = tmp_path / "poor.yaml"
    YAML().dump(small_mapping(limits={"budget": "$10/yr"}), file)
    assert cli.run(["robust", str(file), *FLAGS]) == 3
    assert "argosy explain" in " ".join(capsys.readouterr().out.split())
