"""Reading: YAML 1.2's own rules, sources, digests, mappings instead of files."""

from __future__ import annotations

import math
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import scenarios
from scenarios.errors import MAX_SHOWN
from scenarios.yaml_text import read, resolve

CAPSTONE = (files("scenarios") / "library" / "capstone.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NO", "NO"), ("no", "no"), ("yes", "yes"), ("on", "on"), ("y", "y"), ("true", True), ("False", False),
        ("1e3", 1000.0), ("1E-3", 0.001), ("12", 12), ("-3", -3), ("012", 12), ("0o14", 12), ("0x1F", 31),
        ("1_000", "1_000"),
        (".5", 0.5), ("5.", 5.0), ("~", None), ("", None), ("null", None), ("0.1%", "0.1%"), ("10:30", "10:30"),
        ("2026-01-02", "2026-01-02"), (".inf", math.inf), ("$5M/yr", "$5M/yr"), ("1,000", "1,000"),
    ],
)  # fmt: skip
def test_plain_values(text, expected):
    value = resolve(text)
    assert value == expected and type(value) is type(expected)


def test_the_country_code_no():
    """Norway is no boolean, as a value, in a list and as a key; and a number is none as a key."""
    document = read("country: NO\nlist: [NO, DE]\nNO: 1\n2024: x\nquoted: 'true'\n", "x")
    assert document.data == {"country": "NO", "list": ["NO", "DE"], "NO": 1, "2024": "x", "quoted": "true"}


def test_lines():
    document = read("a: 1\nb:\n  - x: 1\n    y: 2\n  - z\n", "x")
    assert document.line(("b",)) == 2
    assert document.line(("b", 0, "y")) == 4
    assert document.line(("b", 1)) == 5
    assert document.line(("b", 0, "y", "deeper")) == 4
    assert document.line(("nowhere",)) == 1


def test_a_byte_order_mark_and_line_ends_of_other_systems(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + CAPSTONE.replace("\n", "\r\n").encode())
    scenario = scenarios.load(path)
    assert scenario.digest == scenarios.load("capstone").digest
    assert scenario.source == str(path)


def test_the_digest_is_of_the_content():
    base = scenarios.loads(CAPSTONE)
    assert scenarios.loads("# a comment\n\n" + CAPSTONE.replace("$5M/yr", "$5,000k/yr")).digest == base.digest
    assert scenarios.loads(CAPSTONE.replace("$5M/yr", "$5.1M/yr")).digest != base.digest
    assert len(base.digest) == 64


def test_a_mapping_reads_as_a_file_does():
    mapping = read(CAPSTONE, "x").data
    assert scenarios.from_mapping(mapping).digest == scenarios.load("capstone").digest
    catalog = scenarios.load_catalog()
    assert scenarios.from_mapping(mapping, catalog).catalog is catalog
    mapping["limits"]["budget"] = "5M"
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.from_mapping(mapping, file="<flags>")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == ("<flags>", None, "limits.budget")


def test_an_own_catalog_lies_beside_the_scenario(tmp_path):
    (tmp_path / "mine.toml").write_text('[accelerators.h100-sxm]\ntdp = "650 W"\n', encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(CAPSTONE.replace("objective: cost", "catalog: [mine.toml]\nobjective: cost"), encoding="utf-8")
    scenario = scenarios.load(path)
    assert scenario.catalog.accelerators["h100-sxm"].tdp_w == 650.0
    assert scenario.catalog_files == ("mine.toml",)


def test_a_shipped_name_wins_over_a_file_beside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "capstone").write_text("nonsense", encoding="utf-8")
    assert scenarios.load("capstone").name == "capstone"


def test_an_origin_may_state_its_country():
    scenario = scenarios.loads(CAPSTONE.replace("near: aws/us-east-1,", "near: aws/us-east-1, country: MEX,"))
    assert scenario.origins["virginia"].country == "MEX"
    assert scenario.origins["montreal"].country == "CAN"


def test_shares_in_thirds_are_made_exact():
    thirds = "".join(f"{{name: s{i}, share: 33.33333%, prompt_tokens: 10, output_tokens: 10}}, " for i in range(3))
    text = CAPSTONE.replace("- {name: chat, share: 1, prompt_tokens: 512, output_tokens: 256}", f"[{thirds}]")
    shapes = scenarios.loads(text.replace("requests:\n      [", "requests: [")).workloads["chat"].shapes
    assert sum(shape.share for shape in shapes) == pytest.approx(1.0, abs=1e-15)


def test_a_long_list_of_problems_is_cut_when_printed():
    problems = [scenarios.Problem("x", line, "k", "wrong") for line in range(500)]
    error = scenarios.ScenarioError(problems)
    assert len(error.problems) == 500
    assert str(error).count("\n") == MAX_SHOWN and str(error).endswith("and 400 more problems")


def test_importing_the_package_is_light():
    """The command's help must not pay for pydantic or the YAML parser."""
    code = "import scenarios, sys; print(any(name.split('.')[0] in ('pydantic', 'ruamel') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_no_such_name_in_the_package():
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = scenarios.nonesuch


def test_an_empty_name_is_called_so() -> None:
    for name in ("", " "):
        with pytest.raises(scenarios.ScenarioError, match="the name of the scenario is empty"):
            scenarios.load(name)


def test_a_link_that_leads_nowhere_is_not_proposed_for_itself(tmp_path: Path) -> None:
    link = tmp_path / "dangling.yaml"
    link.symlink_to("nowhere")
    with pytest.raises(scenarios.ScenarioError, match="a link to nowhere, which is not there") as caught:
        scenarios.load(link)
    assert "did you mean" not in str(caught.value)
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.load(tmp_path / "dangling.yml")
    assert "did you mean" not in str(caught.value)
