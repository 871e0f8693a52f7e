"""Bad input is answered with file, line, key and what to do; never with a traceback, and all of it at once."""

from __future__ import annotations

import time
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios

CAPSTONE = (files("scenarios") / "library" / "capstone.yaml").read_text(encoding="utf-8")


def problems_of(text: str) -> tuple[scenarios.Problem, ...]:
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.loads(text, "mine.yaml")
    for problem in caught.value.problems:
        assert problem.file == "mine.yaml"
        assert problem.message
        assert "Traceback" not in str(problem) and "pydantic" not in str(problem)
    return caught.value.problems


# One mistake each: what is replaced in the capstone, by what, the key and words of the message or hint.
MISTAKES = [
    ("objective: cost", "objectve: cost", "objectve", 'did you mean "objective"?'),
    ("objective: cost", "objective: costs", "objective", 'did you mean "cost"?'),
    ("objective: cost", "objective: {minimize: carbon, carbon_price: $100/t}", "objective.carbon_price", "cost"),
    ("carbon_basis: direct", "carbon_basis: lifecicle", "carbon_basis", 'did you mean "lifecycle"?'),
    ("model: llama-3-70b", "model: lama-3-70b", "workloads.chat.model", '"llama-3-70b"'),
    ("near: aws/us-east-1,", "near: aws/us-eats-1,", "origins.virginia.near", '"aws/us-east-1"'),
    ("last_mile: 10 ms}\n  mon", "last_mile: 10}\n  mon", "origins.virginia.last_mile", 'write "10 ms"'),
    ("virginia: 600/s", "virgina: 600/s", "workloads.chat.demand.virgina", 'did you mean "virginia"?'),
    ("virginia: 600/s", "virginia: -600/s", "workloads.chat.demand.virginia", "negative"),
    ("virginia: 600/s", "virginia: 0", "workloads.chat.demand.virginia", "no demand"),
    ("virginia: 600/s", "virginia: [600, 600]", "workloads.chat.demand.virginia", "one slot is declared"),
    ("virginia: 600/s", "virginia: .nan", "workloads.chat.demand.virginia", "finite"),
    ("virginia: 600/s", "virginia: yes", "workloads.chat.demand.virginia", "rate of requests"),
    ("      virginia: 600/s\n", "", "origins.virginia", "no workload has a demand from here"),
    ("      virginia: 600/s\n      montreal: 400/s\n", "", "workloads.chat.demand", "mapping"),
    ("    demand:\n      virginia: 600/s\n      montreal: 400/s\n", "", "workloads.chat.demand", "is missing"),
    ("demand:\n      virginia: 600/s\n      montreal: 400/s\n", "demand: {}\n", "workloads.chat.demand", "empty"),
    ("share: 1,", "share: 0.5,", "workloads.chat.requests", "sum to 0.5"),
    ("prompt_tokens: 512", "prompt_tokens: 8000", "workloads.chat.requests.0", "8,192"),
    ("prompt_tokens: 512", "prompt_tokens: 0", "workloads.chat.requests.0.prompt_tokens", "cached_context_tokens"),
    ("prompt_tokens: 512", "prompt_tokens: 51.2", "workloads.chat.requests.0.prompt_tokens", "whole number"),
    ("output_tokens: 256", "output_tokens: 0", "workloads.chat.requests.0.output_tokens", "at least 1"),
    ("limit: 50 ms", "limit: 50", "workloads.chat.itl.limit", 'write "50 ms"'),
    ("limit: 50 ms", "limit: 50 mss", "workloads.chat.itl.limit", 'did you mean "50 ms"?'),
    ("limit: 50 ms", "limit: 0 ms", "workloads.chat.itl.limit", "more than 0"),
    ("  chat:\n", "  '':\n", "workloads", "a name is empty"),
    ("  chat:\n", "  '  ':\n", "workloads", "a name is empty"),
    (", percentile: mean", "", "workloads.chat.itl.percentile", "is missing"),
    ("percentile: mean", "percentile: average", "workloads.chat.itl.percentile", "mean"),
    ("percentile: 99", "percentile: mean", "workloads.chat.ttft.percentile", "percentile"),
    ("percentile: 99", "percentile: 100", "workloads.chat.ttft.percentile", "between 1 and 100"),
    ("precisions: [bf16, fp8, fp4]\n", "precisions: [bf16, fp9]\n", "workloads.chat.precisions.1", '"fp8"?'),
    ("precisions: [bf16, fp8, fp4]\n", "precisions: fp8\n", "workloads.chat.precisions", "write [fp8]"),
    ("precisions: [bf16, fp8, fp4]\n", "precisions: []\n", "workloads.chat.precisions", "empty"),
    ("precisions: [bf16, fp8, fp4]\n", "precisions: [fp8, fp8]\n", "workloads.chat.precisions", "twice"),
    ("itl:", "residency: [aws/us-east-1, NO]\n    itl:", "workloads.chat.residency.1", '"NO"'),
    ("itl:", "residency: {virgina: [USA]}\n    itl:", "workloads.chat.residency.virgina", '"virginia"'),
    ("itl:", "quality_loss: {fp8: 0.1, limit: 0.5}\n    itl:", "workloads.chat.quality_loss", "fp4"),
    ("  aws/ca-central-1:\n", "  aws/ca-centrl-1:\n", "regions.aws/ca-centrl-1", '"aws/ca-central-1"'),
    ("b200-sxm: 8}\n  aws", "b200-sxn: 8}\n  aws", "regions.aws/us-east-1.quota.b200-sxn", '"b200-sxm"'),
    (", b200-sxm: 8}\n  aws", "}\n  aws", "regions.aws/us-east-1.quota", "no quota for b200-sxm"),
    ("b200-sxm: 8}\n  aws", "b200-sxm: -8}\n  aws", "regions.aws/us-east-1.quota.b200-sxm", "negative"),
    ("b200-sxm: 8}\n  aws", "b200-sxm: some}\n  aws", "regions.aws/us-east-1.quota.b200-sxm", "unlimited"),
    ("b200-sxm: 8}\n  aws", "b200-sxm: 8}\n    site_power: 5\n  aws", "regions.aws/us-east-1.site_power", '"5 MW"'),
    ("accelerators: [h100-sxm", "accelerators: [h100", "accelerators.0", '"h100-sxm"'),
    ("accelerators: [h100-sxm, h200-sxm, b200-sxm]", "accelerators: []", "accelerators", "empty"),
    ("h100-sxm: $27,500", "h100-sxm: $0", "procurement.owned.prices.h100-sxm", "a price of 0 is not a price"),
    ("h100-sxm: $27,500", "h100-sxm: 27500", "procurement.owned.prices.h100-sxm", 'write "$27,500"'),
    ("h100-sxm: $27,500", "h-100: $27,500", "procurement.owned.prices.h-100", "no accelerator"),
    ("years: 3 years", "years: 3", "procurement.owned.years", 'write "3 years"'),
    ("years: 3 years", "years: 0 years", "procurement.owned.years", "no time"),
    ("startup: 10 min", "startup: 10 min, prices: {aws/us-east-1: {p5.48xlarg: $9/h}}",
     "procurement.on_demand.prices.aws/us-east-1.p5.48xlarg", '"p5.48xlarge"'),
    ("  on_demand: {startup: 10 min}", "  reserved: {}", "procurement.reserved", "neither a discount nor prices"),
    ("  on_demand: {startup: 10 min}", "  reserved: {discount: 100%}", "procurement.reserved.discount", "a price of 0"),
    ("  on_demand: {startup: 10 min}", "  spot: {max_share: 30%}", "procurement.spot.availability", "is missing"),
    ("budget: $5M/yr", "budget: 5M", "limits.budget", "$5M/yr"),
    ("budget: $5M/yr", "budget: $0/yr", "limits.budget", "more than 0"),
    ("carbon: 500 t/yr", "carbon: 500 t", "limits.carbon", 'did you mean "500 t/yr"?'),
    ("min_regions: 2", "min_regions: 3", "limits.min_regions", "only 2 are listed"),
    ("min_regions: 2", "min_regions: 2\n  max_regions: 1", "limits.min_regions", "more than max_regions"),
    ("min_regions: 2", "min_regions: 2\n  min_region_share: 60%", "limits.min_region_share", "more than 100%"),
    ("min_regions: 2", "min_regions: 2\n  max_regoins: 3", "limits.max_regoins", 'did you mean "max_regions"?'),
    ("served: 80%", "served: 120%", "failures.node.served", "more than 1"),
    ("scope: total", "scope: all", "failures.node.scope", "total"),
    ("gap: 0.1%", "gap: -1", "solver.gap", "negative"),
    ("threads: 1", "threads: 0", "solver.threads", "at least 1"),
    ("name: capstone\n", "", "name", "is missing"),
    ("name: capstone\n", "name: 2024\n", "name", "quotation marks"),
    ("limits:\n", "limits: 3\nlimit:\n", "limits", "mapping"),
]  # fmt: skip


NAMES = [f"{key}-{new[:20]!r}" for _, new, key, _ in MISTAKES]


@pytest.mark.parametrize(("old", "new", "key", "words"), MISTAKES, ids=NAMES)
def test_one_mistake(old, new, key, words):
    assert CAPSTONE.count(old) >= 1
    text = CAPSTONE.replace(old, new, 1)
    found = problems_of(text)
    named = [problem for problem in found if problem.key == key]
    assert named, found
    assert words in str(named[0])
    assert named[0].line is not None


def test_the_line_is_the_line_of_the_key():
    text = CAPSTONE.replace("limit: 50 ms", "limit: 50").replace("budget: $5M/yr", "budget: 5")
    lines = text.splitlines()
    by_key = {problem.key: problem.line for problem in problems_of(text)}
    assert "itl:" in lines[by_key["workloads.chat.itl.limit"] - 1]
    assert "budget:" in lines[by_key["limits.budget"] - 1]


def test_all_problems_at_once():
    """Wrong units, unknown names and contradictions, in three parts of the file, in one go and in the file's order."""
    text = CAPSTONE
    for old, new in [
        ("objective: cost", "objectve: cost"),
        ("llama-3-70b", "llama-4-70b"),
        ("virginia: 600/s", "virginia: -600/s"),
        ("limit: 50 ms", "limit: 50"),
        ("aws/ca-central-1:\n", "aws/ca-central-9:\n"),
        ("h100-sxm: $27,500", "h100-sxm: $0"),
        ("budget: $5M/yr", "budget: 5M"),
        ("min_regions: 2", "min_regions: 7"),
        ("served: 80%", "served: 120%"),
    ]:
        assert old in text
        text = text.replace(old, new, 1)
    found = problems_of(text)
    assert [problem.key for problem in found] == [
        "objectve",
        "workloads.chat.model",
        "workloads.chat.demand.virginia",
        "workloads.chat.itl.limit",
        "regions.aws/ca-central-9",
        "procurement.owned.prices.h100-sxm",
        "limits.budget",
        "limits.min_regions",
        "failures.node.served",
    ]


def test_empty_regions():
    start, end = CAPSTONE.index("regions:\n"), CAPSTONE.index("# Those with measured")
    for regions in ("regions: {}\n", "regions:\n"):
        found = problems_of(CAPSTONE[:start] + regions + CAPSTONE[end:])
        assert any(problem.key == "regions" and "empty" in problem.message for problem in found)


def test_no_way_of_buying():
    start, end = CAPSTONE.index("procurement:\n"), CAPSTONE.index("limits:\n")
    found = problems_of(CAPSTONE[:start] + "procurement: {owned: false}\n" + CAPSTONE[end:])
    assert [problem.key for problem in found] == ["procurement"]


def test_a_named_device_without_a_price():
    """Only when the scenario names it: otherwise it is simply not offered, and listed as ruled out."""
    device = next(name for name, item in scenarios.load_catalog().accelerators.items() if item.purchase_usd is None)
    listed = CAPSTONE.replace("accelerators: [h100-sxm,", f"accelerators: [{device}, h100-sxm,")
    listed = listed.replace("h100-sxm: 256,", f"{device}: 8, h100-sxm: 256,")
    assert device in scenarios.loads(listed).accelerators
    found = problems_of(listed.replace("    years: 3 years", f"    accelerators: [{device}]\n    years: 3 years"))
    assert [problem.key for problem in found] == ["procurement.owned.accelerators.0"]
    assert "no purchase price" in found[0].message


def test_carbon_that_is_unknown_is_not_zero():
    ireland = CAPSTONE.replace("aws/ca-central-1", "aws/eu-west-1")
    found = problems_of(ireland)
    assert [problem.key for problem in found] == ["regions.aws/eu-west-1"]
    assert "the lifecycle one is 256.5 g/kWh" in found[0].message
    # The file's own keys, with no flag among them.
    assert 'carbon: {direct: "... g/kWh"}' in found[0].hint and "write carbon_basis: lifecycle" in found[0].hint
    assert "--" not in found[0].hint
    mixed = ireland.replace("aws/us-east-1", "azure/westus2")
    hint = problems_of(mixed)[0].hint
    assert "carbon_basis: lifecycle would need a figure for azure/westus2" in hint
    unlimited = "\n".join(line for line in ireland.splitlines() if not line.startswith("  carbon: 500"))
    assert unlimited != ireland and problems_of(unlimited), "every answer states its carbon"
    scenarios.loads(ireland.replace("carbon_basis: direct", "carbon_basis: lifecycle"))


def test_an_own_catalog_file_that_is_not_there():
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.loads(CAPSTONE.replace("objective: cost", "catalog: [nowhere.toml]\nobjective: cost"), "mine.yaml")
    assert "nowhere.toml" in str(caught.value)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

NOT_YAML = [
    ("", None, "the file is empty"),
    ("# only a comment\n", None, "the file is empty"),
    ("~", None, "the file is empty"),
    ("- a\n- b\n", 1, "holds a list"),
    ("hello", 1, "holds a single text"),
    (CAPSTONE + "name: again\n", CAPSTONE.count("\n") + 1, "this key stands twice"),
    (CAPSTONE + "---\nname: x\n", CAPSTONE.count("\n") + 1, "more than one document"),
    (CAPSTONE[: CAPSTONE.index("h200-sxm: 32")], None, "the file ends too early"),
    (CAPSTONE + 'note: "abc', None, "the file ends too early"),
    (CAPSTONE.replace("  chat:", "\tchat:"), None, "tab"),
    ("name: a: b\n", 1, "colon"),
    ("name: \0", 1, "control character"),
    (BOMB, None, "grow without end"),
    ("a: &a [*a]\n", 1, "inside its own anchor"),
    ("a: &a 1\nb: [" + "*a, " * 500 + "]\n", None, "anchors and aliases"),
    ("a: *nope\n", 1, "undefined alias"),
    ("a: " + "[" * 500 + "]" * 500, None, "nested too deeply"),
    ("\n".join(" " * depth + "a:" for depth in range(400)), None, "nested too deeply"),
    ("- " * 5000 + "a", None, "nested too deeply"),
    ("a: !!python/object/apply:os.system ['true']", 1, "tag"),
    ("name: !mine x", 1, "tag"),
    ("a: &a {x: 1}\nb:\n  <<: *a\n", 3, "merge keys"),
    ("{[a, b]: c}", 1, "cannot be a key"),
    ("@a", 1, "not YAML"),
]


@pytest.mark.parametrize(("text", "line", "words"), NOT_YAML, ids=[words for *_, words in NOT_YAML])
def test_not_a_scenario_at_all(text, line, words):
    found = problems_of(text)
    assert words in str(found[0])
    if line is not None:
        assert found[0].line == line


def test_a_file_cut_anywhere():
    """Every prefix of a good file is a problem with a message, or a scenario."""
    for end in range(0, len(CAPSTONE), 97):
        try:
            scenarios.loads(CAPSTONE[:end])
        except scenarios.ScenarioError as error:
            assert error.problems


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", CAPSTONE.encode("utf-16"), b"name: caf\xe9"])
def test_not_text(tmp_path, raw):
    path = tmp_path / "odd.yaml"
    path.write_bytes(raw)
    with pytest.raises(scenarios.ScenarioError, match="UTF-8"):
        scenarios.load(path)


def test_ten_megabytes_are_refused_at_once(tmp_path):
    path = tmp_path / "large.yaml"
    path.write_bytes(b"a: 1\n" * 2_000_000)
    scenarios.names()
    started = time.process_time()
    with pytest.raises(scenarios.ScenarioError, match="10,000,000 bytes"):
        scenarios.load(path)
    assert time.process_time() - started < 1.0


def test_names_and_paths_that_are_not_there(tmp_path):
    with pytest.raises(scenarios.ScenarioError, match=r"did you mean capstone.*shipped are.*capstone_small"):
        scenarios.load("capstne")
    with pytest.raises(scenarios.ScenarioError, match="folder"):
        scenarios.load(tmp_path)
    with pytest.raises(scenarios.ScenarioError, match="cannot be read"):
        scenarios.load("a\0b")


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.data(), VALUES)
def test_any_value_at_any_key(data, value):
    """Put anything anywhere: a scenario or problems, never another exception."""
    mapping = scenarios.loader.read(CAPSTONE, "capstone").data
    node = mapping
    while True:
        key = data.draw(st.sampled_from(sorted(node))) if isinstance(node, dict) else 0
        inner = node[key]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.booleans()):
            node[key] = value
            break
        node = inner
    try:
        scenarios.from_mapping(mapping)
    except scenarios.ScenarioError as error:
        assert all(problem.message for problem in error.problems)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_text(text):
    with pytest.raises(scenarios.ScenarioError):
        scenarios.loads(text)
