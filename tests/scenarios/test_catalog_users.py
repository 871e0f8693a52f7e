"""A user's TOML file adds and overrides; what is wrong in it is said, all at once, with file, line and key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scenarios.catalog import Catalog, load_catalog
from scenarios.errors import Problem, ScenarioError

H100 = "[accelerators.h100-sxm]\n"
P5 = '[[prices]]\nregion = "aws/us-east-1"\ninstance = "p5.48xlarge"'
ROW = '[[prices]]\ninstance = "x"\ndevices = 1\nspot = "$1/h"\n'
NEW_DEVICE = """
[accelerators.h300]
generation = "hopper"
devices_per_node = 8
scaleup_domain = 8
memory = "200 GB"
memory_bandwidth = "6 TB/s"
link = "450 GB/s"
tdp = "800 W"
peak = {bf16 = "1500 TFLOP/s", fp8 = "3000 TFLOP/s"}
"""


def _catalog(folder: Path, text: str) -> Catalog:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return load_catalog((file,))


def _problems(folder: Path, text: str) -> dict[str, Problem]:
    with pytest.raises(ScenarioError) as caught:
        _catalog(folder, text)
    assert all(problem.file.endswith("mine.toml") for problem in caught.value.problems)
    return {problem.key: problem for problem in caught.value.problems}


def test_a_partial_override_keeps_the_rest(tmp_path: Path) -> None:
    shipped = load_catalog().accelerators["h100-sxm"]
    catalog = _catalog(tmp_path, H100 + 'tdp = "650 W"\npurchase = "$24,000"\npeak.fp8 = "1.9 PFLOP/s"\n')
    device = catalog.accelerators["h100-sxm"]
    assert (device.tdp_w, device.purchase_usd, device.peak_flop_per_s["fp8"]) == (650, 24_000, 1.9e15)
    assert catalog.overridden == (
        "accelerators.h100-sxm.peak.fp8",
        "accelerators.h100-sxm.purchase",
        "accelerators.h100-sxm.tdp",
    )
    assert device.figures["memory"] == shipped.figures["memory"]
    assert device.peak_flop_per_s["bf16"] == shipped.peak_flop_per_s["bf16"]
    assert device.figures["tdp"].confidence == "user"
    assert device.figures["tdp"].source.endswith("mine.toml")
    assert load_catalog().accelerators["h100-sxm"] == shipped
    assert catalog.digest != load_catalog().digest
    assert load_catalog().overridden == ()


def test_an_inline_table_brings_its_own_source(tmp_path: Path) -> None:
    figure_text = '{value = 0.07, unit = "USD/kWh", source = "our bill", date = "2026-10"}'
    text = f'[regions."aws/us-east-1"]\nelectricity = {figure_text}\n'
    region = _catalog(tmp_path, text).regions["aws/us-east-1"]
    figure = region.figures["electricity"]
    assert (region.electricity_usd_per_kwh, figure.source, figure.date) == (0.07, "our bill", "2026-10")
    assert region.pue == 1.15


def test_new_things(tmp_path: Path) -> None:
    catalog = _catalog(
        tmp_path,
        NEW_DEVICE
        + """
[regions."own/oslo"]
country = "NOR"
latitude = 59.9
longitude = -10.7
pue = 1.1
carbon.direct = "20 g/kWh"
electricity = "$50/MWh"

[models.tiny]
kind = "dense"
layers = 2
hidden = 64
heads = 4
kv_heads = 2
head_dim = 16
ffn = 128
vocab = 1000
context_tokens = 512

[[prices]]
region = "own/oslo"
instance = "box"
accelerator = "h300"
devices = 8
on_demand = "$20/h"

[[round_trips]]
between = ["own/oslo", "aws/us-east-1"]
p50 = "95 ms"
""",
    )
    device, region = catalog.accelerators["h300"], catalog.regions["own/oslo"]
    assert (device.hbm_bytes, device.host_w_per_node, device.purchase_usd) == (200e9, None, None)
    assert (region.provider, region.name, region.longitude_deg) == ("own", "oslo", -10.7)
    assert region.carbon_kg_per_kwh == {"direct": 0.02}
    assert region.electricity_usd_per_kwh == pytest.approx(0.05)
    assert catalog.models["tiny"].params_total == 2 * (64 * 16 * 12 + 3 * 64 * 128) + 2 * 64_000
    (row,) = catalog.instances_in("own/oslo", "h300")
    assert (row.on_demand_usd_per_h, row.spot_usd_per_h, row.unusable) == (20, None, "")
    assert row in catalog.instances
    assert catalog.round_trip("aws/us-east-1", "own/oslo").p50_s == 0.095
    assert catalog.round_trip("own/oslo", "aws/eu-west-1").measured is False
    assert set(catalog.overridden) == {
        "accelerators.h300",
        "regions.own/oslo",
        "models.tiny",
        "prices.own/oslo.box",
        "round_trips.own/oslo-aws/us-east-1",
    }


def test_an_own_price_wins(tmp_path: Path) -> None:
    text = P5 + '\non_demand = "$31/h"\nsource = "our contract"\n'
    catalog = _catalog(tmp_path, text)
    (row,) = [one for one in catalog.instances_in("aws/us-east-1") if one.name == "p5.48xlarge"]
    assert (row.on_demand_usd_per_h, row.accelerator, row.devices, row.source) == (31, "h100-sxm", 8, "our contract")
    assert catalog.overridden == ("prices.aws/us-east-1.p5.48xlarge",)
    assert sum(one.name == "p5.48xlarge" for one in catalog.instances_in("aws/us-east-1")) == 1


def test_a_price_of_an_undescribed_device_wakes_up_when_it_is_described(tmp_path: Path) -> None:
    before = load_catalog().instances_in("azure/eastus", "h100-nvl")
    assert before and all("not described" in row.unusable for row in before)
    catalog = _catalog(tmp_path, NEW_DEVICE.replace("h300", "h100-nvl"))
    after = catalog.instances_in("azure/eastus", "h100-nvl")
    assert len(after) == len(before) and not any(row.unusable for row in after)


def test_missing_power_is_estimated_and_marked(tmp_path: Path) -> None:
    device = _catalog(tmp_path, NEW_DEVICE.replace('tdp = "800 W"\n', "")).accelerators["h300"]
    assert 700 < device.tdp_w < 1500
    assert device.figures["tdp"].confidence == "C"
    wrong = _problems(tmp_path, NEW_DEVICE.replace('tdp = "800 W"\n', "").replace("hopper", "feynman"))
    assert "missing" in wrong["accelerators.h300.tdp"].message


def test_config_json_beside_the_file(tmp_path: Path) -> None:
    config = {
        "model_type": "qwen2",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 1000,
        "num_key_value_heads": 2,
        "intermediate_size": 128,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    catalog = _catalog(tmp_path, '[models.mine]\nconfig = "config.json"\ncontext_tokens = 256\n')
    model = catalog.models["mine"]
    assert (model.layers, model.head_dim, model.context_tokens, model.head_params) == (2, 16, 256, 0)
    absent = _problems(tmp_path, '[models.mine]\nconfig = "does-not-exist.json"\n')["models.mine.config"]
    assert "does-not-exist.json" in absent.message


def test_later_files_win(tmp_path: Path) -> None:
    files = []
    for name, watts in (("a.toml", 600), ("b.toml", 620)):
        (tmp_path / name).write_text(f'[accelerators.l4]\ntdp = "{watts} W"\n', encoding="utf-8")
        files.append(tmp_path / name)
    assert load_catalog(tuple(files)).accelerators["l4"].tdp_w == 620


@pytest.mark.parametrize(
    ("text", "key", "line", "words"),
    [
        (H100 + '\ntpd = "650 W"', "accelerators.h100-sxm.tpd", 3, "did you mean 'tdp'"),
        ('[accelerator.h100-sxm]\ntdp = "650 W"', "accelerator", 1, "did you mean 'accelerators'"),
        ('[accelerators.h100-smx]\ntdp = "650 W"', "accelerators.h100-smx", 1, "did you mean 'h100-sxm'"),
        (H100 + "tdp = 650", "accelerators.h100-sxm.tdp", 2, "has no unit"),
        (H100 + 'tdp = "0 W"', "accelerators.h100-sxm.tdp", 2, "0 W"),
        (H100 + 'purchase = "$0"', "accelerators.h100-sxm.purchase", 2, "price of 0"),
        (H100 + 'purchase = "-$5"', "accelerators.h100-sxm.purchase", 2, "negative"),
        (H100 + 'purchase = {value = 0, unit = "USD"}', "accelerators.h100-sxm.purchase", 2, "price of 0"),
        (H100 + 'purchase = {value = -1, unit = "USD"}', "accelerators.h100-sxm.purchase", 2, "negative"),
        (H100 + 'tdp = {value = 1, unit = "kg"}', "accelerators.h100-sxm.tdp", 2, "not a unit of a power"),
        (H100 + 'tdp = {value = nan, unit = "W"}', "accelerators.h100-sxm.tdp", 2, "not a number"),
        (H100 + f'tdp = {{value = {"9" * 400}, unit = "W"}}', "accelerators.h100-sxm.tdp", 2, "too large"),
        (H100 + f"tdp = {'9' * 5000}", "", None, "cannot be read"),
        (H100 + f"year = {'9' * 400}", "accelerators.h100-sxm.year", 2, "whole number"),
        ("a = " + "[" * 5000, "", None, "nested too deeply"),
        ('[regions."aws/us-east-1"]\nlatitude = 1000', "regions.aws/us-east-1.latitude", 2, "more than 90"),
        (
            "[efficiencies.hopper.figures]\nitl_band = [1.2, 0.9]",
            "efficiencies.hopper.figures.itl_band",
            2,
            "not a band",
        ),
        ('[models.deepseek-v3]\nkind = "dense"', "models.deepseek-v3.kind", 2, "no experts"),
        (H100 + 'tdp = {valeu = 1, unit = "W"}', "accelerators.h100-sxm.tdp", 2, "did you mean 'value'"),
        (H100 + 'link = "450 Gb/s"', "accelerators.h100-sxm.link", 2, "450 GB/s"),
        (H100 + 'peak.bf61 = "1 TFLOP/s"', "accelerators.h100-sxm.peak.bf61", 2, "did you mean 'bf16'"),
        (H100 + "devices_per_node = 0", "accelerators.h100-sxm.devices_per_node", 2, "from 1 to"),
        ('[regions."aws/us-east-1"]\npue = 0.9', "regions.aws/us-east-1.pue", 2, "less than 1"),
        ('[regions."aws/us-east-1"]\ncarbon.direct = "323 lb/kWh"', "regions.aws/us-east-1.carbon.direct", 2, "g/kWh"),
        ("[models.llama-3-70b]\nkv_heads = 7", "models.llama-3-70b.kv_heads", 2, "evenly"),
        ('[models.llama-3-70b]\nlayers = "80"', "models.llama-3-70b.layers", 2, "whole number"),
        (
            "[efficiencies.hopper.figures]\ndecode_bandwidth = 1.2",
            "efficiencies.hopper.figures.decode_bandwidth",
            2,
            "exceeds 1",
        ),
        (P5 + '\non_demand = "$0/h"', "prices[0].on_demand", 4, "price of 0"),
        (P5, "prices[0]", 1, "neither"),
        (ROW + 'accelerator = "l4"\nregion = "aws/us-eats-1"', "prices[0].region", 6, "did you mean 'aws/us-east-1'"),
        (ROW + 'region = "aws/us-east-1"\naccelerator = "h001"', "prices[0].accelerator", 6, "not in the catalog"),
        ('[[round_trips]]\nbetween = ["aws/us-east-1"]\np50 = "9 ms"', "round_trips[0].between", 2, "two regions"),
        (
            '[[round_trips]]\nbetween = ["aws/us-east-1", "aws/us-east-2"]\np50 = "9 parsecs"',
            "round_trips[0].p50",
            3,
            "9 parsecs",
        ),
        ("accelerators = 3", "accelerators", 1, "written as tables"),
        ("[accelerators.h100-sxm\ntdp = 3", "", 1, "not TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, key: str, line: int | None, words: str) -> None:
    found = _problems(tmp_path, text)
    assert key in found, found
    problem = found[key]
    assert problem.line == line
    assert words in f"{problem.message} {problem.hint}"


def test_all_at_once(tmp_path: Path) -> None:
    text = '[accelerators.l4]\ntdp = 3\nlink = "x"\n[regions."aws/us-east-1"]\npue = "much"\n[[prices]]\ndevices = 0\n'
    found = _problems(tmp_path, text)
    assert {"accelerators.l4.tdp", "accelerators.l4.link", "regions.aws/us-east-1.pue", "prices[0].devices"} <= set(
        found
    )


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * 1_000_001)
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    files = (tmp_path / "absent.toml", large, tmp_path / "latin.toml", tmp_path)
    with pytest.raises(ScenarioError) as caught:
        load_catalog(files)
    assert [Path(problem.file) for problem in caught.value.problems] == list(files)
    assert all(isinstance(problem, Problem) for problem in caught.value.problems)


def test_the_example_in_the_docs(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "catalog.md"
    example = page.read_text(encoding="utf-8").split("```toml\n")[2].split("```")[0]
    config = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config |= {"intermediate_size": 128, "vocab_size": 100, "max_position_embeddings": 64}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    catalog = _catalog(tmp_path, example)
    assert catalog.accelerators["h100-sxm"].peak_flop_per_s["fp8"] == 1.9e15
    assert catalog.round_trip("aws/ca-central-1", "aws/us-east-1").p50_s == 0.015
    assert len(catalog.overridden) == 7
