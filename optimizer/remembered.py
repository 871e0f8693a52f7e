"""Usable utilisations that were worked out before: solving again asks for most of them again.

Wall 7 is the costliest part of pricing, and a re-solve that moves a quota or adds a region changes few of its inputs.
A value depends on nothing but the figures in its key, so remembering it changes no answer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MOST_ROWS = 100_000
"""Rows beyond which everything is forgotten: some 60 MB."""
_known: dict[bytes, dict[float, float]] = {}


def remembered(
    common: bytes, rows: np.ndarray, sizes: np.ndarray, work_out: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """[n, m] values of rows [n, k] at sizes [n, m]; `work_out` gives those of the rows that lack a value.

    >>> remembered(b"square", np.array([[2.0]]), np.array([[4.0]]), lambda rows: np.array([[6.0]]))
    array([[6.]])
    >>> remembered(b"square", np.array([[2.0]]), np.array([[4.0]]), lambda rows: np.zeros((0, 1)))
    array([[6.]])
    """
    if len(_known) > MOST_ROWS:
        _known.clear()
    tables = [_known.setdefault(common + row.tobytes(), {}) for row in np.ascontiguousarray(rows)]
    wanted = sizes.tolist()
    lacking = [n for n, table in enumerate(tables) if any(size not in table for size in wanted[n])]
    if lacking:
        for n, values in zip(lacking, work_out(np.array(lacking, dtype=np.intp)).tolist(), strict=True):
            tables[n].update(zip(wanted[n], values, strict=True))
    return np.array([[table[size] for size in row] for table, row in zip(tables, wanted, strict=True)], dtype=float)
