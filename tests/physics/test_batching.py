"""Wall 5: pages and how many requests they hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import batching


@given(tokens=st.integers(1, 100_000), page=st.sampled_from([1, 16, 64, 256]))
def test_pages_waste_less_than_one(tokens: int, page: int) -> None:
    held = float(batching.paged_tokens(tokens, page))
    assert tokens <= held < tokens + page


@given(mean=st.floats(10, 4000), longest=st.integers(4001, 32_000))
def test_the_scale_gives_back_the_mean(mean: float, longest: int) -> None:
    scale = batching.capped_exponential_scale(mean, longest)
    assert scale * -math.expm1(-longest / scale) == pytest.approx(mean, rel=1e-9)


@given(room=st.floats(1e9, 1e12), request=st.floats(1e6, 1e9))
def test_as_many_as_fit_and_no_more(room: float, request: float) -> None:
    most = float(batching.paged_batch_max(room, request))
    assert most * request <= room * (1 + 1e-6)
    assert (most + 1) * request > room


def test_impossible_mean_is_refused() -> None:
    with pytest.raises(ValueError, match="must lie"):
        batching.capped_exponential_scale(5000, 4096)
