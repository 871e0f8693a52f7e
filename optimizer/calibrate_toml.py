"""A calibration as a catalog file: every figure with its source, date, how sure it is and how far off the rows are."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from optimizer.calibrate import Calibrated, Calibration, Key
from optimizer.calibrated_catalog import changed
from scenarios.measured import Table

_UNITS = {
    "prefill_compute": "1",
    "decode_compute": "1",
    "decode_bandwidth": "1",
    "link_efficiency": "1",
    "layer_overhead_s": "us",
    "step_overhead_s": "us",
    "allreduce_latency_s": "us",
}
_BAND_NOTES = {
    "itl_band": "measured over predicted, 5 % to 95 %, of dense models left out whole",
    "ttft_band": "measured over predicted in the closed loop of the client, 5 % to 95 %, of dense models left out",
    "itl_band_moe": "measured over predicted, 5 % to 95 %, of mixtures of experts left out whole",
    "ttft_band_moe": "measured over predicted in the closed loop of the client, 5 % to 95 %, of mixtures left out",
}


def entry_name(key: Key) -> str:
    """Name of the catalog entry: the generation under vLLM, which plans use; else with the engine.

    >>> entry_name(("hopper", "vllm")), entry_name(("hopper", "trtllm"))
    ('hopper', 'hopper-trtllm')
    """
    generation, engine = key
    return generation if engine in ("", "vllm") else f"{generation}-{engine}"


def catalog_text(calibration: Calibration, date: str = "") -> str:
    """The catalog file, TOML."""
    date = date or datetime.date.today().isoformat()
    name = Path(calibration.table.file).name
    lines = [f"# Efficiencies fitted to {_comment(name)} by `argosy calibrate`, {date}.", ""]
    for one in calibration.left_out:
        lines.append(f"# Not fitted: {one.rows:,} rows, the first on line {one.first_line}: {_comment(one.reason)}.")
    for key, found in calibration.found.items():
        lines += ["", *_entry(key, found, calibration.table, name, date)]
    return "\n".join(lines) + "\n"


def _entry(key: Key, found: Calibrated, table: Table, name: str, date: str) -> list[str]:
    generation, engine = key
    models = sorted({group.split("/")[0] for group in found.fitted_to})
    devices = sorted({group.split("/")[1] for group in found.fitted_to})
    source = (
        f"fit of physics/pricing.py to {found.rows} measured serving points of {', '.join(models)} on "
        f"{', '.join(devices)} with {engine or 'an unknown engine'} ({name})"
    )
    head = f"[efficiencies.{json.dumps(entry_name(key))}]"
    lines = [
        head,
        f"generation = {json.dumps(generation)}",
        f"engine = {json.dumps(engine)}",
        "measured = true",
        'inherits_from = ""',
        f"rows = {found.rows}",
        f"fitted_to = {json.dumps(list(found.fitted_to))}",
        "",
        f"[efficiencies.{json.dumps(entry_name(key))}.figures]",
    ]
    values = changed(found)
    residuals = f"mean error on its rows: ITL {found.itl_mape:.1%}, TTFT {found.ttft_mape:.1%}"
    for figure, unit in _UNITS.items():
        value = found.figures[figure] * (1e6 if unit == "us" else 1.0)
        sure = f"standard error {found.errors[figure]:.0%} of the value; {residuals}"
        tied = "tied to prefill_compute; " if figure == "decode_compute" else ""
        lines.append(f"{figure} = {_figure(round_to(value), unit, source, date, tied + sure)}")
    width = (
        "bytes of a cached key or value under weights of 8 bits and fewer: of 1 and 2 the better fit; "
        f"the other one is {found.kv_gain:.0%} worse in cost"
    )
    lines.append(f"kv_bytes_per_element = {_figure(found.kv_bytes_per_element, '1', source, date, width)}")
    for band, note in _BAND_NOTES.items():
        low, high = values[band]
        other = found.moe is None if band.endswith("moe") else found.dense is None
        taken = "; no such row was fitted: taken over, wider" if other else ""
        lines.append(f"{band} = {_figure([round_to(low), round_to(high)], '1', source, date, note + taken)}")
    return lines


def _figure(value: object, unit: str, source: str, date: str, note: str) -> str:
    parts = {"value": value, "unit": unit, "source": source, "date": date, "confidence": "B", "note": note}
    return "{" + ", ".join(f"{key} = {json.dumps(part, ensure_ascii=False)}" for key, part in parts.items()) + "}"


def round_to(value: float) -> float:
    """Three significant digits.

    >>> round_to(0.71149), round_to(16.512)
    (0.711, 16.5)
    """
    return float(f"{value:.3g}")


def _comment(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def as_data(calibration: Calibration) -> dict[str, Any]:
    """A calibration as plain data for JSON."""
    entries = {}
    for key, found in calibration.found.items():
        entries[entry_name(key)] = {
            "generation": key[0],
            "engine": key[1],
            "figures": dict(found.figures),
            "relative_errors": dict(found.errors),
            "kv_bytes_per_element": found.kv_bytes_per_element,
            "rows": found.rows,
            "fitted_to": list(found.fitted_to),
            "itl_mape": found.itl_mape,
            "ttft_mape": found.ttft_mape if found.ttft_mape == found.ttft_mape else None,
            "bands": {band: list(changed(found)[band]) for band in _BAND_NOTES},
        }
    return {
        "schema_version": 1,
        "file": calibration.table.file,
        "efficiencies": entries,
        "left_out": [one._asdict() for one in calibration.left_out],
    }
