"""The command `argosy cheapest`: its flags."""

from __future__ import annotations

from typing import Annotated

import typer

from reports import options


def cheapest(
    model: Annotated[str, typer.Option(help="Model of the catalog, for example llama-3-70b.")],
    isl: Annotated[int, typer.Option(metavar="TOKENS", help="Input sequence length: tokens that a request reads.")],
    osl: Annotated[int, typer.Option(metavar="TOKENS", help="Output sequence length: tokens that it writes.")],
    qps: Annotated[str, typer.Option(metavar="RATE", help="Requests a second, all from near the first --region.")] = "",
    demand: Annotated[
        list[str] | None, typer.Option(metavar="PLACE=RATE", help="Requests a second from a place; repeat.")
    ] = None,
    cached: Annotated[int, typer.Option(metavar="TOKENS", help="Tokens of context that are cached already.")] = 0,
    ttft: Annotated[
        str, typer.Option(metavar="TIME", help='Limit on the time to the first token, network included: "1 s".')
    ] = "",
    ttft_percentile: Annotated[float, typer.Option(metavar="P", help="Percentile of that limit.")] = 99.0,
    itl: Annotated[str, typer.Option(metavar="TIME", help='Limit on the time between tokens: "50 ms".')] = "",
    itl_percentile: Annotated[str, typer.Option(metavar="P", help="mean, or a percentile.")] = "mean",
    region: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Region to serve in, aws/us-east-1; repeat.")
    ] = None,
    accelerator: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Accelerator that may be used; repeat.")
    ] = None,
    precision: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Precision of the weights allowed; repeat.")
    ] = None,
    kv_precision: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Precision of the KV cache; repeat.")
    ] = None,
    owned: Annotated[bool, typer.Option("--owned", help="Nodes may be bought.")] = False,
    on_demand: Annotated[bool, typer.Option("--on-demand", help="Nodes may be rented by the hour.")] = False,
    reserved: Annotated[
        str, typer.Option(metavar="DISCOUNT", help="Nodes may be rented by the year, at 40% off.")
    ] = "",
    spot: Annotated[
        str, typer.Option(metavar="AVAILABILITY", help="Nodes may be rented on the spot market, there 90% of the time.")
    ] = "",
    budget: Annotated[str, typer.Option(metavar="MONEY", help='At most, for example, "$5M/yr".')] = "",
    carbon: Annotated[str, typer.Option(metavar="MASS", help='At most, for example, "500 t/yr".')] = "",
    carbon_basis: Annotated[str, typer.Option(metavar="BASIS", help="direct or lifecycle.")] = "",
    survive_node: Annotated[
        str, typer.Option(metavar="SHARE", help="Of all requests, still served after losing any node: 80%.")
    ] = "",
    min_regions: Annotated[int | None, typer.Option(metavar="N", help="At least so many regions serve.")] = None,
    quota: Annotated[
        list[str] | None, typer.Option(metavar="NAME=N", help="Devices to be had in each region, h100-sxm=32; repeat.")
    ] = None,
    tp: Annotated[list[int] | None, typer.Option(metavar="N", help="Tensor-parallel size allowed; repeat.")] = None,
    objective: Annotated[str, typer.Option(metavar="WORD", help="cost, carbon, energy, water or devices.")] = "",
    as_json: options.Json = False,
    markdown: options.Markdown = False,
    output: options.Output = "",
    no_binding: options.NoBinding = False,
    curves: options.Curves = False,
    tornado: options.Tornado = False,
    time_limit: options.TimeLimit = "",
    gap: options.Gap = "",
    threads: options.Threads = None,
    seed: options.Seed = None,
    confidence: options.Confidence = "",
    solver: options.Solver = "highs",
    solver_log: options.SolverLog = "",
    write_model: options.WriteModel = "",
    quiet: options.Quiet = False,
) -> None:
    """Find the cheapest fleet for a question asked in flags, without a scenario file.

    Lists may be repeated or written with commas. Whatever is left out is listed with the answer's assumptions.
    """
    from reports.flags import Flags, scenario_of
    from reports.run import Asked, answer

    asked = Asked(
        as_json,
        markdown,
        output,
        not no_binding,
        curves,
        time_limit,
        gap,
        threads,
        seed,
        solver,
        solver_log,
        write_model,
        quiet,
        confidence,
        tornado=tornado,
    )
    question = Flags(
        model=model,
        isl=isl,
        osl=osl,
        qps=qps,
        demand=options.split(demand),
        cached=cached,
        ttft=ttft,
        ttft_percentile=ttft_percentile,
        itl=itl,
        itl_percentile=itl_percentile,
        precision=options.split(precision),
        kv_precision=options.split(kv_precision),
        region=options.split(region),
        accelerator=options.split(accelerator),
        owned=owned,
        on_demand=on_demand,
        reserved=reserved,
        spot=spot,
        budget=budget,
        carbon=carbon,
        carbon_basis=carbon_basis,
        survive_node=survive_node,
        min_regions=min_regions,
        quota=options.split(quota),
        tp=tuple(tp or ()),
        objective=objective,
    )
    scenario, defaults = scenario_of(question)
    raise typer.Exit(answer(scenario, asked, extra=defaults))
