"""Kinds of request from a histogram or a trace: all load kept, no class smaller than what is in it."""

from __future__ import annotations

import math
import random
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from scenarios import ScenarioError
from scenarios.schema_measured import Histogram
from scenarios.traces import NEAR_EMPTY, Class, Trace, histogram_problem, merged_up, read_trace, trace_classes

SCENARIO = """\
name: sized
origins: {users: {near: aws/us-east-1}}
workloads:
  chat:
    model: llama-2-7b
    requests:
REQUESTS
    demand: {users: 10/s}
    precisions: [bf16]
regions:
  aws/us-east-1: {quota_default: unlimited}
accelerators: [a100-80]
procurement: {on_demand: true}
"""
HISTOGRAM = """\
      histogram:
        prompt_tokens: [0, 128, 512, 2048]
        output_tokens: [0, 64, 256]
        counts: [[10, 20], [30, 0], [5, 35]]"""


def written(requests: str) -> str:
    return SCENARIO.replace("REQUESTS", requests)


def with_trace(folder: Path, content: str | bytes, more: str = "") -> scenarios.Scenario:
    raw = content.encode() if isinstance(content, str) else content
    (folder / "requests.csv").write_bytes(raw)
    (folder / "mine.yaml").write_text(written(f"      trace: requests.csv\n{more}"), encoding="utf-8")
    return scenarios.load(folder / "mine.yaml")


def shapes(scenario: scenarios.Scenario) -> dict[str, tuple[float, int, int]]:
    found = scenario.workloads["chat"].shapes
    return {shape.name: (shape.share, shape.prompt_tokens, shape.output_tokens) for shape in found}


def problems(folder: Path, content: str | bytes, more: str = "") -> list[scenarios.Problem]:
    with pytest.raises(scenarios.ScenarioError) as caught:
        with_trace(folder, content, more)
    return list(caught.value.problems)


def test_a_histogram_is_planned_at_its_upper_edges():
    scenario = scenarios.loads(written(HISTOGRAM), "mine.yaml")
    assert shapes(scenario) == {
        "in128-out64": (0.1, 128, 64),
        "in128-out256": (0.2, 128, 256),
        "in512-out64": (0.3, 512, 64),
        "in2048-out64": (0.05, 2048, 64),
        "in2048-out256": (0.35, 2048, 256),
    }
    assert "histogram of 100 requests" in scenario.workloads["chat"].request_source


def test_a_near_empty_bin_goes_up():
    scenario = scenarios.loads(written(HISTOGRAM.replace("[[10, 20]", "[[0.1, 20]")), "mine.yaml")
    found = shapes(scenario)
    assert "in128-out64" not in found
    assert found["in128-out256"][0] == pytest.approx(20.1 / 90.1)  # larger in outputs, and the nearest
    assert sum(share for share, _, _ in found.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("[0, 128, 512, 2048]", "[0, 512, 128, 2048]", "histogram.prompt_tokens", "do not rise"),
        ("[0, 64, 256]", "[64]", "histogram.output_tokens", "make no bin"),
        ("[0, 64, 256]", "[-1, 64, 256]", "histogram.output_tokens", "from 0 upwards"),
        ("[5, 35]]", "[5, 35], [1, 1]]", "histogram.counts", "4 rows for 3 bins"),
        ("[5, 35]", "[5]", "histogram.counts", "row 3 has 1 counts for 2 bins"),
        ("[5, 35]", "[5, -35]", "histogram.counts", "below 0"),
        ("[5, 35]", "[5, .nan]", "histogram.counts", "no number"),
        ("[[10, 20], [30, 0], [5, 35]]", "[[0, 0], [0, 0], [0, 0]]", "histogram.counts", "not one request"),
        ("counts:", "count:", "histogram.counts", "is missing"),
        ("histogram:", "histogramm:", "requests", "histogram or trace"),
        ("[0, 128, 512, 2048]", "[0, 128, 512, 8192]", "requests", "holds 4,096"),
    ],
)
def test_a_bad_histogram_is_told_with_its_line(old: str, new: str, key: str, words: str):
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.loads(written(HISTOGRAM.replace(old, new)), "mine.yaml")
    found = [item for item in caught.value.problems if key in item.key and words in str(item)]
    assert found, str(caught.value)
    assert all(item.line is not None and item.file == "mine.yaml" for item in found)


def random_trace(requests: int, seed: int = 0) -> list[tuple[int, int]]:
    rng = random.Random(seed)
    size = rng.expovariate
    return [(1 + int(size(1 / 300)) % 3000, 1 + int(size(1 / 150)) % 900) for _ in range(requests)]


def as_csv(sizes: list[tuple[int, int]], head: str = "prompt_tokens,output_tokens") -> str:
    return head + "\n" + "".join(f"{p},{d}\n" for p, d in sizes)


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 5))
def test_classes_keep_the_load_and_ask_for_no_less_work(requests: int, seed: int, across: int, down: int):
    """The work of a request is a sum of its tokens and of products of two, none with a minus."""
    sizes = random_trace(requests, seed)
    trace = Trace(array("q", [p for p, _ in sizes]), array("q", [d for _, d in sizes]), array("q"), array("d"))
    classes = trace_classes(trace, (across, down))
    assert math.isclose(sum(one.share for one in classes), 1)
    assert len(classes) <= across * down
    assert len({one.name for one in classes}) == len(classes)
    for work in (
        lambda p, d: p,
        lambda p, d: d,
        lambda p, d: p * p,
        lambda p, d: p * d,
        lambda p, d: d * d,
    ):
        asked = sum(one.share * work(one.prompt_tokens, one.output_tokens) for one in classes)
        assert asked >= sum(work(p, d) for p, d in sizes) / len(sizes) * (1 - 1e-12)
    assert max(one.prompt_tokens for one in classes) <= max(p for p, _ in sizes)
    assert max(one.output_tokens for one in classes) <= max(d for _, d in sizes)


def test_next_to_empty_classes_go_up():
    sizes = [(100, 100)] * 1100 + [(100, 800)] * 500 + [(2000, 100)] * 5 + [(2000, 800)] * 500
    trace = Trace(array("q", [p for p, _ in sizes]), array("q", [d for _, d in sizes]), array("q"), array("d"))
    classes = trace_classes(trace, (2, 2))
    assert [(one.name, round(one.share * 2105)) for one in classes] == [
        ("in100-out100", 1100),
        ("in100-out800", 500),
        ("in2000-out800", 505),
    ]
    assert NEAR_EMPTY > 5 / 2105


def test_a_trace_makes_nine_classes_and_says_where_they_come_from(tmp_path: Path):
    scenario = with_trace(tmp_path, as_csv(random_trace(2000)))
    found = shapes(scenario)
    assert len(found) == 9
    assert sum(share for share, _, _ in found.values()) == pytest.approx(1)
    assert "trace requests.csv: 2,000 requests" in scenario.workloads["chat"].request_source
    assert len(shapes(with_trace(tmp_path, as_csv(random_trace(2000)), "      bins: [2, 1]"))) == 2


def test_the_digest_holds_the_trace(tmp_path: Path):
    text = as_csv([(100, 50)] * 10)
    first = with_trace(tmp_path, text).digest
    assert with_trace(tmp_path, text).digest == first
    assert with_trace(tmp_path, text + "\n\n").digest != first


@pytest.mark.parametrize(
    "head",
    ["ContextTokens,GeneratedTokens", "num_prefill_tokens,num_decode_tokens", "Input Length,Output Length", "isl,osl"],
)
def test_common_names_of_columns(tmp_path: Path, head: str):
    assert shapes(with_trace(tmp_path, as_csv([(100, 50)], head))) == {"in100-out50": (1.0, 100, 50)}


def test_times_tell_how_bursty_it_is(tmp_path: Path):
    calm = "".join(f"{60 * k},100,50\n" for k in range(10))
    burst = "600,100,50\n" * 30
    source = with_trace(tmp_path, "timestamp,input_tokens,output_tokens\n" + calm + burst).workloads["chat"]
    assert "busiest minute brings 7.5 times its mean rate" in source.request_source
    dated = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,4,2\n2023-11-16 18:25:46,4,2\n"
    assert "times its mean rate" in with_trace(tmp_path, dated).workloads["chat"].request_source


@pytest.mark.parametrize(
    ("rows", "line", "words"),
    [
        ("100,50\n100\n", 3, 'output_tokens: "" is not a number'),
        ("100,50\n100,many\n", 3, '"many" is not a number'),
        ("0,50\n", 2, "prompt_tokens: 0 tokens are not possible"),
        ("100,0\n", 2, "leave out requests that failed"),
        ("100,-5\n", 2, "-5 tokens are not possible"),
        ("100,1.5\n", 2, "whole number"),
        ("100,nan\n", 2, "not possible"),
        ("100,1e12\n", 2, "not possible"),
        ("4000,500\n100,50\n", 2, "4,500 tokens in all, but the model holds 4,096"),
        ('100,"50\n', 2, "this is not CSV"),
        ("", 1, "holds no request"),
    ],
)
def test_bad_rows_are_told_with_file_and_line(tmp_path: Path, rows: str, line: int, words: str):
    (found,) = problems(tmp_path, "prompt_tokens,output_tokens\n" + rows)
    assert (found.file, found.line) == ("requests.csv", line)
    assert words in str(found)


def test_many_bad_rows_are_counted(tmp_path: Path):
    found = problems(tmp_path, "prompt_tokens,output_tokens\n" + "x,1\n" * 250)
    assert len(found) == 101
    assert "250 rows in all cannot be read" in str(found[0]) + str(found[-1])


def test_other_bad_traces(tmp_path: Path):
    (found,) = problems(tmp_path, "a,b\n1,2\n")
    assert found.line == 1 and "no such column" in found.message
    (found,) = problems(tmp_path, "isl,prompt,osl\n1,2,3\n")
    assert "both a column of prompt_tokens" in found.message
    (found,) = problems(tmp_path, "isl;osl;time\n1;2;3\n")
    assert "parted by semicolons" in found.message
    (found,) = problems(tmp_path, "")
    assert "the file is empty" in found.message
    (found,) = problems(tmp_path, "isl,osl,time\n1,2,2026-10-01\n1,2,7\n")
    assert found.line == 3 and "seconds and dates are mixed" in found.message
    (found,) = problems(tmp_path, b"isl,osl\n1,2\n\xff\xfe,3\n")
    assert "not UTF-8" in found.message
    (found,) = problems(tmp_path, "isl,osl\n1,2\n", "      bins: 9")
    assert "9 x 9 bins" in found.message and found.key.endswith("bins")


@pytest.mark.parametrize(
    ("bins", "words"), [("0", "0 bins"), ("[2, 1, 1]", "3 numbers"), ("many", "many"), ("[0, 2]", "0 bins")]
)
def test_bins_that_are_none(tmp_path: Path, bins: str, words: str) -> None:
    (found,) = problems(tmp_path, "isl,osl\n1,2\n", f"      bins: {bins}")
    assert words in found.message and found.key.endswith("requests.bins")
    (tmp_path / "mine.yaml").write_text(written("      trace: elsewhere.csv"), encoding="utf-8")
    with pytest.raises(scenarios.ScenarioError, match=r"elsewhere\.csv: there is no such file"):
        scenarios.load(tmp_path / "mine.yaml")


def test_what_else_is_wrong_is_told_too(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(
        written("      trace: elsewhere.csv").replace("a100-80]", "a100]"), encoding="utf-8"
    )
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.load(tmp_path / "mine.yaml")
    assert {item.file for item in caught.value.problems} == {"elsewhere.csv", str(tmp_path / "mine.yaml")}


def test_a_long_trace_is_read_row_by_row(tmp_path: Path):
    path = tmp_path / "long.csv"
    path.write_text(as_csv(random_trace(100, 3) * 300), encoding="utf-8")
    trace = read_trace(path, "long.csv")
    assert len(trace.prompts) == 30_000
    assert len(trace_classes(trace, (4, 4))) <= 16


def test_times_in_nanoseconds_are_said_and_not_counted_minute_by_minute(tmp_path: Path) -> None:
    """1.7e18 is a date in nanoseconds; read as seconds, the minutes of such a span do not fit in memory."""
    path = tmp_path / "trace.csv"
    path.write_text("timestamp,prompt_tokens,output_tokens\n1700000000000000000,5,5\n1700003600000000000,5,5\n")
    with pytest.raises(ScenarioError, match="the times are 114,155 years apart"):
        read_trace(path, "trace.csv")


def test_a_class_that_is_next_to_nothing_still_counts() -> None:
    found = merged_up({(0, 0): Class("all", 1 - 1e-9, 10, 10), (1, 1): Class("one", 1e-9, 900, 900)})
    assert [one.share for one in found] == pytest.approx([1 - 2e-6, 2e-6], rel=1e-4)
    assert sum(one.share for one in found) == pytest.approx(1, abs=1e-12)


def test_counts_that_cannot_be_added_up() -> None:
    histogram = Histogram(prompt_tokens=(0, 8), output_tokens=(0, 4, 8), counts=((1e308, 1e308),))
    found = histogram_problem(histogram)
    assert found is not None and "row 1 has a count of 1e+308" in found[1]
