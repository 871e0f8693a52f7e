"""Small questions for the tests of the optimizer: one workload, one region, two kinds of owned nodes, gap 0."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optimizer import milp
from optimizer.moves import moved, relaxed_value
from optimizer.plan import Plan, Verification
from optimizer.program import Program, build
from optimizer.solve import head_of, plan_of
from optimizer.tables import Question, ask
from optimizer.verify import verify
from physics.layout import Elastic
from scenarios import from_mapping
from scenarios.schema import Scenario

EAST, NORTH, WEST, FAR = "aws/us-east-1", "aws/ca-central-1", "aws/us-west-2", "aws/eu-west-1"
EXACT = milp.Options(gap=0.0)
DROP = object()
"""Deletes a key where it stands as a change."""

BASE: dict[str, Any] = {
    "name": "small",
    "origins": {"east": {"near": EAST, "last_mile": "10 ms"}},
    "workloads": {
        "chat": {
            "model": "llama-3.1-8b",
            "requests": [{"name": "chat", "share": 1, "prompt_tokens": 512, "output_tokens": 128}],
            "demand": {"east": 40.0},
            "ttft": {"limit": "1 s", "percentile": 99},
            "itl": {"limit": "50 ms", "percentile": "mean"},
            "precisions": ["bf16", "fp8"],
            "tensor_parallel": [1],
            "pipeline_parallel": [1],
            "batch": [8, 32],
        }
    },
    "regions": {EAST: {"quota": {"l40s": 24, "h100-sxm": 8}}},
    "accelerators": ["l40s", "h100-sxm"],
    "procurement": {
        "owned": {
            "prices": {"l40s": "$8,000", "h100-sxm": "$27,500"},
            "devices_per_node": {"l40s": 2, "h100-sxm": 2},
        }
    },
    "solver": {"gap": 0.0},
}


def small_mapping(**changes: Any) -> dict[str, Any]:
    """The base question with changes merged into it; `DROP` deletes a key, anything that is no mapping replaces."""
    data = copy.deepcopy(BASE)
    merge(data, changes)
    return data


def small_scenario(**changes: Any) -> Scenario:
    """The scenario of `small_mapping`."""
    return from_mapping(small_mapping(**changes))


def chat(**changes: Any) -> dict[str, Any]:
    """Changes of the one workload."""
    return {"chat": changes}


def merge(data: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Changes into a mapping, in place."""
    for key, value in changes.items():
        if value is DROP:
            data.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(data.get(key), dict):
            merge(data[key], value)
        else:
            data[key] = copy.deepcopy(value)


def two_regions(**east: Any) -> dict[str, Any]:
    """A second region, clean and with dearer electricity; `east` changes the first."""
    quota = {"l40s": 24, "h100-sxm": 8}
    return {
        EAST: {"carbon": {"direct": "400 g/kWh"}, "electricity": "$0.05/kWh", **east},
        NORTH: {"quota": quota, "carbon": {"direct": "10 g/kWh"}, "electricity": "$0.15/kWh"},
    }


@dataclass(frozen=True)
class Worked:
    """A question with its program and the solver's answer."""

    scenario: Scenario
    program: Program
    found: milp.Answer

    @property
    def question(self) -> Question:
        """What was asked."""
        return self.program.question

    @property
    def optimum(self) -> float:
        """Objective in its account's unit, infinite where there is no fleet."""
        return np.inf if self.found.objective is None else self.found.objective * self.program.objective_unit

    def plan(self) -> Plan:
        """The plan at the answer, unverified."""
        return plan_of(head_of(self.scenario, self.question, EXACT), self.program, self.found)

    def verification(self, scenario: Scenario | None = None) -> Verification:
        """The plan held against the scenario (or another one)."""
        return verify(scenario or self.scenario, self.plan())


def work(scenario: Scenario, options: milp.Options = EXACT, prune: bool = True) -> Worked:
    """Ask, build and solve."""
    program = build(ask(scenario, prune=prune))
    return Worked(scenario, program, milp.Solver(program.problem, options).solve())


def optimum(scenario: Scenario, options: milp.Options = EXACT) -> float:
    """The optimum's objective, infinite where there is no fleet."""
    return work(scenario, options).optimum


def without(program: Program, *names: str) -> milp.Problem:
    """The arrays with the rows of some blocks set free: ``wall.name``."""
    lower, upper, start, freed = program.problem.row_lower.copy(), program.problem.row_upper.copy(), 0, 0
    for block in program.blocks:
        if f"{block.wall}.{block.name}" in names:
            lower[start : start + block.size], upper[start : start + block.size] = -np.inf, np.inf
            freed += block.size
        start += block.size
    assert freed, f"none of {names} is a block of the program"
    return replace(program.problem, row_lower=lower, row_upper=upper)


def work_without(scenario: Scenario, *names: str, options: milp.Options = EXACT) -> Worked:
    """Solve with the rows of some blocks left out."""
    program = build(ask(scenario))
    return Worked(scenario, program, milp.Solver(without(program, *names), options).solve())


def limit_of(program: Program, name: str) -> Elastic:
    """A limit of the program by name."""
    return program.limits()[name]


def moved_scenario(scenario: Scenario, limit: Elastic, by: float) -> Scenario:
    """The scenario with a limit relaxed by a fraction."""
    assert relaxed_value(limit, by) >= 0
    return moved(scenario, limit, by).scenario
