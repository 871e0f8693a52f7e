"""`argosy verify`, and what checks before it writes: a plan against its own scenario and against another version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reports import cli
from tests.optimizer.cases import EAST, small_mapping

TODAY = {"nodes": [{"region": EAST, "accelerator": "l40s", "nodes": 4}], "changes": {"limit": 3}}


def file(folder: Path, name: str, **changes: Any) -> str:
    """A version of the small question as a file."""
    path = folder / f"{name}.yaml"
    YAML().dump(small_mapping(**changes), path)
    return str(path)


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with the plan of a question with a carbon limit and a fleet of today, and the question."""
    folder = tmp_path_factory.mktemp("versions")
    question = file(folder, "asked", limits={"carbon": "40 t/yr"}, today=TODAY)
    assert cli.run(["solve", question, "--no-binding", "-q", "-o", str(folder / "plan.json")]) == 0
    return folder, question


def test_its_own_scenario_is_checked_to_the_cent(
    solved: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, question = solved
    plan = folder / "plan.json"
    capsys.readouterr()
    assert cli.run(["verify", question, str(plan), "--quiet"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("The plan holds: ") and "version" not in told.out + told.err
    data = json.loads(plan.read_text())
    data["accounts"]["usd_per_year"] *= 1.01
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(data))
    assert cli.run(["verify", question, str(changed), "-q"]) == 5
    assert "account usd_per_year: the plan says" in capsys.readouterr().out


def test_a_looser_version_holds_and_says_what_differs(
    solved: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = solved
    plan = str(folder / "plan.json")
    looser = file(tmp_path, "looser", limits={"carbon": "60 t/yr"}, today=TODAY)
    capsys.readouterr()
    assert cli.run(["verify", looser, plan]) == 0
    out = capsys.readouterr().out
    assert out.startswith("The fleet holds: ") and "made for another version of this scenario" in out
    assert out.endswith("Limits that differ:\n  - carbon: 40 t/yr in the plan, 60 t/yr here\n")
    assert cli.run(["verify", looser, plan, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] and found["made_for_another_version"]
    assert [(one["planned"], one["here"]) for one in found["differs"]] == [(40_000.0, 60_000.0)]
    asked = ["export", plan, "--to", "json", "--scenario", looser, "-o", str(tmp_path / "fleet.json"), "-q"]
    assert cli.run(asked) == 0
    err = capsys.readouterr().err
    assert "made for another version" in err and "carbon: 40 t/yr in the plan, 60 t/yr here" in err
    assert (tmp_path / "fleet.json").exists()


def test_a_tighter_version_fails_by_its_own_limit(
    solved: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = solved
    tighter = file(tmp_path, "tighter", limits={"carbon": "100 kg/yr"}, today=TODAY)
    capsys.readouterr()
    assert cli.run(["verify", tighter, str(folder / "plan.json")]) == 5
    out = capsys.readouterr().out
    assert "does not hold: 1 of" in out and "exceeds 100" in out
    asked = ["export", str(folder / "plan.json"), "--to", "json", "--scenario", tighter, "-q"]
    assert cli.run([*asked, "-o", str(tmp_path / "fleet.json")]) == 5
    assert "exceeds 100" in capsys.readouterr().err and not (tmp_path / "fleet.json").exists()


def test_limits_that_are_gone_and_other_prices(
    solved: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = solved
    east = {"electricity": "$0.50/kWh"}
    free = file(tmp_path, "free", today={**TODAY, "changes": {"limit": 5}}, regions={EAST: east})
    capsys.readouterr()
    assert cli.run(["verify", free, str(folder / "plan.json")]) == 0
    out = capsys.readouterr().out
    assert "carbon: 40 t/yr in the plan, none here" in out
    assert "changes: 3 nodes in the plan, 5 nodes here" in out
    assert "in the plan) and emits" in out, "its bill is another one here"
