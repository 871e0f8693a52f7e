"""A catalog whose efficiencies are those of a calibration: what a fold of a cross-validation predicts with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from optimizer.calibrate import Bands, Calibrated, Calibration, Key
from optimizer.predicted_rows import efficiency_of

WIDER = 1.1
"""Each end of a band moves out by this factor where figures come from another engine, generation or kind of model."""


class CalibratedCatalog:
    """The catalog's accelerators and models with calibrated efficiencies.

    A generation under an engine that was not calibrated takes over, with a wider band, from the same generation under
    another engine, else from the same engine on another generation, else from whichever has most rows.
    """

    def __init__(self, catalog: Any, calibration: Calibration) -> None:
        self.accelerators, self.models = catalog.accelerators, catalog.models
        self._catalog, self._found = catalog, calibration.found

    def efficiency(self, accelerator: Any, engine: str = "vllm") -> Any:
        """The calibrated figures of an accelerator under an engine."""
        device = self.accelerators[accelerator] if isinstance(accelerator, str) else accelerator
        base = efficiency_of(self._catalog, device, engine)
        key = nearest((device.generation, engine), self._found)
        if key is None:
            return base
        return replace(base, **changed(self._found[key], taken_over=key != (device.generation, engine)))


def nearest(asked: Key, found: Mapping[Key, Calibrated]) -> Key | None:
    """The calibrated generation and engine that stand for the asked ones."""
    if not found:
        return None
    return max(found, key=lambda key: (key == asked, key[0] == asked[0], key[1] == asked[1], found[key].rows))


def changed(one: Calibrated, taken_over: bool = False) -> dict[str, Any]:
    """What a calibration says of the attributes of an efficiency."""
    known = one.dense or one.moe or Bands((1.0, 1.0), (1.0, 1.0))
    dense, moe = one.dense or _wider(known), one.moe or _wider(known)
    if taken_over:
        dense, moe = _wider(dense), _wider(moe)
    return {
        **one.figures,
        "measured": not taken_over,
        "rows": 0 if taken_over else one.rows,
        "kv_bytes_per_element": one.kv_bytes_per_element,
        "fitted_to": () if taken_over else one.fitted_to,
        "itl_band": dense.itl,
        "ttft_band": dense.ttft,
        "itl_band_moe": moe.itl,
        "ttft_band_moe": moe.ttft,
    }


def _wider(bands: Bands) -> Bands:
    return Bands(*((low / WIDER, high * WIDER) for low, high in bands))
