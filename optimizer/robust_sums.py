"""What many draws say together: which limits break how often, how the bills spread, and what they turn on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizer.held import Break
from optimizer.plan import Part
from optimizer.robust_point import Drawn, Turn

FEWEST_OF_A_KIND = 3
"""With fewer draws that hold, or that do not, nothing is said about what that turns on."""
CHANCE = 0.01
"""A rank correlation that chance alone gives more often than this is not told."""


class LimitBroken(Part):
    """A limit that breaks in some draws."""

    limit: str
    wall: str
    unit: str
    draws: int
    """In how many."""
    median_by: float
    """How far it is broken where it is, as a part of the limit: half of those draws break it by less."""
    worst: Break


class Spread(Part):
    """An account over the draws; of draws in which limits break too, at what is then served."""

    account: str
    unit: str
    today: float | None
    p5: float
    median: float
    p95: float


class Leaning(Part):
    """What an input, or a kind of inputs that move together, means for the plan."""

    name: str
    inputs: list[str]
    low: float
    high: float
    below: Turn | None = None
    """Moved alone from today's figures towards `low`; None where that was not followed."""
    above: Turn | None = None
    failing: float | None = None
    """Rank correlation of the factor with breaking a limit, -1 to 1; None where it cannot be told from chance."""
    share: float | None = None
    """Part of the breaking that it explains: the square of `failing`. Those of independent inputs add up."""
    cost: float | None = None
    """Rank correlation with the cost."""
    carbon: float | None = None


def limits_broken(draws: Sequence[Drawn]) -> list[LimitBroken]:
    """Every limit that breaks, the most frequent first."""
    found: dict[str, list[Break]] = {}
    for draw in draws:
        for one in draw.breaks:
            found.setdefault(one.limit, []).append(one)
    told = [
        LimitBroken(
            limit=name,
            wall=breaks[0].wall,
            unit=breaks[0].unit,
            draws=len(breaks),
            median_by=float(np.median([one.by for one in breaks])),
            worst=max(breaks, key=lambda one: one.by),
        )
        for name, breaks in found.items()
    ]
    return sorted(told, key=lambda one: (-one.draws, one.limit))


def spread(account: str, unit: str, today: float | None, values: Sequence[float | None]) -> Spread | None:
    """An account's percentiles; None where no draw has it.

    >>> spread("usd_per_year", "USD/yr", 3.0, [1.0, 2.0, 3.0]).median
    2.0
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    p5, median, p95 = (float(value) for value in np.percentile(known, [5, 50, 95]))
    return Spread(account=account, unit=unit, today=today, p5=p5, median=median, p95=p95)


def leanings(found: Sequence[Leaning], draws: Sequence[Drawn]) -> list[Leaning]:
    """Each input with what the draws say of it, what explains most of the failures first."""
    fails = [float(not draw.holds) for draw in draws]
    told = min(fails.count(0.0), fails.count(1.0)) >= FEWEST_OF_A_KIND
    out = []
    for one in found:
        factors = [draw.factors[one.inputs[0]] for draw in draws]
        failing = _rank(factors, fails) if told else None
        ranks = {
            "failing": failing,
            "share": None if failing is None else failing**2,
            "cost": _rank(factors, [draw.usd_per_year for draw in draws]),
            "carbon": _rank(factors, [draw.kg_co2e_per_year for draw in draws]),
        }
        out.append(one.model_copy(update=ranks))
    return sorted(out, key=lambda one: -(one.share or 0.0))


def _rank(factors: Sequence[float], values: Sequence[float | None]) -> float | None:
    """Spearman's rank correlation; None where it cannot be told from chance."""
    known = [(factor, value) for factor, value in zip(factors, values, strict=True) if value is not None]
    if len(known) < 2 * FEWEST_OF_A_KIND or len({value for _, value in known}) < 2:
        return None
    from scipy.stats import spearmanr

    result = spearmanr([factor for factor, _ in known], [value for _, value in known])
    return float(result.statistic) if result.pvalue < CHANCE else None
