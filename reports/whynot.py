"""The command `argosy whynot`: what it costs to do without a kind of node, or to have one; or why none can be had."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from reports import options

if TYPE_CHECKING:
    from optimizer.why_not import Kind, WhyNot
    from reports.content import Content, Section
    from reports.names import Places

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
    quiet: options.Quiet = False,
) -> None:
    """Say what nodes would cost that are not in the plan, or what the plan would cost without those that are."""
    import optimizer
    import scenarios
    from reports.names import Places
    from reports.outputs import keep_apart
    from reports.problems import wrong_flag
    from reports.progress import Watch
    from reports.run import Asked, amount, put, write_json

    asked = Asked(as_json, markdown, output, False, False, time_limit, gap, threads, seed, quiet=quiet)
    limit_s, fraction = amount("--time-limit", asked.time_limit, "time"), amount("--gap", asked.gap, "fraction")
    if limit_s == 0:
        raise wrong_flag("--time-limit", "no time is left to solve in", "for example 60 s")
    question = scenarios.load(scenario)
    keep_apart(asked.outputs, question.files)
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
    if output and found.after is not None:
        write_json(output, found.after)
    places = Places(question)
    if as_json:
        print(json.dumps({"headline": headline(found, places), **json.loads(found.model_dump_json())}, indent=2))
    else:
        put(content(found, scenario, places), markdown)
    raise typer.Exit(exit_code(found))


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
        return sentence(f"{what}: {difference_line(found.difference)}{how}")
    if found.outcome == "no_fleet":
        return sentence(f"there is no plan to ask about: {_no_plan(found)}")
    if found.outcome == "cannot":
        why = found.reasons[0].says if found.reasons else "nothing of the kind is offered"
        return sentence(f"{name} cannot be used: {why}")
    if found.outcome == "stopped":
        return sentence(f"stopped before it was known what {name} would change; give it more time")
    limits = [places.limit(name) for name in found.blocked_by]
    which = f"{'without' if found.in_plan else 'with'} {name}"
    way = f"; dropping {listed(limits, 'or')} alone would make it possible" if limits else ""
    return sentence(f"{which} no fleet holds every limit, proven{way}")


def _no_plan(found: WhyNot) -> str:
    from reports.names import Places
    from reports.summary import headline as plan_line

    line = plan_line(found.before, Places(None)).rstrip(".")
    return line[:1].lower() + line[1:]


def content(found: WhyNot, name: str, places: Places) -> Content:
    """The whole report."""
    from reports.content import Bullets, Content, Table, columns, section
    from reports.difference_sections import sections
    from reports.words import spoken

    body = tuple((one.what, spoken(one.wall), one.says) for one in found.reasons[:_MOST_REASONS])
    left = len(found.reasons) - len(body)
    caption = f"{left} more are in the JSON" if left > 0 else ""
    told: list[Section | None] = [
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
