"""The solver's optimum is that of plain enumeration, on random tiny fleets of every kind; each kind's limit binds."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import pytest

from optimizer import milp
from optimizer.program import build
from optimizer.solve import solve
from optimizer.tables import ask
from optimizer.verify_types import NodeKey
from tests.optimizer.brute_force import Best, optimum
from tests.optimizer.tiny_fleets import limited

# Questions of each kind, and how many of them must have an answer that the kind's limit changes.
QUESTIONS = {
    "node loss": (42, 30),
    "region loss": (14, 10),
    "shapes": (64, 30),
    "shared": (60, 30),
    "slots": (42, 30),
    "min regions": (36, 30),
    "carbon": (38, 30),
    "budget": (14, 8),
    "classes": (26, 12),
    "spot": (20, 12),
    "today": (36, 10),
    "mixed": (60, 3),
    "shapes, node loss": (30, 18),
    "shapes, region loss": (30, 25),
    "shapes, spot loss": (30, 15),
}
# Ties in cost are broken by carbon, at this many USD a kilogram; ties in another account by cost.
TIE_BREAK = {"cost": ("kg_co2e_per_year", 1e-5)}
OTHER_TIE_BREAK = ("usd_per_year", 1e-9)


@dataclass(frozen=True)
class Compared:
    """One question: the enumerated optimum with and without its kind's limit, and the solver's objective."""

    best: Best
    without: Best
    solved: float


def compared(kind: str, seed: int) -> Compared:
    """Enumerate and solve one question."""
    scenario, relaxed = limited(kind, seed)
    best = optimum(scenario)
    if best.judgement.feasible:
        plan = solve(scenario, binding=False, gap=0.0)
        assert plan.verified and plan.status == "optimal", (kind, seed, plan.status)
        assert plan.objective is not None and plan.objective.value is not None
        solved = plan.objective.value
    else:
        solved = _proven(scenario)
    return Compared(best, optimum(relaxed), solved)


def _proven(scenario) -> float:
    """The solver's own word on a question that enumeration finds no answer to (without the search for repairs)."""
    question = ask(scenario)
    if not any(len(table) for table in question.tables):
        return math.inf
    program = build(question)
    answer = milp.Solver(program.problem, milp.Options(gap=0.0)).solve()
    return math.inf if answer.why == "infeasible" else answer.objective * program.objective_unit


def agrees(case: Compared, account: str) -> bool:
    """Both find nothing, or both the same optimum; only the declared tie-break may add a trace."""
    judged = case.best.judgement
    if not judged.feasible:
        return math.isinf(case.solved)
    second, weight = TIE_BREAK.get(account, OTHER_TIE_BREAK)
    trace = 1.001 * weight * judged.accounts[second]
    return -1e-6 * abs(judged.objective) <= case.solved - judged.objective <= trace + 1e-6 * abs(judged.objective)


def binds(kind: str, case: Compared) -> bool:
    """Whether the answer is one that the kind's limit makes: without it another fleet would be better."""
    if not case.best.judgement.feasible:
        return False
    if kind == "shared":
        return shares_a_node(case.best)
    if kind == "slots":
        return any(len(set(by_slot.values())) > 1 for by_slot in case.best.judgement.nodes.values())
    return case.best.judgement.objective > case.without.judgement.objective * (1 + 1e-6)


def shares_a_node(best: Best) -> bool:
    """Whether workloads need fewer nodes together than each on nodes of its own."""
    devices: Counter[tuple[NodeKey, str]] = Counter()
    for (key, procurement), numbers in best.counts.items():
        hire = NodeKey(key.region, key.offer, procurement)
        devices[hire, key.way.workload] += numbers[0] * key.way.devices
    for hire, by_slot in best.judgement.nodes.items():
        room = int(hire.offer.split("-")[1].removesuffix("x"))
        alone = sum(-(-number // room) for (other, _), number in devices.items() if other == hire)
        if alone > next(iter(by_slot.values())):
            return True
    return False


@pytest.mark.parametrize("kind", QUESTIONS)
def test_the_solver_finds_the_enumerated_optimum(kind: str) -> None:
    questions, least = QUESTIONS[kind]
    bound, two_regions = 0, 0
    for seed in range(questions):
        case = compared(kind, seed)
        account = limited(kind, seed)[0].objective.account if kind == "budget" else "cost"
        judged = case.best.judgement
        message = f"{kind} {seed}: solver {case.solved}, enumeration {judged.objective} {judged.why} {case.best.counts}"
        assert agrees(case, account), message
        bound += binds(kind, case)
        two_regions += len({hire.region for hire in judged.nodes}) > 1
    assert bound >= least, f"{kind} binds in {bound} of {questions} questions"
    if kind == "min regions":
        assert two_regions >= 30


def test_enough_questions() -> None:
    assert sum(number for number, _ in QUESTIONS.values()) >= 200
