"""A second search along another path: it confirms optima and corrects wrong claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optimizer import milp
from optimizer.cross_check import cross_checked

# A program of the capstone. With presolve and an integer tolerance of 1e-9, HiGHS 1.16.0 calls 29.3967 optimal at seed
# 0, 29.3667 at seed 12 and 29.4607 at seed 15.
FLEET = Path(__file__).parent / "data" / "fleet_called_optimal.npz"
OPTIMUM = 29.334741


def fleet() -> milp.Problem:
    with np.load(FLEET) as arrays:
        return milp.Problem(**{name: arrays[name] for name in arrays.files})


@pytest.mark.parametrize("seed", [0, 3, 12, 15])
def test_the_fleet_that_a_solver_answered_wrong(seed: int) -> None:
    options = milp.Options(gap=1e-3, seed=seed)
    problem = fleet()
    found, verdict = cross_checked(problem, milp.Solver(problem, options).solve(), options)
    assert verdict == "confirmed"
    assert found.objective == pytest.approx(OPTIMUM, rel=1.001e-3)
    assert found.bound <= OPTIMUM * (1 + 1e-6)


def test_a_wrong_claim_is_corrected() -> None:
    options = milp.Options(gap=1e-3)
    problem = fleet()
    dearer = replace(problem, cost=-problem.cost, upper=np.where(problem.cost > 0.5, 40.0, problem.upper))
    poor = milp.Solver(dearer, replace(options, most_nodes=1)).solve()
    assert poor.x is not None
    value = float(problem.cost @ poor.x)
    assert value > OPTIMUM * 1.05
    claim = milp.Answer("gap", poor.x, value, value, 0.1)
    found, verdict = cross_checked(problem, claim, options)
    assert verdict == "corrected"
    assert found.objective == pytest.approx(OPTIMUM, rel=1.001e-3)
    assert found.bound <= OPTIMUM * (1 + 1e-6)
    assert found.gap is not None and found.gap <= 2e-3


def test_an_answer_without_a_proof_is_not_confirmed() -> None:
    stopped = milp.Answer("time_limit", None, None, -np.inf, 1.0)
    problem = fleet()
    assert cross_checked(problem, stopped, milp.Options()) == (stopped, "not finished")


def test_a_wrong_claim_that_nothing_fits_is_corrected() -> None:
    claim = milp.Answer("infeasible", None, None, np.inf, 0.1)
    found, verdict = cross_checked(fleet(), claim, milp.Options(gap=1e-3))
    assert verdict == "corrected"
    assert found.objective == pytest.approx(OPTIMUM, rel=1.001e-3)


def test_that_nothing_fits_is_confirmed() -> None:
    problem = fleet()
    impossible = replace(problem, upper=np.where(problem.integer, 0.0, problem.upper))
    claim = milp.Solver(impossible, milp.Options()).solve()
    assert claim.why == "infeasible"
    assert cross_checked(impossible, claim, milp.Options()) == (claim, "confirmed")
