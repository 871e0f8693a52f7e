"""The one place where the walls that shape a step meet: times, rates and bytes of whole columns of candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from physics import attention, communication, fidelity, kernels, locality, memory, serving
from physics.batching import PAGE_TOKENS, paged_tokens

Column = np.ndarray
_FIGURES = 24  # columns of `Runs` that come from the chip; the rest say how the replica runs


@dataclass(frozen=True)
class Runs:
    """Ways to run one model, as equal-length columns (n rows).

    Attributes:
        peak_flop_per_s: rate at the precision that really computes [FLOP/s].
        flop_per_s_16bit, flop_per_s_8bit: rates of the parts of a model that stay wider [FLOP/s]; 0 is none.
        hbm_bytes, hbm_bytes_per_s: memory of one device [byte], its bandwidth [byte/s].
        link_bytes_per_s, fabric_bytes_per_s: scale-up and scale-out, per direction and device [byte/s]; 0 is none.
        scaleup_domain, devices_per_node: devices joined by the link, devices in a server (count).
        prefill_compute, decode_compute, decode_bandwidth, link_efficiency: fitted shares of the peak, in (0, 1].
        layer_overhead_s, step_overhead_s, allreduce_latency_s: fitted overheads [s].
        weight_bytes_per_parameter, activation_bytes_per_element, kv_bytes_per_element: widths [byte].
        prefill_factor, decode_factor: measured, or feared, over predicted time of a prefill and of a decode step [1].
        first_token_factor: what is feared of a prefill as a wait, beyond what it takes from the replica's time [1].
        draft_tokens, kept_tokens: of multi-token prediction: tokens tried beside the next one, tokens kept of a step.
        tensor_parallel, pipeline_parallel, expert_parallel, batch: how the replica runs (count).
        attention_dp: groups of `tensor_parallel` ranks that each hold the whole attention and their share of the
            requests; the routed experts are split over all of them (count).
    """

    peak_flop_per_s: Column
    flop_per_s_16bit: Column
    flop_per_s_8bit: Column
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
    draft_tokens: Column
    kept_tokens: Column
    tensor_parallel: Column
    pipeline_parallel: Column
    expert_parallel: Column
    attention_dp: Column
    batch: Column

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def devices(self) -> Column:
        """Devices of one replica (count): tensor x pipeline parallel degree x attention groups."""
        return self.tensor_parallel * self.pipeline_parallel * self.attention_dp

    def take(self, rows: Any) -> Runs:
        """The same columns at `rows` (slice, indices or mask)."""
        return Runs(*(getattr(self, column.name)[rows] for column in fields(self)))


@dataclass(frozen=True)
class Requests:
    """One request for each row instead of shapes for all rows: columns [n, 1] (tokens)."""

    prompt_tokens: Column
    output_tokens: Column
    cached_context_tokens: Column


def each_row(prompt: Any, output: Any, cached: Any = 0.0) -> Requests:
    """Requests, one for each row of `Runs`; `price` takes them in place of shapes.

    >>> each_row([512, 1024], 256).output_tokens.tolist()
    [[256.0], [256.0]]
    """
    columns = np.broadcast_arrays(*(np.asarray(column, dtype=float) for column in (prompt, output, cached)))
    return Requests(*(column.reshape(-1, 1) for column in columns))


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
        decode_steps: [S] decode steps of each shape (count); [n, 1] where each row has a request of its own.
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


def hardware(
    accelerator: Any, efficiency: Any, precision: str, kv_precision: str = "bf16", weight_only: bool = False
) -> dict[str, float] | None:
    """The figures of one accelerator at one precision, by column of `Runs`; None where the precision is not native.

    Args:
        accelerator: a catalog entry (`scenarios.Accelerator`).
        efficiency: the fitted figures of its generation (`scenarios.Efficiency`).
        precision: of the weights; see `physics.fidelity.PRECISIONS`.
        kv_precision: of the KV cache, on its own.
        weight_only: where the chip has no such rate, store so and compute at 16 bit instead of giving None. Engines do
            it when asked to; planning does not, measured rows are read so.
    """
    rate, peaks = fidelity.compute_rate(accelerator, precision), accelerator.peak_flop_per_s
    if rate is None and weight_only:
        rate = fidelity.compute_rate(accelerator, "int4")
    if rate is None:
        return None
    return {
        "peak_flop_per_s": rate,
        "flop_per_s_16bit": float(peaks.get("bf16") or peaks.get("fp16") or rate),
        "flop_per_s_8bit": float(peaks.get("fp8") or 0.0),
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
        "prefill_factor": 1.0 / efficiency.speed,
        "decode_factor": 1.0 / efficiency.speed,
        "first_token_factor": 1.0,
        "draft_tokens": 0.0,
        "kept_tokens": 1.0,
    }


def gather(
    chips: Sequence[Mapping[str, float]],
    chip: Any,
    tensor_parallel: Any,
    batch: Any,
    pipeline_parallel: Any = 1,
    expert_parallel: Any = 1,
    attention_dp: Any = 1,
) -> Runs:
    """Runs from a few `hardware` dictionaries and, per row, which of them (`chip`), the degrees and the batch.

    >>> one = gather([dict.fromkeys((f.name for f in fields(Runs)[:_FIGURES]), 1.0)], [0, 0], [1, 2], [8, 8])
    >>> len(one), one.devices
    (2, array([1., 2.]))
    """
    ways = (tensor_parallel, pipeline_parallel, expert_parallel, attention_dp, batch)
    which, *degrees = np.broadcast_arrays(chip, *ways)
    names = [column.name for column in fields(Runs)]
    table = np.array([[figures[name] for name in names[:_FIGURES]] for figures in chips], dtype=float)
    columns = [table[:, k][which.astype(np.intp)] for k in range(_FIGURES)]
    return Runs(*columns, *(degree.astype(float) for degree in degrees))


def stored_parameters(model: Any) -> float:
    """Weights beside the routed experts that every replica stores (count), embeddings and head included."""
    return float(model.attention_params + model.dense_params + model.embedding_params + model.head_params)


def read_parameters(model: Any) -> float:
    """Weights beside the routed experts that a decode step reads (count): the blocks and the output head."""
    return float(model.attention_params + model.dense_params + (model.head_params or model.embedding_params))


def price(model: Any, runs: Runs, shapes: Sequence[Any] | Requests) -> Prices:
    """Price every run for every request shape, or each for its own request.

    Args:
        model: a catalog entry (`scenarios.Model`).
        runs: the candidates, n rows.
        shapes: requests with `prompt_tokens`, `output_tokens` and `cached_context_tokens`; or `each_row`'s columns.

    Prefill and decode FLOP are those of wall 1, reads those of wall 2 shared over ``t``, ``p`` and ``min(t, h_kv)``,
    the two all-reduces per layer those of wall 14, and by wall 4 ``ITL = t_dec + b t_pre / d``,
    ``mu = b / (d t_dec + b t_pre)``. With pipeline stages ``t_dec = p t_stage(b / p) + (p - 1) hop``; a prefill takes
    the sum of the stages as latency and that over ``p`` as occupancy. With attention-DP requests are split over its
    groups, experts over all devices.

    Holds for replicas with a full batch. No measured row has p > 1 (docs/accuracy.md).
    """
    prompt, output, cached = _columns(shapes)
    steps = serving.decode_steps(prompt, output)
    stages, batch, wait = runs.pipeline_parallel[:, None], runs.batch[:, None], runs.first_token_factor[:, None]
    part = kernels.parts(model, runs)
    prefill, groups = _prefill_s(model, runs, part, prompt, cached)
    occupancy = groups / stages
    context = serving.mean_context_tokens(cached, prompt, output)
    decode, bandwidth_fraction = _decode(model, runs, part, context)
    residence = serving.residence_s(batch, decode, occupancy, steps)
    chunk = np.minimum(prompt, memory.STEP_TOKENS)
    longest = prefill
    if not np.array_equal(chunk, prompt):
        longest, _ = _prefill_s(model, runs, part, chunk, cached + prompt - chunk)
    weights_flop = 2.0 * model.params_active_nonembed * (steps + prompt)
    flop = batch * (
        weights_flop + steps * attention.token_flop(model, context) + attention.prompt_flop(model, prompt, cached)
    )
    tokens = paged_tokens(cached + prompt + output, PAGE_TOKENS)
    weights, usable, room = _room(model, runs, part)
    kv_bytes = attention.held_elements(model, tokens) * runs.kv_bytes_per_element[:, None]
    if model.linear_layers:  # states split over other ranks than the cache, by whose split room is counted
        split = memory.kv_shards(runs.tensor_parallel, model.kv_shards_max) / _state_shards(model, runs.tensor_parallel)
        kv_bytes = kv_bytes + (attention.state_bytes(model) * split)[:, None]
    return Prices(
        prefill_s=prefill * wait,
        prefill_occupancy_s=occupancy,
        decode_step_s=decode,
        itl_s=serving.itl_s(decode, batch, occupancy, steps),
        itl_p99_token_s=np.where(steps > 0, decode + longest * wait, 0.0),
        requests_per_s=batch / residence,
        residence_s=residence,
        kv_bytes_per_request=kv_bytes,
        flop_fraction=flop / (residence * (runs.peak_flop_per_s * runs.devices)[:, None]),
        bandwidth_fraction=bandwidth_fraction,
        decode_steps=steps,
        weight_bytes_per_device=weights,
        usable_bytes_per_device=usable,
        kv_capacity_bytes=room,
    )


def _columns(shapes: Sequence[Any] | Requests) -> tuple[Column, Column, Column]:
    """Prompt, output and cached tokens: [S], or [n, 1]."""
    if isinstance(shapes, Requests):
        return shapes.prompt_tokens, shapes.output_tokens, shapes.cached_context_tokens
    sizes = [(shape.prompt_tokens, shape.output_tokens, shape.cached_context_tokens) for shape in shapes]
    prompt, output, cached = np.array(sizes, dtype=float).reshape(-1, 3).T
    return prompt, output, cached


def _group_bytes_per_s(runs: Runs, ranks: Column) -> Column:
    """Sustained bandwidth of a device in a group of `ranks` [byte/s], [n]."""
    wire = locality.group_bytes_per_s(ranks, runs.scaleup_domain, runs.link_bytes_per_s, runs.fabric_bytes_per_s)
    return communication.sustained_bytes_per_s(wire, runs.link_efficiency)


def _groups(model: Any, runs: Runs) -> tuple[Column, Column]:
    """Ranks that meet after attention, and after the experts (all of them) or the dense layer, [n]."""
    together = runs.tensor_parallel * runs.attention_dp if model.experts else runs.tensor_parallel
    return runs.tensor_parallel, together


def _prefill_s(model: Any, runs: Runs, part: kernels.Parts, prompt: Column, cached: Column) -> tuple[Column, Column]:
    """Latency of one prefill, the sum of its stages, and what it takes of all attention groups [s], each [n, S].

    It rides in a decode step, so weights, layer overheads and the latency of the all-reduces are that step's already.
    """
    ranks, together = _groups(model, runs)
    share = runs.prefill_compute
    experts = 2.0 * model.active_expert_params / (together * part.expert_flop_per_s * share)
    rest = 2.0 * (model.attention_params + model.dense_params) / (ranks * part.rest_flop_per_s * share)
    scores = 1.0 / (ranks * part.score_flop_per_s * share)
    once = 0.0
    for group in (ranks, together):
        once = once + communication.allreduce_s(1.0, group, _group_bytes_per_s(runs, group))
    hops = (runs.pipeline_parallel - 1.0) / _group_bytes_per_s(runs, runs.devices)
    sent = (model.layers * once + hops) * (model.hidden * runs.activation_bytes_per_element)
    factor = runs.prefill_factor
    met = attention.prompt_flop(model, prompt, cached)
    alone = ((experts + rest + sent) * factor)[:, None] * prompt + (scores * factor)[:, None] * met
    if (runs.attention_dp == 1.0).all():
        return alone, alone
    apart = factor / runs.attention_dp
    groups = ((experts + sent) * factor + rest * apart)[:, None] * prompt + (scores * apart)[:, None] * met
    return alone, groups


def _decode(model: Any, runs: Runs, part: kernels.Parts, context: Column) -> tuple[Column, Column]:
    """Time of one decode step per token kept [s] and the share of the peak bandwidth, each [n, S]."""
    ranks, together = _groups(model, runs)
    stages, devices, share = runs.pipeline_parallel, runs.devices, runs.decode_compute
    micro = np.maximum(runs.batch / stages, 1.0)
    own = np.maximum(micro / runs.attention_dp, 1.0)
    tokens = micro * (1.0 + runs.draft_tokens)
    weight_bytes = kernels.fixed_weight_bytes(model, part, embeddings=False) / (ranks * stages)
    if model.experts:
        touched = memory.experts_touched(model.experts, model.active_experts, tokens)
        weight_bytes = weight_bytes + model.expert_params * touched * part.experts / devices
    shards = memory.kv_shards(ranks, model.kv_shards_max) * stages
    if model.linear_layers:  # a state is read and written back
        state = 2.0 * attention.state_bytes(model) * own
        weight_bytes = weight_bytes + state / (_state_shards(model, ranks) * stages)
    per_element = own * runs.kv_bytes_per_element / shards
    read_bytes = weight_bytes[:, None] + per_element[:, None] * attention.read_elements(model, context)
    memory_s = read_bytes / (runs.hbm_bytes_per_s * runs.decode_bandwidth)[:, None]
    each = 2.0 * model.active_expert_params / part.expert_flop_per_s
    each = each + 2.0 * (model.attention_params + model.dense_params) / part.rest_flop_per_s
    per_token, per_score = tokens / (devices * share), tokens / (devices * share * part.score_flop_per_s)
    compute_s = (per_token * each)[:, None] + per_score[:, None] * attention.token_flop(model, context)
    message = tokens * model.hidden * runs.activation_bytes_per_element
    latency = runs.allreduce_latency_s
    meet = communication.allreduce_s(message / runs.attention_dp, ranks, _group_bytes_per_s(runs, ranks), latency)
    meet = (meet + communication.allreduce_s(message, together, _group_bytes_per_s(runs, together), latency)) / 2.0
    hop = communication.hop_s(message, _group_bytes_per_s(runs, devices), latency)
    layers = model.layers / stages
    stage = serving.decode_step_s(0.0, 0.0, layers, runs.layer_overhead_s, meet, runs.step_overhead_s / stages)
    overhead = stages * stage + (stages - 1.0) * hop
    overhead = overhead + model.moe_layers * part.expert_layer_s + kernels.HOST_S_PER_REQUEST * runs.batch
    step = stages[:, None] * np.maximum(memory_s, compute_s) + overhead[:, None]
    step = step * (runs.decode_factor / runs.kept_tokens)[:, None]
    fraction = read_bytes * (stages / (runs.hbm_bytes_per_s * runs.kept_tokens))[:, None] / step
    return step, fraction


def _state_shards(model: Any, ranks: Column) -> Column:
    """Ranks that split the states of linear layers: their key heads cannot be cut."""
    return np.minimum(ranks, float(model.linear_key_heads))


def _room(model: Any, runs: Runs, part: kernels.Parts) -> tuple[Column, Column, Column]:
    """Weights, usable memory and KV room [byte], each [n]."""
    ranks, stages = runs.tensor_parallel, runs.pipeline_parallel
    held = kernels.fixed_weight_bytes(model, part, embeddings=True) / (ranks * stages)
    held = held + model.expert_params * part.experts / runs.devices
    widest = max(float(model.ffn or 0.0), float((model.moe_ffn or 0.0) * (model.active_experts or 0.0)))
    activations = memory.activation_bytes(model.hidden, widest, ranks, runs.activation_bytes_per_element)
    usable = memory.usable_bytes(runs.hbm_bytes, activations)
    shards = memory.kv_shards(ranks, model.kv_shards_max) * stages * runs.attention_dp
    return held, usable, np.maximum(usable - held, 0.0) * shards
