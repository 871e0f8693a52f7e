"""Wall 22, synthesis: from the answer wanted back to the accelerator that would give it."""

from __future__ import annotations

from physics.wall import Wall


def required_bytes_per_s(weight_bytes: float, target_s: float) -> float:
    """Least memory bandwidth that reads the weights in time [byte/s]: ``BW = W / T``.

    Args:
        weight_bytes: weights ``W`` [byte].
        target_s: step time wanted ``T`` [s].

    Number: mlsysim 0.3.0 `SynthesisSolver`, Llama-3-70B at FP16 in 50 ms.

    >>> required_bytes_per_s(141.2e9, 0.050) / 1e9
    2824.0
    """
    return weight_bytes / target_s


def required_flop_per_s(operations_flop: float, target_s: float, efficiency: float) -> float:
    """Least peak rate that computes in time [FLOP/s]: ``ops / (T eta)``.

    Args:
        operations_flop: work of a step [FLOP].
        target_s: step time wanted [s].
        efficiency: sustained share of the peak.

    Number: as above.

    >>> round(required_flop_per_s(141.2e9, 0.050, 0.5) / 1e12, 9)
    5.648
    """
    return operations_flop / (target_s * efficiency)


WALL = Wall(
    number=22,
    name="synthesis",
    domain="operations",
    question="Which accelerator would meet it?",
    equation="BW = W / T; FLOP/s = ops / (T eta)",
    in_fleet="Reads limits backwards for one step; asking it of a whole fleet is not yet built.",
    sources=("mlsysim 0.3.0",),
)
