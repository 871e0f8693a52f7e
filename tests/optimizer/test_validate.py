"""Validation: its statistics against SciPy and pandas, its groups, and what it keeps apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import scenarios
from optimizer.predicted_rows import Predicted, predict
from optimizer.validate import coverage, errors, judged, rank_correlation, ranks, validate
from scenarios import measured

CATALOG = scenarios.load_catalog()
TABLE = measured.read(Path(__file__).parents[1] / "physics" / "silicon_sample.csv", CATALOG)
FOUND = predict(TABLE, CATALOG)
CALM = int(((TABLE.precision != "") & ~FOUND.overload).sum())
"""Rows of `overall`: ten of the sixty do not say their precision."""


def with_columns(found: Predicted, **columns: object) -> Predicted:
    return replace(found, table=replace(found.table, **columns))


@pytest.mark.parametrize("seed", range(3))
def test_statistics_are_those_of_scipy_and_pandas(seed: int) -> None:
    random = np.random.default_rng(seed)
    measured_s = np.round(random.lognormal(0, 1, 40), 1) + 0.1  # rounded: some are equal
    predicted_s = measured_s * random.lognormal(0, 0.2, 40)
    found = errors("itl", predicted_s, measured_s)
    ratio = pd.Series(predicted_s / measured_s)
    assert found["itl_mape"] == pytest.approx((ratio - 1).abs().mean(), abs=1e-4)
    assert found["itl_median"] == pytest.approx((ratio - 1).abs().median(), abs=1e-4)
    assert found["itl_bias"] == pytest.approx(ratio.median() - 1, abs=1e-4)
    assert found["itl_rank"] == pytest.approx(stats.spearmanr(predicted_s, measured_s).statistic, abs=1e-4)
    assert ranks(measured_s).tolist() == stats.rankdata(measured_s).tolist()


def test_equal_values_have_no_rank_correlation() -> None:
    assert np.isnan(rank_correlation(np.ones(3), np.arange(3.0)))
    assert errors("itl", np.ones(1), np.ones(1))["itl_rank"] is None


def test_unknown_times_are_no_errors() -> None:
    found = errors("ttft", np.array([1.0, 2.0, 3.0]), np.array([np.nan, 1.0, np.nan]))
    assert found["ttft_mape"] == 1.0
    assert errors("ttft", np.ones(2), np.full(2, np.nan)) == dict.fromkeys(
        ("ttft_mape", "ttft_median", "ttft_bias", "ttft_rank")
    )


def test_coverage_is_of_the_measured_in_the_band_of_the_predicted() -> None:
    band = np.array([[0.9, 1.1], [0.9, 1.3], [0.5, 1.5]])
    found = coverage("itl", np.ones(3), np.array([1.05, 1.4, 0.5]), band)
    assert found == {"itl_coverage": 0.6667, "itl_half_width": 0.2}


def test_the_sample_is_predicted_within_what_the_page_says() -> None:
    found = validate(TABLE, CATALOG)
    assert found.rows == 60 and found.overall["n"] == CALM >= 48
    assert found.overall["itl_mape"] < 0.10 and found.overall["itl_rank"] > 0.95
    assert found.groups["precision:unknown"]["n"] == (~FOUND.overload[TABLE.precision == ""]).sum()
    assert found.groups["kind:dense"]["n"] == CALM
    assert {one["by"] for one in found.groups.values()} == {
        "fit", "kind", "precision", "system", "engine", "model", "mode", "group",
    }  # fmt: skip
    assert sum(one["n"] for one in found.groups.values() if one["by"] == "model") == CALM
    assert sum(one["n"] for one in found.groups.values() if one["by"] == "group") == (~FOUND.overload).sum()
    assert found.groups["llama-3.1-70b/h200-sxm/vllm/fp8"]["held_out"] == 0.0


def test_held_out_is_what_the_figures_were_not_fitted_to() -> None:
    other = predict(replace(TABLE, engine=np.full(len(TABLE), "own")), CATALOG)
    found = judged(other, CATALOG)
    assert "fit:fitted" not in found.groups and found.groups["fit:held out"]["n"] == found.overall["n"]


def test_overload_is_apart() -> None:
    crowd = replace(TABLE, concurrency=np.where(np.arange(len(TABLE)) < 5, 4096.0, TABLE.concurrency))
    found = validate(crowd, CATALOG)
    assert found.overload["n"] == 5 + FOUND.overload[5:].sum()
    assert found.all_rows["n"] == 50 and found.overall["n"] == CALM - 5


def test_disaggregated_rows_are_apart() -> None:
    found = judged(with_columns(FOUND, disaggregated=np.arange(len(TABLE)) < 7), CATALOG)
    assert found.groups["mode:disaggregated"]["n"] == 7
    assert found.overall["n"] == CALM - 7


def test_what_no_chip_can_run_is_left_out() -> None:
    odd = replace(TABLE, precision=np.where(np.arange(len(TABLE)) < 3, "int8", TABLE.precision))
    odd = replace(odd, accelerator=np.where(np.arange(len(TABLE)) < 3, "b300-sxm", TABLE.accelerator))
    found = validate(odd, CATALOG)
    assert found.rows + sum(one.rows for one in found.left_out) == 60


def test_tokens_per_second_and_device_follow_from_the_two_times() -> None:
    perfect = replace(FOUND, itl_s=TABLE.itl_s, ttft_s=TABLE.ttft_s)
    found = judged(perfect, CATALOG).overall
    assert found["tokens_per_s_per_device_mape"] == found["itl_mape"] == found["ttft_mape"] == 0.0
    assert found["itl_rank"] == found["itl_coverage"] == 1.0
    slow = judged(replace(FOUND, itl_s=2 * TABLE.itl_s, ttft_s=2 * TABLE.ttft_s), CATALOG).overall
    assert slow["tokens_per_s_per_device_bias"] == -0.5


def test_rows_without_a_first_token_time_are_still_compared() -> None:
    found = judged(with_columns(FOUND, ttft_s=np.full(len(TABLE), np.nan)), CATALOG).overall
    assert found["n"] == CALM and found["itl_mape"] is not None and found["ttft_mape"] is None


def test_predictions_do_not_depend_on_the_order_or_the_company_of_rows() -> None:
    back = predict(TABLE.take(slice(None, None, -1)), CATALOG)
    assert np.allclose(back.itl_s[::-1], FOUND.itl_s, rtol=1e-12) and np.allclose(
        back.ttft_s[::-1], FOUND.ttft_s, rtol=1e-12
    )
    one = predict(TABLE.take(slice(12, 13)), CATALOG)
    assert one.itl_s[0] == pytest.approx(FOUND.itl_s[12], rel=1e-12)


def test_times_in_another_unit_are_told() -> None:
    assert not judged(FOUND, CATALOG).warnings
    seconds = with_columns(FOUND, itl_s=FOUND.table.itl_s / 1e3)
    (said,) = judged(seconds, CATALOG).warnings
    assert said.startswith("silicon_tpot_ms") and "times shorter" in said and "milliseconds" in said
