"""What it costs to do without a kind of node that is in the plan, or to have one that is not; or why none can be had.

Nodes that are in the plan are dropped from the question, nodes that are not are forced into it: the same program with
some columns held at 0, or with one row more. Both answers are plans, verified against the scenario like any other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Literal, get_args

import numpy as np

from optimizer import milp
from optimizer.changes import changed, known_name
from optimizer.cross_check import cross_checked
from optimizer.difference import Difference, difference
from optimizer.explain import _too_slow_to_start
from optimizer.plan import Part, Plan, Rejected
from optimizer.polish import simplest
from optimizer.program import Program, build
from optimizer.solve import checked, head_of, plan_of, solve
from optimizer.tables import Question, ask
from scenarios.errors import BadValue, Problem, ScenarioError
from scenarios.schema import Scenario
from scenarios.schema_types import Precision

Watch = Callable[[milp.Progress], None]
Outcome = Literal["dropped", "forced", "cannot", "impossible", "stopped", "no_fleet"]
PROCUREMENTS = ("owned", "on_demand", "reserved", "spot")
BLOCK_S = 10.0
_NEEDED = {"reserved": "their discount", "spot": "their availability"}
_OWN_PRICE, _RENT = ("purchase price",), ("rental price", "spot price", "availability")


class Kind(Part):
    """Which nodes are asked about; an empty word stands for any."""

    accelerator: str = ""
    region: str = ""
    procurement: str = ""
    precision: str = ""


class WhyNot(Part):
    """What becomes of the answer when a kind of node is dropped from it or forced into it."""

    kind: Kind
    outcome: Outcome
    """`cannot`: no such node can be had or run. `impossible`: it can, but then no fleet holds every limit."""
    in_plan: bool
    added: list[str]
    """What the scenario does not offer and was added to ask about it."""
    reasons: list[Rejected]
    """Which walls ruled it out, where it cannot be used."""
    blocked_by: list[str]
    """Limits each of which, dropped alone, would make it possible."""
    difference: Difference | None
    before: Plan
    after: Plan | None


def whynot(
    scenario: Scenario,
    *,
    accelerator: str = "",
    region: str = "",
    procurement: str = "",
    precision: str = "",
    progress: Watch | None = None,
    time_limit: float | None = None,
    gap: float | None = None,
    threads: int | None = None,
    seed: int | None = None,
) -> WhyNot:
    """What it costs to do without a kind of node that is in the plan, or to have at least one that is not.

    Args:
        scenario: the question.
        accelerator, region, procurement, precision: which nodes; at least one of these, empty words stand for any.
        progress, time_limit, gap, threads, seed: as of `optimizer.solve`.

    Raises:
        ScenarioError: a name does not exist, or the scenario lacks what would be needed to ask.
    """
    kind = _kind(scenario, accelerator, region, procurement, precision)
    wider, added = _offering(scenario, kind)
    before = solve(
        scenario,
        binding=False,
        insurance=False,
        progress=progress,
        time_limit=time_limit,
        gap=gap,
        threads=threads,
        seed=seed,
    )
    inside = _is_in(before, kind)

    def told(outcome: Outcome, after: Plan | None = None, **more: list) -> WhyNot:
        at_least = None if added else 0.0  # a question with less to choose from, or with a demand more
        return WhyNot(
            kind=kind,
            outcome=outcome,
            in_plan=inside,
            added=added,
            reasons=more.get("reasons", []),
            blocked_by=more.get("blocked_by", []),
            difference=difference(before, after, at_least) if after is not None else None,
            before=before,
            after=after,
        )

    if before.fleet is None:
        return told("no_fleet")
    options = milp.Options(
        gap=before.lock.gap,
        time_limit_s=scenario.solver.time_limit_s if time_limit is None else time_limit,
        threads=before.lock.threads,
        seed=before.lock.seed,
    )
    # Else the safe rule drops a way of running for one at another precision.
    pruning = "each precision" if kind.precision else True
    question = ask(wider, prune=pruning, twins=bool(kind.procurement))
    program = build(question)
    replicas, nodes = _columns(program, kind)
    if not inside and not replicas.size:
        return told("cannot", reasons=list(_reasons(question, kind)))
    program = _dropped(program, kind, replicas, nodes) if inside else _forced(program, replicas)
    stage = f"{'without' if inside else 'with'} {kind.accelerator or kind.precision or kind.region or kind.procurement}"
    found = milp.Solver(program.problem, options).solve(progress, stage=stage)
    found, verdict = cross_checked(program.problem, found, options)
    if found.why == "infeasible":
        # A relaxed quota can only help where there are columns for more nodes than it allows.
        wide = build(ask(wider, prune=pruning, roomy=True, twins=bool(kind.procurement)))
        replicas, nodes = _columns(wide, kind)
        wide = _dropped(wide, kind, replicas, nodes) if inside else _forced(wide, replicas)
        return told("impossible", blocked_by=_blocked_by(wide, options, progress))
    if found.x is None:
        return told("stopped")
    plan = plan_of(head_of(wider, question, options), program, simplest(program, found, options))
    after = checked(wider, plan.model_copy(update={"cross_check": verdict}))
    return told("dropped" if inside else "forced", after)


def _kind(scenario: Scenario, accelerator: str, region: str, procurement: str, precision: str) -> Kind:
    """The names that are meant."""
    catalog = scenario.catalog
    given = (
        ("accelerator", accelerator, tuple(catalog.accelerators)),
        ("region", region, tuple(catalog.regions)),
        ("procurement", procurement.replace(" ", "_").replace("-", "_"), PROCUREMENTS),
        ("precision", precision.lower(), get_args(Precision)),
    )
    found = {}
    for key, text, known in given:
        if text:
            try:
                mine = [name for name in scenario.accelerators if name.startswith(f"{text.lower()}-")]
                short = key == "accelerator" and len(mine) == 1  # of several in the catalog the scenario's is meant
                found[key] = mine[0] if short else known_name(text, known, key)
            except BadValue as error:
                raise ScenarioError(Problem("<flags>", None, f"--{key}", error.message, error.hint)) from error
    if not found:
        hint = "for example --accelerator h200-sxm"
        raise ScenarioError(Problem("<flags>", None, "--accelerator", "which nodes are meant?", hint))
    return Kind(**found)


def _offering(scenario: Scenario, kind: Kind) -> tuple[Scenario, list[str]]:
    """The scenario, with what it does not offer of the kind added; and what was added, in words."""
    texts = []
    if kind.region and kind.region not in scenario.regions:
        texts.append(f"regions+={kind.region}")
    if kind.accelerator and kind.accelerator not in scenario.accelerators:
        texts.append(f"accelerators+={kind.accelerator}")
    if kind.procurement and getattr(scenario.procurement, kind.procurement) is None:
        if kind.procurement in _NEEDED:
            message = f"the scenario offers no {kind.procurement} nodes, and {_NEEDED[kind.procurement]} is not guessed"
            raise ScenarioError(Problem(scenario.source, None, "procurement", message, f"add {kind.procurement} there"))
        texts.append(f"procurement+={kind.procurement}")
    allowed = {precision for workload in scenario.workloads.values() for precision in workload.precisions}
    if kind.precision and kind.precision not in allowed:
        texts += [f"workloads.{name}.precisions+={kind.precision}" for name in scenario.workloads]
    return changed(scenario, texts) if texts else (scenario, [])


def _is_in(plan: Plan, kind: Kind) -> bool:
    def is_meant(line: object) -> bool:
        return all(not word or getattr(line, key, word) == word for key, word in kind.model_dump().items())

    return any(is_meant(line) for line in ([] if kind.precision else plan.nodes)) or any(map(is_meant, plan.lines))


def _columns(program: Program, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Columns of replicas and of nodes of the kind that may be more than 0."""
    layout, question = program.layout, program.question
    hires, counts, pools = layout.hires, layout.counts, layout.pools
    meant = np.array(
        [
            (not kind.accelerator or hires.accelerator[h] == kind.accelerator)
            and (not kind.region or layout.regions[hires.region[h]] == kind.region)
            and (not kind.procurement or hires.procurement[h] == kind.procurement)
            for h in range(len(hires.procurement))
        ],
        dtype=bool,
    )
    tables = [question.tables[w] for w in pools.workload]
    formats = [table.chips[table.chip[c]].precision for table, c in zip(tables, pools.candidate, strict=True)]
    right = np.array([not kind.precision or name == kind.precision for name in formats], dtype=bool)
    rows = meant[counts.hire] & right[counts.pool] if counts.pool.size else np.zeros(0, dtype=bool)
    replicas, nodes = np.unique(counts.col[rows]), np.unique(hires.col[meant])
    upper = program.problem.upper
    return replicas[upper[replicas] >= 1], nodes[upper[nodes] >= 1]


def _dropped(program: Program, kind: Kind, replicas: np.ndarray, nodes: np.ndarray) -> Program:
    """The program with those columns held at 0; nodes too, unless only a way of running on them is meant."""
    upper = program.problem.upper.copy()
    upper[replicas if kind.precision else np.concatenate([replicas, nodes])] = 0.0
    return dataclasses.replace(program, problem=dataclasses.replace(program.problem, upper=upper))


def _forced(program: Program, replicas: np.ndarray) -> Program:
    """The program with at least one replica on a node of the kind."""
    problem = program.problem
    forced = dataclasses.replace(
        problem,
        row=np.concatenate([problem.row, np.full(replicas.size, problem.rows)]),
        col=np.concatenate([problem.col, replicas]),
        value=np.concatenate([problem.value, np.ones(replicas.size)]),
        row_lower=np.append(problem.row_lower, 1.0),
        row_upper=np.append(problem.row_upper, np.inf),
    )
    return dataclasses.replace(program, problem=forced)


def _blocked_by(program: Program, options: milp.Options, progress: Watch | None) -> list[str]:
    """Limits each of which, dropped alone, lets a fleet exist; without any demand there is always one."""
    problem = program.problem
    any_fleet = dataclasses.replace(problem, cost=np.zeros_like(problem.cost))
    quick = dataclasses.replace(options, time_limit_s=min(BLOCK_S, options.time_limit_s), gap=0.01)
    found = []
    for limit in program.layout.elastics:
        if limit.name.startswith("demand"):
            continue
        upper = problem.upper.copy()
        upper[limit.col] = limit.most
        solver = milp.Solver(dataclasses.replace(any_fleet, upper=upper), quick)
        if solver.solve(progress, stage=f"relax {limit.name}").x is not None:
            found.append(limit.name)
    return found


def _reasons(question: Question, kind: Kind) -> Iterator[Rejected]:
    """What ruled the kind out, the strongest way of running it first."""
    tables = [entry for table in question.tables for entry in table.rejected] + _too_slow_to_start(question)
    ways = sorted(tables, key=lambda entry: entry.usd_per_million_requests or np.inf)
    hires = [
        hire
        for hire in question.offers.hires
        if kind.accelerator in ("", hire.accelerator.name)
        and kind.procurement in ("", hire.procurement)
        and kind.region in ("", hire.region)
    ]
    small = [hire for hire in hires if hire.most_nodes < 1]
    for hire in small:
        says = f"its quota of {hire.quota_devices:.0f} is less than one node of {hire.devices} devices"
        yield _said(f"{hire.offer} in {hire.region}", "capital", "quota", says)
    if hires and len(small) == len(hires):
        return
    # Where nodes can be had, what counts is why nothing runs on them.
    found = [entry for entry in (ways if hires else question.offers.rejected) if _is_about(question, entry, kind)]
    yield from found
    if found:
        return
    for hire in hires:
        says = "no way of running on it fits a node and keeps the time to the first token from any origin"
        yield _said(f"{hire.offer} in {hire.region}", "tail_latency", "TTFT", says)


def _said(what: str, wall: str, reading: str, says: str) -> Rejected:
    return Rejected(
        workload="", what=what, wall=wall, reading=reading, value=None, sense="", limit=None, unit="", says=says
    )


def _is_about(question: Question, entry: Rejected, kind: Kind) -> bool:
    """Whether an entry speaks of the kind: it names its device, and no other region, way of buying or precision."""
    scenario = question.scenario
    words = entry.what.replace("(", " ").replace(")", " ").replace(":", " ").split()
    instances = {one.name for one in scenario.catalog.instances if one.accelerator == kind.accelerator}
    if kind.accelerator and not {kind.accelerator, f"owned-{kind.accelerator}", *instances} & set(words):
        return False
    named = [word for word in words if word in scenario.regions]
    formats = [word for word in words if word in get_args(Precision)]
    ways = [way for way in PROCUREMENTS if way.replace("_", " ") in entry.what]
    wrong_price = _RENT if kind.procurement == "owned" else _OWN_PRICE if kind.procurement else ()
    return not (
        (kind.region and named and kind.region not in named)
        or (kind.precision and formats and formats[0] != kind.precision)
        or (kind.procurement and ways and kind.procurement not in ways)
        or entry.reading in wrong_price
    )
