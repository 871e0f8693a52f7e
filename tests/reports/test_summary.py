"""The first line: the answer in one sentence, for every kind of answer."""

from __future__ import annotations

import pytest

from optimizer.plan import Amount, Plan
from reports.names import Places
from reports.summary import headline, holding
from tests.reports import plans


def _line(plan: Plan) -> str:
    return headline(plan, Places())


def test_a_fleet_in_one_sentence() -> None:
    assert _line(plans.feasible()) == (
        "Buy 32 H200 (4 nodes) and 8 B200 (1 node): $3.41M and 212 t CO2e a year serve 1,000 requests/s "
        "from aws/us-east-1 and aws/ca-central-1, within 0.08 % of the proven least cost; the quota of B200 in "
        "aws/us-east-1 holds it (8 devices -> 16 devices would save $188k to $193k a year)."
    )


def test_cities_are_named_where_the_scenario_is_known() -> None:
    import scenarios

    line = headline(plans.feasible(), Places(scenarios.load("capstone")))
    assert "Ashburn (N. Virginia) and Montreal (Quebec)" in line


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("stopped", "stopped by hand, so up to 2.3 % better may exist."),
        (
            "infeasible",
            "the budget and the demand of chat cannot hold together; ways out: the budget from $5M/yr to $17.4M/yr",
        ),
        ("no_candidate", "Nothing can run this"),
        ("no_incumbent", "neither found nor proven impossible; least cost is proven to be at least $2.9M/yr"),
    ],
)
def test_every_other_kind_of_answer(kind: str, says: str) -> None:
    assert says in _line(plans.EVERY[kind]())


def test_a_stopped_run_never_claims_proof_or_impossibility() -> None:
    for kind in ("stopped", "no_incumbent"):
        line = _line(plans.EVERY[kind]())
        assert "impossible" not in line.replace("nor proven impossible", "")
        assert "proven least" not in line


def test_what_holds_it_is_never_demand_itself_nor_the_unresolved() -> None:
    plan = plans.feasible()
    assert holding(plan) == plan.binding[0]
    only = plan.model_copy(
        update={"binding": [line for line in plan.binding if line.limit in ("demand chat", "carbon")]}
    )
    assert holding(only) is None
    assert "no single limit but demand" in _line(only)


def test_with_carbon_as_goal_the_carbon_saved_is_what_counts() -> None:
    plan = plans.feasible(objective=Amount(account="kg_co2e_per_year", value=212e3, unit="kg CO2e/yr"))
    assert "of the proven least carbon; the quota of B200" in _line(plan)
    assert "would save 4 t CO2e a year" in _line(plan)


def test_an_account_that_relaxing_is_not_priced_in_claims_nothing() -> None:
    plan = plans.feasible(objective=Amount(account="litres_per_year", value=1.2e6, unit="l/yr"))
    assert _line(plan).endswith("within 0.08 % of the proven least water.")


def test_a_gap_of_nothing_is_called_proven() -> None:
    assert "proven to be the least cost" in _line(plans.feasible(gap=0.0))


def test_no_single_way_out() -> None:
    plan = plans.infeasible()
    never = [one.model_copy(update={"to": None}) for one in plan.repairs]
    assert _line(plan.model_copy(update={"repairs": never})).endswith("no change of a single limit alone helps.")
