"""Building the program and handing it to the solver, against the solver's own first relaxation in the same run."""

from __future__ import annotations

import dataclasses

import numpy as np

import scenarios
from benchmarks.figure import Figure, least_s
from optimizer import milp
from optimizer.program import build
from optimizer.tables import ask

LEAST_COLUMNS = 20_000
REGIONS = ("aws/us-east-1", "aws/ca-central-1")
SLOTS = 3


def wide(hours: int = SLOTS) -> scenarios.Scenario:
    """The capstone's question over a day of three slots, owned or rented, without quotas, six batches of each kind."""
    day = range(hours)
    slots = [{"name": f"{24 // hours * k:02d}", "hours": 8760 / hours, "start_hour": 24 // hours * k} for k in day]
    demand = {f"at {region}": [600 + 400 * np.sin(2 * np.pi * k / hours) for k in day] for region in REGIONS}
    return scenarios.from_mapping(
        {
            "name": "wide",
            "carbon_basis": "lifecycle",
            "slots": slots,
            "origins": {f"at {region}": {"near": region} for region in REGIONS},
            "workloads": {
                "chat": {
                    "model": "llama-3-70b",
                    "requests": [{"prompt_tokens": 512, "output_tokens": 256}],
                    "demand": demand,
                    "ttft": {"limit": "1 s", "percentile": 99},
                    "itl": {"limit": "50 ms", "percentile": "mean"},
                    "precisions": ["bf16", "fp8", "fp4"],
                    "kv_precisions": ["bf16", "fp8"],
                    "batch": [32, 64, 96, 128, 192, 256],
                    "tensor_parallel": [1, 2, 4, 8],
                    "pipeline_parallel": [1],
                }
            },
            "regions": {region: {"quota_default": "unlimited"} for region in REGIONS},
            "accelerators": ["h100-sxm", "h200-sxm", "b200-sxm"],
            "procurement": {"owned": True, "on_demand": True},
        }
    )


def figures(scenario: scenarios.Scenario | None = None) -> list[Figure]:
    """Build and hand-over beside the root relaxation, on a program that nothing was pruned from."""
    question = ask(scenario or wide(), prune=False)
    program = build(question)
    built = least_s(lambda: build(question), 3)
    options = milp.Options(time_limit_s=120.0)
    handed = least_s(lambda: milp.Solver(program.problem, options), 3)
    relaxed = dataclasses.replace(program.problem, integer=np.zeros(program.problem.columns, dtype=bool))
    solver = milp.Solver(relaxed, options)
    root = least_s(solver.solve, 1)
    took, columns = built + handed, program.problem.columns
    size = f"{columns:,} columns, {len(program.problem.value):,} entries"
    per_20k = took * LEAST_COLUMNS / columns
    return [
        Figure(f"program built and handed over ({size})", f"{took:.3g} s"),
        Figure(f"the same for {LEAST_COLUMNS:,} columns, in proportion", f"{per_20k:.3g} s", "< 0.5 s", per_20k < 0.5),
        Figure("its root relaxation, solved", f"{root:.3g} s", f"> {took:.3g} s", root > took),
        Figure("ratio of relaxation to build", f"{root / took:.3g} x"),
    ]
