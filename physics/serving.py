"""Wall 4, serving: prefills of others land inside my decode, so tokens slow down as the batch fills.

Every function takes floats or NumPy arrays that broadcast together; times are seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from physics.wall import Wall


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


WALL = Wall(
    number=4,
    name="serving",
    domain="node",
    question="How fast is the first token, and each one after?",
    equation="TTFT = prefill FLOP / (F eta) + overhead; ITL = bytes / BW + L tau",
    in_fleet="ITL = t_dec + b t_pre / d; mu = b / (d t_dec + b t_pre). ITL and TTFT limits gate; demand is a row.",
    sources=("arXiv:2403.02310", "mlsysim 0.3.0", "AIConfigurator 0.12.0 sample (Apache-2.0)"),
    acts=("shape", "gate", "rows"),
)
