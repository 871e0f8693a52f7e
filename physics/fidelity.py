"""Wall 13, fidelity: fewer bits are fewer bytes, and a faster rate only where the chip has that rate natively."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from physics.layout import Layout
from physics.shared_rows import closed_rows
from physics.wall import Block, Wall


@dataclass(frozen=True)
class Precision:
    """How weights are stored and computed.

    Attributes:
        name: the catalog's key of the precision.
        weight_bytes: bytes per weight with its share of the scales.
        computes_at: the rates that may be used, in this order; the first that the chip has natively is taken.
        weight_only: whether only storage is narrow and arithmetic stays at 16 bit.
    """

    name: str
    weight_bytes: float
    computes_at: tuple[str, ...]
    weight_only: bool = False


# Scales: NVFP4 keeps one FP8 scale per 16 weights (OCP/NVIDIA format); INT4 (AWQ, GPTQ) one 16-bit scale per 128.
PRECISIONS: dict[str, Precision] = {
    "fp32": Precision("fp32", 4.0, ("fp32",)),
    "bf16": Precision("bf16", 2.0, ("bf16",)),
    "fp16": Precision("fp16", 2.0, ("fp16",)),
    "fp8": Precision("fp8", 1.0, ("fp8",)),
    "int8": Precision("int8", 1.0, ("int8",)),
    "fp4": Precision("fp4", 0.5 + 1.0 / 16.0, ("fp4",)),
    "int4": Precision("int4", 0.5 + 2.0 / 128.0, ("bf16", "fp16"), weight_only=True),
}

# Bytes of an activation between kernels and between ranks: engines keep them at 16 bit below FP32 weights.
ACTIVATION_BYTES: dict[str, float] = {"fp32": 4.0}
KV_BYTES: dict[str, float] = {"bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0}


def precision(name: str) -> Precision:
    """The precision of that name; a `KeyError` names what is known.

    >>> precision("fp4").weight_bytes
    0.5625
    """
    if name not in PRECISIONS:
        raise KeyError(f"unknown precision {name!r}; known: {', '.join(PRECISIONS)}")
    return PRECISIONS[name]


def weight_bytes_per_parameter(name: str) -> float:
    """Bytes per weight, scales included [byte].

    >>> weight_bytes_per_parameter("int4")
    0.515625
    """
    return precision(name).weight_bytes


def activation_bytes_per_element(name: str) -> float:
    """Bytes of one activation when weights are stored at precision `name` [byte].

    >>> activation_bytes_per_element("fp8")
    2.0
    """
    return ACTIVATION_BYTES.get(precision(name).name, 2.0)


def kv_bytes_per_element(name: str) -> float:
    """Bytes of one cached key or value at KV precision `name` [byte].

    >>> kv_bytes_per_element("fp8")
    1.0
    """
    if name not in KV_BYTES:
        raise KeyError(f"unknown KV precision {name!r}; known: {', '.join(KV_BYTES)}")
    return KV_BYTES[name]


def compute_rate(accelerator: Any, name: str) -> float | None:
    """Peak rate at which `accelerator` computes weights of precision `name` [FLOP/s]; None where it has none.

    None is an answer, not a fallback: a chip without FP8 is ruled out at FP8, never priced at 16 bit. INT4 is
    weight-only: it computes at the 16-bit rate.

    >>> from types import SimpleNamespace
    >>> a100 = SimpleNamespace(peak_flop_per_s={"bf16": 312e12, "fp16": 312e12, "int8": 624e12})
    >>> compute_rate(a100, "int4"), compute_rate(a100, "fp8")
    (312000000000000.0, None)
    """
    for rate in precision(name).computes_at:
        found = accelerator.peak_flop_per_s.get(rate)
        if found:
            return float(found)
    return None


def plain_compression_ratio(baseline_bits: Any = 16.0, target_bits: Any = 16.0, sparsity: Any = 0.0) -> Any:
    """Size before over size after: ``b0 / b`` for quantization times ``1 / (1 - s)`` for structured pruning.

    Args:
        baseline_bits, target_bits: bits per weight before and after.
        sparsity: share of the weights removed, in [0, 1).

    Reference: S. Han et al., "Deep Compression", 2016, arXiv:1510.00149. Number: mlsysim 0.3.0, FP16 to INT4.

    >>> plain_compression_ratio(16, 4)
    4.0
    """
    return baseline_bits / target_bits / (1.0 - sparsity)


def plain_accuracy_delta(target_bits: float = 16.0, sparsity: float = 0.0) -> float:
    """Accuracy change in the plain form (fraction, negative is worse): a survey median by bits, or a curve by sparsity.

    0 at 16 bit, -0.002 at 8, -0.025 at 4 and more, -0.05 below; -0.001 up to half pruned, ``-0.01 exp(2 s)`` beyond.

    Args:
        target_bits: bits per weight.
        sparsity: share of the weights removed; where it is above 0 it is the method.

    Medians over tasks, of no use for one model: a fleet takes an allow-list or the user's own losses instead.
    Reference: A. Gholami et al., 2021, arXiv:2103.13630; D. Blalock et al., 2020, arXiv:2003.03033; mlsysim 0.3.0.

    >>> plain_accuracy_delta(4), round(plain_accuracy_delta(sparsity=0.7), 9)
    (-0.025, -0.040552)
    """
    if sparsity > 0.0:
        return -0.001 if sparsity <= 0.5 else -0.01 * math.exp(2.0 * sparsity)
    if target_bits >= 16.0:
        return 0.0
    if target_bits == 8.0:
        return -0.002
    return -0.025 if target_bits >= 4.0 else -0.05


# ---- in the fleet ----


def fidelity_rows(layout: Layout) -> list[Block]:
    """Precisions that the workload does not allow stay out."""
    return closed_rows(layout, "precisions", "fidelity")


WALL = Wall(
    number=13,
    name="fidelity",
    domain="algorithm",
    question="How many bits are enough?",
    equation="r = b0 / b; r = 1 / (1 - s)",
    in_fleet="Bytes and FLOP/s of the precision. A precision that the chip lacks rules the candidate out.",
    sources=("arXiv:1510.00149", "mlsysim 0.3.0", "OCP microscaling formats; NVFP4"),
    acts=("shape", "gate", "rows"),
    rows=fidelity_rows,
)
