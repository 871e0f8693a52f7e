"""Remembered utilisations: only sizes that lack a value are asked for, and what is asked twice is the same."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer import remembered
from optimizer.remembered import remembered as values_of


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_known", {})


def test_only_sizes_that_lack_a_value_are_asked_for() -> None:
    asked: list[tuple[list[int], list[list[bool]]]] = []

    def work_out(rows: np.ndarray, lacking: np.ndarray) -> np.ndarray:
        asked.append((rows.tolist(), lacking.tolist()))
        return lacking * (some[rows] * 100 + sizes[rows])

    some = np.array([[1.0], [2.0]])
    sizes = np.array([[1.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
    assert values_of(b"", some, sizes, work_out).tolist() == [[101.0, 102.0, 0.0], [201.0, 0.0, 0.0]]
    sizes = np.array([[2.0, 3.0, 0.0], [1.0, 0.0, 0.0]])
    assert values_of(b"", some, sizes, work_out).tolist() == [[102.0, 103.0, 0.0], [201.0, 0.0, 0.0]]
    assert asked == [([0, 1], [[True, True, False], [True, False, False]]), ([0], [[False, True, False]])]


def test_other_common_figures_are_other_values() -> None:
    row, size = np.array([[1.0]]), np.array([[4.0]])
    assert values_of(b"a", row, size, lambda rows, lacking: 1.0 * lacking).tolist() == [[1.0]]
    assert values_of(b"b", row, size, lambda rows, lacking: 2.0 * lacking).tolist() == [[2.0]]
