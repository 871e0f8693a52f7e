"""How soon the command line is there."""

from __future__ import annotations

from benchmarks.figure import Figure, command_s, under


def figures() -> list[Figure]:
    """`argosy --help`."""
    return [under("argosy --help", command_s("--help", repeats=5), 0.3)]
