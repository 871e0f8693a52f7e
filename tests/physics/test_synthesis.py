"""Wall 22: the accelerator asked for gives the answer asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import compute, memory, synthesis


@given(target=st.floats(1e-3, 10), parameters=st.floats(1e8, 1e13), efficiency=st.floats(0.1, 1))
def test_round_trip(target: float, parameters: float, efficiency: float) -> None:
    weights, work = memory.plain_weight_bytes(parameters, 2), compute.forward_flop(parameters)
    bandwidth = synthesis.required_bytes_per_s(weights, target)
    rate = synthesis.required_flop_per_s(work, target, efficiency)
    assert memory.memory_s(weights, bandwidth) == pytest.approx(target)
    assert compute.compute_s(work, rate, efficiency) == pytest.approx(target)
