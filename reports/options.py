"""Flags that several commands share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import typer

# What every command that solves takes.
Scenario = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A scenario file, or the name of a shipped scenario.")
]
Json = Annotated[bool, typer.Option("--json", help="Pure JSON on standard output.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="The report as Markdown.")]
Output = Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Write the plan as JSON here.")]
NoBinding = Annotated[bool, typer.Option("--no-binding", help="Do not solve again to find what binds: faster.")]
Curves = Annotated[
    bool, typer.Option("--curves", help="Relax each limit by 1, 5 and 10 %, tighten it by 5 and 10 %; also in demand.")
]
Tornado = Annotated[bool, typer.Option("--tornado", help="Move each price, grid, speed and demand by 10 % each way.")]
TimeLimit = Annotated[str, typer.Option(metavar="TIME", help='Stop solving after, for example, "60 s".')]
Gap = Annotated[str, typer.Option(metavar="SHARE", help='Stop when proven within, for example, "0.1%".')]
Threads = Annotated[int | None, typer.Option(metavar="N", help="Threads of the solver.")]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Random seed of the solver.")]
Solver = Annotated[str, typer.Option(metavar="NAME", help="highs, or one that Pyomo reaches: scip, cbc, gurobi ...")]
SolverLog = Annotated[str, typer.Option(metavar="FILE", help="Write the solver's own log here.")]
WriteModel = Annotated[str, typer.Option(metavar="FILE", help="Write the program here: .lp or .mps.")]
Confidence = Annotated[
    str, typer.Option(metavar="SHARE", help="Plan for predictions that hold in this share of the cases: 0.9.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")]


def split(written: Sequence[str] | None) -> tuple[str, ...]:
    """Flags that may be repeated or hold commas; a comma between digits belongs to a number."""
    return tuple(part.strip() for one in written or () for part in re.split(r",(?!\d{3}(?!\d))", one) if part.strip())
