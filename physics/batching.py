"""Wall 5, batching: requests share one read of the weights, as many as their KV fits in pages.

Every function takes floats or NumPy arrays that broadcast together unless a line says float.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from physics.layout import Layout, RowBuilder
from physics.wall import Block, Wall

PAGE_TOKENS = 16.0  # vLLM's default block


def paged_tokens(tokens: Any, page_tokens: Any = PAGE_TOKENS) -> Any:
    """Tokens that a request's pages hold (count): ``ceil(s / p) p``.

    Reference: W. Kwon et al., "PagedAttention", SOSP 2023, doi:10.1145/3600006.3613165.

    >>> paged_tokens(770).item()
    784.0
    """
    return np.ceil(np.asarray(tokens, dtype=float) / page_tokens) * page_tokens


def paged_batch_max(kv_capacity_bytes: Any, kv_bytes_per_request: Any) -> Any:
    """Most requests that fit (count): ``floor(room / KV of a request at full length)``, each rounded to whole pages.

    Args:
        kv_capacity_bytes: room of the replica [byte].
        kv_bytes_per_request: pages of one request [byte].

    >>> paged_batch_max(50e9, 768 * 327680).item()
    198.0
    """
    return np.floor(np.asarray(kv_capacity_bytes) / kv_bytes_per_request + 1e-9)


def static_batch_max(kv_room_bytes: Any, bytes_per_token: Any, longest_tokens: Any) -> Any:
    """Most requests when each reserves the longest length (count): ``floor(M / (k s_max))``.

    Args:
        kv_room_bytes: memory beside the weights ``M`` [byte].
        bytes_per_token: KV of one token ``k`` [byte].
        longest_tokens: reserved per request ``s_max`` (count).

    Number: mlsysim 0.3.0 `ContinuousBatchingModel`, Llama-3-8B on an 80 GiB H100.

    >>> static_batch_max(85899345920 - 16.06e9, 131072, 4096).item()
    130.0
    """
    return np.floor(np.asarray(kv_room_bytes) / (bytes_per_token * longest_tokens))


def capped_exponential_scale(mean_tokens: float, longest_tokens: float) -> float:
    """Scale of exponential lengths cut off at `longest_tokens` whose mean is `mean_tokens` (tokens, float).

    Solves ``mean = m (1 - exp(-s_max / m))``; infinite when every request fills the window. Reference: mlsysim 0.3.0
    `calc_capped_exponential_scale`: the maximum-entropy length of a known mean.

    >>> capped_exponential_scale(2048, 2048)
    inf
    """
    share = mean_tokens / longest_tokens
    if not 0.0 < share <= 1.0:
        raise ValueError(f"mean tokens {mean_tokens} must lie in (0, {longest_tokens}]")
    if share == 1.0:
        return math.inf
    low, high = 0.0, 1.0 / share  # of s_max / m: the mean's share (1 - e^-x) / x falls from 1 to 0
    for _ in range(200):
        middle = (low + high) / 2.0
        if -math.expm1(-middle) / middle > share:
            low = middle
        else:
            high = middle
    return longest_tokens / ((low + high) / 2.0)


def expected_paged_tokens(mean_tokens: float, longest_tokens: float, page_tokens: float = PAGE_TOKENS) -> float:
    """Tokens in the pages of a request of random length (count, float): ``p (1 - r^K) / (1 - r)``.

    With ``r = exp(-p / m)``, ``K = ceil(s_max / p)`` and m the scale above. Number: mlsysim 0.3.0
    `ContinuousBatchingModel`: pages of 16 waste 1.03 % at mean 768 of 4,096 tokens.

    >>> round(1 - 768 / expected_paged_tokens(768, 4096), 9)
    0.010293775
    """
    scale = capped_exponential_scale(mean_tokens, longest_tokens)
    pages = math.ceil(longest_tokens / page_tokens)
    if math.isinf(scale):
        return page_tokens * pages
    step = page_tokens / scale
    return page_tokens * math.expm1(-pages * step) / math.expm1(-step)


def plain_tokens_per_s(
    requests: float, weight_bytes: float, bytes_per_token: float, mean_tokens: float, bytes_per_s: float
) -> float:
    """Decode tokens per second in the plain form [1/s]: ``N BW / (W + N s k)`` (floats).

    Args:
        requests: requests in a step ``N`` (count).
        weight_bytes: weights ``W`` [byte].
        bytes_per_token, mean_tokens: KV of a token ``k`` [byte], tokens a request fills ``s`` (count).
        bytes_per_s: memory bandwidth [byte/s].

    Number: mlsysim 0.3.0 `ContinuousBatchingModel`, Llama-3-8B, 256 requests on an H100.

    >>> round(plain_tokens_per_s(256, 16.06e9, 131072, 768, 3.35e12), 6)
    20502.12821
    """
    return requests * bytes_per_s / (weight_bytes + requests * mean_tokens * bytes_per_token)


# ---- in the fleet ----


MIXED_KV_SHARE = 0.9


def batching_rows(layout: Layout) -> list[Block]:
    """Load on a pool is at most what its replicas can take at the usable utilisation of its size; mixed KV fits."""
    builder = RowBuilder()
    loads, pools, slots = layout.loads, layout.pools, len(layout.slots)
    busy = layout.rate_unit / pools.requests_per_s[loads.pool, loads.shape]
    row = loads.pool * slots + loads.slot
    rows, cols, values = [row], [loads.col], [busy]
    for t in range(slots):
        band, col, value = layout.capacity_terms(t)
        rows.append(layout.bands.pool[band] * slots + t)
        cols.append(col)
        values.append(-value)
    where = [f"{layout.pool_name(v)}/{slot}" for v in range(len(layout.pool_names)) for slot in layout.slots]
    builder.add_many(where, np.concatenate(rows), np.concatenate(cols), np.concatenate(values), upper=0.0)
    blocks = builder.block("batching", "capacity", "replicas", "a pool is not busier than its size allows")
    kv = RowBuilder()
    for w in range(len(layout.workloads)):
        for t, slot in enumerate(layout.slots):
            now = loads.slot == t
            add_mixed_kv(
                layout,
                kv,
                w,
                slot,
                loads.pool[now],
                loads.shape[now],
                loads.col[now],
                lambda v, t=t: layout.count_terms(v, t),
            )
    return blocks + kv.block(
        "batching", "mixed_kv", "replicas", "the KV cache of a pool's mix of shapes fits in 0.9 of its room"
    )


def add_mixed_kv(
    layout: Layout,
    builder: RowBuilder,
    workload: int,
    label: str,
    pool: np.ndarray,
    shape: np.ndarray,
    col: np.ndarray,
    replicas: Callable[[int], tuple[np.ndarray, np.ndarray]],
) -> None:
    """Rows ``sum_s x_s residence_s kv_s <= 0.9 n KV`` for each pool of a workload with several shapes.

    `replicas(v)` gives the (columns, values) of n.
    """
    shapes = len(layout.shapes_of[workload])
    if shapes == 1:
        return
    pools = layout.pools
    for v in np.flatnonzero(pools.workload == workload):
        here = pool == v
        if not here.any():
            continue
        residence_s = pools.batch[v] / pools.requests_per_s[v, :shapes]
        need = residence_s * pools.kv_bytes[v, :shapes] / pools.kv_capacity_bytes[v] * layout.rate_unit
        have, count = replicas(int(v))
        builder.add(
            f"{layout.pool_name(int(v))}/{label}",
            (col[here], need[shape[here]]),
            (have, -MIXED_KV_SHARE * count),
            upper=0.0,
        )


WALL = Wall(
    number=5,
    name="batching",
    domain="node",
    question="How many requests share a step?",
    equation="static floor(M / (k s_max)); paged floor(M p / E[ceil(s / p) p])",
    in_fleet="The batch is a column of the candidate table, bounded by paged KV; capacity is a row.",
    sources=("doi:10.1145/3600006.3613165", "mlsysim 0.3.0"),
    acts=("shape", "rows"),
    rows=batching_rows,
)
