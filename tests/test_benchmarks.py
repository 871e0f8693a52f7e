"""The benchmarks measure what they say, at a small size; no time is asserted."""

from __future__ import annotations

import importlib.util

import numpy as np

from benchmarks import pricing, program, startup, validation
from benchmarks.figure import Figure, under
from optimizer.program import build
from optimizer.tables import ask
from physics.pricing import price
from scenarios.schema_demand import Shape


def test_priced_rows_are_real_candidates() -> None:
    import scenarios

    model = scenarios.load_catalog().models["llama-3-70b"]
    found = price(
        model, pricing.candidates(pricing.hardware_asked(), 1000), [Shape(prompt_tokens=512, output_tokens=256)]
    )
    assert found.itl_s.shape == (1000, 1)
    assert np.isfinite(found.itl_s).all() and (found.requests_per_s > 0).all()
    assert np.unique(found.itl_s).size > 900, "rows differ, so nothing is priced once and copied"


def test_rates_are_counted() -> None:
    assert pricing.priced_per_s(1000) > 0
    peer = pricing.peer_per_s(0.01)
    assert (peer is None) == (importlib.util.find_spec("mlsysim") is None)


def test_the_wide_program_is_wide() -> None:
    assert build(ask(program.wide(), prune=False)).problem.columns >= program.LEAST_COLUMNS


def test_program_figures() -> None:
    scenario = program.wide(1)
    workload = scenario.workloads["chat"].model_copy(update={"batch": (256,), "precisions": ("fp8",)})
    found = program.figures(scenario.model_copy(update={"workloads": {"chat": workload}}))
    assert [figure.met for figure in found].count(None) == 2


def test_a_target_is_a_target() -> None:
    assert under("x", 0.2, 0.3) == Figure("x", "0.2 s", "< 0.3 s", True)
    assert under("x", 0.4, 0.3).met is False


def test_start_up_is_measured() -> None:
    (figure,) = startup.figures()
    assert figure.text.endswith(" s")


def test_as_many_rows_are_validated_as_it_says() -> None:
    assert len(validation.tiled(130).splitlines()) == 131
    (figure,) = validation.figures(130)
    assert "130" in figure.name and figure.target == "< 1 s"
