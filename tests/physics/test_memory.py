"""Wall 2: what is read, what is kept and what is left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import memory


@given(experts=st.integers(2, 512), active=st.integers(1, 8), tokens=st.integers(1, 4096))
def test_experts_touched_lie_between_one_token_and_all(experts: int, active: int, tokens: int) -> None:
    active = min(active, experts)
    share = float(memory.experts_touched(experts, active, tokens))
    assert active / experts - 1e-12 <= share <= 1.0
    assert share <= tokens * active / experts + 1e-12


def test_experts_touched_against_a_draw() -> None:
    """256 experts, 8 per token, 32 tokens: the expectation of a simulated router."""
    rng = np.random.default_rng(0)
    draws = [len({e for _ in range(32) for e in rng.choice(256, 8, replace=False)}) / 256 for _ in range(200)]
    assert float(memory.experts_touched(256, 8, 32)) == pytest.approx(np.mean(draws), abs=0.01)


def test_never_all_of_the_memory() -> None:
    assert memory.usable_bytes(80e9) < 0.9 * 80e9
    assert memory.usable_bytes(80e9, memory.activation_bytes(8192, 28672, 1)) < memory.usable_bytes(80e9)


def test_llama_3_70b_does_not_fit_one_80_gb_device_at_16_bit() -> None:
    assert memory.plain_weight_bytes(70.6e9, 2) > memory.usable_bytes(80e9)


def test_roofline_turns_at_the_ridge() -> None:
    ridge = 989e12 / 3.35e12
    assert memory.roofline(1.01 * ridge * 1e9, 1e9, 989e12, 3.35e12)["bottleneck"] == "Compute"
    assert memory.roofline(0.99 * ridge * 1e9, 1e9, 989e12, 3.35e12)["bottleneck"] == "Memory"
