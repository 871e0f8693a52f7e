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
    weight: Annotated[
        list[str] | None,
        typer.Option(metavar="LIMIT=WEIGHT", help="What a move of 100 % counts: budget=2, demand=never; repeat."),
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A region that may be added, not the nearest one; repeat.")
    ] = None,
    accelerator: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="An accelerator that may be added; repeat.")
    ] = None,
    reserved: Annotated[
        str, typer.Option(metavar="DISCOUNT", help="Nodes may be rented by the year, so much below list price.")
    ] = "",
    spot: Annotated[
        str, typer.Option(metavar="AVAILABILITY", help="Spot nodes may be rented, up so much of the time.")
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
    from reports.outputs import keep_apart
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
    keep_apart(asked.outputs, asked_for.files)
    wished = _wished(asked_for, weight, region, accelerator, reserved, spot)
    plan = _ways(wished, asked)
    if choose is None:
        raise typer.Exit(_listed(plan, wished, asked))
    raise typer.Exit(_taken(_chosen(plan, choose), asked_for, wished, asked))


def _wished(
    scenario: Scenario,
    weights: list[str] | None,
    regions: list[str] | None,
    accelerators: list[str] | None,
    reserved: str,
    spot: str,
) -> Scenario:
    """The scenario with what the flags say of its `repair`."""
    from optimizer.changes import known_name
    from scenarios.errors import BadValue

    for written in options.split(weights):
        name, equals, weight = (part.strip() for part in written.partition("="))
        if not equals or not name or not weight:
            raise wrong_flag("--weight", f'"{written}" is no weight', "for example budget=2, or demand=never")
        scenario = scenario.replace("repair.weights", {**scenario.repair.weights, name: weight})
    catalog = scenario.catalog
    for kind, asked, known in (
        ("region", regions, catalog.regions),
        ("accelerator", accelerators, catalog.accelerators),
    ):
        try:
            names = [known_name(name, list(known), kind) for name in options.split(asked)]
        except BadValue as error:
            raise wrong_flag(f"--{kind}", error.message, error.hint) from error
        if names:
            scenario = scenario.replace(f"repair.additions.{kind}s", names)
    if reserved:
        scenario = scenario.replace("repair.additions.reserved", {"discount": reserved})
    if spot:
        scenario = scenario.replace("repair.additions.spot", {"availability": spot})
    return scenario


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


def _taken(way: Repair, scenario: Scenario, wished: Scenario, asked: Asked) -> int:
    """Solve the scenario after a way out and report it like any other; the exit code."""
    from optimizer.plan import Assumption
    from optimizer.ways_out import changed
    from reports.names import Places
    from reports.run import answer
    from reports.ways_sections import change_said

    # What only the flags said of the search is no part of the scenario that comes out of it.
    after = changed(wished, way.changes).model_copy(update={"repair": scenario.repair})
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
        ways_sections.ways(plan, places, scenario),
        ways_sections.never(plan, places),
    ]
    told = sentence(ways_sections.headline(plan, places))
    kept = tuple(section for section in sections if section is not None)
    put(Content(plan.title or plan.scenario, told, tone(plan), kept), asked.as_markdown)
    return plan.exit_code
