"""`argosy validate` and `argosy calibrate` as users call them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

import scenarios
from reports import cli

SAMPLE = Path(__file__).parents[1] / "physics" / "silicon_sample.csv"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.run([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_validate_as_json_is_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "validate", SAMPLE, "--json")
    data = json.loads(out)
    assert code == 0 and not err
    assert list(data) == [
        "schema_version",
        "file",
        "rows",
        "overall",
        "groups",
        "overload",
        "all_rows",
        "left_out",
        "warnings",
    ]
    for key in ("n", "itl_mape", "itl_median", "itl_bias", "itl_rank", "ttft_mape", "itl_coverage", "itl_half_width"):
        assert key in data["overall"]
    assert 0 < data["overall"]["itl_mape"] < 0.2, "a fraction"


@pytest.mark.parametrize("flags", [(), ("--markdown",)])
def test_validate_says_the_same_in_words(capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]) -> None:
    code, out, _ = run(capsys, "validate", SAMPLE, *flags)
    assert code == 0
    assert "measured points" in " ".join(out.split())
    for word in ("kind:dense", "precision:unknown", "llama-3.1-70b/h200-sxm", "Spearman"):
        assert word in out
    assert ("| overall | " in out) == bool(flags)


def test_rows_that_are_left_out_are_said_and_cost_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    path.write_text(SAMPLE.read_text(encoding="utf-8").replace("Qwen/Qwen3-32B", "Qwen/Qwem3-32B"), encoding="utf-8")
    code, out, _ = run(capsys, "validate", path)
    assert code == 0 and 'no model "Qwen/Qwem3-32B" in the catalog' in " ".join(out.split())
    assert json.loads(run(capsys, "validate", path, "--json")[1])["left_out"][0]["rows"] == 10


def test_a_bad_table_is_exit_1_with_its_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    path.write_text(SAMPLE.read_text(encoding="utf-8").replace(",1024,8192,", ",lots,8192,", 1), encoding="utf-8")
    code, out, err = run(capsys, "validate", path, "--json")
    assert code == 1 and json.loads(out)["errors"][0]["key"] == "isl"
    assert "Traceback" not in err and run(capsys, "validate", tmp_path / "none.csv")[0] == 1
    assert run(capsys, "validate", SAMPLE, "--json", "--markdown")[0] == 1


def test_semicolons_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    path.write_text(SAMPLE.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")
    code, _, err = run(capsys, "validate", path)
    assert code == 1 and "parted by semicolons" in err and err.count("\n") == 1


def test_calibrate_prints_a_catalog_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, "calibrate", SAMPLE)
    assert code == 0 and not err
    path = tmp_path / "fitted.toml"
    path.write_text(out, encoding="utf-8")
    catalog = scenarios.load_catalog((path,))
    assert catalog.efficiency("h200-sxm").rows >= 18
    assert run(capsys, "validate", SAMPLE, "--file", path)[0] == 0


def test_calibrate_writes_a_file_and_says_what_it_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "fitted.toml"
    code, out, _ = run(capsys, "calibrate", SAMPLE, "--output", path)
    assert code == 0 and path.is_file() and "sets of figures fitted to " in " ".join(out.split())
    assert run(capsys, "calibrate", SAMPLE, "--output", tmp_path / "no" / "file.toml")[0] == 1


def test_without_scipy_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "scipy" else find(name, *rest))
    for words in (("calibrate", SAMPLE), ("validate", SAMPLE, "--cross-validate")):
        code, _, err = run(capsys, *words)
        assert code == 1 and "pip install 'argosy[calibrate]'" in err
    assert run(capsys, "validate", SAMPLE)[0] == 0
