"""The command `argosy whynot`: what it costs to do without a kind of node, or to have one; or why none can be had."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from reports import options
from scenarios.errors import ScenarioError

if TYPE_CHECKING:
    from optimizer.why_not import Kind, WhyNot
    from reports.content import Content, Section
    from reports.names import Places
    from scenarios import Scenario

_MOST_REASONS = 12


def whynot(
    scenario: options.Scenario,
    accelerator: Annotated[str, typer.Option(metavar="NAME", help="Nodes of this accelerator: h200-sxm.")] = "",
    region: Annotated[str, typer.Option(metavar="ID", help="Nodes in this region: aws/us-east-1.")] = "",
    procurement: Annotated[
        str, typer.Option(metavar="WORD", help="Nodes had like this: owned, on_demand, reserved or spot.")
    ] = "",
    precision: Annotated[str, typer.Option(metavar="NAME", help="Replicas with weights like this: fp8.")] = "",
    as_json: options.Json = False,
    markdown: options.Markdown = False,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write the plan without or with them as JSON here.")
    ] = "",
    time_limit: options.TimeLimit = "",
    gap: options.Gap = "",
    threads: options.Threads = None,
    seed: options.Seed = None,
    confidence: options.Confidence = "",
    quiet: options.Quiet = False,
) -> None:
    """Say what nodes would cost that are not in the plan, or what the plan would cost without those that are."""
    import optimizer
    import scenarios
    from reports.names import Places
    from reports.outputs import keep_apart
    from reports.problems import wrong_flag
    from reports.progress import Watch
    from reports.run import Asked, amount, confident, put, write_json

    asked = Asked(as_json, markdown, output, False, False, time_limit, gap, threads, seed, quiet=quiet)
    limit_s, fraction = amount("--time-limit", asked.time_limit, "time"), amount("--gap", asked.gap, "fraction")
    if limit_s == 0:
        raise wrong_flag("--time-limit", "no time is left to solve in", "for example 60 s")
    question = confident(scenarios.load(scenario), confidence)
    keep_apart(asked.outputs, question.files)
    try:
        with Watch(quiet) as watch:
            found = optimizer.whynot(
                question,
                accelerator=accelerator,
                region=region,
                procurement=procurement,
                precision=precision,
                progress=watch,
                time_limit=limit_s,
                gap=fraction,
                threads=threads,
                seed=seed,
            )
    except ScenarioError as error:
        raise _not_in_file(error) from None
    if output and found.after is not None:
        write_json(output, found.after)
    places = Places(question)
    if as_json:
        print(json.dumps({"headline": headline(found, places), **json.loads(found.model_dump_json())}, indent=2))
    else:
        put(content(found, scenario, places, question, confidence), markdown)
    raise typer.Exit(exit_code(found))


def _not_in_file(error: ScenarioError) -> ScenarioError:
    """What was added to ask stands in no file yet, where its figure could be written."""
    return ScenarioError(
        dataclasses.replace(one, hint=f"write the region into the scenario and {one.hint}") if one.ways else one
        for one in error.problems
    )


def exit_code(found: WhyNot) -> int:
    """0 where the question is answered, also by "it cannot be had"; 3 where a limit makes it impossible."""
    if found.outcome == "no_fleet":
        return found.before.exit_code
    if found.after is not None:
        return found.after.exit_code
    return {"cannot": 0, "impossible": 3}.get(found.outcome, 4)


def named(kind: Kind, places: Places) -> str:
    """The kind in words: `H200 nodes on demand in Ashburn (N. Virginia)`."""
    from reports.words import device, procured

    first = device(kind.accelerator) if kind.accelerator else "nodes"
    first += " nodes" if kind.accelerator else ""
    first += f" {procured(kind.procurement)}" if kind.procurement else ""
    first += f" at {kind.precision}" if kind.precision else ""
    return first + (f" in {places.city(kind.region)}" if kind.region else "")


def headline(found: WhyNot, places: Places) -> str:
    """The answer in one sentence."""
    from reports.difference_sections import headline as difference_line
    from reports.summary import effect
    from reports.words import listed, sentence

    name = named(found.kind, places)
    if found.difference is not None:
        what = f"the plan uses {name}; without them" if found.in_plan else f"with {name}, at least one in use"
        line = found.difference.account("usd_per_year")
        how = ""
        if line is not None and line.resolved and " to " in effect(line.change, "USD"):
            how = f"; the two gaps leave open that it {effect(line.change, 'USD')} a year"
        return sentence(f"{what}: {difference_line(found.difference, places)}{how}")
    if found.outcome == "no_fleet":
        return sentence(f"there is no plan to ask about: {_no_plan(found, places)}")
    if found.outcome == "cannot":
        why = found.reasons[0].says if found.reasons else "nothing of the kind is offered"
        return sentence(f"{name} cannot be used: {why}")
    if found.outcome == "stopped":
        return sentence(f"stopped before it was known what {name} would change; give it more time")
    limits = [places.limit(name) for name in found.blocked_by]
    which = f"{'without' if found.in_plan else 'with'} {name}"
    way = f"; dropping {listed(limits, 'or')} alone would make it possible" if limits else ""
    return sentence(f"{which} no fleet holds every limit, proven{way}")


def _no_plan(found: WhyNot, places: Places) -> str:
    from reports.summary import headline as plan_line

    line = plan_line(found.before, places).rstrip(".")
    return line[:1].lower() + line[1:]


def content(found: WhyNot, name: str, places: Places, question: Scenario, confidence: str = "") -> Content:
    """The whole report; `name` and `confidence` are those of the command line."""
    from reports.content import Bullets, Content, Table, columns, section
    from reports.difference_sections import sections
    from reports.limit_sections import without_fleet
    from reports.run import repair_command
    from reports.words import spoken

    body = tuple((one.what, spoken(one.wall), one.says) for one in found.reasons[:_MOST_REASONS])
    left = len(found.reasons) - len(body)
    caption = f"{left} more are in the JSON" if left > 0 else ""
    told: list[Section | None] = [
        *without_fleet(found.before, places, repair_command(name, confidence)),
        _at_quota(found, name, places, question, confidence),
        section("reasons", "Why not", [Table(columns("what", "wall", "why"), body, None, caption)] if body else []),
        section("added", "Added to the scenario to ask", [Bullets(tuple(found.added))] if found.added else []),
        *(sections(found.difference, places) if found.difference is not None else ()),
    ]
    bad = found.outcome in ("impossible", "no_fleet")
    return Content(
        f"{name}: why not {named(found.kind, places)}",
        headline(found, places),
        "bad" if bad else "plain",
        tuple(one for one in told if one is not None),
    )


def _at_quota(found: WhyNot, name: str, places: Places, question: Scenario, confidence: str) -> Section | None:
    """Where the plan has all that a quota allows, and how to ask what a larger one would change."""
    from reports.content import Bullets, Paragraph, section

    used: Counter[tuple[str, str]] = Counter()
    largest: dict[tuple[str, str], int] = {}
    for line in found.before.nodes:
        where = line.accelerator, line.region
        used[where] += line.nodes * line.devices_per_node
        largest[where] = max(largest.get(where, 0), line.devices_per_node)
    said, sure = [], ["--confidence", confidence] if confidence else []
    for (accelerator, region), devices in used.items():
        quota = question.regions[region].quota.get(accelerator)
        meant = found.kind.accelerator == accelerator and found.kind.region in ("", region)
        if meant and isinstance(quota, int) and quota - devices < largest[accelerator, region]:
            more = f"regions.{region}.quota.{accelerator}={quota + largest[accelerator, region]}"
            limit = places.limit(f"quota {accelerator} {region}")
            command = shlex.join(["argosy", "whatif", name, "--set", more, *sure])
            said.append(f"{limit}: {devices} of {quota} devices; one node more: {command}")
    if not said:
        return None
    opening = "The plan has as many as these quotas allow; a larger one is another question:"
    return section("quotas", "At the quota", [Paragraph(opening), Bullets(tuple(said))])
