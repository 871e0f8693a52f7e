"""Wall 4, serving: prefills of others land inside my decode, so tokens slow down as the batch fills.

Every function takes floats or NumPy arrays that broadcast together; times are seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from physics.layout import Layout, RowBuilder
from physics.shared_rows import FREE, closed_rows
from physics.wall import Block, Wall


def decode_steps(prompt_tokens: Any, output_tokens: Any) -> Any:
    """Decode steps of a request ``d`` (count): ``s_out - 1``, prefill gives the first token; ``s_out`` without prompt.

    >>> decode_steps(512, 256).item(), decode_steps(0, 1).item()
    (255, 1)
    """
    return np.where(np.asarray(prompt_tokens) > 0, np.asarray(output_tokens) - 1, output_tokens)


def mean_context_tokens(cached_tokens: Any, prompt_tokens: Any, output_tokens: Any) -> Any:
    """Tokens that a decode step attends to on average (count): ``cached + s_in + s_out / 2``.

    >>> mean_context_tokens(0, 512, 256)
    640.0
    """
    return cached_tokens + prompt_tokens + output_tokens / 2.0


def decode_step_s(
    memory: Any, compute: Any, layers: Any, layer_overhead_s: Any, allreduce: Any, step_overhead_s: Any
) -> Any:
    """Seconds of one decode step on one pipeline stage: ``max(memory, compute) + L (tau + 2 allreduce) + constant``.

    Args:
        memory, compute: time to read weights and KV, time to compute, both at their fitted efficiency [s].
        layers: layers of the stage ``L`` (count).
        layer_overhead_s: what a layer costs beside its traffic ``tau`` [s].
        allreduce: one all-reduce of the step's activations [s].
        step_overhead_s: what a step costs once [s].

    Holds for engines that replay captured graphs. Reference: the six-parameter form fitted in docs/accuracy.md.

    >>> float(round(decode_step_s(20e-3, 5e-3, 80, 5e-6, 10e-6, 1e-3) * 1e3, 6))
    23.0
    """
    return np.maximum(memory, compute) + layers * (layer_overhead_s + 2.0 * allreduce) + step_overhead_s


def itl_s(decode_step: Any, batch: Any, prefill_occupancy_s: Any, steps: Any) -> Any:
    """Mean time between a request's tokens [s]: ``ITL = t_dec + b t_pre / d``; 0 where there is no decode step.

    Args:
        decode_step: one decode step ``t_dec`` [s].
        batch: concurrent requests ``b`` (count).
        prefill_occupancy_s: time that one prefill takes from the replica ``t_pre`` [s].
        steps: decode steps per request ``d`` (count).

    Holds in steady state at a full batch: during the d steps of my answer each of the b slots takes one new prompt.
    Reference: A. Agrawal et al., "Sarathi-Serve", OSDI 2024, arXiv:2403.02310, on stalls; checked in docs/accuracy.md.

    >>> round(float(itl_s(0.020, 64, 0.040, 255)) * 1e3, 3)
    30.039
    """
    steps = np.asarray(steps, dtype=float)
    interference = batch * prefill_occupancy_s / np.maximum(steps, 1.0)
    return np.where(steps > 0, decode_step + interference, 0.0)


def requests_per_s(batch: Any, decode_step: Any, prefill_occupancy_s: Any, steps: Any) -> Any:
    """Rate of one replica at a full batch [1/s]: ``mu = b / (d t_dec + b t_pre)``, which is ``b / (d ITL)`` for d > 0.

    Args: as `itl_s`. Reference: Little's law on b slots.

    >>> round(64 / (255 * 0.030039215686), 3), round(requests_per_s(64, 0.020, 0.040, 255), 3)
    (8.355, 8.355)
    """
    return batch / residence_s(batch, decode_step, prefill_occupancy_s, steps)


def residence_s(batch: Any, decode_step: Any, prefill_occupancy_s: Any, steps: Any) -> Any:
    """Time that a request holds its slot [s]: ``b / mu = d t_dec + b t_pre``. Args: as `itl_s`.

    >>> round(residence_s(64, 0.020, 0.040, 255), 3)
    7.66
    """
    return steps * decode_step + batch * prefill_occupancy_s


def plain_ttft_s(
    parameters: float,
    layers: float,
    attention_width: float,
    prompt_tokens: float,
    batch: float,
    flop_per_s: float,
    efficiency: float,
    overhead_s: float,
) -> float:
    """Time to first token in the plain form [s]: ``(2 P s b + 4 L w s^2 b) / (F eta) + overhead``.

    Args:
        parameters: weights (count).
        layers, attention_width: layers and heads x head dimension (count, elements).
        prompt_tokens, batch: tokens per prompt and prompts that prefill together (count).
        flop_per_s, efficiency: peak rate [FLOP/s] and sustained share.
        overhead_s: dispatch [s].

    Number: mlsysim 0.3.0 `ServingModel`, Llama-3.1-8B, 32 prompts of 2,048 on an H100 at FP16.

    >>> round(plain_ttft_s(8.03e9, 32, 4096, 2048, 32, 989e12, 0.5, 1e-5) * 1e3, 9)
    2270.741858802
    """
    flop = (2.0 * parameters * prompt_tokens + 4.0 * layers * attention_width * prompt_tokens**2) * batch
    return flop / (flop_per_s * efficiency) + overhead_s


def plain_itl_s(
    weight_bytes: float, cache_bytes: float, bytes_per_s: float, layers: float, layer_tax_s: float = 1e-5
) -> float:
    """Time between tokens in the plain form [s]: ``(W + KV) / BW + L tau``; no compute ceiling, no prefill of others.

    Args:
        weight_bytes, cache_bytes: weights and KV of the batch [byte].
        bytes_per_s: memory bandwidth [byte/s].
        layers, layer_tax_s: layers (count) and overhead of each [s].

    Number: mlsysim 0.3.0 `ServingModel`, Llama-3.1-70B on an H200 at FP8.

    >>> round(plain_itl_s(70.6e9, 0.33554432e9, 4.8e12, 80) * 1e3, 9)
    15.5782384
    """
    return (weight_bytes + cache_bytes) / bytes_per_s + layers * layer_tax_s


# ---- in the fleet ----


def serving_rows(layout: Layout) -> list[Block]:
    """Demand is met; what flows into a region is carried by its pools; mixed shapes keep the mean ITL."""
    return [*_demand(layout), *_carried(layout), *_mixed_itl(layout), *closed_rows(layout, "itl", "serving")]


def _demand(layout: Layout) -> list[Block]:
    builder = RowBuilder()
    flows, requests = layout.flows, layout.requests
    planned = "" if requests.allowance == 1.0 else f", {requests.allowance:.4g} times as many with growth and peak"
    for w, name in enumerate(layout.workloads):
        total = requests.demand[layout.shapes_of[w]].sum(axis=(0, 1)).max()
        relax = layout.elastic(
            f"demand {name}",
            f"workloads.{name}.demand",
            "serving",
            float(total) / requests.allowance,  # as the scenario asks, so that it can be moved there
            "requests/s",
            f"all requests of {name} are served{planned}",
            most=1.0,
        )
        for j in layout.shapes_of[w]:
            for o, origin in enumerate(layout.origins):
                for t, slot in enumerate(layout.slots):
                    demand = requests.demand[j, o, t] / layout.rate_unit
                    if demand > 0:
                        here = (flows.request == j) & (flows.origin == o) & (flows.slot == t)
                        where = f"{name}/{requests.names[j]}/{origin}/{slot}"
                        builder.add(where, (flows.col[here], 1.0), (relax, demand), lower=demand, upper=demand)
    return builder.block("serving", "demand", "requests/s", "all requests are served")


def _carried(layout: Layout) -> list[Block]:
    builder = RowBuilder()
    flows, loads, pools = layout.flows, layout.loads, layout.pools
    for w, name in enumerate(layout.workloads):
        for j in layout.shapes_of[w]:
            for r, region in enumerate(layout.regions):
                for t, slot in enumerate(layout.slots):
                    arriving = flows.col[(flows.request == j) & (flows.region == r) & (flows.slot == t)]
                    served = loads.col[(loads.request == j) & (pools.region[loads.pool] == r) & (loads.slot == t)]
                    if arriving.size or served.size:
                        where = f"{name}/{layout.requests.names[j]}/{region}/{slot}"
                        builder.add(where, (arriving, 1.0), (served, -1.0), lower=0.0, upper=0.0)
    return builder.block("serving", "carried", "requests/s", "pools carry what flows into their region", linking=True)


def _mixed_itl(layout: Layout) -> list[Block]:
    blocks: list[Block] = []
    loads = layout.loads
    for w, name in enumerate(layout.workloads):
        if not mixes(layout, w):
            continue
        builder = RowBuilder()
        for t, slot in enumerate(layout.slots):
            now = loads.slot == t
            add_mixed_itl(layout, builder, w, slot, loads.pool[now], loads.shape[now], loads.col[now])
        blocks += builder.block(
            "serving", "mixed_itl", "token-s", "over its mix of shapes a pool keeps the ITL limit", f"itl {name}"
        )
    return blocks


def mixes(layout: Layout, workload: int) -> bool:
    """Whether a workload has several request shapes."""
    return len(layout.shapes_of[workload]) > 1


def add_mixed_itl(
    layout: Layout, builder: RowBuilder, workload: int, label: str, pool: np.ndarray, shape: np.ndarray, col: np.ndarray
) -> None:
    """Rows ``sum_s x_s d_s (ITL_s - limit) <= 0`` for each pool of a workload that can break it; loads are `col`."""
    limit, name = layout.itl_limit_s[workload], layout.workloads[workload]
    if not np.isfinite(limit):
        return
    says = f"inter-token latency of {name} within its limit"
    relax = layout.elastic(f"itl {name}", f"workloads.{name}.itl", "serving", float(limit), "s", says)
    steps = layout.requests.decode_steps[layout.shapes_of[workload]]
    for v in np.flatnonzero(layout.pools.workload == workload):
        over = steps * (layout.pools.itl_s[v, : len(steps)] / limit - 1)
        here = pool == v
        if (over > 0).any() and here.any():
            builder.add(
                f"{layout.pool_name(int(v))}/{label}", (col[here], over[shape[here]]), (relax, -FREE), upper=0.0
            )


WALL = Wall(
    number=4,
    name="serving",
    domain="node",
    question="How fast is the first token, and each one after?",
    equation="TTFT = prefill FLOP / (F eta) + overhead; ITL = bytes / BW + L tau",
    in_fleet="ITL = t_dec + b t_pre / d; mu = b / (d t_dec + b t_pre). ITL and TTFT limits gate; demand is a row.",
    sources=("arXiv:2403.02310", "mlsysim 0.3.0", "AIConfigurator 0.12.0 sample (Apache-2.0)"),
    acts=("shape", "gate", "rows"),
    rows=serving_rows,
)
