"""The commands that lay two answers side by side: first lines, thresholds, exit codes, JSON."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

import optimizer
from optimizer.plan import Plan
from reports import cli
from reports.difference_sections import headline
from reports.names import Places
from reports.thresholds import threshold
from scenarios.errors import ScenarioError
from tests.optimizer.cases import small_mapping, small_scenario


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A scenario's file, its plan and the plan for more demand."""
    folder = tmp_path_factory.mktemp("whatif")
    scenario, before, after = folder / "small.yaml", folder / "before.json", folder / "after.json"
    scenario.write_text(json.dumps(small_mapping()), encoding="utf-8")
    for path, question in (
        (before, small_scenario()),
        (after, small_scenario().replace("workloads.chat.demand.east", "90/s")),
    ):
        path.write_text(optimizer.solve(question, binding=False).model_dump_json(), encoding="utf-8")
    return scenario, before, after


def told(words: str, text: str) -> bool:
    """Whether a text has the words, wherever its lines break: a long path is broken too."""
    return "".join(words.split()) in "".join(text.split())


def read(path: Path) -> Plan:
    return Plan.model_validate_json(path.read_text(encoding="utf-8"))


def test_compare_begins_with_one_line_that_says_it_all(
    written: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, before, after = map(str, written)
    assert cli.run(["compare", before, after, "--markdown"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("**+$") and "/yr (+" in first and "CO2e/yr (+" in first and "added" in first
    assert cli.run(["compare", before, after, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert f"**{data['headline']}**" == first
    assert data["before"]["verified"] and data["accounts"][0]["change"][0] > 0
    assert cli.run(["compare", before, before]) == 0
    same = capsys.readouterr().out.splitlines()[0]
    assert same == "cost unchanged, carbon unchanged, the same nodes"


def test_a_broken_threshold_is_exit_code_three_and_says_which(
    written: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, before, after = map(str, written)
    assert cli.run(["compare", before, after, "--fail-if", "usd>+1%", "--fail-if", "devices>+999"]) == 3
    captured = capsys.readouterr()
    assert captured.err.startswith("threshold: usd>+1%: broken, it is +$") and "devices" not in captured.err
    assert cli.run(["compare", after, before, "--fail-if", "usd>+1%", "--fail-if", "nodes>0"]) == 0
    assert cli.run(["compare", after, before, "--fail-if", "usd<-$1k/yr"]) == 3
    assert cli.run(["compare", before, after, "--fail-if", "water>+1 l"]) == 3
    capsys.readouterr()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("cots>5%", 'did you mean "cost"?'),
        ("usd", "NAME, then > or <"),
        ("ttft>5ms", "ttft_p99"),
        ("carbon>+10", "10 t/yr"),
        ("usd>+x", "$310k/yr"),
        ("itl>+5 t", "50 ms"),
        ("usd_p99>5%", 'did you mean "usd"?'),
        ("devices>1.5", "8"),
        ("usd>5", "write $5/yr or 5%"),
        ("cost<-10k", "write $10k/yr"),
        ("usd>..%", "20%"),
        ("carbon>1e300t", "500 t/yr"),
        ("ttft_p0.99>5ms", "write 99 for P99"),
        ("ttft_p9.9.9>5ms", "such as 99"),
    ],
)
def test_a_threshold_that_cannot_be_read_says_what_is_allowed(text: str, hint: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        threshold(text)
    assert raised.value.problems[0].key == "--fail-if"
    assert hint in raised.value.problems[0].hint, raised.value


def test_thresholds_read_what_changed(written: tuple[Path, Path, Path]) -> None:
    found = optimizer.compare(read(written[1]), read(written[2]))
    money = found.account("usd_per_year")
    assert money is not None
    change = money.after - money.before
    assert threshold(f"usd>${change + 10:.0f}").verdict(found).broken is False
    assert threshold(f"usd>${change - 10:.0f}").verdict(found).broken is True
    assert threshold("usd>$1k").amount == 1000.0 and threshold("usd<-5 %").amount == -0.05
    unsure = found.model_copy(update={"accounts": [money.model_copy(update={"resolved": False})]})
    assert threshold("usd>0%").verdict(unsure).broken is False
    assert "not resolved" in threshold("usd>0%").verdict(unsure).says and "not resolved" in headline(unsure, Places())
    assert threshold("carbon>0%").verdict(unsure).broken is None


def test_whatif_tells_each_change_and_writes_the_changed_plan(
    written: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario, before, _ = map(str, written)
    out = tmp_path / "changed.json"
    sets = ["--set", "workloads.chat.demand.east=90/s", "--set", "accelerators-=h100-sxm"]
    assert cli.run(["whatif", scenario, *sets, "--each", "--base", before, "-o", str(out), "-q", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [line["change"] for line in data["each"]] == [sets[1], sets[3]]
    assert all(line["headline"] for line in data["each"])
    assert data["after_plan"]["verified"] and read(out).accounts == data["after_plan"]["accounts"]
    assert data["says"] == ["workloads.chat.demand.east: 40/s -> 90/s", "accelerators without h100-sxm"]


def test_whatif_without_a_fleet_names_the_conflict(
    written: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    scenario, before, _ = map(str, written)
    assert cli.run(["whatif", scenario, "--set", "limits.budget=$1k/yr", "--base", before, "-q"]) == 3
    text = " ".join(capsys.readouterr().out.split())
    assert "no fleet holds every limit, proven" in text and "the budget" in text
    # The same words for a place as `solve` has; and `repair` is asked about the changed file, not about this one.
    assert "Ashburn (N. Virginia)" in text and "of L40S in aws/us-east-1" not in text
    assert told(f"make the changes in {scenario}, then argosy repair {scenario}", text)
    assert cli.run(["whatif", scenario]) == 1
    assert cli.run(["whatif", scenario, "--set", "limits.bugdet=4"]) == 1
    assert "did you mean 'budget'?" in capsys.readouterr().err
    other = str(written[2])
    assert cli.run(["whatif", scenario, "--set", "limits.budget=$1M/yr", "--base", other]) == 1
    assert "--base" in capsys.readouterr().err


def test_a_region_without_a_carbon_figure_names_the_flags_to_paste(
    written: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    scenario, before, _ = map(str, written)
    asked = ["whatif", scenario, "--base", before, "--set", "regions+=eu-west-1"]
    assert cli.run(asked) == 1
    said = capsys.readouterr().err
    assert "aws/eu-west-1: the catalog has no direct carbon intensity" in said and "256.5 g/kWh" in said
    flags = re.findall(r"--set [^ ]+='[^']*'", said)
    assert flags == ["--set regions.aws/eu-west-1.carbon.direct='... g/kWh'", "--set carbon_basis='lifecycle'"]
    for flag in flags:
        assert cli.run([*asked, *shlex.split(flag.replace("...", "280"))]) == 0, flag
        assert "eu-west-1" in capsys.readouterr().out
    # The figure itself is the user's to give.
    assert cli.run([*asked, *shlex.split(flags[0])]) == 1
    assert '"... g/kWh" is not a carbon intensity' in capsys.readouterr().err
    # Where nothing is changed by flags, none is named.
    assert cli.run(["whynot", scenario, "--region", "eu-west-1"]) == 1
    said = capsys.readouterr().err
    assert 'write the region into the scenario and add carbon: {direct: "... g/kWh"} to it' in said
    assert "--set" not in said
    asked = ["cheapest", "--model", "llama-3-8b", "--isl", "512", "--osl", "256", "--qps", "5/s"]
    assert cli.run([*asked, "--region", "aws/eu-west-1", "--quiet"]) == 1
    said = capsys.readouterr().err
    assert "aws/eu-west-1: the catalog has no" in said and "add --carbon-basis lifecycle" in said


def test_confidence_is_that_of_every_answer(
    written: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario, before, after = map(str, written)
    sure, changed = str(tmp_path / "sure.json"), str(tmp_path / "changed.json")
    assert cli.run(["solve", scenario, "--confidence", "0.9", "--no-binding", "-q", "--output", sure]) == 0
    wish = ["--confidence", "0.9", "-q"]
    asked = ["whatif", scenario, "--set", "workloads.chat.demand.east=50/s", *wish]
    assert cli.run([*asked, "--base", sure, "-o", changed, "--json"]) == 0
    capsys.readouterr()
    assert read(Path(changed)).confidence == 0.9
    assert cli.run([*asked, "--base", before]) == 1
    assert f"argosy solve {scenario} --confidence 0.9 --output" in capsys.readouterr().err
    assert cli.run(["compare", before, scenario, *wish, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["before"]["confidence"], data["after"]["confidence"]) == (None, 0.9)
    assert cli.run(["compare", before, after, *wish]) == 1
    assert "both sides are plans" in capsys.readouterr().err
    assert cli.run(["whynot", scenario, "--accelerator", "h100", *wish, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["before"]["confidence"] == data["after"]["confidence"] == 0.9
    for command in (["whatif", scenario, "--set", "limits.budget=$1M/yr"], ["compare", before, scenario]):
        assert cli.run([*command, "--confidence", "9"]) == 1
        assert capsys.readouterr().err.startswith("--confidence")


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["--accelerator", "h100"], 0, "With H100 nodes, at least one in use: +$"),
        (["--accelerator", "l40s"], 0, "The plan uses L40S nodes; without them: +$"),
        (["--accelerator", "l40s", "--precision", "fp4"], 0, "L40S nodes at fp4 cannot be used: l40s does not"),
        (["--region", "us-east-1"], 3, "Without nodes in Ashburn (N. Virginia) no fleet holds every limit, proven"),
        (["--accelerator", "x"], 1, ""),
    ],
)
def test_whynot_answers_in_its_first_line(
    written: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str], flags: list[str], code: int, says: str
) -> None:
    scenario = str(written[0])
    assert cli.run(["whynot", scenario, *flags, "-q"]) == code
    captured = capsys.readouterr()
    assert " ".join(captured.out.split()).startswith(says)
    if code == 1:
        assert "--accelerator" in captured.err
        return
    assert cli.run(["whynot", scenario, *flags, "-q", "--json"]) == code
    data = json.loads(capsys.readouterr().out)
    assert data["headline"].startswith(says) and data["before"]["verified"]


def test_what_is_at_its_quota_says_so_and_how_to_ask_for_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = small_mapping()
    region, use = next(iter(mapping["regions"].items()))
    plan = optimizer.solve(small_scenario(), binding=False)
    line = next(one for one in plan.nodes if one.accelerator == "l40s")
    devices = line.nodes * line.devices_per_node
    scenario = tmp_path / "tight.yaml"
    use["quota"]["l40s"] = devices
    scenario.write_text(json.dumps(mapping), encoding="utf-8")
    cli.run(["whynot", str(scenario), "--accelerator", "l40s", "-q"])
    said = " ".join(capsys.readouterr().out.split())
    assert "AT THE QUOTA" in said and told(f"{devices} of {devices} devices; one node more: argosy whatif", said)
    more = f"regions.{region}.quota.l40s={devices + line.devices_per_node}"
    assert told(f"--set {more}", said)
    assert cli.run(["whatif", str(scenario), "--set", more, "-q"]) == 0
    capsys.readouterr()
    use["quota"]["l40s"] = devices + line.devices_per_node
    scenario.write_text(json.dumps(mapping), encoding="utf-8")
    cli.run(["whynot", str(scenario), "--accelerator", "l40s", "-q"])
    assert "AT THE QUOTA" not in capsys.readouterr().out


def test_where_nothing_fits_on_either_side_the_conflict_is_told_once_in_the_first_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "tight.yaml"
    scenario.write_text(json.dumps({**small_mapping(), "limits": {"budget": "$1k/yr"}}), encoding="utf-8")
    plan = tmp_path / "plan.json"
    plan.write_text(optimizer.solve(small_scenario(limits={"budget": "$1k/yr"})).model_dump_json(), encoding="utf-8")
    assert cli.run(["compare", str(plan), str(plan)]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("Before and after, no fleet holds every limit, proven: ")
    assert "WHY NOTHING FITS" in said and "More ways out" not in said
    # The plan's own scenario is not shipped, and places are named by the shipped catalog all the same.
    assert "Ashburn (N. Virginia)" in said
    assert cli.run(["whynot", str(scenario), "--accelerator", "h100", "-q"]) == 3
    said = capsys.readouterr().out
    assert said.startswith("There is no plan to ask about") and told(f"argosy repair {scenario}", said)
    assert cli.run(["alternatives", str(scenario), "-q"]) == 3
    assert told(f"`argosy explain {scenario}` says more", capsys.readouterr().out)
