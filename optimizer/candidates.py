"""The table of candidates: every way of running a workload on one replica, priced, gated, with the reasons kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from statistics import NormalDist

import numpy as np

from optimizer.measured_rates import Measured
from optimizer.plan import Basis, Rejected
from physics import fidelity
from physics.bands import Band, band, pessimistic
from physics.batching import MIXED_KV_SHARE
from physics.pricing import Prices, Runs, gather, hardware, price
from scenarios.catalog import Accelerator, Model
from scenarios.schema import Scenario
from scenarios.schema_demand import Workload

# No measured row of the fitted dense models has more requests in one replica (docs/accuracy.md); a workload's `batch`
# list goes beyond it on the user's word.
LARGEST_BATCH = 128
LARGEST_REPLICA = 64
SECONDS_PER_YEAR = 8760 * 3600.0
DEGREES = (1, 2, 4, 8, 16, 32, 64)
STAGES = (1, 2, 4)
BATCH_GRID = np.unique(np.round(1.06 ** np.arange(0, 120)).astype(int))
BATCH_GRID = BATCH_GRID[BATCH_GRID <= LARGEST_BATCH]
MANY_SHAPES = 2


@dataclass(frozen=True)
class Chip:
    """An accelerator at one weight precision and one KV precision."""

    accelerator: Accelerator
    precision: str
    kv_precision: str
    allowed: bool
    """Whether the workload's allow-list has both precisions (and the quality loss is within its limit)."""


@dataclass
class Table:
    """Candidates of one workload: equal-length columns. Only rows that fit memory and the link domain are kept.

    `itl_s` [n, S] is what the ITL limit speaks of: the mean, or a percentile over requests. `over_itl` marks rows that
    a limit on one shape rules out.
    """

    workload: Workload
    model: Model
    chips: list[Chip]
    chip: np.ndarray
    runs: Runs
    prices: Prices
    itl_s: np.ndarray
    over_itl: np.ndarray
    priced: int
    rejected: list[Rejected]
    measured: Measured
    which: np.ndarray
    """Index of the row's measurement, -1 where it was not measured."""
    gated: dict[str, int] = field(default_factory=dict)
    """Rows that memory and the ITL limit rule out, by wall."""

    @property
    def allowed(self) -> np.ndarray:
        """Rows whose precisions the workload allows."""
        return np.array([chip.allowed for chip in self.chips], dtype=bool)[self.chip]

    def __len__(self) -> int:
        return len(self.chip)

    def basis(self, row: int) -> Basis:
        """What a candidate's rates rest on."""
        chip = self.chips[self.chip[row]]
        if self.which[row] >= 0:
            return "measured"
        like = self.measured.calibration(chip.accelerator.name, chip.precision)
        return "calibrated" if like.measurements else "modelled"

    def describe(self, row: int) -> str:
        """A candidate in the field's words."""
        chip, runs = self.chips[self.chip[row]], self.runs
        degrees = f"TP{runs.tensor_parallel[row]:.0f}"
        degrees += f" PP{runs.pipeline_parallel[row]:.0f}" if runs.pipeline_parallel[row] > 1 else ""
        degrees += f" EP{runs.expert_parallel[row]:.0f}" if runs.expert_parallel[row] > 1 else ""
        return (
            f"{chip.accelerator.name} {chip.precision} (KV {chip.kv_precision}) {degrees} batch {runs.batch[row]:.0f}"
        )


def table(
    scenario: Scenario,
    workload: Workload,
    usd_per_device_year: dict[str, float],
    all_precisions: bool = False,
    measured: Measured | None = None,
    sized: np.ndarray | None = None,
) -> Table:
    """Enumerate, price and gate the candidates of a workload.

    `usd_per_device_year` (by accelerator) puts a price on rejected candidates. With `all_precisions` those outside the
    allow-list are priced too, so that a conflict can name the list. `measured` is given where the scenario is cut down
    to a part of what was measured, `sized` where (configuration, batch) are those of several questions.
    """
    model = scenario.catalog.models[workload.model]
    rejected: list[Rejected] = []
    chips = _chips(scenario, workload, rejected, all_precisions)
    measured = measured or Measured(scenario, workload)
    runs, chip = _configurations(chips, scenario, workload, model, measured)
    rows, batch = _batches(workload, model, runs) if sized is None else (sized[:, 0].astype(int), sized[:, 1])
    runs, chip = _with_batch(runs.take(rows), batch), chip[rows]
    keep = runs.batch >= runs.pipeline_parallel
    chip, runs, which = measured.with_rows(chips, chip[keep], runs.take(keep))
    prices = measured.repriced(price(model, runs, workload.shapes), runs, which)
    fits = _fits(prices, runs, len(workload.shapes) > 1)
    itl = limited_itl_s(workload, runs, prices)
    over = itl > itl_limit_s(workload) * (1 + 1e-12)
    over_itl = np.asarray(over.any(axis=1) if len(workload.shapes) == 1 else over.all(axis=1))
    full = Table(workload, model, chips, chip, runs, prices, itl, over_itl, len(chip), rejected, measured, which)
    full.gated.update(memory=int((~fits).sum()), serving=int((fits & over_itl).sum()))
    _reject_gated(full, fits, usd_per_device_year)
    kept = _take(full, fits)
    return kept


def batches(scenario: Scenario, workload: Workload) -> np.ndarray:
    """[n, 2] every configuration of a workload, by its number, with each batch that it is priced at."""
    chips = _chips(scenario, workload, [], everything=False)
    model = scenario.catalog.models[workload.model]
    runs, _ = _configurations(chips, scenario, workload, model, Measured(scenario, workload))
    return np.column_stack(_batches(workload, model, runs))


def itl_limit_s(workload: Workload) -> float:
    """The inter-token limit, infinite where there is none."""
    return workload.itl.limit_s if workload.itl else np.inf


def limited_itl_s(workload: Workload, runs: Runs, prices: Prices) -> np.ndarray:
    """[n, S] inter-token latency as the limit states it: mean, or a percentile over requests (see wall 7)."""
    if workload.itl is None or workload.itl.percentile == "mean":
        return prices.itl_s
    z = NormalDist().inv_cdf(float(workload.itl.percentile) / 100)
    batch, steps = runs.batch[:, None], np.maximum(prices.decode_steps, 1)
    landed = batch + z * np.sqrt(batch)
    return np.where(prices.decode_steps > 0, prices.decode_step_s + prices.prefill_occupancy_s * landed / steps, 0.0)


def _chips(scenario: Scenario, workload: Workload, rejected: list[Rejected], everything: bool) -> list[Chip]:
    chips = []
    precisions = fidelity.PRECISIONS if everything else workload.precisions
    for name in scenario.accelerators:
        accelerator = scenario.catalog.accelerators[name]
        for precision in precisions:
            listed = precision in workload.precisions
            if fidelity.compute_rate(accelerator, precision) is None:
                if listed:
                    says = f"{name} does not compute {precision} natively, and a silent fallback is no answer"
                    rejected.append(
                        _rejection(workload, f"{name} {precision}", "fidelity", "native precision", says=says)
                    )
                continue
            lost, limit = quality_loss(workload, precision)
            if listed and lost is not None and limit is not None and lost > limit:
                says = f"{precision} loses {lost:g} of quality, the workload allows {limit:g}"
                rejected.append(
                    _rejection(workload, f"{name} {precision}", "fidelity", "quality loss", lost, limit, "", says)
                )
                listed = False
            if not listed and not everything:
                continue
            chips += [Chip(accelerator, precision, kv, listed) for kv in workload.kv_precisions]
    return chips


def quality_loss(workload: Workload, precision: str) -> tuple[float | None, float | None]:
    """(declared loss, declared limit) of a precision, None where nothing is declared."""
    declared = workload.quality_loss
    return (None, None) if declared is None else (declared.of(precision), declared.limit)


def _rejection(
    workload: Workload,
    what: str,
    wall: str,
    reading: str,
    value: float | None = None,
    limit: float | None = None,
    unit: str = "",
    says: str = "",
    usd: float | None = None,
) -> Rejected:
    return Rejected(
        workload=workload.name,
        what=what,
        wall=wall,
        reading=reading,
        value=value,
        sense="<=",
        limit=limit,
        unit=unit,
        says=says,
        usd_per_million_requests=usd,
    )


def _configurations(
    chips: list[Chip], scenario: Scenario, workload: Workload, model: Model, measured: Measured
) -> tuple[Runs, np.ndarray]:
    """All (chip, TP, PP, EP) within the link domain, at batch 1."""
    engine = workload.engine
    fitted = (scenario.catalog.efficiency(c.accelerator, engine) for c in chips)
    known = (hardware(c.accelerator, e, c.precision, c.kv_precision) for c, e in zip(chips, fitted, strict=True))
    # `_chips` keeps native precisions only
    figures = [
        cautious(measured.calibrated(one, c.accelerator.name, c.precision), scenario, model, c, engine)
        for one, c in zip(known, chips, strict=True)
        if one is not None
    ]
    rows = []
    for number, chip in enumerate(chips):
        for t in workload.tensor_parallel or DEGREES:
            if t > chip.accelerator.scaleup_domain or model.heads % t:
                continue
            for p in workload.pipeline_parallel or STAGES:
                if t * p > LARGEST_REPLICA or p > model.layers:
                    continue
                rows += [(number, t, p, e) for e in sorted({1, t} if model.experts else {1})]
    numbers, tensor, stages, experts = np.array(rows, dtype=int).reshape(-1, 4).T
    nothing = {column.name: 1.0 for column in fields(Runs)}  # keeps an empty table's columns
    return gather(figures or [nothing], numbers, tensor, np.ones(len(rows)), stages, experts), numbers


def cautious(figures: dict[str, float], scenario: Scenario, model: Model, chip: Chip, engine: str) -> dict[str, float]:
    """A chip's figures with its times at the pessimistic end that `planning.confidence` asks for."""
    slower = pessimistic(band_of(scenario, model, chip, engine), scenario.planning.confidence)._asdict()
    return {**figures, **{name: figures[name] * factor for name, factor in slower.items()}}


def band_of(scenario: Scenario, model: Model, chip: Chip, engine: str) -> Band:
    """How sure the predicted times of a chip are for a model under an engine."""
    efficiency = scenario.catalog.efficiency(chip.accelerator, engine)
    return band(model, chip.accelerator, efficiency, chip.precision, chip.kv_precision)


def _with_batch(runs: Runs, batch: np.ndarray) -> Runs:
    return replace(runs, batch=np.asarray(batch, dtype=float))


def _fits(prices: Prices, runs: Runs, mixed: bool) -> np.ndarray:
    """Rows whose KV cache holds the batch (one shape), or at least one request of every shape (several)."""
    need = prices.kv_bytes_per_request * (1.0 if mixed else runs.batch[:, None])
    return np.asarray((need <= prices.kv_capacity_bytes[:, None] * (1 + 1e-12)).all(axis=1))


def _batches(workload: Workload, model: Model, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Per configuration the batches that the workload lists, else the grid and exactly the largest batch that memory
    and the ITL limit allow."""
    if workload.batch:
        listed = np.array(sorted(workload.batch), dtype=float)
        return np.repeat(np.arange(len(runs)), listed.size), np.tile(listed, len(runs))
    if len(workload.shapes) > MANY_SHAPES:
        return _mix_batches(workload, model, runs)
    mixed = len(workload.shapes) > 1
    count = len(runs)

    def holds(batch: np.ndarray, with_itl: bool) -> np.ndarray:
        trial = _with_batch(runs, batch)
        prices = price(model, trial, workload.shapes)
        good = _fits(prices, trial, mixed)
        if with_itl:
            good &= (limited_itl_s(workload, trial, prices) <= itl_limit_s(workload)).all(axis=1)
        return good

    largest = [_largest(holds, count, with_itl) for with_itl in (False, True)] if count else []
    rows, batches = [], []
    for row in range(count):
        memory_most, latency_most = int(largest[0][row]), int(largest[1][row])
        extra = [b for b in (memory_most, latency_most) if b >= 1]
        # Where not even one request fits, one row stays: it says by how much the configuration misses.
        grid = BATCH_GRID[memory_most >= BATCH_GRID] if memory_most else BATCH_GRID[:1]
        chosen = np.unique(np.concatenate([grid, np.array(extra, dtype=int)]))
        rows.append(np.full(chosen.size, row))
        batches.append(chosen)
    if not rows:
        return np.zeros(0, dtype=int), np.zeros(0)
    return np.concatenate(rows), np.concatenate(batches).astype(float)


def _mix_batches(workload: Workload, model: Model, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """For a mix of many shapes two batches a configuration: the largest at which every shape by itself keeps the ITL
    limit and the room for KV, and the largest at which the workload's own mix does. All of the grid would be too many:
    no batch replaces another for every mix.
    """
    share, limit_s = np.array([shape.share for shape in workload.shapes]), itl_limit_s(workload)

    def holds(batch: np.ndarray, alone: bool) -> np.ndarray:
        trial = _with_batch(runs, batch)
        prices = price(model, trial, workload.shapes)
        itl, held = limited_itl_s(workload, trial, prices), batch[:, None] * prices.kv_bytes_per_request
        room = MIXED_KV_SHARE * prices.kv_capacity_bytes
        if alone:
            return np.asarray((itl <= limit_s).all(axis=1) & (held <= room[:, None]).all(axis=1))
        tokens, busy = share * prices.decode_steps, share / prices.requests_per_s
        mean_itl = (tokens * itl).sum(axis=1) / max(float(tokens.sum()), 1e-300)
        mean_held = (busy * held).sum(axis=1) / busy.sum(axis=1)
        return np.asarray((mean_itl <= limit_s) & (mean_held <= room))

    count = len(runs)
    both = [_largest(holds, count, alone) for alone in (True, False)] if count else [np.zeros(0)] * 2
    # Where not even one request fits, one row stays: it says by how much the configuration misses.
    pairs = {(row, max(int(most), 1)) for batches in both for row, most in enumerate(batches)}
    rows, batch = np.array(sorted(pairs), dtype=int).reshape(-1, 2).T
    return rows, batch.astype(float)


def _largest(holds: Callable[[np.ndarray, bool], np.ndarray], count: int, with_itl: bool) -> np.ndarray:
    """Largest batch for which `holds` is true, by bisection over all configurations at once; 0 where not even 1."""
    low, high = np.zeros(count), np.full(count, LARGEST_BATCH + 1.0)
    while (high - low > 1).any():
        middle = np.maximum(np.floor((low + high) / 2), 1.0)
        good = holds(middle, with_itl)
        low, high = np.where(good, middle, low), np.where(good, high, middle)
        high = np.maximum(high, low + 1)
        if (middle <= 1).all() and not good.any():
            break
    return low


def _take(full: Table, keep: np.ndarray) -> Table:
    prices = replace(
        full.prices,
        **{f.name: getattr(full.prices, f.name)[keep] for f in fields(full.prices) if f.name != "decode_steps"},
    )
    return replace(
        full,
        chip=full.chip[keep],
        runs=full.runs.take(keep),
        prices=prices,
        itl_s=full.itl_s[keep],
        over_itl=full.over_itl[keep],
        which=full.which[keep],
    )


def _reject_gated(full: Table, fits: np.ndarray, usd_per_device_year: dict[str, float]) -> None:
    """The fastest row per device of each chip that memory or the ITL limit rules out, with its reading."""
    share = np.array([shape.share for shape in full.workload.shapes])
    rate = 1.0 / (share / full.prices.requests_per_s).sum(axis=1) / full.runs.devices
    need = _memory_share(full)
    for number, chip in enumerate(full.chips):
        mine = (full.chip == number) & chip.allowed
        if not mine.any():
            continue
        fitting = mine & fits
        if not fitting.any():
            row = int(np.flatnonzero(mine)[np.argmin(need[mine])])
            says = f"{full.describe(row)} needs {need[row]:.2f} times the memory it has"
            entry = ("memory", "memory needed / usable", float(need[row]), 1.0, "", says)
        elif (fitting & full.over_itl).any():
            slow = np.flatnonzero(fitting & full.over_itl)
            row = int(slow[np.argmax(rate[slow])])
            value, limit = float(full.itl_s[row].max()), itl_limit_s(full.workload)
            says = (
                f"{full.describe(row)} would serve {rate[row]:.2f} requests/s a device, but at an ITL of "
                f"{value * 1e3:.1f} ms, over the {limit * 1e3:g} ms limit"
            )
            entry = ("serving", "ITL", value, limit, "s", says)
        else:
            continue
        usd = usd_per_device_year.get(chip.accelerator.name)
        million = None if usd is None else usd / (rate[row] * SECONDS_PER_YEAR) * 1e6
        full.rejected.append(_rejection(full.workload, full.describe(row), *entry, usd=million))


def _memory_share(full: Table) -> np.ndarray:
    """Bytes needed over bytes usable on a device: weights and the KV of the batch."""
    prices, runs = full.prices, full.runs
    room = np.maximum(prices.usable_bytes_per_device - prices.weight_bytes_per_device, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(room > 0, room / np.maximum(prices.kv_capacity_bytes, 1e-9), 0.0)
    kv = (prices.kv_bytes_per_request * runs.batch[:, None]).max(axis=1) * share
    return (prices.weight_bytes_per_device + kv) / prices.usable_bytes_per_device
