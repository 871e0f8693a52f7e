"""What binds, what conflicts and how far a limit must move: each claim against optima found on their own."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer import milp
from optimizer.moves import latency_limits, moved, relaxed_value
from optimizer.plan import Plan, Repair
from optimizer.program import build
from optimizer.solve import solve
from optimizer.tables import ask
from optimizer.verify import verify
from physics.layout import Elastic
from scenarios.schema import Scenario
from tests.optimizer.cases import DROP, EAST, EXACT, NORTH, chat, optimum, small_scenario, two_regions, work
from tests.optimizer.limit_cases import CASES, ONLY_L40S

ACCOUNT = {"usd_per_year": "usd_per_year_change", "kg_co2e_per_year": "kg_co2e_per_year_change"}


def limits_of(scenario: Scenario) -> dict[str, Elastic]:
    """Every limit of a question, those that gate candidates too."""
    found = dict(build(ask(scenario)).limits())
    return found | {limit.name: limit for limit in latency_limits(scenario)}


# ---- what binds ----


@pytest.mark.parametrize("kind", CASES)
def test_the_effect_of_a_limit_is_the_difference_of_two_optima(kind: str) -> None:
    scenario = CASES[kind].scenario()
    plan, limits = solve(scenario), limits_of(scenario)
    assert plan.objective is not None and plan.objective.value is not None
    was, account = plan.objective.value, plan.objective.account
    assert {entry.limit for entry in plan.binding} >= limits.keys() - {"precisions chat", "residency chat"}
    for entry in plan.binding:
        if entry.change.endswith("not limited"):
            continue
        apart = optimum(moved(scenario, limits[entry.limit], entry.relaxation).scenario) - was
        low, high = getattr(entry, ACCOUNT[account])
        assert low == pytest.approx(apart, abs=1e-5 * was) and high == pytest.approx(apart, abs=1e-5 * was), entry
        assert entry.resolved and high <= 0.0


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("by", [0.15, 0.5])
def test_a_limits_column_moves_the_limit_as_the_scenario_would(kind: str, by: float) -> None:
    """The live program with a relaxed column is the program of the moved scenario."""
    scenario = CASES[kind].scenario()
    program = build(ask(scenario))
    for limit in program.limits().values():
        # counts are rounded, and quotas need further columns
        if limit.name.split()[0] in ("quota", "min", "max", "changes"):
            continue
        solver = milp.Solver(program.problem, EXACT)
        solver.move_columns(np.array([limit.col]), np.array([by]), np.array([by]))
        found = solver.solve()
        wanted = optimum(moved(scenario, limit, by).scenario)
        assert found.objective is not None
        assert found.objective * program.objective_unit == pytest.approx(wanted, rel=1e-5), limit.name


def test_a_failure_rule_is_dropped_too() -> None:
    plan = solve(CASES["node failure"].scenario())
    dropped = next(entry for entry in plan.binding if entry.change.endswith("not limited"))
    assert plan.objective is not None and plan.objective.value is not None
    free = small_scenario()
    assert dropped.usd_per_year_change[1] == pytest.approx(optimum(free) - plan.objective.value, rel=1e-4)


def test_inside_the_gap_nothing_is_claimed() -> None:
    """With a wide gap the two solves cannot tell a small effect from none; with gap 0 they can."""
    scenario = small_scenario(failures={"node": {"served": "80%"}}, regions=two_regions(), limits={"carbon": "4 t/yr"})
    wide, exact = solve(scenario, gap=0.3), solve(scenario)
    truth = {(entry.limit, entry.relaxation): entry.usd_per_year_change[1] for entry in exact.binding}
    assert wide.gap is not None and wide.gap > 0.05
    assert any(not entry.resolved for entry in wide.binding) and all(entry.resolved for entry in exact.binding)
    for entry in wide.binding:
        low, high = entry.usd_per_year_change
        assert entry.resolved == (high < 0 or low >= 0)
        assert low - 1e-3 <= truth[entry.limit, entry.relaxation] <= high + 1e-3, entry


def test_with_curves_each_limit_is_relaxed_three_times() -> None:
    plan = solve(CASES["carbon"].scenario(), curves=True)
    steps = [entry for entry in plan.binding if entry.limit == "carbon"]
    assert [entry.relaxation for entry in steps] == [-0.10, -0.05, 0.01, 0.05, 0.10]
    effects = [entry.usd_per_year_change[1] for entry in steps]
    assert effects == sorted(effects, reverse=True) and effects[0] > 0 > effects[-1]


def test_without_binding_there_is_none() -> None:
    assert solve(small_scenario(), binding=False).binding == []


def test_residency_and_precisions_are_never_relaxed() -> None:
    scenario = small_scenario(regions=two_regions(), workloads=chat(residency=["CAN"]))
    plan = solve(scenario)
    assert not {entry.limit.split()[0] for entry in plan.binding} & {"residency", "precisions"}
    assert {flow.region for flow in plan.flows} == {NORTH}


def test_the_budget_prices_at_nothing_when_cost_is_the_goal() -> None:
    plan = solve(small_scenario(limits={"budget": "$40k/yr"}))
    entry = next(entry for entry in plan.binding if entry.limit == "budget")
    assert entry.usd_per_year_change == (0.0, 0.0) and entry.resolved
    line = next(line for line in plan.readings if line.name == "budget")
    assert line.slack is not None and line.slack > 0


# ---- what conflicts ----

TIGHT = {"quota": {"l40s": 4, "h100-sxm": DROP}}
IMPOSSIBLE = {
    "budget": (lambda: small_scenario(limits={"budget": "$10k/yr"}), {"budget"}),
    "carbon": (lambda: small_scenario(limits={"carbon": "3 t/yr"}), {"carbon"}),
    "quota": (
        lambda: small_scenario(regions={EAST: {"quota": {"l40s": 2, "h100-sxm": 0}}}),
        {f"quota l40s {EAST}"},
    ),
    "precisions": (
        lambda: small_scenario(**ONLY_L40S, regions={EAST: TIGHT}, workloads=chat(precisions=["bf16"])),
        {f"quota l40s {EAST}", "precisions chat"},
    ),
    "node failure": (
        lambda: small_scenario(**ONLY_L40S, regions={EAST: TIGHT}, failures={"node": {"served": "90%"}}),
        {f"quota l40s {EAST}", "node failure"},
    ),
    "budget and carbon": (
        lambda: small_scenario(regions=two_regions(), limits={"budget": "$30k/yr", "carbon": "1 t/yr"}),
        {"budget", "carbon"},
    ),
    "residency": (
        lambda: small_scenario(
            regions={EAST: {}, NORTH: {"quota": {"l40s": 0, "h100-sxm": 0}}}, workloads=chat(residency=["CAN"])
        ),
        {"residency chat"},
    ),
    "min regions": (
        lambda: small_scenario(
            regions={EAST: {}, NORTH: {"quota": {"l40s": 0, "h100-sxm": 0}}}, limits={"min_regions": 2}
        ),
        {"min regions"},
    ),
    "ttft": (lambda: small_scenario(**ONLY_L40S, workloads=chat(ttft={"limit": "30 ms"})), {"ttft chat"}),
    "itl": (lambda: small_scenario(**ONLY_L40S, workloads=chat(itl={"limit": "5 ms"})), {"itl chat"}),
    "site power": (
        lambda: small_scenario(regions={EAST: {"site_power": "1.2 kW"}}),
        {f"site power {EAST}"},
    ),
}
_SOLVED: dict[str, Plan] = {}


def impossible(kind: str) -> tuple[Scenario, Plan]:
    """A question without an answer, and what is said of it."""
    scenario = IMPOSSIBLE[kind][0]()
    if kind not in _SOLVED:
        _SOLVED[kind] = solve(scenario)
    return scenario, _SOLVED[kind]


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_a_conflict_names_what_cannot_hold_together(kind: str) -> None:
    _, plan = impossible(kind)
    assert (plan.status, plan.exit_code, plan.fleet) == ("infeasible", 3, None)
    assert {member.limit for member in plan.conflict} == {"demand chat", *IMPOSSIBLE[kind][1]}
    assert all(member.says and member.key for member in plan.conflict)


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_each_repair_holds_and_slightly_less_does_not(kind: str) -> None:
    scenario, plan = impossible(kind)
    limits = limits_of(scenario)
    for repair in plan.repairs:
        if repair.to is None:
            continue
        limit = limits[repair.limit]
        by = abs(float(repair.to) - limit.value) / limit.value
        holding = work(moved(scenario, limit, by).scenario)
        assert repair.verified and np.isfinite(holding.optimum), repair
        assert holding.verification().failures == []
        assert repair.usd_per_year == pytest.approx(holding.optimum, rel=0.011)
        assert optimum(moved(scenario, limit, _slightly_less(limit, by)).scenario) == np.inf, repair


def _slightly_less(limit: Elastic, by: float) -> float:
    kind = limit.name.split()[0]
    if kind in ("quota", "min", "max"):
        return by - 1.0 / limit.value
    if kind in ("itl", "ttft"):
        return (1 + by) / 1.04 - 1
    return by - 2.5e-3 * (1 + by)


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_where_no_change_of_a_limit_alone_helps_even_a_large_one_does_not(kind: str) -> None:
    scenario, plan = impossible(kind)
    limits, told = limits_of(scenario), {repair.limit: repair for repair in plan.repairs}
    assert set(told) >= {*limits}
    for name, repair in told.items():
        if repair.to is None:
            assert "alone helps" in repair.says
            large = min(0.95, limits[name].most) if _falls(limits[name]) else 30.0
            assert optimum(moved(scenario, limits[name], large).scenario) == np.inf, name


def _falls(limit: Elastic) -> bool:
    return relaxed_value(limit, 0.1) < limit.value


def test_a_repair_of_a_quota_is_the_least_number_of_devices() -> None:
    """Two devices are there, four are needed: no margin on what is counted."""
    repair = _repair("quota", f"quota l40s {EAST}")
    assert (repair.start, repair.to) == (2.0, 4.0)
    assert (_repair("min regions", "min regions").to) == 1.0


def _repair(kind: str, limit: str) -> Repair:
    return next(repair for repair in impossible(kind)[1].repairs if repair.limit == limit)


def test_residency_is_kept_in_every_repair() -> None:
    _, plan = impossible("residency")
    assert not any(repair.limit.startswith(("residency", "precisions")) for repair in plan.repairs)
    scenario = small_scenario(regions=two_regions(), workloads=chat(residency=["CAN"]), limits={"budget": "$20k/yr"})
    plan = solve(scenario)
    assert plan.status == "infeasible"
    budget = next(repair for repair in plan.repairs if repair.limit == "budget")
    worked = work(scenario.replace("limits.budget_usd_per_year", float(budget.to or 0)))
    assert {flow.region for flow in worked.plan().flows} == {NORTH}


@pytest.mark.parametrize("quota", [0, "unknown"])
def test_with_nothing_to_be_had_the_conflict_is_supply(quota: object) -> None:
    plan = solve(small_scenario(regions={EAST: {"quota": {"l40s": quota, "h100-sxm": quota}}}))
    assert (plan.status, plan.exit_code) == ("infeasible", 3)
    assert [member.limit for member in plan.conflict] == ["supply"]
    assert f"its quota is {quota}" in plan.conflict[0].says and plan.repairs == []


# ---- what has no candidate ----


@pytest.mark.parametrize(
    ("changes", "wall"),
    [
        ({"workloads": chat(model="llama-3-70b", precisions=["bf16"])}, "memory"),
        ({**ONLY_L40S, "workloads": chat(precisions=["fp4"])}, "fidelity"),
    ],
)
def test_where_nothing_fits_the_walls_say_so(changes: dict, wall: str) -> None:
    plan = solve(small_scenario(**changes))
    assert (plan.status, plan.exit_code, plan.fleet, plan.verified) == ("no_candidate", 2, None, False)
    assert wall in {entry.wall for entry in plan.rejected}
    assert all(entry.says for entry in plan.rejected)


def test_a_limit_never_relaxes_in_silence() -> None:
    """One dollar under the least budget is no plan at all, not the closest one."""
    least = optimum(small_scenario())
    plan = solve(small_scenario(limits={"budget": f"${least - 1:.2f}/yr"}))
    assert plan.status == "infeasible" and plan.fleet is None
    held = solve(small_scenario(limits={"budget": f"${least + 1:.2f}/yr"}), binding=False)
    assert held.status == "optimal" and verify(small_scenario(limits={"budget": f"${least + 1:.2f}/yr"}), held).passed
