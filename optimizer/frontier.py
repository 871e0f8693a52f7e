"""The exact frontier of two accounts: the least of one for every cap on the other, by solving again at each cap.

    optimizer.frontier(scenarios.load("capstone"), x="usd", y="carbon", points=20)

Both ends first: the least x (and of those plans the least y), and the least y. Between them y is capped at even steps
and x is made small, each point to the gap with what is proven. A cap can only raise x, so a bound at a loose cap holds
at every tighter one, and a plan at a tight cap serves every looser one: what that shows to be dominated is dropped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from optimizer import milp
from optimizer.crew import Crew, Tell
from optimizer.explain import rejected
from optimizer.frontier_point import Finder, Solution, Task, Watch, finder
from optimizer.other_goals import ACCOUNT_OF
from optimizer.plan import SCHEMA_VERSION, Lock, Part, Plan, Rejected
from optimizer.program import UNITS
from optimizer.record import Form, Record
from optimizer.solve import head_of
from optimizer.tables import ask
from scenarios.schema import Scenario

SAME = 2e-5
"""Values of one fleet that differ by less, as a fraction, are one point: ties are broken within 1e-5."""
FEWEST_POINTS, MOST_POINTS = 2, 1000
FORMAT = "argosy frontier 1"
"""First words of a file of points."""
FORM = Form(FORMAT, "frontier", Task, Solution)


class FrontierPoint(Part):
    """A fleet that no other one found beats in both accounts."""

    cap: float
    """Most of y that was allowed."""
    x: float
    x_bound: float
    """Proven: no fleet within the cap has less x."""
    gap: float
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
    """`stopped`: Ctrl-C or a time limit left caps without an answer."""
    stopped_by: Literal["", "interrupt", "time_limit"] = ""
    x: str
    y: str
    x_unit: str
    y_unit: str
    asked: int
    """Caps asked for, both ends among them."""
    solved: int
    """Caps with a fleet."""
    dropped: int = 0
    """Caps whose fleet is another point's, or is beaten by one."""
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
        points: caps on y, both ends among them.
        jobs: processes. With more than one, a script needs the usual ``if __name__ == "__main__":``.
        file: JSON lines to which every finished point is added at once.
        resume: go on with the file where there is one; False refuses a file that is there.
        progress: called while the solver works, with one job.
        tell: called with the number of finished and of all tasks.
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
        search = _Search(record, crew, points, tell)
        interrupted = search.run()
    ended = search.result()
    if interrupted and ended["status"] == "complete":
        ended |= {"status": "stopped", "stopped_by": "interrupt"}
    ruled_out = rejected(question) if ended["status"] == "infeasible" else []
    return Frontier(**shared, **ended, reused=search.reused, rejected=ruled_out, seconds=time.monotonic() - began)


class _Search:
    """Both ends, then the caps between them."""

    def __init__(
        self, record: Record[Task, Solution], crew: Crew[Task, Solution], points: int, tell: Tell | None
    ) -> None:
        self.record, self.crew, self.points, self.tell = record, crew, points, tell
        self.ends = (Task(what="least_x"), Task(what="least_y"))
        self.caps: list[Task] = []
        self.reused = self.finished = 0

    def run(self) -> bool:
        """Solve what is not known yet; True where Ctrl-C ended it."""
        try:
            if not self._all(self.ends):
                return True
            self.caps = self._between()
            return not self._all(self.caps)
        except KeyboardInterrupt:
            return True

    def _all(self, tasks: Sequence[Task]) -> bool:
        """Whether every task was done; what is on record is not done again."""
        open_tasks = [task for task in tasks if self.record.known(task) is None]
        self.reused += len(tasks) - len(open_tasks)
        self._step(len(tasks) - len(open_tasks))
        for task, found in self.crew.run(open_tasks):
            if found.why == "interrupt":
                return False
            self.record.add(task, found)
            self._step(1)
        return True

    def _step(self, done: int) -> None:
        self.finished += done
        if self.tell is not None:
            self.tell(self.finished, self.points + 1)

    def _between(self) -> list[Task]:
        """Caps at even steps from the least y up to, not including, the y of the least x."""
        top, bottom = (self.record.known(task) for task in self.ends)
        if top is None or bottom is None or top.other is None or bottom.value is None:
            return []
        least, most = bottom.value, top.other
        if least >= most - 1e-9 * abs(most):
            return []  # one fleet has the least of both
        step = (most - least) / (self.points - 1)
        return [Task(what="capped", place=k, cap=least + k * step) for k in range(self.points - 1)]

    def result(self) -> dict:
        """What is known by now, as a frontier's fields."""
        top, bottom = (self.record.known(task) for task in self.ends)
        found = [(task.cap, self.record.known(task)) for task in self.caps]
        if top is not None and top.other is not None:
            found.append((top.other, top))
        solved = [(cap, one) for cap, one in found if cap is not None and one is not None and one.plan is not None]
        unproven = [one for one in (top, bottom, *(one for _, one in found)) if one is None or one.why == "time_limit"]
        if top is not None and top.why == "infeasible":
            status, stop = "infeasible", ""
        elif unproven:
            status, stop = "stopped", "time_limit" if all(one is not None for one in unproven) else "interrupt"
        else:
            status, stop = "complete", ""
        points = _frontier_points(solved, knee=status == "complete")
        return {
            "status": status,
            "stopped_by": stop,
            "solved": len(solved),
            "dropped": len(solved) - len(points),
            "y_bound": bottom.bound if bottom is not None else None,
            "points": points,
        }


def _frontier_points(solved: list[tuple[float, Solution]], knee: bool) -> list[FrontierPoint]:
    """Bounds carried to tighter caps, equal and dominated points dropped, the knee and what is not resolved marked."""
    points: list[FrontierPoint] = []
    bound = 0.0
    for cap, one in sorted(solved, key=lambda pair: -pair[0]):
        assert one.value is not None and one.bound is not None and one.other is not None and one.plan is not None
        bound = max(bound, one.bound)
        x_bound = min(bound, one.value)
        points.append(
            FrontierPoint(
                cap=cap,
                x=one.value,
                x_bound=x_bound,
                gap=milp.relative_gap(one.value, x_bound) or 0.0,
                y=one.other,
                why=one.why,
                resolved=True,
                cross_check=one.cross_check,
                plan=one.plan,
                seconds=one.seconds,
            )
        )
    kept: list[FrontierPoint] = []
    for point in reversed(points):  # the tightest cap first: least y, most x
        if not any(_beats(other, point) for other in kept):
            kept = [*(other for other in kept if not _beats(point, other)), point]
    at = _knee([(point.x, point.y) for point in kept]) if knee else None
    told = [place == 0 or point.x < kept[place - 1].x_bound for place, point in enumerate(kept)]
    return [point.model_copy(update={"knee": place == at, "resolved": told[place]}) for place, point in enumerate(kept)]


def _beats(one: FrontierPoint, other: FrontierPoint) -> bool:
    """Whether `one` is no worse in both accounts; or the same fleet, with values that a broken tie explains."""
    if one.x <= other.x * (1 + 1e-9) and one.y <= other.y * (1 + 1e-9):
        return True
    near = abs(one.x - other.x) <= SAME * abs(other.x) and one.y <= other.y
    return near and one.plan.nodes == other.plan.nodes


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
