"""Wall 15: losses acted out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import fragility


@given(devices=st.sampled_from([4, 8, 16]), size=st.sampled_from([1, 2, 4, 8, 16]), count=st.integers(1, 40))
def test_no_packing_loses_more_than_the_bound(devices: int, size: int, count: int) -> None:
    """Fill nodes one after the other, kill each: the rate lost never exceeds mu floor(G / g)."""
    bound = float(fragility.rate_lost_per_node(3.0, devices, size))
    if size > devices:
        assert bound == 3.0
        return
    per_node = devices // size
    nodes = [min(per_node, count - k) for k in range(0, count, per_node)]
    assert max(nodes) * 3.0 <= bound


def test_k_of_n_by_enumeration() -> None:
    states = itertools.product((0, 1), repeat=5)
    by_hand = sum(np.prod([0.9 if s else 0.1 for s in state]) for state in states if sum(state) >= 4)
    assert fragility.k_of_n_availability(4, 5, 0.9) == pytest.approx(by_hand)


def test_llama_3_interruptions() -> None:
    """419 unexpected interruptions of 16,384 devices in 54 days (arXiv:2407.21783, section 3.3.4)."""
    device_mtbf = 16_384 * 54 * 24 * 3600 / 419
    assert 54 * 24 * 3600 / fragility.fleet_mtbf_s(device_mtbf, 16_384) == pytest.approx(419)


@given(checkpoint=st.floats(1, 600), mtbf=st.floats(1e4, 1e7))
def test_young_daly_is_the_best_interval(checkpoint: float, mtbf: float) -> None:
    def lost(interval: float) -> float:
        return checkpoint / interval + interval / (2 * mtbf)

    best = fragility.young_daly_interval_s(checkpoint, mtbf)
    assert lost(best) <= min(lost(0.9 * best), lost(1.1 * best))
    assert fragility.failure_probability(best, mtbf) < 1
