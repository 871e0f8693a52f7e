"""What the choice of a replica does to the first token: `python -m benchmarks.dispatch [REQUESTS]`.

The H200 pool of the capstone's N. Virginia, 31 replicas at 95 % load with answers of one length, played with each rule.
"""

from __future__ import annotations

import sys

import numpy as np

import scenarios
from optimizer.candidates import table
from optimizer.simulate_engine import DISPATCH
from optimizer.simulate_pool import replica_of, simulate_pool

REPLICAS, LOAD, BATCH, SEED = 31, 0.95, 111, 1


def p99_s(dispatch: str, requests: int) -> tuple[float, float, float]:
    """P99 of the first token without the network [s]: over all requests, over the first half, over the second."""
    scenario = scenarios.load("capstone").replace("accelerators", ["h200-sxm"])
    way = {"precisions": ("fp8",), "kv_precisions": ("fp8",), "tensor_parallel": (1,), "batch": (BATCH,)}
    workload = scenario.workloads["chat"].model_copy(update={**way, "pipeline_parallel": (1,)})
    found = table(scenario, workload, {})
    replica = replica_of(found.model, found.runs.take([0]), workload.shapes, found.prices, 0)
    rate = LOAD * REPLICAS * float(found.prices.requests_per_s[0, 0])
    kinds = replica.kinds
    played = simulate_pool(
        kinds.prefill_s, replica.machine.step_s[:, 0], kinds.decode_steps, kinds.prompt_tokens,
        REPLICAS, rate, requests, SEED, dispatch=dispatch,
    )  # fmt: skip
    half = len(played.ttft_s) // 2
    parts = (played.ttft_s, played.ttft_s[:half], played.ttft_s[half:])
    return tuple(float(np.quantile(part, 0.99)) for part in parts)  # type: ignore[return-value]


def main(requests: int = 40_000) -> None:
    """Print the table of docs/simulation.md."""
    print(f"| P99 of the first token, {requests:,} requests | all | first half | second half |\n|---|---:|---:|---:|")
    for dispatch in DISPATCH:
        print(f"| `{dispatch}` | " + " | ".join(f"{value:.2f} s" for value in p99_s(dispatch, requests)) + " |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
