"""Calibration: figures that made a table are found again, whatever else it holds, and its file can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import scenarios
from optimizer import calibrate_fit as fit
from optimizer.calibrate import Calibration, calibrate
from optimizer.calibrate_toml import as_data, catalog_text
from optimizer.calibrated_catalog import CalibratedCatalog, nearest
from optimizer.cross_validate import architectures, cross_validate
from optimizer.predicted_rows import predict
from scenarios import measured
from scenarios.measured import Table

CATALOG = scenarios.load_catalog()
SAMPLE = measured.read(Path(__file__).parents[1] / "physics" / "silicon_sample.csv", CATALOG)
TRUTH = {
    "prefill_compute": 0.48, "decode_compute": 0.48, "decode_bandwidth": 0.81, "layer_overhead_s": 3e-6,
    "step_overhead_s": 400e-6, "allreduce_latency_s": 9e-6, "link_efficiency": 0.35,
}  # fmt: skip


class Known:
    """The catalog with figures that are known."""

    def __init__(self, **changes: object) -> None:
        self.accelerators, self.models, self.changes = CATALOG.accelerators, CATALOG.models, changes

    def efficiency(self, accelerator: object, engine: str = "vllm") -> object:
        return replace(CATALOG.efficiency(accelerator, engine), **self.changes)


def made(noise: float, seed: int = 0, **changes: object) -> Table:
    """Rows that the physics itself made, below overload, under an engine without a weight-read limit."""
    asked = SAMPLE.take(SAMPLE.accelerator == "h200-sxm")
    asked = replace(asked, engine=np.full(len(asked), "sglang"))
    found = predict(asked, Known(**{**TRUTH, "kv_bytes_per_element": 1.0, **changes}))
    random = np.random.default_rng(seed)
    times = {name: getattr(found, name) * random.lognormal(0, noise, len(asked)) for name in ("itl_s", "ttft_s")}
    return replace(found.table, **times).take(found.ttft_s < 4)


def only(found: Calibration) -> object:
    (one,) = found.found.values()
    return one


@pytest.mark.parametrize("width", [1.0, 2.0])
def test_the_figures_that_made_the_rows_are_found_again(width: float) -> None:
    one = only(calibrate(made(0.0, kv_bytes_per_element=width), CATALOG))
    assert one.kv_bytes_per_element == width and one.kv_gain > 0
    assert one.itl_mape < 0.01
    assert one.figures["decode_bandwidth"] == pytest.approx(0.81, rel=0.03)
    assert one.figures["prefill_compute"] == pytest.approx(0.48, rel=0.05)
    assert one.figures["decode_compute"] == one.figures["prefill_compute"]


def test_noise_and_a_few_broken_rows_do_no_harm() -> None:
    table = made(0.03, seed=1)
    broken = replace(table, itl_s=np.where(np.arange(len(table)) % 9 == 0, table.itl_s * 3.0, table.itl_s))
    one = only(calibrate(broken, CATALOG))
    assert one.figures["decode_bandwidth"] == pytest.approx(0.81, rel=0.08)
    for name in ("decode_bandwidth", "prefill_compute"):
        assert 0 < one.errors[name] < 0.5
        assert abs(np.log(one.figures[name] / TRUTH[name])) < 4 * one.errors[name]


def test_more_noise_makes_wider_bands_and_larger_errors() -> None:
    calm, rough = (only(calibrate(made(noise, seed=2), CATALOG)) for noise in (0.005, 0.08))
    assert rough.errors["decode_bandwidth"] > calm.errors["decode_bandwidth"]
    assert rough.itl_mape > calm.itl_mape
    assert calm.moe is None and calm.dense.itl[0] <= 1 <= calm.dense.itl[1]


def test_rows_that_no_full_batch_explains_are_said_and_not_fitted() -> None:
    good = made(0.0)
    few = np.arange(6)
    other = replace(good.take(few), version=np.full(6, "odd"), itl_s=good.itl_s[few] * 2.0, line=good.line[few] + 500)
    both = replace(
        good, **{name: np.concatenate([column, getattr(other, name)]) for name, column in vars(good).items()
                 if isinstance(column, np.ndarray)}
    )  # fmt: skip
    found = calibrate(both, CATALOG)
    assert only(found).rows == len(good)
    assert [(one.rows, "odd" in one.reason) for one in found.left_out] == [(6, True)]
    assert only(found).figures["decode_bandwidth"] == pytest.approx(0.81, rel=0.03)


def test_what_is_not_fitted_is_counted_once() -> None:
    table = made(0.0)
    marks = np.arange(len(table))
    table = replace(
        table, disaggregated=marks == 0, ttft_s=np.where(marks == 2, 9.0, table.ttft_s),
        concurrency=np.where(marks == 3, 1e5, table.concurrency),
    )  # fmt: skip
    found = calibrate(table, CATALOG)
    assert sorted(one.rows for one in found.left_out) == [1, 1, 1]
    assert only(found).rows == len(table) - 3


def test_too_few_rows_are_not_fitted() -> None:
    assert not calibrate(made(0.0).take(slice(0, 3)), CATALOG).found


def test_the_jacobian_is_that_of_finite_differences() -> None:
    from optimizer.calibrate import _Work

    work = _Work(SAMPLE.take(slice(None, None, 5)), CATALOG)
    problem = work.problem(np.ones(len(work.table), dtype=bool), np.full(len(work.keys), 2.0))
    x = problem.start + 0.1
    slopes = problem.jacobian(x)
    for k in range(0, problem.size, 3):
        step = np.zeros(problem.size)
        step[k] = 1e-5
        assert np.allclose(slopes[:, k], (problem.residuals(x + step) - problem.residuals(x - step)) / 2e-5, atol=2e-2)
    assert len(problem.clusters("cluster")) == len(problem.residuals(x)) == len(slopes)


@pytest.fixture(scope="module")
def of_vllm() -> Calibration:
    """Fitted to rows under vLLM, whose weight reads are held inside the measured band."""
    table = made(0.01)
    return calibrate(replace(table, engine=np.full(len(table), "vllm"), file='my,"rows".csv'), CATALOG)


def test_the_weight_read_share_of_vllm_stays_in_its_band(of_vllm: Calibration) -> None:
    one = only(of_vllm)
    assert fit.ReadLimit.LEAST - 0.03 < one.figures["decode_bandwidth"] < TRUTH["decode_bandwidth"] - 0.03


def test_the_catalog_file_can_be_read_and_says_where_its_figures_come_from(
    of_vllm: Calibration, tmp_path: Path
) -> None:
    table, found = made(0.01), of_vllm
    path = tmp_path / "fitted.toml"
    path.write_text(catalog_text(found, "2026-11-23"), encoding="utf-8")
    catalog = scenarios.load_catalog((path,))
    efficiency = catalog.efficiency("h200-sxm", "vllm")
    assert efficiency.rows == len(table) and efficiency.measured
    assert efficiency.decode_bandwidth == pytest.approx(only(found).figures["decode_bandwidth"], rel=0.01)
    assert efficiency.kv_bytes_per_element == only(found).kv_bytes_per_element
    assert efficiency.fitted_to == ("llama-3.1-70b/h200-sxm/vllm/fp8",)
    figure = efficiency.figures["figures.layer_overhead_s"]
    assert (
        figure.unit == "us"
        and figure.date == "2026-11-23"
        and "rows" in figure.source
        and "standard error" in figure.note
    )
    assert as_data(found)["efficiencies"]["hopper"]["rows"] == len(table)
    assert predict(SAMPLE.take(SAMPLE.engine == "vllm"), catalog).fitted.any()


def test_a_calibrated_catalog_takes_over_with_a_wider_band() -> None:
    found = calibrate(made(0.02), CATALOG)
    catalog = CalibratedCatalog(CATALOG, found)
    own, other = catalog.efficiency("h200-sxm", "sglang"), catalog.efficiency("b200-sxm", "vllm")
    assert own.decode_bandwidth == other.decode_bandwidth == only(found).figures["decode_bandwidth"]
    assert other.itl_band[1] > own.itl_band[1] and not other.measured
    assert nearest(("hopper", "vllm"), {}) is None


def test_cross_validation_leaves_whole_parts_out() -> None:
    vllm = SAMPLE.take(SAMPLE.engine == "vllm")
    told: list[str] = []
    found = cross_validate(vllm, CATALOG, told.append)
    assert set(found) == {"system"}, "one model cannot be left out of itself"
    assert told == ["left out: b200-sxm", "left out: h200-sxm"]
    assert found["system"]["overall"]["n"] == sum(one["overall"]["n"] for one in found["system"]["folds"].values())
    assert 0 < found["system"]["dense"]["itl_mape"] < 0.5
    assert found["system"]["overall"]["itl_coverage"] is not None


def test_models_of_one_architecture_leave_together() -> None:
    table = replace(SAMPLE.take(slice(0, 3)), model=np.array(["deepseek-r1", "deepseek-v3", "qwen3-32b"]))
    assert architectures(table, CATALOG).tolist() == ["deepseek-r1 + deepseek-v3"] * 2 + ["qwen3-32b"]
