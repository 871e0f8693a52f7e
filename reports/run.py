"""What the commands do, apart from their flags: solve, check and print."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reports.outputs import beside, keep_apart, writable, write
from reports.problems import INTERNAL, wrong_flag
from scenarios.units import MOST_THREADS

if TYPE_CHECKING:
    from pydantic import BaseModel

    from optimizer.plan import Assumption, Plan
    from reports.content import Content
    from scenarios import Scenario


@dataclass(frozen=True)
class Asked:
    """How to solve and how to show, as written on the command line."""

    as_json: bool = False
    as_markdown: bool = False
    output: str = ""
    binding: bool = True
    curves: bool = False
    time_limit: str = ""
    gap: str = ""
    threads: int | None = None
    seed: int | None = None
    solver: str = "highs"
    solver_log: str = ""
    write_model: str = ""
    quiet: bool = False
    confidence: str = ""
    write_scenario: str = ""
    tornado: bool = False

    def __post_init__(self) -> None:
        if self.as_json and self.as_markdown:
            raise wrong_flag("--markdown", "cannot go with --json", "choose one")
        if self.curves and not self.binding:
            raise wrong_flag("--curves", "cannot go with --no-binding", "choose one")
        if self.threads is not None and self.threads < 1:
            raise wrong_flag("--threads", f"{self.threads} is not a number of threads", "1 or more")
        if self.seed is not None and not 0 <= self.seed < 2**31:
            raise wrong_flag("--seed", f"{self.seed} is not a seed", "0 to 2147483647")
        if self.threads is not None and self.threads > MOST_THREADS:
            raise wrong_flag("--threads", f"{self.threads} is more than {MOST_THREADS}", f"1 to {MOST_THREADS}")
        for flag, name in self.outputs.items():
            writable(flag, name)
        keep_apart(self.outputs, ())
        if self.write_model and Path(self.write_model).suffix.lower() not in (".lp", ".mps"):
            raise wrong_flag("--write-model", f"{self.write_model}: what kind of file?", "end its name in .lp or .mps")

    @property
    def outputs(self) -> dict[str, str]:
        """Flag -> file to write, "" where it is absent."""
        return {
            "--output": self.output,
            "--solver-log": self.solver_log,
            "--write-model": self.write_model,
            "--write-scenario": self.write_scenario,
        }


def amount(flag: str, text: str, kind: str) -> float | None:
    """A flag's quantity in people's units; None when the flag is absent."""
    if not text:
        return None
    from scenarios import units

    try:
        return {"time": units.parse_time, "fraction": units.parse_fraction}[kind](text)
    except ValueError as error:
        raise wrong_flag(flag, getattr(error, "message", str(error)), getattr(error, "hint", "")) from None


def answer(
    scenario: Scenario, asked: Asked, first: Sequence[str] = (), extra: Sequence[Assumption] = (), name: str = ""
) -> int:
    """Solve a scenario, print the report, write what was asked for; the exit code.

    `name`: of the scenario on the command line, where another command can be given it as it is.
    """
    time_limit = amount("--time-limit", asked.time_limit, "time")
    if time_limit == 0:
        raise wrong_flag("--time-limit", "no time is left to solve in", "for example 60 s")
    gap = amount("--gap", asked.gap, "fraction")
    keep_apart(asked.outputs, scenario.files)
    scenario = confident(scenario, asked.confidence)
    plan = solved(scenario, asked, time_limit, gap)
    if extra:
        plan = plan.model_copy(update={"assumptions": [*extra, *plan.assumptions]})
    if asked.output:
        write_json(asked.output, plan)
    show(plan, scenario, asked, first, repair_command(name, asked.confidence))
    return plan.exit_code


def repair_command(name: str, confidence: str = "") -> str:
    """What to type for more ways out.

    >>> repair_command("my own.yaml", "0.9"), repair_command("")
    ("argosy repair 'my own.yaml' --confidence 0.9", '')
    """
    words = ["argosy", "repair", name, *(["--confidence", confidence] if confidence else [])]
    return shlex.join(words) if name else ""


def confident(scenario: Scenario, text: str) -> Scenario:
    """The scenario with the confidence of the flag, which wins over the file's; as it is without the flag."""
    if not text:
        return scenario
    from scenarios import ScenarioError

    try:
        return scenario.replace("planning.confidence", text)
    except ScenarioError as error:
        first = next(iter(error.problems))
        raise wrong_flag("--confidence", first.message, first.hint) from None


def solved(scenario: Scenario, asked: Asked, time_limit: float | None = None, gap: float | None = None) -> Plan:
    """Solve a scenario as asked, with progress on standard error; `time_limit` [s], `gap` a fraction."""
    import optimizer
    from reports.progress import Watch

    if asked.solver != "highs":
        import logging

        # Pyomo logs a traceback for a solver that is not there; the message below says it in one line.
        logging.getLogger("pyomo").setLevel(logging.CRITICAL)
    try:
        with (
            beside("--solver-log", asked.solver_log, always=True) as log,
            beside("--write-model", asked.write_model) as model,
            Watch(asked.quiet) as watch,
        ):
            return optimizer.solve(
                scenario,
                binding=asked.binding,
                curves=asked.curves,
                tornado=asked.tornado,
                progress=watch,
                time_limit=time_limit,
                gap=gap,
                threads=asked.threads,
                seed=asked.seed,
                solver=asked.solver,
                solver_log=log or None,
                write_model=model or None,
            )
    except optimizer.SolverError as error:
        if asked.solver == "highs":
            raise
        raise wrong_flag("--solver", str(error)) from error


def write_json(name: str, answer: BaseModel) -> None:
    """Write a plan, or another answer, as --output asks."""
    write(name, answer.model_dump_json(indent=2) + "\n")


def show(plan: Plan, scenario: Scenario, asked: Asked, first: Sequence[str] = (), more: str = "") -> None:
    """Print a plan as asked; `more` is where to go on when nothing fits."""
    if asked.as_json:
        print(plan.model_dump_json(indent=2))
        return
    from reports.report import report

    put(report(plan, scenario, first, more), asked.as_markdown)


def put(content: Content, as_markdown: bool = False) -> None:
    """Print a report, as Markdown or for the terminal."""
    if as_markdown:
        from reports.markdown import markdown

        sys.stdout.write(markdown(content))
        return
    from reports.text import console, show

    show(content, console())


def check(scenario: Scenario, plan_file: str, as_json: bool, confidence: str = "", quiet: bool = False) -> int:
    """Check a written plan against a scenario, by plain arithmetic; the exit code.

    A plan made with more confidence than the file asks for (`solve --confidence`) is held to its own. Of a plan for
    another version of the scenario the fleet is judged.
    """
    from reports.checking import checked, told

    plan, scenario = read_plan(plan_file), confident(scenario, confidence)
    asked = scenario.planning.confidence
    if not confidence and plan.confidence is not None and (asked is None or plan.confidence > asked):
        scenario = confident(scenario, f"{plan.confidence!r}")
        if not quiet:
            print(
                f"note: the plan was made with confidence {plan.confidence:g}; it is checked with that", file=sys.stderr
            )
    if plan.fleet is None:
        raise wrong_flag(
            "PLAN", f"{plan_file} holds no fleet (its status is {plan.status})", "there is nothing to check"
        )
    found = checked(scenario, plan)
    print(found.model_dump_json(indent=2) if as_json else "\n".join(told(found, plan, scenario)))
    return 0 if found.passed else INTERNAL


def read_plan(name: str) -> Plan:
    """A plan from its JSON file."""
    from pydantic import ValidationError

    from optimizer.plan import Plan

    if not name.strip():
        raise wrong_flag("PLAN", "the name of the plan is empty", "`argosy solve SCENARIO --output FILE` writes one")
    try:
        text = Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise wrong_flag("PLAN", f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        plan = Plan.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise wrong_flag(
            "PLAN", f"{name} is not a plan: {where}: {first['msg']}", "`argosy solve SCENARIO --output FILE` writes one"
        ) from None
    if bool(plan.fleet) != (plan.status in ("optimal", "feasible")):
        holds = "a fleet" if plan.fleet else "no fleet"
        raise wrong_flag("PLAN", f"{name} is not a plan: its status is {plan.status}, but it holds {holds}")
    return plan
