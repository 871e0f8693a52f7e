"""A good plan passes, and what the check says of one that is not comes in words with numbers."""

from __future__ import annotations

import subprocess
import sys

from optimizer.plan import Plan
from optimizer.verify import losses, verify
from tests.optimizer.checked_plan import asked_again, good


def test_the_good_plan_passes() -> None:
    scenario, plan = good()
    found = verify(scenario, plan)
    assert found.passed and not found.failures
    assert found.checks > 300
    assert {line.workload for line in plan.fleet or ()} == {"chat", "draft"}
    assert {line.procurement for line in plan.fleet or ()} == {"owned", "on_demand"}, "the plan should show both"


def test_it_shares_nothing_with_what_it_checks() -> None:
    """Neither the priced tables nor the program are loaded to check a plan, only the scenario and plain arithmetic."""
    asks = "import sys, optimizer.verify, optimizer.verify_judge_lp; print([m for m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True).stdout
    for module in ("physics", "optimizer.program", "optimizer.candidates", "optimizer.pools", "optimizer.milp"):
        assert f"'{module}" not in loaded


def test_it_survives_json() -> None:
    scenario, plan = good()
    assert verify(scenario, Plan.model_validate_json(plan.model_dump_json())).passed


def test_losses_are_those_of_the_plan() -> None:
    scenario, plan = good()
    assert losses(scenario, plan) == plan.losses
    assert {loss.what for loss in plan.losses} == {"node", "region"}


def test_no_fleet_no_pass() -> None:
    scenario, plan = good()
    nothing = plan.model_copy(update={"fleet": None, "status": "infeasible"})
    assert not verify(scenario, nothing).passed
    assert losses(scenario, nothing) == []


def test_failures_come_in_words_with_numbers() -> None:
    found = asked_again(limits__budget="$10k/yr")
    told = next(failure for failure in found.failures if failure.startswith("budget"))
    assert "exceeds 10000" in told and "USD" in told
