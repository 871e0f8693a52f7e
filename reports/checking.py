"""The independent check as commands tell it: strict for a plan's own scenario, its fleet alone for another version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reports.words import count, listed, plain, spoken, together

if TYPE_CHECKING:
    from optimizer.plan import Plan, Verification
    from optimizer.verify_versions import LimitDiffers, OtherVersion
    from scenarios import Scenario

_ACCOUNTS = {"usd_per_year": ("USD/yr", "costs {}"), "kg_co2e_per_year": ("kg CO2e/yr", "emits {} of CO2e")}


def checked(scenario: Scenario, plan: Plan) -> Verification:
    """Check a plan; where its lock names another version of the scenario, its fleet by this version's limits."""
    from optimizer.verify import verify, verify_other_version

    same = plan.lock.scenario_sha256 == scenario.digest
    return verify(scenario, plan) if same else verify_other_version(scenario, plan)


def told(found: Verification, plan: Plan, scenario: Scenario) -> list[str]:
    """The verdict in lines."""
    from optimizer.verify_versions import OtherVersion

    what = "The fleet" if isinstance(found, OtherVersion) else "The plan"
    if found.passed:
        lines = [f"{what} holds: {count(found.checks, 'check')}, each loss acted out, none fails."]
    else:
        lines = [f"{what} does not hold: {len(found.failures):,} of {count(found.checks, 'check')} fail."]
        lines += [f"  - {plain(failure)}" for failure in found.failures]
    return [*lines, *_other_version(found, plan, scenario)] if isinstance(found, OtherVersion) else lines


def _other_version(found: OtherVersion, plan: Plan, scenario: Scenario) -> Iterator[str]:
    """What is not compared, and what is otherwise here."""
    named = "another version of this scenario" if plan.scenario == scenario.name else f"the scenario {plan.scenario}"
    yield f"The plan was made for {plain(named)}: its own bill, readings and objective are not compared."
    bills = list(_bills(found, plan))
    if bills:
        yield f"Here the fleet {listed(bills)}."
    yield "Limits that differ:" if found.differs else "Its recorded limits are those of this scenario."
    yield from (f"  - {line}" for line in differences(found))


def _bills(found: OtherVersion, plan: Plan) -> Iterator[str]:
    for account, (unit, says) in _ACCOUNTS.items():
        if account in found.accounts:
            here, planned = together(unit, [found.accounts[account], plan.accounts.get(account)])
            yield says.format(here) + ("" if here == planned else f" ({planned} in the plan)")


def differences(found: OtherVersion) -> list[str]:
    """`carbon: 40 t/yr in the plan, 60 t/yr here`."""
    return [_difference(one) for one in found.differs]


def _difference(one: LimitDiffers) -> str:
    planned, here = together(one.unit, [one.planned, one.here], digits=4)
    of = f" ({plain(one.where)})" if one.where else ""
    return f"{plain(spoken(one.limit))}{of}: {planned} in the plan, {here if one.here is not None else 'none'} here"
