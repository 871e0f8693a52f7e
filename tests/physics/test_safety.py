"""Wall 20: the heuristics go the right way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from physics import safety


@given(st.floats(0.01, 100))
def test_more_privacy_is_slower(epsilon: float) -> None:
    assert safety.private_slowdown(epsilon) > safety.private_slowdown(2 * epsilon) > 1


@given(st.floats(1e-6, 1))
def test_rarer_groups_need_more_data(prevalence: float) -> None:
    assert safety.data_for_subgroup(prevalence) >= 1
