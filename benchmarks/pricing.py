"""Candidates priced per second on one core, and the same question asked of mlsysim 0.3.0 where it is installed.

The question: time of the first token and between tokens, and the memory that is needed, of Llama-3-70B on one
accelerator at a precision and a batch. Ours also answers with rates, energy shares and room for the cache.
"""

from __future__ import annotations

import importlib.util
import time

import numpy as np

import scenarios
from benchmarks.figure import Figure, least_s
from physics.pricing import Runs, gather, hardware, price
from scenarios.schema_demand import Shape

ROWS = 100_000
TARGET = 1_000_000
ASKED = (("h100-sxm", "fp8"), ("h200-sxm", "fp8"), ("b200-sxm", "fp8"), ("h100-sxm", "bf16"), ("b200-sxm", "fp4"))


def hardware_asked() -> list[dict[str, float]]:
    """Five chips of the catalog, each at one precision."""
    catalog = scenarios.load_catalog()
    chips = []
    for name, precision in ASKED:
        accelerator = catalog.accelerators[name]
        chip = hardware(accelerator, catalog.efficiency(accelerator), precision)
        assert chip is not None
        chips.append(chip)
    return chips


def candidates(chips: list[dict[str, float]], rows: int = ROWS) -> Runs:
    """Rows over the chips, four tensor parallel degrees and batches up to 256."""
    row = np.arange(rows)
    return gather(chips, row % len(chips), 2.0 ** (row % 4), 1.0 + row % 256)


def priced_per_s(rows: int = ROWS) -> float:
    """Candidates per second of processor time, enumerated and priced."""
    model = scenarios.load_catalog().models["llama-3-70b"]
    shapes = [Shape(prompt_tokens=512, output_tokens=256)]
    chips = hardware_asked()
    return rows / least_s(lambda: price(model, candidates(chips, rows), shapes))


def peer_per_s(seconds: float = 2.0) -> float | None:
    """mlsysim's evaluations per second of processor time, None where it is not installed."""
    if importlib.util.find_spec("mlsysim") is None:
        return None
    import mlsysim
    from mlsysim.engine.solvers.serving import ServingModel

    devices = [mlsysim.Hardware.Cloud.H100, mlsysim.Hardware.Cloud.H200, mlsysim.Hardware.Cloud.B200]
    model, solver, done = mlsysim.Models.Language.Llama3_70B, ServingModel(), 0
    began = time.process_time()
    while time.process_time() - began < seconds:
        solver.solve(model, devices[done % 3], seq_len=768, batch_size=1 + done % 256, precision="fp8", efficiency=0.5)
        done += 1
    return done / (time.process_time() - began)


def figures() -> list[Figure]:
    """Both rates and their ratio."""
    ours, theirs = priced_per_s(), peer_per_s()
    found = [Figure(f"candidates priced a second, {ROWS:,} rows", f"{ours:,.0f}", f">= {TARGET:,}", ours >= TARGET)]
    if theirs is None:
        return [*found, Figure("the same question of mlsysim 0.3.0", "not installed (make bench installs it)")]
    return [
        *found,
        Figure("the same question of mlsysim 0.3.0, a second", f"{theirs:,.0f}"),
        Figure("ratio", f"{ours / theirs:,.0f} x"),
    ]
