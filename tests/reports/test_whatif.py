"""The commands that lay two answers side by side: first lines, thresholds, exit codes, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import optimizer
from optimizer.plan import Plan
from reports import cli
from reports.difference_sections import headline
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
    assert "not resolved" in threshold("usd>0%").verdict(unsure).says and "not resolved" in headline(unsure)
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
    assert data["says"] == ["workloads.chat.demand.east: 40 -> 90", "accelerators without h100-sxm"]


def test_whatif_without_a_fleet_names_the_conflict(
    written: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    scenario, before, _ = map(str, written)
    assert cli.run(["whatif", scenario, "--set", "limits.budget=$1k/yr", "--base", before, "-q"]) == 3
    text = " ".join(capsys.readouterr().out.split())
    assert "no fleet holds every limit, proven" in text and "the budget" in text
    assert cli.run(["whatif", scenario]) == 1
    assert cli.run(["whatif", scenario, "--set", "limits.bugdet=4"]) == 1
    assert "did you mean 'budget'?" in capsys.readouterr().err
    other = str(written[2])
    assert cli.run(["whatif", scenario, "--set", "limits.budget=$1M/yr", "--base", other]) == 1
    assert "--base" in capsys.readouterr().err


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
