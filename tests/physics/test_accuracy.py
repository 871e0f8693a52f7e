"""Pricing against measured silicon: 60 public serving points stay as near as they were when the figures were fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy
from physics import closed_loop
from tests.physics.cases import CATALOG

HERE = Path(__file__).parent


ROWS = accuracy.read(str(HERE / "silicon_sample.csv"))


# Mean absolute error of ITL on the sample, rounded up; the first two are rows that the figures were fitted to.
@pytest.mark.parametrize(
    ("model", "accelerator", "engine", "bound"),
    [
        ("llama-3.1-70b", "h200-sxm", "vllm", 0.05),
        ("llama-3.1-70b", "b200-sxm", "vllm", 0.08),
        ("llama-3.1-8b", "h100-sxm", "trtllm", 0.13),
        ("qwen3-32b", "h100-sxm", "trtllm", 0.13),
    ],
)
def test_itl_error(model: str, accelerator: str, engine: str, bound: float) -> None:
    rows = [row for row in ROWS if (row.model, row.accelerator, row.engine) == (model, accelerator, engine)]
    itl, _, fits = accuracy.ratios(rows, CATALOG)
    assert fits.all()
    assert len(rows) >= 10
    assert np.mean(abs(itl - 1)) < bound


def test_ttft_error_through_the_clients_formula() -> None:
    rows = [row for row in ROWS if row.accelerator == "h200-sxm"]
    _, ttft, _ = accuracy.ratios(rows, CATALOG)
    assert np.mean(abs(ttft - 1)) < 0.08


def test_measured_figures_say_where_they_come_from() -> None:
    for name in ("hopper", "blackwell"):
        efficiency = CATALOG.efficiencies[name]
        assert efficiency.measured
        assert efficiency.rows >= 50
        assert efficiency.itl_band[0] < 1 < efficiency.itl_band[1]
    for efficiency in CATALOG.efficiencies.values():
        parent = CATALOG.efficiencies[efficiency.inherits_from or efficiency.generation]
        assert efficiency.decode_bandwidth == parent.decode_bandwidth
        if not efficiency.measured:
            assert efficiency.itl_band[1] > parent.itl_band[1]


def test_a_waiting_request_holds_no_place_in_the_batch() -> None:
    assert closed_loop.decoding_requests(16.0, 0.0, 0.015, 100) == 16.0
    assert closed_loop.decoding_requests(16.0, 1e9, 0.015, 100) == 1.0
