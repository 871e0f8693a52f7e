"""The check's own reading of how sure a prediction is: factors on the times of a prefill and of a decode step.

The same declared formula as that of the planner, written a second time: the fitted figures hold for the middle, a
confidence asks for the side where they are too fast.
"""

from __future__ import annotations

import math
from typing import Any

from optimizer.verify_physics import Factors, normal_quantile
from optimizer.verify_types import Way

UPPER_END = 0.95  # declared: the share of measured times below the upper end of a band
NOT_SEEN = 1.1  # declared: how much wider a band is where no measured row has that width of weights
Range = tuple[float, float]


def bands(model: Any, accelerator: Any, efficiency: Any, way: Way) -> tuple[Range, Range]:
    """Measured over predicted ITL, and TTFT, low and high."""
    if model.experts:
        itl, ttft, seen = efficiency.itl_band_moe, efficiency.ttft_band_moe, {"fp8", "fp4", "int4"}
    else:
        itl, ttft, seen = efficiency.itl_band, efficiency.ttft_band, {"bf16", "fp8"}
    more = 1.0 if way.precision in seen else NOT_SEEN
    return (itl[0] / more, itl[1] * more), (ttft[0] / more, ttft[1] * more)


def caution(model: Any, accelerator: Any, efficiency: Any, way: Way, confidence: float | None) -> Factors:
    """Factors at a one-sided confidence; none without one.

    Prefills and steps together make the ITL, so both are as slow as its band says. A first token is as slow as its own
    band says where that is worse.
    """
    if confidence is None:
        return Factors()
    power = normal_quantile(confidence) / normal_quantile(UPPER_END)
    itl, ttft = bands(model, accelerator, efficiency, way)
    step = max(1.0, math.pow(itl[1], power))
    return Factors(step, step, max(step, math.pow(ttft[1], power)) / step)


def spoken(confidence: float | None) -> str:
    """A confidence in words."""
    return "none" if confidence is None else f"{confidence:g}"
