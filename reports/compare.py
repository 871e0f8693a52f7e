"""The command `argosy compare`: two plans side by side, for pull requests."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reports import options
from reports.problems import wrong_flag
from reports.question import is_plan

if TYPE_CHECKING:
    from optimizer.difference import Difference
    from optimizer.plan import Plan
    from optimizer.robust import Robust
    from reports.run import Asked
    from reports.thresholds import Threshold, Verdict
    from scenarios import Scenario

FailIf = Annotated[
    list[str] | None,
    typer.Option(metavar="CHANGE", help="Exit code 3 where it changes more: usd>+5%, ttft_p99>+10ms; repeat."),
]
_SIDE = "A plan written by --output or --json, or a scenario to solve."


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=_SIDE)],
    b: Annotated[str, typer.Argument(metavar="B", help=_SIDE)],
    fail_if: FailIf = None,
    as_json: options.Json = False,
    markdown: options.Markdown = False,
    time_limit: options.TimeLimit = "",
    gap: options.Gap = "",
    threads: options.Threads = None,
    seed: options.Seed = None,
    confidence: options.Confidence = "",
    quiet: options.Quiet = False,
) -> None:
    """Say what changes from plan A to plan B, in one line and in tables; thresholds set the exit code."""
    import optimizer
    import scenarios
    from reports.content import Content
    from reports.difference_sections import headline, sections, tone, verdicts
    from reports.limit_sections import without_fleet
    from reports.names import Places
    from reports.run import Asked, put, repair_command

    figures = (time_limit, gap, threads, seed)
    asked = Asked(as_json, markdown, "", False, False, *figures, quiet=quiet, confidence=confidence)
    if confidence and is_plan(a) and is_plan(b):
        raise wrong_flag(
            "--confidence", "both sides are plans, and nothing is solved", "name a scenario, or leave it out"
        )
    wanted = thresholds(fail_if)
    (before, one), (after, other) = (_plan(name, asked) for name in (a, b))
    places = Places(other or one or SimpleNamespace(catalog=scenarios.load_catalog()))
    found = optimizer.compare(before, after)
    judged = [one.verdict(found) for one in wanted]
    if as_json:
        put_json({"headline": headline(found, places), "thresholds": judged_json(judged)}, found)
    else:
        more = "" if is_plan(b) else repair_command(b, confidence)
        told = [verdicts(judged), *without_fleet(after, places, more), *sections(found, places)]
        kept = tuple(one for one in told if one is not None)
        put(Content(f"{a} -> {b}", headline(found, places), tone(found), kept), markdown)
    raise typer.Exit(exit_code(after, judged))


def thresholds(written: Sequence[str] | None) -> list[Threshold]:
    """The thresholds of the flag, read before anything is solved."""
    from reports.thresholds import threshold

    return [threshold(text) for text in written or ()]


def exit_code(after: Plan, judged: Sequence[Verdict]) -> int:
    """That of the second plan; 3 where it has a fleet and a threshold is broken, or cannot be read."""
    from reports.thresholds import BROKEN

    if after.fleet is None:
        return after.exit_code
    if any(one.broken is not False for one in judged):
        for one in judged:
            if one.broken is not False:
                print(f"threshold: {one.says}", file=sys.stderr)
        return BROKEN
    return after.exit_code


def judged_json(judged: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Verdicts as data."""
    return [{"threshold": one.threshold.text, "broken": one.broken, "says": one.says} for one in judged]


def put_json(first: dict[str, Any], found: Difference | Robust) -> None:
    """Print an answer as JSON after what stands first."""
    print(json.dumps({**first, **json.loads(found.model_dump_json())}, indent=2))


def _plan(name: str, asked: Asked) -> tuple[Plan, Scenario | None]:
    """A plan from its file, or the answer to a scenario; and the scenario where it is known."""
    import scenarios
    from reports.run import amount, confident, read_plan, solved

    if is_plan(name):
        plan = read_plan(name)
        return plan, scenarios.load(plan.scenario) if plan.scenario in scenarios.names() else None
    scenario = confident(scenarios.load(name), asked.confidence)
    time_limit, gap = amount("--time-limit", asked.time_limit, "time"), amount("--gap", asked.gap, "fraction")
    if time_limit == 0:
        raise wrong_flag("--time-limit", "no time is left to solve in", "for example 60 s")
    return solved(scenario, asked, time_limit, gap), scenario
