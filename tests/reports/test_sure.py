"""How sure the predictions are, in words; and the flag that plans for their slow end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from optimizer.plan import Insurance, Plan
from reports import cli
from reports.report import report
from tests.reports import plans
from tests.reports.test_report import section, words

BANDS = {"itl_s": 0.050, "itl_band_s": (0.045, 0.060), "ttft_s": 0.080, "ttft_band_s": (0.070, 0.100)}


def banded(plan: Plan, **changes: Any) -> Plan:
    lines = [line.model_copy(update={**BANDS, "unmeasured": ["a gap"]}) for line in plan.lines]
    return plan.model_copy(update={"fleet": lines, **changes})


def insurance(**changes: Any) -> Insurance:
    fields: dict[str, Any] = {
        "confidence": 0.9,
        "status_without": "optimal",
        "usd_per_year_without": 3.0e6,
        "kg_co2e_per_year_without": 2.0e5,
        "usd_per_year_change": (400e3, 420e3),
        "kg_co2e_per_year_change": (-1200.0, -1200.0),
        "nodes": 14,
        "nodes_without": 12,
        "resolved": True,
        "seconds": 1.0,
    }
    return Insurance(**{**fields, **changes})


def sure(plan: Plan) -> str:
    return " ".join(words(section(plan, "sure")).split())


def test_bands_and_gaps_are_shown_and_the_slow_end_is_suggested() -> None:
    says = sure(banded(plans.feasible()))
    assert "50 ms 45 ms to 60 ms 80 ms 70 ms to 100 ms" in says and "- a gap" in says
    # 1.05 / 1.2 ** (1.2816 / 1.6449) of the load, and 50 ms times the same
    assert "serve about 91 % of its load, at a mean ITL of up to 57.6 ms; --confidence 0.9" in says


def test_without_bands_there_is_no_section() -> None:
    assert "sure" not in {one.key for one in report(plans.feasible()).sections}


def test_the_price_of_the_confidence() -> None:
    plan = banded(plans.feasible(), confidence=0.9, insurance=insurance())
    assert "planned at 90 % confidence" in report(plan).headline
    says = sure(plan)
    assert "costs $400k to $420k and saves 1.2 t CO2e a year" in says
    assert "without it 12 nodes instead of 14 would do, for $3M a year" in says
    assert "--confidence" not in says


def test_inside_the_gap_no_price_is_claimed() -> None:
    plan = banded(plans.feasible(), confidence=0.9)
    unsure = insurance(usd_per_year_change=(-2e3, 5e3), resolved=False)
    assert "not resolved: the two gaps leave between -$2,000 and $5,000" in sure(
        plan.model_copy(update={"insurance": unsure})
    )
    assert "was not looked into" in sure(plan)


def test_where_nothing_fits_with_it_the_report_says_what_it_costs_without() -> None:
    found = insurance(usd_per_year_change=None, kg_co2e_per_year_change=None, nodes=0)
    plan = plans.infeasible().model_copy(update={"confidence": 0.9, "insurance": found})
    assert "at 90 % confidence" in report(plan).headline
    assert "without the confidence a fleet exists, for $3M a year" in report(plan).headline
    assert "without it 12 nodes for $3M a year would do" in sure(plan)
    never = insurance(usd_per_year_without=None, usd_per_year_change=None, status_without="infeasible")
    assert "nothing fits either" in sure(plan.model_copy(update={"insurance": never}))


@pytest.mark.parametrize("command", ["solve", "explain", "cheapest"])
@pytest.mark.parametrize("written", ["0.4", "1", "0.9999", "90", "high", "-0.9"])
def test_a_confidence_that_cannot_be_planned_with_is_bad_input(
    command: str, written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    question = ["--model", "llama-3.1-8b", "--isl", "9", "--osl", "9", "--qps", "1", "--region", "aws/us-east-1"]
    asked = question if command == "cheapest" else ["capstone_literal"]
    assert cli.run([command, *asked, f"--confidence={written}", "-q"]) == 1
    assert capsys.readouterr().err.startswith("--confidence: ")


def test_a_plan_made_with_the_flag_is_verified_without_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "plan.json")
    assert cli.run(["solve", "capstone_literal", "--confidence", "90%", "--no-binding", "-q", "-o", file]) == 0
    plan = json.loads(Path(file).read_text())
    assert plan["confidence"] == 0.9 and plan["insurance"]["confidence"] == 0.9
    capsys.readouterr()
    assert cli.run(["verify", "capstone_literal", file]) == 0
    told = capsys.readouterr()
    assert "The plan holds" in told.out and "made with confidence 0.9" in told.err
    assert "another version" not in told.err
    assert cli.run(["verify", "capstone_literal", file, "--confidence", "0.99"]) == 5
    assert "the scenario asks for 0.99" in capsys.readouterr().out
