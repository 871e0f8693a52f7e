"""Columns of candidates for the tests of pricing: every chip of the catalog at every native precision, at random."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

import scenarios
from physics import pricing

CATALOG = scenarios.load_catalog()
PRECISIONS = ("bf16", "fp16", "fp8", "int8", "fp4", "int4")


def shape(prompt: int = 512, output: int = 256, cached: int = 0) -> Any:
    """A request."""
    return SimpleNamespace(prompt_tokens=prompt, output_tokens=output, cached_context_tokens=cached)


def chip(name: str, precision: str, kv_precision: str = "bf16") -> dict[str, float] | None:
    """The figures of one accelerator of the catalog."""
    accelerator = CATALOG.accelerators[name]
    return pricing.hardware(accelerator, CATALOG.efficiency(accelerator), precision, kv_precision)


def run(
    name: str = "h200-sxm", precision: str = "fp8", tensor: Any = 1, batch: Any = 16, stages: Any = 1, kv: str = "bf16"
) -> pricing.Runs:
    """Ways to run on one accelerator."""
    figures = chip(name, precision, kv)
    assert figures is not None
    return pricing.gather([figures], 0, tensor, np.atleast_1d(batch), stages)


def everything(rows: int, seed: int = 0) -> pricing.Runs:
    """Random rows over all chips, native precisions, degrees and batches."""
    chips = [
        f for name in CATALOG.accelerators for p in PRECISIONS for kv in ("bf16", "fp8") if (f := chip(name, p, kv))
    ]
    rng = np.random.default_rng(seed)
    tensor, stages = 2 ** rng.integers(0, 6, rows), 2 ** rng.integers(0, 4, rows)
    return pricing.gather(chips, rng.integers(0, len(chips), rows), tensor, rng.integers(1, 1025, rows), stages)
