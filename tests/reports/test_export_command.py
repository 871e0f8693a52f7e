"""`argosy export`: what it writes, what it refuses, with which exit code; the page about it shows what it writes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import scenarios
from optimizer.plan import Plan
from reports import cli, export_kubernetes, export_skypilot, export_terraform, extras
from reports.export_build import deployment
from reports.export_form import Deployment
from tests.reports import plans

PAGE = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
SHOWN = re.compile(r"<!-- file: (\S+) (\S+) -->\n```\w+\n(.*?)```\n", re.S)


@pytest.fixture
def written(shipped_plan: Callable[[str], Plan], tmp_path: Path) -> Path:
    """The plan of a small shipped scenario as a file."""
    path = tmp_path / "plan.json"
    path.write_text(shipped_plan("melange").model_dump_json(), encoding="utf-8")
    return path


def export(plan: Path | str, *words: str) -> int:
    """The exit code."""
    return cli.run(["export", str(plan), "-q", *words])


def test_each_target_is_written(written: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for to, name in (("json", "d.json"), ("xlsx", "p.xlsx"), ("csv", "csv"), ("skypilot", "s"), ("kubernetes", "k")):
        assert export(written, "--to", to, "-o", str(tmp_path / name)) == 0
        paths = capsys.readouterr().out.split()
        assert paths and all(Path(path).stat().st_size for path in paths)
    assert Deployment.model_validate_json((tmp_path / "d.json").read_text(encoding="utf-8")).regions
    assert export("melange", "--to", "terraform", "-o", str(tmp_path / "t")) == 0
    assert {path.name for path in (tmp_path / "t").iterdir()} == {"variables.tf", "argosy.auto.tfvars.json"}


def test_a_plan_that_does_not_hold_stays(written: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = json.loads(written.read_text(encoding="utf-8"))
    data["fleet"][0]["replicas"] += 1
    written.write_text(json.dumps(data), encoding="utf-8")
    for to in ("json", "xlsx"):
        assert export(written, "--to", to, "-o", str(tmp_path / f"out.{to}")) == 5
        assert "does not hold for its scenario, so it is not exported" in capsys.readouterr().err
        assert not (tmp_path / f"out.{to}").exists()


@pytest.mark.parametrize(("kind", "code"), [("infeasible", 3), ("no_candidate", 2), ("no_incumbent", 4)])
def test_without_a_fleet_there_is_nothing_to_roll_out(
    kind: str, code: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(plans.EVERY[kind]().model_dump_json(), encoding="utf-8")
    assert export(plan, "--to", "kubernetes", "-o", str(tmp_path / "k")) == code
    assert f"no fleet, so nothing is exported: the status is {kind}" in capsys.readouterr().err
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--to", "tar", "-o", "x"], "--to"),
        (["--to", "json"], "--output"),
        (["--to", "xlsx", "-o", "x.ods"], "end it in .xlsx"),
        (["--to", "csv", "-o", "."], "name a new folder"),
        (["--to", "csv", "-o", "none/x"], "make it first"),
        (["--to", "csv", "-o", "x", "--model", "chat=y"], "nothing is loaded from csv"),
        (["--to", "skypilot", "-o", "x", "--image", "y"], "skypilot names no image"),
        (["--to", "skypilot", "-o", "x", "--model", "chat"], "does not say which workload"),
        (["--to", "skypilot", "-o", "x", "--model", "talk=y"], "the plan runs no talk (it runs chat and chat:bf16)"),
    ],
)
def test_what_cannot_be_is_said(
    words: list[str],
    says: str,
    written: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert export(written, *words) == 1
    assert says in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_without_jinja_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    assert export("melange", "--to", "kubernetes", "-o", str(tmp_path / "k")) == 1
    assert "needs jinja2, which is not installed (pip install 'argosy[report]')" in capsys.readouterr().err


def test_schemas_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for to in ("json", "skypilot", "kubernetes", "terraform"):
        assert cli.run(["schema", "--export", to]) == 0
        assert json.loads(capsys.readouterr().out)["title"]
    assert cli.run(["schema", "--export", "csv"]) == 1
    assert "csv has no JSON Schema" in capsys.readouterr().err


def test_the_page_shows_what_is_written(shipped_plan: Callable[[str], Plan]) -> None:
    """Each block that names a file is a part of it; how the scenario's digest reads is left open."""
    shown = SHOWN.findall(PAGE)
    assert len(shown) >= 4
    for scenario, name, block in shown:
        made = deployment(shipped_plan(scenario), scenarios.load(scenario))
        folder, _, file = name.partition("/")
        module = {"skypilot": export_skypilot, "kubernetes": export_kubernetes, "terraform": export_terraform}[folder]
        text = re.sub(r"[0-9a-f]{64}", "...", module.files(made)[file])
        for part in block.split("[...]\n"):
            assert part in text, f"{name} is shown otherwise in docs/exports.md"
