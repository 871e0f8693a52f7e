"""Wall 4: ITL, rate and residence are one identity."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import serving

SECONDS = st.floats(1e-4, 1.0)


@given(batch=st.integers(1, 512), decode=SECONDS, prefill=st.floats(0, 1.0), steps=st.integers(1, 4000))
def test_rate_is_batch_over_steps_of_itl(batch: int, decode: float, prefill: float, steps: int) -> None:
    itl = float(serving.itl_s(decode, batch, prefill, steps))
    rate = serving.requests_per_s(batch, decode, prefill, steps)
    assert rate == pytest.approx(batch / (steps * itl), rel=1e-12)
    assert serving.residence_s(batch, decode, prefill, steps) == pytest.approx(batch / rate, rel=1e-12)


def test_a_single_token_answer_is_all_prefill() -> None:
    assert serving.decode_steps(512, 1) == 0
    assert serving.itl_s(0.02, 8, 0.05, 0) == 0.0
    assert serving.requests_per_s(8, 0.02, 0.05, 0) == pytest.approx(1 / 0.05)


def test_no_prompt_is_all_decode() -> None:
    assert serving.decode_steps(0, 1) == 1
    assert serving.itl_s(0.02, 8, 0.0, 1) == 0.02


def test_acted_out() -> None:
    """Step by step: 32 slots, each prefill stops all for one t_pre; the mean gap between tokens is ITL."""
    batch, steps, decode, prefill = 32, 100, 0.020, 0.030
    left, clock, gaps = [1 + k * steps // batch for k in range(batch)], 0.0, []
    last: list[float | None] = [None] * batch
    for _ in range(40 * steps):
        clock += decode
        for slot in range(batch):
            left[slot] -= 1
            before = last[slot]
            if before is not None:
                gaps.append(clock - before)
            last[slot] = clock
        for slot in range(batch):
            if left[slot] == 0:
                clock += prefill
                left[slot], last[slot] = steps, clock
    expected = float(serving.itl_s(decode, batch, prefill, steps))
    assert sum(gaps[20 * batch * steps :]) / len(gaps[20 * batch * steps :]) == pytest.approx(expected, rel=0.02)
