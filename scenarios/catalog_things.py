"""What the catalog holds: devices, regions, rented machines, efficiencies, discounts, round trips. All in SI floats."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from scenarios.figures import Figure

DEFAULT_ENGINE = "vllm"
"""The engine that plans are made for unless a workload says another."""
_BORROWED = 1.15
"""How much wider a band is on each side for an engine that has no measured point on a generation."""
PRECISIONS = ("fp32", "bf16", "fp16", "fp8", "int8", "fp4", "int4")


@dataclass(frozen=True)
class Accelerator:
    """One kind of device. `figures` holds the source of every number under its key in the file ("tdp", "peak.fp8")."""

    name: str
    title: str
    vendor: str
    year: int
    generation: str
    """Names the efficiency figures that hold for it."""
    devices_per_node: int
    scaleup_domain: int
    """Devices that reach each other over the fast link; may be more than a node (72) or 1."""
    scaleup_link: str
    peak_flop_per_s: dict[str, float]
    """Dense rate by precision; a precision that is absent is not native."""
    hbm_bytes: float
    hbm_bytes_per_s: float
    link_bytes_per_s: float
    """Fast link, per device and direction."""
    fabric_bytes_per_s: float | None
    """Network between nodes, per device and direction."""
    tdp_w: float
    host_w_per_node: float | None
    """Nameplate of everything in the node but the devices."""
    embodied_kg: float | None
    """CO2e of making one device; None: unknown, which is not 0."""
    purchase_usd: float | None
    idle_power_ratio: float
    """Power of the whole node, model loaded and no queries, over the TDP of its devices."""
    load_power_ratio: float
    """The same when busy."""
    figures: dict[str, Figure] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Region:
    """A provider's region and the grid, water and climate it sits in."""

    id: str
    provider: str
    name: str
    city: str
    country: str
    """ISO 3166 code of three letters."""
    latitude_deg: float
    longitude_deg: float
    grid_zone: str
    carbon_kg_per_kwh: dict[str, float]
    """By basis, "direct" or "lifecycle"; absent: unknown."""
    pue: float
    wue_l_per_kwh: float | None
    electricity_usd_per_kwh: float | None
    hourly_shape: tuple[float, ...] | None
    """Direct intensity of the grid zone by hour of the day, UTC, in g/kWh: only its shape means something."""
    figures: dict[str, Figure] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Instance:
    """A rented machine at one seller's price in one region."""

    provider: str
    name: str
    accelerator: str
    devices: int
    region: str
    """"aws/us-east-1"; not every seller's region is described in the catalog."""
    on_demand_usd_per_h: float | None
    """For the whole machine; None: not sold that way, or not known."""
    spot_usd_per_h: float | None
    source: str
    date: str
    confidence: str
    note: str = ""
    unusable: str = ""
    """Why the price is not offered; "" when it is."""


@dataclass(frozen=True)
class Efficiency:
    """What one generation of devices reaches of its peaks under one engine, with the overheads fitted beside it."""

    generation: str
    engine: str
    measured: bool
    """False: taken over from `inherits_from`."""
    inherits_from: str
    rows: int
    """Measured serving points behind the fit."""
    prefill_compute: float
    decode_compute: float
    decode_bandwidth: float
    layer_overhead_s: float
    step_overhead_s: float
    allreduce_latency_s: float
    link_efficiency: float
    itl_band: tuple[float, float]
    """Multipliers on the predicted inter-token latency of dense models."""
    ttft_band: tuple[float, float]
    itl_band_moe: tuple[float, float]
    """The same for mixtures of experts, as the next."""
    ttft_band_moe: tuple[float, float]
    kv_bytes_per_element: float
    """Width of the KV cache that the measured points were read with, where they do not say it: 1 or 2 bytes."""
    fitted_to: tuple[str, ...] = ()
    """Groups of measured points behind the fit, "model/accelerator/engine/precision": what `validate` holds apart."""
    speed: float = 1.0
    """How many times as fast every predicted prefill and decode step is; 1 but where a question moves it."""
    figures: dict[str, Figure] = field(default_factory=dict, compare=False, repr=False)


def borrowed(own: Efficiency, engine: str) -> Efficiency:
    """The efficiencies of a generation, taken over by an engine without measured points: bands are wider."""

    def wider(band: tuple[float, float]) -> tuple[float, float]:
        return band[0] / _BORROWED, band[1] * _BORROWED

    return replace(
        own, engine=engine, measured=False, inherits_from=f"{own.generation} under {own.engine}", rows=0, fitted_to=(),
        itl_band=wider(own.itl_band), ttft_band=wider(own.ttft_band), itl_band_moe=wider(own.itl_band_moe),
        ttft_band_moe=wider(own.ttft_band_moe),
    )  # fmt: skip


@dataclass(frozen=True)
class Discount:
    """Off the on-demand price, for a commitment or for spot."""

    provider: str
    term: str
    kind: str
    """"reserved" or "spot"."""
    scope: str
    fraction: float
    figures: dict[str, Figure] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class RoundTrip:
    """Network time there and back between two regions."""

    p50_s: float
    measured: bool
    source: str
    date: str
    note: str = ""
