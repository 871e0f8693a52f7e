"""How far predictions are from a measured table: errors, bias, rank and bands, overall and by group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer.predicted_rows import Predicted, group_names, predict
from scenarios.measured import LeftOut, Table

Column = np.ndarray
Figures = dict[str, Any]
SCHEMA_VERSION = 1
FAR = 100.0
"""Predictions are not wrong by this factor; a time in another unit (s, us) is."""


@dataclass(frozen=True)
class Validation:
    """What `argosy validate` says.

    Attributes:
        rows: of the table that were compared (count).
        overall: aggregated serving at a stated precision, without overload.
        groups: the same by kind, precision, system, engine, model, mode and finest group, and what overall leaves out.
        overload: rows whose KV demand exceeds what the replica holds, apart.
        all_rows: `overall` and its overload together.
        left_out: rows that could not be compared.
        cross_validation: errors on what was left out of a fit, where it was asked for.
        warnings: what looks like a mistake in the table, such as times in another unit.
    """

    file: str
    rows: int
    overall: Figures
    groups: dict[str, Figures]
    overload: Figures
    all_rows: Figures
    left_out: tuple[LeftOut, ...]
    cross_validation: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON; fractions, seconds and counts."""
        data: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "file": self.file,
            "rows": self.rows,
            "overall": self.overall,
            "groups": self.groups,
            "overload": self.overload,
            "all_rows": self.all_rows,
            "left_out": [one._asdict() for one in self.left_out],
            "warnings": list(self.warnings),
        }
        if self.cross_validation is not None:
            data["cross_validation"] = self.cross_validation
        return data


def validate(table: Table, catalog: Any) -> Validation:
    """Compare a measured table with what the catalog's figures predict."""
    return judged(predict(table, catalog), catalog)


def judged(found: Predicted, catalog: Any) -> Validation:
    """The statistics of predictions."""
    table = found.table
    main = ~table.disaggregated & (table.precision != "")
    calm = main & ~found.overload
    groups = {name: summary(found, rows, by) for name, by, rows in _groups(found, catalog, calm) if rows.any()}
    return Validation(
        table.file, len(table), summary(found, calm), groups, summary(found, found.overload),
        summary(found, main), found.left_out, warnings=tuple(_wrong_units(found)),
    )  # fmt: skip


def _wrong_units(found: Predicted) -> Iterator[str]:
    """Columns whose times are so far from every prediction that they are likely in another unit."""
    table = found.table
    for column, measured, predicted in (
        ("silicon_ttft_ms", table.ttft_s, found.ttft_s),
        ("silicon_tpot_ms", table.itl_s, found.itl_s),
    ):
        known = np.isfinite(predicted) & np.isfinite(measured) & (measured > 0)
        if not known.any():
            continue
        ratio = float(np.median(measured[known] / predicted[known]))
        if not 1 / FAR < ratio < FAR:
            far = f"{ratio:,.0f} times longer" if ratio > 1 else f"{1 / ratio:,.0f} times shorter"
            yield f"{column}: in the median {far} than predicted; the column is read as milliseconds"


def _groups(found: Predicted, catalog: Any, calm: Column) -> list[tuple[str, str, Column]]:
    """Name, kind of grouping and rows of every group; those beside `overall` carry it in their name."""
    table = found.table
    kinds = np.array([catalog.models[name].kind for name in table.model])
    unknown = (table.precision == "") & ~table.disaggregated
    made = [
        ("fit:held out", "fit", calm & ~found.fitted),
        ("fit:fitted", "fit", calm & found.fitted),
    ]
    keys = {
        "kind": kinds,
        "precision": table.precision,
        "system": table.accelerator,
        "engine": np.where(table.engine == "", "unknown", table.engine),
        "model": table.model,
    }
    for by, column in keys.items():
        made += [(f"{by}:{value}", by, calm & (column == value)) for value in sorted(set(column[calm]))]
    made.append(("precision:unknown", "precision", unknown & ~found.overload))
    made.append(("mode:aggregated", "mode", calm))
    made.append(("mode:disaggregated", "mode", table.disaggregated))
    names = group_names(table)
    names = np.where(table.disaggregated, np.char.add(names, "/disaggregated"), names)
    names = np.where(table.speculative & ~table.disaggregated, np.char.add(names, "/speculative"), names)
    made += [(name, "group", ~found.overload & (names == name)) for name in sorted(set(names))]
    return made


def summary(found: Predicted, rows: Column, by: str = "") -> Figures:
    """Errors of some rows, as fractions; None where nothing can be said."""
    table = found.table
    itl, ttft = table.itl_s[rows], table.ttft_s[rows]
    steps = table.output_tokens[rows] - 1.0
    tokens = table.concurrency[rows] * table.output_tokens[rows] / table.devices[rows]
    figures: Figures = {"by": by} if by else {}
    figures["n"] = int(rows.sum())
    if by:
        figures["held_out"] = _share(~found.fitted[rows])
    figures |= errors("itl", found.itl_s[rows], itl)
    figures |= coverage("itl", found.itl_s[rows], itl, found.itl_band[rows])
    figures |= errors("ttft", found.ttft_s[rows], ttft)
    figures |= coverage("ttft", found.ttft_s[rows], ttft, found.ttft_band[rows])
    with np.errstate(invalid="ignore", divide="ignore"):
        predicted = tokens / (found.ttft_s[rows] + steps * found.itl_s[rows])
        measured = tokens / (ttft + steps * np.where(steps > 0, itl, 0.0))
    return figures | errors("tokens_per_s_per_device", predicted, measured)


def errors(name: str, predicted: Column, measured: Column) -> Figures:
    """Mean and median absolute error, median of predicted over measured less 1, and rank correlation.

    >>> errors("itl", np.array([1.1, 2.0, 2.7]), np.array([1.0, 2.0, 3.0]))["itl_mape"]
    0.0667
    """
    known = np.isfinite(predicted) & np.isfinite(measured) & (measured > 0)
    keys = ("mape", "median", "bias", "rank")
    if not known.any():
        return {f"{name}_{key}": None for key in keys}
    ratio = predicted[known] / measured[known]
    values = (
        np.mean(abs(ratio - 1)), np.median(abs(ratio - 1)), np.median(ratio) - 1,
        rank_correlation(predicted[known], measured[known]),
    )  # fmt: skip
    return {f"{name}_{key}": _rounded(value) for key, value in zip(keys, values, strict=True)}


def coverage(name: str, predicted: Column, measured: Column, band: Column) -> Figures:
    """Share of measured points inside the band of their prediction, and the median half-width of the bands."""
    known = np.isfinite(predicted) & np.isfinite(measured) & (measured > 0)
    if not known.any():
        return {f"{name}_coverage": None, f"{name}_half_width": None}
    ratio = measured[known] / predicted[known]
    inside = (band[known, 0] <= ratio) & (ratio <= band[known, 1])
    width = (band[known, 1] - band[known, 0]) / 2.0
    return {f"{name}_coverage": _share(inside), f"{name}_half_width": _rounded(np.median(width))}


def ranks(values: Column) -> Column:
    """Ranks from 1; equal values share the mean of theirs.

    >>> ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist()
    [3.5, 1.0, 3.5, 2.0]
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[inverse]


def rank_correlation(one: Column, other: Column) -> float:
    """Spearman's: the correlation of the ranks; nan where all values are equal.

    >>> round(rank_correlation(np.array([1.0, 2.0, 4.0]), np.array([10.0, 30.0, 20.0])), 6)
    0.5
    """
    first, second = ranks(one) - (len(one) + 1) / 2.0, ranks(other) - (len(other) + 1) / 2.0
    spread = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / spread) if spread > 0 else float("nan")


def _share(rows: Column) -> float | None:
    return _rounded(np.mean(rows)) if rows.size else None


def _rounded(value: Any) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


Refit = Callable[[Table], Any]
"""Fits figures to a table and gives a catalog that holds them."""
