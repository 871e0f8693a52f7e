"""Spreadsheets read back: they add up to the plan's accounts, and no name in them is a formula."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from optimizer.plan import Plan
from reports import cli, extras
from reports.plan_tables import tables
from reports.spreadsheet import csv_text, write_csv, write_xlsx
from scenarios import ScenarioError
from tests.reports import plans

HOSTILE = ("=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "=HYPERLINK(\"http://x\",\"y\")")


def column(sheet: Any, title: str) -> list[Any]:
    """Values of a column above its total, by the heading."""
    place = [cell.value for cell in sheet[1]].index(title)
    return [row[place].value for row in sheet.iter_rows(min_row=2)]


@pytest.mark.parametrize("name", ["capstone", "melange"])
def test_the_workbook_adds_up(name: str, shipped_plan: Callable[[str], Plan], tmp_path: Path) -> None:
    plan = shipped_plan(name)
    write_xlsx(plan, tmp_path / "plan.xlsx")
    shown = openpyxl.load_workbook(tmp_path / "plan.xlsx", data_only=True)
    written = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    for account, title in (
        ("usd_per_year", "money, USD a year"),
        ("kg_co2e_per_year", "carbon, kg CO2e a year"),
        ("kwh_per_year", "energy, kWh a year"),
        ("litres_per_year", "water, litres a year"),
    ):
        *parts, total = column(shown["Bill"], title)
        assert sum(part or 0.0 for part in parts) == pytest.approx(plan.accounts[account], rel=1e-9)
        assert total == pytest.approx(plan.accounts[account], rel=1e-9)
        formula = column(written["Bill"], title)[-1]
        letter = formula.removeprefix("=SUM(")[0]
        assert formula == f"=SUM({letter}2:{letter}{len(parts) + 1})"
    *devices, total = column(shown["Nodes"], "devices")
    assert sum(devices) == total == plan.accounts["devices"]
    compared = {row[0].value: [cell.value for cell in row[1:5]] for row in shown["Summary"].iter_rows(min_row=18)}
    in_plan, _, of_bill, apart = compared["usd_per_year"]
    assert in_plan == pytest.approx(of_bill, rel=1e-9) and apart == pytest.approx(0.0, abs=1e-3)
    assert all(sheet.freeze_panes == "A2" for sheet in shown)


@pytest.mark.parametrize("name", ["capstone", "melange"])
def test_the_csv_files_add_up(name: str, shipped_plan: Callable[[str], Plan], tmp_path: Path) -> None:
    plan = shipped_plan(name)
    files = write_csv(plan, tmp_path / "plan")
    assert {path.stem for path in files} == {one.key for one in tables(plan) if one.rows}
    with (tmp_path / "plan" / "bill.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for account in ("usd_per_year", "kg_co2e_per_year", "kwh_per_year", "litres_per_year"):
        assert sum(float(row[account] or 0) for row in rows) == pytest.approx(plan.accounts[account], rel=1e-9)


@pytest.mark.parametrize("kind", plans.EVERY)
def test_every_answer_has_its_sheets(kind: str, tmp_path: Path) -> None:
    plan = plans.EVERY[kind]()
    write_xlsx(plan, tmp_path / "plan.xlsx")
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    assert book.sheetnames == [one.title for one in tables(plan) if one.rows]
    for one in tables(plan):
        if one.rows:
            assert [cell.value for cell in book[one.title][1]][: len(one.columns)] == [c.title for c in one.columns]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_no_formula(name: str, tmp_path: Path) -> None:
    nodes = [plans.feasible().nodes[0].model_copy(update={"offer": name})]
    plan = plans.feasible(title=name, scenario=name, nodes=nodes)
    write_xlsx(plan, tmp_path / "plan.xlsx")
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    formulas = {cell.value for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"}
    assert formulas and all(text.startswith(("=SUM(", "=Bill!", "=B")) for text in formulas)
    assert book["Nodes"]["B2"].value == name.replace("\t", " ")
    for one in tables(plan):
        for row in csv.reader(csv_text(one).splitlines()):
            for cell in row:
                # A number may be negative; whatever else begins so is behind an apostrophe.
                assert not cell.startswith(("=", "+", "@", "\t")) and (cell[:1] != "-" or float(cell) < 0)


def test_the_same_plan_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        write_xlsx(plans.feasible(), tmp_path / name)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_what_is_missing_is_said_before_anything_is_solved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(ScenarioError, match=r"argosy\[report\]"):
        write_xlsx(plans.feasible(), tmp_path / "plan.xlsx")
    assert cli.run(["export", "capstone", "--to", "xlsx", "-o", str(tmp_path / "plan.xlsx")]) == 1
    assert "needs xlsxwriter, which is not installed (pip install 'argosy[report]')" in capsys.readouterr().err


def test_an_impossible_question_has_a_spreadsheet_of_its_reasons(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "plan.json").write_text(plans.infeasible().model_dump_json(), encoding="utf-8")
    code = cli.run(["export", str(tmp_path / "plan.json"), "--to", "csv", "-o", str(tmp_path / "why")])
    assert code == 3
    assert {path.stem for path in (tmp_path / "why").iterdir()} >= {"conflict", "repairs", "summary"}
    assert str(tmp_path / "why" / "conflict.csv") in capsys.readouterr().out
