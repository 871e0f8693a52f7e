"""The command `argosy whatif`: a scenario with some of its values changed, and what that changes in the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reports import options
from reports.compare import FailIf, exit_code, judged_json, put_json, thresholds
from reports.problems import wrong_flag

if TYPE_CHECKING:
    from optimizer.what_if import WhatIf
    from reports.content import Section
    from reports.run import Asked

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
    quiet: options.Quiet = False,
) -> None:
    """Say what a change of the scenario would change in the answer: both are solved and verified."""
    from reports.run import Asked, write_json

    if not change:
        raise wrong_flag("--set", "nothing is changed", "for example --set limits.budget='$4M/yr'")
    asked = Asked(as_json, markdown, output, False, False, time_limit, gap, threads, seed, quiet=quiet)
    wanted = thresholds(fail_if)
    found = _answer(scenario, change, base, each, asked)
    if output:
        write_json(output, found.after)
    judged = [one.verdict(found.difference) for one in wanted]
    if as_json:
        _json(found, judged)
    else:
        _show(found, scenario, judged, markdown)
    raise typer.Exit(exit_code(found.after, judged))


def _answer(name: str, changes: list[str], base: str, each: bool, asked: Asked) -> WhatIf:
    import optimizer
    import scenarios
    from reports.outputs import keep_apart
    from reports.progress import Watch
    from reports.run import amount, read_plan

    scenario = scenarios.load(name)
    keep_apart(asked.outputs, [*scenario.files, base])
    before = read_plan(base) if base else None
    if before is not None and before.lock.scenario_sha256 != scenario.digest:
        raise wrong_flag(
            "--base",
            f"{base} answers another scenario, or another version of {name}",
            f"`argosy solve {name} --output {Path(base).name}` writes the right one",
        )
    time_limit, gap = amount("--time-limit", asked.time_limit, "time"), amount("--gap", asked.gap, "fraction")
    if time_limit == 0:
        raise wrong_flag("--time-limit", "no time is left to solve in", "for example 60 s")
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


def _json(found: WhatIf, judged: list) -> None:
    from reports.difference_sections import headline

    data = json.loads(found.model_dump_json())
    for line, alone in zip(data["each"], found.each, strict=True):
        line["headline"] = headline(alone.difference)
    first: dict[str, Any] = {"headline": headline(found.difference), "changes": found.changes, "says": found.says}
    first |= {"thresholds": judged_json(judged), "each": data["each"], "before_plan": data["before"]}
    put_json({**first, "after_plan": data["after"]}, found.difference)


def _show(found: WhatIf, name: str, judged: list, markdown: bool) -> None:
    import scenarios
    from reports.content import Bullets, Content, section
    from reports.difference_sections import headline, sections, tone, verdicts
    from reports.names import Places
    from reports.run import put

    told: list[Section | None] = [
        section("changes", "What is changed", [Bullets(tuple(found.says))]),
        verdicts(judged),
        _each(found),
        *_sections_without_fleet(found),
        *sections(found.difference, Places(scenarios.load(name))),
    ]
    whole = found.difference
    put(Content(f"{name}, if changed", headline(whole), tone(whole), tuple(s for s in told if s is not None)), markdown)


def _each(found: WhatIf) -> Section | None:
    from reports.content import Table, columns, section
    from reports.difference_sections import headline

    body = [("; ".join(alone.says), headline(alone.difference)) for alone in found.each]
    together = ("all together", headline(found.difference))
    return section("each", "Each change alone", [Table(columns("change", "effect"), (*body, together))] if body else [])


def _sections_without_fleet(found: WhatIf) -> list[Section | None]:
    """Where the changed question has no fleet: the conflict and the ways out, as `solve` tells them."""
    from reports.limit_sections import conflict, repairs
    from reports.names import Places

    if found.after.fleet is not None:
        return []
    return [conflict(found.after, Places(None)), repairs(found.after, Places(None))]
