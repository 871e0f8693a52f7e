"""What attention keeps, reads and computes: full, sliding-window, sparse and linear layers, with or without a latent.

A model says how many of its layers do which: `window_layers` look back on `sliding_window` tokens, `linear_layers` keep
a state of fixed size, sparse attention reads at most `sparse_tokens` that an indexer picks, the rest reads everything.
Elements are those of the KV cache, at its precision; the states of linear layers are kept at 32 bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

STATE_BYTES = 4.0
"""Bytes of an element of a linear layer's state: engines keep it at 32 bit."""


def widths(model: Any) -> tuple[float, float]:
    """Heads x head dimension in prefill and in decode (elements).

    Decode of MLA works on the cached latent: ``h (kv_lora + rope + kv_lora) / 2``; its prefill on expanded heads.
    Reference: DeepSeek-V2, 2024, arXiv:2405.04434, section 2.1.
    """
    if not model.is_mla:
        return float(model.heads * model.head_dim), float(model.heads * model.head_dim)
    expanded = model.heads * (model.qk_nope + model.qk_rope + model.v_head) / 2.0
    latent = model.heads * (2.0 * model.kv_lora + model.qk_rope) / 2.0
    return float(expanded), float(latent)


def attended(model: Any, context: Any) -> Any:
    """Tokens that one new token attends to, summed over the layers (count): ``sum over layers min(context, reach)``.

    Args:
        model: a catalog entry (`scenarios.Model`).
        context: tokens before it (count).

    >>> from types import SimpleNamespace
    >>> half = SimpleNamespace(layers=4, window_layers=2, sliding_window=128, linear_layers=0, sparse_tokens=0)
    >>> float(attended(half, 1000.0))
    2256.0
    """
    whole, window = _layers(model)
    reach = np.minimum(context, model.sparse_tokens) if model.sparse_tokens else context
    return whole * reach + window * np.minimum(context, model.sliding_window)


def prefill_pairs(model: Any, prompt: Any, cached: Any = 0.0) -> Any:
    """Pairs of tokens that a prompt's attention meets, summed over the layers (count); causal.

    ``sum over layers and i = 1..s of min(cached + i, reach)``, as an integral: ``s^2 / 2 + s cached`` in a full layer.

    >>> from types import SimpleNamespace
    >>> half = SimpleNamespace(layers=2, window_layers=1, sliding_window=128, linear_layers=0, sparse_tokens=0)
    >>> float(prefill_pairs(half, 1024.0))
    647168.0
    """
    whole, window = _layers(model)
    reach = float(model.sparse_tokens) if model.sparse_tokens else np.inf
    return whole * _area(cached, prompt, reach) + window * _area(cached, prompt, float(model.sliding_window))


def _layers(model: Any) -> tuple[float, float]:
    """Layers that reach the whole context (or the sparse part of it), and those that reach a window."""
    return float(model.layers - model.window_layers - model.linear_layers), float(model.window_layers)


def _area(start: Any, more: Any, reach: float) -> Any:
    """``integral of min(x, reach)`` from start to start + more."""
    if reach == np.inf:
        return more * (more / 2.0 + start)
    inside = np.clip(reach - start, 0.0, more)
    return inside * (inside / 2.0 + start) + (more - inside) * reach


def prompt_flop(model: Any, prompt: Any, cached: Any = 0.0) -> Any:
    """FLOP of a prompt's attention: ``4 w pairs``, and the indexer's share where attention is sparse.

    Args:
        model: a catalog entry (`scenarios.Model`).
        prompt, cached: tokens to compute, tokens kept from before (count).

    Reference: D. Narayanan et al., 2021, arXiv:2104.04473, appendix, with a causal mask.
    """
    scores = 4.0 * widths(model)[0] * prefill_pairs(model, prompt, cached)
    return scores + _index_flop(model) * prompt * (prompt / 2.0 + cached)


def token_flop(model: Any, context: Any) -> Any:
    """FLOP of one new token's attention: ``4 w`` for each token and layer that it attends to, and the indexer's."""
    return 4.0 * widths(model)[1] * attended(model, context) + _index_flop(model) * context


def _index_flop(model: Any) -> float:
    """FLOP of the indexer of sparse attention per token of context: ``2 L heads dim``; 0 without one.

    Reference: DeepSeek-V3.2, 2025, arXiv:2512.02556, section 2.
    """
    return float(2 * model.layers * model.index_heads * model.index_dim)


def read_elements(model: Any, context: Any) -> Any:
    """Elements of one request's cache that a decode step reads (count); the indexer reads all of its keys.

    >>> from types import SimpleNamespace
    >>> plain = SimpleNamespace(layers=80, window_layers=0, sliding_window=0, linear_layers=0, sparse_tokens=0,
    ...                         is_mla=False, kv_heads=8, head_dim=128, index_dim=0)
    >>> float(read_elements(plain, 640.0)) / 640
    163840.0
    """
    return _per_layer(model) * attended(model, context) + model.layers * model.index_dim * context


def held_elements(model: Any, tokens: Any) -> Any:
    """Elements of one request's cache that memory holds (count): a window layer keeps its window, and no more."""
    whole, window = _layers(model)
    kept = whole * tokens + window * np.minimum(tokens, model.sliding_window)
    return _per_layer(model) * kept + model.layers * model.index_dim * tokens


def _per_layer(model: Any) -> float:
    """Elements that one token leaves in one layer (count): ``2 h_kv d``, or ``kv_lora + rope`` with a latent."""
    return float(model.kv_lora + model.qk_rope) if model.is_mla else float(2 * model.kv_heads * model.head_dim)


def state_bytes(model: Any) -> float:
    """Bytes of one request's states in the linear layers: ``L value_heads dim^2`` elements; 0 without such layers.

    Reference: S. Yang et al., "Gated Delta Networks", 2024, arXiv:2412.06464.
    """
    return float(model.linear_layers * model.linear_value_heads * model.linear_dim**2) * STATE_BYTES
