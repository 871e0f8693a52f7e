"""Wall 2, memory: weights and KV must be read each step, and must fit. Nothing is ever moved to the host in silence.

Every function takes floats or NumPy arrays that broadcast together; bytes are bytes (GB = 1e9).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from physics.wall import Wall

# vLLM's `gpu_memory_utilization` default; the rest of the device is left to the driver and to fragmentation.
USABLE_HBM_FRACTION = 0.90
# CUDA context, communication buffers and captured graphs, per device. Declared: engines report 1 to 3 GB.
RUNTIME_RESERVE_BYTES = 2.0e9
# Most tokens that one step computes (vLLM's `max_num_batched_tokens` for a server); longer prompts go in chunks.
STEP_TOKENS = 8192.0


def prompt_steps(prompt_tokens: Any) -> Any:
    """Steps whose whole token budget a prompt fills (count, not whole): ``s_in / 8192``.

    Args:
        prompt_tokens: ``s_in`` (tokens).

    >>> float(prompt_steps(512)), float(prompt_steps(16384))
    (0.0625, 2.0)
    """
    return np.asarray(prompt_tokens, dtype=float) / STEP_TOKENS


def memory_s(read_bytes: Any, bytes_per_s: Any, efficiency: Any = 1.0) -> Any:
    """Seconds to read `read_bytes` [byte]: ``T = bytes / (BW eta)``.

    Args:
        read_bytes: traffic of one device [byte].
        bytes_per_s: peak memory bandwidth [byte/s].
        efficiency: sustained share of the peak, in (0, 1].

    Reference: Williams et al. 2009, doi:10.1145/1498765.1498785. Number: mlsysim 0.3.0, `calc_bottleneck`.

    >>> round(memory_s(200e9, 3.35e12) * 1e3, 9)
    59.701492537
    """
    return read_bytes / (bytes_per_s * efficiency)


def kv_elements_per_token(layers: Any, kv_heads: Any, head_dim: Any) -> Any:
    """Keys and values that one token leaves behind (count): ``2 L h_kv d``. For MLA it is ``L (kv_lora + rope)``.

    Reference: J. Ainslie et al., "GQA", 2023, arXiv:2305.13245. Number: Llama-3-70B at FP16, mlsysim 0.3.0.

    >>> kv_elements_per_token(80, 8, 128) * 2
    327680
    """
    return 2 * layers * kv_heads * head_dim


def kv_bytes(elements_per_token: Any, tokens: Any, requests: Any, bytes_per_element: Any) -> Any:
    """Bytes of the KV cache [byte]: ``elements x tokens x requests x k``.

    The precision of the cache (16 or 8 bit) is a choice of its own, apart from that of the weights.
    Number: Llama-3-70B, 32 requests of 2,048 tokens at FP16, mlsysim 0.3.0 `get_kv_cache_size`.

    >>> kv_bytes(163840, 2048, 32, 2)
    21474836480
    """
    return elements_per_token * tokens * requests * bytes_per_element


def kv_shards(tensor_parallel: Any, shards_max: Any) -> Any:
    """Ranks over which one request's KV is really split (count): ``min(t, h_kv)``; beyond that it is replicated.

    Args:
        tensor_parallel: ranks ``t`` (count).
        shards_max: KV heads, or 1 for MLA, whose latent is replicated over all ranks (count).

    Reference: vLLM and TensorRT-LLM replicate KV heads when ``t > h_kv``.

    >>> kv_shards(16, 8).item()
    8
    """
    return np.minimum(tensor_parallel, shards_max)


def experts_touched(experts: Any, active_experts: Any, tokens: Any) -> Any:
    """Expected share of the routed experts that a step reads (0 to 1): ``1 - (1 - active / E)^tokens``.

    Holds for independent, balanced routing. The example: Mixtral (2 of 8) at batch 1 reads a quarter, at batch 8
    nine tenths of its experts. Reference: A. Jiang et al., "Mixtral of Experts", 2024, arXiv:2401.04088.

    >>> experts_touched(8, 2, 1).item(), round(experts_touched(8, 2, 8).item(), 3)
    (0.25, 0.9)
    """
    return 1.0 - np.power(1.0 - np.asarray(active_experts) / experts, tokens)


def activation_bytes(hidden: Any, widest: Any, tensor_parallel: Any, bytes_per_element: Any = 2.0) -> Any:
    """Peak activations of a step on one device [byte]: ``8192 (4 H + 2 f / t) bytes``.

    Args:
        hidden: hidden size ``H``, of which input, residual, normalised and output copies live at once (elements).
        widest: inner width of the feed-forward layer ``f``, gate and up (elements).
        tensor_parallel: ranks that split the inner width (count).
        bytes_per_element: bytes per activation.

    Holds for engines that compute at most 8,192 tokens a step (`STEP_TOKENS`). An assumption of this project, not a
    measurement: Llama-3-70B on one device needs about 1.5 GB by it.

    >>> activation_bytes(8192, 28672, 1) / 1e9
    1.476395008
    """
    return STEP_TOKENS * (4.0 * hidden + 2.0 * widest / tensor_parallel) * bytes_per_element


def usable_bytes(hbm_bytes: Any, activations: Any = 0.0) -> Any:
    """Bytes of one device left for weights and KV [byte]: ``0.90 HBM - reserve - activations``.

    Args:
        hbm_bytes: memory of the device [byte].
        activations: peak activations of a step [byte].

    Reference: vLLM's default `gpu_memory_utilization` of 0.90; a declared runtime reserve of 2 GB.

    >>> usable_bytes(80e9)
    70000000000.0
    """
    return USABLE_HBM_FRACTION * hbm_bytes - RUNTIME_RESERVE_BYTES - activations


def plain_weight_bytes(parameters: Any, bytes_per_parameter: Any) -> Any:
    """Bytes of the weights in the plain form [byte]: ``P w``. Number: Llama-3-70B at FP16, mlsysim 0.3.0.

    >>> plain_weight_bytes(70.6e9, 2)
    141200000000.0
    """
    return parameters * bytes_per_parameter


def plain_traffic_bytes(weight_bytes: Any, batch: Any) -> Any:
    """Bytes that one forward step moves, in the plain form [byte]: ``W (1 + b / 10)``.

    mlsysim's stand-in for activations: a tenth of the weights per request. Kept for its cheat sheet, used nowhere in
    a fleet. Number: mlsysim 0.3.0 `Engine.solve`, Llama-3-8B on an H100 at batch 1.

    >>> round(plain_traffic_bytes(16.06e9, 1) / 3.35e12 * 1e3, 9)
    5.273432836
    """
    return weight_bytes * (1.0 + 0.1 * batch)


def plain_training_bytes(
    parameters: float,
    model_shards: float,
    layers: float,
    tokens: float,
    samples: float,
    hidden: float,
    tensor_parallel: float,
    pipelined: bool = False,
) -> float:
    """Memory of one device in training with Adam at 16 bit [byte]: ``16.1 P / shards + 34 s b H L / t + buffers``.

    2 bytes of weights, 2 of gradients, 12 of optimiser state and a 5 % bucket of the gradients; activations with
    selective recomputation; a pipeline holds two more inputs, ``2 b s H 2``.

    Args:
        parameters: weights (count).
        model_shards: tensor x pipeline parallel degree (count).
        layers: layers of one stage (count).
        tokens, samples: tokens per sample, samples of a micro-batch held at once (count).
        hidden: hidden size (elements of 2 bytes).
        tensor_parallel: ranks that split the activations (count).
        pipelined: whether there is more than one stage.

    Reference: V. Korthikanti et al., "Reducing activation recomputation", 2023, arXiv:2205.05198, table 2. Number:
    mlsysim 0.3.0 `DistributedModel`, Llama-3-70B over 8 ranks, 8 samples of 2,048 tokens: 187.7 GB.

    >>> round(plain_training_bytes(70.6e9, 8, 80, 2048, 8, 8192, 8) / 1e9, 6)
    187.716528
    """
    states = (2.0 + 2.0 + 12.0 + 0.05 * 2.0) * parameters / model_shards
    activations = 34.0 * tokens * samples * hidden * layers / tensor_parallel
    buffers = 2.0 * samples * tokens * hidden * 2.0 if pipelined else 0.0
    return states + activations + buffers


def roofline(operations_flop: float, read_bytes: float, flop_per_s: float, bytes_per_s: float) -> dict[str, Any]:
    """Which ceiling holds a kernel: `compute_s`, `memory_s`, `bottleneck`, `ratio` (of the longer to the shorter) and
    `intensity` [FLOP/byte].

    Args:
        operations_flop: work [FLOP].
        read_bytes: traffic [byte].
        flop_per_s: peak rate [FLOP/s].
        bytes_per_s: peak bandwidth [byte/s].

    Reference: Williams et al. 2009. Number: mlsysim 0.3.0, `calc_bottleneck`.

    >>> roofline(1e13, 140e9, 989e12, 3.35e12)["bottleneck"]
    'Memory'
    """
    arithmetic = operations_flop / flop_per_s
    traffic = memory_s(read_bytes, bytes_per_s)
    return {
        "compute_s": arithmetic,
        "memory_s": traffic,
        "bottleneck": "Memory" if traffic > arithmetic else "Compute",
        "ratio": max(arithmetic, traffic) / min(arithmetic, traffic),
        "intensity": operations_flop / read_bytes,
    }


WALL = Wall(
    number=2,
    name="memory",
    domain="node",
    question="Does it fit, and how long does reading it take?",
    equation="T = bytes / BW; fits if bytes <= capacity",
    in_fleet="Weights and KV are read each decode step. With activations and reserve they must fit the usable HBM.",
    sources=("doi:10.1145/1498765.1498785", "arXiv:2305.13245", "mlsysim 0.3.0", "vLLM gpu_memory_utilization"),
    acts=("shape", "gate"),
)
