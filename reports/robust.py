"""The command `argosy robust`: its flags, and what they mean."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from reports import options
from reports.problems import wrong_flag

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from scenarios import Scenario

_MOST_JOBS = 256


def robust(
    scenario: options.Scenario,
    plan: Annotated[
        str, typer.Argument(metavar="[PLAN.json]", help="A plan of this scenario; solved for when absent.")
    ] = "",
    draws: Annotated[int, typer.Option(metavar="N", help="Draws from the ranges.")] = 100,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the draws.")] = 0,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="INPUT=RANGE", help="A range in place of the file's; repeat: demand=80%..130%"),
    ] = None,
    hold: Annotated[
        str, typer.Option(metavar="SHARE", help="Find the cheapest plan that holds in this share of the draws: 90%.")
    ] = "",
    fail_under: Annotated[
        str, typer.Option(metavar="SHARE", help="Exit code 3 where it holds in a smaller share of the draws: 90%.")
    ] = "",
    draws_only: Annotated[bool, typer.Option("--draws-only", help="Do not also move each input alone.")] = False,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Processes; 2 if the machine has them.")] = None,
    resume: Annotated[
        str, typer.Option(metavar="FILE", help="Go on with the draws in this file; begins it where there is none.")
    ] = "",
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Add each draw to this new file as it is done; of --hold the plan."
        ),
    ] = "",
    as_json: options.Json = False,
    markdown: options.Markdown = False,
    time_limit: Annotated[str, typer.Option(metavar="TIME", help='Stop each search after, for example, "60 s".')] = "",
    gap: options.Gap = "",
    threads: options.Threads = None,
    confidence: options.Confidence = "",
    quiet: options.Quiet = False,
) -> None:
    """Hold a plan against draws of demand, prices and efficiency: how often it keeps every limit, and why not."""
    from reports.compare import put_json
    from reports.outputs import keep_apart, writable
    from reports.run import Asked, amount, confident, put, read_plan

    Asked(as_json, markdown, time_limit=time_limit, gap=gap, threads=threads)  # refuses what cannot be
    if not 1 <= draws <= 100_000:
        raise wrong_flag("--draws", f"{draws} is not a number of draws", "1 to 100,000")
    if not 0 <= seed < 2**31:
        raise wrong_flag("--seed", f"{seed} is not a seed", "0 to 2147483647")
    if jobs is not None and not 1 <= jobs <= _MOST_JOBS:
        raise wrong_flag("--jobs", f"{jobs} is not a number of processes", f"1 to {_MOST_JOBS}")
    if resume and output:
        raise wrong_flag("--resume", "cannot go with --output", "--resume FILE adds to the file as well")
    limit_s = amount("--time-limit", time_limit, "time")
    if limit_s == 0:
        raise wrong_flag("--time-limit", "no time is left to solve in", "for example 60 s")
    share = _share(hold, plan, resume, draws_only)
    least = _least(fail_under, hold)
    import scenarios

    asked = confident(scenarios.load(scenario), confidence)
    keep_apart({"--resume": resume, "--output": output}, [*asked.files, plan])
    writable("--resume" if resume else "--output", resume or output)
    given = _given(read_plan(plan), plan) if plan else None
    if given is not None and not confidence and given.confidence is not None:
        asked = confident(asked, f"{given.confidence!r}")  # a plan is held to the confidence it was made with
    asked = _ranged(asked, ranges or [])
    if share is not None:
        figures = (share, draws, seed, limit_s, amount("--gap", gap, "fraction"), threads)
        raise typer.Exit(_hold(asked, *figures, output=output, forms=(as_json, markdown), quiet=quiet))
    import optimizer
    from reports.held_share import judged
    from reports.progress_bar import Bar
    from reports.robust_page import page

    with Bar("pieces", quiet) as bar:
        found = optimizer.robust(
            asked,
            given,
            count=draws,
            seed=seed,
            turns=not draws_only,
            jobs=jobs or min(2, os.cpu_count() or 1),
            file=resume or output or None,
            resume=bool(resume),
            tell=bar,
            time_limit=limit_s,
            gap=amount("--gap", gap, "fraction"),
            threads=threads,
        )
    verdict = judged(found, least) if least is not None else None
    if as_json:
        put_json({"thresholds": verdict.as_data()} if verdict else {}, found)
    else:
        put(page(found, asked, resume or output, verdict.verdict if verdict else ""), markdown)
    raise typer.Exit(verdict.exit_code(found.exit_code) if verdict and found.draws else found.exit_code)


def _least(text: str, hold: str) -> float | None:
    """The share of --fail-under, None without it."""
    from reports.run import amount

    if text and hold:
        raise wrong_flag("--fail-under", "cannot go with --hold", "a plan that --hold finds holds in its share")
    return amount("--fail-under", text, "fraction")


def _share(text: str, plan: str, resume: str, draws_only: bool) -> float | None:
    """The share of --hold, None without it; what it cannot go with is refused."""
    from reports.run import amount

    if not text:
        return None
    if plan or resume or draws_only:
        other = "a plan" if plan else "--resume" if resume else "--draws-only"
        raise wrong_flag("--hold", f"cannot go with {other}", "it looks for a plan; hold that one in a second run")
    return amount("--hold", text, "fraction")


def _hold(
    scenario: Scenario,
    share: float,
    count: int,
    seed: int,
    limit_s: float | None,
    gap: float | None,
    threads: int | None,
    *,
    output: str,
    forms: tuple[bool, bool],
    quiet: bool,
) -> int:
    """Look for the plan that holds in a share of the draws, and tell it; the exit code."""
    from optimizer.draws import draws
    from optimizer.holding import holding
    from optimizer.inputs import scaled
    from reports.holding_sections import page
    from reports.progress import Watch
    from reports.run import put, write_json

    factors = draws(scenario, count, seed)
    drawn = [scaled(scenario, one) for one in factors]
    with Watch(quiet) as watch:
        found = holding(
            scenario, drawn, share, factors=factors, progress=watch, time_limit=limit_s, gap=gap, threads=threads
        )
    if output and found.plan is not None:
        write_json(output, found.plan)
    as_json, markdown = forms
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        put(page(found, scenario, seed), markdown)
    return found.exit_code


def _given(plan: Plan, name: str) -> Plan:
    if plan.fleet is None:
        raise wrong_flag("PLAN", f"{name} holds no fleet (its status is {plan.status})", "there is nothing to hold")
    return plan


def _ranged(scenario: Scenario, written: list[str]) -> Scenario:
    """The scenario with the flags' ranges; one under a name that the file has wins over it."""
    from scenarios import ScenarioError

    if not written:
        return scenario
    ranges = dict(scenario.ranges)
    for text in written:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise wrong_flag("--range", f'"{text}" is no range of an input', "for example --range 'demand=80%..130%'")
        ranges[name.strip()] = value.strip()  # type: ignore[assignment]
    try:
        return scenario.replace("ranges", ranges)
    except ScenarioError as error:
        first = next(iter(error.problems))
        name = first.key.removeprefix("ranges").removeprefix(".")
        raise wrong_flag("--range", f"{name}: {first.message}" if name else first.message, first.hint) from None
