"""What binds, as a reader sees it: curves by wall, sentences, demand, limits that hold together, inputs."""

from __future__ import annotations

from typing import Any

from optimizer.plan import Binding, LimitsTogether, MostDemand, Plan, Swing
from optimizer.plan_binding import NodeChange, Together
from reports.content import Section, Table
from reports.names import Places
from reports.node_words import fleet_change
from reports.report import report
from reports.summary import holding
from reports.text import console, show
from tests.reports import plans
from tests.reports.plans import QUEBEC, VIRGINIA
from tests.reports.test_report import words


def node(region: str, accelerator: str, before: int, after: int, procurement: str = "owned") -> NodeChange:
    """A change of owned nodes of eight."""
    offer = f"owned-8x-{accelerator}"
    return NodeChange(
        region=region, offer=offer, accelerator=accelerator, procurement=procurement, before=before, after=after
    )


MOVE = [node(VIRGINIA, "h100-sxm", 2, 0), node(QUEBEC, "h100-sxm", 0, 2), node(QUEBEC, "b200-sxm", 0, 1)]
NOTHING = (0.0, 0.0)


def moved(limit: str, key: str, wall: str, unit: str, start: float, by: float, to: float, **changes: Any) -> Binding:
    """A limit moved by a share, without any effect unless one is given."""
    fields: dict[str, Any] = {
        "limit": limit,
        "key": key,
        "wall": wall,
        "change": f"{limit}: {start} -> {to}",
        "relaxation": by,
        "start": start,
        "to": to,
        "unit": unit,
        "usd_per_year_change": NOTHING,
        "kg_co2e_per_year_change": NOTHING,
        "requests_per_s_change": NOTHING,
        "resolved": True,
        "seconds": 0.5,
    }
    return Binding(**{**fields, **changes})


def carbon(by: float, to: float, **changes: Any) -> Binding:
    """The carbon limit, moved."""
    return moved("carbon", "limits.carbon", "sustainability", "kg CO2e/yr", 500e3, by, to, **changes)


def budget(by: float, to: float, **changes: Any) -> Binding:
    """The budget, moved without any effect."""
    return moved("budget", "limits.budget", "capital", "USD/yr", 5e6, by, to, **changes)


def curved() -> Plan:
    """The plan of two regions with curves and a tornado."""
    none = {"usd_per_year_change": None, "kg_co2e_per_year_change": None}
    swing = {"kind": "purchase", "wall": "capital", "start": 35e3, "unit": "USD", "seconds": 0.4}
    price = "purchase price of h200-sxm"
    return plans.feasible(
        binding=[
            carbon(0.1, 550e3, usd_per_year_change=(-2e4, -1e4), requests_per_s_change=(10.0, 20.0)),
            carbon(-0.1, 450e3, usd_per_year_change=(8e4, 9e4), node_changes=MOVE),
            carbon(-0.2, 400e3, status="no_fleet", **none),
            budget(-0.1, 4.5e6, status="kept"),
            budget(0.1, 5.5e6),
        ],
        most_demand=[
            MostDemand(
                within="plan",
                account="usd_per_year",
                value=3.41e6,
                unit="USD/yr",
                requests_per_s=(1010.0, 1020.0),
                asked_requests_per_s=1000.0,
                at_least=False,
                seconds=0.2,
            )
        ],
        together=LimitsTogether(
            asked=["budget", "min regions"],
            by=0.1,
            usd_per_year_change=(-5e4, -4e4),
            kg_co2e_per_year_change=NOTHING,
            found=[
                Together(
                    limits=["budget", "min regions"],
                    changes=["budget: $5M/yr -> $5.5M/yr", "min regions: 2 regions -> 1 region"],
                    usd_per_year_change=(-5e4, -4e4),
                    kg_co2e_per_year_change=NOTHING,
                )
            ],
            complete=False,
            seconds=1.0,
        ),
        sensitivity=[
            Swing(
                **{**swing, "to": 31.5e3},
                input=price,
                factor=0.9,
                usd_per_year_change=(-2e5, -2e5),
                kg_co2e_per_year_change=NOTHING,
                resolved=True,
                fleet_stays=True,
            ),
            Swing(
                **{**swing, "to": 38.5e3},
                input=price,
                factor=1.1,
                usd_per_year_change=(-1e4, 2e5),
                kg_co2e_per_year_change=NOTHING,
                resolved=False,
                fleet_stays=None,
            ),
            Swing(
                **{**swing, "kind": "rental", "start": None, "unit": "", "to": None},
                input="rental prices",
                factor=1.1,
                usd_per_year_change=NOTHING,
                kg_co2e_per_year_change=NOTHING,
                resolved=True,
                fleet_stays=True,
            ),
        ],
    )


def section(key: str) -> Section:
    """One section of the report on the curved plan."""
    return next(part for part in report(curved()).sections if part.key == key)


def tables(part: Section) -> list[Table]:
    """Its tables."""
    return [one for one in part.parts if isinstance(one, Table)]


def test_curves_are_told_by_wall_in_sentences_and_with_nodes() -> None:
    says = words(section("binding"))
    assert "The carbon limit, now 500 t/yr: with 400 t/yr no fleet exists, proven; 550 t/yr would save" in says
    assert "2 H100 nodes move from aws/us-east-1 to aws/ca-central-1; aws/ca-central-1 +1 B200 node" in says
    assert "the budget: $4.5M/yr to $5.5M/yr" in says
    found = tables(section("binding"))
    assert [table.caption for table in found] == ["Sustainability: the carbon limit, now 500 t/yr"]
    assert [row[0] for row in found[0].rows] == ["400 t/yr", "450 t/yr", "550 t/yr"], "from the tightest to the loosest"
    assert found[0].rows[0][1] == "no fleet exists" and found[0].rows[2][3] == "+10 to +20/s"


def test_demand_and_limits_that_hold_together_are_told() -> None:
    says = words(section("binding"))
    assert "for the $3.41M a year that the plan takes: 1,010 to 1,020 requests/s (1,000 are asked for)" in says
    assert "These hold together" in says and "the least number of regions: 2 regions -> 1 region" in says
    assert "there may be others" in says


def test_inputs_are_told_with_what_the_fleet_does() -> None:
    rows = tables(section("sensitivity"))[0].rows
    assert rows[0][:2] == ("purchase price of H200", "-10 %") and rows[0][4] == "stays"
    assert rows[1][0] == "" and rows[1][2] == "not resolved: between -$10k and $200k" and rows[1][4] == "not known"
    assert "rental prices" in words(section("sensitivity"))


def test_nothing_is_wider_than_a_page_and_tightenings_hold_no_headline(capsys: Any) -> None:
    show(report(curved()), console(width=80))
    assert all(len(line) <= 80 for line in capsys.readouterr().out.splitlines())
    line = holding(curved())
    assert line is not None and (line.limit, line.relaxation) == ("carbon", 0.1)


def test_nodes_that_are_only_held_otherwise_do_not_move() -> None:
    changes = [node(QUEBEC, "h100-sxm", 2, 0), node(QUEBEC, "h100-sxm", 0, 3, "on_demand")]
    said = fleet_change(changes, Places())
    assert said == "2 H100 nodes in aws/ca-central-1 held otherwise (on demand); aws/ca-central-1 +1 H100 node"
    assert fleet_change([], Places()) == ""


def test_a_tighter_limit_that_the_plan_keeps_costs_nothing_whatever_the_gap_leaves_open() -> None:
    open_ended = {"resolved": False, "usd_per_year_change": (0.0, 28e3), "requests_per_s_change": (-0.6, 0.0)}
    kept = budget(-0.1, 4.5e6, status="kept", **open_ended)
    loose = budget(
        0.1, 5.5e6, **{**open_ended, "usd_per_year_change": (-34e3, 0.0), "requests_per_s_change": (0.0, 4.0)}
    )
    says = words(next(one for one in report(plans.feasible(binding=[kept, loose])).sections if one.key == "binding"))
    assert "$4.5M/yr would change nothing" in says and "would cost" not in says
