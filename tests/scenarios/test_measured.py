"""Measured tables: names and degrees found again, every bad cell said with its line, nothing left out in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import scenarios
from scenarios import ScenarioError, measured
from scenarios.measured_names import Names

CATALOG = scenarios.load_catalog()
SAMPLE = Path(__file__).parents[1] / "physics" / "silicon_sample.csv"
HEADER = (
    "id,model_path,system,precision,mode,backend,backend_version,isl,osl,batch_size,tp_size,pp_size,attention_dp_size,"
    "moe_tp_size,moe_ep_size,prefill_num_workers,prefill_tp_size,decode_num_workers,decode_tp_size,silicon_ttft_ms,"
    "silicon_tpot_ms,concurrency,measured"
)
GOOD = {
    "id": "one", "model_path": "deepseek-ai/DeepSeek-R1-0528", "system": "h200_sxm", "precision": "fp8", "mode": "agg",
    "backend": "trtllm", "backend_version": "1.0", "isl": "1024", "osl": "512", "batch_size": "8.0", "tp_size": "8.0",
    "silicon_ttft_ms": "200.5", "silicon_tpot_ms": "20", "concurrency": "8.0",
}  # fmt: skip


def table(folder: Path, *rows: dict[str, str], header: str = HEADER, before: str = "") -> Path:
    lines = [",".join(row.get(name, "") for name in header.split(",")) for row in rows]
    path = folder / "measured.csv"
    path.write_text(before + "\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(ScenarioError) as error:
        measured.read(path, CATALOG)
    return [str(problem) for problem in error.value.problems]


def test_the_sample() -> None:
    found = measured.read(SAMPLE, CATALOG)
    assert len(found) == 60 and not found.left_out
    assert set(found.model) == {"llama-3.1-70b", "llama-3.1-8b", "qwen3-32b"}
    assert set(found.accelerator) == {"h100-sxm", "h200-sxm", "b200-sxm"}
    assert found.line[0] == 3, "a comment and the header come first"
    assert found.itl_s[0] == pytest.approx(0.021465857) and found.ttft_s[0] == pytest.approx(0.202755983)
    assert set(found.precision) == {"", "fp8"}
    assert len(found.take(found.engine == "vllm")) == 40


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("meta-llama/Llama-3.1-70B", "llama-3.1-70b"),
        ("nvidia/Llama-3.3-70B-Instruct-FP4", "llama-3.1-70b"),
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "llama-3.1-8b"),
        ("RedHatAI/Meta-Llama-3.1-405B-Instruct-FP8-dynamic", "llama-3.1-405b"),
        ("Qwen/Qwen3-235B-A22B-FP8", "qwen3-235b-a22b"),
        ("nvidia/DeepSeek-R1-0528-FP4-v2", "deepseek-r1"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b"),
        ("gpt-oss-120b", "gpt-oss-120b"),
        ("llama-3-70b", "llama-3-70b"),
    ],
)
def test_checkpoints_are_recognised(written: str, name: str) -> None:
    assert Names(CATALOG).model(written) == name


def test_every_checkpoint_of_the_catalog_is_its_own() -> None:
    names = Names(CATALOG)
    for name, model in CATALOG.models.items():
        assert names.model(name) == name
        assert [names.model(written) for written in model.published_as] == [name] * len(model.published_as)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("h100_sxm", "h100-sxm"), ("H200", "h200-sxm"), ("b300_sxm", "b300-sxm"), ("gb200_nvl72", "gb200"),
        ("a100_sxm", "a100-80"), ("mi300x", "mi300x"), ("NVIDIA H100 PCIe", "h100-pcie"), ("abacus", None),
    ],
)  # fmt: skip
def test_systems_are_recognised(written: str, name: str | None) -> None:
    assert Names(CATALOG).accelerator(written) == name


def test_what_is_unknown_is_left_out_and_counted(tmp_path: Path) -> None:
    path = table(
        tmp_path, GOOD, {**GOOD, "model_path": "acme/Lama-3.1-70B"}, {**GOOD, "system": "h10_sxm"},
        {**GOOD, "model_path": "acme/Lama-3.1-70B"},
    )  # fmt: skip
    found = measured.read(path, CATALOG)
    assert len(found) == 1
    assert [(one.rows, one.first_line) for one in found.left_out] == [(2, 3), (1, 4)]
    assert "llama-3.1-70b" in found.left_out[0].reason and "h100-sxm" in found.left_out[1].reason


def test_a_table_of_nothing_known_is_an_error(tmp_path: Path) -> None:
    (said,) = problems(table(tmp_path, {**GOOD, "model_path": "acme/one"}))
    assert "measured.csv:2: " in said and '"acme/one"' in said


def test_every_bad_cell_is_said_with_its_line(tmp_path: Path) -> None:
    bad = {
        "isl": "many", "osl": "1.5", "silicon_tpot_ms": "-3", "silicon_ttft_ms": "nan", "precision": "fp9",
        "mode": "agregated", "concurrency": "inf", "tp_size": "1e30",
    }  # fmt: skip
    path = table(tmp_path, GOOD, *({**GOOD, key: value} for key, value in bad.items()), before='# a comment, "quoted\n')
    said = problems(path)
    assert len(said) == len(bad)
    for line, (key, one) in enumerate(zip(bad, said, strict=True), 4):
        assert f"measured.csv:{line}: {key}: " in one
    assert "fp8" in said[4]


def test_rows_without_what_is_needed(tmp_path: Path) -> None:
    none = {"batch_size": "", "concurrency": ""}
    rows = (
        {**GOOD, **none},
        {**GOOD, "isl": ""},
        {**GOOD, "osl": "0"},
        {**GOOD, "silicon_ttft_ms": "", "silicon_tpot_ms": "0"},
    )
    said = problems(table(tmp_path, *rows))
    assert ["concurrency" in said[0], "isl" in said[1], "osl" in said[2], "silicon_tpot_ms" in said[3]] == [True] * 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no row"), ("# only\n", "no row"), ("a,b\n1,2\n", "this column is missing"),
        ("model_path,system,isl,osl,silicon_tpot_ms,isl,concurrency\na,b,1,1,1,1,1\n", "twice"),
        (HEADER + "\na,b\n", "2 cells under 23 columns"), (HEADER + '\n"a"b,c\n', "not CSV"), (b"\xff\xfe", "UTF-8"),
    ],
)  # fmt: skip
def test_files_that_are_no_table(tmp_path: Path, text: str | bytes, says: str) -> None:
    path = tmp_path / "measured.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert says in problems(path)[0]
    assert "no such file" in problems(tmp_path / "none.csv")[0]


def test_only_what_is_needed(tmp_path: Path) -> None:
    header = "model_path,system,isl,osl,concurrency,silicon_tpot_ms,colour"
    found = measured.read(table(tmp_path, {**GOOD, "osl": "1"}, GOOD, header=header), CATALOG)
    assert found.precision[0] == found.engine[0] == "" and found.tensor_parallel[0] == 1
    assert np.isnan(found.ttft_s).all()
    assert np.isnan(found.itl_s[0]) and found.itl_s[1] == 0.02, "one token has no time between tokens"


# tp, attention-DP, moe-tp, moe-ep as written -> tp, attention-DP, moe-tp, moe-ep, concurrency of a batch of 8 a rank
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (("8", "1", "8", "1"), (8, 1, 8, 1, 8)),
        (("8", "1", "1", "8"), (8, 1, 1, 8, 8)),
        (("1", "8", "1", "8"), (1, 8, 1, 8, 64)),
        (("64", "1", "8", "8"), (8, 1, 1, 8, 8)),
        (("1", "64", "8", "8"), (1, 8, 1, 8, 64)),
        (("4", "4", "1", "16"), (1, 4, 1, 4, 32)),
        (("2", "", "4", "1"), (2, 2, 4, 1, 16)),
        (("8", "", "1", "0"), (8, 1, 8, 1, 8)),
        (("", "", "", ""), (1, 1, 1, 1, 8)),
        (("4", "", "", ""), (4, 1, 4, 1, 8)),
    ],
)
def test_degrees_that_are_written_twice_or_not_at_all(tmp_path: Path, written: tuple[str, ...], meant: tuple) -> None:
    names = ("tp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")
    row = {**GOOD, "concurrency": "", **dict(zip(names, written, strict=True))}
    one = measured.read(table(tmp_path, row), CATALOG)
    columns = (one.tensor_parallel, one.attention_dp, one.moe_tensor_parallel, one.expert_parallel, one.concurrency)
    assert tuple(column[0] for column in columns) == meant
    assert one.devices[0] == meant[2] * meant[3], "the experts lie on the devices of the attention"


def test_a_dense_model_has_no_experts_to_cut(tmp_path: Path) -> None:
    row = {**GOOD, "model_path": "Qwen/Qwen3-32B", "tp_size": "4", "moe_tp_size": "4", "moe_ep_size": "1"}
    one = measured.read(table(tmp_path, row), CATALOG)
    assert (one.tensor_parallel[0], one.moe_tensor_parallel[0], one.devices[0]) == (4, 1, 4)


def test_sides_that_are_apart(tmp_path: Path) -> None:
    sides = {
        "mode": "disagg",
        "tp_size": "",
        "prefill_num_workers": "2",
        "prefill_tp_size": "4",
        "decode_num_workers": "1",
    }
    one = measured.read(table(tmp_path, {**GOOD, **sides, "decode_tp_size": "8"}), CATALOG)
    assert one.disaggregated[0] and one.tensor_parallel[0] == 8 and one.devices[0] == 16


def test_drafted_tokens_are_marked(tmp_path: Path) -> None:
    rows = [{**GOOD, "backend_version": version, "measured": date} for version, date in
            (("1.2.0rc6.post3", ""), ("1.1.0rc2.post2", "2026-01-02"), ("1.1.0rc2.post2", "2025-11-02"))]  # fmt: skip
    assert measured.read(table(tmp_path, *rows), CATALOG).speculative.tolist() == [True, True, False]
