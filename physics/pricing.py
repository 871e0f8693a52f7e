"""The one place where the walls that shape a step meet: times, rates and bytes of whole columns of candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from physics import communication, compute, fidelity, locality, memory, serving
from physics.batching import PAGE_TOKENS, paged_tokens

Column = np.ndarray
_FIGURES = 20  # columns of `Runs` that come from the chip; the rest say how the replica runs


@dataclass(frozen=True)
class Runs:
    """Ways to run one model, as equal-length columns (n rows).

    Attributes:
        peak_flop_per_s: rate at the precision that really computes [FLOP/s].
        hbm_bytes, hbm_bytes_per_s: memory of one device [byte], its bandwidth [byte/s].
        link_bytes_per_s, fabric_bytes_per_s: scale-up and scale-out, per direction and device [byte/s]; 0 is none.
        scaleup_domain, devices_per_node: devices joined by the link, devices in a server (count).
        prefill_compute, decode_compute, decode_bandwidth, link_efficiency: fitted shares of the peak, in (0, 1].
        layer_overhead_s, step_overhead_s, allreduce_latency_s: fitted overheads [s].
        weight_bytes_per_parameter, activation_bytes_per_element, kv_bytes_per_element: widths [byte].
        prefill_factor, decode_factor: measured, or feared, over predicted time of a prefill and of a decode step [1].
        first_token_factor: what is feared of a prefill as a wait, beyond what it takes from the replica's time [1].
        tensor_parallel, pipeline_parallel, expert_parallel, batch: how the replica runs (count).
    """

    peak_flop_per_s: Column
    hbm_bytes: Column
    hbm_bytes_per_s: Column
    link_bytes_per_s: Column
    fabric_bytes_per_s: Column
    scaleup_domain: Column
    devices_per_node: Column
    prefill_compute: Column
    decode_compute: Column
    decode_bandwidth: Column
    link_efficiency: Column
    layer_overhead_s: Column
    step_overhead_s: Column
    allreduce_latency_s: Column
    weight_bytes_per_parameter: Column
    activation_bytes_per_element: Column
    kv_bytes_per_element: Column
    prefill_factor: Column
    decode_factor: Column
    first_token_factor: Column
    tensor_parallel: Column
    pipeline_parallel: Column
    expert_parallel: Column
    batch: Column

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def devices(self) -> Column:
        """Devices of one replica (count): tensor x pipeline parallel degree."""
        return self.tensor_parallel * self.pipeline_parallel

    def take(self, rows: Any) -> Runs:
        """The same columns at `rows` (slice, indices or mask)."""
        return Runs(*(getattr(self, column.name)[rows] for column in fields(self)))


@dataclass(frozen=True)
class Prices:
    """What `price` says of n runs and S shapes; arrays are [n, S] unless a line says [n].

    Attributes:
        prefill_s: one prompt alone, first stage to last [s].
        prefill_occupancy_s: what it takes from the replica's time, `prefill_s` / p [s].
        decode_step_s: one decode step at the full batch [s].
        itl_s: mean time between tokens of a request [s]; 0 where a request has no decode step.
        itl_p99_token_s: a token whose step carries a whole prefill chunk [s].
        requests_per_s: rate of one replica [1/s].
        residence_s: time that a request holds its slot, b / mu [s].
        kv_bytes_per_request: KV at the request's full length, in whole pages [byte].
        flop_fraction, bandwidth_fraction: achieved share of the peaks, never above 1.
        decode_steps: [S] decode steps of each shape (count).
        weight_bytes_per_device: [n] weights on one device [byte].
        usable_bytes_per_device: [n] HBM left for weights and KV [byte].
        kv_capacity_bytes: [n] KV that a replica can hold [byte], 0 where the weights do not fit; the gate is
            ``batch x kv_bytes_per_request <= kv_capacity_bytes``.
    """

    prefill_s: Column
    prefill_occupancy_s: Column
    decode_step_s: Column
    itl_s: Column
    itl_p99_token_s: Column
    requests_per_s: Column
    residence_s: Column
    kv_bytes_per_request: Column
    flop_fraction: Column
    bandwidth_fraction: Column
    decode_steps: Column
    weight_bytes_per_device: Column
    usable_bytes_per_device: Column
    kv_capacity_bytes: Column


def hardware(accelerator: Any, efficiency: Any, precision: str, kv_precision: str = "bf16") -> dict[str, float] | None:
    """The figures of one accelerator at one precision, by column of `Runs`; None where the precision is not native.

    Args:
        accelerator: a catalog entry (`scenarios.Accelerator`).
        efficiency: the fitted figures of its generation (`scenarios.Efficiency`).
        precision: of the weights; see `physics.fidelity.PRECISIONS`.
        kv_precision: of the KV cache, on its own.
    """
    rate = fidelity.compute_rate(accelerator, precision)
    if rate is None:
        return None
    return {
        "peak_flop_per_s": rate,
        "hbm_bytes": accelerator.hbm_bytes,
        "hbm_bytes_per_s": accelerator.hbm_bytes_per_s,
        "link_bytes_per_s": accelerator.link_bytes_per_s or 0.0,
        "fabric_bytes_per_s": accelerator.fabric_bytes_per_s or 0.0,
        "scaleup_domain": float(accelerator.scaleup_domain),
        "devices_per_node": float(accelerator.devices_per_node),
        "prefill_compute": efficiency.prefill_compute,
        "decode_compute": efficiency.decode_compute,
        "decode_bandwidth": efficiency.decode_bandwidth,
        "link_efficiency": efficiency.link_efficiency,
        "layer_overhead_s": efficiency.layer_overhead_s,
        "step_overhead_s": efficiency.step_overhead_s,
        "allreduce_latency_s": efficiency.allreduce_latency_s,
        "weight_bytes_per_parameter": fidelity.weight_bytes_per_parameter(precision),
        "activation_bytes_per_element": fidelity.activation_bytes_per_element(precision),
        "kv_bytes_per_element": fidelity.kv_bytes_per_element(kv_precision),
        "prefill_factor": 1.0,
        "decode_factor": 1.0,
        "first_token_factor": 1.0,
    }


def gather(
    chips: Sequence[Mapping[str, float]],
    chip: Any,
    tensor_parallel: Any,
    batch: Any,
    pipeline_parallel: Any = 1,
    expert_parallel: Any = 1,
) -> Runs:
    """Runs from a few `hardware` dictionaries and, per row, which of them (`chip`), the degrees and the batch.

    >>> one = gather([dict.fromkeys((f.name for f in fields(Runs)[:_FIGURES]), 1.0)], [0, 0], [1, 2], [8, 8])
    >>> len(one), one.devices
    (2, array([1., 2.]))
    """
    which, *degrees = np.broadcast_arrays(chip, tensor_parallel, pipeline_parallel, expert_parallel, batch)
    names = [column.name for column in fields(Runs)]
    table = np.array([[figures[name] for name in names[:_FIGURES]] for figures in chips], dtype=float)
    columns = [table[:, k][which.astype(np.intp)] for k in range(_FIGURES)]
    return Runs(*columns, *(degree.astype(float) for degree in degrees))


def attention_widths(model: Any) -> tuple[float, float]:
    """Heads x head dimension in prefill and in decode (elements).

    Decode of MLA works on the cached latent: ``h (kv_lora + rope + kv_lora) / 2``; its prefill on expanded heads.
    Reference: DeepSeek-V2, 2024, arXiv:2405.04434, section 2.1.
    """
    if not model.is_mla:
        return float(model.heads * model.head_dim), float(model.heads * model.head_dim)
    expanded = model.heads * (model.qk_nope + model.qk_rope + model.v_head) / 2.0
    latent = model.heads * (2.0 * model.kv_lora + model.qk_rope) / 2.0
    return float(expanded), float(latent)


def stored_parameters(model: Any) -> float:
    """Weights beside the routed experts that every replica stores (count), embeddings and head included."""
    return float(model.attention_params + model.dense_params + model.embedding_params + model.head_params)


def read_parameters(model: Any) -> float:
    """Weights beside the routed experts that a decode step reads (count): the blocks and the output head."""
    return float(model.attention_params + model.dense_params + (model.head_params or model.embedding_params))


def price(model: Any, runs: Runs, shapes: Sequence[Any]) -> Prices:
    """Price every run for every request shape.

    Args:
        model: a catalog entry (`scenarios.Model`).
        runs: the candidates, n rows.
        shapes: requests with `prompt_tokens`, `output_tokens` and `cached_context_tokens`.

    Prefill and decode FLOP are those of wall 1, reads those of wall 2 shared over ``t``, ``p`` and ``min(t, h_kv)``,
    the two all-reduces per layer those of wall 14, and by wall 4 ``ITL = t_dec + b t_pre / d``,
    ``mu = b / (d t_dec + b t_pre)``. With pipeline stages ``t_dec = p t_stage(b / p) + (p - 1) hop``; a prefill takes
    the sum of the stages as latency and that over ``p`` as occupancy.

    Holds for replicas with a full batch. No measured row has p > 1 (docs/accuracy.md).
    """
    prompt = np.array([shape.prompt_tokens for shape in shapes], dtype=float)
    output = np.array([shape.output_tokens for shape in shapes], dtype=float)
    cached = np.array([shape.cached_context_tokens for shape in shapes], dtype=float)
    steps = serving.decode_steps(prompt, output)
    stages, batch, wait = runs.pipeline_parallel[:, None], runs.batch[:, None], runs.first_token_factor[:, None]
    prefill = _prefill_s(model, runs, prompt, cached)
    occupancy = prefill / stages
    decode, flop_per_token, bandwidth_fraction = _decode(
        model, runs, serving.mean_context_tokens(cached, prompt, output)
    )
    residence = serving.residence_s(batch, decode, occupancy, steps)
    chunk = np.minimum(prompt, memory.STEP_TOKENS)
    longest = prefill if np.array_equal(chunk, prompt) else _prefill_s(model, runs, chunk, cached + prompt - chunk)
    prefill_width, _ = attention_widths(model)
    prefill_flop = compute.prefill_flop(model.params_active_nonembed, model.layers, prefill_width, prompt, cached)
    flop = batch * (steps * flop_per_token + prefill_flop)
    tokens = paged_tokens(cached + prompt + output, PAGE_TOKENS)
    weights, usable, room = _room(model, runs)
    return Prices(
        prefill_s=prefill * wait,
        prefill_occupancy_s=occupancy,
        decode_step_s=decode,
        itl_s=serving.itl_s(decode, batch, occupancy, steps),
        itl_p99_token_s=np.where(steps > 0, decode + longest * wait, 0.0),
        requests_per_s=batch / residence,
        residence_s=residence,
        kv_bytes_per_request=model.kv_elements_per_token * tokens * runs.kv_bytes_per_element[:, None],
        flop_fraction=flop / (residence * (runs.peak_flop_per_s * runs.devices)[:, None]),
        bandwidth_fraction=bandwidth_fraction,
        decode_steps=steps,
        weight_bytes_per_device=weights,
        usable_bytes_per_device=usable,
        kv_capacity_bytes=room,
    )


def _group_bytes_per_s(runs: Runs, ranks: Column) -> Column:
    """Sustained bandwidth of a device in a group of `ranks` [byte/s], [n]."""
    wire = locality.group_bytes_per_s(ranks, runs.scaleup_domain, runs.link_bytes_per_s, runs.fabric_bytes_per_s)
    return communication.sustained_bytes_per_s(wire, runs.link_efficiency)


def _prefill_s(model: Any, runs: Runs, prompt: Column, cached: Column) -> Column:
    """Latency of one prefill, the sum of its stages [s], [n, S]; 0 for a shape without prompt.

    It rides in a decode step, so weights, layer overheads and the latency of the all-reduces are that step's already.
    """
    width, _ = attention_widths(model)
    flop = compute.prefill_flop(model.params_active_nonembed, model.layers, width, prompt, cached)
    rate = runs.tensor_parallel * runs.peak_flop_per_s * runs.prefill_compute
    message = prompt * model.hidden
    width_bytes = runs.activation_bytes_per_element
    once = communication.allreduce_s(1.0, runs.tensor_parallel, _group_bytes_per_s(runs, runs.tensor_parallel))
    hops = (runs.pipeline_parallel - 1.0) / _group_bytes_per_s(runs, runs.devices)
    per_element = communication.SERVING_ALLREDUCES_PER_LAYER * model.layers * once + hops
    alone = flop / rate[:, None] + message * (per_element * width_bytes)[:, None]
    return alone * runs.prefill_factor[:, None]


def _decode(model: Any, runs: Runs, context: Column) -> tuple[Column, Column, Column]:
    """One decode step [s], its FLOP per request and the share of the peak bandwidth, each [n, S] or [S]."""
    ranks, stages = runs.tensor_parallel, runs.pipeline_parallel
    micro = np.maximum(runs.batch / stages, 1.0)
    _, width = attention_widths(model)
    flop_per_token = compute.decode_step_flop(1.0, model.params_active_nonembed, model.layers, width, context)
    devices = runs.devices
    weights = read_parameters(model)
    if model.experts:
        weights = weights + model.expert_params * memory.experts_touched(model.experts, model.active_experts, micro)
    weight_bytes = weights * runs.weight_bytes_per_parameter / devices
    kv_per_token = model.kv_elements_per_token * runs.kv_bytes_per_element * micro
    kv_per_token = kv_per_token / (memory.kv_shards(ranks, model.kv_shards_max) * stages)
    read_bytes = weight_bytes[:, None] + kv_per_token[:, None] * context
    memory_s = read_bytes / (runs.hbm_bytes_per_s * runs.decode_bandwidth)[:, None]
    compute_s = (micro / (devices * runs.peak_flop_per_s * runs.decode_compute))[:, None] * flop_per_token
    message = micro * model.hidden * runs.activation_bytes_per_element
    meet = communication.allreduce_s(message, ranks, _group_bytes_per_s(runs, ranks), runs.allreduce_latency_s)
    hop = communication.hop_s(message, _group_bytes_per_s(runs, devices), runs.allreduce_latency_s)
    overhead = stages * serving.decode_step_s(
        0.0, 0.0, model.layers / stages, runs.layer_overhead_s, meet, runs.step_overhead_s / stages
    ) + (stages - 1.0) * hop
    step = (stages[:, None] * np.maximum(memory_s, compute_s) + overhead[:, None]) * runs.decode_factor[:, None]
    fraction = read_bytes * (stages / runs.hbm_bytes_per_s)[:, None] / step
    return step, flop_per_token, fraction


def _room(model: Any, runs: Runs) -> tuple[Column, Column, Column]:
    """Weights, usable memory and KV room [byte], each [n]."""
    devices = runs.devices
    held = (stored_parameters(model) + model.expert_params) * runs.weight_bytes_per_parameter / devices
    widest = max(float(model.ffn or 0.0), float((model.moe_ffn or 0.0) * (model.active_experts or 0.0)))
    activations = memory.activation_bytes(model.hidden, widest, runs.tensor_parallel, runs.activation_bytes_per_element)
    usable = memory.usable_bytes(runs.hbm_bytes, activations)
    shards = memory.kv_shards(runs.tensor_parallel, model.kv_shards_max) * runs.pipeline_parallel
    return held, usable, np.maximum(usable - held, 0.0) * shards
