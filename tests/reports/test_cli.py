"""The command line: exit codes, pure JSON, no traceback, and nothing heavy before it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import optimizer
from optimizer.plan import Plan
from reports import cli
from tests.reports import plans

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "pyomo", "highspy", "pydantic", "ruamel", "rich", "scipy", "pandas")
Answering = Callable[[Plan | BaseException], list[dict[str, Any]]]


def argosy(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, run from somewhere else."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from reports.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        timeout=300,
        env={**os.environ, **environment},
    )


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Replaces the solver by a given answer; returns the options of each call."""

    def answer(result: Plan | BaseException) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def solve(scenario: Any, **options: Any) -> Plan:
            asked.append({"scenario": scenario, **options})
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(optimizer, "solve", solve)
        return asked

    return answer


@pytest.mark.parametrize(
    ("kind", "code"), [("optimal", 0), ("no_candidate", 2), ("infeasible", 3), ("stopped", 4), ("no_incumbent", 4)]
)
@pytest.mark.parametrize("form", ["", "--json", "--markdown"])
def test_exit_codes(kind: str, code: int, form: str, answering: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    answering(plans.EVERY[kind]())
    assert cli.run(["solve", "capstone", *([form] if form else [])]) == code
    out = capsys.readouterr().out
    if form == "--json":
        assert json.loads(out)["status"] == plans.EVERY[kind]().status
    else:
        assert len(out.splitlines()) > 10


@pytest.mark.parametrize("command", ["solve", "explain"])
def test_an_impossible_scenario_points_to_repair(
    command: str, answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(plans.infeasible())
    assert cli.run([command, "capstone", "--confidence", "0.9"]) == 3
    assert "argosy repair capstone --confidence 0.9" in " ".join(capsys.readouterr().out.split())
    assert cli.run(["repair", "capstone"]) == 3
    assert "More ways out" not in capsys.readouterr().out
    asked = ["cheapest", "--model", "llama-3-8b", "--isl", "512", "--osl", "256", "--qps", "5/s"]
    assert cli.run([*asked, "--region", "aws/us-east-1"]) == 3
    assert "More ways out" not in capsys.readouterr().out


def test_json_without_a_fleet_says_null(answering: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    answering(plans.no_incumbent())
    assert cli.run(["solve", "capstone", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["fleet"] is None


def test_a_plan_that_fails_its_check_is_not_shown(answering: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    answering(optimizer.VerificationError(["cost: 3 is not 4"]))
    assert cli.run(["solve", "capstone", "--json"]) == 5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "cost: 3 is not 4" in captured.err


def test_a_fault_is_one_line_and_how_to_see_more(
    answering: Answering, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARGOSY_DEBUG", raising=False)
    answering(ZeroDivisionError("x\ny"))
    assert cli.run(["solve", "capstone"]) == 5
    captured = capsys.readouterr()
    assert "ZeroDivisionError: x y" in captured.err and "ARGOSY_DEBUG=1" in captured.err
    assert "Traceback" not in captured.err
    monkeypatch.setenv("ARGOSY_DEBUG", "1")
    assert cli.run(["solve", "capstone"]) == 5
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_before_any_fleet(answering: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    answering(KeyboardInterrupt())
    assert cli.run(["solve", "capstone"]) == 130
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "interrupted before a fleet was found\n")


@pytest.mark.parametrize("direct", [True, False])
def test_a_reader_that_leaves_is_no_error(monkeypatch: pytest.MonkeyPatch, direct: bool) -> None:
    """`argosy ... | head`: the pipe may break in a command, where the flags' library turns it into an exit."""

    def app(**_: object) -> None:
        try:
            raise BrokenPipeError
        except BrokenPipeError:
            if direct:
                raise
            sys.exit(1)

    duplicated: list[int] = []
    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(cli.os, "dup2", lambda new, old: duplicated.append(old))
    assert cli.run(["solve", "capstone"]) == 0
    assert duplicated


def test_ctrl_c_where_no_fleet_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def app(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", app)
    assert cli.run(["calibrate", "measured.csv"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_options_reach_the_solver_in_si(answering: Answering, tmp_path: Path) -> None:
    asked = answering(plans.feasible())
    log, model = tmp_path / "solver.log", tmp_path / "program.lp"
    flags = ["--time-limit", "2 min", "--gap", "0.1%", "--threads", "2", "--seed", "7", "--no-binding"]
    flags += ["--solver-log", str(log), "--write-model", str(model), "--solver", "scip"]
    assert cli.run(["solve", "capstone", *flags]) == 0
    (options,) = asked
    assert options["scenario"].name == "capstone"
    assert (options["time_limit"], options["gap"], options["threads"], options["seed"]) == (120.0, 0.001, 2, 7)
    assert (options["binding"], options["curves"], options["solver"]) == (False, False, "scip")
    # Each is written beside its place, with its ending, and then put there.
    for key, file in (("solver_log", log), ("write_model", model)):
        beside = Path(options[key])
        assert (beside.parent, beside.suffix) == (tmp_path, file.suffix) and beside != file


def test_the_plan_is_written_and_can_be_read_again(answering: Answering, tmp_path: Path) -> None:
    answering(plans.feasible())
    file = tmp_path / "plan.json"
    assert cli.run(["solve", "capstone", "-o", str(file)]) == 0
    assert Plan.model_validate_json(file.read_text()) == plans.feasible()


def test_explain_prints_the_reasons_first(answering: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    answering(plans.feasible())
    assert cli.run(["explain", "capstone"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Buy ")
    assert out.index("WHAT BINDS") < out.index("RULED OUT") < out.index("THE FLEET BY REGION")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["solve", "capston"], "did you mean capstone"),
        (["solve", "/nowhere/at/all.yaml"], "no such file"),
        (["solve"], "SCENARIO"),
        (["solve", "capstone", "--colour"], "--colour"),
        (["solve", "capstone", "--json", "--markdown"], "cannot go with --json"),
        (["solve", "capstone", "--no-binding", "--curves"], "cannot go with --no-binding"),
        (["solve", "capstone", "--time-limit", "60"], '"60" has no unit'),
        (["solve", "capstone", "--time-limit", "0 s"], "no time is left"),
        (["solve", "capstone", "--gap", "5"], "5"),
        (["solve", "capstone", "--threads", "0"], "not a number of threads"),
        (["solve", "capstone", "--threads", "many"], "--threads"),
        (["solve", "capstone", "--seed", "-1"], "not a seed"),
        (["solve", "capstone", "--output", "/nowhere/at/all.json"], "there is no folder"),
        (["solve", "capstone", "--output", "/"], "is a folder"),
        (["solve", "capstone", "--write-model", "model.txt"], ".lp or .mps"),
        (["verify", "capstone", "/nowhere.json"], "cannot be read"),
        (["verify", "capstone"], "PLAN"),
        (["walls", "tail-latncy"], "did you mean tail_latency"),
        (["walls", "23"], "no wall"),
        (["catalog", "nonsense"], "accelerators"),
        (["sole", "capstone"], "sole"),
        (["cheapest", "--qps", "3"], "--model"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_bad_input_is_exit_code_1_with_a_message(
    arguments: list[str], says: str, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*arguments, *(["--json"] if as_json and "--json" not in arguments else [])]) == 1
    captured = capsys.readouterr()
    assert says in captured.err
    assert "Traceback" not in captured.err
    if as_json:
        (error,) = json.loads(captured.out)["errors"]
        assert set(error) == {"file", "line", "key", "message", "hint"}
    elif "--json" not in arguments:
        assert captured.out == ""


def test_all_problems_of_a_file_at_once_with_their_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.yaml"
    shipped = (ROOT / "scenarios" / "library" / "capstone.yaml").read_text()
    file.write_text(shipped.replace("limit: 50 ms", "limit: 50 mss").replace("$5M/yr", "5M"))
    assert cli.run(["solve", str(file), "--json"]) == 1
    errors = json.loads(capsys.readouterr().out)["errors"]
    assert len(errors) == 2
    lines = file.read_text().splitlines()
    assert ["50 mss" in lines[errors[0]["line"] - 1], "5M" in lines[errors[1]["line"] - 1]] == [True, True]


def test_no_escape_codes_in_messages_about_hostile_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["solve", "\x1b[31mno\nwhere"]) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_help_is_light() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from reports.cli import run\n"
        "assert run(['--help']) == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert "Exit codes" in done.stdout


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("solve", "explain", "cheapest", "verify", "walls", "catalog", "schema", "scenarios"):
        assert cli.run([command, "--help"]) == 0
        assert "Usage: argosy " + command in capsys.readouterr().out


def test_a_real_solve_gives_pure_json_on_stdout_and_verifies(tmp_path: Path) -> None:
    done = argosy("solve", "capstone_literal", "--json", "--no-binding")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["verified"] and plan["accounts"]["usd_per_year"] > 0 and plan["accounts"]["kg_co2e_per_year"] > 0
    file = tmp_path / "plan.json"
    file.write_text(done.stdout)
    checked = argosy("verify", "capstone_literal", str(file))
    assert checked.returncode == 0 and "The plan holds" in checked.stdout
    wrong = {**plan, "nodes": [{**line, "nodes": 0} for line in plan["nodes"]]}
    file.write_text(json.dumps(wrong))
    failed = argosy("verify", "capstone_literal", str(file))
    assert failed.returncode == 5 and "does not hold" in failed.stdout


def test_a_real_report_when_piped_is_plain_text() -> None:
    done = argosy("solve", "capstone_literal", "--no-binding", NO_COLOR="1", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout and done.stderr == ""
    assert done.stdout.startswith("Buy ")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_time_limit_without_a_fleet_is_exit_code_4() -> None:
    done = argosy("solve", "capstone", "--time-limit", "0.001 s", "--json", "--no-binding")
    assert done.returncode == 4
    assert json.loads(done.stdout)["status"] in ("no_incumbent", "feasible")


@pytest.mark.parametrize(("fleet", "status"), [([], "optimal"), (None, "optimal"), (None, "feasible")])
def test_a_plan_without_its_fleet_is_no_plan(
    fleet: object, status: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    data = {**json.loads(plans.feasible().model_dump_json()), "fleet": fleet, "status": status}
    plan.write_text(json.dumps(data), encoding="utf-8")
    for command in ("verify capstone PLAN", "export PLAN --to xlsx -o NEW.xlsx", "simulate PLAN --scenario capstone"):
        words = [word.replace("PLAN", str(plan)).replace("NEW", str(tmp_path / "new")) for word in command.split()]
        assert cli.run(words) == 1
        assert f"its status is {status}, but it holds no fleet" in capsys.readouterr().err


def test_a_plan_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(plans.feasible().model_dump_json(), encoding="utf-8-sig")
    assert cli.run(["compare", str(plan), str(plan)]) == 0


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("validate|", "the name of the file is empty"),
        ("calibrate|", "the name of the file is empty"),
        ("solve|", "the name of the scenario is empty"),
        ("verify|capstone|", "the name of the plan is empty"),
        ("frontier|", "the name of the scenario is empty"),
        ("cheapest|--model|llama-3-70b|--isl|5|--osl|5|--qps|5|--region|aws/us-east-1|--quota|h100-sxm=²", "²"),
        ("report|PLAN|--markdown|NEW|--frontier|²", "² is no number"),
        ("cheapest|--model|llama-3-70b|--isl|5|--osl|5|--qps|5|--region|aws/us-east-1|--threads|999999", "1 to 256"),
        ("robust|capstone|--range|demand=80%..3000%", "at most 2000%"),
        ("repair|capstone|--weight|quota", "is no weight"),
        ("compare|PLAN|PLAN|--fail-if|usd>5", "write $5/yr or 5%"),
    ],
)
def test_bad_words_are_answered(command: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what is allowed, exit code 1, and a line break at the end."""
    plan = tmp_path / "plan.json"
    plan.write_text(plans.feasible().model_dump_json(), encoding="utf-8")
    names = {"PLAN": str(plan), "NEW": str(tmp_path / "new")}
    assert cli.run([names.get(word, word) for word in command.split("|")]) == 1
    said = capsys.readouterr().err
    assert words in said and said.endswith("\n") and "Traceback" not in said
