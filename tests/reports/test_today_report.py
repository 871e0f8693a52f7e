"""What a report says of today's fleet."""

from __future__ import annotations

from reports.markdown import markdown
from reports.report import report
from tests.optimizer.test_today import L40S, asked, honest, solved


def test_the_report_says_what_happens_to_every_node() -> None:
    scenario, plan = honest()
    text = markdown(report(plan, scenario))
    assert (
        "Of today's 5 nodes the plan keeps 2 running, switches off 0, moves 2 and retires 1; it buys 0: 3 changes"
        in text
    )
    assert "Paid whatever is decided" in text and "of write-off" in text and "of retired nodes too" in text
    assert "Unchanged, today's fleet holds every limit" in text and "the changes save" in text
    first = report(plan, scenario).headline
    assert first.startswith("Keep 2 of 5 nodes") and "retire 1" in first and "buy" not in first.split(":")[0].lower()


def test_what_was_not_stated_is_said_to_be_missing() -> None:
    scenario = asked(L40S | {"nodes": 3})
    text = markdown(report(solved(scenario), scenario))
    assert "No write-off and no committed rent was stated" in text and "switches off 1" in text
    assert "Nothing is paid once" in text
