"""Pricing against measured silicon: public serving points stay as near as they were when the figures were fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from optimizer.predicted_rows import group_names, predict
from physics import closed_loop
from scenarios import measured
from tests.physics.cases import CATALOG

HERE = Path(__file__).parent
DENSE, MIXTURES = (
    predict(measured.read(HERE / name, CATALOG), CATALOG) for name in ("silicon_sample.csv", "silicon_sample_moe.csv")
)


# Mean absolute error of ITL on the sample, rounded up.
@pytest.mark.parametrize(
    ("group", "bound"),
    [
        ("llama-3.1-70b/h200-sxm/vllm/fp8", 0.06),
        ("llama-3.1-70b/b200-sxm/vllm/fp8", 0.09),
        ("llama-3.1-8b/h100-sxm/trtllm/unknown", 0.10),
        ("qwen3-32b/h100-sxm/trtllm/fp8", 0.09),
        ("deepseek-r1/h200-sxm/trtllm/fp8", 0.20),
        ("deepseek-r1/b200-sxm/trtllm/fp8", 0.20),
        ("deepseek-r1/b200-sxm/trtllm/fp4", 0.20),
        ("deepseek-v3/b200-sxm/sglang/fp8", 0.15),
        ("gpt-oss-120b/h200-sxm/vllm/fp4", 0.12),
        ("gpt-oss-120b/h200-sxm/trtllm/fp4", 0.15),
        ("kimi-k2.5/h200-sxm/vllm/int4", 0.15),
        ("minimax-m2.5/h200-sxm/vllm/fp8", 0.12),
        ("minimax-m2.5/b200-sxm/vllm/fp8", 0.15),
    ],
)
def test_itl_error(group: str, bound: float) -> None:
    found = MIXTURES if group in group_names(MIXTURES.table) else DENSE
    rows = (group == group_names(found.table)) & ~found.overload
    assert rows.sum() >= 7
    assert np.mean(abs(found.itl_s[rows] / found.table.itl_s[rows] - 1)) < bound


def test_ttft_error_through_the_clients_formula() -> None:
    rows = group_names(DENSE.table) == "llama-3.1-70b/h200-sxm/vllm/fp8"
    assert np.mean(abs(DENSE.ttft_s[rows] / DENSE.table.ttft_s[rows] - 1)) < 0.10
    rows = np.char.find(group_names(MIXTURES.table), "vllm") >= 0
    assert np.mean(abs(MIXTURES.ttft_s[rows] / MIXTURES.table.ttft_s[rows] - 1)) < 0.20


# Mean absolute error of TTFT on the sample, rounded up: Llama-3.1-8B's client waits for slots, at times for seconds.
@pytest.mark.parametrize(
    ("group", "bound"),
    [
        ("llama-3.1-70b/b200-sxm/vllm/fp8", 0.15),
        ("qwen3-32b/h100-sxm/trtllm/fp8", 0.18),
        ("llama-3.1-8b/h100-sxm/trtllm/unknown", 0.30),
    ],
)
def test_ttft_error_of_dense_models(group: str, bound: float) -> None:
    rows = (group_names(DENSE.table) == group) & ~DENSE.overload
    assert rows.sum() >= 10
    assert np.mean(abs(DENSE.ttft_s[rows] / DENSE.table.ttft_s[rows] - 1)) < bound


def test_ttft_bands_are_narrow_and_hold() -> None:
    rows = ~DENSE.overload & (DENSE.table.precision != "")
    ratio = DENSE.table.ttft_s[rows] / DENSE.ttft_s[rows]
    low, high = DENSE.ttft_band[rows].T
    assert np.mean((low <= ratio) & (ratio <= high)) >= 0.85
    assert np.median((high - low) / 2) <= 0.40


def test_prompts_that_wait_for_each_other() -> None:
    at_once, held = (
        closed_loop.clients(["trtllm"], [""], experts=False, batch_wait=closed_loop.held_back(1024, 1024, devices))
        for devices in (8, 4)
    )
    times = [closed_loop.closed_loop_ttft_s(0.05, 16, 0.02, 1023, client, 0.05).item() for client in (at_once, held)]
    assert times[1] - times[0] == pytest.approx(closed_loop.BATCH_WAIT_STEPS * 0.02)


def test_the_client_of_a_row_is_the_closest_that_is_known() -> None:
    clients = closed_loop.clients(
        ["trtllm", "trtllm", "trtllm", "vllm", "own"],
        ["1.0.0rc3", "1.0.0rc3", "1.2.0", "1.0.0rc3", ""],
        experts=False,
        stated=[True, False, False, False, True],
        batch_wait=True,
    )
    names = ("trtllm 1.0.0rc3", "trtllm 1.0.0rc3 unstated", "trtllm batch-wait", "vllm", "vllm")
    assert clients.floor_s.tolist() == [closed_loop.CLIENTS[name].floor_s for name in names]
    assert clients.departures.tolist() == [closed_loop.CLIENTS[name].departures for name in names]


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
