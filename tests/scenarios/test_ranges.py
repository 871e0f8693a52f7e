"""The key `ranges`: what it means, and what is said where it cannot be."""

from __future__ import annotations

from importlib.resources import files

import pytest

import scenarios
from scenarios.schema_ranges import moved_inputs

CAPSTONE = (files("scenarios") / "library" / "capstone.yaml").read_text(encoding="utf-8")


def ranged(text: str) -> str:
    """The capstone with ranges, written in a line."""
    return f"{CAPSTONE}\nranges: {{{text}}}\n"


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("demnd: 80% to 130%", "demnd", 'did you mean "demand"?'),
        ("h100: 80% to 130%", "h100", '"purchase price of h100-sxm"'),
        ("demand: 130% to 80%", "demand", "the least comes first"),
        ("demand: 80 to 130", "demand", "write 80%"),
        ("demand: 0% to 130%", "demand", "above 0"),
        ("demand: 80%", "demand", "80% to 130%"),
        ("demand: 7", "demand", "not a range"),
        ("demand: {low: 80%}", "demand", "has no high"),
        ("demand: {low: 80%, hi: 2}", "demand.hi", 'did you mean "high"?'),
        ("demand: {low: 110%, high: 120%, shape: triangular}", "demand", "the most likely"),
        ("demand: {low: 80%, high: 120%, shape: normal}", "demand.shape", "triangular"),
        ("demand: measured", "demand", "only efficiency has one"),
        ("efficiency: {shape: measured, low: 80%}", "efficiency", "leave out low and high"),
        ("demand: 80% to 130%, demand of chat: 90% to 110%", "demand of chat", "as demand does already"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, key: str, words: str) -> None:
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.loads(ranged(text), "mine.yaml")
    told = [one for one in caught.value.problems if one.key == f"ranges.{key}"]
    assert told and words in str(told[0])
    assert told[0].line == len(CAPSTONE.splitlines()) + 2


def test_the_ways_to_write_a_range_are_one() -> None:
    for text in ("80% to 130%", "80%..130%", "0.8 to 1.3", "{low: 80%, high: 130%}"):
        found = scenarios.loads(ranged(f"demand: {text}")).ranges["demand"]
        assert (found.low, found.high, found.shape, found.apart) == (0.8, 1.3, "uniform", False)
    assert scenarios.loads(ranged("efficiency: measured")).ranges["efficiency"].shape == "measured"


def test_ranges_keep_the_catalog_and_can_be_replaced() -> None:
    scenario = scenarios.loads(ranged("demand: 80% to 130%, pue: 90% to 110%"))
    assert [one.input.name for one in moved_inputs(scenario)] == [
        "demand of chat",
        "PUE in aws/us-east-1",
        "PUE in aws/ca-central-1",
    ]
    other = scenario.replace("ranges", {**scenario.ranges, "carbon": "50% to 150%"})
    assert len(moved_inputs(other)) == 5 and other.digest != scenario.digest
