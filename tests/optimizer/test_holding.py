"""Plans that hold in a share of draws: the optimum of plain enumeration, and what the share must and must not do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from optimizer import milp, tables_together
from optimizer.held import held
from optimizer.holding import holding
from optimizer.inputs import scaled
from optimizer.program import build
from optimizer.scenario_program import ScenarioProgram
from optimizer.solve import solve
from optimizer.tables_together import ask_together
from tests.optimizer.cases import chat, small_scenario
from tests.optimizer.drawn_fleets import enumerated, question

# Questions in which the draw that may break changes the answer by 0.1 % at least, by kind and seed.
BINDING = [
    *(("plain", seed) for seed in (0, 1, 3)),
    *(("node loss", seed) for seed in (0, 4)),
    *(("carbon", seed) for seed in (0, 3)),
    ("budget", 4),
    *(("batches", seed) for seed in (2, 3, 5)),
    ("regions", 0),
]
TRACE = 3e-5  # ties in money are broken by carbon, at 1e-5 USD a kilogram in each draw
SLOWER = {"efficiency of ada (vllm)": 0.9}


@pytest.mark.parametrize(("kind", "seed"), BINDING)
def test_the_optimum_is_that_of_enumeration(kind, seed):
    scenario, drawn = question(kind, seed)
    found = holding(scenario, drawn, 1 - 1.5 / len(drawn), gap=0.0)
    program = ScenarioProgram([build(one) for one in ask_together([scenario, *drawn])])
    idle = [draw.idle * draw.program.objective_unit for draw in program.draws[1:]]
    best, all_held = (enumerated(scenario, drawn, most, idle) for most in (1, 0))
    assert found.status == "optimal" and found.may_break == 1
    assert found.objective.value == pytest.approx(best.value, rel=1e-6, abs=TRACE * best.accounts["kg_co2e_per_year"])
    assert found.bound.value <= found.objective.value <= found.bound.value * (1 + 1e-6)
    assert all_held.value > best.value * 1.001
    assert found.holds_in >= len(drawn) - 1
    assert found.plan.verified and found.plan.status == "feasible"


def test_one_draw_like_today_asks_what_solve_asks():
    scenario, _ = question("node loss", 1)
    found, plan = holding(scenario, [scenario], 1.0, gap=0.0), solve(scenario, binding=False)
    assert found.objective.value == pytest.approx(plan.objective.value, rel=1e-6)
    assert found.change["usd_per_year"] == pytest.approx((0.0, 0.0), abs=1.0)
    assert found.holds_in == 1 and found.draws[0].accounts == found.plan.accounts


def test_a_larger_share_never_costs_less_and_each_draw_is_held_as_said():
    scenario, drawn = question("plain", 0)
    values = []
    for share in (0.6, 0.8, 1.0):
        found = holding(scenario, drawn, share, gap=0.0)
        values.append(found.objective.value)
        assert found.holds_in >= share * len(drawn) - 1e-9
        for line, one in zip(found.draws, drawn, strict=True):
            said = held(one, found.plan)
            assert said.holds is line.holds
            assert bool(line.breaks) is not line.holds
            if line.holds:
                assert said.accounts["usd_per_year"] == pytest.approx(line.accounts["usd_per_year"], rel=1e-6)
    assert np.all(np.diff(values) >= -1e-6 * values[0]) and values[-1] > values[0] * 1.01


def test_the_bound_of_a_wide_gap_is_one():
    scenario, drawn = question("node loss", 0)
    wide, exact = (holding(scenario, drawn, 0.7, gap=gap) for gap in (0.2, 0.0))
    assert wide.bound.value <= exact.objective.value * (1 + 1e-9) <= wide.objective.value * (1 + 2e-9)
    assert wide.gap <= 0.2


def test_draws_in_which_no_fleet_holds_are_told():
    scenario, drawn = question("plain", 1)
    flood = scaled(scenario, {"demand of chat": 50.0})
    found = holding(scenario, [*drawn, flood], 1.0)
    assert (found.status, found.exit_code, found.hopeless) == ("infeasible", 3, [len(drawn) + 1])
    assert found.plan is None and found.without.fleet
    some = holding(scenario, [*drawn, flood], 0.6)
    assert some.status == "optimal" and not some.draws[-1].holds and some.draws[-1].breaks[0].limit == "demand chat"


def test_a_scenario_without_a_fleet_has_none_that_holds():
    scenario, _ = question("plain", 1)
    flood = scaled(scenario, {"demand of chat": 50.0})
    found = holding(flood, [scenario], 0.0)
    assert found.status == "infeasible" and found.without.status == "infeasible" and found.draws == []


def test_pools_left_out_in_all_draws_together_are_never_missed(monkeypatch):
    mine = {"precisions": ["fp8"], "batch": [4, 8, 16, 24, 32], "demand": {"east": 18.0}, "tensor_parallel": [1, 2]}
    small = {"east": "aws/us-east-1"}["east"]
    quota = {small: {"quota": {"l40s": 6, "h100-sxm": 2}}}
    loss = {"node": {"served": "60%", "scope": "total"}}
    scenario = small_scenario(workloads=chat(**mine), regions=quota, failures=loss)
    drawn = [scaled(scenario, {**SLOWER, "demand of chat": 1.0 + 0.2 * k}) for k in range(3)]

    def optimum() -> tuple[float, int]:
        questions = ask_together([scenario, *drawn])
        joined = ScenarioProgram([build(one) for one in questions]).joined([], [1, 2, 3], 1)
        pools = sum(group.variants.candidate.size for group in questions[0].groups)
        return milp.Solver(joined.problem, milp.Options(gap=0.0)).solve().objective, pools

    pruned, few = optimum()
    monkeypatch.setattr(tables_together, "undominated", lambda views, by=None: np.arange(views[0][1].candidate.size))
    whole, many = optimum()
    assert few < many and pruned == pytest.approx(whole, rel=1e-7)


def test_what_is_no_share_and_what_is_no_draw():
    scenario, drawn = question("plain", 1)
    with pytest.raises(ValueError, match=r"0 to 1, not 1\.2"):
        holding(scenario, drawn, 1.2)
    with pytest.raises(ValueError, match="at least one draw"):
        holding(scenario, [], 0.9)
    other = scenario.replace("regions.aws/us-east-1.quota.l40s", 4)
    with pytest.raises(ValueError, match="not the same"):
        holding(scenario, [other], 0.9)
    assert math.isfinite(holding(scenario, drawn, 0.5, time_limit=1e-3).seconds)
