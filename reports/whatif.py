"""The command `argosy whatif`: a scenario with some of its values changed, and what that changes in the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reports import options
from reports.compare import FailIf, exit_code, judged_json, put_json, thresholds
from reports.problems import by_set, wrong_flag

if TYPE_CHECKING:
    from optimizer.what_if import WhatIf
    from reports.content import Section
    from reports.names import Places
    from reports.run import Asked
    from scenarios import Scenario

_CHANGE = "PATH=VALUE sets, PATH+=VALUE adds to a list or mapping, PATH-=VALUE takes away; repeat, made together."


def whatif(
    scenario: options.Scenario,
    change: Annotated[list[str] | None, typer.Option("--set", metavar="CHANGE", help=_CHANGE)] = None,
    base: Annotated[
        str, typer.Option(metavar="PLAN.json", help="The answer to the scenario as it is; solved for if left out.")
    ] = "",
    each: Annotated[bool, typer.Option("--each", help="Also make each change alone.")] = False,
    fail_if: FailIf = None,
    as_json: options.Json = False,
    markdown: options.Markdown = False,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write the changed plan as JSON here.")
    ] = "",
    time_limit: options.TimeLimit = "",
    gap: options.Gap = "",
    threads: options.Threads = None,
    seed: options.Seed = None,
    confidence: options.Confidence = "",
    quiet: options.Quiet = False,
) -> None:
    """Say what a change of the scenario would change in the answer: both are solved and verified."""
    import scenarios
    from reports.run import Asked, confident, write_json

    if not change:
        raise wrong_flag("--set", "nothing is changed", "for example --set limits.budget='$4M/yr'")
    figures = (time_limit, gap, threads, seed)
    asked = Asked(as_json, markdown, output, False, False, *figures, quiet=quiet, confidence=confidence)
    wanted = thresholds(fail_if)
    question = confident(scenarios.load(scenario), confidence)
    found = _answer(question, change, base, each, asked)
    if output:
        write_json(output, found.after)
    judged = [one.verdict(found.difference) for one in wanted]
    if as_json:
        _json(found, question, judged)
    else:
        _show(found, question, scenario, judged, markdown, _more(scenario, confidence))
    raise typer.Exit(exit_code(found.after, judged))


def _answer(scenario: Scenario, changes: list[str], base: str, each: bool, asked: Asked) -> WhatIf:
    import optimizer
    from reports.outputs import keep_apart
    from reports.progress import Watch
    from reports.run import amount, read_plan
    from scenarios import ScenarioError

    keep_apart(asked.outputs, [*scenario.files, base])
    before = read_plan(base) if base else None
    if before is not None and before.lock.scenario_sha256 != scenario.digest:
        sure = f" --confidence {asked.confidence}" if asked.confidence else ""
        raise wrong_flag(
            "--base",
            f"{base} answers another scenario, or another version of {scenario.source}",
            f"`argosy solve {scenario.source}{sure} --output {Path(base).name}` writes the right one",
        )
    time_limit, gap = amount("--time-limit", asked.time_limit, "time"), amount("--gap", asked.gap, "fraction")
    if time_limit == 0:
        raise wrong_flag("--time-limit", "no time is left to solve in", "for example 60 s")
    try:
        with Watch(asked.quiet) as watch:
            return optimizer.whatif(
                scenario,
                changes,
                base=before,
                each=each,
                progress=watch,
                time_limit=time_limit,
                gap=gap,
                threads=asked.threads,
                seed=asked.seed,
            )
    except ScenarioError as error:
        raise by_set(error) from None


def _json(found: WhatIf, question: Scenario, judged: list) -> None:
    from reports.difference_sections import headline
    from reports.names import Places

    places = Places(question)
    data = json.loads(found.model_dump_json())
    for line, alone in zip(data["each"], found.each, strict=True):
        line["headline"] = headline(alone.difference, places)
    first: dict[str, Any] = {
        "headline": headline(found.difference, places),
        "changes": found.changes,
        "says": found.says,
    }
    first |= {"thresholds": judged_json(judged), "each": data["each"], "before_plan": data["before"]}
    put_json({**first, "after_plan": data["after"]}, found.difference)


def _show(found: WhatIf, question: Scenario, name: str, judged: list, markdown: bool, more: str) -> None:
    from reports.content import Bullets, Content, section
    from reports.difference_sections import headline, sections, tone, verdicts
    from reports.limit_sections import without_fleet
    from reports.names import Places
    from reports.run import put

    places = Places(question)
    told: list[Section | None] = [
        section("changes", "What is changed", [Bullets(tuple(found.says))]),
        verdicts(judged),
        _each(found, places),
        *without_fleet(found.after, places, more),
        *sections(found.difference, places),
    ]
    whole, kept = found.difference, tuple(one for one in told if one is not None)
    put(Content(f"{name}, if changed", headline(whole, places), tone(whole), kept), markdown)


def _each(found: WhatIf, places: Places) -> Section | None:
    from reports.content import Table, columns, section
    from reports.difference_sections import headline

    body = [("; ".join(alone.says), headline(alone.difference, places)) for alone in found.each]
    together = ("all together", headline(found.difference, places))
    return section("each", "Each change alone", [Table(columns("change", "effect"), (*body, together))] if body else [])


def _more(name: str, confidence: str) -> str:
    """Where to go on. The changes stand in no file: `repair` of the scenario as it is would answer another question."""
    import scenarios
    from reports.run import repair_command

    shipped = name in scenarios.names()
    command = repair_command("FILE" if shipped else name, confidence)
    return f"make the changes in {f'a copy of {name}' if shipped else name}, then {command}"
