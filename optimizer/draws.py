"""Draws of a scenario's inputs from their ranges, and the axes along which they move.

    draws(scenario, 100, seed=0) -> [{"demand of chat": 1.07, "PUE in aws/us-east-1": 0.98, ...}, ...]

Each draw is a mapping for `optimizer.inputs.scaled`: input -> factor on today's figure. Inputs are independent of each
other, but for those of a kind that move together. A Latin hypercube spreads the draws: of `count` draws exactly one
lies in each `count`-th of every range. Same scenario, count and seed: same draws. Needs SciPy.

`draws`, `axes` and `Axis` are the interface that robust planning builds on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import NormalDist

from optimizer.inputs import fastest
from physics.bands import CENTRAL
from scenarios.errors import Problem, ScenarioError
from scenarios.inputs import KINDS, efficiencies
from scenarios.schema import Scenario
from scenarios.schema_ranges import MEASURED, Moved, moved_inputs

FEWEST, MOST = 1, 100_000
_EDGE = 1e-12


@dataclass(frozen=True)
class Axis:
    """Inputs that move together, by one factor on today's figures.

    Attributes:
        name: of the one input, or of the kind.
        inputs: their names.
        low, high: the ends of the range; of a measured band where 5 % and 95 % of the cases lie below.
        at: the factor below which a share of the cases lies, in (0, 1).
    """

    name: str
    inputs: tuple[str, ...]
    low: float
    high: float
    at: Callable[[float], float]

    def factors(self, factor: float) -> dict[str, float]:
        """Every input of the axis at a factor."""
        return dict.fromkeys(self.inputs, factor)


def axes(scenario: Scenario) -> list[Axis]:
    """The axes of the scenario's ranges, in their order. ScenarioError where a range cannot be drawn from."""
    groups: dict[int, list[Moved]] = {}
    for one in moved_inputs(scenario):
        groups.setdefault(one.group, []).append(one)
    return [_axis(scenario, group) for group in groups.values()]


def draws(scenario: Scenario, count: int, seed: int = 0) -> list[dict[str, float]]:
    """So many draws of every input that has a range.

    Args:
        scenario: with `ranges`.
        count: how many draws, 1 to 100,000.
        seed: the same seed gives the same draws.

    Raises:
        ScenarioError: there are no ranges, a range passes what is possible, or SciPy is not installed.
    """
    if not FEWEST <= count <= MOST:
        raise ValueError(f"{count} is not a number of draws, {FEWEST} to {MOST:,}")
    along = axes(scenario)
    if not along:
        hint = "add for example ranges: {demand: 80% to 130%}, or --range 'demand=80%..130%'"
        raise _problem(scenario, "ranges", "there is nothing to draw from", hint)
    if find_spec("scipy") is None:
        raise _problem(scenario, "ranges", "draws need scipy, which is not installed", "pip install 'argosy[robust]'")
    from scipy.stats import qmc

    table = qmc.LatinHypercube(len(along), seed=seed).random(count)
    found = []
    for row in table.tolist():
        factors: dict[str, float] = {}
        for axis, share in zip(along, row, strict=True):
            factors |= axis.factors(axis.at(min(max(share, _EDGE), 1 - _EDGE)))
        found.append(factors)
    return found


def _axis(scenario: Scenario, group: list[Moved]) -> Axis:
    first = group[0]
    names = tuple(one.input.name for one in group)
    name = names[0] if len(names) == 1 else next(word for word, kind in KINDS.items() if kind == first.input.kind)
    if first.range.shape == MEASURED:
        return _measured(scenario, names[0])
    low, high = first.range.low, first.range.high
    for one in names if first.input.kind == "efficiency" else ():
        most = fastest(scenario, one)
        if high > most:
            says = f"{high:.0%} is faster than the peak of the data sheet allows {one.removeprefix('efficiency of ')}"
            raise _problem(scenario, f"ranges.{name}", says, f"at most {math.floor(most * 100)}%, or measured")
    if first.range.shape == "triangular":
        return Axis(name, names, low, high, lambda share: _triangular(low, high, share))
    return Axis(name, names, low, high, lambda share: low + (high - low) * share)


def _triangular(low: float, high: float, share: float) -> float:
    """Quantile of the triangular law with its mode at 1.

    >>> [_triangular(0.5, 1.5, share) for share in (0.0, 0.125, 0.5, 1.0)]
    [0.5, 0.75, 1.0, 1.5]
    """
    middle = (1.0 - low) / (high - low)
    if share < middle:
        return low + math.sqrt(share * (high - low) * (1.0 - low))
    return high - math.sqrt((1.0 - share) * (high - low) * (high - 1.0))


def _measured(scenario: Scenario, name: str) -> Axis:
    """The speed of a generation, as its measured times lie beside the predicted ones: split log-normal, median 1.

    Where models of several kinds run under the engine, the widest of their bands; never faster than a peak.
    """
    generation, engine = efficiencies(scenario)[name]
    device = next(d for d in scenario.accelerators if scenario.catalog.accelerators[d].generation == generation)
    own = scenario.catalog.efficiency(device, engine)
    models = {one.model for one in scenario.workloads.values() if one.engine == engine and not one.only_measured}
    bands = [own.itl_band_moe if scenario.catalog.models[one].experts else own.itl_band for one in sorted(models)]
    least, longest = min(band[0] for band in bands), max(band[1] for band in bands)
    most, unit = fastest(scenario, name), NormalDist().inv_cdf((1.0 + CENTRAL) / 2.0)

    def at(share: float) -> float:
        deviations = NormalDist().inv_cdf(share) / unit  # of the speed: positive is faster than predicted
        speed = math.exp(-deviations * math.log(least)) if deviations > 0 else math.exp(deviations * math.log(longest))
        return min(speed, most)

    return Axis(name, (name,), 1.0 / longest, min(1.0 / least, most), at)


def _problem(scenario: Scenario, key: str, message: str, hint: str) -> ScenarioError:
    return ScenarioError(Problem(scenario.source, None, key, message, hint))
