"""`argosy repair`: the ways out as a numbered list, one of them taken, and the changed file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import scenarios
from optimizer.plan import Change
from optimizer.ways_out import changed
from reports import cli
from reports.repaired_file import rewritten

TIGHT = """\
name: tight
# A comment that stays.
origins: {east: {near: aws/us-east-1, last_mile: 10 ms}}
workloads:
  chat:
    model: llama-3.1-8b
    requests: [{name: chat, share: 1, prompt_tokens: 512, output_tokens: 128}]
    demand: {east: 40/s}
    ttft: {limit: 1 s, percentile: 99}
    precisions: [bf16, fp8]
    tensor_parallel: [1]
    pipeline_parallel: [1]
    batch: [8, 32]
regions:
  aws/us-east-1: {quota: {l40s: 4}}
accelerators: [l40s]
procurement: {owned: {prices: {l40s: "$8,000"}, devices_per_node: {l40s: 2}}}
limits: {budget: $20k/yr, carbon: 4 t/yr}
solver: {gap: 0}
"""


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("repair") / "tight.yaml"
    file.write_text(TIGHT, encoding="utf-8")
    return file


def test_ways_out_are_listed_with_numbers(tight: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["repair", str(tight), "--json", "-q"]) == 3
    plan = json.loads(capsys.readouterr().out)
    ways = [repair for repair in plan["repairs"] if repair["number"] is not None]
    assert len(ways) >= 3 and all(repair["verified"] and repair["changes"] for repair in ways)
    assert cli.run(["repair", str(tight), "-q"]) == 3
    page = capsys.readouterr().out
    assert f"{len(ways)} ways out; the least change: " in page and "WAYS OUT" in page
    assert all(f"\n    {repair['number']}  " in page for repair in ways)


@pytest.mark.parametrize("kind", ["limit", "combination", "addition"])
def test_a_way_out_is_taken_and_written(
    kind: str, tight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["repair", str(tight), "--json", "-q"]) == 3
    listed = json.loads(capsys.readouterr().out)["repairs"]
    way = next(repair for repair in listed if repair["kind"] == kind and repair["number"] is not None)
    target, plan = tmp_path / "after.yaml", tmp_path / "plan.json"
    arguments = ["repair", str(tight), "--choose", str(way["number"]), "-q", "--no-binding"]
    assert cli.run([*arguments, "--write-scenario", str(target), "--output", str(plan)]) == 0
    assert f"way out {way['number']}" in capsys.readouterr().out
    answer = json.loads(plan.read_text())
    assert answer["verified"] and answer["accounts"]["usd_per_year"] == pytest.approx(way["usd_per_year"], rel=0.011)
    assert "# A comment that stays." in target.read_text() and scenarios.load(target).name == "tight"
    assert cli.run(["verify", str(target), str(plan)]) == 0


def test_flags_weigh_limits_and_add_ways_of_buying(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the flags say of the search is not written into the scenario that comes out of it."""
    rented = "on_demand: {startup: 10 min}"
    file, target = tmp_path / "rented.yaml", tmp_path / "after.yaml"
    text = TIGHT.replace("aws/us-east-1: {quota: {l40s: 4}}", "aws/us-east-1: {quota: {l4: 16}}")
    text = text.replace("accelerators: [l40s]", "accelerators: [l4]").replace("east: 40/s", "east: 10/s")
    text = text.replace('owned: {prices: {l40s: "$8,000"}, devices_per_node: {l40s: 2}}', rented)
    file.write_text(text.replace("budget: $20k/yr, carbon: 4 t/yr", "budget: $15k/yr"), encoding="utf-8")
    flags = ["--reserved", "60%", "--spot", "90%", "--weight", "demand=never,quota=0.5", "--weight", "addition=10%"]
    assert cli.run(["repair", str(file), *flags, "-q"]) == 3
    page = " ".join(capsys.readouterr().out.split())
    assert "an addition counts 10 %; every demand stays; every quota counts 50 %" in page
    assert "Not tried" not in page and "the demand of chat from" not in page
    assert cli.run(["repair", str(file), *flags, "-q", "--json"]) == 3
    ways = json.loads(capsys.readouterr().out)["repairs"]
    assert "Asked for, but saves less than 5 % of what must move without it: nodes may be rented as spot" in page
    number = next(way["number"] for way in ways if way["number"] and way["changes"][0]["to"] == "reserved")
    chosen = [*flags, "-q", "--choose", str(number), "--no-binding", "--write-scenario", str(target)]
    assert cli.run(["repair", str(file), *chosen]) == 0
    capsys.readouterr()
    assert "reserved: {discount: 60%}" in target.read_text() and "repair" not in target.read_text()
    assert cli.run(["solve", str(target), "-q", "--no-binding"]) == 0


def test_spot_nodes_are_written_with_their_figures(tight: Path) -> None:
    before = scenarios.load(tight).replace("repair.additions.spot", {"availability": "90%", "max_share": "40%"})
    change = Change(limit="", key="procurement", start=None, to="spot", unit="")
    text = rewritten(TIGHT, changed(before, [change]), [change])
    assert "spot: {availability: 90%, max_share: 40%}" in text
    assert scenarios.loads(text).procurement.spot == before.repair.additions.spot


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        (["--weight", "budget"], '--weight: "budget" is no weight'),
        (["--weight", "bugdet=2"], 'did you mean "budget"?'),
        (["--weight", "carbon=-2"], "a number from 0"),
        (["--region", "us-east-9"], '--region: there is no region "us-east-9"'),
        (["--accelerator", "h20"], '--accelerator: there is no accelerator "h20"'),
        (["--reserved", "140%"], "is more than 1"),
        (["--spot", "often"], "is not a share"),
    ],
)
def test_a_flag_that_makes_no_sense_is_refused(
    flag: list[str], words: str, tight: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["repair", str(tight), "-q", *flag]) == 1
    assert words in capsys.readouterr().err


def test_what_cannot_be_chosen_is_said(tight: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["repair", str(tight), "--choose", "99", "-q"]) == 1
    assert "--choose: 99 is not a way out (there are 1 to " in capsys.readouterr().err
    assert cli.run(["repair", str(tight), "--write-scenario", "x.yaml"]) == 1
    assert "add --choose N" in capsys.readouterr().err


def test_where_a_fleet_exists_there_is_nothing_to_repair(
    tight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    easy = tmp_path / "easy.yaml"
    easy.write_text(TIGHT.replace("$20k/yr", "$90k/yr").replace("4 t/yr", "50 t/yr"), encoding="utf-8")
    assert cli.run(["repair", str(easy), "-q"]) == 0
    assert "Nothing to repair: a fleet holds every limit." in capsys.readouterr().out
    assert cli.run(["repair", str(easy), "--choose", "1", "-q"]) == 1
    assert "a fleet holds every limit as they are" in capsys.readouterr().err
