"""What is proven between the points of a frontier, against plain enumeration; and what is asked next."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optimizer
from optimizer.frontier import Frontier
from optimizer.frontier_boxes import ROUND, SAME, SMALLEST, Fleet, Known, less, unbeaten
from optimizer.frontier_point import Solution, Task
from scenarios.schema import Scenario
from tests.optimizer.brute_force import optimum
from tests.optimizer.cases import small_scenario, two_regions
from tests.optimizer.tiny_fleets import limited

MANY = 200
TIES = 2 * SAME
TIGHT = 2e-5
"""How far the solver's ties and tolerances may move a value, as a fraction."""


def least_usd(scenario: Scenario, kg: float) -> float:
    """The least cost over every enumerated fleet with at most so much carbon; infinite where there is none."""
    judged = optimum(scenario.replace("limits.carbon", f"{kg / 1e3:.12f} t/yr")).judgement
    return judged.accounts["usd_per_year"] if judged.feasible else np.inf


def assert_monotone(found: Frontier, gap: float = 0.0) -> None:
    """x falls as y rises, by more than the gap but at the last; no point beats another; the bounds are in order."""
    for place, (tighter, looser) in enumerate(zip(found.points, found.points[1:], strict=False)):
        assert looser.y > tighter.y and looser.x < tighter.x and tighter.best_to is not None
        assert tighter.y <= tighter.best_to <= looser.y and tighter.beyond
        assert looser.x < less(tighter.x, gap) or place == len(found.points) - 2
        assert looser.x_bound is not None and tighter.x_bound is not None and looser.x_bound <= tighter.x_bound
    assert all(point.plan.verified and point.x_bound is not None and point.x_bound <= point.x for point in found.points)


def assert_nothing_better(scenario: Scenario, found: Frontier, gap: float) -> int:
    """No enumerated fleet beats a point or lies in a closed box by more than the gap; how many boxes are closed."""
    worth = gap + TIES + TIGHT
    for point in found.points:
        least = least_usd(scenario, point.y * (1 + 1e-8))
        assert point.x_bound is not None and less(point.x_bound, TIGHT) <= least and less(point.x, gap + TIGHT) <= least
    for point, after in zip(found.points, found.points[1:], strict=False):
        if point.beyond == "closed":
            assert least_usd(scenario, less(after.y, worth)) >= less(point.x, worth)
        assert point.best_to is not None
        assert least_usd(scenario, less(point.best_to, TIGHT)) >= less(point.x, worth)
    return sum(point.beyond == "closed" for point in found.points)


@pytest.mark.parametrize(
    ("seed", "gap", "least"), [(0, 0.0, 2), (2, 0.0, 30), (2, 0.004, 3), (4, 0.005, 10), (11, 0.01, 10), (11, 0.05, 3)]
)
def test_no_enumerated_fleet_beats_a_point_or_lies_in_a_closed_box(seed: int, gap: float, least: int) -> None:
    """Many fleets one by one, and long slopes on which a gap ends the search."""
    scenario = limited("carbon", seed)[1]
    found = optimizer.frontier(scenario, "usd", "carbon", MANY, gap=gap)
    assert found.status == "complete" and found.ended_by == "closed" and len(found.points) >= least
    assert not any(point.beyond == "open" for point in found.points)
    assert_monotone(found, gap)
    assert assert_nothing_better(scenario, found, gap)


@pytest.mark.parametrize("kind", ["carbon", "node loss", "region loss", "min regions", "slots", "spot", "today"])
def test_drawn_fleets_are_monotone_and_each_point_is_the_enumerated_least(kind: str) -> None:
    """However few points are asked for."""
    traded = 0
    for seed in range(4):
        scenario = limited(kind, seed)[1]
        found = optimizer.frontier(scenario, "usd", "carbon", 2 + seed)
        if found.status in ("infeasible", "no_candidate"):
            continue
        assert found.status == "complete" and 1 <= len(found.points) <= found.asked
        assert found.ended_by == ("points" if len(found.points) == found.asked else "closed")
        assert_monotone(found)
        assert_nothing_better(scenario, found, 0.0)
        traded += len(found.points) > 1
    assert traded or kind == "spot"


def test_bounds_on_costs_below_zero_are_proven() -> None:
    """What is sold of today's nodes may bring more than the fleet costs: a bound is then below zero as well."""
    negative = 0
    for seed in (0, 5, 7, 14, 21, 23):  # of the first two dozen, those that bring money
        scenario = limited("today", seed)[1]
        found = optimizer.frontier(scenario, "usd", "carbon", 6, gap=0.3)
        if found.points and found.points[-1].x < 0:
            negative += 1
            assert_nothing_better(scenario, found, 0.3)
    assert negative == 6


def test_more_points_are_spent_where_the_frontier_is_open() -> None:
    """Every point that was there with fewer is there still, or another as good; none of the solves is idle."""
    scenario = small_scenario(regions=two_regions())
    few, many = (optimizer.frontier(scenario, points=points) for points in (4, MANY))
    assert few.ended_by == "points" and len(few.points) == 4 and many.ended_by == "closed"
    assert any(point.beyond == "open" for point in few.points)
    assert 4 < len(many.points) < MANY
    for point in few.points:
        assert min(one.x for one in many.points if one.y <= point.y * (1 + 1e-6)) <= point.x * (1 + TIES)


# ---- questions alone, on frontiers that are known ----

steps = st.lists(st.tuples(st.floats(0.01, 1.0), st.floats(0.01, 1.0)), min_size=1, max_size=12)


class Stairs:
    """A frontier of steps, answered exactly; `plan` is a stand-in that tells fleets apart."""

    def __init__(self, corners: list[tuple[float, float]]) -> None:
        self.corners = corners

    def answer(self, task: Task) -> Solution:
        """What the solver would say, without a gap."""
        if task.what == "least_y":
            x, y = self.corners[0]
            return Solution(why="gap", value=y, bound=y, other=x, seconds=0.0)
        within = [one for one in self.corners if task.what != "capped" or one[1] <= task.cap * (1 + 1e-9)]
        if task.what == "next":
            within = [one for one in within if one[0] <= task.below and one[1] <= task.cap]
            if not within:
                return Solution(why="infeasible", other_bound=task.cap, seconds=0.0)
            x, y = min(within, key=lambda one: one[1])
            return self._found(x, y, cap=y, other_bound=y)
        x, y = min(within)
        return self._found(x, y)

    def _found(self, x: float, y: float, **more: float) -> Solution:
        one = Solution(why="gap", value=x, bound=x, other=y, seconds=0.0, **more)
        return one.model_copy(update={"plan": _Nodes(((x, y),))})

    def asked(self, points: int) -> tuple[Known, list[list[Task]]]:
        """Everything that a search asks for, round by round."""
        tasks = [Task(what="least_x"), Task(what="least_y")]
        findings, rounds = [(task, self.answer(task)) for task in tasks], []
        while more := Known(findings, 0.0).next_round(points):
            rounds.append(more)
            findings += [(task, self.answer(task)) for task in more]
            assert len(findings) < 20 * points
        return Known(findings, 0.0), rounds


class _Nodes:
    def __init__(self, nodes: tuple) -> None:
        self.nodes = nodes


def corners_of(sizes: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Steps down in x and up in y, from the least y."""
    x, y, found = 1.0 + sum(size[0] for size in sizes), 1.0, []
    for down, up in sizes:
        found.append((x, y))
        x, y = x - down, y + up
    return [*found, (x, y)]


@settings(max_examples=150, deadline=None)
@given(steps, st.integers(2, 30))
def test_stairs_are_found_whole_or_as_many_as_asked_for(sizes: list[tuple[float, float]], points: int) -> None:
    corners = corners_of(sizes)
    known, rounds = Stairs(corners).asked(points)
    there = {(one.x, one.y) for one in known.fleets}
    assert there <= set(corners) and len(there) == len(known.fleets) <= points
    if len(known.fleets) < points:
        assert not any(box.state == "open" for box in known.boxes())
    for box in known.boxes():
        inside = [one for one in corners if box.fleet.y < one[1] < box.after.y]
        assert box.state != "closed" or not inside
    assert all(1 <= len(one) <= ROUND for one in rounds)
    every = [task.model_dump_json() for one in rounds for task in one]
    assert len(every) == len(set(every)) <= 4 * points + 4


@settings(max_examples=60, deadline=None)
@given(steps, st.randoms(use_true_random=False))
def test_the_order_of_answers_changes_no_question(sizes: list[tuple[float, float]], random) -> None:
    stairs = Stairs(corners_of(sizes))
    tasks = [Task(what="least_x"), Task(what="least_y")]
    while True:
        findings = [(task, stairs.answer(task)) for task in tasks]
        more = Known(findings, 0.0).next_round(9)
        random.shuffle(findings)
        assert Known(findings, 0.0).next_round(9) == more
        if not more:
            return
        tasks += more


def test_a_straight_line_ends_with_the_smallest_box() -> None:
    """Money and carbon that trade without end: no box is split below the smallest one."""
    line = [(2.0 - k / 4000, 1.0 + k / 4000) for k in range(4001)]
    known, rounds = Stairs(line).asked(5000)
    assert {box.state for box in known.boxes()} <= {"small", "closed"}
    assert 0.5 / SMALLEST <= len(known.fleets) <= 2.1 / SMALLEST
    assert sum(map(len, rounds)) <= 2.1 / SMALLEST


def test_an_empty_box_takes_one_cap_and_one_proof() -> None:
    """A fleet far below its cap: the caps between are known, and what is left is closed at once."""
    known, rounds = Stairs([(4.0, 1.0), (3.9, 1.01), (1.0, 9.0)]).asked(20)
    assert len(known.fleets) == 3 and sum(map(len, rounds)) <= 9
    assert [box.state for box in known.boxes()][1] == "closed"


def test_points_that_a_tie_explains_are_one() -> None:
    def fleet(x: float, y: float, nodes: str) -> Fleet:
        one = Solution(why="gap", seconds=0.0).model_copy(update={"plan": _Nodes((nodes,))})
        return Fleet(y, x, x, y, one)

    same = [fleet(1.0, 2.0, "a"), fleet(1.0 - SAME / 2, 2.1, "a")]
    assert [one.y for one in unbeaten(same)] == [2.0]
    other = [fleet(1.0, 2.0, "a"), fleet(1.0 - SAME / 2, 2.1, "b")]
    assert [one.y for one in unbeaten(other)] == [2.0, 2.1]
    assert [one.y for one in unbeaten([fleet(1.0, 2.0, "a"), fleet(2.0, 2.0, "b")])] == [2.0]
