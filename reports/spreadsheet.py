"""A plan for a planner's spreadsheet: one XLSX workbook, or a folder of CSV files, with the same tables.

Numbers are numbers, units stand in the headings, totals are formulas. A name that begins like a formula stays text: in
XLSX every text is written as text, in CSV it gets an apostrophe in front, as spreadsheets themselves do it.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.extras import need
from reports.outputs import write
from reports.plan_tables import PlanTable, Value, bill, tables, unit_of
from reports.problems import wrong_flag

if TYPE_CHECKING:
    from optimizer.plan import Plan

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NARROWEST, _WIDEST, _LONGEST = 8, 60, 32_767
"""Width of a column in characters; the most characters that a cell may hold."""
_CREATED = datetime(2000, 1, 1)
"""The same plan gives the same file, to the byte."""


def write_xlsx(plan: Plan, path: str | Path) -> None:
    """Write a plan, with or without a fleet, as one workbook.

    The sheet Summary lays each account beside the sum of its bill, by a formula over the sheet Bill.
    """
    need("xlsx", "xlsxwriter")
    text = io.BytesIO()
    _workbook(plan, text)
    write(path, text.getvalue())


def write_csv(plan: Plan, folder: str | Path) -> list[Path]:
    """Write a plan as one CSV file for each table that is not empty; the files."""
    home = Path(folder)
    try:
        home.mkdir(exist_ok=True)
    except OSError as error:
        raise wrong_flag("csv", f"{home} cannot be made: {error.strerror or error}", "name a folder") from None
    written = []
    for one in tables(plan):
        if one.rows:
            written.append(home / f"{one.key}.csv")
            write(written[-1], csv_text(one))
    return written


def csv_text(one: PlanTable) -> str:
    """One table as CSV (RFC 4180), texts that begin like a formula made inert; no row of totals."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([column.name for column in one.columns])
    writer.writerows([[_inert(cell) for cell in row] for row in one.rows])
    return out.getvalue()


def _inert(cell: Value) -> Value:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def _workbook(plan: Plan, out: io.BytesIO) -> None:
    from xlsxwriter import Workbook

    book = Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": plan.scenario, "created": _CREATED})
    looks = {
        "head": book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1}),
        "total": book.add_format({"bold": True, "top": 1, "num_format": "#,##0.00"}),
        "whole": book.add_format({"num_format": "#,##0"}),
        "fine": book.add_format({"num_format": "#,##0.00####"}),
        "text": book.add_format({"text_wrap": True, "valign": "top"}),
    }
    for one in tables(plan):
        if one.rows:
            sheet = book.add_worksheet(one.title)
            _fill(sheet, one, looks)
            if one.key == "summary":
                _compare(sheet, plan, len(one.rows) + 2, looks)
    book.close()


def _fill(sheet: Any, one: PlanTable, looks: dict[str, Any]) -> None:
    """Headings that stay in view, the rows, and a row of sums under what may be added up."""
    for place, column in enumerate(one.columns):
        sheet.write_string(0, place, column.title, looks["head"])
        sheet.set_column(place, place, _width(one, place))
    for number, row in enumerate(one.rows, 1):
        for place, cell in enumerate(row):
            _cell(sheet, number, place, cell, looks)
    sheet.freeze_panes(1, 0)
    last = len(one.rows)
    sheet.autofilter(0, 0, last, len(one.columns) - 1)
    if any(column.total for column in one.columns):
        sheet.write_string(last + 1, 0, "all", looks["total"])
    for place, column in enumerate(one.columns):
        if column.total:
            span = f"{_letter(place)}2:{_letter(place)}{last + 1}"
            sheet.write_formula(last + 1, place, f"=SUM({span})", looks["total"], one.sum(column.name))


def _cell(sheet: Any, row: int, place: int, cell: Value, looks: dict[str, Any]) -> None:
    if isinstance(cell, bool):
        sheet.write_string(row, place, "yes" if cell else "no", looks["text"])
    elif isinstance(cell, int):
        sheet.write_number(row, place, cell, looks["whole"])
    elif isinstance(cell, float):
        sheet.write_number(row, place, cell, looks["fine"])
    elif cell:
        sheet.write_string(row, place, cell[:_LONGEST], looks["text"])


def _compare(sheet: Any, plan: Plan, first: int, looks: dict[str, Any]) -> None:
    """Under the summary: each account of the plan beside the sum of its lines on the sheet Bill."""
    made = bill(plan)
    if not made.rows:
        return
    for place, title in enumerate(("account", "in the plan", "unit", "sum of the bill", "difference")):
        sheet.write_string(first, place, title, looks["head"])
    row = first + 1
    for place, column in enumerate(made.columns):
        if not column.total or column.name not in plan.accounts:
            continue
        value = plan.accounts[column.name]
        sheet.write_string(row, 0, column.name)
        sheet.write_number(row, 1, value, looks["fine"])
        sheet.write_string(row, 2, unit_of(column.name))
        cell = f"=Bill!{_letter(place)}{len(made.rows) + 2}"
        sheet.write_formula(row, 3, cell, looks["fine"], made.sum(column.name))
        sheet.write_formula(row, 4, f"=B{row + 1}-D{row + 1}", looks["fine"], value - made.sum(column.name))
        row += 1
    sheet.set_column(3, 4, 18)


def _width(one: PlanTable, place: int) -> float:
    """Wide enough for most of what a column holds; long texts are wrapped."""
    words = max((len(word) for word in one.columns[place].title.split()), default=0)
    cells = (len(cell) if isinstance(cell, str) else 14 for row in one.rows if (cell := row[place]) is not None)
    return float(min(_WIDEST, max(_NARROWEST, words + 3, max(cells, default=0) + 2)))


def _letter(place: int) -> str:
    """The name of a spreadsheet's column.

    >>> _letter(0), _letter(25), _letter(26)
    ('A', 'Z', 'AA')
    """
    name, place = "", place + 1
    while place:
        place, left = divmod(place - 1, 26)
        name = chr(ord("A") + left) + name
    return name
