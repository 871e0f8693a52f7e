"""The command `argosy frontier`: its flags, and what they mean."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from reports import options
from reports.problems import wrong_flag

_MOST_JOBS = 256


class Account(StrEnum):
    """What a frontier may trade."""

    usd = "usd"
    carbon = "carbon"
    energy = "energy"
    water = "water"
    devices = "devices"
    embodied = "embodied"


def frontier(
    scenario: options.Scenario,
    x: Annotated[Account, typer.Option("--x", help="The account that is made small at each point.")] = Account.usd,
    y: Annotated[Account, typer.Option("--y", help="The account that is capped.")] = Account.carbon,
    points: Annotated[int, typer.Option(metavar="N", help="Most points, both ends among them.")] = 20,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Processes; 2 if the machine has them.")] = None,
    resume: Annotated[
        str, typer.Option(metavar="FILE", help="Go on with the points in this file; begins it where there is none.")
    ] = "",
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Add each point to this new file as it is found.")
    ] = "",
    as_json: options.Json = False,
    markdown: options.Markdown = False,
    time_limit: Annotated[str, typer.Option(metavar="TIME", help='Stop each point after, for example, "60 s".')] = "",
    gap: options.Gap = "",
    threads: options.Threads = None,
    seed: options.Seed = None,
    confidence: options.Confidence = "",
    quiet: options.Quiet = False,
) -> None:
    """Trade two accounts against each other exactly: the least of one for every cap on the other, and the knee."""
    import scenarios
    from optimizer.frontier import FEWEST_POINTS, MOST_POINTS
    from reports.outputs import keep_apart, writable
    from reports.run import Asked, amount, confident, put

    Asked(as_json, markdown, time_limit=time_limit, gap=gap, threads=threads, seed=seed)  # refuses what cannot be
    if x == y:
        raise wrong_flag("--y", f"both accounts are {x.value}", "choose two")
    if not FEWEST_POINTS <= points <= MOST_POINTS:
        raise wrong_flag("--points", f"{points} is not a number of points", f"{FEWEST_POINTS} to {MOST_POINTS:,}")
    if jobs is not None and not 1 <= jobs <= _MOST_JOBS:
        raise wrong_flag("--jobs", f"{jobs} is not a number of processes", f"1 to {_MOST_JOBS}")
    if resume and output:
        raise wrong_flag("--resume", "cannot go with --output", "--resume FILE adds to the file as well")
    limit_s = amount("--time-limit", time_limit, "time")
    if limit_s == 0:
        raise wrong_flag("--time-limit", "no time is left to solve in", "for example 60 s")
    import optimizer
    from reports.frontier_page import page
    from reports.progress_bar import Bar

    asked = confident(scenarios.load(scenario), confidence)
    keep_apart({"--resume": resume, "--output": output}, asked.files)
    writable("--resume" if resume else "--output", resume or output)
    with Bar("points", quiet) as bar:
        found = optimizer.frontier(
            asked,
            x.value,
            y.value,
            points,
            jobs=jobs or min(2, os.cpu_count() or 1),
            file=resume or output or None,
            resume=bool(resume),
            tell=bar,
            time_limit=limit_s,
            gap=amount("--gap", gap, "fraction"),
            threads=threads,
            seed=seed,
        )
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        put(page(found, resume or output), markdown)
    raise typer.Exit(found.exit_code)
