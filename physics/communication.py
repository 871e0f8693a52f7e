"""Wall 14, communication: ranks that split a model must meet twice in every layer.

Every function takes floats or NumPy arrays that broadcast together. Bandwidths are per direction and device.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from physics.wall import Wall

# Forward pass of a tensor-parallel layer: after attention and after the feed-forward block. arXiv:1909.08053, p. 4.
SERVING_ALLREDUCES_PER_LAYER = 2.0
TRAINING_ALLREDUCES_PER_LAYER = 4.0
_NO_WIRE_BYTES_PER_S = 1.0


def ring_allreduce_s(message_bytes: Any, ranks: Any, bytes_per_s: Any, latency_s: Any = 0.0) -> Any:
    """Seconds of a ring all-reduce: ``2 (N-1)/N M / beta + 2 (N-1) alpha``.

    Args:
        message_bytes: size of the reduced array ``M`` [byte].
        ranks: devices ``N`` (count).
        bytes_per_s: link bandwidth ``beta`` [byte/s].
        latency_s: per message ``alpha`` [s].

    Holds for large messages on a ring. Reference: P. Patarasuk, X. Yuan, "Bandwidth optimal all-reduce algorithms",
    JPDC 69(2), 2009, doi:10.1016/j.jpdc.2008.09.002. Number: mlsysim 0.3.0, 140 GB over 64 ranks at 50 GB/s.

    >>> round(ring_allreduce_s(140e9, 64, 50e9, 5e-6), 9)
    5.51313
    """
    return 2.0 * (ranks - 1.0) / ranks * message_bytes / bytes_per_s + 2.0 * (ranks - 1.0) * latency_s


def allreduce_s(message_bytes: Any, ranks: Any, bytes_per_s: Any, latency_s: Any = 0.0) -> Any:
    """Seconds of one all-reduce inside a serving step: ``2 (N-1)/N (M / beta + alpha)``.

    Args:
        message_bytes: activations to reduce ``M`` [byte].
        ranks: devices ``N`` (count); one rank costs nothing.
        bytes_per_s: sustained bandwidth of a device in the group ``beta`` [byte/s].
        latency_s: fitted cost of meeting ``alpha`` [s]; 0 for the part of a prefill that shares its step.

    Serving engines use one-shot and two-shot kernels over switched links, whose latency does not grow with a ring's
    2 (N-1) steps: on the fitted rows 2, 4 and 8 ranks differ as (N-1)/N does. Holds for 2 to 8 ranks on one switch.
    Reference: this project's fit (docs/accuracy.md); the bandwidth term is that of the ring.

    >>> round(allreduce_s(0.0, 8, 450e9, 10e-6) * 1e6, 6), allreduce_s(1e6, 1, 450e9, 10e-6)
    (17.5, 0.0)
    """
    return 2.0 * (ranks - 1.0) / ranks * (message_bytes / bytes_per_s + latency_s)


def hop_s(message_bytes: Any, bytes_per_s: Any, latency_s: Any) -> Any:
    """Seconds to hand a message to the next pipeline stage: ``M / beta + alpha``.

    Args:
        message_bytes: activations of the micro-batch [byte].
        bytes_per_s: bandwidth between the stages [byte/s].
        latency_s: per message [s].

    Reference: the alpha-beta model, R. Hockney, 1994, doi:10.1016/S0167-8191(06)80021-9. The example: 64 tokens of
    Llama-3-70B's hidden state at 16 bit over a 50 GB/s fabric.

    >>> round(hop_s(64 * 8192 * 2, 50e9, 5e-6) * 1e6, 2)
    25.97
    """
    return message_bytes / bytes_per_s + latency_s


def hierarchical_allreduce_s(
    message_bytes: Any,
    nodes: Any,
    devices_per_node: Any,
    link_bytes_per_s: Any,
    fabric_bytes_per_s: Any,
    link_latency_s: Any = 0.5e-6,
    fabric_latency_s: Any = 5e-6,
) -> Any:
    """Seconds of an all-reduce over nodes: reduce-scatter inside, ring of ``M / g`` across, all-gather inside.

    ``2 ((g-1)/g M / beta_link + (g-1) alpha_link) + ring(M / g, nodes, beta_fabric, alpha_fabric)``

    Args:
        message_bytes: size of the reduced array ``M`` [byte].
        nodes: servers (count).
        devices_per_node: devices that share the link ``g`` (count).
        link_bytes_per_s, fabric_bytes_per_s: bandwidth inside and across, per device [byte/s].
        link_latency_s, fabric_latency_s: per message inside and across [s].

    Holds with one network card per device. Reference: mlsysim 0.3.0 `calc_hierarchical_allreduce_time`; with one
    device per node it is the ring.

    >>> hierarchical_allreduce_s(1e9, 8, 1, 450e9, 50e9) == ring_allreduce_s(1e9, 8, 50e9, 5e-6)
    True
    """
    inside = (devices_per_node - 1.0) * (message_bytes / devices_per_node / link_bytes_per_s + link_latency_s)
    across = ring_allreduce_s(message_bytes / devices_per_node, nodes, fabric_bytes_per_s, fabric_latency_s)
    return 2.0 * inside + across


def plain_bubble_fraction(stages: Any, micro_batches: Any, virtual_stages: Any = 1.0) -> Any:
    """Idle share of a pipelined step (0 to 1): ``(p-1) / (v m + p-1)``.

    Args:
        stages: pipeline stages ``p`` (count).
        micro_batches: micro-batches per step ``m`` (count).
        virtual_stages: interleaved stages per device ``v`` (count).

    Reference: D. Narayanan et al., "Efficient large-scale language model training", 2021, arXiv:2104.04473.
    Number: mlsysim 0.3.0, 2 stages and 8 micro-batches.

    >>> round(plain_bubble_fraction(2, 8), 12)
    0.111111111111
    """
    return (stages - 1.0) / (virtual_stages * micro_batches + stages - 1.0)


def plain_tensor_parallel_s(
    batch: Any, tokens: Any, hidden: Any, layers: Any, ranks: Any, bytes_per_s: Any, latency_s: Any
) -> Any:
    """Seconds that one training step spends in tensor-parallel all-reduces: ``4 L ring(b s H 2 bytes)``.

    Args:
        batch: samples of one replica (count).
        tokens: tokens per sample (count).
        hidden: hidden size (elements of 2 bytes).
        layers: layers of one pipeline stage (count).
        ranks: tensor-parallel devices (count).
        bytes_per_s, latency_s: link [byte/s], [s].

    Reference: M. Shoeybi et al., "Megatron-LM", 2019, arXiv:1909.08053. Number: mlsysim 0.3.0 `DistributedModel`,
    Llama-3-70B over 8 ranks, 8 samples of 2,048 tokens.

    >>> round(plain_tensor_parallel_s(8, 2048, 8192, 80, 8, 450e9, 0.5e-6), 9)
    0.336293012
    """
    ring = ring_allreduce_s(batch * tokens * hidden * 2.0, ranks, bytes_per_s, latency_s)
    return TRAINING_ALLREDUCES_PER_LAYER * layers * ring


def plain_data_parallel_s(
    parameters: Any, shards: Any, ranks: Any, fabric_bytes_per_s: Any, latency_s: Any, overlap: float = 0.0
) -> Any:
    """Seconds of exposed gradient all-reduce per training step: ``(1 - overlap) ring(2 P / shards)``.

    Args:
        parameters: weights (count, 2 bytes of gradient each).
        shards: tensor x pipeline parallel degree (count).
        ranks: data-parallel replicas, one per node (count).
        fabric_bytes_per_s, latency_s: fabric [byte/s], [s].
        overlap: share hidden behind the backward pass (0.85 is mlsysim's default).

    Number: mlsysim 0.3.0 `DistributedModel`, Llama-3-70B, 8 nodes.

    >>> round(plain_data_parallel_s(70.6e9, 8, 8, 50e9, 5e-6), 9)
    0.61782
    """
    return (1.0 - overlap) * ring_allreduce_s(parameters * 2.0 / shards, ranks, fabric_bytes_per_s, latency_s)


def all_to_all_s(message_bytes: Any, ranks: Any, bytes_per_s: Any, latency_s: Any = 0.0) -> Any:
    """Seconds to exchange each rank's tokens with all others: ``(N-1)/N M / beta + (N-1) alpha``.

    Args:
        message_bytes: what one rank sends and keeps ``M`` [byte].
        ranks: devices ``N`` (count).
        bytes_per_s, latency_s: link [byte/s], [s].

    Reference: W. Fedus et al., "Switch Transformers", 2021, arXiv:2101.03961; mlsysim 0.3.0 `calc_all_to_all_time`.

    >>> round(all_to_all_s(8e6, 8, 450e9) * 1e6, 3)
    15.556
    """
    return (ranks - 1.0) / ranks * message_bytes / bytes_per_s + (ranks - 1.0) * latency_s


def sustained_bytes_per_s(bytes_per_s: Any, efficiency: Any) -> Any:
    """Bandwidth that collectives reach [byte/s]: ``beta eta``, and 1 byte/s where there is no wire.

    Args:
        bytes_per_s: link or fabric, 0 where there is none [byte/s].
        efficiency: fitted share, in (0, 1].

    A missing wire is ruled out by wall 10; 1 byte/s keeps its prices absurd and finite. Number: NVLink 4 at 60 %.

    >>> sustained_bytes_per_s(450e9, 0.6).item(), sustained_bytes_per_s(0.0, 0.6).item()
    (270000000000.0, 1.0)
    """
    return np.maximum(np.asarray(bytes_per_s) * efficiency, _NO_WIRE_BYTES_PER_S)


WALL = Wall(
    number=14,
    name="communication",
    domain="fleet",
    question="What does splitting the model cost?",
    equation="ring 2(N-1)/N M/beta + 2(N-1) alpha; bubble (p-1)/(v m + p-1)",
    in_fleet="Two all-reduces per layer for tensor parallelism; a hand-over per pipeline stage.",
    sources=("doi:10.1016/j.jpdc.2008.09.002", "arXiv:1909.08053", "arXiv:2104.04473", "mlsysim 0.3.0"),
    acts=("shape", "gate"),
)
