"""Wall 3, software: what share of the peak an engine reaches, by generation, engine and phase; never the whole of it.

The fitted shares live in the catalog (`scenarios/data/efficiencies`), one file per generation and engine, each with its
band; docs/accuracy.md says how they were fitted. The functions here take floats or NumPy arrays that broadcast
together.
"""

from __future__ import annotations

from typing import Any

from physics.wall import Wall

# Measured weight-read efficiency of dense models of 30B and more on one device at small batch.
WEIGHT_READ_BAND = (0.60, 0.73)
_TRAINING_MFU = (0.30, 0.50)  # PaLM, Llama 3 and Megatron-LM report between these
_CAPS = {"ffn": 0.60, "conv": 0.55, "attention": 0.85}
_FLASH_ATTENTION = 0.75


def sustained_flop_per_s(peak_flop_per_s: Any, efficiency: Any) -> Any:
    """Rate that software reaches [FLOP/s]: ``F eta``. Number: mlsysim 0.3.0 `EfficiencyModel`, H100, flash attention.

    >>> sustained_flop_per_s(989e12, 0.75) / 1e12
    741.75
    """
    return peak_flop_per_s * efficiency


def utilization(flop: Any, seconds: Any, peak_flop_per_s: Any) -> Any:
    """Model FLOP utilisation (0 to 1): ``FLOP / (T F)``.

    Args:
        flop: useful work [FLOP].
        seconds: time it took [s].
        peak_flop_per_s: peak rate of all devices used [FLOP/s].

    Reference: A. Chowdhery et al., "PaLM", 2022, arXiv:2204.02311, appendix B. Number: Llama-3-405B on 8,192 H100
    reached 430 TFLOP/s per device (A. Dubey et al., 2024, arXiv:2407.21783, table 4).

    >>> round(utilization(430e12, 1.0, 989e12), 2)
    0.43
    """
    return flop / (seconds * peak_flop_per_s)


def weight_read_efficiency(weight_bytes: Any, hbm_bytes_per_s: Any, decode_step_s: Any) -> Any:
    """Share of the bandwidth that a decode step spends on weights (0 to 1): ``weights / (BW t_dec)``.

    Args:
        weight_bytes: weights on the device [byte].
        hbm_bytes_per_s: peak memory bandwidth [byte/s].
        decode_step_s: one decode step at small batch [s].

    Number: Llama-3.1-70B FP8 on one H200 at batch 4 under vLLM, 21.5 ms per token (AIConfigurator 0.12.0 sample).

    >>> round(weight_read_efficiency(70.6e9, 4.8e12, 0.0215), 2)
    0.68
    """
    return weight_bytes / (hbm_bytes_per_s * decode_step_s)


def banded(value: Any, band: tuple[float, float]) -> tuple[Any, Any]:
    """A predicted time with its band [s]: ``(low x value, high x value)``, multipliers from the fit's residuals.

    >>> banded(0.5, (0.5, 1.5))
    (0.25, 0.75)
    """
    return value * band[0], value * band[1]


def plain_efficiency(kernel: str, efficiency: float = 0.5, flash_attention: bool = False) -> float:
    """Plain utilisation by kind of kernel (0 to 1): a literature value at efficiency 0.5, scaled and capped.

    Args:
        kernel: ``ffn``, ``conv``, ``attention`` or anything else.
        efficiency: 0.5 is the literature's software.
        flash_attention: whether attention keeps its scores on chip.

    Reference: T. Dao, "FlashAttention-2", 2023, arXiv:2307.08691, for attention's 0.75. Number: mlsysim 0.3.0.

    >>> plain_efficiency("ffn"), plain_efficiency("attention", flash_attention=True)
    (0.5, 0.75)
    """
    low, high = _TRAINING_MFU
    base = {"ffn": high, "conv": (low + high) / 2.0, "attention": _FLASH_ATTENTION if flash_attention else low}
    scaled = base.get(kernel, low) * efficiency / 0.5
    return max(0.0, min(scaled, _CAPS.get(kernel, 1.0), 1.0))


def plain_occupancy_loss(efficiency: float) -> float:
    """Share of the peak lost to idle multiprocessors in the plain form (0 to 1): ``1 - min(1, 1.1 eta)``.

    >>> round(plain_occupancy_loss(0.5), 12)
    0.45
    """
    return 1.0 - min(1.0, 1.1 * efficiency)


WALL = Wall(
    number=3,
    name="software",
    domain="node",
    question="How much of the peak does the engine reach?",
    equation="eta = achieved / peak, by kind of kernel",
    in_fleet="Compute and bandwidth efficiencies per generation and phase, fitted to measured silicon, with a band.",
    sources=("arXiv:2204.02311", "arXiv:2307.08691", "AIConfigurator 0.12.0 sample (Apache-2.0)", "mlsysim 0.3.0"),
    acts=("shape",),
)
