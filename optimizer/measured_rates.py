"""The user's measurements at work: they replace the predicted times of the ways measured, and calibrate the others.

A measurement is turned into factors on the predicted times of a prefill and of a decode step, kind of request by kind,
so that everything that follows from the two times (waits, power, cache in use) stays consistent with what was measured.
With b slots, d decode steps, p stages, predicted t_pre and t_dec and t_1 a step of one request:

    first token at idle   f_pre = measured / (t_pre + t_1)
    ITL                   f_dec t_dec + f_pre t_pre L / (p d) = measured, L = b prefills (or b + z sqrt(b), percentile)
    rate                  the same with L = b and b / (d rate) for the ITL

Where only one of them is known, f_pre = f_dec is its ratio to the predicted one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from physics.batching import MIXED_KV_SHARE
from physics.pricing import Prices, Runs, gather, hardware, price
from scenarios.errors import Problem, ScenarioError
from scenarios.schema import Scenario
from scenarios.schema_demand import Workload
from scenarios.schema_measured import MeasuredRequest, Measurement

LARGEST_UNSTATED_BATCH = 128
IN_FLIGHT_TOLERANCE = 0.05
"""Measured rate x ITL may ask for this share of the slots more than there are: two figures of two runs."""


@dataclass(frozen=True)
class Resolved:
    """A measurement at its batch: its run, and the figures of every kind of request [S]; NaN: there is no such time."""

    measurement: Measurement
    runs: Runs
    prefill_factor: np.ndarray
    step_factor: np.ndarray
    requests_per_s: np.ndarray

    @property
    def sustained(self) -> bool:
        """Whether the rate of every kind of request was measured, so that the replica is known to keep up with it."""
        return all(one.requests_per_s is not None for one in self.measurement.requests.values())


@dataclass(frozen=True)
class Calibration:
    """What ways of one accelerator and precision are multiplied by, and how many figures that rests on."""

    prefill: float = 1.0
    step: float = 1.0
    measurements: int = 0


class Measured:
    """All measurements of a workload. ScenarioError, with the line, where one contradicts physics or itself."""

    def __init__(self, scenario: Scenario, workload: Workload) -> None:
        self.workload = workload
        self.model = scenario.catalog.models[workload.model]
        self.resolved = [_Reader(scenario, workload, one).resolved() for one in workload.measurements]

    def calibration(self, accelerator: str, precision: str) -> Calibration:
        """Geometric mean of measured over predicted times, over measurements and kinds of request."""
        mine = [
            one
            for one in self.resolved
            if (one.measurement.accelerator, one.measurement.precision) == (accelerator, precision)
        ]
        prefill, step = (one.prefill_factor for one in mine), (one.step_factor for one in mine)
        return Calibration(_geometric_mean(prefill), _geometric_mean(step), len(mine))

    def calibrated(self, figures: dict[str, float], accelerator: str, precision: str) -> dict[str, float]:
        """A chip's figures for the ways that were not measured. Never beyond the share of the peaks that is left."""
        found = self.calibration(accelerator, precision)
        if not found.measurements:
            return figures
        prefill = max(found.prefill, figures["prefill_compute"] / figures["prefill_factor"])
        step = max(found.step, max(figures["decode_compute"], figures["decode_bandwidth"]) / figures["decode_factor"])
        times = {"prefill_factor": prefill, "decode_factor": step}
        return {**figures, **{name: figures[name] * factor for name, factor in times.items()}}

    def with_rows(self, chips: list[Any], chip: np.ndarray, runs: Runs) -> tuple[np.ndarray, Runs, np.ndarray]:
        """Chip, runs and measurement (-1: none) of every row, the measured ones last and in place of their like."""
        keep = np.full(len(chip), not self.workload.only_measured)
        rows = []
        for index, one in enumerate(self.resolved):
            said = one.measurement
            number = next((k for k, chip in enumerate(chips) if chip.allowed and _is_of(chip, said)), None)
            if number is None:
                continue
            same = (chip == number) & (runs.tensor_parallel == said.tensor_parallel)
            same &= (runs.pipeline_parallel == said.pipeline_parallel) & (runs.expert_parallel == said.expert_parallel)
            keep &= ~(same & (runs.batch == one.runs.batch[0])) if said.batch else ~same
            rows.append((number, index))
        parts = [runs.take(keep), *(self.resolved[index].runs for _, index in rows)]
        joined = Runs(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Runs)))
        numbers = np.array([number for number, _ in rows], dtype=chip.dtype)
        which = np.array([index for _, index in rows], dtype=int)
        return np.concatenate([chip[keep], numbers]), joined, np.concatenate([np.full(keep.sum(), -1), which])

    def repriced(self, prices: Prices, runs: Runs, which: np.ndarray) -> Prices:
        """The measured figures in the rows that were measured; `runs` of these carry no factors."""
        rows = np.flatnonzero(which >= 0)
        if not rows.size:
            return prices
        mine = [self.resolved[index] for index in which[rows]]
        prefill = np.nan_to_num(np.array([one.prefill_factor for one in mine]), nan=1.0)
        step = np.nan_to_num(np.array([one.step_factor for one in mine]), nan=1.0)
        new = scaled(prices, runs.batch, rows, prefill, step, np.array([one.requests_per_s for one in mine]))
        changed = {}
        for column, values in new.items():
            whole = getattr(prices, column).copy()
            whole[rows] = values
            changed[column] = whole
        return replace(prices, **changed)

    def sustained(self, which: np.ndarray) -> np.ndarray:
        """Rows whose measured rates are known to be kept up with."""
        known = np.array([*(one.sustained for one in self.resolved), False])
        return known[which]


def scaled(
    prices: Prices, batch: np.ndarray, rows: np.ndarray, prefill: np.ndarray, step: np.ndarray, rate: np.ndarray
) -> dict[str, np.ndarray]:
    """Columns of `prices` at `rows` with times multiplied, [rows, S], at the given rates (NaN: what the times give)."""
    b, d = batch[rows, None], prices.decode_steps
    occupancy, decode = prices.prefill_occupancy_s[rows] * prefill, prices.decode_step_s[rows] * step
    chunk = prices.itl_p99_token_s[rows] - prices.decode_step_s[rows]
    rate = np.where(np.isnan(rate), b / (d * decode + b * occupancy), rate)
    residence = b / rate
    return {
        "prefill_s": prices.prefill_s[rows] * prefill,
        "prefill_occupancy_s": occupancy,
        "decode_step_s": decode,
        "itl_s": np.where(d > 0, decode + b * occupancy / np.maximum(d, 1), 0.0),
        "itl_p99_token_s": np.where(d > 0, decode + chunk * prefill, 0.0),
        "requests_per_s": rate,
        "residence_s": residence,
        "flop_fraction": prices.flop_fraction[rows] * prices.residence_s[rows] / residence,
        "bandwidth_fraction": prices.bandwidth_fraction[rows] / step,
    }


def _is_of(chip: Any, said: Measurement) -> bool:
    return (chip.accelerator.name, chip.precision, chip.kv_precision) == (
        said.accelerator,
        said.precision,
        said.kv_precision,
    )


def _geometric_mean(parts: Iterable[np.ndarray]) -> float:
    values = np.concatenate([np.zeros(0), *parts])
    known = values[~np.isnan(values)]
    return float(np.exp(np.log(known).mean())) if known.size else 1.0


class _Reader:
    """Turns one measurement into factors."""

    def __init__(self, scenario: Scenario, workload: Workload, said: Measurement) -> None:
        self.scenario, self.workload, self.said = scenario, workload, said
        self.model = scenario.catalog.models[workload.model]
        self.key = f"workloads.{workload.name}.measurements.{workload.measurements.index(said)}"
        accelerator = scenario.catalog.accelerators[said.accelerator]
        efficiency = scenario.catalog.efficiency(said.accelerator, workload.engine)
        self.figures = hardware(accelerator, efficiency, said.precision, said.kv_precision)

    def resolved(self) -> Resolved:
        batch = self._batch()
        runs, prices = self._at(float(batch))
        _, alone = self._at(1.0)
        prefill, step, rate = [], [], []
        for s, shape in enumerate(self.workload.shapes):
            seen = self.said.requests[shape.name]
            f_pre, f_dec = self._factors(shape.name, seen, batch, prices, alone.decode_step_s[0, s], s)
            prefill.append(f_pre if shape.prompt_tokens else math.nan)
            step.append(f_dec if shape.decode_steps else math.nan)
            rate.append(math.nan if seen.requests_per_s is None else seen.requests_per_s)
        found = Resolved(self.said, runs, np.array(prefill), np.array(step), np.array(rate))
        self._within_peaks(found, prices)
        return found

    def _at(self, batch: float) -> tuple[Runs, Prices]:
        said = self.said
        assert self.figures is not None  # the loader refuses a precision that is not native
        runs = gather(
            [self.figures], [0], [said.tensor_parallel], [batch], said.pipeline_parallel, said.expert_parallel
        )
        return runs, price(self.model, runs, self.workload.shapes)

    def _batch(self) -> int:
        """The batch measured at; else the least that holds what was in flight, else the largest that memory holds."""
        said, mixed = self.said, len(self.workload.shapes) > 1
        _, prices = self._at(1.0)
        need, room = float(prices.kv_bytes_per_request[0].max()), float(prices.kv_capacity_bytes[0])
        if said.batch is not None:
            held = need * (1 if mixed else said.batch)
            if held > room * (1 + 1e-12):
                what = "one request" if mixed else f"batch {said.batch}"
                self._refuse("", f"{what} needs {held / 1e9:.3g} GB of cache, {room / 1e9:.3g} GB is left")
            return said.batch
        holds = math.floor(room * (MIXED_KV_SHARE if mixed else 1.0) / need * (1 + 1e-12))
        listed = sorted(self.workload.batch or range(1, LARGEST_UNSTATED_BATCH + 1))
        possible = [b for b in listed if said.pipeline_parallel <= b <= holds]
        if not possible:
            self._refuse("", f"memory holds {holds} requests at once, and no batch that is considered is that small")
        flying = [self._in_flight(shape, said.requests[shape.name]) for shape in self.workload.shapes]
        if any(number is None for number in flying):
            return possible[-1]
        most = max(number for number in flying if number is not None)
        return next((b for b in possible if b >= most * (1 - IN_FLIGHT_TOLERANCE)), possible[-1])

    @staticmethod
    def _in_flight(shape: Any, seen: MeasuredRequest) -> float | None:
        """Requests that decode at once, by Little's law; None where the figures do not tell."""
        if not shape.decode_steps or seen.requests_per_s is None or seen.itl_percentile != "mean" or not seen.itl_s:
            return None
        return seen.requests_per_s * shape.decode_steps * seen.itl_s

    def _factors(
        self, kind: str, seen: MeasuredRequest, batch: int, prices: Prices, alone_s: float, s: int
    ) -> tuple[float, float]:
        """(prefill, step) of one kind of request."""
        pre, occupancy, step = prices.prefill_s[0, s], prices.prefill_occupancy_s[0, s], prices.decode_step_s[0, s]
        d, landed = float(prices.decode_steps[s]), float(batch)
        first = None if seen.idle_ttft_s is None else seen.idle_ttft_s / (pre + alone_s)
        if d == 0:
            busy = None if seen.requests_per_s is None else 1.0 / (seen.requests_per_s * occupancy)
            ratio = first if first is not None else busy
            return (ratio or 1.0), 1.0
        itl = seen.itl_s
        if itl is not None and seen.itl_percentile != "mean":
            z = NormalDist().inv_cdf(float(seen.itl_percentile or 50.0) / 100)
            landed = max(batch + z * math.sqrt(batch), 0.0)
        if itl is None and seen.requests_per_s is not None:
            itl = batch / (d * seen.requests_per_s)
        if itl is None:
            return (first or 1.0), (first or 1.0)
        prefills = occupancy * landed / d
        if first is None:
            first = decode = itl / (step + prefills)
        else:
            decode = (itl - first * prefills) / step
            if decode <= 0:
                what = "itl" if seen.itl_s is not None else "requests_per_s"
                self._refuse(
                    f"requests.{kind}.idle_ttft",
                    f"the prefills that it implies take {first * prefills * 1e3:.3g} ms of each token's time, and "
                    f"{what} leaves {itl * 1e3:.3g} ms",
                    "leave idle_ttft out, or measure it on an idle replica",
                )
        self._keeps_up(kind, seen, batch, d * (decode * step + first * occupancy * batch / d))
        return first, decode

    def _keeps_up(self, kind: str, seen: MeasuredRequest, batch: int, holding_s: float) -> None:
        """A rate and an ITL that together need more slots than there are contradict each other (Little's law)."""
        if seen.requests_per_s is None or seen.itl_s is None:
            return
        flying = seen.requests_per_s * holding_s
        if flying > batch * (1 + IN_FLIGHT_TOLERANCE):
            message = (
                f"{seen.requests_per_s:g}/s at this itl keep {flying:.3g} requests in flight, the batch is {batch}"
            )
            self._refuse(f"requests.{kind}.requests_per_s", message, "check the rate (of one replica), itl and batch")

    def _within_peaks(self, found: Resolved, prices: Prices) -> None:
        prefill, step = (np.nan_to_num(part, nan=1.0)[None, :] for part in (found.prefill_factor, found.step_factor))
        new = scaled(prices, found.runs.batch, np.array([0]), prefill, step, found.requests_per_s[None, :])
        for s, shape in enumerate(self.workload.shapes):
            for column, what in (("flop_fraction", "FLOP/s"), ("bandwidth_fraction", "memory bandwidth")):
                share = float(new[column][0, s])
                if share > 1 + 1e-9 and (column == "flop_fraction" or shape.decode_steps):
                    hint = "check the figure (of one replica), the sizes of the request, the batch and the model"
                    self._refuse(f"requests.{shape.name}", f"would take {share:.3g} times the peak {what}", hint)

    def _refuse(self, key: str, message: str, hint: str = "check the batch and how the replica ran") -> None:
        where = f"{self.key}.{key}" if key else self.key
        file, line = self.said.place
        raise ScenarioError(Problem(file or self.scenario.source, line, where, message, hint))
