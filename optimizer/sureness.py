"""How sure a fleet line's predictions are: the middle with its band, and what no measured row stands behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from optimizer.candidates import LARGEST_BATCH, Table, band_of
from physics.bands import between, pessimistic
from physics.pricing import price
from scenarios.catalog_things import Efficiency
from scenarios.schema import Scenario


def predicted(scenario: Scenario, priced: Table, row: int) -> dict[str, Any]:
    """ITL and first token of a candidate at the workload's mix, without caution, with their bands: fields of a line.

    The ITL is weighted by the tokens that each shape brings, the first token by requests.
    """
    chip, model, shapes = priced.chips[priced.chip[row]], priced.model, priced.workload.shapes
    if priced.which[row] >= 0:
        return _measured(priced, row)
    band = band_of(scenario, model, chip, priced.workload.engine)
    feared, runs = pessimistic(band, scenario.planning.confidence)._asdict(), priced.runs.take([row])
    middle = replace(runs, **{name: getattr(runs, name) / factor for name, factor in feared.items()})
    prices = price(model, middle, shapes)
    tokens = [shape.share * steps for shape, steps in zip(shapes, prices.decode_steps, strict=True)]
    brought = sum(tokens)
    itl = sum(t * value for t, value in zip(tokens, prices.itl_s[0], strict=True)) / brought if brought else 0.0
    alone = prices.prefill_s[0] + prices.decode_step_s[0]
    first = sum(shape.share * value for shape, value in zip(shapes, alone, strict=True))
    efficiency = scenario.catalog.efficiency(chip.accelerator, priced.workload.engine)
    how = (chip.accelerator.name, chip.precision, chip.kv_precision, runs.pipeline_parallel[0], runs.batch[0])
    known = gaps(model, efficiency, *how)
    return {
        "itl_s": float(itl),
        "itl_band_s": between(float(itl), band.itl),
        "ttft_s": float(first),
        "ttft_band_s": between(float(first), band.ttft),
        "unmeasured": [*_generation(efficiency), *(name for name, _ in known)],
    }


def _measured(priced: Table, row: int) -> dict[str, Any]:
    """What the user measured is no prediction and has no band."""
    prices, share = priced.prices, np.array([shape.share for shape in priced.workload.shapes])
    tokens = share * prices.decode_steps
    itl = float((tokens * prices.itl_s[row]).sum() / tokens.sum()) if tokens.sum() else 0.0
    first = float((share * (prices.prefill_s[row] + prices.decode_step_s[row])).sum())
    return {"itl_s": itl, "ttft_s": first}


def _generation(efficiency: Efficiency) -> list[str]:
    if efficiency.measured:
        return []
    return [f"{efficiency.generation} is not measured: it takes the figures of {efficiency.inherits_from}"]


def gaps(
    model: Any, efficiency: Efficiency, accelerator: str, precision: str, kv_precision: str, stages: float, batch: float
) -> list[tuple[str, str]]:
    """Where a way of running leans on something that no measured row covers: what, and what that means."""
    what, found = f"{accelerator} {precision}", []
    if precision != "fp8" and not model.experts:
        found.append(
            (
                f"{what} of a dense model is not measured",
                f"the answer leans on physics for {precision}: rates are banded, not confirmed",
            )
        )
    fitted_bits = 8 * efficiency.kv_bytes_per_element
    if (kv_precision == "bf16") != (fitted_bits == 16):
        found.append(
            (
                f"{accelerator} with {'a' if kv_precision == 'bf16' else 'an'} {kv_precision} KV cache is not measured",
                f"the fit read the cache at {fitted_bits:.0f} bit; the other width is physics",
            )
        )
    if stages > 1:
        found.append(
            (f"{what} with pipeline stages is not measured", "no measured row has pipeline parallelism above 1")
        )
    if batch > LARGEST_BATCH and not model.experts:
        found.append(
            (
                f"{what} at batch {batch:.0f} is beyond the fit",
                f"measured rows of dense models go to {LARGEST_BATCH} requests at once",
            )
        )
    return found
