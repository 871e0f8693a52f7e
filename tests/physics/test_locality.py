"""Wall 10: which wire a group uses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import locality


@given(ranks=st.integers(1, 512), domain=st.sampled_from([1, 8, 72, 256]))
def test_a_group_takes_the_link_exactly_inside_its_domain(ranks: int, domain: int) -> None:
    wire = float(locality.group_bytes_per_s(ranks, domain, 450e9, 50e9))
    assert wire == (450e9 if ranks <= domain else 50e9)


@given(name=st.sampled_from(["fat_tree", "dragonfly", "torus_3d", "ring"]), nodes=st.integers(2, 4096))
def test_no_network_gives_more_than_its_links(name: str, nodes: int) -> None:
    assert 0 < locality.bisection_fraction(name, nodes) <= 1
    assert locality.effective_bytes_per_s(50e9, name, nodes, 2.0) <= 25e9


def test_unknown_topology_names_the_known() -> None:
    with pytest.raises(KeyError, match="dragonfly"):
        locality.bisection_fraction("star", 8)
    with pytest.raises(KeyError, match="dragonfly"):
        locality.mean_hops("star", 8)


def test_p99_is_longer_than_p50() -> None:
    p50 = np.array([0.002, 0.016, 0.2])
    assert (locality.user_round_trip_s(p50) > locality.user_round_trip_s(p50, percentile=50)).all()
