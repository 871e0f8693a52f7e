"""Measurements in a scenario: read from the file or from a CSV file, wrong ones told with file, line and hint."""

from __future__ import annotations

from pathlib import Path

import pytest

import scenarios

SCENARIO = """\
name: measured
origins: {users: {near: aws/us-east-1}}
workloads:
  chat:
    model: llama-3-70b
    requests:
      - {name: short, share: 60%, prompt_tokens: 512, output_tokens: 256}
      - {name: one, share: 40%, prompt_tokens: 512, output_tokens: 1}
    demand: {users: 10/s}
    precisions: [bf16, fp8]
    batch: [16, 32]
MEASUREMENTS
regions:
  aws/us-east-1: {quota_default: unlimited}
accelerators: [h100-sxm, a100-80]
procurement: {on_demand: true}
"""
LIST = """\
    measurements:
      - accelerator: h100-sxm
        precision: fp8
        tensor_parallel: 2
        batch: 32
        requests:
          short: {requests_per_s: 2/s, idle_ttft: 60 ms, itl: 19 ms, itl_percentile: mean}
          one: {requests_per_s: 12/s}
        source: our test, 2026-10"""
CSV = """\
accelerator,precision,tensor_parallel,batch,request,requests_per_s,idle_ttft,itl,itl_percentile,source
h100-sxm,fp8,2,32,short,2/s,60 ms,19 ms,mean,"our test, 2026-10"
h100-sxm,fp8,2,32,one,12,,,,"our test, 2026-10"
"""


def written(measurements: str) -> str:
    return SCENARIO.replace("MEASUREMENTS", measurements)


def problems(text: str) -> list[scenarios.Problem]:
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.loads(written(text), "mine.yaml")
    return list(caught.value.problems)


def from_csv(folder: Path, content: str | bytes) -> scenarios.Scenario:
    (folder / "ours.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "mine.yaml").write_text(written("    measurements: ours.csv"), encoding="utf-8")
    return scenarios.load(folder / "mine.yaml")


def test_a_list_is_read():
    (one,) = scenarios.loads(written(LIST), "mine.yaml").workloads["chat"].measurements
    assert one.way == ("h100-sxm", "fp8", "bf16", 2, 1, 1, 32)
    short = one.requests["short"]
    assert (short.requests_per_s, short.idle_ttft_s, short.itl_s, short.itl_percentile) == (2, 0.06, 0.019, "mean")
    assert one.requests["one"].itl_s is None
    assert one.place == ("mine.yaml", 13)


def test_a_csv_file_says_the_same(tmp_path: Path):
    listed = scenarios.loads(written(LIST), "mine.yaml")
    filed = from_csv(tmp_path, CSV)
    assert filed.digest == listed.digest
    assert filed.workloads["chat"].measurements[0].place == ("ours.csv", 2)


def test_a_changed_copy_keeps_them():
    scenario = scenarios.loads(written(LIST), "mine.yaml")
    path = "workloads.chat.measurements.0.requests.short.requests_per_s"
    copy = scenario.replace(path, "3/s")
    (one,) = copy.workloads["chat"].measurements
    assert one.requests["short"].requests_per_s == 3
    assert copy.digest != scenario.digest
    with pytest.raises(scenarios.ScenarioError, match="0 is not possible"):
        scenario.replace(path, "0/s")


@pytest.mark.parametrize(
    ("old", "new", "key", "line", "words"),
    [
        ("accelerator: h100-sxm", "accelerator: h100-sxn", "accelerator", 13, 'did you mean "h100-sxm"'),
        ("accelerator: h100-sxm", "accelerator: l40s", "accelerator", 13, "add l40s to accelerators"),
        ("precision: fp8", "precision: fp9", "precision", 14, 'did you mean "fp8"'),
        ("precision: fp8", "precision: int8", "precision", 14, "is not in this workload's precisions: bf16, fp8"),
        ("precision: fp8", "precision: fp8\n        kv_precision: fp8", "kv_precision", 15, "kv_precisions: bf16"),
        ("h100-sxm\n        precision: fp8", "a100-80\n        precision: fp8", "precision", 14, "natively"),
        ("tensor_parallel: 2", "tensor_parallel: 3", "tensor_parallel", 15, "cannot share 64 heads"),
        ("tensor_parallel: 2", "tensor_parallel: 16", "tensor_parallel", 15, "joins 8 devices"),
        ("tensor_parallel: 2", "expert_parallel: 2", "expert_parallel", 15, "mixture of experts"),
        ("batch: 32", "batch: 31", "batch", 16, "is not in this workload's batch: 16, 32"),
        ("batch: 32", "batch: 0", "batch", 16, "at least 1"),
        ("requests_per_s: 2/s", "requests_per_s: 0/s", "requests.short.requests_per_s", 18, "more than 0"),
        ("requests_per_s: 2/s", "requests_per_s: -2/s", "requests.short.requests_per_s", 18, "negative"),
        ("requests_per_s: 2/s", "requests_per_s: 60/s", "requests.short.requests_per_s", 18, "at its peak FLOP/s"),
        ("idle_ttft: 60 ms", "idle_ttft: 60", "requests.short.idle_ttft", 18, 'write "60 ms"'),
        ("idle_ttft: 60 ms", "ttft: 60 ms", "requests.short.ttft", 18, "idle_ttft"),
        (", itl_percentile: mean", "", "requests.short.itl", 18, "itl_percentile: mean"),
        ("itl: 19 ms, ", "", "requests.short.itl_percentile", 18, "no itl"),
        ("percentile: mean", "percentile: average", "requests.short.itl_percentile", 18, "mean"),
        ("short: {requests", "shorts: {requests", "requests.shorts", 18, 'did you mean "short"'),
        ("          one: {requests_per_s: 12/s}\n", "", "requests", 17, '"one" is not among them'),
        ("one: {requests_per_s: 12/s}", "one: {}", "requests.one", 19, "nothing is measured"),
        ("one: {requests_per_s: 12/s}", "one: {itl: 9 ms, itl_percentile: mean}", "requests.one.itl", 19, "one token"),
        ("        source: our test, 2026-10", "", "source", 13, "is missing"),
        ("source: our test, 2026-10", "source: ''", "source", 20, "is empty"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, key: str, line: int, words: str):
    assert old in LIST
    found = problems(LIST.replace(old, new))
    hits = [item for item in found if item.key == f"workloads.chat.measurements.0.{key}" and words in str(item)]
    assert hits, "\n".join(map(str, found))
    assert hits[0].line == line


def test_the_same_way_twice_is_refused():
    again = LIST + LIST.replace("    measurements:\n", "\n", 1)
    (found,) = problems(again)
    assert "same way to run as measurement 1" in found.message and found.line == 21
    (found,) = problems(LIST + LIST.replace("    measurements:\n", "\n", 1).replace("        batch: 32\n", ""))
    assert "same way to run" in found.message  # without a batch it stands for every batch
    twice = written(LIST + LIST.replace("    measurements:\n", "\n", 1).replace("batch: 32", "batch: 16"))
    assert len(scenarios.loads(twice, "mine.yaml").workloads["chat"].measurements) == 2


def test_only_measured_needs_a_measurement():
    (found,) = problems("    only_measured: true")
    assert found.key.endswith("only_measured") and found.line == 12
    (found,) = problems("    measurements: []")
    assert "empty" in found.message


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("12,,,,", "0,,,,", 3, "more than 0"),
        ("2/s,60 ms", "2/s,60", 2, 'write "60 ms"'),
        ("32,one", "32,two", 3, 'no kind of request "two"'),
        ("32,one", "32,short", 3, "a second time"),
        ("12,,,,", "12,,,", 3, "9 cells under 10 columns"),
        (",idle_ttft,", ",idle_tftt,", 1, 'did you mean "idle_ttft"'),
        ("accelerator,", "batch_size,", 1, "no such column"),
        ("h100-sxm,fp8,2,32,short", "h100,fp8,2,32,short", 2, '"h100-sxm"'),
        ('"our test, 2026-10"\nh100', '"our test, 2026-10\nh100', 3, "not CSV"),
    ],
)
def test_a_bad_csv_file_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, words: str):
    assert old in CSV
    with pytest.raises(scenarios.ScenarioError) as caught:
        from_csv(tmp_path, CSV.replace(old, new, 1))
    hits = [item for item in caught.value.problems if words in str(item)]
    assert hits, str(caught.value)
    assert (hits[0].file, hits[0].line) == ("ours.csv", line)


def test_other_bad_csv_files(tmp_path: Path):
    with pytest.raises(scenarios.ScenarioError, match="no row below its header"):
        from_csv(tmp_path, CSV.splitlines()[0])
    with pytest.raises(scenarios.ScenarioError, match="at most 1,000,000 are read"):
        from_csv(tmp_path, CSV + " " * 1_000_000)
    (tmp_path / "mine.yaml").write_text(written("    measurements: nowhere.csv"), encoding="utf-8")
    with pytest.raises(scenarios.ScenarioError, match=r"nowhere\.csv: there is no such file"):
        scenarios.load(tmp_path / "mine.yaml")
