"""The command `argosy repair`: the ways out of an impossible scenario, and the plan of the one that is chosen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from reports import options
from reports.problems import wrong_flag

if TYPE_CHECKING:
    from optimizer.plan import Plan, Repair
    from reports.run import Asked
    from scenarios import Scenario


def repair(
    scenario: options.Scenario,
    choose: Annotated[
        int | None, typer.Option(metavar="N", help="Make way out N: solve the changed scenario, with a full report.")
    ] = None,
    write_scenario: Annotated[
        str, typer.Option(metavar="FILE", help="Write the changed scenario here; with --choose.")
    ] = "",
    as_json: options.Json = False,
    markdown: options.Markdown = False,
    output: options.Output = "",
    no_binding: options.NoBinding = False,
    time_limit: options.TimeLimit = "",
    gap: options.Gap = "",
    threads: options.Threads = None,
    seed: options.Seed = None,
    confidence: options.Confidence = "",
    quiet: options.Quiet = False,
) -> None:
    """List the ways out of an impossible scenario, each solved and verified, or take one of them."""
    from reports.run import Asked, confident
    from scenarios import load

    if write_scenario and choose is None:
        raise wrong_flag("--write-scenario", "no way out is chosen", "add --choose N")
    asked = Asked(
        as_json,
        markdown,
        output,
        not no_binding,
        False,
        time_limit,
        gap,
        threads,
        seed,
        write_scenario=write_scenario,
        quiet=quiet,
        confidence=confidence,
    )
    asked_for = confident(load(scenario), confidence)
    plan = _ways(asked_for, asked)
    if choose is None:
        raise typer.Exit(_listed(plan, asked_for, asked))
    raise typer.Exit(_taken(_chosen(plan, choose), asked_for, asked))


def _ways(scenario: Scenario, asked: Asked) -> Plan:
    import optimizer
    from reports.progress import Watch
    from reports.run import amount

    with Watch(asked.quiet) as watch:
        return optimizer.solve(
            scenario,
            binding=False,
            ways=True,
            progress=watch,
            time_limit=amount("--time-limit", asked.time_limit, "time"),
            gap=amount("--gap", asked.gap, "fraction"),
            threads=asked.threads,
            seed=asked.seed,
        )


def _chosen(plan: Plan, number: int) -> Repair:
    ways = {one.number: one for one in plan.repairs if one.number is not None}
    if number not in ways:
        message = f"{number} is not a way out"
        if plan.fleet is not None:
            raise wrong_flag("--choose", message, "a fleet holds every limit as they are")
        raise wrong_flag("--choose", message, f"there are 1 to {len(ways)}" if ways else "none was found")
    return ways[number]


def _taken(way: Repair, scenario: Scenario, asked: Asked) -> int:
    """Solve the scenario after a way out and report it like any other; the exit code."""
    from optimizer.plan import Assumption
    from optimizer.ways_out import changed
    from reports.names import Places
    from reports.run import answer
    from reports.ways_sections import change_said

    after = changed(scenario, way.changes)
    if asked.write_scenario:
        from reports.repaired_file import write

        write(asked.write_scenario, scenario, after, way.changes)
    told = "; ".join(change_said(change, Places(after)) for change in way.changes)
    note = Assumption(name=f"way out {way.number}", value=told, source="argosy repair --choose")
    return answer(after, asked, extra=[note])


def _listed(plan: Plan, scenario: Scenario, asked: Asked) -> int:
    """Print the ways out; the exit code."""
    from reports import limit_sections, ways_sections
    from reports.content import Content
    from reports.names import Places
    from reports.run import put, write_json
    from reports.summary import tone
    from reports.words import sentence

    if asked.output:
        write_json(asked.output, plan)
    if asked.as_json:
        print(json.dumps(json.loads(plan.model_dump_json()), indent=2))
        return plan.exit_code
    places = Places(scenario)
    sections = [
        limit_sections.conflict(plan, places),
        ways_sections.gated(plan),
        ways_sections.ways(plan, places),
        ways_sections.never(plan, places),
    ]
    told = sentence(ways_sections.headline(plan, places))
    kept = tuple(section for section in sections if section is not None)
    put(Content(plan.title or plan.scenario, told, tone(plan), kept), asked.as_markdown)
    return plan.exit_code
