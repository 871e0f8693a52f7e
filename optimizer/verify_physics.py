"""The check's own physics: one way of running one request shape, in plain scalars from the declared formulas.

Times are seconds, bytes are bytes, FLOP counts one multiply-add as two. Nothing here is shared with the table of
candidates: the same declared formulas are written a second time, so that a slip in one of them shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from optimizer.verify_types import Way

USABLE_SHARE_OF_HBM = 0.90
RESERVE_BYTES = 2.0e9
TOKENS_IN_A_STEP = 8192
PAGE = 16
NATIVE_RATES = {
    "bf16": ("bf16",),
    "fp16": ("fp16",),
    "fp8": ("fp8",),
    "int8": ("int8",),
    "fp4": ("fp4",),
    "int4": ("bf16", "fp16"),
}
BYTES_PER_WEIGHT = {"bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 0.5 + 1 / 16, "int4": 0.5 + 2 / 128}
BYTES_PER_KV_ELEMENT = {"bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0}
BYTES_PER_ACTIVATION = 2.0


@dataclass(frozen=True)
class Running:
    """What one replica does with requests of one shape.

    Attributes:
        decode_steps: tokens after the first one ``d`` (count).
        prefill_s: one prompt alone, first stage to last.
        occupancy_s: what that prompt takes from the replica's time.
        step_s: one decode step at the full batch.
        itl_s: mean time between tokens of a request, 0 without decode steps.
        holding_s: time that a request holds its slot ``b / mu``.
        rate: requests a second of one replica ``mu``.
        kv_bytes: cache of one request at its full length, in whole pages.
        flop_share, bandwidth_share: of the peaks of all its devices.
        sustained: whether the rate was measured, so that it is known to be kept up with.
        prompt_steps: steps whose token budget the prompt fills.
    """

    decode_steps: int
    prefill_s: float
    occupancy_s: float
    step_s: float
    itl_s: float
    holding_s: float
    rate: float
    kv_bytes: float
    flop_share: float
    bandwidth_share: float
    sustained: bool = False
    prompt_steps: float = 0.0


@dataclass(frozen=True)
class Factors:
    """What multiplies predicted times: of a prefill, of a decode step, and of a prefill where somebody waits for it."""

    prefill: float = 1.0
    step: float = 1.0
    wait: float = 1.0


def native_rate(accelerator: Any, precision: str) -> float | None:
    """Peak FLOP/s at which weights of a precision compute, None where the chip has no such rate."""
    for name in NATIVE_RATES[precision]:
        if accelerator.peak_flop_per_s.get(name):
            return float(accelerator.peak_flop_per_s[name])
    return None


def kv_room_bytes(model: Any, accelerator: Any, way: Way) -> float:
    """Bytes of KV that a replica can hold; negative where the weights do not fit."""
    devices = way.tensor_parallel * way.pipeline_parallel
    parameters = model.attention_params + model.dense_params + model.expert_params
    parameters += model.embedding_params + model.head_params
    weights = parameters * BYTES_PER_WEIGHT[way.precision] / devices
    widest = max(model.ffn or 0, (model.moe_ffn or 0) * (model.active_experts or 0))
    activations = TOKENS_IN_A_STEP * (4 * model.hidden + 2 * widest / way.tensor_parallel) * BYTES_PER_ACTIVATION
    left = USABLE_SHARE_OF_HBM * accelerator.hbm_bytes - RESERVE_BYTES - activations - weights
    return left * _kv_split(model, way) * way.pipeline_parallel


def _kv_split(model: Any, way: Way) -> int:
    """Ranks that really split one request's cache: heads cannot be cut, and MLA's latent is on every rank."""
    return min(way.tensor_parallel, 1 if model.is_mla else model.kv_heads)


def _wire(accelerator: Any, efficiency: Any, group: int) -> float:
    """Sustained bytes a second of one device in a group: the fast link inside its domain, else the fabric."""
    inside = group <= accelerator.scaleup_domain
    wire = accelerator.link_bytes_per_s if inside else accelerator.fabric_bytes_per_s
    return float(wire or 0.0) * efficiency.link_efficiency


def _transfer_s(data: float, wire: float) -> float:
    if data == 0.0:
        return 0.0
    return data / wire if wire > 0.0 else math.inf


def _prefill_flop(model: Any, prompt: float, cached: float) -> float:
    if model.is_mla:
        width = model.heads * (model.qk_nope + model.qk_rope + model.v_head) / 2
    else:
        width = model.heads * model.head_dim
    causal = 2 * model.layers * width * prompt * prompt
    against_cache = 4 * model.layers * width * prompt * cached
    return 2 * model.params_active_nonembed * prompt + causal + against_cache


def _decode_flop(model: Any, context: float) -> float:
    """Of one token of one request."""
    if model.is_mla:
        width = model.heads * (2 * model.kv_lora + model.qk_rope) / 2
    else:
        width = model.heads * model.head_dim
    return 2 * model.params_active_nonembed + 4 * model.layers * width * context


def prefill_s(model: Any, accelerator: Any, efficiency: Any, way: Way, prompt: float, cached: float) -> float:
    """Latency of one prefill: its arithmetic over one stage's devices at a time, two all-reduces a layer, the hops."""
    ranks, stages = way.tensor_parallel, way.pipeline_parallel
    peak = native_rate(accelerator, way.precision) or 0.0
    arithmetic = _prefill_flop(model, prompt, cached) / (ranks * peak * efficiency.prefill_compute)
    message = prompt * model.hidden * BYTES_PER_ACTIVATION
    reduced = 2 * model.layers * 2 * (ranks - 1) / ranks * message
    meeting = _transfer_s(reduced, _wire(accelerator, efficiency, ranks))
    handed_on = _transfer_s((stages - 1) * message, _wire(accelerator, efficiency, ranks * stages))
    return arithmetic + meeting + handed_on


def _step(model: Any, accelerator: Any, efficiency: Any, way: Way, context: float) -> tuple[float, float]:
    """Seconds of one decode step, and bytes that one device reads during it."""
    ranks, stages = way.tensor_parallel, way.pipeline_parallel
    micro = max(way.batch / stages, 1.0)
    peak = native_rate(accelerator, way.precision) or 0.0
    parameters = model.attention_params + model.dense_params + (model.head_params or model.embedding_params)
    if model.experts:
        untouched = (1 - model.active_experts / model.experts) ** micro
        parameters += model.expert_params * (1 - untouched)
    weights = parameters * BYTES_PER_WEIGHT[way.precision] / (ranks * stages)
    cache = model.kv_elements_per_token * BYTES_PER_KV_ELEMENT[way.kv_precision] * micro * context
    read = weights + cache / (_kv_split(model, way) * stages)
    reading = read / (accelerator.hbm_bytes_per_s * efficiency.decode_bandwidth)
    arithmetic = micro * _decode_flop(model, context) / (ranks * stages * peak * efficiency.decode_compute)
    message = micro * model.hidden * BYTES_PER_ACTIVATION
    meeting = 0.0
    if ranks > 1:
        sent = _transfer_s(message, _wire(accelerator, efficiency, ranks))
        meeting = 2 * (ranks - 1) / ranks * (sent + efficiency.allreduce_latency_s)
    hops = 0.0
    if stages > 1:
        sent = _transfer_s(message, _wire(accelerator, efficiency, ranks * stages))
        hops = (stages - 1) * (sent + efficiency.allreduce_latency_s)
    in_layers = model.layers * (efficiency.layer_overhead_s + 2 * meeting)
    return stages * max(reading, arithmetic) + in_layers + efficiency.step_overhead_s + hops, stages * read


def running(
    model: Any, accelerator: Any, efficiency: Any, way: Way, shape: Any, factors: Factors = Factors()
) -> Running:
    """Times, rate and bytes of one replica that serves one shape with all its slots filled."""
    prompt, output, cached = shape.prompt_tokens, shape.output_tokens, shape.cached_context_tokens
    steps = output - 1 if prompt > 0 else output
    prefill = prefill_s(model, accelerator, efficiency, way, prompt, cached) * factors.prefill if prompt > 0 else 0.0
    occupancy = prefill / way.pipeline_parallel
    context = cached + prompt + output / 2
    step, read = _step(model, accelerator, efficiency, way, context)
    step *= factors.step
    holding = steps * step + way.batch * occupancy
    pages = math.ceil((cached + prompt + output) / PAGE)
    flop = way.batch * (
        steps * _decode_flop(model, context) + (_prefill_flop(model, prompt, cached) if prompt else 0.0)
    )
    peak = (native_rate(accelerator, way.precision) or 0.0) * way.devices
    return Running(
        decode_steps=steps,
        prefill_s=prefill * factors.wait,
        occupancy_s=occupancy,
        step_s=step,
        itl_s=step + way.batch * occupancy / steps if steps > 0 else 0.0,
        holding_s=holding,
        rate=way.batch / holding,
        kv_bytes=model.kv_elements_per_token * BYTES_PER_KV_ELEMENT[way.kv_precision] * pages * PAGE,
        flop_share=flop / (holding * peak),
        bandwidth_share=read / (accelerator.hbm_bytes_per_s * step),
        prompt_steps=prompt / TOKENS_IN_A_STEP,
    )


def itl_at(run: Running, batch: int, percentile: float | str) -> float:
    """Time between tokens as the user's limit counts it: the mean over requests, or a percentile over requests.

    The percentile takes the prefills that land in one answer as Poisson, by its normal form: ``b + z sqrt(b)``.
    """
    if run.decode_steps == 0:
        return 0.0
    if percentile == "mean":
        return run.itl_s
    landed = batch + normal_quantile(float(percentile) / 100.0) * math.sqrt(batch)
    return run.step_s + run.occupancy_s * landed / run.decode_steps


def normal_quantile(probability: float) -> float:
    """By bisection of the error function."""
    low, high = -40.0, 40.0
    for _ in range(200):
        middle = (low + high) / 2
        if 0.5 * math.erfc(-middle / math.sqrt(2)) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2
