"""What can be wrong with `repair`, one mistake each: its key, and words that help; and what its weights mean."""

from __future__ import annotations

from typing import Any

import pytest

import scenarios
from scenarios.schema_repair import NEVER, Repair
from tests.scenarios.test_bad_today import BASE

MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a typo": ({"weights": {"bugdet": 2}}, "repair.weights.bugdet", 'did you mean "budget"?'),
    "an unknown quota": ({"weights": {"quota h10": 2}}, "repair.weights.quota h10", '"quota h100-sxm"'),
    "another workload": ({"weights": {"demand talk": 2}}, "repair.weights.demand talk", '"demand chat"'),
    "residency": ({"weights": {"residency chat": 2}}, "repair.weights.residency chat", "kept in every way out"),
    "precisions": ({"weights": {"precisions": 2}}, "repair.weights.precisions", "an addition"),
    "a negative weight": ({"weights": {"carbon": -1}}, "repair.weights.carbon", "a number from 0"),
    "no number": ({"weights": {"carbon": "much"}}, "repair.weights.carbon", "or never"),
    "nothing": ({"weights": {"carbon": None}}, "repair.weights.carbon", "or never"),
    "not a number": ({"weights": {"carbon": float("nan")}}, "repair.weights.carbon", "a number from 0"),
    "yes": ({"weights": {"carbon": True}}, "repair.weights.carbon", "a number from 0"),
    "an unknown region": (
        {"additions": {"regions": ["aws/us-east-9"]}},
        "repair.additions.regions.0",
        '"aws/us-east-1"',
    ),
    "a region that is there": (
        {"additions": {"regions": ["aws/us-east-1"]}},
        "repair.additions.regions.0",
        "already",
    ),
    "a region without its carbon": (
        {"additions": {"regions": ["aws/eu-west-1"]}},
        "repair.additions.regions.0",
        "no direct carbon intensity",
    ),
    "a region twice": (
        {"additions": {"regions": ["aws/us-west-2", "aws/us-west-2"]}},
        "repair.additions.regions",
        "twice",
    ),
    "an unknown device": ({"additions": {"accelerators": ["h200"]}}, "repair.additions.accelerators.0", "h200-sxm"),
    "no discount": ({"additions": {"reserved": {}}}, "repair.additions.reserved", "neither a discount nor prices"),
    "no availability": ({"additions": {"spot": {}}}, "repair.additions.spot.availability", "is missing"),
    "an odd key": ({"weight": {"carbon": 1}}, "repair.weight", '"weights"'),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_each_mistake_is_told_at_its_key(case: str) -> None:
    repair, key, words = MISTAKES[case]
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.from_mapping(BASE | {"repair": repair})
    told = {problem.key: f"{problem.message} {problem.hint}" for problem in caught.value.problems}
    assert key in told and words in told[key]


def test_a_region_without_a_price_of_electricity_cannot_be_added_where_nodes_are_bought() -> None:
    additions = {"repair": {"additions": {"regions": ["aws/eu-central-1"]}}}
    assert scenarios.from_mapping(BASE | additions).repair.additions.regions == ("aws/eu-central-1",)
    with pytest.raises(scenarios.ScenarioError, match="no price of electricity"):
        scenarios.from_mapping(BASE | additions | {"procurement": {"owned": True}})


def test_the_longest_name_decides_what_a_limit_counts() -> None:
    repair = Repair(weights={"quota": "10%", "quota h100-sxm aws/us-east-1": "never", "demand": 0})
    assert repair.weight("quota h100-sxm aws/us-east-2") == 0.1
    assert repair.weight("quota h100-sxm aws/us-east-1") == NEVER
    assert (repair.weight("demand chat"), repair.weight("budget")) == (0.0, 1.0)
    assert repair.weight("quotable") == 1.0, "a kind is a whole word"
