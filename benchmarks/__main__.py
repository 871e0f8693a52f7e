"""`python -m benchmarks`: every figure, its ratio and its target, measured in this run. Slow machines do not fail."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from benchmarks import capstone, frontier, pricing, program, simulation, startup, validation
from benchmarks.figure import Figure


def measured() -> list[Figure]:
    """All figures, cheapest first."""
    quick = [*startup.figures(), *pricing.figures(), *validation.figures()]
    return [*quick, *program.figures(), *simulation.figures(), *capstone.figures(), *frontier.figures()]


def main() -> None:
    """Print the table."""
    table = Table("figure", "measured", "target", "", title="Benchmarks, processor time of this run")
    for figure in measured():
        table.add_row(figure.name, figure.text, figure.target, {True: "met", False: "missed", None: ""}[figure.met])
    Console().print(table)


if __name__ == "__main__":
    main()
