"""Wall 8: the slower of storage and link supplies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from physics import ingestion

RATE = st.floats(1e6, 1e12)


@given(demand=RATE, storage=RATE, link=RATE)
def test_stalled_exactly_when_demand_exceeds_supply(demand: float, storage: float, link: float) -> None:
    used = ingestion.ingestion_utilization(demand, storage, link)
    assert (used > 1) == (demand > ingestion.supply_bytes_per_s(storage, link))


def test_a_faster_store_loads_a_model_sooner() -> None:
    assert ingestion.load_s(141.2e9, 14e9) < ingestion.load_s(141.2e9, 7e9)
