"""From today's fleet: what is sunk, kept, switched off, moved, retired and new, by hand; plans that lie about it."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from optimizer.changes import changed
from optimizer.offers import offers
from optimizer.plan import Plan
from optimizer.solve import solve
from optimizer.verify import verify
from scenarios.schema import Scenario
from tests.optimizer.cases import DROP, EAST, NORTH, chat, small_scenario

L40S = {"region": EAST, "accelerator": "l40s"}
UPKEEP = 0.05 * 8_000 * 2  # of the small question's L40S node, a year


def asked(*nodes: dict[str, Any], changes: dict[str, Any] | None = None, **more: Any) -> Scenario:
    """The small question, which two nodes of L40S serve, from a fleet of today's."""
    return small_scenario(today={"nodes": list(nodes), "changes": changes or {}}, **more)


def solved(scenario: Scenario) -> Plan:
    plan = solve(scenario, binding=False, gap=0.0)
    assert plan.verified and plan.status == "optimal"
    return plan


def fates(plan: Plan) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in plan.changes:
        found[line.kind] += line.nodes
    return found


def charged(plan: Plan, part: str) -> float:
    return sum(line.value for line in plan.charges if line.account == "usd_per_year" and line.part == part)


# ---- what it means, by hand ----


def test_kept_nodes_pay_upkeep_and_power_and_what_is_sunk_changes_no_choice() -> None:
    plan, dear = solved(asked(L40S | {"nodes": 2})), solved(asked(L40S | {"nodes": 2, "write_off": "$9k/yr"}))
    assert fates(plan) == fates(dear) == {"keep": 2}
    assert charged(plan, "purchase") == 0 and charged(plan, "maintenance") == pytest.approx(2 * UPKEEP)
    assert dear.accounts["usd_per_year"] - plan.accounts["usd_per_year"] == pytest.approx(18_000)
    assert charged(dear, "write-off") == 18_000 and plan.fleet == dear.fleet


def test_what_is_not_needed_is_switched_off_and_pays_no_power() -> None:
    two, four = solved(asked(L40S | {"nodes": 2})), solved(asked(L40S | {"nodes": 4}))
    assert fates(four) == {"keep": 2, "off": 2}
    assert four.accounts["kwh_per_year"] == pytest.approx(two.accounts["kwh_per_year"])
    assert four.accounts["usd_per_year"] - two.accounts["usd_per_year"] == pytest.approx(2 * UPKEEP)


def test_retired_nodes_bring_their_resale_and_their_write_off_goes_on() -> None:
    changes = {"retire": "$1k/node", "resale": {"l40s": "$2k"}, "horizon": "2 years"}
    plan = solved(asked(L40S | {"nodes": 5, "write_off": "$9k/yr"}, changes=changes))
    assert fates(plan) == {"keep": 2, "retire": 3}
    assert charged(plan, "write-off") == 45_000
    assert charged(plan, "retirement") == pytest.approx(3 * 1_000 / 2)
    assert charged(plan, "resale") == pytest.approx(-3 * 2 * 2_000 / 2)
    (retired,) = (line for line in plan.changes if line.kind == "retire")
    assert retired.one_off_usd == pytest.approx(3 * (1_000 - 4_000))


def test_nodes_move_to_cheaper_power_where_that_pays() -> None:
    regions = {
        EAST: {"electricity": "$0.60/kWh"},
        NORTH: {"quota": {"l40s": 24, "h100-sxm": 0}, "electricity": "$0.02/kWh"},
    }
    cheap = solved(asked(L40S | {"nodes": 2}, changes={"move": "$300/node"}, regions=regions))
    dear = solved(asked(L40S | {"nodes": 2}, changes={"move": "$90k/node"}, regions=regions))
    assert fates(cheap) == {"move": 2} and fates(dear) == {"keep": 2}
    assert charged(cheap, "moves") == pytest.approx(2 * 300 / 3)
    assert {line.to_region for line in cheap.changes} == {NORTH} and cheap.nodes[0].region == NORTH
    assert charged(cheap, "maintenance") == pytest.approx(2 * UPKEEP), "upkeep moves with the node"


def test_keeping_is_no_buying() -> None:
    """Neither `procurement.owned` nor a purchase price is needed for what stands there."""
    node = {"region": EAST, "accelerator": "l40s", "nodes": 1, "maintenance": "$500/yr"}
    plan = solved(
        asked(
            node, procurement={"owned": DROP, "on_demand": True}, regions={EAST: {"quota": {"l40s": 24, "h100-sxm": 8}}}
        )
    )
    assert fates(plan)["keep"] == 1 and not fates(plan)["buy"]
    assert charged(plan, "maintenance") == 500 and charged(plan, "purchase") == 0


def test_a_commitment_is_paid_used_or_not() -> None:
    node = {"region": EAST, "procurement": "reserved", "instance": "p5.4xlarge", "nodes": 2, "price": "$3/h"}
    plan = solved(asked(node, L40S | {"nodes": 2, "maintenance": "$0/yr"}))
    assert charged(plan, "committed rent") == pytest.approx(2 * 3 * 8760)
    assert sum(line.nodes for line in plan.changes if line.procurement == "reserved") == 2
    assert not {"retire", "move", "commit"} & set(fates(plan))


def test_giving_back_what_is_rented_counts_as_no_change() -> None:
    node = {"region": EAST, "procurement": "on_demand", "instance": "p5.4xlarge", "nodes": 3}
    plan = solved(asked(L40S | {"nodes": 2}, node, changes={"limit": 0}, procurement={"on_demand": True}))
    assert fates(plan) == {"keep": 2, "return": 3}
    away = solved(asked(L40S | {"nodes": 2}, node, changes={"limit": 0}))
    assert fates(away) == fates(plan), "what is offered no longer is given back"


def test_two_purchases_of_one_kind_are_one_stock() -> None:
    plan = solved(asked(L40S | {"nodes": 1, "write_off": "$9k/yr"}, L40S | {"nodes": 1, "write_off": "$2k/yr"}))
    assert fates(plan) == {"keep": 2} and charged(plan, "write-off") == 11_000


def test_a_quota_of_nothing_sends_all_away_and_an_unknown_one_lets_stay_what_is_there() -> None:
    regions = {EAST: {"quota": {"l40s": 0}}, NORTH: {"quota": {"l40s": 24, "h100-sxm": 8}}}
    gone = solved(asked(L40S | {"nodes": 2}, changes={"move": "$5k/node"}, regions=regions))
    assert fates(gone) == {"move": 2}
    unknown = {EAST: {"quota": {"l40s": "unknown", "h100-sxm": 0}}}
    plan = solved(asked(L40S | {"nodes": 3}, regions=unknown))
    assert fates(plan) == {"keep": 2, "off": 1}
    assert solve(asked(L40S | {"nodes": 1}, regions=unknown), binding=False).status == "infeasible"


def test_a_limit_names_itself_and_says_how_far_it_must_move() -> None:
    scenario = asked(L40S | {"nodes": 1}, changes={"limit": 0})
    plan = solve(scenario, gap=0.0, ways=True)
    assert plan.status == "infeasible" and "changes" in {member.limit for member in plan.conflict}
    (way,) = (one for one in plan.repairs if one.limit == "changes")
    assert way.verified and (way.start, way.to) == (0.0, 1.0)
    after, _ = changed(scenario, ["today.changes.limit=1"])
    assert solved(after).accounts["usd_per_year"] == pytest.approx(way.usd_per_year)


def test_todays_fleet_as_it_is() -> None:
    changes = {"retire": "$0/node", "resale": {"l40s": "$2k"}}
    enough, short = solved(asked(L40S | {"nodes": 3}, changes=changes)), solved(asked(L40S | {"nodes": 1}))
    assert enough.as_it_is is not None and enough.as_it_is.verified and enough.as_it_is.served_share == 1.0
    saved = 2 * 2_000 / 3 + UPKEEP
    assert enough.as_it_is.usd_per_year == pytest.approx(enough.accounts["usd_per_year"] + saved)
    assert short.as_it_is is not None and 0.4 < (short.as_it_is.served_share or 0) < 0.6


def test_the_dearer_of_two_ways_stays_where_it_is_there_already() -> None:
    node = {"region": EAST, "procurement": "on_demand", "instance": "p5.4xlarge", "nodes": 1}
    more = {"procurement": {"on_demand": True, "owned": {"devices_per_node": {"h100-sxm": 1}}}}
    without = {(one.offer, one.procurement) for one in offers(small_scenario(**more)).hires}
    held = {(one.offer, one.procurement) for one in offers(asked(node, **more)).hires}
    assert held - without == {("p5.4xlarge", "on_demand")}


def test_without_a_statement_nothing_is_said() -> None:
    plan = solved(small_scenario())
    assert plan.changes == [] and plan.as_it_is is None


# ---- plans that lie ----


@functools.cache
def honest() -> tuple[Scenario, Plan]:
    """One of each: kept, off, moved, retired, bought, rented beyond today, committed and unused."""
    scenario = asked(
        L40S | {"nodes": 4, "write_off": "$6k/yr"},
        {"region": EAST, "procurement": "reserved", "instance": "p5.4xlarge", "nodes": 1, "price": "$3/h"},
        changes={"retire": "$500/node", "resale": {"l40s": "$2k"}, "move": "$300/node", "limit": 4},
        regions={
            EAST: {"electricity": "$0.50/kWh", "quota": {"l40s": 24, "h100-sxm": 8}},
            NORTH: {"electricity": "$0.03/kWh", "quota": {"l40s": 4, "h100-sxm": 0}},
        },
        workloads=chat(demand={"east": 95.0}),
    )
    return scenario, solved(scenario)


def line(data: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(one for one in data["changes"] if one["kind"] == kind)


def shift(data: dict[str, Any], start: str, to: str) -> None:
    """One node told under another fate."""
    old = line(data, start)
    old["nodes"] -= 1
    data["changes"].append({**old, "kind": to, "nodes": 1, "to_region": None})


def cheaper(data: dict[str, Any], part: str) -> None:
    """A charge halved, and the account with it."""
    for one in data["charges"]:
        if one["part"] == part and one["account"] == "usd_per_year":
            data["accounts"]["usd_per_year"] -= one["value"] / 2
            data["objective"]["value"] -= one["value"] / 2
            one["value"] /= 2


LIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a node less is kept": (lambda d: line(d, "keep").update(nodes=line(d, "keep")["nodes"] + 1), "there today"),
    "a moved node is left out": (lambda d: d["changes"].remove(line(d, "move")), "there today"),
    "all is left out": (lambda d: d.update(changes=[]), "there today"),
    "a moved node is told as kept": (lambda d: shift(d, "move", "keep"), "the changes bring"),
    "a move that costs nothing": (lambda d: line(d, "move").update(one_off_usd=0.0), "paid once"),
    "a cheaper year": (lambda d: line(d, "move").update(usd_per_year=1.0), "a year"),
    "the write-off halved": (lambda d: cheaper(d, "write-off"), "write-off"),
    "the commitment halved": (lambda d: cheaper(d, "committed rent"), "committed rent"),
    "moves halved": (lambda d: cheaper(d, "moves"), "moves"),
    "an unknown fate": (lambda d: line(d, "keep").update(kind="return"), "cannot be"),
    "nodes of nobody": (lambda d: line(d, "keep").update(region="aws/eu-west-1"), "none is there today"),
    "a move to nowhere": (lambda d: line(d, "move").update(to_region="aws/eu-west-1"), "the changes bring"),
    "a retired commitment": (
        lambda d: d["changes"].append({**line(d, "keep"), "kind": "retire", "procurement": "reserved", "offer": "p5"}),
        "cannot be",
    ),
    "an odd node type": (lambda d: line(d, "move").update(offer="owned"), "none is there today"),
    "another accelerator": (lambda d: line(d, "keep").update(accelerator="h100-sxm"), "cannot be had"),
}


def told(data: dict[str, Any], scenario: Scenario | None = None) -> list[str]:
    return verify(scenario or honest()[0], Plan.model_validate(data)).failures


def test_the_honest_plan_passes() -> None:
    assert {"keep", "move"} <= set(fates(honest()[1]))
    assert told(honest()[1].model_dump()) == []


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found(lie: str) -> None:
    data = honest()[1].model_dump()
    tamper, words = LIES[lie]
    tamper(data)
    failures = told(data)
    assert any(words in failure for failure in failures), failures


def test_more_changes_than_are_allowed_are_found() -> None:
    scenario, plan = honest()
    number = sum(one.nodes for one in plan.changes if one.kind in ("move", "retire", "buy", "rent", "commit"))
    tighter = scenario.replace("today.changes.limit", number - 1)
    assert any("changes, nodes" in failure for failure in told(plan.model_dump(), tighter))


def test_ways_that_are_not_offered_are_found() -> None:
    scenario, plan = honest()
    assert any(
        "cannot be moved" in one for one in told(plan.model_dump(), scenario.replace("today.changes.move", None))
    )
    plain = solved(asked(L40S | {"nodes": 2}))
    assert any("does not state" in one for one in told(plain.model_dump(), small_scenario()))
