"""Fits the physical figures of each generation and engine to a measured table, with how sure each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from optimizer import calibrate_fit as fit
from optimizer.calibrate_sure import balanced_quantiles, deviations
from optimizer.predicted_rows import (
    Batch,
    architectures,
    efficiency_of,
    group_names,
    overload,
    prepare,
    seen_by_client,
)
from physics import closed_loop, pricing
from scenarios.catalog_things import DEFAULT_ENGINE
from scenarios.measured import LeftOut, Table

Column = np.ndarray
STUCK_S = 5.0
"""A first-token time beyond this is a wait for memory, whatever the KV arithmetic says."""
OUTLIER = 0.25
"""Rows measured together whose median error stays beyond this are no full batch of that model: not fitted."""
LEAST_ROWS = 5
"""A generation under an engine with fewer usable rows is not calibrated."""
_DENSE_WEIGHT = 2.5
_KV_WIDTHS = (2.0, 1.0)
_BAND = (0.05, 0.95)
_DEPLOYMENT = ("tensor_parallel", "attention_dp", "expert_parallel", "prompt_tokens", "output_tokens")

Key = tuple[str, str]
"""(generation, engine)."""


class Bands(NamedTuple):
    """Measured over predicted, 5 % to 95 %, of rows left out of the fit with their whole model."""

    itl: tuple[float, float]
    ttft: tuple[float, float]


@dataclass(frozen=True)
class Calibrated:
    """The figures of one generation under one engine.

    Attributes:
        figures: the seven, by name [1 or s].
        errors: standard error of the logarithm of each, from rows grouped by deployment.
        kv_bytes_per_element: width of the KV cache that the rows of 8 bits and fewer fit best [byte].
        kv_gain: share by which the fit is worse at the other width.
        rows: fitted (count).
        fitted_to: groups of rows, "model/accelerator/engine/precision".
        itl_mape, ttft_mape: mean absolute error on those rows (fraction).
        dense, moe: bands; None where no such row was fitted.
    """

    figures: Mapping[str, float]
    errors: Mapping[str, float]
    kv_bytes_per_element: float
    kv_gain: float
    rows: int
    fitted_to: tuple[str, ...]
    itl_mape: float
    ttft_mape: float
    dense: Bands | None
    moe: Bands | None


@dataclass(frozen=True)
class Calibration:
    """What `argosy calibrate` found.

    Attributes:
        table: the rows it was given.
        found: by (generation, engine).
        left_out: rows that were not fitted, and why.
    """

    table: Table
    found: Mapping[Key, Calibrated]
    left_out: tuple[LeftOut, ...]


def calibrate(table: Table, catalog: Any) -> Calibration:
    """Fit the figures of every generation and engine that the table has enough rows of.

    Three rounds: rows measured together that no width of the KV cache explains go; the width of each group is chosen on
    what is left; the figures are fitted.
    """
    work = _Work(table, catalog)
    usable, reasons = work.usable()
    wrong, starts = work.outliers(usable)
    for name in dict.fromkeys(work.clusters[wrong]):
        reasons[f"not explained by a full batch (median error above {OUTLIER:.0%}): {name}"] = np.flatnonzero(
            wrong & (work.clusters == name)
        )
    widths, gains, usable = work.widths(usable & ~wrong, starts)
    problem = work.problem(usable, widths)
    best = fit.solve(problem, starts[0])
    return work.concluded(problem, best, usable, widths, gains, reasons)


class _Work:
    """A table prepared once for all the fits of a calibration."""

    def __init__(self, table: Table, catalog: Any) -> None:
        self.catalog = catalog
        self.batches, self.table, self.left_out = prepare(table, catalog)
        generations = [catalog.accelerators[name].generation for name in self.table.accelerator]
        self.engines = np.where(self.table.engine == "", DEFAULT_ENGINE, self.table.engine)
        keys = list(zip(generations, self.engines.tolist(), strict=True))
        self.keys: list[Key] = sorted(set(keys))
        self.group = np.array([self.keys.index(key) for key in keys])
        self.names = group_names(self.table)
        versions = np.where(self.table.version == "", "unknown version", self.table.version)
        self.clusters = np.char.add(np.char.add(self.names, " "), versions)
        degrees = zip(*(getattr(self.table, name) for name in _DEPLOYMENT), strict=True)
        self.deployments = np.char.add(self.clusters, [f" {degree}" for degree in degrees])
        self.moe = np.array([bool(catalog.models[name].experts) for name in self.table.model])
        self.sixteen = np.isin(self.table.precision, ("", "bf16", "fp16", "fp32"))
        self.narrow = np.ones(len(self.keys))

    def usable(self) -> tuple[Column, dict[str, Column]]:
        """Rows to fit, and the places of the others by reason."""
        table = self.table
        reasons = {
            "disaggregated serving": table.disaggregated,
            "no time between tokens": ~np.isfinite(table.itl_s) & ~table.disaggregated,
        }
        left = np.logical_or.reduce(list(reasons.values()))
        stuck = (table.ttft_s > STUCK_S) & ~left
        reasons[f"overload: the first token took more than {STUCK_S:g} s"] = stuck
        usable = ~left & ~stuck
        for group, (generation, engine) in enumerate(self.keys):
            rows = usable & (self.group == group)
            if rows.any() and rows.sum() < LEAST_ROWS:
                reasons[f"fewer than {LEAST_ROWS} rows of {generation} under {engine}"] = rows
                usable = usable & ~rows
        return usable, {reason: np.flatnonzero(rows) for reason, rows in reasons.items() if rows.any()}

    def kv(self, widths: Column) -> Column:
        """Width of each row's KV cache [byte]: that of its group, 16 bit under 16-bit weights."""
        return np.where(self.sixteen, 2.0, widths[self.group])

    def outliers(self, usable: Column) -> tuple[Column, list[Column]]:
        """Rows measured together that the fit explains at neither width of the KV cache, and the fit at each width."""
        fits = usable & ~self._overload(self.kv(np.full(len(self.keys), max(_KV_WIDTHS))))
        wrong, found = fits.copy(), []
        for width in _KV_WIDTHS:
            widths = np.full(len(self.keys), width)
            best = fit.solve(self.problem(fits, widths))
            found.append(best.x)
            itl, _ = self.predicted(self.logs(best.x), widths)
            off = np.zeros(len(self.table), dtype=bool)
            for name in dict.fromkeys(self.clusters[fits]):
                rows = fits & (self.clusters == name)
                off[rows] = abs(np.median(np.log(itl[rows] / self.table.itl_s[rows]))) > OUTLIER
            wrong &= off
        together = np.isin(self.clusters, list(set(self.clusters[wrong])))
        return usable & together, found

    def widths(self, usable: Column, starts: list[Column]) -> tuple[Column, Column, Column]:
        """KV width of each group, how much worse the other is, and the rows that fit into memory at that width."""
        fits = usable & ~self._overload(self.kv(np.full(len(self.keys), max(_KV_WIDTHS))))
        costs = []
        for width, start in zip(_KV_WIDTHS, starts, strict=True):
            problem = self.problem(fits, np.full(len(self.keys), width))
            costs.append(self._cost(problem, fit.solve(problem, start)))
        cheap, dear = np.min(costs, axis=0), np.max(costs, axis=0)
        gains = np.where(cheap > 0, dear / np.maximum(cheap, 1e-12) - 1.0, 0.0)
        widths = np.array(_KV_WIDTHS)[np.argmin(costs, axis=0)]
        return widths, gains, usable & ~self._overload(self.kv(widths))

    def logs(self, x: Column) -> Column:
        """The logarithms of the figures, [group, figure]."""
        return x[: len(self.keys) * len(fit.FIGURES)].reshape(len(self.keys), -1)

    def _cost(self, problem: fit.Problem, best: Any) -> Column:
        """Robust cost of each group's own rows."""
        residuals, at, found = problem.residuals(best.x), 0, np.zeros(len(self.keys))
        for rows in problem.rows:
            for _ in range(2):
                part = residuals[at : at + len(rows.group)]
                cost = fit.SOFT**2 * (np.sqrt(1.0 + (part / fit.SOFT) ** 2) - 1.0)
                found += np.bincount(rows.group, weights=cost, minlength=len(self.keys))
                at += len(rows.group)
        return found

    def _overload(self, kv: Column) -> Column:
        found = np.zeros(len(self.table), dtype=bool)
        for batch in self.batches:
            found[batch.rows] = overload(batch, replace(batch.runs, kv_bytes_per_element=kv[batch.rows]))
        return found & ~self.table.disaggregated

    def problem(self, usable: Column, widths: Column) -> fit.Problem:
        """The least-squares problem of some rows at some widths of the KV cache."""
        weight, kv = self._weights(usable), self.kv(widths)
        made = []
        for batch in self.batches:
            some = np.flatnonzero(usable[batch.rows])
            if not some.size:
                continue
            part = batch.take(some)
            part = replace(part, runs=replace(part.runs, kv_bytes_per_element=kv[part.rows]))
            known = np.isfinite(self.table.ttft_s[part.rows]) & (self.table.ttft_s[part.rows] > 0)
            with np.errstate(invalid="ignore", divide="ignore"):
                logs = np.log(self.table.itl_s[part.rows]), np.log(self.table.ttft_s[part.rows])
            made.append(
                fit.Rows(
                    part,
                    fit.stacked(part),
                    self.group[part.rows],
                    *logs,
                    weight[part.rows],
                    np.where(known, fit.TTFT_WEIGHT * weight[part.rows], 0.0),
                    self.clusters[part.rows],
                    self.deployments[part.rows],
                )
            )
        return fit.Problem(made, len(self.keys), self._limits(usable))

    def _weights(self, usable: Column) -> Column:
        """Weight of each row: repeated rows share one, and many rows of one model on one system count less each."""
        table = self.table
        columns = (self.names, table.version, table.prompt_tokens, table.output_tokens, table.concurrency)
        repeats = _same(*columns, table.tensor_parallel, table.expert_parallel, table.itl_s, table.ttft_s)
        share = 1.0 / np.bincount(repeats)[repeats]
        sources = _same(table.model, table.accelerator, self.engines)
        counts = np.bincount(sources, weights=share * usable)
        return np.sqrt(share) * np.maximum(counts[sources], 1.0) ** -0.25 * np.where(self.moe, 1.0, _DENSE_WEIGHT)

    def _limits(self, usable: Column) -> list[fit.ReadLimit]:
        """The weight-read band, for the engine that fleets are planned with."""
        found = []
        for group, (generation, engine) in enumerate(self.keys):
            if engine == DEFAULT_ENGINE and (usable & (self.group == group)).any():
                found.append(fit.ReadLimit(group, _read_cases(self.catalog, generation), _read_shares))
        return found

    def predicted(self, logs: Column, widths: Column) -> tuple[Column, Column]:
        """ITL and TTFT [s] of every row with the figures whose logarithms are given by group."""
        itl, ttft = np.full(len(self.table), np.nan), np.full(len(self.table), np.nan)
        kv = self.kv(widths)
        for batch in self.batches:
            runs = replace(fit.placed(batch, logs[self.group[batch.rows]]), kv_bytes_per_element=kv[batch.rows])
            itl[batch.rows], ttft[batch.rows] = seen_by_client(batch, runs)
        return itl, ttft

    def _unseen(self, usable: Column, widths: Column, x: Column) -> tuple[Column, Column]:
        """Measured over predicted ITL and TTFT of each row, fitted to all models but its own."""
        itl, ttft = np.full(len(self.table), np.nan), np.full(len(self.table), np.nan)
        models = architectures(self.table, self.catalog)
        for name in dict.fromkeys(models[usable]):
            held = models == name
            rest = usable & ~held
            if not rest.any():  # one model alone says nothing of others: its own residuals have to do
                rest = usable
            best = fit.solve(self.problem(rest, widths), x, most_steps=6)
            times = self.predicted(self.logs(best.x), widths)
            itl[held], ttft[held] = (self.table.itl_s / times[0])[held], (self.table.ttft_s / times[1])[held]
        return itl, ttft

    def _bands(self, usable: Column, moe: bool, engine: str, itl_ratio: Column, ttft_ratio: Column) -> Bands:
        """The band of a kind of model: unseen rows of all generations, each source weighing the same.

        A first token holds the habits of an engine, so its band takes rows of that engine alone: of this kind of model
        where it has two sources, else of both kinds.
        """
        sources = np.char.add(np.char.add(self.table.model, self.table.accelerator), self.engines)
        kind = usable & (self.moe == moe)
        own = kind & (self.engines == engine)
        if len(set(sources[own])) < 2:
            own = usable & (self.engines == engine)

        def quantiles(rows: Column, ratio: Column) -> tuple[float, float]:
            known = rows & np.isfinite(ratio)
            if not known.any():
                return 1.0, 1.0
            low, high = balanced_quantiles(ratio[known], sources[known], _BAND)
            return min(low, 1.0), max(high, 1.0)

        return Bands(quantiles(kind, itl_ratio), quantiles(own, ttft_ratio))

    def concluded(
        self, problem: fit.Problem, best: Any, usable: Column, widths: Column, gains: Column, reasons: dict[str, Column]
    ) -> Calibration:
        """Figures, errors and bands of every group that was fitted."""
        logs = self.logs(best.x)
        itl, ttft = self.predicted(logs, widths)
        errors_of, ratios = deviations(problem, best.x), self._unseen(usable, widths, best.x)
        found = {}
        for group, key in enumerate(self.keys):
            rows = usable & (self.group == group)
            if not rows.any():
                continue
            known = rows & np.isfinite(self.table.ttft_s)
            figures = fit.figures_of(logs[group])
            errors = {free.name: float(one) for free, one in zip(fit.FIGURES, errors_of[group], strict=True)}
            kinds = [
                self._bands(usable, moe, key[1], *ratios) if (rows & (self.moe == moe)).any() else None
                for moe in (False, True)
            ]
            found[key] = Calibrated(
                figures, {**errors, "decode_compute": errors["prefill_compute"]}, float(widths[group]),
                float(gains[group]), int(rows.sum()), tuple(sorted(set(self.names[rows]))),
                _mape(itl, self.table.itl_s, rows), _mape(ttft, self.table.ttft_s, known), *kinds,
            )  # fmt: skip
        over = ~usable & self._overload(self.kv(widths))
        told = np.zeros(len(self.table), dtype=bool)
        for rows in reasons.values():
            told[rows] = True
        if (over & ~told).any():
            reasons["overload: the KV of all requests in flight exceeds the memory"] = np.flatnonzero(over & ~told)
        lines = self.table.line
        left = [LeftOut(reason, len(rows), int(lines[rows].min())) for reason, rows in reasons.items()]
        return Calibration(self.table, found, (*self.left_out, *left))


def _same(*columns: Column) -> Column:
    """Number of each row's class: rows with equal columns share one."""
    found = np.zeros(len(columns[0]), dtype=np.intp)
    for column in columns:
        _, inverse = np.unique(column, return_inverse=True)
        _, found = np.unique(found * (inverse.max() + 1) + inverse, return_inverse=True)
    return found


def _mape(predicted: Column, measured: Column, rows: Column) -> float:
    return float(np.mean(abs(predicted[rows] / measured[rows] - 1.0))) if rows.any() else float("nan")


def _read_cases(catalog: Any, generation: str) -> list[Batch]:
    """Dense models of 30B and more on one device of a generation, batch 1 and 4, at 16, 8 and 4 bits where they fit."""
    devices = [one for one in catalog.accelerators.values() if one.generation == generation]
    cases = []
    for name in ("qwen3-32b", "llama-3.1-70b"):
        model = catalog.models[name]
        chips = [
            pricing.hardware(device, efficiency_of(catalog, device, DEFAULT_ENGINE), precision)
            for device in devices for precision in ("bf16", "fp8", "fp4")
        ]  # fmt: skip
        held = [chip for chip in chips if chip and _fits(model, chip)]
        if held:
            which, batch = np.repeat(np.arange(len(held)), 2), np.tile([1.0, 4.0], len(held))
            size = len(which)
            client = closed_loop.clients([DEFAULT_ENGINE] * size, [""] * size, experts=False)
            runs = pricing.gather(held, which, 1, batch)
            tokens = np.full(size, 512.0), np.full(size, 256.0)
            cases.append(Batch(model, np.arange(size), runs, *tokens, client, np.zeros(size, dtype=bool)))
    return cases


def _fits(model: Any, chip: Mapping[str, float]) -> bool:
    return model.params_total * chip["weight_bytes_per_parameter"] < 0.85 * chip["hbm_bytes"]


def _read_shares(case: Batch, runs: Any) -> tuple[Column, Column]:
    """Weight bytes over bandwidth times step, of each run: all the weights, and those that a step reads."""
    step = pricing.price(case.model, runs, case.requests).decode_step_s[:, 0]
    each = runs.weight_bytes_per_parameter / (runs.hbm_bytes_per_s * step)
    return case.model.params_total * each, pricing.read_parameters(case.model) * each
