"""`argosy frontier` and `argosy alternatives`: their forms, their files, and every flag that cannot be used."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from reports import cli
from reports.progress_bar import Bar
from tests.optimizer.cases import small_mapping, two_regions


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small scenario as a file."""
    file = tmp_path_factory.mktemp("questions") / "small.yaml"
    YAML().dump(small_mapping(regions=two_regions()), file)
    return str(file)


def test_text_markdown_and_json_of_a_frontier(
    question: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "points.jsonl")
    asked = ["frontier", question, "--points", "4", "--jobs", "1"]
    assert cli.run([*asked, "--output", file]) == 0
    out, err = capsys.readouterr()
    assert "Cost rises from" in out and "as carbon falls from" in out and err == ""
    assert cli.run([*asked, "--resume", file, "--markdown"]) == 0
    page = capsys.readouterr().out
    assert "best up to" in page and "taken from" in page and "It ended with the 4 points asked for" in page
    assert cli.run([*asked, "--resume", file, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == "complete" and found["reused"] == found["questions"] and found["x"] == "usd_per_year"
    assert all(point["plan"]["verified"] for point in found["points"])
    assert len(found["points"]) == 4 and found["ended_by"] == "points"
    assert cli.run(["frontier", question, "--points", "99", "--jobs", "1"]) == 0
    closed = " ".join(capsys.readouterr().out.split())
    assert "are the whole frontier" in closed and "It ended because no box between neighbours is open" in closed
    assert cli.run([*asked, "--output", file]) == 1
    assert "is there already" in capsys.readouterr().err
    assert cli.run(["frontier", question, "--points", "5", "--resume", file, "--json"]) == 1
    assert "another question" in json.loads(capsys.readouterr().out)["errors"][0]["message"]


def test_text_markdown_and_json_of_alternatives(
    question: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "others.json"
    assert cli.run(["alternatives", question, "--within", "30%", "-o", str(file)]) == 0
    text = capsys.readouterr().out
    assert cli.run(["alternatives", question, "--within", "30%", "--markdown"]) == 0
    page = capsys.readouterr().out
    found = json.loads(file.read_text())
    assert found["status"] == "complete" and found["within"] == pytest.approx(0.3) and found["alternatives"]
    for words in (text, page):
        assert "the optimum" in " ".join(words.split())
        for one in found["alternatives"]:
            assert one["best_at"][0] in words.lower()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["frontier", "--x", "usd", "--y", "usd"], "choose two"),
        (["frontier", "--x", "fame"], "--x"),
        (["frontier", "--points", "1"], "2 to 1,000"),
        (["frontier", "--jobs", "0"], "1 to 256"),
        (["frontier", "--resume", "a", "--output", "b"], "--resume"),
        (["frontier", "--time-limit", "0 s"], "no time is left"),
        (["frontier", "--json", "--markdown"], "choose one"),
        (["frontier", "--y", "embodied", "--jobs", "1"], "embodied carbon of"),
        (["frontier", "--output", "nowhere/points.jsonl"], "there is no folder nowhere"),
        (["alternatives", "--within", "200%"], "--within"),
        (["alternatives", "--within", "near"], "--within"),
        (["alternatives", "--json", "--markdown"], "choose one"),
        (["alternatives", "--output", "nowhere/others.json"], "there is no folder nowhere"),
    ],
)
def test_wrong_flags_are_named(question: str, words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([words[0], question, *words[1:]]) == 1
    error = capsys.readouterr().err
    assert says in error and "Traceback" not in error


@pytest.mark.parametrize("command", ["frontier", "alternatives"])
def test_impossible_questions_end_with_3(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "poor.yaml"
    YAML().dump(small_mapping(limits={"budget": "$10/yr"}), file)
    assert cli.run([command, str(file)]) == 3
    assert "argosy explain" in " ".join(capsys.readouterr().out.split())


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal_only() -> None:
    screen, pipe = _Terminal(), io.StringIO()
    for stream in (screen, pipe):
        with Bar("points", stream=stream) as bar:
            bar(1, 2)
            bar(2, 2)
    assert "[###############...............] 1 of 2 points" in screen.getvalue() and screen.getvalue().endswith("\r")
    assert pipe.getvalue() == ""
