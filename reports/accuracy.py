"""The commands `argosy validate` and `argosy calibrate`: their flags and what they print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reports import options

if TYPE_CHECKING:
    from scenarios import Catalog
    from scenarios.measured import Table

Measured = Annotated[
    str,
    typer.Argument(
        metavar="MEASURED.csv",
        help="Measured serving points: model_path, system, isl, osl, concurrency, silicon_ttft_ms ...",
    ),
]
Files = Annotated[
    list[str] | None, typer.Option("--file", metavar="FILE", help="Your own catalog file on top; repeat.")
]


def validate(
    measured: Measured,
    as_json: options.Json = False,
    markdown: options.Markdown = False,
    cross_validate: Annotated[
        bool, typer.Option("--cross-validate", help="Fit anew without each system and each model: slow, needs scipy.")
    ] = False,
    file: Files = None,
    quiet: options.Quiet = False,
) -> None:
    """Compare predictions with measured serving points: error, bias, rank and bands, overall and by group."""
    from dataclasses import replace

    from optimizer import validate as judge
    from reports.run import put

    _one_way(as_json, markdown)
    if cross_validate:
        _needs_scipy("--cross-validate")
    table, catalog = _read(measured, file)
    found = judge.validate(table, catalog)
    if cross_validate:
        from optimizer.cross_validate import cross_validate as crossed

        found = replace(found, cross_validation=crossed(table, catalog, _say(quiet)))
    if as_json:
        _print_json(found.as_data())
        return
    from reports.accuracy_sections import validation

    put(validation(found), markdown)


def calibrate(
    measured: Measured,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Write the catalog file here.")] = "",
    as_json: options.Json = False,
    file: Files = None,
) -> None:
    """Fit the physical figures of each generation and engine to measured serving points; prints a catalog file."""
    from reports.outputs import keep_apart, writable, write

    _needs_scipy("calibrate")
    writable("--output", output)
    keep_apart({"--output": output}, [measured, *(file or ())])
    table, catalog = _read(measured, file)
    from optimizer.calibrate import calibrate as fitted
    from optimizer.calibrate_toml import catalog_text

    found = fitted(table, catalog)
    if not found.found:
        from reports.words import count
        from scenarios import Problem, ScenarioError

        raise ScenarioError(
            Problem(measured, one.first_line, "", f"{count(one.rows, 'row')} cannot be fitted: {one.reason}")
            for one in found.left_out
        )
    text = catalog_text(found)
    if output:
        write(output, text)
    if as_json:
        from optimizer.calibrate_toml import as_data

        _print_json(as_data(found))
    elif output:
        from reports.accuracy_sections import calibration
        from reports.run import put

        put(calibration(found, output))
    else:
        print(text, end="")


def _read(name: str, files: list[str] | None) -> tuple[Table, Catalog]:
    from pathlib import Path

    from scenarios import load_catalog, measured

    catalog = load_catalog(tuple(Path(one) for one in files or ()))
    return measured.read(name, catalog), catalog


def _one_way(as_json: bool, markdown: bool) -> None:
    if as_json and markdown:
        from reports.problems import wrong_flag

        raise wrong_flag("--markdown", "cannot go with --json", "choose one")


def _needs_scipy(flag: str) -> None:
    from importlib.util import find_spec

    from reports.problems import wrong_flag

    if find_spec("scipy") is None:
        raise wrong_flag(flag, "fits with scipy, which is not installed", "pip install 'argosy[calibrate]'")


def _say(quiet: bool) -> Any:
    import sys

    return (lambda line: None) if quiet else (lambda line: print(line, file=sys.stderr))


def _print_json(data: dict[str, Any]) -> None:
    import json

    print(json.dumps(data, indent=2, ensure_ascii=False))
