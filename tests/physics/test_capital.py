"""Wall 17: the bill adds up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import capital


@given(price=st.floats(1, 1e6), years=st.integers(1, 10), rate=st.floats(0.001, 0.3))
def test_annuity_pays_back_the_price(price: float, years: int, rate: float) -> None:
    yearly = float(capital.amortised_usd_per_year(price, 1.0, years, rate))
    present = sum(yearly / (1 + rate) ** year for year in range(1, years + 1))
    assert present == pytest.approx(price, rel=1e-9)
    assert yearly > capital.amortised_usd_per_year(price, 1.0, years)


def test_small_rates_meet_the_straight_line() -> None:
    assert capital.amortised_usd_per_year(30000, 2.5, 3, 1e-9) == pytest.approx(25000, rel=1e-6)


@given(scale=st.floats(0.001, 1000))
def test_money_scales(scale: float) -> None:
    bill = capital.amortised_usd_per_year(27500, 2.5, 3) + capital.maintenance_usd_per_year(27500)
    scaled = capital.amortised_usd_per_year(27500 * scale, 2.5, 3) + capital.maintenance_usd_per_year(27500 * scale)
    assert scaled == pytest.approx(scale * bill)


def test_columns() -> None:
    prices = np.array([27500.0, 35000.0, 40000.0])
    assert capital.amortised_usd_per_year(prices, 2.5, 3).shape == (3,)
    assert capital.rent_usd(10.0, 100.0, 0.9) == pytest.approx(900.0)
    assert capital.reserved_usd_per_hour(10.0, 0.0) == 10.0
