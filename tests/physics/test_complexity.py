"""Wall 11: budget, model and tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physics import complexity


@given(st.floats(1e18, 1e28))
def test_the_optimal_model_spends_the_budget(budget: float) -> None:
    parameters = complexity.optimal_parameters(budget)
    assert complexity.training_flop(parameters, complexity.optimal_tokens(parameters)) == pytest.approx(budget)
    assert complexity.affordable_tokens(budget, parameters) == pytest.approx(complexity.optimal_tokens(parameters))


def test_llama_3_405b_is_near_its_published_budget() -> None:
    """3.8e25 FLOP for 405B on 15.6T tokens (arXiv:2407.21783, section 3.2)."""
    assert complexity.training_flop(405e9, 15.6e12) == pytest.approx(3.8e25, rel=0.01)
