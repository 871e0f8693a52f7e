"""Ctrl-C: the solver stops, what it has is kept, checked and printed, and the exit code says which it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import scenarios
from optimizer import milp
from optimizer.program import build
from optimizer.tables import ask
from tests.optimizer.cases import small_scenario, work

ROOT = Path(__file__).parents[2]


def interrupted(scenario: str, after_s: float, *arguments: str) -> tuple[int, str, str]:
    """Exit code and output of `argosy solve SCENARIO --json --gap 0` when Ctrl-C comes some seconds into it."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from reports.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "solve", scenario, "--json", "--gap", "0", "--no-binding", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    try:
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    return process.returncode, out, err


def test_ctrl_c_gives_the_fleet_found_so_far_with_its_gap() -> None:
    code, out, err = interrupted("capstone_diurnal", 3.5)
    assert code in (4, 130) and "Traceback" not in err, err
    plan = json.loads(out) if out else None
    if code == 4:
        assert (plan["status"], plan["stopped_by"]) == ("feasible", "interrupt")
        assert plan["gap"] > 0 and plan["verified"] is True
        assert plan["bound"]["value"] < plan["objective"]["value"]
    else:
        assert plan is None or plan["fleet"] is None


@pytest.mark.parametrize("with_incumbent", [True, False])
def test_ctrl_c_stops_the_solver_and_keeps_its_incumbent(with_incumbent: bool) -> None:
    program = build(ask(scenarios.load("capstone_diurnal")))
    before = signal.getsignal(signal.SIGINT)

    def stop(step: milp.Progress) -> None:
        if not with_incumbent or step.incumbent is not None:
            signal.raise_signal(signal.SIGINT)

    found = milp.Solver(program.problem, milp.Options(gap=0.0, time_limit_s=60)).solve(stop)
    assert found.why == "interrupt" and found.seconds < 30
    assert found.x is not None or not with_incumbent
    if found.x is not None:
        assert found.gap is not None and found.gap > 0
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupted_search_exits_by_what_it_has() -> None:
    plan = work(small_scenario()).plan()
    stopped = plan.model_copy(update={"status": "feasible", "stopped_by": "interrupt"})
    assert stopped.exit_code == 4
    nothing = plan.model_copy(update={"status": "no_incumbent", "fleet": None, "stopped_by": "interrupt"})
    assert nothing.exit_code == 130
    assert nothing.model_copy(update={"stopped_by": "time_limit"}).exit_code == 4
