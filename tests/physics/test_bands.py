"""Bands of predictions: their pessimistic end, what it does to pricing, and how much of measured silicon they hold."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from optimizer.predicted_rows import group_names, predict
from physics import bands, pricing
from scenarios import measured
from tests.physics.cases import CATALOG, run, shape

FOUND = predict(measured.read(Path(__file__).parent / "silicon_sample.csv", CATALOG), CATALOG)
WIDE = bands.Band(itl=(0.9, 1.2), ttft=(0.7, 1.8))


def test_the_quantile_is_the_upper_end_at_95_percent_and_grows_with_confidence() -> None:
    assert bands.quantile(1.4, 0.95) == pytest.approx(1.4)
    assert bands.quantile(1.4, 0.5) == 1.0
    grown = [bands.quantile(1.4, confidence) for confidence in np.linspace(0.5, 0.999, 20)]
    assert (np.diff(grown) > 0).all()
    assert bands.quantile(0.8, 0.99) == 1.0, "a prediction that is too slow anyway is not made faster"


@pytest.mark.parametrize("confidence", [0.4999, 0.9991, 1.0, -1.0])
def test_a_confidence_out_of_range_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.5 to 0\.999"):
        bands.pessimistic(WIDE, confidence)


def test_the_factors_are_columns_of_runs() -> None:
    assert set(bands.Caution._fields) <= {column.name for column in fields(pricing.Runs)}


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_itl_and_rate_are_exactly_at_the_end_of_the_itl_band(confidence: float) -> None:
    middle = run(batch=[4, 64], tensor=2)
    caution = bands.pessimistic(WIDE, confidence)
    slow = pricing.Runs(
        **{
            column.name: getattr(middle, column.name) * getattr(caution, column.name, 1.0)
            for column in fields(pricing.Runs)
        }
    )
    model = CATALOG.models["llama-3.1-70b"]
    before, after = (pricing.price(model, runs, [shape(512, 256), shape(4000, 8)]) for runs in (middle, slow))
    end = bands.quantile(WIDE.itl[1], confidence)
    assert after.itl_s == pytest.approx(before.itl_s * end)
    assert after.requests_per_s == pytest.approx(before.requests_per_s / end)
    assert after.prefill_s == pytest.approx(before.prefill_s * bands.quantile(WIDE.ttft[1], confidence))
    assert after.kv_capacity_bytes == pytest.approx(before.kv_capacity_bytes)


@pytest.mark.parametrize("accelerator", ["h200-sxm", "b200-sxm"])
def test_bands_hold_a_plausible_share_of_measured_points(accelerator: str) -> None:
    rows = (group_names(FOUND.table) == f"llama-3.1-70b/{accelerator}/vllm/fp8") & ~FOUND.overload
    assert rows.sum() >= 15
    for predicted, seen, ends in (
        (FOUND.itl_s, FOUND.table.itl_s, FOUND.itl_band),
        (FOUND.ttft_s, FOUND.table.ttft_s, FOUND.ttft_band),
    ):
        times, (low, high) = (seen / predicted)[rows], ends[rows][0]
        assert np.mean((low <= times) & (times <= high)) >= 0.8
        assert np.mean(times <= bands.quantile(high, 0.9)) >= 0.75
    assert np.diff(FOUND.itl_band[rows][0]).item() / 2 <= 0.20


def test_a_width_without_measured_rows_has_a_wider_band() -> None:
    h200, efficiency = CATALOG.accelerators["h200-sxm"], CATALOG.efficiency("h200-sxm")
    dense, mixture = CATALOG.models["llama-3.1-70b"], CATALOG.models["gpt-oss-120b"]
    for model, known, strange in ((dense, "fp8", "int4"), (mixture, "fp4", "bf16")):
        near, far = (bands.band(model, h200, efficiency, precision) for precision in (known, strange))
        assert far.itl[0] < near.itl[0] and far.itl[1] > near.itl[1]
        assert far.ttft[0] < near.ttft[0] and far.ttft[1] > near.ttft[1]
    assert bands.band(dense, h200, efficiency, "fp8").itl == efficiency.itl_band
    assert bands.band(mixture, h200, efficiency, "fp8").itl == efficiency.itl_band_moe
