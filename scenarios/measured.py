"""Reads a table of measured serving points, columns as in AIConfigurator's public sample, into NumPy columns."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scenarios import measured_names
from scenarios.catalog import Catalog
from scenarios.catalog_things import PRECISIONS
from scenarios.csv_rows import parted_by_commas
from scenarios.errors import Problem, ScenarioError
from scenarios.figures import nearest
from scenarios.measured_degrees import Degrees, settled

Column = np.ndarray
NEEDED = ("model_path", "system", "isl", "osl", "silicon_tpot_ms")
_TEXTS = ("id", "model_path", "system", "precision", "mode", "backend", "backend_version", "measured")
_COUNTS = (
    "isl", "osl", "batch_size", "concurrency", "tp_size", "pp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size",
    "prefill_num_workers", "prefill_tp_size", "decode_num_workers", "decode_tp_size",
)  # fmt: skip
_TIMES = ("silicon_ttft_ms", "silicon_tpot_ms")
_MODES = ("agg", "disagg")
_LARGEST_FILE_BYTES = 50_000_000
_LARGEST_COUNT = 1e8


class LeftOut(NamedTuple):
    """Rows that cannot be compared, and why."""

    reason: str
    rows: int
    first_line: int


@dataclass(frozen=True)
class Table:
    """Measured serving points, one closed-loop run each, as equal-length columns.

    Attributes:
        line: in the file, from 1.
        name: the row's own identifier, "" where it has none.
        model, accelerator: names in the catalog.
        engine, version: serving software; "" where unknown.
        precision: of the weights; "" where unknown.
        date: of the measurement, as written.
        disaggregated: prefill and decode ran on devices of their own.
        speculative: tokens were drafted and verified several at a time.
        prompt_tokens, output_tokens: of each request (count).
        concurrency: requests in flight over the whole deployment (count).
        tensor_parallel, pipeline_parallel, attention_dp, moe_tensor_parallel, expert_parallel: how it ran (count);
            of the decode side where prefill is apart.
        decode_workers, prefill_workers, prefill_devices: replicas of each side, devices of one prefill replica (count);
            nan where it is not stated.
        ttft_s, itl_s: as measured [s]; nan where unknown.
    """

    line: Column
    name: Column
    model: Column
    accelerator: Column
    engine: Column
    version: Column
    precision: Column
    date: Column
    disaggregated: Column
    speculative: Column
    prompt_tokens: Column
    output_tokens: Column
    concurrency: Column
    tensor_parallel: Column
    pipeline_parallel: Column
    attention_dp: Column
    moe_tensor_parallel: Column
    expert_parallel: Column
    decode_workers: Column
    prefill_workers: Column
    prefill_devices: Column
    ttft_s: Column
    itl_s: Column
    file: str = ""
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return len(self.line)

    @property
    def devices(self) -> Column:
        """Devices of the whole deployment (count)."""
        own = self.tensor_parallel * self.pipeline_parallel * self.attention_dp
        workers = np.where(np.isnan(self.decode_workers), 1.0, self.decode_workers)
        sides = np.where(np.isnan(self.prefill_workers), 1.0, self.prefill_workers)
        other = np.where(np.isnan(self.prefill_devices), own, self.prefill_devices)
        return np.where(self.disaggregated, own * workers + other * sides, own)

    def take(self, rows: Any) -> Table:
        """The same columns at `rows` (mask, slice or indices)."""
        columns = [getattr(self, column.name)[rows] for column in fields(self)[:_COLUMNS]]
        return Table(*columns, file=self.file, left_out=self.left_out)


_COLUMNS = len(fields(Table)) - 2


def read(path: str | Path, catalog: Catalog) -> Table:
    """The rows of a table that name a known model on a known accelerator; the others are counted in `left_out`.

    Raises ScenarioError with every cell that cannot be read, or where no row is left.
    """
    name = str(path)
    lines, cells = _cells(Path(path), name)
    places = _places(cells.pop(0), name, lines.pop(0))
    reading = _Reading(name, lines, cells, places)
    texts = {column: reading.texts(column) for column in _TEXTS}
    counts = {column: reading.numbers(column, whole=True) for column in _COUNTS}
    times = {column: reading.numbers(column) / 1e3 for column in _TIMES}
    modes = reading.one_of("mode", texts["mode"], _MODES, lambda written: measured_names.plain(written) or "agg")
    precisions = reading.one_of("precision", texts["precision"], ("", *PRECISIONS), measured_names.precision)
    disaggregated = np.array([mode == "disagg" for mode in modes], dtype=bool)
    _check(reading, counts, times, disaggregated)
    reading.finish()
    names = measured_names.Names(catalog)
    models = _translated(texts["model_path"], names.model)
    accelerators = _translated(texts["system"], names.accelerator)
    degrees = settled(
        counts, disaggregated, np.array([bool(model and catalog.models[model].experts) for model in models])
    )
    engines = _translated(texts["backend"], measured_names.engine)
    table = Table(
        np.array(lines), _column(texts["id"]), _column(models), _column(accelerators), _column(engines),
        _column(texts["backend_version"]), _column(precisions), _column(texts["measured"]), disaggregated,
        _speculative(models, engines, texts["backend_version"], texts["measured"]),
        counts["isl"], counts["osl"], *degrees, *_sides(counts, disaggregated),
        times["silicon_ttft_ms"], _unless_one_token(times["silicon_tpot_ms"], counts["osl"]), file=name,
    )  # fmt: skip
    return _known(table, texts, names)


def _cells(path: Path, name: str) -> tuple[list[int], list[list[str]]]:
    """Lines that hold data, the header first, each with its number in the file."""
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise _refused(name, None, "", f"the file is larger than {_LARGEST_FILE_BYTES // 10**6} MB", "split it")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise _refused(name, None, "", "there is no such file", "give a CSV file of measured serving points") from None
    except UnicodeDecodeError:
        raise _refused(name, None, "", "this is not UTF-8 text", "save the file as UTF-8") from None
    except (OSError, ValueError) as error:
        if not name.strip():
            raise _refused("MEASURED", None, "", "the name of the file is empty", "give a CSV file") from None
        raise _refused(name, None, "", f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    kept = [(k, line) for k, line in enumerate(text.splitlines(), 1) if line.strip(" ,\t") and not line.startswith("#")]
    if len(kept) < 2:
        hint = f"the first line names the columns: {', '.join(NEEDED)} and more"
        raise _refused(name, None, "", "there is no row in this table", hint)
    reader = csv.reader((line for _, line in kept), strict=True)
    try:
        cells = list(reader)
    except csv.Error as error:
        raise _refused(name, kept[reader.line_num - 1][0], "", f"this is not CSV: {error}") from None
    lines = [k for k, _ in kept]
    if len(cells) != len(lines):
        broken = next((k for k, row in enumerate(cells) if len(row) != len(cells[0])), len(cells) - 1)
        raise _refused(name, lines[broken], "", "a text in quotes goes over the end of its line", "one row is one line")
    width = len(cells[0])
    for line, row in zip(lines, cells, strict=False):
        if len(row) != width:
            message = f"{len(row)} cells under {width} column{'s' * (width != 1)}"
            raise _refused(name, line, "", message, "a text with a comma or a quote in it is written in quotes")
    return lines, cells


def _places(header: Sequence[str], name: str, line: int) -> dict[str, int]:
    """Place of each column by name."""
    parted_by_commas(list(header), name, line)
    titles = [title.strip().lower() for title in header]
    twice = sorted({title for title in titles if title and titles.count(title) > 1})
    missing = [title for title in NEEDED if title not in titles]
    if not {"concurrency", "batch_size"} & set(titles):
        missing.append("concurrency")
    problems = [Problem(name, line, title, "this column stands here twice", "delete one of them") for title in twice]
    for title in missing:
        others = [other for other in titles if other and other not in (*_TEXTS, *_COUNTS, *_TIMES)]
        problems.append(Problem(name, line, title, "this column is missing", nearest(title, others) if others else ""))
    if problems:
        raise ScenarioError(problems)
    return {title: place for place, title in enumerate(titles)}


class _Reading:
    """Columns of one file, and what is wrong in them."""

    def __init__(self, name: str, lines: list[int], cells: list[list[str]], places: dict[str, int]) -> None:
        self.name, self.lines, self.places = name, lines, places
        self.columns: list[tuple[str, ...]] = list(zip(*cells, strict=True))
        self.problems: list[Problem] = []

    def problem(self, row: int, column: str, message: str, hint: str = "") -> None:
        """Notes what is wrong with a cell."""
        self.problems.append(Problem(self.name, self.lines[row], column, message, hint))

    def texts(self, column: str) -> list[str]:
        """Cells without blanks around them; empty ones where there is no such column."""
        place = self.places.get(column)
        return [""] * len(self.lines) if place is None else [cell.strip() for cell in self.columns[place]]

    def numbers(self, column: str, whole: bool = False) -> Column:
        """Numbers of 0 and more; nan where a cell is empty."""
        found = np.full(len(self.lines), math.nan)
        for row, cell in enumerate(self.texts(column)):
            if not cell:
                continue
            try:
                number = float(cell)
            except ValueError:
                self.problem(row, column, f"{cell[:40]!r} is not a number", "leave the cell empty where it is unknown")
                continue
            if not 0 <= number <= _LARGEST_COUNT:
                self.problem(row, column, f"{cell[:40]} is not between 0 and {_LARGEST_COUNT:,.0f}")
            elif whole and number != int(number):
                self.problem(row, column, f"{cell[:40]} is not a whole number")
            else:
                found[row] = number
        return found

    def one_of(self, column: str, cells: list[str], allowed: Sequence[str], spelled: Callable[[str], str]) -> list[str]:
        """Words of a closed list."""
        known = {cell: spelled(cell) for cell in dict.fromkeys(cells)}
        for row, cell in enumerate(cells):
            if known[cell] not in allowed:
                words = [word for word in allowed if word]
                self.problem(row, column, f"{cell[:40]!r} is not known here", nearest(cell, words) or ", ".join(words))
        return [known[cell] for cell in cells]

    def finish(self) -> None:
        """ScenarioError with all that is wrong, in the order of the file."""
        if self.problems:
            raise ScenarioError(sorted(self.problems, key=lambda problem: problem.line or 0))


def _check(reading: _Reading, counts: dict[str, Column], times: dict[str, Column], disaggregated: Column) -> None:
    """A row needs its request, how many were in flight, and one measured time."""
    flagged = {(problem.line, problem.key) for problem in reading.problems}

    def report(rows: Column, column: str, message: str, hint: str = "") -> None:
        for row in np.flatnonzero(rows):
            if (reading.lines[row], column) not in flagged:
                reading.problem(int(row), column, message, hint)

    report(~(counts["isl"] >= 1), "isl", "a request has at least one token of prompt")
    report(~(counts["osl"] >= 1), "osl", "a request writes at least one token")
    offered = np.where(np.isnan(counts["concurrency"]), counts["batch_size"], counts["concurrency"])
    report(~(offered >= 1), "concurrency", "is neither given nor to be had from batch_size", "1 or more in flight")
    report(counts["tp_size"] == 0, "tp_size", "0 is no degree of parallelism", "leave the cell empty for 1")
    nothing = ~((times["silicon_ttft_ms"] > 0) | (times["silicon_tpot_ms"] > 0))
    report(nothing, "silicon_tpot_ms", "neither this nor silicon_ttft_ms says a time above 0")


def _unless_one_token(itl_s: Column, output_tokens: Column) -> Column:
    """A request of one token has no time between tokens, and 0 stands for a time that was not measured."""
    return np.where((output_tokens > 1) & (itl_s > 0), itl_s, math.nan)


def _sides(counts: dict[str, Column], disaggregated: Column) -> tuple[Column, Column, Column]:
    """Decode replicas, prefill replicas and devices of a prefill replica; nan where unknown or not apart."""
    names = ("decode_num_workers", "prefill_num_workers", "prefill_tp_size")
    one, two, three = (np.where(disaggregated & (counts[name] > 0), counts[name], math.nan) for name in names)
    return one, two, three


def _speculative(models: list[str], engines: list[str], versions: list[str], dates: list[str]) -> Column:
    """Rows that ran DeepSeek's multi-token prediction, which the public table does not mark.

    TensorRT-LLM 1.1.0rc2.post2 of 2026 and 1.2.0rc6.post3 answer the same requests in half the time per token of the
    versions a week before (docs/accuracy.md).
    """
    rows = zip(models, engines, versions, dates, strict=True)
    return np.array(
        [
            model.startswith("deepseek")
            and engine == "trtllm"
            and (version == "1.2.0rc6.post3" or (version == "1.1.0rc2.post2" and date >= "2026"))
            for model, engine, version, date in rows
        ],
        dtype=bool,
    )


def _translated(cells: list[str], name: Callable[[str], str | None]) -> list[str]:
    """Names in the catalog; "" where there is none."""
    known = {cell: name(cell) or "" for cell in dict.fromkeys(cells)}
    return [known[cell] for cell in cells]


def _known(table: Table, texts: dict[str, list[str]], names: measured_names.Names) -> Table:
    """The rows whose model and accelerator are in the catalog."""
    first: dict[str, int] = {}
    rows: dict[str, int] = {}
    for k in np.flatnonzero((table.model == "") | (table.accelerator == "")):
        if table.model[k] == "":
            written = texts["model_path"][k]
            reason = f'no model "{written}" in the catalog; {names.near_model(written)}'
        else:
            written = texts["system"][k]
            reason = f'no accelerator "{written}" in the catalog; {names.near_accelerator(written)}'
        first.setdefault(reason, int(table.line[k]))
        rows[reason] = rows.get(reason, 0) + 1
    left_out = tuple(LeftOut(reason, rows[reason], first[reason]) for reason in rows)
    kept = table.take((table.model != "") & (table.accelerator != ""))
    if not len(kept):
        raise ScenarioError(Problem(table.file, one.first_line, "", one.reason) for one in left_out)
    columns = [getattr(kept, column.name) for column in fields(kept)[:_COLUMNS]]
    return Table(*columns, file=table.file, left_out=left_out)


def _column(cells: Sequence[str]) -> Column:
    return np.array(cells, dtype=str)


def _refused(name: str, line: int | None, key: str, message: str, hint: str = "") -> ScenarioError:
    return ScenarioError(Problem(name, line, key, message, hint))


__all__ = ["NEEDED", "Degrees", "LeftOut", "Table", "read"]
