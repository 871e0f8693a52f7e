"""The command line. Nothing heavy is imported before a command runs, so that `argosy --help` is there at once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from reports import options
from reports.accuracy import calibrate, validate
from reports.alternatives import alternatives
from reports.cheapest import cheapest
from reports.compare import compare
from reports.export import Target, export
from reports.frontier import frontier
from reports.problems import INTERRUPTED, failed
from reports.repair import repair
from reports.report_command import report
from reports.robust import robust
from reports.simulate import simulate
from reports.whatif import whatif
from reports.whynot import whynot

_SOLVING = (
    *("solve", "explain", "cheapest", "whatif", "compare", "repair"),
    *("whynot", "frontier", "alternatives", "robust", "report", "export"),
)

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The cheapest (or greenest) fleet of ML accelerators that meets a demand: proven, verified and explained.",
    epilog="Exit codes: 0 solved; 1 bad input; 2 nothing can run it; 3 proven impossible; 4 stopped early; 5 internal.",
)


@app.callback(invoke_without_command=True)
def _argosy(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    if version:
        from importlib.metadata import version as installed

        print(f"argosy {installed('argosy')}")
        raise typer.Exit


@app.command()
def solve(
    scenario: options.Scenario,
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
    """Find the fleet that a scenario asks for, prove it, check it and say what holds it."""
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
    raise typer.Exit(answer(_load(scenario), asked, name=scenario))


@app.command()
def explain(
    scenario: options.Scenario,
    as_json: options.Json = False,
    markdown: options.Markdown = False,
    output: options.Output = "",
    curves: options.Curves = False,
    tornado: options.Tornado = False,
    time_limit: options.TimeLimit = "",
    gap: options.Gap = "",
    threads: options.Threads = None,
    seed: options.Seed = None,
    confidence: options.Confidence = "",
    quiet: options.Quiet = False,
) -> None:
    """As solve, with the reasons first: what binds, what was ruled out, and why nothing fits where nothing does."""
    from reports.report import EXPLAIN_FIRST
    from reports.run import Asked, answer

    asked = Asked(
        as_json,
        markdown,
        output,
        True,
        curves,
        time_limit,
        gap,
        threads,
        seed,
        quiet=quiet,
        confidence=confidence,
        tornado=tornado,
    )
    raise typer.Exit(answer(_load(scenario), asked, EXPLAIN_FIRST, name=scenario))


app.command()(cheapest)


@app.command()
def verify(
    scenario: options.Scenario,
    plan: Annotated[str, typer.Argument(metavar="PLAN.json", help="A plan written by --output or --json.")],
    as_json: options.Json = False,
    confidence: options.Confidence = "",
    quiet: options.Quiet = False,
) -> None:
    """Check a plan against a scenario by plain arithmetic, every loss acted out. Exit code 5 when it does not hold."""
    from reports.run import check

    raise typer.Exit(check(_load(scenario), plan, as_json, confidence, quiet))


app.command()(repair)
app.command()(whatif)
app.command()(whynot)
app.command()(compare)
app.command()(frontier)
app.command()(alternatives)
app.command()(robust)
app.command()(simulate)
app.command()(export)
app.command()(report)


app.command()(validate)
app.command()(calibrate)


@app.command()
def walls(
    wall: Annotated[str, typer.Argument(metavar="[NAME|NUMBER]", help="Show this wall's equation and sources.")] = "",
    as_json: options.Json = False,
    markdown: options.Markdown = False,
) -> None:
    """List the 22 walls and what each does to a fleet, or show one."""
    from reports import listings

    content, data = listings.wall(wall) if wall else listings.walls()
    _list(content, data, as_json, markdown)


class Kind(StrEnum):
    """What the catalog lists."""

    accelerators = "accelerators"
    models = "models"
    regions = "regions"
    prices = "prices"


@app.command()
def catalog(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORDS]", help="Only lines with all these words.")
    ] = None,
    file: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="Your own catalog file on top; repeat.")
    ] = None,
    as_json: options.Json = False,
    markdown: options.Markdown = False,
) -> None:
    """List what the catalog holds; --json gives every figure with its source and date."""
    from reports import listings

    _list(*listings.catalog(kind.value, " ".join(words or []), tuple(file or ())), as_json, markdown)


@app.command()
def scenarios(as_json: options.Json = False, markdown: options.Markdown = False) -> None:
    """List the scenarios that come with argosy."""
    from reports import listings

    _list(*listings.shipped(), as_json, markdown)


@app.command()
def schema(
    plan: Annotated[bool, typer.Option("--plan", help="Of the answer instead of the question.")] = False,
    exported: Annotated[
        Target | None, typer.Option("--export", help="Of what `argosy export --to` writes; tables have none.")
    ] = None,
) -> None:
    """Print the JSON Schema of a scenario file, for editors and checks."""
    if exported is not None:
        from reports.export import schema_json as schema_of

        print(json.dumps(schema_of(exported), indent=2))
        return
    if plan:
        from optimizer.plan import Plan

        print(json.dumps(Plan.model_json_schema(), indent=2))
        return
    from scenarios import schema_json

    print(json.dumps(schema_json(), indent=2))


def _load(name: str) -> Any:
    from scenarios import load

    return load(name)


def _list(content: Any, data: Any, as_json: bool, markdown: bool) -> None:
    if as_json:
        print(json.dumps(data, indent=2, default=list))
        return
    from reports.run import put

    put(content, markdown)


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit code. No exception leaves here."""
    try:
        code = app(args=list(arguments), prog_name="argosy", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer turns Ctrl-C into this code by itself
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        return _reader_left()
    except SystemExit as stop:
        # The flags' library makes an exit with code 1 of a broken pipe.
        if isinstance(stop.__context__, BrokenPipeError):
            return _reader_left()
        raise
    except (Exception, KeyboardInterrupt) as error:
        if not arguments:
            print(error)
            return 1
        return failed(error, "--json" in arguments, arguments[0] in _SOLVING)


def _reader_left() -> int:
    """Whoever read the output has left; nothing more can be said there, not even when Python closes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.__stdout__ or sys.stdout).fileno())
    return 0


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
