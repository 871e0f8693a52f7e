"""The exact frontier of two accounts: the least of one under caps on the other, asked for where it is still open.

    optimizer.frontier(scenarios.load("capstone"), x="usd", y="carbon", points=20)

Both ends first: the least x (and of those plans the least y), and the least y. Then rounds of questions that split the
largest boxes between the fleets found (`optimizer.frontier_boxes`), until there are as many points as asked for or no
box is open. A cap can only raise x, so a bound at a loose cap holds at every tighter one, and a plan at a tight cap
serves every looser one: what that shows to be beaten is dropped, and what it shows to be known is not asked.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from optimizer import milp
from optimizer.crew import Crew, Tell
from optimizer.explain import rejected
from optimizer.frontier_boxes import Known
from optimizer.frontier_point import Finder, Solution, Task, Watch, finder
from optimizer.other_goals import ACCOUNT_OF
from optimizer.plan import SCHEMA_VERSION, Lock, Part, Plan, Rejected
from optimizer.program import UNITS
from optimizer.record import Form, Record
from optimizer.solve import head_of
from optimizer.tables import ask
from scenarios.schema import Scenario

FEWEST_POINTS, MOST_POINTS = 2, 1000
FORMAT = "argosy frontier 1"
"""First words of a file of points."""
FORM = Form(FORMAT, "frontier", Task, Solution)
ENDS = (Task(what="least_x"), Task(what="least_y"))


class FrontierPoint(Part):
    """A fleet that no other one found beats in both accounts."""

    cap: float
    """Most of y that was allowed."""
    best_to: float | None = None
    """With y capped anywhere from `y` up to here no fleet has less x by more than the gap; None: under any cap."""
    beyond: Literal["", "closed", "small", "open"] = ""
    """Between this point and the next, which has more y: `closed` is proven to hold no fleet that is better than this
    one in x and than the next in y, both by more than the gap; `small` is too small to be split; `open` is neither."""
    x: float
    x_bound: float | None
    """Proven: no fleet within the cap has less x. None where time ran out before anything was."""
    gap: float | None
    """(x - x_bound) / x, a fraction."""
    y: float
    why: milp.Why
    """Why the solver stopped: `gap`, or `time_limit`."""
    resolved: bool
    """False where the fleet of the tighter point before might be as good in x: the gap cannot tell."""
    knee: bool = False
    cross_check: str = ""
    plan: Plan
    """Verified. It states the scenario's own objective."""
    seconds: float


class Frontier(Part):
    """Points by falling x and rising y."""

    schema_version: str = SCHEMA_VERSION
    scenario: str
    title: str
    status: Literal["complete", "stopped", "infeasible", "no_candidate"]
    """`stopped`: Ctrl-C or a time limit left questions without an answer."""
    stopped_by: Literal["", "interrupt", "time_limit"] = ""
    x: str
    y: str
    x_unit: str
    y_unit: str
    asked: int
    """Points asked for, both ends among them."""
    ended_by: Literal["", "points", "closed"] = ""
    """What ended the search: as many points as asked for, or no open box."""
    questions: int = 0
    """Questions with an answer, both ends among them."""
    solved: int
    """Questions with a fleet."""
    dropped: int = 0
    """Questions whose fleet is another point's, or is beaten by one."""
    reused: int = 0
    """Tasks read from the file instead of solved."""
    y_bound: float | None = None
    """Proven: no fleet has less y."""
    points: list[FrontierPoint]
    rejected: list[Rejected]
    lock: Lock
    seconds: float
    """Wall clock of this run."""

    @property
    def exit_code(self) -> int:
        """Exit code of the command line."""
        if self.status == "stopped":
            return 130 if self.stopped_by == "interrupt" and not self.points else 4
        return {"complete": 0, "no_candidate": 2, "infeasible": 3}[self.status]


def frontier(
    scenario: Scenario,
    x: str = "usd",
    y: str = "carbon",
    points: int = 20,
    *,
    jobs: int = 1,
    file: str | Path | None = None,
    resume: bool = True,
    progress: Watch | None = None,
    tell: Tell | None = None,
    time_limit: float | None = None,
    gap: float | None = None,
    threads: int | None = None,
    seed: int | None = None,
) -> Frontier:
    """The frontier of two accounts within the scenario's limits.

    Args:
        scenario: the question; its objective plays no part.
        x, y: two of ``usd``, ``carbon``, ``energy``, ``water``, ``devices``, ``embodied``.
        points: most points, both ends among them.
        jobs: processes. With more than one, a script needs the usual ``if __name__ == "__main__":``.
        file: JSON lines to which every finished point is added at once.
        resume: go on with the file where there is one; False refuses a file that is there.
        progress: called while the solver works, with one job.
        tell: called with the number of points found and asked for, after each answer.
        time_limit, gap, threads, seed: of each point; default from the scenario.

    Raises:
        ScenarioError: an account that cannot be traded, or a file of another question.
        optimizer.solve.VerificationError: a plan fails its independent check.
    """
    began = time.monotonic()
    if x not in ACCOUNT_OF or y not in ACCOUNT_OF or x == y:
        raise ValueError(f"a frontier needs two different accounts of {', '.join(ACCOUNT_OF)}, not {x} and {y}")
    if not FEWEST_POINTS <= points <= MOST_POINTS:
        raise ValueError(f"a frontier has {FEWEST_POINTS} to {MOST_POINTS} points, not {points}")
    options = milp.Options(
        gap=scenario.solver.gap if gap is None else gap,
        time_limit_s=scenario.solver.time_limit_s if time_limit is None else time_limit,
        threads=scenario.solver.threads if threads is None else threads,
        seed=scenario.solver.seed if seed is None else seed,
    )
    question = ask(scenario)
    head = head_of(scenario, question, options)
    lock: Lock = head["lock"]
    shared: dict[str, Any] = {
        "scenario": scenario.name,
        "title": scenario.title,
        "x": ACCOUNT_OF[x],
        "y": ACCOUNT_OF[y],
        "x_unit": UNITS[ACCOUNT_OF[x]],
        "y_unit": UNITS[ACCOUNT_OF[y]],
        "asked": points,
        "lock": lock,
    }
    if not any(len(table) for table in question.tables):
        seconds = time.monotonic() - began
        ruled_out = rejected(question)
        return Frontier(**shared, status="no_candidate", solved=0, points=[], rejected=ruled_out, seconds=seconds)
    own = Finder(scenario, question, x, y, options)
    key = {"scenario": scenario.name, "x": x, "y": y, "points": points, "gap": options.gap, "seed": options.seed}
    key |= {"argosy": lock.argosy, "scenario_sha256": lock.scenario_sha256, "catalog_sha256": lock.catalog_sha256}
    with (
        Record(FORM, file, key, options.time_limit_s, resume) as record,
        Crew(own, finder, (scenario, x, y, options), jobs, progress) as crew,
    ):
        search = _Search(record, crew, points, options.gap, tell)
        interrupted = search.run()
    ended = search.result()
    if interrupted and ended["status"] == "complete":
        ended |= {"status": "stopped", "stopped_by": "interrupt"}
    ruled_out = rejected(question) if ended["status"] == "infeasible" else []
    return Frontier(**shared, **ended, reused=search.reused, rejected=ruled_out, seconds=time.monotonic() - began)


class _Search:
    """Both ends, then rounds of questions where the frontier is still open."""

    def __init__(
        self, record: Record[Task, Solution], crew: Crew[Task, Solution], points: int, gap: float, tell: Tell | None
    ) -> None:
        self.record, self.crew, self.points, self.gap, self.tell = record, crew, points, gap, tell
        # Of a file of an earlier layout: every answer is one, whichever question led to it.
        earlier = [task for task in map(Task.model_validate_json, record.done) if task.place > 0]
        self.tasks = [*ENDS, *earlier]
        self.reused = len(earlier)

    def run(self) -> bool:
        """Solve what is not known yet; True where Ctrl-C ended it."""
        try:
            if not self._all(ENDS):
                return True
            while tasks := self.known().next_round(self.points):
                self.tasks += tasks
                if not self._all(tasks):
                    return True
        except KeyboardInterrupt:
            return True
        return False

    def known(self) -> Known:
        """What the answers so far say, whatever order they came in."""
        found = [(task, self.record.known(task)) for task in self.tasks]
        return Known([(task, one) for task, one in found if one is not None], self.gap)

    def _all(self, tasks: Sequence[Task]) -> bool:
        """Whether every task was done; what is on record is not done again."""
        open_tasks = [task for task in tasks if self.record.known(task) is None]
        self.reused += len(tasks) - len(open_tasks)
        if len(open_tasks) < len(tasks):
            self._step()
        for task, found in self.crew.run(open_tasks):
            if found.why == "interrupt":
                return False
            self.record.add(task, found)
            self._step()
        return True

    def _step(self) -> None:
        if self.tell is not None:
            self.tell(len(self.known().fleets), self.points)

    def result(self) -> dict:
        """What is known by now, as a frontier's fields."""
        known = self.known()
        found = [self.record.known(task) for task in self.tasks]
        top, bottom = found[:2]
        if top is not None and top.why == "infeasible":
            status, stop = "infeasible", ""
        elif any(one is None for one in found):
            status, stop = "stopped", "interrupt"
        elif any(one is not None and one.why == "time_limit" for one in found):
            status, stop = "stopped", "time_limit"
        else:
            status, stop = "complete", ""
        points = _frontier_points(known, knee=status == "complete")
        left = any(point.beyond == "open" for point in points)
        ended = "" if status != "complete" else "points" if len(points) >= self.points else "" if left else "closed"
        return {
            "status": status,
            "stopped_by": stop,
            "ended_by": ended,
            "questions": sum(one is not None for one in found),
            "solved": known.solved,
            "dropped": known.solved - len(points),
            "y_bound": bottom.bound if bottom is not None else None,
            "points": points,
        }


def _frontier_points(known: Known, knee: bool) -> list[FrontierPoint]:
    """The fleets that none beats, with what is known between them; the knee and what is not resolved marked."""
    fleets = known.fleets
    at = _knee([(one.x, one.y) for one in fleets]) if knee else None
    boxes = {id(box.fleet): box for box in known.boxes()}
    points: list[FrontierPoint] = []
    for place, one in enumerate(fleets):
        box = boxes.get(id(one))
        assert one.found.plan is not None
        points.append(
            FrontierPoint(
                cap=one.cap,
                best_to=min(box.low, box.after.y) if box else None,
                beyond=box.state if box else "",
                x=one.x,
                x_bound=one.x_bound if math.isfinite(one.x_bound) else None,
                gap=milp.relative_gap(one.x, one.x_bound),
                y=one.y,
                why=one.found.why,
                resolved=place == 0 or one.x < fleets[place - 1].x_bound,
                knee=place == at,
                cross_check=one.found.cross_check,
                plan=one.found.plan,
                seconds=one.found.seconds,
            )
        )
    return points


def _knee(points: Sequence[tuple[float, float]]) -> int | None:
    """The point farthest below the straight line between the ends, both accounts scaled to 0..1; None without one.

    >>> _knee([(10.0, 0.0), (2.0, 1.0), (1.0, 2.0), (0.0, 10.0)])
    2
    """
    if len(points) < 3:
        return None
    (x_most, y_least), (x_least, y_most) = points[0], points[-1]
    below = [1.0 - (x - x_least) / (x_most - x_least) - (y - y_least) / (y_most - y_least) for x, y in points]
    best = max(range(len(points)), key=lambda place: (round(below[place], 9), place))
    return best if below[best] > 1e-9 else None
