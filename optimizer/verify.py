"""The independent check of a plan: walks scenario and plan with plain arithmetic, and acts out every loss.

It reads the scenario and its catalog and nothing of the physics tables, the candidates or the program that made the
plan. A mismatch is an error of the plan, never a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.plan import Loss, Plan, Verification
from optimizer.verify_bands import spoken
from optimizer.verify_bills import check_bills, fleet_bill, totals, unknown
from optimizer.verify_fleet import Fleet
from optimizer.verify_flows import check_flows, check_pools
from optimizer.verify_limits import check_caps, check_objective, check_regions, check_spot, check_supply
from optimizer.verify_lines import check_capacities, check_lines, check_names, check_nodes, check_placement
from optimizer.verify_losses import acted_out
from optimizer.verify_readings import check_readings
from optimizer.verify_today import check_changes
from optimizer.verify_types import FLOW_RELATIVE, Findings
from optimizer.verify_versions import OtherVersion, limits_that_differ
from optimizer.verify_world import World

if TYPE_CHECKING:
    from scenarios.schema import Scenario


def verify(scenario: Scenario, plan: Plan) -> Verification:
    """Recompute a plan from the scenario, compare, and kill each node and region; every failure in words."""
    findings = Findings()
    _walked(scenario, plan, findings, findings)
    return _verdict(findings)


def verify_other_version(scenario: Scenario, plan: Plan) -> OtherVersion:
    """Judge the fleet of a plan that was made for another version of the scenario, by this one's limits and figures.

    What runs, where it stands, what it carries and every limit are checked as ever. What the plan says of itself, its
    bill, its objective and its readings, is that of the other version and is not held against this one.
    """
    findings, said = Findings(), Findings()
    fleet, accounts = _walked(scenario, plan, findings, said), dict[str, float]()
    if fleet is not None:
        absent = unknown(fleet)
        accounts = {name: value for name, value in totals(fleet_bill(fleet)).items() if name not in absent}
    differs = limits_that_differ(World(scenario), plan)
    return OtherVersion(**_verdict(findings).model_dump(), differs=differs, accounts=accounts)


def _walked(scenario: Scenario, plan: Plan, findings: Findings, said: Findings) -> Fleet | None:
    """Every check; `said` takes those of what the plan says of itself. The fleet; None where its sums mean nothing."""
    if not findings.hold(plan.fleet is not None, f"there is no fleet to check (status {plan.status})"):
        return None
    world = World(scenario)
    findings.hold(plan.status in ("optimal", "feasible"), f"a plan with a fleet cannot be {plan.status}")
    says = f"carbon basis: the plan says {plan.carbon_basis}, the scenario {scenario.carbon_basis}"
    said.hold(plan.carbon_basis == scenario.carbon_basis, says)
    planned, asked = (spoken(value) for value in (plan.confidence, scenario.planning.confidence))
    findings.hold(planned == asked, f"confidence: the plan was made with {planned}, the scenario asks for {asked}")
    if not check_names(world, plan, findings):
        return None
    fleet = Fleet(world, plan)
    check_lines(fleet, findings, said)
    if not check_changes(world, plan, findings, said) or findings.failures:
        return None  # rates of what cannot run mean nothing
    check_capacities(fleet, said)
    check_nodes(fleet, findings)
    check_placement(fleet, findings)
    check_flows(fleet, findings)
    check_pools(fleet, findings)
    check_supply(fleet, findings)
    check_regions(fleet, findings)
    check_spot(fleet, findings)
    accounts = check_bills(fleet, plan, said)
    check_caps(fleet, accounts, findings)
    check_objective(plan, fleet, accounts, said)
    left = acted_out(fleet)
    _check_losses(plan, left, findings, said)
    check_readings(fleet, accounts, left, said)
    return fleet


def losses(scenario: Scenario, plan: Plan) -> list[Loss]:
    """What each loss leaves: the worst node of every type and region, every region, per workload that they hit."""
    if plan.fleet is None:
        return []
    return acted_out(Fleet(World(scenario), plan))


def _verdict(findings: Findings) -> Verification:
    return Verification(passed=not findings.failures, checks=findings.checks, failures=findings.failures)


def _check_losses(plan: Plan, own: list[Loss], findings: Findings, said: Findings) -> None:
    """After every loss the stated share is served, and the plan's own account of the losses is the recomputed one."""
    told = {(loss.what, loss.where, loss.workload): loss for loss in plan.losses}
    for loss in own:
        where = f"{loss.workload} after losing {loss.where} ({loss.slot})"
        if loss.required_share is not None:
            findings.at_least(f"share served of {where}", loss.served_share, loss.required_share, FLOW_RELATIVE)
        known = told.pop((loss.what, loss.where, loss.workload), None)
        if plan.losses and said.hold(known is not None, f"the plan does not say what is left of {where}"):
            assert known is not None
            said.same(f"share served of {where}", known.served_share, loss.served_share, FLOW_RELATIVE)
            rates = (known.served_requests_per_s, loss.served_requests_per_s)
            said.same(f"rate served of {where}", *rates, FLOW_RELATIVE)
            for slot, rate in loss.by_slot.items() if known.by_slot else ():
                rate_told = known.by_slot.get(slot, float("nan"))
                said.same(f"rate served of {where} in {slot}", rate_told, rate, FLOW_RELATIVE)
            says = f"required share of {where}: the plan says {known.required_share}, asked is {loss.required_share}"
            said.hold(known.required_share == loss.required_share, says)
    for what, where, workload in told:
        said.hold(False, f"the plan speaks of a {what} loss that cannot be: {where}, {workload}")
