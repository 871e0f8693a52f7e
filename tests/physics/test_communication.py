"""Wall 14: collectives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import communication

BYTES, RANKS = st.floats(1, 1e12), st.integers(1, 1024)


@given(message=BYTES, ranks=RANKS)
def test_a_ring_moves_at_most_twice_the_message(message: float, ranks: int) -> None:
    seconds = communication.ring_allreduce_s(message, ranks, 450e9)
    assert seconds <= 2 * message / 450e9
    assert (seconds == 0) == (ranks == 1)


@given(message=BYTES, ranks=RANKS, latency=st.floats(0, 1e-4))
def test_serving_form_is_the_ring_at_large_messages(message: float, ranks: int, latency: float) -> None:
    ours = communication.allreduce_s(message, ranks, 450e9, latency)
    ring = communication.ring_allreduce_s(message, ranks, 450e9, latency)
    assert ours <= ring * (1 + 1e-12)
    assert communication.allreduce_s(message, ranks, 450e9) == pytest.approx(
        communication.ring_allreduce_s(message, ranks, 450e9)
    )


def test_hierarchy_beats_a_flat_ring_over_the_fabric() -> None:
    flat = communication.ring_allreduce_s(1e9, 64, 50e9, 5e-6)
    assert communication.hierarchical_allreduce_s(1e9, 8, 8, 450e9, 50e9) < flat


@given(stages=st.integers(1, 64), micro=st.integers(1, 512))
def test_bubble_is_a_share_that_more_micro_batches_fill(stages: int, micro: int) -> None:
    bubble = communication.plain_bubble_fraction(stages, micro)
    assert 0 <= bubble < 1
    assert communication.plain_bubble_fraction(stages, micro + 1) <= bubble


def test_all_to_all_costs_nothing_alone() -> None:
    assert communication.all_to_all_s(1e9, 1, 450e9, 1e-6) == 0
