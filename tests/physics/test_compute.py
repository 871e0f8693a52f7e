"""Wall 1: prefill and decode FLOP against each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import compute


@given(prompt=st.integers(1, 10_000), cached=st.integers(0, 10_000))
def test_prefill_in_two_chunks_is_the_same_work(prompt: int, cached: int) -> None:
    first = prompt // 2
    whole = compute.prefill_flop(1e9, 32, 4096, prompt, cached)
    parts = compute.prefill_flop(1e9, 32, 4096, first, cached)
    parts += compute.prefill_flop(1e9, 32, 4096, prompt - first, cached + first)
    assert parts == pytest.approx(whole, rel=1e-12)


@given(context=st.integers(1, 100_000), batch=st.integers(1, 512))
def test_one_token_of_prefill_is_one_of_decode(context: int, batch: int) -> None:
    """Up to the token's own half: causal attention counts it once, decode at the mean context."""
    decode = compute.decode_step_flop(batch, 1e9, 32, 4096, context)
    prefill = batch * compute.prefill_flop(1e9, 32, 4096, 1, context)
    assert prefill == pytest.approx(decode, rel=1e-3)


def test_llama_3_405b_on_8192_devices() -> None:
    """At 43 % of 989 TFLOP/s each (arXiv:2407.21783, table 4), 15.6T tokens at 6 P D would take 126 days."""
    seconds = compute.compute_s(3 * compute.forward_flop(405e9, 15.6e12), 8192 * 989e12, 0.43)
    assert seconds / 86400 == pytest.approx(126, rel=0.01)
