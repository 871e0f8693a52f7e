"""A plan held against draws of its inputs: in how many it keeps every limit, what breaks, and what that turns on.

    optimizer.robust(scenario_with_ranges, draws=100) -> Robust

Draws first (`optimizer.draws`, `optimizer.held`), then each input alone from today's figure to both ends of its range:
where the plan first breaks a limit, and where another fleet becomes better by more than the gap. Every finished draw
and side is kept in a file where one is named, and a run that was stopped or killed goes on from there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from optimizer import milp
from optimizer.crew import Crew, Tell, Watch
from optimizer.draws import axes, draws
from optimizer.held import Break, Held, held
from optimizer.held_question import fixed_program
from optimizer.plan import SCHEMA_VERSION, Lock, Part, Plan
from optimizer.record import Form, Record
from optimizer.robust_point import Drawn, Found, Holder, Side, Task, Today, Turn, holder
from optimizer.robust_sums import Leaning, LimitBroken, Spread, leanings, limits_broken, spread
from optimizer.solve import head_of, solve
from scenarios.schema import Scenario

FORMAT = "argosy robust 1"
FORM = Form(FORMAT, "robust run", Task, Found)
SIDES: tuple[Side, ...] = ("low", "high")


class Robust(Part):
    """How a plan does over draws of its inputs."""

    schema_version: str = SCHEMA_VERSION
    scenario: str
    title: str
    status: Literal["complete", "stopped", "no_fleet"]
    """`no_fleet`: the scenario has none, as the plan says."""
    stopped_by: Literal["", "interrupt", "time_limit"] = ""
    asked: int
    """Draws asked for."""
    drawn: int = 0
    """Draws that were held; of a stopped run the first of them to be done."""
    held: int = 0
    """Draws in which every limit is kept."""
    seed: int
    today: list[Break] = []
    """Limits that the plan breaks in the scenario as it stands."""
    limits: list[LimitBroken] = []
    usd: Spread | None = None
    carbon: Spread | None = None
    inputs: list[Leaning] = []
    """What explains most of the failures first."""
    draws: list[Drawn] = []
    reused: int = 0
    """Pieces read from the file instead of worked out."""
    plan: Plan
    lock: Lock
    """Of this run; the plan has its own."""
    seconds: float
    """Wall clock of this run."""

    @property
    def exit_code(self) -> int:
        """Exit code of the command line."""
        if self.status == "no_fleet":
            return self.plan.exit_code or 3
        if self.status == "stopped":
            return 130 if self.stopped_by == "interrupt" and not self.draws else 4
        return 0


def robust(
    scenario: Scenario,
    plan: Plan | None = None,
    *,
    count: int = 100,
    seed: int = 0,
    turns: bool = True,
    jobs: int = 1,
    file: str | Path | None = None,
    resume: bool = True,
    progress: Watch | None = None,
    tell: Tell | None = None,
    time_limit: float | None = None,
    gap: float | None = None,
    threads: int | None = None,
) -> Robust:
    """Hold a plan against draws from the scenario's ranges.

    Args:
        scenario: the question, with `ranges`.
        plan: what is held; solved for first where it is absent.
        count: draws.
        seed: of the draws, and of the solver where the scenario leaves it.
        turns: also move each input alone, to both ends of its range.
        jobs: processes. With more than one, a script needs the usual ``if __name__ == "__main__":``.
        file: JSON lines to which every finished piece is added at once.
        resume: go on with the file where there is one; False refuses a file that is there.
        progress: called while the solver works, with one job.
        tell: called with the number of finished and of all pieces.
        time_limit, gap, threads: of each search for a fleet; default from the scenario.

    Raises:
        ScenarioError: no or impossible ranges, a plan of another scenario, or a file of another run.
        optimizer.solve.VerificationError: a plan fails its independent check.
    """
    began = time.monotonic()
    options = milp.Options(
        gap=scenario.solver.gap if gap is None else gap,
        time_limit_s=scenario.solver.time_limit_s if time_limit is None else time_limit,
        threads=scenario.solver.threads if threads is None else threads,
        seed=scenario.solver.seed,
    )
    tasks = _tasks(scenario, count, seed, turns)
    if plan is None:
        plan = solve(
            scenario, binding=False, insurance=False, progress=progress, time_limit=time_limit, gap=gap, threads=threads
        )
    shared: dict[str, Any] = {"scenario": scenario.name, "title": scenario.title, "asked": count, "seed": seed}
    if plan.fleet is None:
        return Robust(**shared, status="no_fleet", plan=plan, lock=plan.lock, seconds=time.monotonic() - began)
    if plan.stopped_by == "interrupt":
        stopped: dict[str, Any] = {"status": "stopped", "stopped_by": "interrupt"}
        return Robust(**shared, **stopped, plan=plan, lock=plan.lock, seconds=time.monotonic() - began)
    lock: Lock = head_of(scenario, fixed_program(scenario, plan).question, options)["lock"]
    now = held(scenario, plan)
    today = _today(scenario, plan, now, options, progress)
    key = {"scenario": scenario.name, "draws": count, "seed": seed, "gap": options.gap, "plan": _digest(plan)}
    key |= {"argosy": lock.argosy, "scenario_sha256": lock.scenario_sha256, "catalog_sha256": lock.catalog_sha256}
    own = Holder(scenario, plan, options, today)
    with (
        Record(FORM, file, key, options.time_limit_s, resume) as record,
        Crew(own, holder, (scenario, plan, options, today), jobs, progress) as crew,
    ):
        reused, interrupted = _run(tasks, record, crew, tell)
    found = [(task, record.known(task)) for task in tasks]
    unsolved = [one for _, one in found if one is None or one.why == "time_limit"]
    stop: Literal["interrupt", "time_limit"] = "interrupt" if interrupted or None in unsolved else "time_limit"
    drawn = [one.draw for _, one in found if one is not None and one.draw is not None]
    accounts = plan.accounts
    return Robust(
        **shared,
        status="stopped" if unsolved else "complete",
        stopped_by=stop if unsolved else "",
        drawn=len(drawn),
        held=sum(one.holds for one in drawn),
        today=now.breaks,
        limits=limits_broken(drawn),
        usd=spread("usd_per_year", "USD/yr", accounts["usd_per_year"], [one.usd_per_year for one in drawn]),
        carbon=spread(
            "kg_co2e_per_year", "kg CO2e/yr", accounts["kg_co2e_per_year"], [one.kg_co2e_per_year for one in drawn]
        ),
        inputs=leanings(_followed(scenario, found), drawn),
        draws=drawn,
        reused=reused,
        plan=plan,
        lock=lock,
        seconds=time.monotonic() - began,
    )


def _tasks(scenario: Scenario, count: int, seed: int, turns: bool) -> list[Task]:
    """The draws, then both sides of each axis."""
    drawn = draws(scenario, count, seed)
    tasks = [Task(what="draw", place=k, factors=factors) for k, factors in enumerate(drawn)]
    if turns:
        tasks += [Task(what="turn", place=k, side=side) for k in range(len(axes(scenario))) for side in SIDES]
    return tasks


def _today(scenario: Scenario, plan: Plan, now: Held, options: milp.Options, progress: Watch | None) -> Today:
    """Whether the plan is the best one today is known where it was solved for; else it is looked for."""
    limits = tuple(one.limit for one in now.breaks)
    if now.objective is None or not now.holds:
        return Today(None, limits, True)
    mine = (plan.lock.scenario_sha256, plan.lock.catalog_sha256) == (scenario.digest, scenario.catalog.digest)
    if mine and plan.status == "optimal" and plan.lock.gap <= options.gap:
        return Today(now.objective, limits, False)
    bare = Holder(scenario, plan, options, Today(now.objective, limits, False))
    return Today(now.objective, limits, bare.beaten({}, now.objective, progress))


def _digest(plan: Plan) -> str:
    """SHA-256 of the plan's fleet: what a draw depends on."""
    text = plan.model_dump_json(include={"fleet", "nodes"})
    return hashlib.sha256(text.encode()).hexdigest()


def _run(
    tasks: Sequence[Task], record: Record[Task, Found], crew: Crew[Task, Found], tell: Tell | None
) -> tuple[int, bool]:
    """Do what is not known yet; how much was known, and whether Ctrl-C ended it."""
    left = [task for task in tasks if record.known(task) is None]
    finished = reused = len(tasks) - len(left)
    try:
        if tell is not None:
            tell(finished, len(tasks))
        for task, found in crew.run(left):
            if found.why == "interrupt":
                return reused, True
            record.add(task, found)
            finished += 1
            if tell is not None:
                tell(finished, len(tasks))
    except KeyboardInterrupt:
        return reused, True
    return reused, False


def _followed(scenario: Scenario, found: Sequence[tuple[Task, Found | None]]) -> list[Leaning]:
    """The axes, with what became of the plan on each side."""
    sides: dict[tuple[int, str], Turn | None] = {
        (task.place, task.side): None if one is None else one.turn for task, one in found if task.what == "turn"
    }
    return [
        Leaning(
            name=axis.name,
            inputs=list(axis.inputs),
            low=axis.low,
            high=axis.high,
            below=sides.get((k, "low")),
            above=sides.get((k, "high")),
        )
        for k, axis in enumerate(axes(scenario))
    ]
