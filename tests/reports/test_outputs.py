"""No command writes over what it reads, two outputs never share a file, and a write that fails destroys nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import optimizer
import scenarios
from optimizer.plan import Plan
from reports import cli, outputs
from scenarios import ScenarioError
from tests.reports import plans
from tests.scenarios.test_bad_input import CAPSTONE
from tests.scenarios.test_bounds import SMALL


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a scenario, its catalog, trace and a plan; the solver must not be asked."""

    def never(*_: Any, **__: Any) -> Plan:
        raise AssertionError("solved before the outputs were looked at")

    for name in ("solve", "whatif", "whynot", "frontier", "alternatives", "robust"):
        monkeypatch.setattr(optimizer, name, never)
    (tmp_path / "t.yaml").write_text("catalog: [own.toml]\n" + CAPSTONE, encoding="utf-8")
    (tmp_path / "own.toml").write_text('[accelerators.h100-sxm]\npurchase = "$27,000"\n', encoding="utf-8")
    (tmp_path / "trace.csv").write_text("prompt_tokens,output_tokens\n512,256\n", encoding="utf-8")
    listed = "    requests:\n      - {name: chat, share: 1, prompt_tokens: 512, output_tokens: 256}\n"
    assert listed in CAPSTONE
    traced = CAPSTONE.replace(listed, "    requests: {trace: trace.csv}\n")
    (tmp_path / "traced.yaml").write_text(traced, encoding="utf-8")
    (tmp_path / "p.json").write_text(plans.feasible().model_dump_json(), encoding="utf-8")
    (tmp_path / "link.yaml").symlink_to("t.yaml")
    os.link(tmp_path / "t.yaml", tmp_path / "hard.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


READ = [
    ("solve t.yaml --output t.yaml", "--output"),
    ("solve t.yaml --output ./link.yaml", "--output"),
    ("solve link.yaml --output t.yaml", "--output"),
    ("solve t.yaml --output hard.yaml", "--output"),
    ("solve t.yaml --output own.toml", "--output"),
    ("solve traced.yaml --output trace.csv", "--output"),
    ("solve t.yaml --solver-log t.yaml", "--solver-log"),
    ("explain t.yaml --output t.yaml", "--output"),
    ("repair t.yaml --choose 1 --write-scenario t.yaml", "--write-scenario"),
    ("repair t.yaml --output t.yaml", "--output"),
    ("whatif t.yaml --set limits.budget=$4M/yr --output t.yaml", "--output"),
    ("whatif t.yaml --set limits.budget=$4M/yr --base p.json --output p.json", "--output"),
    ("whynot t.yaml --accelerator h200-sxm --output t.yaml", "--output"),
    ("alternatives t.yaml --output t.yaml", "--output"),
    ("frontier t.yaml --output own.toml", "--output"),
    ("frontier t.yaml --resume t.yaml", "--resume"),
    ("robust t.yaml --output t.yaml", "--output"),
    ("robust t.yaml --resume t.yaml", "--resume"),
    ("robust t.yaml --hold 90% --output t.yaml", "--output"),
    ("robust t.yaml p.json --resume p.json", "--resume"),
    ("simulate t.yaml --output t.yaml", "--output"),
    ("simulate p.json --output p.json", "--output"),
    ("simulate p.json --scenario t.yaml --output t.yaml", "--output"),
    ("simulate t.yaml --trace trace.csv --output trace.csv", "--output"),
    ("export p.json --to json --output p.json", "--output"),
    ("export p.json --to json --scenario t.yaml --output t.yaml", "--output"),
    ("export t.yaml --to json --output t.yaml", "--output"),
    ("report t.yaml --html t.yaml", "--html"),
    ("report t.yaml --markdown t.yaml", "--markdown"),
    ("report t.yaml --xlsx t.yaml", "--xlsx"),
    ("report t.yaml --html page.html --output t.yaml", "--output"),
    ("report p.json --markdown p.json", "--markdown"),
    ("report p.json --scenario t.yaml --markdown t.yaml", "--markdown"),
    ("report t.yaml --frontier f.jsonl --markdown f.jsonl", "--markdown"),
    ("calibrate trace.csv --output trace.csv", "--output"),
    ("calibrate trace.csv --file own.toml --output own.toml", "--output"),
]
TWICE = [
    "solve t.yaml --output a.json --solver-log ./a.json",
    "solve t.yaml --solver-log a.lp --write-model a.lp",
    "repair t.yaml --choose 1 --write-scenario a.yaml --output a.yaml",
    "report t.yaml --html a --markdown a",
    "report t.yaml --markdown a --xlsx a",
    "report t.yaml --markdown a --output a",
    "report t.yaml --csv new --markdown new/summary.csv",
    "report t.yaml --csv a --markdown a",
]
FLAGS = "--model llama-3-70b --isl 512 --osl 256 --qps 5 --region aws/us-east-1"
NOWHERE = [
    "solve t.yaml --output no/a.json",
    "solve t.yaml --solver-log no/a.log",
    "solve t.yaml --write-model no/a.lp",
    f"cheapest {FLAGS} --output no/a.json",
    "whatif t.yaml --set limits.budget=$4M/yr --output no/a.json",
    "whynot t.yaml --accelerator h200-sxm --output no/a.json",
    "alternatives t.yaml --output no/a.json",
    "frontier t.yaml --output no/a.json",
    "frontier t.yaml --resume no/a.json",
    "robust t.yaml --output no/a.json",
    "robust t.yaml --hold 90% --output no/a.json",
    "simulate t.yaml --output no/a.json",
    "export t.yaml --to json --output no/a.json",
    "export t.yaml --to csv --output no/a",
    "report t.yaml --html no/a.html",
    "report t.yaml --csv no/a",
]


@pytest.mark.parametrize(("command", "flag"), READ)
def test_what_is_read_is_not_written_over(
    command: str, flag: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "f.jsonl").write_text("{}\n")
    before = contents(home)
    assert cli.run(command.split()) == 1
    said = capsys.readouterr().err
    assert f"{flag}: " in said and "read by this command" in said and "name another file" in said, said
    assert contents(home) == before


@pytest.mark.parametrize("command", TWICE)
def test_two_outputs_are_two_files(command: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "new/" in command:
        (home / "new").mkdir()
    before = contents(home)
    assert cli.run(command.split()) == 1
    assert "name another" in capsys.readouterr().err
    assert contents(home) == before


@pytest.mark.parametrize("command", NOWHERE)
def test_a_folder_that_is_not_there_is_said_first(
    command: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(command.split()) == 1
    said = capsys.readouterr().err
    assert "there is no folder no" in said and "make it first" in said


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no folder that not even root can write")
@pytest.mark.parametrize("command", [command for command in NOWHERE if "no/" in command])
def test_a_folder_that_cannot_be_written_is_said_first(
    command: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(command.replace("no/a", "/proc/a").split()) == 1
    said = capsys.readouterr().err
    assert "folder /proc cannot be written" in said, said


def test_a_file_that_is_there_is_replaced_whole(tmp_path: Path) -> None:
    file, link = tmp_path / "a.json", tmp_path / "b.json"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to("a.json")
    outputs.write(str(link), "new")
    assert file.read_text() == "new" and link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", "b.json"}
    fresh = tmp_path / "fresh"
    outputs.write(str(fresh), b"\x00")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_what_was_there(
    fault: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.json"
    file.write_text("old")

    def broken(*_: object) -> None:
        raise fault

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(ScenarioError if isinstance(fault, OSError) else KeyboardInterrupt):
        outputs.write(str(file), "new" * 1000)
    assert file.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_pipe_and_a_device_are_written_as_they_are(tmp_path: Path) -> None:
    outputs.writable("--output", "/dev/null")
    outputs.keep_apart({"--output": "/dev/null", "--solver-log": "/dev/null"}, ["/dev/null"])
    outputs.write("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_name_that_is_too_long_is_said_first(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ("solve capstone", "export capstone --to csv", "export capstone --to json"):
        assert cli.run([*words.split(), "--output", "x" * 300]) == 1
        assert "--output: " in capsys.readouterr().err
    assert cli.run(["solve", "capstone", "--output", "x" * 5000]) == 1


def test_the_solvers_files_are_put_down_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shipped_plan: Callable[[str], Plan]
) -> None:
    log, model = tmp_path / "a.log", tmp_path / "a.lp"
    log.write_text("old")
    model.write_text("old")
    files = ("--solver-log", str(log), "--write-model", str(model))
    assert cli.run(["solve", "melange", "--no-binding", "-q", *files]) == 0
    assert "HiGHS" in log.read_text() and "min" in model.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"a.log", "a.lp"}


def test_the_solvers_files_of_a_solve_that_fails_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: Any, **options: Any) -> Plan:
        Path(options["write_model"]).write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(optimizer, "solve", stopped)
    model = tmp_path / "a.lp"
    model.write_text("old")
    assert cli.run(["solve", "melange", "--write-model", str(model)]) == 130
    assert model.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_where_no_program_is_made_the_file_that_was_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(optimizer, "solve", lambda *_, **__: plans.no_candidate())
    model = tmp_path / "a.lp"
    model.write_text("old")
    assert cli.run(["solve", "melange", "--write-model", str(model)]) == 2
    assert model.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_file_of_another_kind_is_not_cut_when_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last line has no line break, and would have been taken for the end of a run that was killed."""
    other = tmp_path / "notes.txt"
    other.write_text("a note\nand its last line")
    assert cli.run(["frontier", "melange", "--resume", str(other), "-q"]) == 1
    assert "no file of a frontier" in capsys.readouterr().err
    assert other.read_text() == "a note\nand its last line"


def test_scenarios_know_the_files_they_were_read_from(home: Path) -> None:
    assert {path.name for path in scenarios.load("t.yaml").files} == {"t.yaml", "own.toml"}
    assert {path.name for path in scenarios.load("traced.yaml").files} == {"traced.yaml", "trace.csv"}
    assert scenarios.load("t.yaml").replace("limits.budget", "$4M/yr").files == scenarios.load("t.yaml").files
    assert not scenarios.from_mapping(SMALL).files
