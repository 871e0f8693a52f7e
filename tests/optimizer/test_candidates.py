"""Candidates: what is ruled out says so with its wall, and nothing kept beats its chip."""

from __future__ import annotations

import numpy as np
import pytest

import scenarios
from optimizer.candidates import LARGEST_BATCH, Table
from optimizer.tables import Question, ask
from scenarios.schema import Scenario
from tests.optimizer.cases import DROP, EAST, chat, small_scenario, work


def on(name: str, devices: int, model: str = "llama-3.1-8b", **workload: object) -> Scenario:
    """One accelerator, in nodes of `devices`, and a workload whose degrees are free."""
    free = {
        "tensor_parallel": DROP,
        "pipeline_parallel": [1],
        "batch": [1, 8],
        "model": model,
        "itl": DROP,
        "ttft": DROP,
    }
    unused = {other: DROP for other in ("l40s", "h100-sxm") if other != name}
    return small_scenario(
        accelerators=[name],
        workloads=chat(**(free | {"demand": {"east": 0.1}} | workload)),
        regions={EAST: {"quota": {**unused, name: 64}}},
        procurement={"owned": {"prices": {**unused, name: "$10,000"}, "devices_per_node": {**unused, name: devices}}},
    )


def degrees(table: Table, precision: str) -> set[int]:
    rows = [row for row in range(len(table)) if table.chips[table.chip[row]].precision == precision]
    return {int(table.runs.tensor_parallel[row]) for row in rows}


def said(question: Question, wall: str) -> list[str]:
    return [entry.says for table in question.tables for entry in table.rejected if entry.wall == wall]


# ---- memory ----


def test_70b_at_16_bit_needs_more_than_one_80_gb_device() -> None:
    """141 GB of weights: not one device, not two (no room for a cache), four."""
    question = ask(on("h100-sxm", 8, "llama-3-70b", precisions=["bf16"]))
    assert min(degrees(question.tables[0], "bf16")) == 4
    alone = ask(on("h100-sxm", 8, "llama-3-70b", precisions=["bf16"], tensor_parallel=[1]))
    assert len(alone.tables[0]) == 0
    refused = [entry for entry in alone.tables[0].rejected if entry.wall == "memory"]
    assert refused and refused[0].value is not None and refused[0].value > 1.6 and refused[0].limit == 1.0
    assert "h100-sxm bf16" in refused[0].what


def test_fewer_bits_fit_fewer_devices() -> None:
    question = ask(on("h100-sxm", 8, "llama-3-70b", precisions=["bf16", "fp8", "int4"]))
    least = [min(degrees(question.tables[0], precision)) for precision in ("bf16", "fp8", "int4")]
    assert least == [4, 2, 1]


def test_kept_batches_fit_their_cache_and_the_next_does_not() -> None:
    question = ask(on("l40s", 2, batch=DROP))
    table = question.tables[0]
    need = table.prices.kv_bytes_per_request[:, 0] * table.runs.batch
    assert (need <= table.prices.kv_capacity_bytes * (1 + 1e-9)).all()
    keys = np.stack([table.chip, table.runs.tensor_parallel], axis=1)
    for key in np.unique(keys, axis=0):
        mine = (keys == key).all(axis=1)
        most = int(table.runs.batch[mine].max())
        room = table.prices.kv_capacity_bytes[mine][0] / table.prices.kv_bytes_per_request[mine][0, 0]
        assert most == min(LARGEST_BATCH, int(room))


def test_long_requests_take_the_cache_of_a_device() -> None:
    shape = [{"name": "long", "share": 1, "prompt_tokens": 100_000, "output_tokens": 20_000}]
    question = ask(on("l40s", 2, requests=shape, batch=[1, 4], tensor_parallel=[1], precisions=["fp8"]))
    assert question.tables[0].runs.batch.tolist() == [1.0]


# ---- precision ----


def test_a_precision_that_the_chip_lacks_is_a_rejection() -> None:
    """An A100 has no FP8; it is never priced at 16 bit instead."""
    question = ask(on("a100-80", 8, precisions=["fp8", "bf16"]))
    assert {chip.precision for chip in question.tables[0].chips} == {"bf16"}
    assert any("a100-80 does not compute fp8 natively" in line for line in said(question, "fidelity"))
    nothing = ask(on("a100-80", 8, precisions=["fp8"]))
    assert len(nothing.tables[0]) == 0 and said(nothing, "fidelity")


def test_int4_stores_four_bits_and_computes_at_sixteen() -> None:
    question = ask(on("a100-80", 8, precisions=["bf16", "int4"], tensor_parallel=[1]))
    table = question.tables[0]
    sixteen, four = (
        next(
            row
            for row in range(len(table))
            if table.chips[table.chip[row]].precision == name and table.runs.batch[row] == 8
        )
        for name in ("bf16", "int4")
    )
    assert table.runs.peak_flop_per_s[four] == table.runs.peak_flop_per_s[sixteen] == 312e12
    ratio = table.prices.weight_bytes_per_device[four] / table.prices.weight_bytes_per_device[sixteen]
    assert 0.25 < ratio < 0.40  # the embedding stays at 16 bit
    assert table.prices.decode_step_s[four, 0] < table.prices.decode_step_s[sixteen, 0]
    assert table.prices.prefill_s[four, 0] == pytest.approx(table.prices.prefill_s[sixteen, 0])


def test_a_declared_loss_of_quality_rules_a_precision_out() -> None:
    loss = {"fp8": 0.2, "bf16": 0, "limit": 0.1}
    question = ask(on("h100-sxm", 8, precisions=["bf16", "fp8"], quality_loss=loss))
    assert {chip.precision for chip in question.tables[0].chips} == {"bf16"}
    entry = next(e for e in question.tables[0].rejected if e.reading == "quality loss")
    assert (entry.value, entry.limit, entry.wall) == (0.2, 0.1, "fidelity")


def test_kv_precision_is_a_choice_of_its_own() -> None:
    question = ask(on("h100-sxm", 8, precisions=["fp8"], kv_precisions=["bf16", "fp8"], tensor_parallel=[1], batch=[8]))
    table = question.tables[0]
    by_kv = {table.chips[table.chip[row]].kv_precision: row for row in range(len(table))}
    assert set(by_kv) == {"bf16", "fp8"}
    kv = table.prices.kv_bytes_per_request[:, 0]
    assert kv[by_kv["bf16"]] == pytest.approx(2 * kv[by_kv["fp8"]])


# ---- degrees ----


@pytest.mark.parametrize(("devices", "widest"), [(1, 1), (2, 2), (4, 4), (8, 8)])
def test_tensor_parallel_ends_at_the_link_domain(devices: int, widest: int) -> None:
    """A part of a server has the links inside it only."""
    question = ask(on("h100-sxm", devices, precisions=["fp8"]), prune=False)
    used = {
        int(question.tables[0].runs.tensor_parallel[row])
        for group in question.groups
        for row in group.variants.candidate
    }
    assert max(used) == widest and all(devices % degree == 0 for degree in used)


def test_rack_scale_domains_span_nodes() -> None:
    question = ask(on("gb200", 4, "llama-3-70b", precisions=["fp8"]), prune=False)
    used = {
        int(question.tables[0].runs.tensor_parallel[row])
        for group in question.groups
        for row in group.variants.candidate
    }
    assert max(used) > 4


def test_heads_are_shared_evenly_and_experts_stay_whole() -> None:
    dense = ask(on("h100-sxm", 8, precisions=["fp8"]))
    assert (dense.tables[0].runs.expert_parallel == 1).all()
    heads = dense.scenario.catalog.models["llama-3.1-8b"].heads
    assert all(heads % int(degree) == 0 for degree in dense.tables[0].runs.tensor_parallel)
    sparse = ask(on("h100-sxm", 8, "mixtral-8x7b", precisions=["fp8"]))
    runs = sparse.tables[0].runs
    assert ((runs.expert_parallel == 1) | (runs.expert_parallel == runs.tensor_parallel)).all()
    assert (runs.expert_parallel > 1).any()


def test_stages_have_requests_to_work_on() -> None:
    question = ask(on("h100-sxm", 8, "llama-3-70b", precisions=["fp8"], pipeline_parallel=[1, 2, 4], batch=[1, 2, 8]))
    runs = question.tables[0].runs
    assert (runs.batch >= runs.pipeline_parallel).all() and (runs.pipeline_parallel > 1).any()


# ---- latency ----


def test_what_is_too_slow_says_by_how_much() -> None:
    question = ask(small_scenario(workloads=chat(itl={"limit": "20 ms"})))
    table = question.tables[0]
    assert table.over_itl.any() and not table.over_itl.all()
    entry = next(e for e in table.rejected if e.reading == "ITL")
    assert entry.wall == "serving" and entry.value is not None and entry.value > 0.020 and entry.limit == 0.020


def test_a_percentile_over_requests_is_stricter_than_the_mean() -> None:
    mean = ask(small_scenario()).tables[0].itl_s
    tail = ask(small_scenario(workloads=chat(itl={"limit": "50 ms", "percentile": 99}))).tables[0].itl_s
    assert (tail > mean).all()
    median = ask(small_scenario(workloads=chat(itl={"limit": "50 ms", "percentile": 50}))).tables[0].itl_s
    assert median == pytest.approx(mean, rel=1e-9)


def test_exactly_the_largest_batch_inside_the_limit_is_there() -> None:
    question = ask(on("l40s", 2, batch=DROP, itl={"limit": "40 ms", "percentile": "mean"}, tensor_parallel=[1]))
    table = question.tables[0]
    for chip in np.unique(table.chip):
        mine = np.flatnonzero((table.chip == chip) & ~table.over_itl)
        most = int(table.runs.batch[mine].max())
        larger = ask(on("l40s", 2, batch=[most, most + 1], itl={"limit": "40 ms"}, tensor_parallel=[1])).tables[0]
        assert most < LARGEST_BATCH
        assert larger.over_itl[larger.chip == chip].tolist() == [False, True]


# ---- silicon ----


@pytest.mark.parametrize("name", scenarios.names())
def test_no_candidate_beats_its_chip(name: str) -> None:
    for table in ask(scenarios.load(name)).tables:
        assert len(table) > 100 or table.workload.only_measured
        for fraction in (table.prices.flop_fraction, table.prices.bandwidth_fraction):
            assert fraction.min() >= 0.0 and fraction.max() < 1.0
        # The same once more from the table alone: decode reads the weights once a step, at the peak at most.
        least_s = table.prices.weight_bytes_per_device / table.runs.hbm_bytes_per_s
        assert (table.prices.decode_step_s[:, 0] > least_s * table.runs.pipeline_parallel).all()


def test_weights_are_read_at_the_measured_efficiency() -> None:
    """Dense, 30B and more, one device, batch <= 4: weight bytes / (bandwidth x step) in 0.60 to 0.73 as measured."""
    scenario = on("h200-sxm", 8, "llama-3-70b", precisions=["fp8"], tensor_parallel=[1], batch=[1, 2, 3, 4])
    table = ask(scenario).tables[0]
    assert len(table) == 4
    model = scenario.catalog.models["llama-3-70b"]
    weights = model.params_active_nonembed + model.head_params  # a byte each
    read = weights / (table.runs.hbm_bytes_per_s * table.prices.decode_step_s[:, 0])
    assert ((read >= 0.60) & (read <= 0.73)).all(), read


def test_the_capstones_own_tables_are_in_that_band() -> None:
    table = ask(scenarios.load("capstone")).tables[0]
    rows = np.flatnonzero(
        (table.runs.tensor_parallel == 1) & (table.runs.pipeline_parallel == 1) & (table.runs.batch <= 4)
    )
    assert {table.chips[table.chip[row]].accelerator.name for row in rows} == {"h200-sxm", "b200-sxm"}
    read = table.prices.weight_bytes_per_device[rows] / (
        table.runs.hbm_bytes_per_s[rows] * table.prices.decode_step_s[rows, 0]
    )
    assert ((read >= 0.60) & (read <= 0.73)).all(), (read.min(), read.max())


def test_the_best_candidates_serve() -> None:
    worked = work(on("l40s", 2))
    assert np.isfinite(worked.optimum) and worked.verification().failures == []
