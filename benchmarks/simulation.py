"""Requests played per second of processor time: the capstone plan, warm-up and measuring included."""

from __future__ import annotations

import optimizer
import scenarios
from benchmarks.figure import Figure
from optimizer.simulate import Options, simulate

TARGET = 20_000


def figures() -> list[Figure]:
    """One seed, the plan whole."""
    scenario = scenarios.load("capstone")
    plan = optimizer.solve(scenario, binding=False)
    found = simulate(scenario, plan, Options(requests=200_000, seeds=(1,)))
    rate = found.played_requests / found.cpu_s
    return [Figure("requests played a second, capstone plan", f"{rate:,.0f}", f">= {TARGET:,}", rate >= TARGET)]
