"""What the shipped catalog holds, and the figures that the capstone leans on."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from scenarios.catalog import Catalog, load_catalog
from scenarios.catalog_files import shipped_table
from scenarios.round_trips import distance_round_trip_s, great_circle_km

NAMED = """v100-sxm2 t4 a10g a100-40 a100-80 l4 l40s h100-sxm h100-pcie h200-sxm gh200 b200-sxm b300-sxm gb200 gb300
rtx-pro-6000 mi250x mi300x mi325x mi355x tpu-v5e tpu-v5p tpu-v6e tpu-v7 trainium1 trainium2 inferentia2 gaudi2 gaudi3"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def test_holds_what_was_promised(catalog: Catalog) -> None:
    assert set(NAMED.split()) <= set(catalog.accelerators)
    assert len(catalog.accelerators) >= 20
    assert len(catalog.models) >= 16
    clouds = {
        provider: sum(region.provider == provider for region in catalog.regions.values())
        for provider in ("aws", "azure", "gcp")
    }
    assert sum(clouds.values()) >= 24
    assert min(clouds.values()) >= 8
    sellers = {row.provider for row in catalog.instances if not row.unusable}
    assert {"aws", "azure", "gcp", "coreweave", "lambda", "nebius"} <= sellers


def test_every_entry_is_read_and_plausible(catalog: Catalog) -> None:
    for device in catalog.accelerators.values():
        assert device.tdp_w > 0
        assert device.hbm_bytes > 1e9
        assert device.scaleup_domain >= 1
        assert set(device.peak_flop_per_s) & {"bf16", "fp16"}
        assert catalog.efficiency(device).generation == device.generation
        assert catalog.efficiency(device.name) is catalog.efficiencies[device.generation]
    for region in catalog.regions.values():
        assert 1 <= region.pue < 2
        assert region.carbon_kg_per_kwh
        assert set(region.carbon_kg_per_kwh) <= {"direct", "lifecycle"}
        assert len(region.country) == 3
    for figures in catalog.efficiencies.values():
        assert 0 < figures.decode_bandwidth <= 1
        assert figures.itl_band[0] <= 1 <= figures.itl_band[1]


def test_capstone_inputs(catalog: Catalog) -> None:
    virginia, quebec = catalog.regions["aws/us-east-1"], catalog.regions["aws/ca-central-1"]
    assert (virginia.carbon_kg_per_kwh["direct"], virginia.pue) == (0.32305, 1.15)
    assert (quebec.carbon_kg_per_kwh["direct"], quebec.pue) == (0.00548, 1.19)
    assert (virginia.electricity_usd_per_kwh, quebec.electricity_usd_per_kwh) == (0.0892, 0.0426)
    assert (virginia.country, quebec.country) == ("USA", "CAN")
    bought = {name: catalog.accelerators[name].purchase_usd for name in ("h100-sxm", "h200-sxm", "b200-sxm")}
    assert bought == {"h100-sxm": 27_500, "h200-sxm": 35_000, "b200-sxm": 40_000}
    assert all(catalog.accelerators[name].devices_per_node == 8 for name in bought)
    rented = {row.accelerator: row for row in catalog.instances_in("aws/us-east-1") if row.devices == 8}
    assert rented["h100-sxm"].on_demand_usd_per_h == 55.04
    assert rented["h200-sxm"].on_demand_usd_per_h == 63.296
    assert rented["b200-sxm"].on_demand_usd_per_h == 113.9328
    assert rented["b200-sxm"].spot_usd_per_h == 21.0148  # the regular zone's, not the Atlanta local zone's 13.0338
    montreal = {row.accelerator: row for row in catalog.instances_in("aws/ca-central-1", "h100-sxm")}
    assert montreal["h100-sxm"].on_demand_usd_per_h == 63.296
    assert montreal["h100-sxm"].spot_usd_per_h is None  # it equalled on demand in every zone: no market
    assert catalog.accelerators["b200-sxm"].peak_flop_per_s["fp4"] == 9e15
    assert "fp4" not in catalog.accelerators["h200-sxm"].peak_flop_per_s


def test_two_bases_are_never_mixed(catalog: Catalog) -> None:
    dublin = catalog.regions["aws/eu-west-1"]
    assert "direct" not in dublin.carbon_kg_per_kwh  # only lifecycle figures are known there
    assert dublin.carbon_kg_per_kwh["lifecycle"] == pytest.approx(0.2565)
    for region in catalog.regions.values():
        direct, lifecycle = (region.carbon_kg_per_kwh.get(basis) for basis in ("direct", "lifecycle"))
        assert direct is None or lifecycle is None or direct < lifecycle


def test_unknown_stays_unknown(catalog: Catalog) -> None:
    known = {name for name, device in catalog.accelerators.items() if device.embodied_kg is not None}
    assert known == {"a100-40", "a100-80", "h100-sxm"}
    assert catalog.accelerators["b200-sxm"].embodied_kg is None
    assert catalog.accelerators["b300-sxm"].purchase_usd is None
    assert catalog.regions["aws/eu-central-1"].electricity_usd_per_kwh is None
    assert "int4" not in catalog.accelerators["h100-sxm"].peak_flop_per_s


def test_estimated_power_says_so(catalog: Catalog) -> None:
    for name in ("tpu-v5e", "tpu-v5p", "tpu-v6e", "tpu-v7", "trainium1", "inferentia2"):
        figure = catalog.accelerators[name].figures["tdp"]
        assert figure.confidence == "C"
        assert "unpublished" in figure.note
    assert catalog.accelerators["l40s"].figures["host_power"].confidence == "C"
    assert catalog.accelerators["h100-sxm"].figures["tdp"].confidence == "A"


def test_a_price_is_whole_or_it_is_not_offered(catalog: Catalog) -> None:
    for row in catalog.instances:
        prices = [price for price in (row.on_demand_usd_per_h, row.spot_usd_per_h) if price is not None]
        assert prices, row
        assert min(prices) > 0
        assert row.source and row.date
        assert row.unusable or row.accelerator in catalog.accelerators
        assert row.spot_usd_per_h is None or row.spot_usd_per_h != row.on_demand_usd_per_h
    reasons = {(row.provider, row.name): row.unusable for row in catalog.instances}
    assert reasons["gcp", "a4-highgpu-8g"] == "GPU part only: host not in the price"
    assert "not described in the catalog" in reasons["azure", "NC40ads_H100_v5"]
    central = {row.name: row for row in catalog.instances_in("gcp/us-central1")}
    assert "commitment" in central["a3-highgpu-1g"].unusable
    virginia = {row.name: row for row in catalog.instances_in("gcp/us-east4")}
    whole, one = virginia["a3-highgpu-8g"], virginia["a3-highgpu-1g"]
    assert whole.on_demand_usd_per_h == pytest.approx(8 * (one.on_demand_usd_per_h or 0))


def test_hourly_shape_only_where_it_was_measured(catalog: Catalog) -> None:
    virginia = catalog.regions["aws/us-east-1"].hourly_shape
    california = catalog.regions["gcp/us-west2"].hourly_shape
    assert virginia is not None and california is not None
    assert len(virginia) == len(california) == 24
    assert california[19] < 0.65 * california[5]  # 19 UTC is noon there: the sun shines
    assert max(virginia) < 1.15 * min(virginia)
    assert catalog.regions["aws/ca-central-1"].hourly_shape is None
    assert "Energy Information Administration" in catalog.regions["aws/us-east-1"].figures["hourly_shape"].source


def test_discounts_are_marked_as_weak(catalog: Catalog) -> None:
    assert {"aws", "azure", "gcp", "any"} == {discount.provider for discount in catalog.reserved_discounts}
    assert all(discount.figures["fraction"].confidence == "C" for discount in catalog.discounts)
    assert all(0 < discount.fraction < 1 for discount in catalog.discounts)


def test_round_trips(catalog: Catalog) -> None:
    assert catalog.round_trip("aws/us-east-1", "aws/us-east-1").p50_s == 0.002
    pair = catalog.round_trip("azure/westeurope", "azure/eastus")
    assert pair.measured
    assert pair == catalog.round_trip("azure/eastus", "azure/westeurope")
    nearby = catalog.round_trip("aws/eu-west-2", "aws/eu-central-1")  # both cities have an Azure region
    assert nearby.measured
    assert nearby.p50_s == catalog.round_trip("azure/uksouth", "azure/germanywestcentral").p50_s
    assert "measured nearby" in nearby.note
    formula = catalog.round_trip("aws/us-east-1", "aws/ca-central-1")
    km = great_circle_km(39.0438, -77.4874, 45.5019, -73.5674)
    assert not formula.measured
    assert formula.p50_s == pytest.approx(2.52 * km / 99.93 / 1000)


@pytest.mark.parametrize(
    ("km", "factor"), [(300, 2.52), (1500, 2.52), (1501, 1.91), (4000, 1.91), (8000, 1.78), (8001, 1.59), (15000, 1.59)]
)
def test_the_formula_s_bands(km: float, factor: float) -> None:
    assert distance_round_trip_s(km) == pytest.approx(factor * km / 99.93 / 1000)


def test_the_formula_is_as_good_as_it_claims(catalog: Catalog) -> None:
    errors = []
    for one, other, milliseconds in shipped_table("networks", "round_trips")["networks"]["azure"]["pairs"]:
        first, second = catalog.regions[f"azure/{one}"], catalog.regions[f"azure/{other}"]
        km = great_circle_km(first.latitude_deg, first.longitude_deg, second.latitude_deg, second.longitude_deg)
        if km >= 300:
            errors.append(abs(distance_round_trip_s(km) * 1000 / milliseconds - 1))
    assert len(errors) > 150
    assert np.median(errors) < 0.20
    assert np.quantile(errors, 0.9) < 0.45


def test_unknown_names_say_what_is_near(catalog: Catalog) -> None:
    with pytest.raises(KeyError, match="did you mean 'h100-sxm'"):
        catalog.accelerators["h100-smx"]
    assert "h100-smx" not in catalog.accelerators
    assert catalog.regions.get("aws/atlantis") is None
    with pytest.raises(KeyError, match="aws/us-east-1"):
        catalog.round_trip("aws/us-east-11", "aws/us-east-1")


def test_loading_is_lazy_cached_and_quick() -> None:
    assert load_catalog() is load_catalog(())
    program = (
        "import time, scenarios.catalog as c; t = time.process_time(); k = c.load_catalog();"
        "k.accelerators['h100-sxm'], k.models['llama-3-70b'], k.regions['aws/us-east-1'];"
        "k.instances_in('aws/us-east-1'); print(time.process_time() - t);"
        "[dict(getattr(k, n)) for n in ('accelerators', 'models', 'regions', 'efficiencies')]; k.instances;"
        "print(time.process_time() - t)"
    )
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in "123"]
    some, everything = (min(float(run.stdout.split()[place]) for run in runs) for place in (0, 1))
    assert some < 0.03
    assert everything < 0.12


def test_digest_is_of_the_content() -> None:
    began = time.process_time()
    assert load_catalog().digest == Catalog().digest
    assert len(load_catalog().digest) == 64
    assert time.process_time() - began < 1
