"""Robust runs: whole and resumed, in one process and in two, and what they say against plain searches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import optimizer
from optimizer.draws import draws
from optimizer.held import Break
from optimizer.inputs import scaled
from optimizer.plan import Plan
from optimizer.robust import Robust
from optimizer.robust_point import Drawn
from optimizer.robust_sums import Leaning, leanings, limits_broken, spread
from optimizer.verify import verify
from scenarios.errors import ScenarioError
from scenarios.schema import Scenario
from tests.optimizer.cases import chat, small_scenario

COUNT = 10
RANGES = {
    "demand": "60% to 130%",
    "purchase prices": {"low": "25%", "high": "180%", "apart": True},
    "efficiency of ada (vllm)": "80% to 110%",
}


def asked(**changes: object) -> Scenario:
    """A question whose plan holds in some of its draws."""
    return small_scenario(ranges=RANGES, **changes)


def told(found: Robust) -> dict:
    """What does not depend on the clock, nor on what was read from a file."""
    return found.model_dump(exclude={"seconds": True, "reused": True, "plan": {"sizes"}})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Robust, Path]:
    """A robust run with its file."""
    file = tmp_path_factory.mktemp("robust") / "draws.jsonl"
    return optimizer.robust(asked(), count=COUNT, file=file, resume=False), file


def test_a_plan_is_held_against_every_draw(whole: tuple[Robust, Path]) -> None:
    found, scenario = whole[0], asked()
    assert (found.status, found.drawn, found.exit_code, found.today) == ("complete", COUNT, 0, [])
    assert [draw.factors for draw in found.draws] == draws(scenario, COUNT, 0)
    assert found.held == sum(draw.holds for draw in found.draws) and 0 < found.held < COUNT
    assert {one.limit for one in found.limits} == {one.limit for draw in found.draws for one in draw.breaks}
    for draw in found.draws:
        assert draw.holds != bool(draw.breaks)
        if draw.factors["demand of chat"] > 1.2:
            assert not draw.holds


def test_where_a_draw_breaks_the_plan_as_it_was_fails_the_check_too(whole: tuple[Robust, Path]) -> None:
    """The check of the plan's own routing against the drawn figures passes nothing that was said to break."""
    found, scenario = whole[0], asked()
    for draw in found.draws:
        if not draw.holds:
            assert not verify(scaled(scenario, draw.factors), found.plan).passed


def test_each_side_lies_between_its_two_figures(whole: tuple[Robust, Path]) -> None:
    """At the first figure of a turn something is different in a plain search, at the last one it is not."""
    found, scenario = whole[0], asked()
    looked = 0
    for one in found.inputs:
        for turn in (one.below, one.above):
            assert turn is not None
            edge = turn.other_fleet
            if edge.first is None or edge == turn.breaks:
                continue
            looked += 1
            same, other = (
                optimizer.solve(scaled(scenario, dict.fromkeys(one.inputs, factor)), binding=False)
                for factor in (edge.last, edge.first)
            )
            assert _cost(found.plan, scenario, one.inputs, edge.last) == pytest.approx(_value(same), rel=1e-5)
            assert _cost(found.plan, scenario, one.inputs, edge.first) > _value(other) * (1 + 1e-9)
    assert looked >= 2
    demand = next(one for one in found.inputs if one.name == "demand of chat")
    assert demand.above is not None and demand.above.breaks.first is not None
    assert "demand chat" in demand.above.breaks.limits


def _cost(plan: Plan, scenario: Scenario, names: list[str], factor: float) -> float:
    held = optimizer.held.held(scaled(scenario, dict.fromkeys(names, factor)), plan)  # type: ignore[attr-defined]
    assert held.holds
    return held.accounts["usd_per_year"]


def _value(plan: Plan) -> float:
    return plan.accounts["usd_per_year"]


def test_the_number_of_processes_changes_nothing(whole: tuple[Robust, Path]) -> None:
    seen: list[tuple[int, int]] = []
    found = optimizer.robust(asked(), count=COUNT, jobs=2, tell=lambda *step: seen.append(step))
    assert told(found) == told(whole[0])
    assert seen[-1] == (COUNT + 2 * len(found.inputs),) * 2


def test_a_run_killed_from_outside_loses_the_piece_in_hand_at_most(whole: tuple[Robust, Path], tmp_path: Path) -> None:
    file, script = tmp_path / "killed.jsonl", tmp_path / "run.py"
    script.write_text(
        "import optimizer\nfrom tests.optimizer.test_robust import COUNT, asked\n"
        f"optimizer.robust(asked(), count=COUNT, file={str(file)!r})\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen([sys.executable, str(script)], cwd=root, env=environment)
    try:
        for _ in range(600):
            if file.exists() and len(file.read_bytes().splitlines()) > 4:
                break
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = len(file.read_bytes().split(b"\n")) - 2
    with file.open("ab") as half:
        half.write(b'{"task": {"what": "dr')  # what a kill in the middle of a line leaves
    again = optimizer.robust(asked(), count=COUNT, file=file)
    assert kept >= 4 and again.reused == kept and told(again) == told(whole[0])


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    file = tmp_path / "stopped.jsonl"

    def stop(finished: int, total: int) -> None:
        if finished == 5:
            raise KeyboardInterrupt

    found = optimizer.robust(asked(), count=COUNT, file=file, tell=stop)
    assert (found.status, found.stopped_by, found.exit_code, found.drawn) == ("stopped", "interrupt", 4, 5)
    assert found.held <= 5 and found.usd is not None
    assert optimizer.robust(asked(), count=COUNT, turns=False, file=file).reused == 5


def test_files_of_other_runs_are_refused(whole: tuple[Robust, Path]) -> None:
    file = whole[1]
    with pytest.raises(ScenarioError, match="draws is 10, asked is 11"):
        optimizer.robust(asked(), count=COUNT + 1, file=file)
    with pytest.raises(ScenarioError, match="seed is 0, asked is 1"):
        optimizer.robust(asked(), count=COUNT, seed=1, file=file)
    with pytest.raises(ScenarioError, match="scenario_sha256"):
        optimizer.robust(asked(limits={"budget": "$90M/yr"}), count=COUNT, file=file)
    with pytest.raises(ScenarioError, match="is there already"):
        optimizer.robust(asked(), count=COUNT, file=file, resume=False)


def test_another_plan_is_held_as_it_is(whole: tuple[Robust, Path]) -> None:
    """A plan for more demand holds more often; that it is not the best one today is seen at once."""
    roomy = optimizer.solve(scaled(asked(), {"demand of chat": 1.35}), binding=False)
    found = optimizer.robust(asked(), roomy, count=COUNT)
    assert found.held > whole[0].held and found.plan == roomy
    demand = next(one for one in found.inputs if one.name == "demand of chat")
    assert demand.above is not None and demand.above.breaks.first is None
    assert demand.above.other_fleet.first == 1.0


def test_a_plan_that_breaks_a_limit_today_is_told() -> None:
    tight = optimizer.solve(scaled(asked(), {"demand of chat": 0.5}), binding=False)
    found = optimizer.robust(asked(), tight, count=3)
    assert [one.limit for one in found.today] == ["demand chat"]
    demand = next(one for one in found.inputs if one.name == "demand of chat")
    assert demand.above is not None and demand.above.breaks.first == 1.0


def test_no_fleet_nothing_to_hold() -> None:
    found = optimizer.robust(asked(limits={"budget": "$10/yr"}), count=3)
    assert (found.status, found.exit_code, found.draws) == ("no_fleet", 3, [])
    assert optimizer.robust(asked(workloads=chat(batch=[1000])), count=3).exit_code == 2


def test_nothing_to_draw_from_is_told_before_anything_is_solved() -> None:
    with pytest.raises(ScenarioError, match="nothing to draw from"):
        optimizer.robust(small_scenario(), count=3)


def _drawn(factor: float, holds: bool, usd: float) -> Drawn:
    broken = Break(limit="budget", wall="capital", unit="USD/yr", value=1.0, reached=1.0 + factor, by=factor)
    breaks = [] if holds else [broken]
    return Drawn(
        factors={"a": factor, "b": 1 / factor}, holds=holds, breaks=breaks, usd_per_year=usd, kg_co2e_per_year=2.0
    )


def test_sums_over_draws() -> None:
    some = [_drawn(k / 10, k < 6, 100.0 + k) for k in range(1, 11)]
    (budget,) = limits_broken(some)
    assert (budget.draws, budget.median_by, budget.worst.by) == (5, 0.8, 1.0)
    usd = spread("usd_per_year", "USD/yr", 100.0, [draw.usd_per_year for draw in some])
    assert usd is not None and (usd.median, usd.p5) == (105.5, pytest.approx(101.45))
    rows = [Leaning(name=name, inputs=[name], low=0.1, high=1.0) for name in ("a", "b")]
    first, second = leanings(rows, some)
    assert first.failing == pytest.approx(0.8704, abs=1e-4) and second.failing == pytest.approx(-0.8704, abs=1e-4)
    assert first.share == pytest.approx(0.8704**2, abs=1e-3) and first.cost == pytest.approx(1.0)
    assert first.carbon is None
    assert leanings(rows, some[:5])[0].failing is None
    assert spread("usd_per_year", "USD/yr", None, [None]) is None


def test_the_answer_goes_to_json_and_back(whole: tuple[Robust, Path]) -> None:
    found = whole[0]
    assert Robust.model_validate_json(found.model_dump_json()) == found
    assert json.loads(found.model_dump_json())["held"] == found.held
