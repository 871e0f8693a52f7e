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
BYTES_PER_HEAD_WEIGHT = 2.0  # checkpoints leave embeddings and head at 16 bit
BYTES_PER_MXFP4 = 0.5 + 1 / 32
BYTES_PER_STATE_ELEMENT = 4.0
SHARE_BLOCK_SCALED, SHARE_OF_EXPERTS = 0.54, 0.30
EXPERT_LAYER_S, EXPERT_LAYER_16BIT_S, HOST_S_PER_REQUEST = 53e-6, 39e-6, 17e-6


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


@dataclass(frozen=True)
class _Part:
    """One part of a model on a device: bytes per weight, FLOP/s before the fitted share."""

    width: float
    rate: float


def _parts(model: Any, accelerator: Any, precision: str) -> tuple[_Part, _Part, _Part, float]:
    """Attention, the MLPs that every token meets, routed experts, and the rate of attention scores (always 16 bit)."""
    peaks = accelerator.peak_flop_per_s
    peak = native_rate(accelerator, precision) or 0.0
    wide = peaks.get("bf16") or peaks.get("fp16") or peak
    scores, width = min(peak, wide), BYTES_PER_WEIGHT[precision]
    slow = peak > wide and width == 1 and model.block_scaled_fp8
    every = _Part(width, peak * SHARE_BLOCK_SCALED if slow else peak)
    if not model.experts:
        return every, every, every, scores
    routed = _Part(BYTES_PER_MXFP4 if width < 1 and model.mxfp4 else width, every.rate * SHARE_OF_EXPERTS)
    if width >= 1:
        return every, every, routed, scores
    if model.is_mla and peak > wide:
        eight = peaks.get("fp8") or scores
        return _Part(1.0, eight), _Part(width, eight), routed, scores
    return _Part(2.0, scores), _Part(2.0, scores), routed, scores


def _beside_experts(model: Any, accelerator: Any, precision: str, ends: float) -> float:
    """Bytes of everything but the routed experts; `ends` are the weights of embeddings and head that count."""
    attention, dense, _, _ = _parts(model, accelerator, precision)
    blocks = model.attention_params * attention.width + model.dense_params * dense.width
    return blocks + ends * max(BYTES_PER_HEAD_WEIGHT, BYTES_PER_WEIGHT[precision])


def kv_room_bytes(model: Any, accelerator: Any, way: Way) -> float:
    """Bytes of KV that a replica can hold; negative where the weights do not fit."""
    devices = way.tensor_parallel * way.pipeline_parallel
    _, _, routed, _ = _parts(model, accelerator, way.precision)
    ends = model.embedding_params + model.head_params
    weights = _beside_experts(model, accelerator, way.precision, ends) + model.expert_params * routed.width
    widest = max(model.ffn or 0, (model.moe_ffn or 0) * (model.active_experts or 0))
    activations = TOKENS_IN_A_STEP * (4 * model.hidden + 2 * widest / way.tensor_parallel) * BYTES_PER_ACTIVATION
    left = USABLE_SHARE_OF_HBM * accelerator.hbm_bytes - RESERVE_BYTES - activations - weights / devices
    return left * _kv_split(model, way) * way.pipeline_parallel


def _kv_split(model: Any, way: Way) -> int:
    """Ranks that really split one request's cache: heads cannot be cut, and MLA's latent is on every rank."""
    return min(way.tensor_parallel, 1 if model.is_mla else model.kv_heads)


def _state_split(model: Any, way: Way) -> int:
    """The same for the states of linear layers."""
    return min(way.tensor_parallel, model.linear_key_heads)


def _state_bytes(model: Any) -> float:
    """States of one request in all linear layers, whatever its length."""
    return model.linear_layers * model.linear_value_heads * model.linear_dim**2 * BYTES_PER_STATE_ELEMENT


def _reaches(model: Any) -> list[tuple[int, float]]:
    """How many layers look back how far (tokens)."""
    rest = model.layers - model.window_layers - model.linear_layers
    return [(rest, model.sparse_tokens or math.inf), (model.window_layers, model.sliding_window)]


def _kv_per_layer(model: Any) -> int:
    return model.kv_lora + model.qk_rope if model.is_mla else 2 * model.kv_heads * model.head_dim


def _kv_read(model: Any, context: float) -> float:
    """Elements of one request's cache that a step reads."""
    seen = sum(layers * min(context, reach) for layers, reach in _reaches(model))
    return _kv_per_layer(model) * seen + model.layers * model.index_dim * context


def _kv_bytes(model: Any, way: Way, tokens: int) -> float:
    """Cache of one request; sparse attention keeps what it may pick from, a window does not."""
    (rest, _), (few, window) = _reaches(model)
    kept = rest * tokens + few * min(tokens, window)
    elements = _kv_per_layer(model) * kept + model.layers * model.index_dim * tokens
    states = 0.0
    if model.linear_layers:
        states = _state_bytes(model) * _kv_split(model, way) / _state_split(model, way)
    return elements * BYTES_PER_KV_ELEMENT[way.kv_precision] + states


def _wire(accelerator: Any, efficiency: Any, group: int) -> float:
    """Sustained bytes a second of one device in a group: the fast link inside its domain, else the fabric."""
    inside = group <= accelerator.scaleup_domain
    wire = accelerator.link_bytes_per_s if inside else accelerator.fabric_bytes_per_s
    return float(wire or 0.0) * efficiency.link_efficiency


def _transfer_s(data: float, wire: float) -> float:
    if data == 0.0:
        return 0.0
    return data / wire if wire > 0.0 else math.inf


def _score_width(model: Any, cached_latent: bool) -> float:
    """Heads x head dimension of attention scores; on MLA's cached latent, or on its expanded heads."""
    if not model.is_mla:
        return float(model.heads * model.head_dim)
    if cached_latent:
        return float(model.heads * (2 * model.kv_lora + model.qk_rope) / 2)
    return float(model.heads * (model.qk_nope + model.qk_rope + model.v_head) / 2)


def _prompt_scores(model: Any, prompt: float, cached: float) -> float:
    """FLOP of a prompt's attention: each token with those before it, as far as its layer reaches."""

    def below(tokens: float, reach: float) -> float:
        """Area under min(x, reach) from 0 to tokens."""
        near = min(tokens, reach)
        return near * near / 2 + (tokens - near) * reach if tokens > near else near * near / 2

    pairs = sum(
        layers * (below(cached + prompt, reach) - below(cached, reach)) for layers, reach in _reaches(model) if layers
    )
    picking = 2 * model.layers * model.index_heads * model.index_dim * (prompt * prompt / 2 + prompt * cached)
    return 4 * _score_width(model, False) * pairs + picking


def _token_scores(model: Any, context: float) -> float:
    """The same for one new token."""
    seen = sum(layers * min(context, reach) for layers, reach in _reaches(model) if layers)
    picking = 2 * model.layers * model.index_heads * model.index_dim * context
    return 4 * _score_width(model, True) * seen + picking


def prefill_s(model: Any, accelerator: Any, efficiency: Any, way: Way, prompt: float, cached: float) -> float:
    """Latency of one prefill: its arithmetic over one stage's devices at a time, two all-reduces a layer, the hops."""
    ranks, stages = way.tensor_parallel, way.pipeline_parallel
    attention, _, routed, scores = _parts(model, accelerator, way.precision)
    busy = 2 * prompt * (model.attention_params + model.dense_params) / attention.rate
    busy += 2 * prompt * (model.params_active_nonembed - model.attention_params - model.dense_params) / routed.rate
    busy += _prompt_scores(model, prompt, cached) / scores
    arithmetic = busy / (ranks * efficiency.prefill_compute)
    message = prompt * model.hidden * BYTES_PER_ACTIVATION
    reduced = 2 * model.layers * 2 * (ranks - 1) / ranks * message
    meeting = _transfer_s(reduced, _wire(accelerator, efficiency, ranks))
    handed_on = _transfer_s((stages - 1) * message, _wire(accelerator, efficiency, ranks * stages))
    return (arithmetic + meeting + handed_on) / efficiency.speed


def _step(model: Any, accelerator: Any, efficiency: Any, way: Way, context: float) -> tuple[float, float]:
    """Seconds of one decode step, and bytes that one device reads during it."""
    ranks, stages = way.tensor_parallel, way.pipeline_parallel
    micro = max(way.batch / stages, 1.0)
    attention, _, routed, scores = _parts(model, accelerator, way.precision)
    weights = _beside_experts(model, accelerator, way.precision, model.head_params or model.embedding_params)
    slow = 0.0
    if model.experts:
        untouched = (1 - model.active_experts / model.experts) ** micro
        weights += model.expert_params * routed.width * (1 - untouched)
        quantised = (native_rate(accelerator, way.precision) or 0.0) > scores and not model.mxfp4
        slow = EXPERT_LAYER_S if quantised else EXPERT_LAYER_16BIT_S
    read = weights / (ranks * stages)
    read += micro * _kv_read(model, context) * BYTES_PER_KV_ELEMENT[way.kv_precision] / (_kv_split(model, way) * stages)
    if model.linear_layers:
        read += 2 * micro * _state_bytes(model) / (_state_split(model, way) * stages)
    reading = read / (accelerator.hbm_bytes_per_s * efficiency.decode_bandwidth)
    each = 2 * (model.attention_params + model.dense_params) / attention.rate
    each += 2 * (model.params_active_nonembed - model.attention_params - model.dense_params) / routed.rate
    each += _token_scores(model, context) / scores
    arithmetic = micro * each / (ranks * stages * efficiency.decode_compute)
    message = micro * model.hidden * BYTES_PER_ACTIVATION
    meeting = 0.0
    if ranks > 1:
        sent = _transfer_s(message, _wire(accelerator, efficiency, ranks))
        meeting = 2 * (ranks - 1) / ranks * (sent + efficiency.allreduce_latency_s)
    hops = 0.0
    if stages > 1:
        sent = _transfer_s(message, _wire(accelerator, efficiency, ranks * stages))
        hops = (stages - 1) * (sent + efficiency.allreduce_latency_s)
    in_layers = model.layers * (efficiency.layer_overhead_s + 2 * meeting) + model.moe_layers * slow
    once = efficiency.step_overhead_s + hops + HOST_S_PER_REQUEST * way.batch
    return (stages * max(reading, arithmetic) + in_layers + once) / efficiency.speed, stages * read


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
    blocks = 2 * model.params_active_nonembed
    flop = way.batch * (
        steps * (blocks + _token_scores(model, context)) + prompt * blocks + _prompt_scores(model, prompt, cached)
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
        kv_bytes=_kv_bytes(model, way, pages * PAGE),
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
