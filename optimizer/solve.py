"""The front door: a scenario in, a verified plan out."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from optimizer import milp
from optimizer.answer import Answer
from optimizer.as_it_is import with_as_it_is
from optimizer.assumptions import assumptions
from optimizer.cross_check import cross_checked
from optimizer.explain import rejected
from optimizer.fleet_changes import fleet_changes
from optimizer.gated import gated
from optimizer.infeasible import reasons
from optimizer.insurance import insured
from optimizer.milp import Progress
from optimizer.plan import Amount, Lock, Plan, Sizes, Status, Stop
from optimizer.polish import simplest
from optimizer.program import UNITS, Program, build
from optimizer.readings import readings
from optimizer.solved_again import Solved
from optimizer.tables import Question, ask
from optimizer.verify import losses, verify
from optimizer.ways_out import more_ways
from optimizer.what_binds import what_binds
from scenarios.schema import Scenario

Watch = Callable[[Progress], None]


class VerificationError(RuntimeError):
    """A plan failed its independent check; it is not handed out."""

    def __init__(self, failures: list[str]) -> None:
        super().__init__("the plan fails its independent check: " + "; ".join(failures))
        self.failures = failures


def solve(
    scenario: Scenario,
    *,
    binding: bool = True,
    curves: bool = False,
    tornado: bool = False,
    insurance: bool = True,
    ways: bool = False,
    progress: Watch | None = None,
    time_limit: float | None = None,
    gap: float | None = None,
    threads: int | None = None,
    seed: int | None = None,
    solver: str = "highs",
    solver_log: str | None = None,
    write_model: str | None = None,
) -> Plan:
    """The cheapest (or greenest) fleet for a scenario, verified, with what binds it; or why there is none.

    Args:
        scenario: the question, from `scenarios.load`.
        binding: price each limit by solving again with it relaxed by 5 %.
        curves: relax by 1, 5 and 10 % and tighten by 5 and 10 % instead; also say what demand the same money serves,
            and which limits hold only together.
        tornado: move each input down and up by 10 %.
        insurance: where the scenario asks for a confidence, solve again without it to say what it costs; where it
            states today's fleet, solve again without any change of it.
        ways: where nothing fits, look beyond single limits for ways out: combinations of them, and additions.
        progress: called with incumbent, bound and gap while the solver works.
        time_limit: seconds for the main solve; default from the scenario.
        gap: relative gap at which to stop, a fraction; default from the scenario.
        threads, seed: of the solver; the same input gives the same plan when solved to the gap.
        solver: ``highs``, or the name of a solver that Pyomo reaches (``scip``, ``gurobi``, ``cbc`` ...).
        solver_log: file for the solver's own log.
        write_model: file (.lp or .mps) for the program.

    Raises:
        VerificationError: the plan fails the check that shares no code with the program.
        optimizer.milp.SolverError: the solver refused the model or an option.
    """
    options = milp.Options(
        gap=scenario.solver.gap if gap is None else gap,
        time_limit_s=scenario.solver.time_limit_s if time_limit is None else time_limit,
        threads=scenario.solver.threads if threads is None else threads,
        seed=scenario.solver.seed if seed is None else seed,
        log_file=solver_log or "",
    )
    clock = _Clock()
    question = ask(scenario)
    clock.lap("price")
    head = head_of(scenario, question, options, solver)
    if not any(len(table) for table in question.tables):
        plan = Plan(**head, status="no_candidate", stopped_by="no_candidate", rejected=rejected(question))
        added = more_ways(scenario, [], None, options, progress, checker(head)) if ways else []
        return plan.model_copy(update={"gated": gated(question), "repairs": added})
    program = build(question)
    clock.lap("build")
    if write_model:
        program.write(Path(write_model))
    live = milp.Solver(program.problem, options)
    if solver == "highs":
        raw, verdict = cross_checked(program.problem, live.solve(progress), options)
        found = simplest(program, raw, options)
    else:
        from optimizer.pyomo_model import solve_with  # Pyomo takes a second to import

        raw, verdict = cross_checked(program.problem, solve_with(program, solver, options), options)
        found = raw
    clock.lap("solve")
    sizes = _sizes(question, program)

    check = checker(head)
    if found.why == "infeasible":
        why = reasons(scenario, options, progress, check)
        plan = Plan(
            **head,
            status="infeasible",
            stopped_by="infeasible",
            conflict=why.members,
            repairs=more_ways(scenario, why.repairs, why.closed, options, progress, check) if ways else why.repairs,
            rejected=rejected(question),
            gated=gated(question),
            assumptions=assumptions(scenario, None),
        )
        plan = insured(scenario, plan, options, progress, check)
        clock.lap("explain")
        return plan.model_copy(update={"sizes": sizes(clock.laps)})
    if found.x is None:
        return Plan(
            **head, status="no_incumbent", stopped_by=_stop(found), rejected=rejected(question), sizes=sizes(clock.laps)
        )
    plan = checked(scenario, plan_of(head, program, found).model_copy(update={"cross_check": verdict}))
    clock.lap("verify")
    go_on = found.why != "interrupt"
    if go_on and insurance and plan.confidence is not None:
        plan = insured(scenario, plan, options, progress, check)
        go_on = plan.insurance is not None  # Ctrl-C there ends all re-solves
    if go_on and insurance and scenario.today is not None:
        plan = with_as_it_is(plan, program, options, progress, check)
        go_on = plan.as_it_is is not None
    if go_on:
        plan = what_binds(scenario, plan, Solved(program, live, raw), binding, curves, tornado, progress)
    clock.lap("explain")
    return plan.model_copy(update={"sizes": sizes(clock.laps)})


def checker(head: dict) -> Callable[[Program, milp.Answer], Plan]:
    """Turns a solved program of a changed scenario into a verified plan."""

    def check(tried: Program, point: milp.Answer) -> Plan:
        asked = tried.question.scenario
        return checked(asked, plan_of({**head, "confidence": asked.planning.confidence}, tried, point))

    return check


def checked(scenario: Scenario, plan: Plan) -> Plan:
    """The plan with its verification, or `VerificationError`."""
    result = verify(scenario, plan)
    if not result.passed:
        raise VerificationError(result.failures)
    return plan.model_copy(update={"verified": True, "verification": result})


def plan_of(head: dict, program: Program, found: milp.Answer) -> Plan:
    """The plan at a solved program's point, not yet checked."""
    assert found.x is not None and found.objective is not None
    answer = Answer(program, found.x)
    account, unit = program.objective_account, program.objective_unit
    status: Status = "optimal" if found.why == "gap" else "feasible"
    shared = {key: head[key] for key in ("scenario", "title", "carbon_basis", "confidence", "lock")}
    plan = Plan(
        **shared,
        status=status,
        stopped_by=_stop(found),
        gap=found.gap,
        objective=Amount(account=account, value=found.objective * unit, unit=UNITS[account]),
        bound=Amount(account=account, value=min(found.bound, found.objective) * unit, unit=UNITS[account]),
        accounts=answer.accounts,
        fleet=answer.fleet,
        nodes=answer.nodes,
        placement=answer.placement,
        flows=answer.flows,
        charges=answer.charges,
        changes=fleet_changes(program, found.x),
        rejected=rejected(program.question),
        assumptions=assumptions(program.question.scenario, answer),
    )
    lost = losses(program.question.scenario, plan)
    return plan.model_copy(update={"losses": lost, "readings": readings(answer, lost)})


def _stop(found: milp.Answer) -> Stop:
    return {"gap": "gap", "infeasible": "infeasible", "interrupt": "interrupt"}.get(found.why, "time_limit")  # type: ignore[return-value]


def head_of(scenario: Scenario, question: Question, options: milp.Options, solver: str = "highs") -> dict:
    """The keys that every plan of a question shares."""
    catalog = scenario.catalog
    lock = Lock(
        argosy=version("argosy"),
        highs=version("highspy"),
        solver=solver,
        python=platform.python_version(),
        scenario_sha256=scenario.digest,
        catalog_sha256=catalog.digest,
        overridden=list(catalog.overridden),
        seed=options.seed,
        threads=options.threads,
        gap=options.gap,
    )
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "carbon_basis": scenario.carbon_basis,
        "confidence": scenario.planning.confidence,
        "lock": lock,
        "gap": None,
        "objective": None,
        "bound": None,
        "accounts": {},
        "fleet": None,
    }


class _Clock:
    """Processor seconds by step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.process_time()

    def lap(self, name: str) -> None:
        """End a step."""
        now = time.process_time()
        self.laps[name] = self.laps.get(name, 0.0) + now - self._last
        self._last = now


def _sizes(question: Question, program: Program) -> Callable[[dict[str, float]], Sizes]:
    def sizes(laps: dict[str, float]) -> Sizes:
        return Sizes(
            candidates_priced=sum(table.priced for table in question.tables),
            candidates_kept=sum(group.variants.candidate.size for group in question.groups),
            columns=program.problem.columns,
            rows=program.problem.rows,
            nonzeros=len(program.problem.value),
            price_s=laps.get("price", 0.0),
            build_s=laps.get("build", 0.0),
            solve_s=laps.get("solve", 0.0),
            verify_s=laps.get("verify", 0.0),
            explain_s=laps.get("explain", 0.0),
        )

    return sizes
