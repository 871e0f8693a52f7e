"""What the physics predicts for each row of a measured table, as the table's own closed-loop client would see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from physics import bands, closed_loop, pricing
from scenarios.errors import Problem, ScenarioError
from scenarios.measured import LeftOut, Table

Column = np.ndarray
UNKNOWN_PRECISION = "bf16"
"""What a row without a precision is priced at."""


@dataclass(frozen=True)
class Batch:
    """The rows of one model and what `physics.pricing` needs to price them.

    Attributes:
        model: a catalog entry.
        rows: places in the table.
        runs: the deployments, one per row; the batch is the client's concurrency.
        prompt_tokens, output_tokens: of each row's request (count).
        client: of each row.
        disaggregated: of each row.
    """

    model: Any
    rows: Column
    runs: pricing.Runs
    prompt_tokens: Column
    output_tokens: Column
    client: closed_loop.Client
    disaggregated: Column

    @property
    def requests(self) -> pricing.Requests:
        """Each row's own request."""
        return pricing.each_row(self.prompt_tokens, self.output_tokens)

    def take(self, which: Any) -> Batch:
        """Some of the rows, or some of them many times."""
        client = replace(self.client, **{name: column[which] for name, column in vars(self.client).items()})
        return Batch(
            self.model, self.rows[which], self.runs.take(which), self.prompt_tokens[which], self.output_tokens[which],
            client, self.disaggregated[which],
        )  # fmt: skip


@dataclass(frozen=True)
class Predicted:
    """Predictions of a table, row by row; nan where the physics has no answer.

    Attributes:
        table: the rows that could be priced.
        itl_s, ttft_s: as a closed-loop client would measure them [s].
        itl_band, ttft_band: [n, 2] multipliers on the two.
        overload: the KV of all requests in flight at their full length exceeds what the replica holds.
        fitted: the row belongs to what the figures were fitted to.
        left_out: why rows of the file are not among these.
    """

    table: Table
    itl_s: Column
    ttft_s: Column
    itl_band: Column
    ttft_band: Column
    overload: Column
    fitted: Column
    left_out: tuple[LeftOut, ...]


def predict(table: Table, catalog: Any) -> Predicted:
    """Price every row of a measured table with the figures of the catalog."""
    prepared, kept, left_out = prepare(table, catalog)
    n = len(kept)
    itl, ttft, over = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=bool)
    for batch in prepared:
        itl[batch.rows], ttft[batch.rows] = seen_by_client(batch, batch.runs)
        over[batch.rows] = overload(batch, batch.runs)
    over &= ~kept.disaggregated
    itl_band, ttft_band, fitted = _bands(kept, catalog)
    return Predicted(kept, itl, ttft, itl_band, ttft_band, over, fitted, left_out)


def prepare(table: Table, catalog: Any) -> tuple[list[Batch], Table, tuple[LeftOut, ...]]:
    """The rows of each model, those rows of the table that can be priced, and why others cannot."""
    chips, which, reasons = _chips(table, catalog)
    usable = which >= 0
    left_out = [*table.left_out]
    for reason, rows in reasons.items():
        left_out.append(LeftOut(reason, len(rows), int(table.line[rows[0]])))
    if not usable.any():
        raise ScenarioError(Problem(table.file, one.first_line, "", one.reason) for one in left_out)
    kept, which = table.take(usable), which[usable]
    return [_batch(catalog, kept, chips, which, name) for name in dict.fromkeys(kept.model)], kept, tuple(left_out)


def seen_by_client(batch: Batch, runs: pricing.Runs) -> tuple[Column, Column]:
    """ITL and TTFT [s] of a model's rows, run as `runs`."""
    return closed_loop.measured(batch.model, runs, batch.requests, batch.client, batch.disaggregated)


def overload(batch: Batch, runs: pricing.Runs) -> Column:
    """Whether the KV of all requests in flight, at their full length, exceeds what the replica holds."""
    prices = pricing.price(batch.model, runs, batch.requests)
    return runs.batch * prices.kv_bytes_per_request[:, 0] > prices.kv_capacity_bytes


def _chips(table: Table, catalog: Any) -> tuple[list[Mapping[str, float]], Column, dict[str, Column]]:
    """Distinct devices at a precision, which of them each row ran on (-1: none), and rows without any, by reason."""
    found: list[Mapping[str, float]] = []
    which = np.full(len(table), -1)
    reasons: dict[str, Column] = {}
    keys = np.array([*map("\n".join, zip(table.accelerator, table.precision, table.engine, strict=True))])
    for key in dict.fromkeys(keys):
        name, precision, engine = key.split("\n")
        rows = np.flatnonzero(keys == key)
        accelerator = catalog.accelerators[name]
        efficiency = efficiency_of(catalog, accelerator, engine)
        kv = kv_precision(efficiency, precision)
        chip = pricing.hardware(accelerator, efficiency, precision or UNKNOWN_PRECISION, kv, weight_only=True)
        if chip is None:
            reasons[f"{name} has no native {precision or UNKNOWN_PRECISION}"] = rows
            continue
        which[rows] = len(found)
        found.append(chip)
    return found, which, reasons


def efficiency_of(catalog: Any, accelerator: Any, engine: str) -> Any:
    """The fitted figures of an accelerator under an engine."""
    return catalog.efficiency(accelerator, engine)


def kv_precision(efficiency: Any, precision: str) -> str:
    """KV precision to read a table with, which does not say it: as fitted; 16 bit under 16-bit weights."""
    return "bf16" if precision in ("", "bf16", "fp16", "fp32") or efficiency.kv_bytes_per_element > 1.5 else "fp8"


def _batch(catalog: Any, table: Table, chips: list[Mapping[str, float]], which: Column, name: str) -> Batch:
    rows = np.flatnonzero(table.model == name)
    some, model = table.take(rows), catalog.models[name]
    runs = pricing.gather(
        chips, which[rows], some.tensor_parallel, some.concurrency, some.pipeline_parallel, some.expert_parallel,
        attention_dp=some.attention_dp,
    )  # fmt: skip
    # The public suite's rows that wait are those without a stated release.
    held_back = closed_loop.held_back(some.prompt_tokens, some.output_tokens, some.devices) & (some.version == "")
    client = closed_loop.clients(
        some.engine.tolist(), some.version.tolist(), bool(model.experts), some.attention_dp, some.precision != "",
        held_back,
    )  # fmt: skip
    return Batch(
        model, rows, closed_loop.speculating(runs, some.speculative), some.prompt_tokens, some.output_tokens, client,
        some.disaggregated,
    )  # fmt: skip


def _bands(table: Table, catalog: Any) -> tuple[Column, Column, Column]:
    """Bands of ITL and TTFT, [n, 2] each, and whether the figures were fitted to the row."""
    itl, ttft, fitted = np.ones((len(table), 2)), np.ones((len(table), 2)), np.zeros(len(table), dtype=bool)
    names = group_names(table)
    for name in dict.fromkeys(names):
        rows = names == name
        model, accelerator, engine, precision = name.split("/")
        device = catalog.accelerators[accelerator]
        efficiency = efficiency_of(catalog, device, engine)
        written = "" if precision == "unknown" else precision
        band = bands.band(
            catalog.models[model], device, efficiency, written or UNKNOWN_PRECISION, kv_precision(efficiency, written)
        )
        itl[rows], ttft[rows] = band.itl, band.ttft
        fitted[rows] = name in efficiency.fitted_to
    return itl, ttft, fitted & ~table.disaggregated


def group_names(table: Table) -> Column:
    """ "model/accelerator/engine/precision" of each row: the group that figures are fitted to."""
    precisions = np.where(table.precision == "", "unknown", table.precision)
    parts = zip(table.model, table.accelerator, table.engine, precisions, strict=True)
    return np.array(["/".join(part) for part in parts])


def architectures(table: Table, catalog: Any) -> Column:
    """Name of each row's architecture: of all models in the table that share it."""

    def shape(name: str) -> tuple[Any, ...]:
        model = catalog.models[name]
        return (
            model.kind,
            model.layers,
            model.hidden,
            model.heads,
            model.kv_heads,
            model.ffn,
            model.experts,
            model.moe_ffn,
        )

    names = sorted(set(table.model))
    together = {name: " + ".join(other for other in names if shape(other) == shape(name)) for name in names}
    return np.array([together[name] for name in table.model])
