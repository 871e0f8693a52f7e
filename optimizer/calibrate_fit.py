"""The least-squares problem behind a calibration: log figures per generation and engine, pooled towards a centre.

`x` holds, for each group of rows (a generation under an engine), the logarithm of every free figure, and then the
centre they are pulled to. A group with few rows, or rows that say little of a figure, stays near what others say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from optimizer.predicted_rows import Batch, seen_by_client

Column = np.ndarray


class Free(NamedTuple):
    """A figure that is fitted, within bounds, from a start.

    `spread` is how far engines and generations lie apart, as the standard deviation of its logarithm.
    """

    name: str
    least: float
    most: float
    start: float
    spread: float


FIGURES = (
    Free("prefill_compute", 0.2, 0.95, 0.55, 0.3),
    Free("decode_bandwidth", 0.5, 0.95, 0.7, 0.12),
    Free("layer_overhead_s", 1e-6, 40e-6, 4e-6, 1.0),
    Free("step_overhead_s", 50e-6, 3e-3, 300e-6, 1.0),
    Free("allreduce_latency_s", 2e-6, 40e-6, 12e-6, 0.5),
    Free("link_efficiency", 0.1, 0.95, 0.5, 0.5),
)
"""`decode_compute` is tied to `prefill_compute`: no measured row sits long enough in the compute ceiling of decode."""
POOLING = 0.1
"""Weight of the pull to the centre, beside residuals of a few percent."""
TTFT_WEIGHT = 0.2
"""A first-token time holds the client's habits; it is weighed a fifth of a token time."""
SOFT = 0.05
"""Residuals beyond this count less and less (soft l1)."""
_STEP = 1e-4
_K = len(FIGURES)


@dataclass(frozen=True)
class Rows:
    """The rows of one model in a fit.

    Attributes:
        batch: what prices them.
        stacked: the same rows once as they are and once for each figure moved, so that one call gives a Jacobian.
        group: of each row, its place among the groups.
        log_itl_s, log_ttft_s: logarithms of what was measured; nan where unknown.
        itl_weight, ttft_weight: on the residuals; 0 leaves a row out.
        cluster: of each row, what was measured together: a model on an accelerator under a version of an engine.
        deployment: the same cut by degrees of parallelism and request, so that only concurrencies are together.
    """

    batch: Batch
    stacked: Batch
    group: Column
    log_itl_s: Column
    log_ttft_s: Column
    itl_weight: Column
    ttft_weight: Column
    cluster: Column
    deployment: Column


class Problem:
    """Residuals and Jacobian of a calibration."""

    def __init__(self, rows: Sequence[Rows], groups: int, limits: Sequence[Any] = ()) -> None:
        self.rows, self.groups, self.limits = rows, groups, limits
        self.size = (groups + 1) * _K
        self._spread = np.array([free.spread for free in FIGURES])
        self._start = np.log([free.start for free in FIGURES])

    @property
    def start(self) -> Column:
        """Every group at the usual figures."""
        return np.tile(self._start, self.groups + 1)

    @property
    def bounds(self) -> tuple[Column, Column]:
        """Least and most of each logarithm."""
        least, most = (np.log([getattr(free, key) for free in FIGURES]) for key in ("least", "most"))
        return np.tile(least, self.groups + 1), np.tile(most, self.groups + 1)

    def residuals(self, x: Column) -> Column:
        """Weighted logarithms of predicted over measured, the pull to the centre, and what passes a limit."""
        found = []
        for rows in self.rows:
            itl, ttft = seen_by_client(rows.batch, placed(rows.batch, self._of(x)[rows.group]))
            found += [_weighed(itl, rows.log_itl_s, rows.itl_weight), _weighed(ttft, rows.log_ttft_s, rows.ttft_weight)]
        return np.concatenate([*found, self._pull(x), *(limit.residuals(self._of(x)) for limit in self.limits)])

    def jacobian(self, x: Column) -> Column:
        """Derivatives of `residuals`, by moving each figure of all groups at once: a row knows only its own group."""
        parts = []
        moved = self._of(x)[None] + np.concatenate([np.zeros((1, _K)), _STEP * np.eye(_K)])[:, None]
        for rows in self.rows:
            figures = moved[:, rows.group].reshape(-1, _K)
            times = seen_by_client(rows.stacked, placed(rows.stacked, figures))
            for time, weight in zip(times, (rows.itl_weight, rows.ttft_weight), strict=True):
                logs = np.log(time).reshape(_K + 1, -1)
                parts.append(self._spread_out(((logs[1:] - logs[:1]) / _STEP * weight).T, rows.group))
        parts.append(self._pull_slopes())
        for limit in self.limits:
            parts.append(limit.slopes(self._of(x), self.size))
        return np.concatenate(parts)

    def clusters(self, column: str) -> Column:
        """Name of the `cluster` or `deployment` of each residual; "" for those that are no row."""
        named = [np.tile(getattr(rows, column), 2) for rows in self.rows]
        rest = self.size + sum(limit.size for limit in self.limits)
        return np.concatenate([*named, np.full(rest, "")])

    def _of(self, x: Column) -> Column:
        return x[: self.groups * _K].reshape(self.groups, _K)

    def _pull(self, x: Column) -> Column:
        centre = x[self.groups * _K :]
        away = (self._of(x) - centre) / self._spread
        return POOLING * np.concatenate([away.ravel(), (centre - self._start) / (1.5 * self._spread)])

    def _pull_slopes(self) -> Column:
        slopes = np.diag(POOLING / np.tile(self._spread, self.groups + 1))
        for group in range(self.groups):
            rows = slice(group * _K, (group + 1) * _K)
            slopes[rows, self.groups * _K :] = -np.diag(POOLING / self._spread)
        slopes[self.groups * _K :, self.groups * _K :] /= 1.5
        return slopes

    def _spread_out(self, slopes: Column, group: Column) -> Column:
        """[n, figures] slopes at the columns of each row's own group."""
        whole = np.zeros((len(group), self.size))
        columns = group[:, None] * _K + np.arange(_K)
        whole[np.arange(len(group))[:, None], columns] = slopes
        return whole


def placed(batch: Batch, logs: Column) -> Any:
    """The runs with the figures whose logarithms stand in each row of `logs`."""
    figures = np.exp(logs)
    columns = {free.name: figures[:, k] for k, free in enumerate(FIGURES)}
    return replace(batch.runs, decode_compute=columns["prefill_compute"], **columns)


def stacked(batch: Batch) -> Batch:
    """The rows once for what they are and once for each figure."""
    which = np.tile(np.arange(len(batch.rows)), _K + 1)
    return batch.take(which)


def _weighed(time: Column, log_measured: Column, weight: Column) -> Column:
    return np.where(weight > 0, (np.log(time) - log_measured) * weight, 0.0)


class ReadLimit:
    """Keeps the weight-read share of a decode step inside its measured band, for dense models on one device.

    The share is weight bytes over bandwidth times step, the weights counted both whole and as far as a step reads them.
    Outside the band each percent counts like a residual of 20 %.
    """

    LEAST, MOST, STEEP = 0.602, 0.7285, 20.0

    def __init__(self, group: int, cases: Sequence[Batch], shares: Any) -> None:
        self.group, self.cases, self.shares = group, cases, shares
        self.size = 4 * sum(len(case.rows) for case in cases)

    def residuals(self, of: Column) -> Column:
        """How far each case lies above and below the band."""
        return self._outside(of[self.group])

    def slopes(self, of: Column, size: int) -> Column:
        """Derivatives by finite differences."""
        here = of[self.group]
        base, found = self._outside(here), np.zeros((self.size, size))
        for k in range(_K):
            there = here.copy()
            there[k] += _STEP
            found[:, self.group * _K + k] = (self._outside(there) - base) / _STEP
        return found

    def _outside(self, logs: Column) -> Column:
        parts = []
        for case in self.cases:
            runs = placed(case, np.tile(logs, (len(case.rows), 1)))
            for share in self.shares(case, runs):
                parts += [np.maximum(self.LEAST - share, 0.0), np.maximum(share - self.MOST, 0.0)]
        return self.STEEP * np.concatenate(parts)


def solve(problem: Problem, start: Column | None = None, most_steps: int = 40) -> Any:
    """The robust optimum (scipy's result)."""
    from scipy.optimize import least_squares

    least, most = problem.bounds
    first = np.clip(problem.start if start is None else start, least + 1e-3, most - 1e-3)
    return least_squares(
        problem.residuals, first, problem.jacobian, bounds=(least, most), loss="soft_l1", f_scale=SOFT,
        tr_solver="lsmr", max_nfev=most_steps, ftol=1e-5, xtol=1e-5,
    )  # fmt: skip


def robust_weights(residuals: Column) -> Column:
    """Weight that soft l1 leaves to each residual, in (0, 1]."""
    return 1.0 / np.sqrt(1.0 + (residuals / SOFT) ** 2)


def figures_of(logs: Column) -> Mapping[str, float]:
    """The seven figures by name."""
    found = {free.name: float(np.exp(log)) for free, log in zip(FIGURES, logs, strict=True)}
    return {**found, "decode_compute": found["prefill_compute"]}
