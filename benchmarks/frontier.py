"""A frontier of the capstone by the clock, on two processes, and its alternatives in processor time."""

from __future__ import annotations

import time

from benchmarks.figure import Figure, command_s, under


def figures() -> list[Figure]:
    """Twenty caps on carbon, and five goals within 5 %."""
    began = time.monotonic()
    processor_s = command_s("frontier", "capstone", "--points", "20", "--jobs", "2", "--json")
    wall_s = time.monotonic() - began
    alternatives_s = command_s("alternatives", "capstone", "--within", "5%", "--json")
    return [
        under("capstone, frontier of 20 points on two processes, by the clock", wall_s, 60.0),
        Figure("capstone, frontier of 20 points, processor time of both", f"{processor_s:.3g} s"),
        under("capstone, alternatives within 5 %", alternatives_s, 15.0),
    ]
