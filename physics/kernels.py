"""What all engines share: widths and rates of a model's parts, and what a mixture's layers cost beside their traffic.

The constants were fitted once, over all measured rows of both generations and three engines (docs/accuracy.md); the
seven figures of each generation and engine (wall 3) were fitted beside them. None belongs to a model or a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

BLOCK_SCALED_SHARE = 0.54
"""FP8 with a scale per block of 128 x 128 weights against one scale per matrix: sums are rescaled block by block."""
GROUPED_SHARE = 0.30
"""Routed experts against one large matrix product: many small products of uneven size."""
EXPERT_LAYER_S = 53e-6
"""What a layer with routed experts takes beside traffic: routing, sorting, quantising activations, combining [s]."""
EXPERT_LAYER_16BIT_S = 39e-6
"""The same where activations stay at 16 bit [s]."""
HOST_S_PER_REQUEST = 17e-6
"""What each request adds to a step on the host: scheduling, sampling, streaming its token [s]."""
DRAFT_TOKENS, KEPT_TOKENS = 1.0, 1.70
"""Multi-token prediction with one draft: tokens tried beside the next one, tokens that a step yields per request."""


@dataclass(frozen=True)
class Parts:
    """Bytes per weight and sustained FLOP/s of one device, by part of the model; columns [n].

    Attributes:
        attention, dense, head, experts: bytes per weight. Checkpoints keep embeddings and head at 16 bit. A mixture at
            4 bit has narrow experts; the rest is narrow only where its publisher trained at 8 bit (latent attention).
        rest_flop_per_s, expert_flop_per_s, score_flop_per_s: what the format allows of the peak: projections, routed
            experts, and for attention scores, which stay at 16 bit. The phase's fitted share is still to be applied.
        expert_layer_s: overhead of a layer with routed experts [s].
    """

    attention: Any
    dense: Any
    head: Any
    experts: Any
    rest_flop_per_s: Any
    expert_flop_per_s: Any
    score_flop_per_s: Any
    expert_layer_s: Any


def parts(model: Any, runs: Any) -> Parts:
    """Widths and rates of a model's parts under `runs` (`physics.pricing.Runs`)."""
    width, peak, wide = runs.weight_bytes_per_parameter, runs.peak_flop_per_s, runs.flop_per_s_16bit
    score, head = np.minimum(peak, wide), np.maximum(width, 2.0)
    narrow = peak > wide
    whole = np.where(narrow & (width == 1.0), peak * BLOCK_SCALED_SHARE, peak) if model.block_scaled_fp8 else peak
    if not model.experts:
        return Parts(width, width, head, width, whole, whole, score, 0.0)
    overhead = np.where(narrow & ~bool(model.mxfp4), EXPERT_LAYER_S, EXPERT_LAYER_16BIT_S)
    four_bit = width < 1.0
    if not four_bit.any():
        return Parts(width, width, head, width, whole, whole * GROUPED_SHARE, score, overhead)
    half = narrow & bool(model.is_mla)  # published at 8 bit, experts cut to 4
    attention = np.where(four_bit, np.where(half, 1.0, 2.0), width)
    dense = np.where(four_bit & ~half, 2.0, width)
    eight = np.where(runs.flop_per_s_8bit > 0.0, runs.flop_per_s_8bit, score)
    rest = np.where(four_bit, np.where(half, eight, score), whole)
    experts = np.where(four_bit, 0.5 + 1.0 / 32.0, width) if model.mxfp4 else width
    return Parts(attention, dense, head, experts, rest, whole * GROUPED_SHARE, score, overhead)


def fixed_weight_bytes(model: Any, part: Parts, embeddings: bool) -> Any:
    """Bytes beside the routed experts: what a step reads, or with `embeddings` what a replica stores [byte]."""
    blocks = model.attention_params * part.attention + model.dense_params * part.dense
    head = model.head_params or (0.0 if embeddings else model.embedding_params)
    return blocks + (head + (model.embedding_params if embeddings else 0.0)) * part.head
