"""Leaving candidates out where kinds of request mix keeps the optimum: limits of the mix, and node losses."""

from __future__ import annotations

import random

import pytest

import scenarios
from tests.optimizer.cases import small_mapping, work


def mixed(seed: int) -> scenarios.Scenario:
    rng = random.Random(seed)
    kinds = rng.choice([2, 2, 3])
    sizes = [{"prompt_tokens": rng.randrange(100, 3000), "output_tokens": rng.randrange(20, 600)} for _ in range(kinds)]
    chat = {
        "requests": [{"name": f"kind {k}", "share": 1 / kinds, **size} for k, size in enumerate(sizes)],
        "demand": {"east": rng.choice([5.0, 15.0])},
        "batch": sorted(rng.sample([4, 8, 16, 32, 64, 100], 3)),
        "precisions": ["fp8"],
        "tensor_parallel": rng.choice([[1], [1, 2]]),
        "ttft": {"limit": f"{rng.choice([1, 2, 4])} s", "percentile": 99},
        "itl": {"limit": f"{rng.choice([15, 25, 50])} ms", "percentile": "mean"},
    }
    data = small_mapping(workloads={"chat": chat})
    if rng.random() < 0.7:
        data["failures"] = {"node": {"served": rng.choice(["50%", "80%"])}}
    return scenarios.from_mapping(data)


@pytest.mark.parametrize("seed", range(12))
def test_pruning_a_mix_keeps_the_optimum(seed: int) -> None:
    pruned, whole = work(mixed(seed)), work(mixed(seed), prune=False)
    assert {pruned.found.why, whole.found.why} <= {"gap", "infeasible"}
    assert pruned.optimum == pytest.approx(whole.optimum, rel=2e-6)
    kept = [sum(group.variants.candidate.size for group in one.question.groups) for one in (pruned, whole)]
    assert kept[0] <= kept[1]
