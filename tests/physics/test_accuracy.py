"""Pricing against measured silicon: 60 public serving points stay as near as they were when the figures were fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from optimizer.predicted_rows import group_names, predict
from physics import closed_loop
from scenarios import measured
from tests.physics.cases import CATALOG

FOUND = predict(measured.read(Path(__file__).parent / "silicon_sample.csv", CATALOG), CATALOG)
GROUPS = group_names(FOUND.table)


# Mean absolute error of ITL on the sample, rounded up.
@pytest.mark.parametrize(
    ("group", "bound"),
    [
        ("llama-3.1-70b/h200-sxm/vllm/fp8", 0.10),
        ("llama-3.1-70b/b200-sxm/vllm/fp8", 0.10),
        ("llama-3.1-8b/h100-sxm/trtllm/unknown", 0.13),
        ("qwen3-32b/h100-sxm/trtllm/fp8", 0.13),
    ],
)
def test_itl_error(group: str, bound: float) -> None:
    rows = group == GROUPS
    assert rows.sum() >= 10 and not FOUND.overload[rows].any()
    assert np.mean(abs(FOUND.itl_s[rows] / FOUND.table.itl_s[rows] - 1)) < bound


def test_ttft_error_through_the_clients_formula() -> None:
    rows = GROUPS == "llama-3.1-70b/h200-sxm/vllm/fp8"
    assert np.mean(abs(FOUND.ttft_s[rows] / FOUND.table.ttft_s[rows] - 1)) < 0.12


def test_measured_figures_say_where_they_come_from() -> None:
    for name in ("hopper", "blackwell"):
        efficiency = CATALOG.efficiencies[name]
        assert efficiency.measured
        assert efficiency.rows >= 50
        assert efficiency.itl_band[0] < 1 < efficiency.itl_band[1]
    for efficiency in CATALOG.efficiencies.values():
        if efficiency.measured:
            assert efficiency.fitted_to
        else:
            parent = CATALOG.efficiencies[efficiency.inherits_from]
            assert efficiency.decode_bandwidth == parent.decode_bandwidth
            assert efficiency.itl_band[1] > parent.itl_band[1]


def test_a_waiting_request_holds_no_place_in_the_batch() -> None:
    assert closed_loop.decoding_requests(16.0, 0.0, 0.015, 100) == 16.0
    assert closed_loop.decoding_requests(16.0, 1e9, 0.015, 100) == 1.0
