"""How sure a prediction is: the band of measured over predicted, and its pessimistic end at a confidence.

The bands are the 5 % to 95 % quantiles of measured over predicted when whole systems and whole models are left out of
the fit (docs/accuracy.md), for dense models and for mixtures of experts; generations and engines without measured rows
take over wider ones. This is the one place that reads them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

from physics.software import banded

CENTRAL = 0.90
"""Share of measured points that a band covers."""
LEAST_CONFIDENCE, MOST_CONFIDENCE = 0.5, 0.999
"""Below the first a plan would be optimistic; beyond the second the tail of a few hundred points says nothing."""
MEASURED_PRECISIONS = {"dense": ("bf16", "fp8"), "moe": ("fp8", "fp4", "int4")}
"""Widths of weights that measured rows have, by kind of model."""
UNMEASURED = 1.1
"""How much wider a band is on each side at any other width; declared."""


@dataclass(frozen=True)
class Band:
    """Multipliers, measured over predicted, between which the central 90 % lie (low, high).

    Attributes:
        itl: of the mean time between tokens, the prefills of others included; so of the rate of a replica too.
        ttft: of the time to the first token.
    """

    itl: tuple[float, float]
    ttft: tuple[float, float]


def band(model: Any, accelerator: Any, efficiency: Any, precision: str, kv_precision: str = "bf16") -> Band:
    """The band of what is predicted for a model on a device at the two precisions (multipliers).

    Args:
        model: a catalog entry (`scenarios.Model`).
        accelerator: a catalog entry (`scenarios.Accelerator`).
        efficiency: the fitted figures of its generation (`scenarios.Efficiency`).
        precision: of the weights.
        kv_precision: of the KV cache.

    The independent check reads the same figures a second time, in `optimizer/verify_bands.py`.
    """
    kind = "moe" if model.experts else "dense"
    itl, ttft = (efficiency.itl_band_moe, efficiency.ttft_band_moe) if model.experts else (
        efficiency.itl_band, efficiency.ttft_band
    )  # fmt: skip
    wider = 1.0 if precision in MEASURED_PRECISIONS[kind] else UNMEASURED
    return Band(itl=(itl[0] / wider, itl[1] * wider), ttft=(ttft[0] / wider, ttft[1] * wider))


def quantile(high: float, confidence: float) -> float:
    """Factor on a predicted time that holds at a one-sided confidence: ``max(1, exp(z_c / z_0.95 ln(high)))``.

    Args:
        high: upper end of the band, the 95 % quantile of measured over predicted (multiplier).
        confidence: share of the cases in which the measured time is to stay below, in [0.5, 0.999].

    Measured over predicted is taken as a split log-normal with median 1: each side has a spread of its own, and above
    the median it is such that 95 % lie below `high`. Times are positive and errors multiply, hence the logarithm; the
    lower side never matters, since a confidence below one half is refused. Reference: C. Fernandez and M. F. J. Steel,
    "On Bayesian modeling of fat tails and skewness", JASA 93, 1998, doi:10.1080/01621459.1998.10474117, for
    distributions split at the mode.

    >>> [round(quantile(1.21, confidence), 4) for confidence in (0.5, 0.9, 0.95, 0.99)]
    [1.0, 1.1601, 1.21, 1.3094]
    >>> quantile(0.9, 0.95)
    1.0
    """
    if not LEAST_CONFIDENCE <= confidence <= MOST_CONFIDENCE:
        raise ValueError(f"confidence {confidence:g} is outside {LEAST_CONFIDENCE:g} to {MOST_CONFIDENCE:g}")
    deviations = NormalDist().inv_cdf(confidence) / NormalDist().inv_cdf((1.0 + CENTRAL) / 2.0)
    return max(1.0, math.exp(deviations * math.log(high)))


class Caution(NamedTuple):
    """Factors on predicted times; the names are those of columns of `physics.pricing.Runs`.

    Attributes:
        prefill_factor, decode_factor: on what a prefill and a decode step take from the replica's time.
        first_token_factor: on a prefill as somebody's wait, beyond `prefill_factor`.
    """

    prefill_factor: float = 1.0
    decode_factor: float = 1.0
    first_token_factor: float = 1.0


def pessimistic(band: Band, confidence: float | None) -> Caution:
    """Factors on the predicted times of a prefill and of a decode step at a confidence; all 1 without one.

    Args:
        band: of the configuration.
        confidence: one-sided, in [0.5, 0.999]; None is the central prediction.

    ITL and rate are made of both times, ``ITL = t_dec + b t_pre / d``, so both take the ITL band's end: ITL is then
    exactly at its own. What is wider in the TTFT band falls on the first token alone, its own prefill and those
    it queues for. Errors are taken as fully correlated, each candidate and both times at their own pessimistic end
    at once; a fleet of several kinds of device is planned more cautiously than the confidence says.

    >>> [round(factor, 3) for factor in pessimistic(Band(itl=(0.9, 1.1), ttft=(0.8, 1.54)), 0.95)]
    [1.1, 1.1, 1.4]
    >>> pessimistic(Band(itl=(0.9, 1.1), ttft=(0.8, 1.5)), None)
    Caution(prefill_factor=1.0, decode_factor=1.0, first_token_factor=1.0)
    """
    if confidence is None:
        return Caution()
    step = quantile(band.itl[1], confidence)
    return Caution(step, step, max(quantile(band.ttft[1], confidence) / step, 1.0))


def between(value: float, multipliers: tuple[float, float]) -> tuple[float, float]:
    """A predicted time with its band [s].

    >>> between(0.040, (0.9, 1.25))
    (0.036000000000000004, 0.05)
    """
    low, high = banded(value, multipliers)
    return float(low), float(high)
