"""The command `argosy export`: a verified plan as files that other tools read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reports import options
from reports.extras import need
from reports.problems import INTERNAL, wrong_flag

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from reports.export_form import Deployment
    from scenarios import Scenario


class Target(StrEnum):
    """What a plan may be exported to."""

    json = "json"
    csv = "csv"
    xlsx = "xlsx"
    skypilot = "skypilot"
    kubernetes = "kubernetes"
    terraform = "terraform"


_FOLDERS = (Target.csv, Target.skypilot, Target.kubernetes, Target.terraform)
_TABLES = (Target.csv, Target.xlsx)
_FAILURES_TOLD = 20
_NEEDS = {Target.xlsx: ("xlsxwriter",), Target.skypilot: ("jinja2",), Target.kubernetes: ("jinja2",)}


def export(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="A plan written by --output or --json, or a scenario to solve first.")
    ],
    to: Annotated[Target, typer.Option("--to", help="What to write.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="PATH", help="A file for json and xlsx, else a new folder.")
    ],
    scenario: Annotated[
        str, typer.Option(metavar="FILE", help="The scenario that the plan answers; shipped ones are found by name.")
    ] = "",
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="WORKLOAD=ID", help="The checkpoint to load; also WORKLOAD:PRECISION=ID; repeat."),
    ] = None,
    image: Annotated[
        str, typer.Option(metavar="NAME", help="The container image, of kubernetes; its maker's latest if left out.")
    ] = "",
    quiet: options.Quiet = False,
) -> None:
    """Write a plan as neutral JSON, for a spreadsheet, or as files for SkyPilot, Kubernetes or Terraform."""
    from reports.outputs import keep_apart
    from reports.question import is_plan, read_files

    checkpoints = chosen(model)
    if to in _TABLES and model:
        raise wrong_flag("--model", f"nothing is loaded from {to.value}", "leave it out")
    if image and to is not Target.kubernetes:
        raise wrong_flag("--image", f"{to.value} names no image", "it goes with --to kubernetes")
    for package in _NEEDS.get(to, ()):
        need(f"--to {to.value}", package)
    _free(to, output)
    keep_apart({"--output": output}, read_files(plan, scenario))
    found, asked = _answer(plan, scenario, quiet, to in _TABLES)
    if asked is not None:
        _hold(found, asked)
    elif to not in _TABLES:
        print(f"no fleet, so nothing is exported: the status is {found.status}", file=sys.stderr)
        raise typer.Exit(found.exit_code)
    if to in _TABLES or asked is None:
        written = _tables(found, to, output)
    else:
        written = _files(found, asked, to, output, checkpoints, image)
    for path in written:
        print(path)
    raise typer.Exit(0 if is_plan(plan) and found.fleet is not None else found.exit_code)


def chosen(written: Sequence[str] | None) -> dict[str, str]:
    """The checkpoints of the flag."""
    found = {}
    for text in written or ():
        name, is_said, checkpoint = text.partition("=")
        if not is_said or not name.strip():
            raise wrong_flag("--model", f'"{text}" does not say which workload', "--model WORKLOAD=CHECKPOINT")
        found[name.strip()] = checkpoint.strip()
    return found


def _free(to: Target, output: str) -> None:
    """Refuse before solving what cannot be written after it."""
    from reports.outputs import new_folder, writable

    if to in _FOLDERS:
        new_folder("--output", output)
        return
    writable("--output", output)
    if to is Target.xlsx and Path(output).suffix.lower() != ".xlsx":
        raise wrong_flag("--output", f"{output}: spreadsheets look at the end of a name", "end it in .xlsx")


def _answer(name: str, scenario_name: str, quiet: bool, binding: bool) -> tuple[Plan, Scenario | None]:
    """The plan and the scenario that its fleet is checked against; None where there is no fleet."""
    from reports.question import is_plan, question
    from reports.run import read_plan

    if is_plan(name):
        plan = read_plan(name)
        if plan.fleet is None:
            return plan, None
    plan, scenario = question(name, scenario_name, quiet, binding)
    return plan, None if plan.fleet is None else scenario


def _hold(plan: Plan, scenario: Scenario) -> None:
    """Only a plan that holds for its scenario leaves the house; a written one may have been changed since."""
    from optimizer.verify_versions import OtherVersion
    from reports.checking import checked, differences
    from reports.words import listed, plain

    found = checked(scenario, plan)
    if not found.passed:
        print("the plan does not hold for its scenario, so it is not exported:", file=sys.stderr)
        for failure in found.failures[:_FAILURES_TOLD]:
            print(f"  - {plain(failure)}", file=sys.stderr)
        raise typer.Exit(INTERNAL)
    if isinstance(found, OtherVersion):
        differs = f"; limits that differ: {listed(differences(found))}" if found.differs else ""
        print(f"note: its fleet holds for this version too{differs}", file=sys.stderr)


def _tables(plan: Plan, to: Target, output: str) -> list[Path]:
    from reports import spreadsheet

    if to is Target.csv:
        return spreadsheet.write_csv(plan, output)
    spreadsheet.write_xlsx(plan, output)
    return [Path(output)]


def _files(
    plan: Plan, scenario: Scenario, to: Target, output: str, checkpoints: dict[str, str], image: str
) -> list[Path]:
    """Everything is made before the first file is written."""
    from reports.export_build import deployment

    made = deployment(plan, scenario, checkpoints)
    for model in made.models:
        if model.note:
            print(f"note: {model.note}", file=sys.stderr)
    if to is Target.json:
        return [_put(Path(output), made.model_dump_json(indent=2) + "\n")]
    texts = _rendered(made, to, image)
    home = Path(output)
    home.mkdir(exist_ok=True)
    return [_put(home / name, text) for name, text in texts.items()]


def _rendered(made: Deployment, to: Target, image: str) -> dict[str, str]:
    from reports import export_kubernetes, export_skypilot, export_terraform

    if to is Target.kubernetes:
        return export_kubernetes.files(made, image)
    return export_skypilot.files(made) if to is Target.skypilot else export_terraform.files(made)


def _put(path: Path, text: str) -> Path:
    from reports.outputs import write

    write(str(path), text)
    return path


def schema_json(to: Target) -> dict[str, Any]:
    """The JSON Schema of what `--to` writes: of each document, where a file holds several."""
    import json

    if to in _TABLES:
        raise wrong_flag("--export", f"{to.value} has no JSON Schema", "json, skypilot, kubernetes or terraform has")
    if to is Target.json:
        from reports.export_form import Deployment

        return Deployment.model_json_schema()
    if to is Target.terraform:
        from reports.export_terraform import Variables

        return Variables.model_json_schema()
    from reports.export_templates import text_of

    return dict(json.loads(text_of(f"{to.value}.schema.json")))
