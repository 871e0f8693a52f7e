"""Frontiers against plain enumeration, whole and resumed, in one process and in two."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import optimizer
from optimizer import milp
from optimizer.frontier import Frontier, _knee
from optimizer.frontier_point import Finder, Task
from optimizer.tables import ask
from scenarios.errors import ScenarioError
from scenarios.schema import Scenario
from tests.optimizer.brute_force import optimum
from tests.optimizer.cases import small_scenario, two_regions
from tests.optimizer.tiny_fleets import limited

POINTS, MANY = 5, 200
SEEDS = (0, 2, 5)


def traded(**changes: object) -> Scenario:
    """Two regions of which the clean one is dear, and two kinds of device."""
    return small_scenario(regions=two_regions(), **changes)


def told(found: Frontier) -> list[dict]:
    """What does not depend on the clock."""
    return [point.model_dump(exclude={"seconds"}) for point in found.points]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Frontier, Path]:
    """A frontier with its file."""
    file = tmp_path_factory.mktemp("frontier") / "points.jsonl"
    return optimizer.frontier(traded(), points=POINTS, file=file, resume=False), file


@pytest.mark.parametrize("seed", SEEDS)
def test_every_cap_has_the_enumerated_least(seed: int) -> None:
    """Also at caps that were never asked: where every box is closed, the points are the answer to every cap."""
    scenario = limited("carbon", seed)[1]
    found = optimizer.frontier(scenario, "usd", "carbon", MANY)
    assert found.status == "complete" and found.points
    assert found.ended_by == "closed"
    least, most = found.points[0].y, max(found.points[-1].cap, found.points[0].y)
    greenest = optimum(scenario.replace("objective", "carbon")).judgement
    assert least == pytest.approx(greenest.accounts["kg_co2e_per_year"], rel=1e-5)
    for k in range(POINTS):
        cap = least + k * (most - least) / (POINTS - 1)
        best = optimum(scenario.replace("limits.carbon", f"{cap * (1 + 1e-8) / 1e3:.12f} t/yr")).judgement
        here = min(point.x for point in found.points if point.y <= cap * (1 + 1e-6))
        assert here == pytest.approx(best.accounts["usd_per_year"], rel=6e-5), (seed, k)
    assert found.points[-1].x == pytest.approx(optimum(scenario).judgement.objective, rel=3e-5)
    assert len(found.points) > 1


@pytest.mark.parametrize(("x", "y"), [("carbon", "usd"), ("usd", "energy"), ("devices", "carbon")])
def test_any_two_accounts_are_monotone_within_their_bounds(x: str, y: str) -> None:
    found = optimizer.frontier(traded(), x, y, POINTS)
    assert found.status == "complete" and 1 <= len(found.points) <= POINTS
    for tighter, looser in zip(found.points, found.points[1:], strict=False):
        assert looser.y > tighter.y and looser.x < tighter.x
        assert looser.x_bound <= tighter.x
        assert looser.resolved == (looser.x < tighter.x_bound)
    for point in found.points:
        assert point.plan.verified and point.x_bound <= point.x and point.y <= point.cap * (1 + 1e-6)
        assert point.x == point.plan.accounts[found.x] and point.y == point.plan.accounts[found.y]
        assert point.gap <= 3e-5
    assert sum(point.knee for point in found.points) <= 1


def test_the_gap_hides_what_it_cannot_tell_apart() -> None:
    """With a gap of 30 % neighbours are marked, and every bound still holds for the exact frontier."""
    exact, rough = optimizer.frontier(traded(), points=POINTS), optimizer.frontier(traded(), points=POINTS, gap=0.3)
    for point in rough.points:
        best = min((one.x for one in exact.points if one.y <= point.cap * (1 + 1e-9)), default=math.inf)
        assert point.x_bound <= best * (1 + 1e-5)
    for tighter, looser in zip(rough.points, rough.points[1:], strict=False):
        assert looser.resolved == (looser.x < tighter.x_bound)


def test_a_killed_run_goes_on_where_it_was(whole: tuple[Frontier, Path], tmp_path: Path) -> None:
    """Half the lines and a torn one are left: what was there is not computed again, and the end is the same."""
    found, file = whole
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + found.questions and len(found.points) == POINTS
    half = tmp_path / "half.jsonl"
    half.write_bytes(b"".join(lines[:4]) + lines[4][:100])
    again = optimizer.frontier(traded(), points=POINTS, file=half)
    assert again.reused == 3 and told(again) == told(found)
    assert len(half.read_bytes().splitlines()) == len(lines)
    once_more = optimizer.frontier(traded(), points=POINTS, file=half)
    assert once_more.reused == once_more.questions == found.questions and told(once_more) == told(found)


def test_the_number_of_processes_changes_nothing(whole: tuple[Frontier, Path], tmp_path: Path) -> None:
    file = tmp_path / "two.jsonl"
    seen: list[tuple[int, int]] = []
    found = optimizer.frontier(traded(), points=POINTS, jobs=2, file=file, tell=lambda *step: seen.append(step))
    assert told(found) == told(whole[0])
    assert seen[-1] == (POINTS, POINTS) and seen == sorted(seen)


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    file = tmp_path / "stopped.jsonl"
    answers = []

    def stop(points: int, total: int) -> None:
        answers.append(points)
        if len(answers) == 4:
            raise KeyboardInterrupt

    found = optimizer.frontier(traded(), points=POINTS, file=file, tell=stop)
    assert (found.status, found.stopped_by, found.exit_code) == ("stopped", "interrupt", 4) and found.points
    assert found.questions == 4 and found.ended_by == ""
    assert optimizer.frontier(traded(), points=POINTS, file=file).reused == 4


def test_wherever_a_run_is_killed_the_end_is_the_same(whole: tuple[Frontier, Path], tmp_path: Path) -> None:
    """Also where the answers of a round were written in another order, as several processes may finish them."""
    found, file = whole
    lines = file.read_bytes().splitlines(keepends=True)
    for kept in range(1, len(lines)):
        part = tmp_path / f"{kept}.jsonl"
        part.write_bytes(lines[0] + b"".join(reversed(lines[1:kept])))
        again = optimizer.frontier(traded(), points=POINTS, file=part)
        assert again.reused == kept - 1 and told(again) == told(found)
        assert len(part.read_bytes().splitlines()) == len(lines)


def test_a_file_of_caps_at_even_steps_is_used(tmp_path: Path) -> None:
    """Files of the earlier layout: ends, then caps with their places. Nothing of them is asked again."""
    whole = optimizer.frontier(traded(), points=MANY, file=tmp_path / "whole.jsonl")
    own = Finder(traded(), ask(traded()), "usd", "carbon", milp.Options(gap=0.0))
    header = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)[0]
    least, most = whole.points[0].y, whole.points[-1].y
    tasks = [Task(what="least_x"), Task(what="least_y")]
    bottom = own.solve(tasks[1]).value
    tasks += [Task(what="capped", place=k, cap=bottom + k * (most - least) / 7) for k in range(7)]
    file = tmp_path / "even.jsonl"
    with open(file, "wb") as out:
        out.write(header)
        for task in tasks:
            line = {"task": task.model_dump(exclude={"below"}), "time_limit_s": None}
            found = own.solve(task).model_dump_json(exclude={"cap", "other_bound"})
            out.write((json.dumps(line)[:-1] + f', "found": {found}}}\n').encode())
    before = file.read_bytes()
    again = optimizer.frontier(traded(), points=MANY, file=file)
    assert again.reused == len(tasks) and again.status == "complete" and again.ended_by == "closed"
    assert file.read_bytes().startswith(before)
    for point in again.points:  # where the caps lay differs, what is proven does not
        assert min(one.x for one in whole.points if one.y <= point.y * (1 + 1e-3)) <= point.x * (1 + 1e-3)
    once_more = optimizer.frontier(traded(), points=MANY, file=file)
    assert once_more.reused == once_more.questions == again.questions and told(once_more) == told(again)


def test_files_of_other_questions_are_refused(whole: tuple[Frontier, Path], tmp_path: Path) -> None:
    file = whole[1]
    before = file.read_bytes()
    with pytest.raises(ScenarioError, match="points is 5, asked is 6"):
        optimizer.frontier(traded(), points=6, file=file)
    with pytest.raises(ScenarioError, match="scenario_sha256"):
        optimizer.frontier(traded(limits={"budget": "$90M/yr"}), points=POINTS, file=file)
    with pytest.raises(ScenarioError, match="is there already"):
        optimizer.frontier(traded(), points=POINTS, file=file, resume=False)
    assert file.read_bytes() == before
    other = tmp_path / "notes.txt"
    other.write_text("my notes\n")
    with pytest.raises(ScenarioError, match="no file of a frontier"):
        optimizer.frontier(traded(), points=POINTS, file=other)
    assert other.read_text() == "my notes\n"
    bad = tmp_path / "bad.jsonl"
    bad.write_text(before.decode().splitlines()[0] + "\n" + json.dumps({"task": {}}) + "\n")
    with pytest.raises(ScenarioError, match=r"bad\.jsonl:2: cannot be read"):
        optimizer.frontier(traded(), points=POINTS, file=bad)


def test_one_fleet_may_be_the_whole_frontier() -> None:
    found = optimizer.frontier(small_scenario(accelerators=["l40s"]), "energy", "carbon", POINTS)
    assert len(found.points) == 1 and found.status == "complete"


def test_nothing_to_trade() -> None:
    found = optimizer.frontier(traded(limits={"budget": "$10/yr"}), points=POINTS)
    assert (found.status, found.exit_code, found.points) == ("infeasible", 3, [])


def test_what_cannot_be_traded_is_refused() -> None:
    with pytest.raises(ValueError, match="two different accounts"):
        optimizer.frontier(traded(), "usd", "usd")
    with pytest.raises(ValueError, match="2 to 1000 points"):
        optimizer.frontier(traded(), points=1)
    with pytest.raises(ScenarioError, match="embodied carbon of l40s is unknown"):
        optimizer.frontier(traded(), "usd", "embodied")


def test_the_knee_is_farthest_from_the_chord() -> None:
    assert _knee([(10.0, 0.0), (6.0, 1.0), (1.0, 9.0), (0.0, 10.0)]) == 1
    assert _knee([(10.0, 0.0), (5.0, 5.0), (0.0, 10.0)]) is None
    assert _knee([(1.0, 0.0), (0.0, 1.0)]) is None
