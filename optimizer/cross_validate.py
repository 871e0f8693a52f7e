"""How well a calibration predicts what it has not seen: whole systems and whole models left out, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from optimizer.calibrate import calibrate
from optimizer.calibrated_catalog import CalibratedCatalog
from optimizer.predicted_rows import Predicted, architectures, predict
from optimizer.validate import summary
from scenarios.measured import Table

Column = np.ndarray
LEFT_OUT = {"system": "a whole system", "model": "a whole model"}


def cross_validate(table: Table, catalog: Any, told: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Errors on the rows of each system and each model, predicted with figures fitted to all the others.

    Args:
        table: measured rows.
        catalog: of accelerators and models; its fitted figures are not used where the other rows give any.
        told: is told which part is being left out.

    The width of the KV cache, outliers and bands are found anew each time. Models of one architecture leave together.
    Errors are those of aggregated serving at a stated precision, without overload.
    """
    found: dict[str, Any] = {}
    for by, parts in (("system", table.accelerator), ("model", architectures(table, catalog))):
        folds, together = {}, None
        names = sorted(set(parts))
        for name in names if len(names) > 1 else []:
            told(f"left out: {name}")
            held = parts == name
            fitted = CalibratedCatalog(catalog, calibrate(table.take(~held), catalog))
            part = predict(table.take(held), fitted)
            folds[name] = _figures(part, catalog)
            together = part if together is None else joined(together, part)
        if together is not None:
            found[by] = {"folds": folds, **_figures(together, catalog)}
    return found


def joined(one: Predicted, other: Predicted) -> Predicted:
    """Two predictions as one."""
    columns = ("itl_s", "ttft_s", "itl_band", "ttft_band", "overload", "fitted")
    table = one.table
    both: Any = {name: np.concatenate([getattr(table, name), getattr(other.table, name)]) for name in _columns(table)}
    parts = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in columns}
    return replace(one, table=replace(table, **both), left_out=one.left_out + other.left_out, **parts)


def _columns(table: Table) -> Iterator[str]:
    return (name for name, value in vars(table).items() if isinstance(value, np.ndarray))


def _figures(found: Predicted, catalog: Any) -> dict[str, Any]:
    """Overall and by kind of model."""
    table = found.table
    rows = ~table.disaggregated & (table.precision != "") & ~found.overload
    moe = np.array([bool(catalog.models[name].experts) for name in table.model])
    parts = {"overall": rows, "dense": rows & ~moe, "moe": rows & moe}
    unknown = ~table.disaggregated & (table.precision == "") & ~found.overload
    parts["precision:unknown"] = unknown
    return {name: summary(found, part) for name, part in parts.items() if part.any()}
