"""A plan against another version of its scenario: the fleet is judged by that version's own limits and figures."""

from __future__ import annotations

from typing import Any

import pytest

from optimizer.verify import verify, verify_other_version
from tests.optimizer.checked_plan import EAST, QUESTION, WEST, good, version
from tests.optimizer.test_verify_limits import LIMITS

ONLY_SAID = ("carbon basis", "objective")
"""What a plan says of itself; no limit of its fleet."""


def test_its_own_scenario_is_a_version_too() -> None:
    scenario, plan = good()
    found = verify_other_version(scenario, plan)
    assert found.passed and found.differs == []
    assert found.checks < verify(scenario, plan).checks
    for account, value in plan.accounts.items():
        assert found.accounts[account] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "limit", "here"),
    [
        ({"limits__carbon": "900 t/yr"}, "carbon", 900_000.0),
        ({"limits__budget": "$9M/yr"}, "budget", 9e6),
        ({"workloads__chat__ttft": {"limit": "5 s", "percentile": 99}}, "TTFT", 5.0),
        ({"failures__node": {"served": "60%", "scope": "each"}}, "served after a node loss", 0.6),
        ({"failures": {}}, "served after a node loss", None),
        ({"regions": {EAST: {"quota": {"h100-sxm": 60}}, WEST: {"quota": {"h100-sxm": 16}}}}, "quota", 60.0),
    ],
)
def test_a_looser_limit_holds_and_is_told(changes: dict[str, Any], limit: str, here: float | None) -> None:
    scenario, (_, plan) = version(**changes), good()
    recorded = [one for one in plan.readings if one.name == limit and one.limit is not None]
    found = verify_other_version(scenario, plan)
    assert found.passed, found.failures
    assert [one.here for one in found.differs if one.limit == limit] == [here] * bool(recorded)
    assert {one.limit for one in found.differs} <= {limit}


def test_other_prices_are_no_fault_of_the_fleet() -> None:
    _, plan = good()
    east = {"quota": {"h100-sxm": 16}, "electricity": "$0.90/kWh"}
    dearer = version(regions={EAST: east, WEST: QUESTION["regions"][WEST]})
    assert not verify(dearer, plan).passed, "its own scenario's bill is checked to the cent"
    found = verify_other_version(dearer, plan)
    assert found.passed, found.failures
    assert found.accounts["usd_per_year"] > plan.accounts["usd_per_year"] * 1.001


@pytest.mark.parametrize("limit", [name for name in LIMITS if name not in ONLY_SAID])
def test_a_limit_that_is_broken_here_is_reported(limit: str) -> None:
    changes, says = LIMITS[limit]
    found = verify_other_version(version(**changes), good()[1])
    assert not found.passed
    wanted = {"TTFT": "first token", "ITL": "ITL"}.get(says, says)
    assert any(wanted in failure for failure in found.failures), found.failures[:5]
