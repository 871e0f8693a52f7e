"""Wall 3: efficiencies stay below the peak, and the catalog's lie where silicon was measured."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from physics import software
from tests.physics.cases import CATALOG

SHARES = ("prefill_compute", "decode_compute", "decode_bandwidth", "link_efficiency")


@given(st.sampled_from(["ffn", "conv", "attention", "other"]), st.floats(0, 1), st.booleans())
def test_plain_efficiency_is_a_share(kernel: str, efficiency: float, flash: bool) -> None:
    assert 0 <= software.plain_efficiency(kernel, efficiency, flash) <= 0.85 + 0.15 * (kernel == "other")


def test_no_fitted_efficiency_exceeds_one() -> None:
    generations = {accelerator.generation for accelerator in CATALOG.accelerators.values()}
    assert generations <= set(CATALOG.efficiencies)
    for efficiency in CATALOG.efficiencies.values():
        assert all(0 < getattr(efficiency, name) < 1 for name in SHARES)


def test_measured_rows_read_weights_inside_the_band() -> None:
    """Llama-3.1-70B FP8 at batch 4 on one H200: 20.1 ms (TensorRT-LLM) and 21.5 ms (vLLM) per token."""
    low, high = software.WEIGHT_READ_BAND
    for itl in (0.02146, 0.02011):
        assert low <= software.weight_read_efficiency(70.6e9, 4.8e12, itl) <= high + 0.005


def test_a_band_holds_its_value() -> None:
    low, high = software.banded(0.02, CATALOG.efficiencies["hopper"].itl_band)
    assert low < 0.02 < high
