"""How sure a calibration is: errors of its figures, and quantiles of what it would have said of unseen rows."""

from __future__ import annotations

import numpy as np

from optimizer.calibrate_fit import FIGURES, Problem, robust_weights

Column = np.ndarray


def deviations(problem: Problem, x: Column) -> Column:
    """Standard errors of the log figures, [group, figure].

    Errors are cluster-robust: rows measured together err together, so they count as one observation of their sum. Two
    groupings are tried, by model, accelerator and version and by deployment and request, and the larger error is told:
    the first is blind where a figure stands on one such group. Reference: K.-Y. Liang and S. L. Zeger, "Longitudinal
    data analysis using generalized linear models", Biometrika 73, 1986, doi:10.1093/biomet/73.1.13.
    """
    residuals, slopes = problem.residuals(x), problem.jacobian(x)
    root = np.sqrt(robust_weights(residuals))
    r, jacobian = residuals * root, slopes * root[:, None]
    bread = np.linalg.pinv(jacobian.T @ jacobian)
    spreads = [_spread(bread, jacobian, r, problem.clusters(column)) for column in ("cluster", "deployment")]
    return np.maximum(*spreads)[: problem.groups * len(FIGURES)].reshape(problem.groups, -1)


def _spread(bread: Column, jacobian: Column, residuals: Column, clusters: Column) -> Column:
    """Cluster-robust standard error of each unknown."""
    names, which = np.unique(clusters, return_inverse=True)
    scores = np.zeros((len(names), jacobian.shape[1]))
    np.add.at(scores, which, jacobian * residuals[:, None])
    scores = scores[names != ""]
    meat = scores.T @ scores * (len(scores) / max(len(scores) - 1, 1))
    return np.sqrt(np.maximum(np.diag(bread @ meat @ bread), 0.0))


def balanced_quantiles(values: Column, sources: Column, shares: tuple[float, float]) -> tuple[float, float]:
    """Quantiles of values where every source weighs the same, however many values it has.

    >>> balanced_quantiles(np.array([1.0, 1.0, 1.0, 3.0]), np.array(["a", "a", "a", "b"]), (0.05, 0.95))
    (1.0, 3.0)
    """
    _, inverse, counts = np.unique(sources, return_inverse=True, return_counts=True)
    order = np.argsort(values)
    weights = (1.0 / counts[inverse])[order]
    reached = (np.cumsum(weights) - weights / 2.0) / weights.sum()
    low, high = np.interp(shares, reached, values[order])
    return float(low), float(high)
