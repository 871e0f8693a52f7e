"""How sure a calibration is: errors of its figures, and what it would have said of rows it had not seen."""

from __future__ import annotations

import numpy as np

from optimizer.calibrate_fit import FIGURES, Problem, robust_weights
from scenarios.measured import Table

Column = np.ndarray
_LARGEST = np.log(5.0)


def sureness(problem: Problem, x: Column, table: Table, usable: Column) -> tuple[Column, Column, Column]:
    """Standard errors of the log figures by group, and measured over predicted ITL and TTFT of each row, unseen.

    Errors are cluster-robust: rows measured together err together, so they count as one observation of their sum. Two
    groupings are tried, by model, accelerator and version and by deployment and request, and the larger error is told:
    the first is blind where a figure stands on one such group. Reference: K.-Y. Liang and S. L. Zeger, "Longitudinal
    data analysis using generalized linear models", Biometrika 73, 1986, doi:10.1093/biomet/73.1.13. Unseen residuals
    are those of the linearised fit with the row's whole model left out: D. A. Belsley, E. Kuh and R. E. Welsch,
    "Regression Diagnostics", 1980, doi:10.1002/0471725153.
    """
    residuals, slopes = problem.residuals(x), problem.jacobian(x)
    root = np.sqrt(robust_weights(residuals))
    r, jacobian = residuals * root, slopes * root[:, None]
    bread = np.linalg.pinv(jacobian.T @ jacobian)
    spreads = [_spread(bread, jacobian, r, problem.clusters(column)) for column in ("cluster", "deployment")]
    deviations = np.maximum(*spreads)[: problem.groups * len(FIGURES)].reshape(problem.groups, -1)
    return deviations, *_unseen(problem, residuals, slopes, root, table, usable)


def _spread(bread: Column, jacobian: Column, residuals: Column, clusters: Column) -> Column:
    """Cluster-robust standard error of each unknown."""
    names, which = np.unique(clusters, return_inverse=True)
    scores = np.zeros((len(names), jacobian.shape[1]))
    np.add.at(scores, which, jacobian * residuals[:, None])
    scores = scores[names != ""]
    meat = scores.T @ scores * (len(scores) / max(len(scores) - 1, 1))
    return np.sqrt(np.maximum(np.diag(bread @ meat @ bread), 0.0))


def _unseen(
    problem: Problem, residuals: Column, slopes: Column, root: Column, table: Table, usable: Column
) -> tuple[Column, Column]:
    """Measured over predicted, with the whole model of a row left out of the fit."""
    itl, ttft = np.full(len(table), np.nan), np.full(len(table), np.nan)
    jacobian = slopes * root[:, None]
    normal, score = jacobian.T @ jacobian, jacobian.T @ (residuals * root)
    at = 0
    for rows in problem.rows:
        size = len(rows.group)
        mine = slice(at, at + 2 * size)
        without = normal - jacobian[mine].T @ jacobian[mine]
        rest = score - jacobian[mine].T @ (residuals[mine] * root[mine])
        moved = residuals[mine] - slopes[mine] @ (np.linalg.pinv(without) @ rest)
        for target, weight, part in ((itl, rows.itl_weight, moved[:size]), (ttft, rows.ttft_weight, moved[size:])):
            known = weight > 0
            target[rows.batch.rows[known]] = np.exp(-np.clip(part[known] / weight[known], -_LARGEST, _LARGEST))
        at += 2 * size
    return np.where(usable, itl, np.nan), np.where(usable, ttft, np.nan)
