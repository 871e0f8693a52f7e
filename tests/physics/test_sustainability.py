"""Wall 18: energy, carbon and water reconcile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import sustainability


@given(busy=st.floats(0, 1), tdp=st.floats(100, 20000))
def test_power_lies_between_idle_and_load(busy: float, tdp: float) -> None:
    power = sustainability.server_power_w(tdp, busy)
    assert 0.43 * tdp * (1 - 1e-12) <= power <= 1.30 * tdp * (1 + 1e-12)


def test_idle_servers_draw_what_was_measured() -> None:
    """8 x H200 with the model loaded and no queries: 2.37 to 2.51 kW (MLPerf Inference v4.1 power log)."""
    assert 2370 <= sustainability.server_power_w(8 * 700, 0.0) <= 2510


@given(kwh=st.floats(0, 1e8), pue=st.floats(1, 2), intensity=st.floats(0, 1))
def test_pue_counts_once_on_power_and_energy_alike(kwh: float, pue: float, intensity: float) -> None:
    from_power = sustainability.energy_kwh(kwh * 1e3, 1.0, pue)
    assert sustainability.carbon_kg(from_power, intensity) == pytest.approx(kwh * pue * intensity)


def test_the_basis_matters() -> None:
    direct, lifecycle = (sustainability.carbon_kg(1e6, i) for i in (0.00548, 0.0305))
    assert lifecycle > 5 * direct


def test_embodied_scales_with_count() -> None:
    assert sustainability.embodied_kg_per_year(164, 16, 4) == 2 * sustainability.embodied_kg_per_year(164, 8, 4)
    assert sustainability.water_litres(1000.0, 0.12) == pytest.approx(120.0)
