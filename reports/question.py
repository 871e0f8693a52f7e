"""A plan and the scenario that it answers, for commands that take either: `PLAN.json` or `SCENARIO`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reports.problems import wrong_flag

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from scenarios import Scenario


def is_plan(name: str) -> bool:
    """Whether a name on the command line is that of a written plan."""
    return name.lower().endswith(".json")


def read_files(name: str, scenario_name: str) -> tuple[str | Path, ...]:
    """Every file that the answer to a plan or a scenario is made from."""
    import scenarios

    if not is_plan(name):
        return scenarios.load(name).files
    return (name, *scenarios.load(scenario_name).files) if scenario_name else (name,)


def question(name: str, scenario_name: str, quiet: bool, binding: bool = False) -> tuple[Plan, Scenario]:
    """The plan and the scenario that it answers; a scenario instead of a plan is solved first."""
    import scenarios
    from reports.run import Asked, confident, read_plan, solved

    if not is_plan(name):
        if scenario_name:
            raise wrong_flag("--scenario", f"{name} is a scenario already", "give it with a PLAN.json only")
        scenario = scenarios.load(name)
        return solved(scenario, Asked(binding=binding, quiet=quiet), None, None), scenario
    plan = read_plan(name)
    scenario = _scenario_of(plan, scenario_name)
    if plan.confidence is not None and plan.confidence != scenario.planning.confidence:
        scenario = confident(scenario, f"{plan.confidence!r}")
    return plan, scenario


def _scenario_of(plan: Plan, name: str) -> Scenario:
    import scenarios

    if name:
        given = scenarios.load(name)
        if given.digest != plan.lock.scenario_sha256:
            print("note: the plan was made for another version of this scenario", file=sys.stderr)
        return given
    found = shipped_question(plan)
    if found is not None:
        return found
    hint = "give the one that was solved: --scenario FILE"
    raise wrong_flag(
        "--scenario",
        f"the plan answers a scenario named {plan.scenario}, which is no shipped one, or another version of it",
        hint,
    )


def shipped_question(plan: Plan) -> Scenario | None:
    """The shipped scenario that a plan answers; None where it answers none of them, or another version."""
    import scenarios
    from reports.run import confident

    if plan.scenario not in scenarios.names():
        return None
    found = scenarios.load(plan.scenario)
    sure = found if plan.confidence is None else confident(found, f"{plan.confidence!r}")
    return found if plan.lock.scenario_sha256 in (found.digest, sure.digest) else None
