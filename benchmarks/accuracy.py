"""How far pricing is from measured silicon: `python benchmarks/accuracy.py TABLE.csv` prints docs/accuracy.md's table.

TABLE.csv has the columns of AIConfigurator 0.12.0's public sample (Apache-2.0), or of tests/physics/silicon_sample.csv.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

import scenarios
from physics import closed_loop, pricing

DENSE = {
    "meta-llama/Llama-3.1-70B": "llama-3.1-70b",
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "nvidia/Llama-3.1-8B-Instruct-FP8": "llama-3.1-8b",
    "Qwen/Qwen3-32B": "qwen3-32b",
}
ACCELERATORS = {"h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm", "b200_sxm": "b200-sxm"}
# The table does not say how wide the KV cache was; see docs/accuracy.md for why these two are read so.
KV_PRECISION = {"h100-sxm": "bf16", "h200-sxm": "bf16", "b200-sxm": "fp8"}


class Row(NamedTuple):
    """One measured serving point."""

    model: str
    accelerator: str
    engine: str
    precision: str
    kv_precision: str
    prompt_tokens: int
    output_tokens: int
    tensor_parallel: int
    concurrency: float
    ttft_s: float
    itl_s: float


def read(path: str) -> list[Row]:
    """The dense, aggregated rows of the table."""
    rows = []
    with open(path, newline="", encoding="utf-8") as file:
        for line in csv.DictReader(entry for entry in file if not entry.startswith("#")):
            if line["model_path"] not in DENSE or line["mode"] != "agg":
                continue
            accelerator = ACCELERATORS[line["system"]]
            rows.append(
                Row(
                    DENSE[line["model_path"]], accelerator, line["backend"], line["precision"] or "bf16",
                    KV_PRECISION[accelerator], int(line["isl"]), int(line["osl"]), int(float(line["tp_size"])),
                    float(line["concurrency"] or line["batch_size"]), float(line["silicon_ttft_ms"]) / 1e3,
                    float(line["silicon_tpot_ms"]) / 1e3,
                )
            )  # fmt: skip
    return rows


def ratios(rows: list[Row], catalog: scenarios.Catalog) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predicted over measured ITL and TTFT of each row, and whether its offered KV fits (the rest is overload)."""
    itl, ttft, fits = (np.zeros(len(rows)) for _ in range(3))
    for k, row in enumerate(rows):
        accelerator = catalog.accelerators[row.accelerator]
        chip = pricing.hardware(accelerator, catalog.efficiency(accelerator), row.precision, row.kv_precision)
        if chip is None:
            raise ValueError(f"{row.accelerator} has no native {row.precision}")
        runs = pricing.gather([chip], [0], row.tensor_parallel, row.concurrency)
        shape = SimpleNamespace(
            prompt_tokens=row.prompt_tokens, output_tokens=row.output_tokens, cached_context_tokens=0
        )
        model = catalog.models[row.model]
        predicted_itl, predicted_ttft = closed_loop.measured(model, runs, [shape])
        prices = pricing.price(model, runs, [shape])
        itl[k], ttft[k] = predicted_itl[0] / row.itl_s, predicted_ttft[0] / row.ttft_s
        fits[k] = row.concurrency * prices.kv_bytes_per_request[0, 0] <= prices.kv_capacity_bytes[0]
    return itl, ttft, fits.astype(bool)


def main(path: str) -> None:
    """Print one line per model, accelerator, engine and precision, at both widths of the KV cache."""
    catalog = scenarios.load_catalog()
    names = "model | accelerator | engine | precision | KV | rows | ITL error | median | TTFT error | median | ITL band"
    print(f"| {names} |")
    print("|---|---|---|---|---|---:|---:|---:|---:|---:|---|")
    for kv in ("bf16", "fp8"):
        groups = defaultdict(list)
        for row in read(path):
            groups[row.model, row.accelerator, row.engine, row.precision].append(row._replace(kv_precision=kv))
        for name, rows in sorted(groups.items()):
            itl, ttft, fits = ratios(rows, catalog)
            itl, ttft = itl[fits], ttft[fits]
            low, high = np.quantile(1 / itl, [0.05, 0.95])
            errors = [100 * x for r in (itl, ttft) for x in (np.mean(abs(r - 1)), np.median(r) - 1)]
            cells = (f"{errors[0]:.1f} %", f"{errors[1]:+.1f} %", f"{errors[2]:.1f} %", f"{errors[3]:+.1f} %")
            print("|", " | ".join((*name, kv, str(len(itl)), *cells, f"{low:.2f}-{high:.2f}")), "|")


if __name__ == "__main__":
    main(sys.argv[1])
