"""The command `argosy report`: a plan, or the answer to a scenario, as files for handing on."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reports import options
from reports.problems import wrong_flag

if TYPE_CHECKING:
    from optimizer.frontier import Frontier
    from optimizer.plan import Plan

_FRONTIER_FILE = "`argosy frontier SCENARIO --output FILE` or `--json > FILE` writes one"


def report(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO|PLAN.json", help="What to solve, or a plan that is there already.")
    ],
    html: Annotated[str, typer.Option("--html", metavar="FILE", help="One page that opens without a network.")] = "",
    markdown: Annotated[str, typer.Option("--markdown", metavar="FILE", help="For a pull request.")] = "",
    xlsx: Annotated[str, typer.Option("--xlsx", metavar="FILE", help="A workbook for a planner.")] = "",
    csv: Annotated[str, typer.Option("--csv", metavar="FOLDER", help="The same tables as CSV, in a new folder.")] = "",
    frontier: Annotated[
        str,
        typer.Option("--frontier", metavar="N|FILE", help="Cost against carbon: N points, or a frontier's file."),
    ] = "",
    of: Annotated[
        str, typer.Option("--scenario", metavar="SCENARIO", help="The question that a PLAN.json answers.")
    ] = "",
    as_of: Annotated[str, typer.Option("--as-of", metavar="DATE", help="The day from which ages count; today.")] = "",
    output: options.Output = "",
    no_binding: options.NoBinding = False,
    curves: options.Curves = False,
    tornado: options.Tornado = False,
    time_limit: options.TimeLimit = "",
    gap: options.Gap = "",
    threads: options.Threads = None,
    seed: options.Seed = None,
    confidence: options.Confidence = "",
    quiet: options.Quiet = False,
) -> None:
    """Write a plan, or the answer to a scenario, as a page or as Markdown: pictures, tables, reasons, sources."""
    from reports.extras import need
    from reports.outputs import keep_apart, new_folder, writable, write
    from reports.question import read_files
    from reports.run import Asked, write_json

    if not (html or markdown or xlsx or csv):
        raise wrong_flag("--html", "nothing is asked for", "name a file: --html, --markdown, --xlsx or --csv")
    if html:
        for package in ("jinja2", "matplotlib"):
            need("--html", package)
    writable("--html", html)
    writable("--markdown", markdown)
    if xlsx:
        need("--xlsx", "xlsxwriter")
        writable("--xlsx", xlsx)
    new_folder("--csv", csv)
    today = _day(as_of)
    asked = Asked(
        output=output,
        binding=not no_binding,
        curves=curves,
        tornado=tornado,
        time_limit=time_limit,
        gap=gap,
        threads=threads,
        seed=seed,
        quiet=quiet,
        confidence=confidence,
    )
    written_to = {"--html": html, "--markdown": markdown, "--xlsx": xlsx, "--csv": csv, "--output": output}
    keep_apart(written_to, [*read_files(scenario, of), frontier])
    plan, question = _answer(scenario, of, asked)
    found = _frontier(frontier, plan, question, asked) if frontier else None
    from reports.dossier import dossier

    told = dossier(plan, question, found, today)
    written = []
    if output:
        write_json(output, plan)
    if html:
        from reports.html import html as page

        write(html, page(told), "--html")
        written.append(html)
    if markdown:
        from reports.markdown_file import markdown_file

        write(markdown, markdown_file(told), "--markdown")
        written.append(markdown)
    if xlsx:
        from reports.spreadsheet import write_xlsx

        write_xlsx(plan, xlsx)
        written.append(xlsx)
    if csv:
        from reports.spreadsheet import write_csv

        written += map(str, write_csv(plan, csv))
    from reports.text import console

    out = console()
    out.print(told.content.headline, soft_wrap=True)
    for name in written:
        out.print(f"{name}: {Path(name).stat().st_size / 1000:,.0f} kB", soft_wrap=True)
    raise typer.Exit(plan.exit_code)


def _day(text: str) -> date:
    if not text:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise wrong_flag("--as-of", f'"{text}" is not a date', "for example 2026-11-24") from None


def _answer(name: str, of: str, asked: Any) -> tuple[Plan, Any]:
    """The plan, and its scenario; of a plan whose scenario nobody knows, the shipped catalog alone."""
    import scenarios
    from reports.question import is_plan, question, shipped_question
    from reports.run import amount, confident, read_plan, solved

    if not is_plan(name):
        if of:
            raise wrong_flag("--scenario", f"{name} is a scenario already", "give it with a PLAN.json only")
        time_limit, gap = amount("--time-limit", asked.time_limit, "time"), amount("--gap", asked.gap, "fraction")
        if time_limit == 0:
            raise wrong_flag("--time-limit", "no time is left to solve in", "for example 60 s")
        scenario = confident(scenarios.load(name), asked.confidence)
        return solved(scenario, asked, time_limit, gap), scenario
    if of:
        return question(name, of, asked.quiet)
    plan = read_plan(name)
    known = shipped_question(plan)
    if known is not None:
        return plan, known
    from types import SimpleNamespace

    return plan, SimpleNamespace(catalog=scenarios.load_catalog(), origins={}, name="")


def _frontier(text: str, plan: Plan, question: Any, asked: Any) -> Frontier:
    """The frontier of cost and carbon, of so many points, or out of a file."""
    if text.isascii() and text.isdigit():
        return _traded(question, asked, int(text))
    import json

    from pydantic import ValidationError

    from optimizer.frontier import FORMAT, Frontier

    try:
        written = Path(text).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or error
        raise wrong_flag("--frontier", f"{text} is no number, and cannot be read: {told}", _FRONTIER_FILE) from None
    try:
        head = json.loads(written.partition("\n")[0])
    except ValueError:
        head = None
    if isinstance(head, dict) and head.get("format") == FORMAT:
        return _traded(question, asked, int(head["points"]), text, str(head["x"]), str(head["y"]), float(head["gap"]))
    try:
        found = Frontier.model_validate_json(written)
    except ValidationError:
        raise wrong_flag("--frontier", f"{text} holds no frontier", _FRONTIER_FILE) from None
    if found.lock.scenario_sha256 != plan.lock.scenario_sha256:
        raise wrong_flag("--frontier", f"{text} is the frontier of another question", "")
    return found


def _traded(
    question: Any, asked: Any, points: int, file: str = "", x: str = "usd", y: str = "carbon", gap: float | None = None
) -> Frontier:
    import optimizer
    from optimizer.frontier import FEWEST_POINTS, MOST_POINTS
    from reports.progress_bar import Bar
    from reports.run import amount

    if not getattr(question, "workloads", None):
        raise wrong_flag("--frontier", "the scenario of this plan is not known", "give it: --scenario FILE")
    if not FEWEST_POINTS <= points <= MOST_POINTS:
        raise wrong_flag("--frontier", f"{points} is not a number of points", f"{FEWEST_POINTS} to {MOST_POINTS:,}")
    with Bar("points", asked.quiet) as bar:
        return optimizer.frontier(
            question,
            x,
            y,
            points,
            file=file or None,
            tell=bar,
            time_limit=amount("--time-limit", asked.time_limit, "time"),
            gap=gap if gap is not None else amount("--gap", asked.gap, "fraction"),
            threads=asked.threads,
            seed=asked.seed,
        )
