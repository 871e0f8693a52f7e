"""Bands of predictions: their pessimistic end, what it does to pricing, and how much of measured silicon they hold."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy
from physics import bands, pricing
from tests.physics.cases import CATALOG, run, shape

ROWS = accuracy.read(str(Path(__file__).parent / "silicon_sample.csv"))
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
    rows = [row for row in ROWS if (row.accelerator, row.engine) == (accelerator, "vllm")]
    itl, ttft, fits = accuracy.ratios(rows, CATALOG)
    efficiency = CATALOG.efficiency(accelerator)
    model = CATALOG.models["llama-3.1-70b"]
    band = bands.band(model, CATALOG.accelerators[accelerator], efficiency, "fp8", rows[0].kv_precision)
    assert fits.sum() >= 15
    for predicted_over_measured, (low, high) in ((itl[fits], band.itl), (ttft[fits], band.ttft)):
        measured = 1 / predicted_over_measured
        assert np.mean((low <= measured) & (measured <= high)) >= 0.8
        assert np.mean(measured <= bands.quantile(high, 0.9)) >= 0.75
    assert (band.itl[1] - band.itl[0]) / 2 <= 0.20
