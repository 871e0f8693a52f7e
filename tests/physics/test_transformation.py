"""Wall 9: the slower of host and accelerator sets the pace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import transformation


@given(step=st.floats(1e-3, 10), host=st.floats(1e-3, 10))
def test_utilisation_is_a_share(step: float, host: float) -> None:
    used = transformation.accelerator_utilization(step, host)
    assert 0 < used <= 1
    assert (used == 1) == (host <= step)


def test_twice_the_samples_take_twice_the_host() -> None:
    one, two = (transformation.transformation_s(n, 5e5, 2e9) for n in (128, 256))
    assert two == pytest.approx(2 * one)
