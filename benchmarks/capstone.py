"""The capstone as a user runs it: start-up, pricing, solving, checking, and explaining by solving again."""

from __future__ import annotations

from benchmarks.figure import Figure, command_s, under


def figures() -> list[Figure]:
    """Without and with the report of what binds."""
    return [
        under("capstone, solved and verified", command_s("solve", "capstone", "--no-binding", "--json"), 3.0),
        under("capstone, with what binds", command_s("solve", "capstone", "--json"), 15.0),
    ]
