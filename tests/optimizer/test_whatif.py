"""What-if questions: changes as people write them, and effects that are the true difference of two optima."""

from __future__ import annotations

import pytest

import optimizer
from optimizer.changes import changed, parsed
from scenarios.errors import ScenarioError
from tests.optimizer.cases import EAST, NORTH, optimum, small_scenario, two_regions

SMALL = small_scenario()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("limits.budget=$4M/yr", "limits.budget: not set -> $4M/yr"),
        ("workloads.chat.itl.limit=45ms", "workloads.chat.itl.limit: 50 ms -> 45 ms"),
        ("workloads.chat.itl.limit_s = 0.045", "workloads.chat.itl.limit_s: 50 ms -> 45 ms"),
        ("workloads.chat.precisions-=fp8", "workloads.chat.precisions without fp8"),
        ("workloads.chat.precisions=bf16, fp8", "workloads.chat.precisions: bf16, fp8 -> bf16, fp8"),
        ("workloads.chat.demand.east=55", "workloads.chat.demand.east: 40/s -> 55/s"),
        (f"regions.{EAST}.quota.l40s=8", f"regions.{EAST}.quota.l40s: 24 -> 8"),
        (f"regions.{EAST}.carbon.direct=300 g/kWh", f"regions.{EAST}.carbon.direct: not set -> 300 g/kWh"),
        (
            f"regions.{EAST}.carbon_kg_per_kwh={{direct: 0.3 kg/kWh}}",
            f"regions.{EAST}.carbon_kg_per_kwh: none -> direct 300 g/kWh",
        ),
        ("limits.water=50 m3/yr", "limits.water: not set -> 50 m3/yr"),
        ("workloads.chat.residency=[USA]", "workloads.chat.residency: not set -> east USA"),
        ("workloads.chat.residency=USA", "workloads.chat.residency: not set -> east USA"),
        ("planning.licence_usd_per_device_year=5", "planning.licence_usd_per_device_year: $0/yr -> $5/yr"),
        ("failures.node.served=90%", "failures.node: not set -> served 90 %"),
        ("procurement.spot.availability=90%", "procurement.spot: not set -> availability 90 %"),
        ("workloads.chat.residency.east=[USA]", "workloads.chat.residency: not set -> east USA"),
        ("objective=carbon", "objective: minimize cost -> minimize carbon"),
        ("planning.delivery=6 weeks", "planning.delivery: 0 s -> 42 days"),
        ("solver.seed=1234567", "solver.seed: 0 -> 1,234,567"),
        ("limits.include_embodied=true", "limits.include_embodied: false -> true"),
        ("accelerators-=h100", "accelerators without h100"),
        ("accelerators+=l4", f"accelerators with l4, its quota unlimited in {EAST}"),
        ("regions+=ca-central-1", f"regions with {NORTH}, its quotas those of {EAST} (l40s 24, h100-sxm 8)"),
        ("procurement+=on_demand", "procurement with on_demand"),
        ("workloads.chat-=ttft", "workloads.chat without ttft"),
    ],
)
def test_a_change_is_made_and_told(text: str, says: str) -> None:
    other, told = changed(SMALL, [text])
    assert told == [says]
    assert other.digest != SMALL.digest or "bf16, fp8 -> bf16, fp8" in says


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("limits.bugdet=$4M/yr", "there is nothing called 'bugdet'", "budget"),
        ("limits.budget=4", "is not an amount of dollars", "$5M/yr"),
        ("limits.budget+=$1M/yr", "is a single value", "limits.budget=VALUE"),
        ("accelerators+=h9000", 'there is no accelerator "h9000" in the catalog', "h"),
        ("accelerators-=b200-sxm", "there is no b200-sxm here", "h100-sxm"),
        ("accelerators+=l40s", "there already", "quota"),
        ("origins-=east", "is empty", "at least one"),
        ("workloads.chat-=model", "model is needed", "VALUE"),
        ("regions+={x: [}", "cannot be read", "as in a scenario file"),
        ("limits.budget", "is no change", "PATH+=VALUE"),
        ("budget=$4M/yr", "there is nothing called 'budget'", "did you mean limits.budget?"),
        ("itl=40 ms", "there is nothing called 'itl'", "did you mean workloads.chat.itl?"),
        ("failures.node=80%", "a mapping", "write failures.node={served: ...}, its keys are served, scope"),
        ("workloads.chat.itl=45 ms", "a mapping", "write workloads.chat.itl.KEY=VALUE, its keys are limit, percentile"),
        ("workloads.chat.demand=7/s", "a mapping", "write workloads.chat.demand.NAME=VALUE, its names are east"),
        (f"regions.{EAST}.carbon=300 g/kWh", "a mapping", "NAME=VALUE, its names are direct, lifecycle"),
        ("slots=2", "a mapping", "write slots=[{name: ..., hours: ...}], its keys are name, day, hours"),
        (f"regions.{EAST}=none", "this is a whole part", f"or write regions-={EAST}"),
        (
            "regions+=Dublin",
            'there is no region "Dublin" in the catalog',
            "did you mean aws/eu-west-1 (Dublin, Ireland)",
        ),
        ("regions+=us-east", 'there is no region "us-east"', 'did you mean "aws/us-east-1" or "aws/us-east-2" or'),
        ("regions-=us-west-2", "there is no us-west-2 here", f"there is {EAST}"),
        ("procurement+=spot", "a mapping", "write procurement.spot={availability: ...}"),
        ("failures.node.serve=90%", "failures.node is not set", "its keys are served, scope"),
        ("failures.node.served=190%", "failures.node is not set, and this does not make it: ", "served"),
        ("workloads.chat.demand.east+=5/s", "is a single value", "the whole new value"),
        ("limits.carbon=500 tons", "is not a mass a year", 'did you mean "500 t/yr"?'),
    ],
)
def test_a_change_that_cannot_be_made_says_why(text: str, message: str, hint: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        changed(SMALL, [text])
    first = raised.value.problems[0]
    assert message in first.message and hint in first.hint, first


def test_changes_are_checked_together_and_not_one_by_one() -> None:
    texts = ["origins+={west: {near: aws/us-west-2}}", "workloads.chat.demand.west=5"]
    with pytest.raises(ScenarioError, match="no workload has a demand"):
        changed(SMALL, texts[:1])
    other, _ = changed(SMALL, texts)
    assert other.workloads["chat"].demand == {"east": (40.0,), "west": (5.0,)}
    assert parsed("a.b-=c").sign == "-="


@pytest.mark.parametrize(
    "texts",
    [
        ["accelerators-=l40s"],
        ["workloads.chat.demand.east=70"],
        ["workloads.chat.precisions-=fp8", "regions-=us-east-1"],
    ],
)
def test_the_effect_is_the_difference_of_two_optima(texts: list[str]) -> None:
    scenario = small_scenario(regions=two_regions())
    other, _ = changed(scenario, texts)
    found = optimizer.whatif(scenario, texts)
    money = found.difference.account("usd_per_year")
    assert money is not None and money.resolved
    true = optimum(other) - optimum(scenario)
    low, high = money.change
    assert low - 1.0 <= true <= high + 1.0 and high - low < 1.0
    assert found.before.verified and found.after.verified


def test_each_change_alone_and_a_base_that_is_known() -> None:
    texts = ["workloads.chat.demand.east=70", "accelerators-=h100-sxm"]
    base = optimizer.solve(SMALL, binding=False)
    found = optimizer.whatif(SMALL, texts, base=base, each=True)
    assert found.before is base
    assert [line.change for line in found.each] == texts
    with pytest.raises(ValueError, match="another question"):
        optimizer.whatif(small_scenario(name="other"), texts, base=base)


def test_a_side_without_a_fleet_names_its_conflict() -> None:
    found = optimizer.whatif(SMALL, ["limits.budget=$1k/yr"])
    assert found.after.status == "infeasible" and found.difference.resolved is None
    assert "budget" in {member.limit for member in found.difference.after.conflict}
    assert not found.difference.accounts and found.difference.moves is None
