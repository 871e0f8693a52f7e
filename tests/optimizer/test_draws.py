"""Draws lie in their ranges, follow their laws, and are the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.draws import axes, draws
from optimizer.inputs import fastest, scaled
from scenarios.errors import ScenarioError
from scenarios.schema import Scenario
from tests.optimizer.cases import EAST, NORTH, small_scenario

HOPPER = "efficiency of hopper (vllm)"


def ranged(**ranges: object) -> Scenario:
    """The small question with ranges; underscores stand for spaces."""
    named = {key.replace("_", " "): value for key, value in ranges.items()}
    regions = {NORTH: {"quota": {"l40s": 24, "h100-sxm": 8}}}
    return small_scenario(regions=regions, ranges=named)


def column(found: list[dict[str, float]], name: str) -> np.ndarray:
    return np.array([draw[name] for draw in found])


def test_each_part_of_a_uniform_range_has_its_draw() -> None:
    factors = np.sort(column(draws(ranged(demand="80% to 130%"), 50), "demand of chat"))
    parts = np.floor((factors - 0.8) / 0.5 * 50).astype(int)
    assert parts.tolist() == list(range(50))


def test_a_triangular_law_has_its_mode_at_today() -> None:
    found = column(draws(ranged(demand={"low": "80%", "high": "140%", "shape": "triangular"}), 4000), "demand of chat")
    assert found.min() > 0.8 and found.max() < 1.4
    assert found.mean() == pytest.approx((0.8 + 1.0 + 1.4) / 3, abs=0.002)
    assert (found < 1.0).mean() == pytest.approx((1.0 - 0.8) / (1.4 - 0.8), abs=0.001)


def test_a_measured_efficiency_is_the_band_upside_down() -> None:
    scenario = ranged(efficiency="measured")
    found = column(draws(scenario, 2000), HOPPER)
    low, high = scenario.catalog.efficiency("h100-sxm").itl_band
    assert np.quantile(1 / found, [0.05, 0.5, 0.95]) == pytest.approx([low, 1.0, high], rel=2e-3)
    assert found.max() <= fastest(scenario, HOPPER)
    axis = next(axis for axis in axes(scenario) if axis.name == HOPPER)
    assert (axis.low, axis.high) == pytest.approx((1 / high, 1 / low))


def test_a_kind_moves_together_and_apart_on_its_own() -> None:
    one, other = f"carbon intensity in {EAST}", f"carbon intensity in {NORTH}"
    together = draws(ranged(carbon="50% to 150%"), 20)
    assert all(draw[one] == draw[other] for draw in together)
    apart = draws(ranged(carbon={"low": "50%", "high": "150%", "apart": True}), 200)
    assert abs(np.corrcoef(column(apart, one), column(apart, other))[0, 1]) < 0.2
    assert [axis.name for axis in axes(ranged(carbon="50% to 150%", demand="80% to 130%"))] == [
        "carbon",
        "demand of chat",
    ]


def test_the_seed_decides() -> None:
    scenario = ranged(demand="80% to 130%", efficiency="measured")
    assert draws(scenario, 10, 3) == draws(scenario, 10, 3) != draws(scenario, 10, 4)


def test_draws_can_be_scaled_with() -> None:
    scenario = ranged(demand="80% to 130%", efficiency="measured", PUE="80% to 110%", purchase_prices="90% to 120%")
    for draw in draws(scenario, 5):
        assert scaled(scenario, draw).digest != scenario.digest


def test_what_cannot_be_drawn_from_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScenarioError, match="nothing to draw from"):
        draws(small_scenario(), 10)
    with pytest.raises(ScenarioError, match="at most 138%"):
        draws(ranged(efficiency="80% to 150%"), 10)
    with pytest.raises(ValueError, match="0 is not a number of draws"):
        draws(ranged(demand="80% to 130%"), 0)
    monkeypatch.setattr("optimizer.draws.find_spec", lambda name: None)
    with pytest.raises(ScenarioError, match="pip install 'argosy"):
        draws(ranged(demand="80% to 130%"), 10)
