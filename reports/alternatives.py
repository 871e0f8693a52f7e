"""The command `argosy alternatives`: its flags, and what they mean."""

from __future__ import annotations

from typing import Annotated

import typer

from reports import options
from reports.problems import wrong_flag


def alternatives(
    scenario: options.Scenario,
    within: Annotated[
        str, typer.Option(metavar="SHARE", help="How far the objective may lie above the optimum's.")
    ] = "2%",
    as_json: options.Json = False,
    markdown: options.Markdown = False,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Write the answer as JSON here.")] = "",
    time_limit: Annotated[str, typer.Option(metavar="TIME", help='Stop each solve after, for example, "60 s".')] = "",
    gap: options.Gap = "",
    threads: options.Threads = None,
    seed: options.Seed = None,
    confidence: options.Confidence = "",
    quiet: options.Quiet = False,
) -> None:
    """Find fleets nearly as good as the optimum that differ most: kinds, regions, maker, carbon, room to grow."""
    from reports.run import Asked, amount, confident, put, write_json

    Asked(as_json, markdown, output, time_limit=time_limit, gap=gap, threads=threads, seed=seed)  # refuses the rest
    share = amount("--within", within, "fraction")
    if share is None or not 0.0 <= share <= 1.0:
        raise wrong_flag("--within", f'"{within}" is not a share', "0% to 100%: 2%")
    limit_s = amount("--time-limit", time_limit, "time")
    if limit_s == 0:
        raise wrong_flag("--time-limit", "no time is left to solve in", "for example 60 s")
    import optimizer
    import scenarios
    from reports.alternatives_page import page
    from reports.outputs import keep_apart
    from reports.progress_bar import Bar

    asked = confident(scenarios.load(scenario), confidence)
    keep_apart({"--output": output}, asked.files)
    with Bar("goals", quiet) as bar:
        found = optimizer.alternatives(
            asked,
            share,
            tell=bar,
            time_limit=limit_s,
            gap=amount("--gap", gap, "fraction"),
            threads=threads,
            seed=seed,
        )
    if output:
        write_json(output, found)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        put(page(found, scenario), markdown)
    raise typer.Exit(found.exit_code)
