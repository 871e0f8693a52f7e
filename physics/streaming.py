"""Wall 6, streaming: a wafer-scale machine computes a layer while the next one's weights flow in."""

from __future__ import annotations

from physics.wall import Wall


def layer_s(
    layer_parameters: float,
    tokens: float,
    bytes_per_parameter: float,
    inject_bytes_per_s: float,
    flop_per_s: float,
    efficiency: float,
    attention_flop: float = 0.0,
    overhead_s: float = 0.0,
) -> tuple[float, float]:
    """Injection and compute time of one layer [s], the slower holds: ``W / BW``, ``(2 P n + attention) / (F eta) + o``.

    Args:
        layer_parameters: weights of one layer ``P`` (count).
        tokens: tokens that pass, the batch in decode, batch x length in prefill ``n`` (count).
        bytes_per_parameter: width of a weight [byte].
        inject_bytes_per_s: weight stream into the wafer [byte/s].
        flop_per_s, efficiency: peak rate [FLOP/s] and sustained share.
        attention_flop: attention of the layer [FLOP].
        overhead_s: dispatch [s].

    Reference: S. Lie, "Cerebras architecture deep dive", IEEE Micro 43(3), 2023, doi:10.1109/MM.2023.3256384. Number:
    mlsysim 0.3.0 `WeightStreamingModel`, Llama-3-70B at FP16, decode of 32 requests: 1.47 ms against 1.9 us.

    >>> inject, compute = layer_s(70.6e9 / 80, 32, 2, 1.2e12, 125e15, 0.5, overhead_s=1e-6)
    >>> round(inject * 1e3, 6), round(compute * 1e3, 8)
    (1.470833, 0.00190368)
    """
    inject = layer_parameters * bytes_per_parameter / inject_bytes_per_s
    compute = (2.0 * layer_parameters * tokens + attention_flop) / (flop_per_s * efficiency) + overhead_s
    return inject, compute


def balanced_batch(
    layer_parameters: float, bytes_per_parameter: float, inject_bytes_per_s: float, flop_per_s: float, efficiency: float
) -> int:
    """Requests at which computing a layer takes as long as streaming it (count): ``floor(T_inject F eta / (2 P))``.

    Args: as `layer_s`. Number: mlsysim 0.3.0 `WeightStreamingModel`.

    >>> balanced_batch(70.6e9 / 80, 2, 1.2e12, 125e15, 0.5)
    52083
    """
    inject = layer_parameters * bytes_per_parameter / inject_bytes_per_s
    return max(1, int(inject * flop_per_s * efficiency / (2.0 * layer_parameters)))


WALL = Wall(
    number=6,
    name="streaming",
    domain="node",
    question="Can the weights flow in as fast as they are used?",
    equation="layer = max(W / BW_inject, 2 P b / (F eta))",
    in_fleet="Prices weight-streaming machines by injection bandwidth; no such machine is a candidate yet.",
    sources=("doi:10.1109/MM.2023.3256384", "mlsysim 0.3.0"),
)
