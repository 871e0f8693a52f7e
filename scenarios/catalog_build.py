"""Builds one thing of the catalog from its TOML layers. Every key that a file may hold is named here, once."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path

from scenarios import units
from scenarios.architecture import Model
from scenarios.catalog_things import PRECISIONS, Accelerator, Discount, Efficiency, Region
from scenarios.errors import Problem, ScenarioError
from scenarios.figures import (
    BANDWIDTH,
    COMPUTE,
    DEGREES,
    INTENSITY,
    MASS,
    MEMORY,
    PARAMETERS,
    POWER,
    RATIO,
    SECONDS,
    WATER,
    Entry,
    Figure,
)

BASES = ("direct", "lifecycle")
_IDLE, _LOAD = 0.43, 1.30


def accelerator(entry: Entry, name: str, peers: Callable[[str], Iterable[Accelerator]]) -> Accelerator | None:
    """An accelerator. `peers` gives those of a generation, used where a new one states no power."""
    before = len(entry.problems)
    peak = entry.part("peak")
    rates = {key: rate for key in PRECISIONS if (rate := peak.figure(key, COMPUTE)) is not None}
    peak.finish()
    if not rates:
        entry.problem("peak", "is missing", '[...peak] with for example bf16 = "989 TFLOP/s"')
    generation = entry.text("generation")
    tdp = entry.figure("tdp", POWER)
    if tdp is None and rates:
        tdp = _estimated_tdp(entry, rates, generation, peers)
    idle, load = entry.figure("idle_power_ratio", RATIO), entry.figure("load_power_ratio", RATIO)
    found: dict[str, object] = {
        "title": entry.text("title", name), "vendor": entry.text("vendor", ""), "year": entry.count("year", 0, 0),
        "devices_per_node": entry.count("devices_per_node"), "scaleup_domain": entry.count("scaleup_domain"),
        "scaleup_link": entry.text("scaleup_link", ""),
        "hbm_bytes": entry.figure("memory", MEMORY, required=True),
        "hbm_bytes_per_s": entry.figure("memory_bandwidth", BANDWIDTH, required=True),
        "link_bytes_per_s": entry.figure("link", BANDWIDTH, required=True),
        "fabric_bytes_per_s": entry.figure("fabric", BANDWIDTH), "tdp_w": tdp,
        "host_w_per_node": entry.figure("host_power", POWER), "embodied_kg": entry.figure("embodied", MASS),
        "purchase_usd": entry.figure("purchase", units.PRICE),
        "idle_power_ratio": _IDLE if idle is None else idle, "load_power_ratio": _LOAD if load is None else load,
    }  # fmt: skip
    entry.finish()
    if len(entry.problems) > before:
        return None
    return Accelerator(name=name, generation=generation, peak_flop_per_s=rates, figures=entry.figures, **found)  # type: ignore[arg-type]


def _estimated_tdp(
    entry: Entry, rates: dict[str, float], generation: str, peers: Callable[[str], Iterable[Accelerator]]
) -> float | None:
    """Watts by the generation's mean watts per dense 16-bit FLOP/s; no other device of it: the TDP must be given."""

    def rate(peak: dict[str, float]) -> float:
        return peak.get("bf16") or peak.get("fp16") or max(peak.values())

    ratios = [peer.tdp_w / rate(peer.peak_flop_per_s) for peer in peers(generation)]
    if not ratios:
        entry.problem("tdp", f"is missing, and no other {generation!r} device tells it", 'for example tdp = "700 W"')
        return None
    watts = sum(ratios) / len(ratios) * rate(rates)
    source = f"estimate: mean watts per 16-bit FLOP/s of {len(ratios)} {generation} devices"
    entry.figures["tdp"] = Figure(watts, "W", watts, source, "", "C")
    return watts


def model(entry: Entry, name: str) -> Model | None:
    """A model from its whole numbers, or from the config.json that `config` names (beside the file)."""
    before = len(entry.problems)
    published = entry.part("published")
    for key in ("total", "active"):
        published.figure(key, PARAMETERS)
    published.finish()
    if any("config" in layer.table for layer in entry.layers):
        base = _from_config_file(entry, name)
        if base is None:
            return None
    else:
        base = None
    defaults = {} if base is None else {key: getattr(base, key) for key in _MODEL_COUNTS}
    moe = entry.text("kind", "dense" if base is None else base.kind, allowed=("dense", "moe")) == "moe"
    optional = _MODEL_OPTIONAL | ({"ffn"} if moe else {"dense_layers"})
    found = {
        key: entry.count(key, defaults.get(key, 0 if key in optional else None), 0 if key in optional else 1)
        for key in _MODEL_COUNTS
        if key not in ("kv_heads", "head_dim", "mlp_matrices")
    }
    latent = found["kv_lora"] > 0
    width = (found["qk_nope"] + found["qk_rope"] + found["v_head"]) // 2
    found["kv_heads"] = entry.count("kv_heads", defaults.get("kv_heads", 1 if latent else None))
    found["head_dim"] = entry.count("head_dim", defaults.get("head_dim", width if latent else None))
    found["mlp_matrices"] = entry.count("mlp_matrices", defaults.get("mlp_matrices", 3), 2)
    if not moe:
        found["dense_layers"] = found["layers"]
    tied = entry.truth("tied_embeddings", base is not None and base.tied_embeddings)
    block_scaled = entry.truth("block_scaled_fp8", base is not None and base.block_scaled_fp8)
    mxfp4 = entry.truth("mxfp4", base is not None and base.mxfp4)
    title, checkpoints = entry.text("title", name), entry.texts("published_as")
    entry.finish()
    if len(entry.problems) > before:
        return None
    made = Model(
        name=name, title=title, kind="moe" if moe else "dense", tied_embeddings=tied, published_as=checkpoints,
        block_scaled_fp8=block_scaled, mxfp4=mxfp4, figures=entry.figures, **found,
    )  # fmt: skip
    for key, message in (wrong := made.contradictions()):
        entry.problem(key, message)
    return None if wrong else made


_MODEL_COUNTS = (
    "layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab", "context_tokens", "experts", "active_experts",
    "shared_experts", "moe_ffn", "dense_layers", "q_lora", "kv_lora", "qk_nope", "qk_rope", "v_head", "sliding_window",
    "window_layers", "sparse_tokens", "index_heads", "index_dim", "linear_layers", "linear_key_heads",
    "linear_value_heads", "linear_dim", "mlp_matrices",
)  # fmt: skip
_MODEL_OPTIONAL = frozenset(_MODEL_COUNTS[8:-1])
"""Whole numbers that a model may lack; 0 then."""


def _from_config_file(entry: Entry, name: str) -> Model | None:
    layer = next(layer for layer in reversed(entry.layers) if "config" in layer.table)
    relative = entry.text("config")
    if not relative:
        return None
    path = Path(layer.file).parent / relative
    try:
        if path.stat().st_size > 1_000_000:
            entry.problem("config", f"{path} is larger than 1 MB: not a model's config.json")
            return None
        return Model.from_config(json.loads(path.read_text(encoding="utf-8")), name, str(path))
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        entry.problem("config", f"{path} cannot be read: {error}", "the path is relative to this file", layer)
    except json.JSONDecodeError as error:
        entry.problems.append(Problem(str(path), error.lineno, f"models.{name}", f"is not JSON: {error.msg}"))
    except ScenarioError as error:
        entry.problems.extend(error.problems)
    return None


def region(entry: Entry, key: str, shapes: Callable[[str], Figure | None]) -> Region | None:
    """A region. `shapes` gives the hourly shape of a grid zone, where there is one."""
    before = len(entry.problems)
    provider, _, name = key.partition("/")
    if not name or not provider:
        entry.problem("", "a region is named provider/region", 'for example [regions."aws/us-east-1"]')
    carbon = entry.part("carbon")
    intensity = {basis: kg for basis in BASES if (kg := carbon.figure(basis, INTENSITY)) is not None}
    carbon.finish()
    zone = entry.text("grid_zone", "")
    shape = entry.numbers("hourly_shape", INTENSITY, 24)
    if shape is None and (shipped := shapes(zone)) is not None and isinstance(shipped.value, tuple):
        entry.figures["hourly_shape"] = shipped
        shape = shipped.si if isinstance(shipped.si, tuple) else None
    found: dict[str, object] = {
        "provider": entry.text("provider", provider), "name": entry.text("name", name), "city": entry.text("city", ""),
        "country": entry.text("country"),
        "latitude_deg": entry.figure("latitude", DEGREES, required=True, least=-90, most=90),
        "longitude_deg": entry.figure("longitude", DEGREES, required=True, least=-180, most=180),
        "pue": entry.figure("pue", RATIO, required=True, least=1, most=units.MULTIPLIER.maximum),
        "wue_l_per_kwh": entry.figure("wue", WATER),
        "electricity_usd_per_kwh": entry.figure("electricity", units.PRICE_PER_KWH),
    }  # fmt: skip
    entry.finish()
    if len(entry.problems) > before:
        return None
    grams = None if shape is None else tuple(round(1000 * kg, 6) for kg in shape)
    return Region(
        id=key, grid_zone=zone, carbon_kg_per_kwh=intensity, hourly_shape=grams, figures=entry.figures, **found  # type: ignore[arg-type]
    )  # fmt: skip


_SHARES = ("prefill_compute", "decode_compute", "decode_bandwidth", "link_efficiency")
_BANDS = ("itl_band", "ttft_band", "itl_band_moe", "ttft_band_moe")
_TIMES = ("layer_overhead_s", "step_overhead_s", "allreduce_latency_s")


def efficiency(entry: Entry, name: str) -> Efficiency | None:
    """The efficiencies of one generation under one engine."""
    before = len(entry.problems)
    inner = entry.part("figures")
    found: dict[str, object] = {key: inner.figure(key, RATIO, required=True) for key in _SHARES}
    found |= {key: inner.figure(key, SECONDS, required=True) for key in _TIMES}
    found |= {key: inner.numbers(key, RATIO, 2, required=True) for key in ("itl_band", "ttft_band")}
    for key in ("itl_band", "ttft_band"):  # a file that has no band of its own for mixtures: that of dense models
        found[f"{key}_moe"] = inner.numbers(f"{key}_moe", RATIO, 2) or found[key]
    width = inner.figure("kv_bytes_per_element", RATIO)
    found["kv_bytes_per_element"] = 2.0 if width is None else width
    if found["kv_bytes_per_element"] not in (1.0, 2.0):
        inner.problem("kv_bytes_per_element", f"{width:g} is neither 1 nor 2", "bytes of one cached key or value")
    for key in _SHARES:
        share = found[key]
        if isinstance(share, float) and not (0 < share <= 1 and math.isfinite(share)):
            inner.problem(key, f"{share:g} is not above 0 and at most 1", "no efficiency exceeds 1")
    for key in _BANDS:
        band = found[key]
        if isinstance(band, tuple) and not 0 < band[0] <= band[1]:
            inner.problem(key, f"{list(band)} is not a band", "the lower multiplier first, for example [0.9, 1.1]")
    found |= {"generation": entry.text("generation", name), "engine": entry.text("engine", "")}
    found |= {"measured": entry.truth("measured"), "inherits_from": entry.text("inherits_from", "")}
    found |= {"rows": entry.count("rows", 0, 0), "fitted_to": entry.texts("fitted_to")}
    if any(layer.by_user for layer in entry.layers):
        inner.finish()
        entry.finish()
    if len(entry.problems) > before:
        return None
    return Efficiency(figures=entry.figures, **found)  # type: ignore[arg-type]


def discount(entry: Entry, provider: str) -> Discount | None:
    """One discount off the on-demand price."""
    fraction = entry.figure("fraction", RATIO, required=True)
    term, scope = entry.text("term"), entry.text("scope", "")
    kind = entry.text("kind", allowed=("reserved", "spot"))
    return None if fraction is None else Discount(provider, term, kind, scope, fraction, entry.figures)
