"""Wall 12: longer thinking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import reasoning


@given(steps=st.integers(1, 100), samples=st.integers(1, 16))
def test_time_grows_with_tokens(steps: int, samples: int) -> None:
    tokens = reasoning.reasoning_tokens(steps, samples)
    assert tokens == steps * samples * reasoning.TOKENS_PER_STEP
    assert reasoning.reasoning_s(0.1, 0.01, tokens) == pytest.approx(0.1 + 0.01 * tokens)
