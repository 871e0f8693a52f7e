"""Shadow prices of the linear relaxation are what the relaxations of two questions differ by, and are told as such."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from optimizer import milp
from optimizer.moves import moved
from optimizer.program import build
from optimizer.shadow_prices import shadow_prices
from optimizer.solve import solve
from optimizer.tables import ask
from reports.names import Places
from reports.report import report
from reports.text import console, show
from scenarios.schema import Scenario
from tests.optimizer.cases import EXACT, small_scenario, two_regions
from tests.optimizer.limit_cases import CASES
from tests.optimizer.test_explain import limits_of

STEP = 1e-4


def relaxed(scenario: Scenario) -> float:
    """Value of the linear relaxation with room beyond the quotas, in the account's unit."""
    program = build(ask(scenario, roomy=True))
    linear = replace(program.problem, integer=np.zeros_like(program.problem.integer))
    found = milp.Solver(linear, EXACT).solve()
    assert found.objective is not None
    return found.objective * program.objective_unit


@pytest.mark.parametrize("kind", ["carbon", "budget", "node failure"])
def test_a_shadow_price_is_the_slope_of_the_relaxation(kind: str) -> None:
    """Between the slopes of a small relaxation and a small tightening, which a kink may keep apart."""
    scenario = CASES[kind].scenario()
    found, limits = shadow_prices(scenario, EXACT), limits_of(scenario)
    assert found is not None and found.value == pytest.approx(relaxed(scenario), rel=1e-9)
    prices = {price.limit: price.per_percent for price in found.prices}
    assert prices and all(price < 0 for price in prices.values()), "relaxing a limit makes nothing worse"
    for name, limit in limits.items():
        if name.split()[0] in ("itl", "ttft", "quota", "min", "max"):
            continue  # counts move by whole ones, and latency has no dual
        slopes = [
            (relaxed(moved(scenario, limit, step).scenario) - relaxed(scenario)) / step / 100 for step in (STEP, -STEP)
        ]
        dust = 1e-5 * abs(found.value)
        assert min(slopes) - dust <= prices.get(name, 0.0) <= max(slopes) + dust, name


def test_no_fleet_does_with_less_than_the_relaxation() -> None:
    scenario = small_scenario(regions=two_regions(), limits={"carbon": "4 t/yr"})
    plan = solve(scenario, curves=True)
    assert plan.relaxation is not None and plan.relaxation.value is not None
    assert plan.objective is not None and plan.relaxation.value <= plan.objective.value * (1 + 1e-9)
    out = io.StringIO()
    show(report(plan, scenario, ("binding",)), console(out, 100))
    page = " ".join(out.getvalue().split())
    assert "Shadow prices of the linear relaxation, for comparison with other models only" in page
    assert Places(scenario).limit(plan.relaxation.prices[0].limit) in page
    assert solve(scenario).relaxation is None, "only with curves"


def test_duals_without_a_solved_linear_program_are_refused() -> None:
    program = build(ask(small_scenario()))
    with pytest.raises(milp.SolverError, match="no duals"):
        milp.Solver(program.problem, EXACT).reduced_costs()
