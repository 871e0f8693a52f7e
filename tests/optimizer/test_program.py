"""The program as data: golden texts, names, scaling, and its rows at a solved point against sums made by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache

import numpy as np
import pytest

import scenarios
from optimizer import milp
from optimizer.program import ACCOUNTS, UNITS, Program, build
from optimizer.tables import ask
from physics import WALLS
from scenarios.schema import Scenario
from tests.optimizer import golden_text
from tests.optimizer.cases import EAST, NORTH, Worked, chat, small_scenario, two_regions, work

# At or below 1e-6 solvers have gone wrong; a tenth of the way is kept free.
TINY_INTEGER_COEFFICIENT = 1e-5
WITH_ROWS = [wall.name for wall in WALLS if wall.rows]


@cache
def shipped(name: str) -> Program:
    return build(ask(scenarios.load(name)))


@cache
def golden_program(wall: str) -> Program:
    return golden_text.program_of(wall)


# ---- golden texts ----


@pytest.mark.parametrize("wall", golden_text.CASES)
def test_the_rows_of_a_wall_read_as_they_did(wall: str, update_golden: bool) -> None:
    path, now = golden_text.FOLDER / f"{wall}.txt", golden_text.text(golden_program(wall), wall)
    if update_golden:
        path.write_text(now)
    assert path.read_text() == now, "look at the difference; --update-golden writes the files anew"


def test_each_wall_with_rows_has_a_golden_text() -> None:
    assert sorted(golden_text.CASES) == sorted(WITH_ROWS)
    assert sorted(path.stem for path in golden_text.FOLDER.glob("*.txt")) == sorted(WITH_ROWS)


@pytest.mark.parametrize("wall", golden_text.CASES)
def test_each_kind_of_row_of_a_wall_is_in_its_text(wall: str) -> None:
    """Every kind of row that a wall writes anywhere in these questions stands in its own golden text."""
    kinds = {
        block.name
        for name in golden_text.CASES
        for block in golden_program(name).blocks
        if block.wall == wall and not block.name.startswith("closed_by")
    }
    shown = {line.split(" [")[0].removeprefix(f"{wall}.") for line in _headings(wall)}
    assert kinds <= shown


def _headings(wall: str) -> list[str]:
    text = (golden_text.FOLDER / f"{wall}.txt").read_text()
    return [line for line in text.splitlines() if line.startswith(f"{wall}.")]


# ---- names ----


@pytest.mark.parametrize("name", [*scenarios.names(), *golden_text.CASES])
def test_rows_and_columns_have_names_of_their_own(name: str) -> None:
    program = golden_program(name) if name in golden_text.CASES else shipped(name)
    for names, count in (
        (program.row_names, program.problem.rows),
        (program.column_names, program.problem.columns),
    ):
        assert len(names) == count
        assert not [one for one, times in Counter(names).items() if times > 1]
        assert all("[]" not in one for one in names)
    walls = {wall.name for wall in WALLS}
    for block in program.blocks:
        assert block.wall in walls and block.name and block.unit and block.says
        assert block.size == len(block.where) == len(block.upper) > 0
        assert not block.limit or block.limit in program.limits()


@pytest.mark.parametrize("name", [*scenarios.names(), *golden_text.CASES])
def test_arrays_are_clean(name: str) -> None:
    """No spot twice, no zero, no column out of place, bounds that can hold."""
    problem = (golden_program(name) if name in golden_text.CASES else shipped(name)).problem
    assert np.unique(problem.row * problem.columns + problem.col).size == problem.row.size
    assert (problem.value != 0).all() and np.isfinite(problem.value).all() and np.isfinite(problem.cost).all()
    assert problem.row.max() < problem.rows and problem.col.max() < problem.columns
    assert (problem.lower <= problem.upper).all() and (problem.row_lower <= problem.row_upper).all()
    assert np.isfinite(problem.upper[problem.integer]).all()


def test_limits_are_named_with_their_key_wall_and_unit() -> None:
    walls = {wall.name for wall in WALLS}
    for name in golden_text.CASES:
        for limit in golden_program(name).limits().values():
            assert limit.wall in walls and limit.says
            assert limit.key.split(".")[0] in ("workloads", "regions", "limits", "failures", "procurement", "today")


# ---- scaling ----


def money_times(scenario: Scenario, factor: float) -> Scenario:
    """All prices, the budget and staff in another currency."""
    catalog, procurement = scenario.catalog, scenario.procurement
    regions = {
        name: use.model_copy(
            update={"electricity_usd_per_kwh": (scenario.region(name).electricity_usd_per_kwh or 0) * factor}
        )
        for name, use in scenario.regions.items()
    }
    owned, rented, limits = procurement.owned, procurement.on_demand, scenario.limits
    if owned is not None:
        prices = {a: owned.prices.get(a, catalog.accelerators[a].purchase_usd) for a in scenario.accelerators}
        owned = owned.model_copy(update={"prices": {a: usd * factor for a, usd in prices.items() if usd is not None}})
    if rented is not None:
        usd = {
            name: {
                one.name: rented.prices.get(name, {}).get(one.name, one.on_demand_usd_per_h) * factor
                for accelerator in scenario.accelerators
                for one in catalog.instances_in(name, accelerator)
                if one.on_demand_usd_per_h is not None
            }
            for name in scenario.regions
        }
        rented = rented.model_copy(update={"prices": usd})
    if limits.budget_usd_per_year is not None:
        limits = limits.model_copy(update={"budget_usd_per_year": limits.budget_usd_per_year * factor})
    procurement = procurement.model_copy(update={"owned": owned, "on_demand": rented})
    return scenario.model_copy(update={"regions": regions, "procurement": procurement, "limits": limits})


def demand_times(scenario: Scenario, factor: float) -> Scenario:
    """All demand times a factor."""
    workloads = {
        name: work.model_copy(
            update={"demand": {o: tuple(r * factor for r in rates) for o, rates in work.demand.items()}}
        )
        for name, work in scenario.workloads.items()
    }
    return scenario.model_copy(update={"workloads": workloads})


@pytest.mark.parametrize(
    "change",
    [lambda s: s, lambda s: money_times(s, 1e3), lambda s: demand_times(s, 1e-3), lambda s: demand_times(s, 1e3)],
    ids=["as shipped", "money x 1000", "demand / 1000", "demand x 1000"],
)
@pytest.mark.parametrize("name", scenarios.names())
def test_no_whole_column_has_a_tiny_coefficient(name: str, change) -> None:
    """Solvers have called wrong answers optimal where one had (tests/optimizer/data)."""
    problem = build(ask(change(scenarios.load(name)))).problem
    scaled = np.abs(problem.value) * milp.row_scales(problem)[problem.row]
    assert scaled[problem.integer[problem.col]].min() > TINY_INTEGER_COEFFICIENT
    assert scaled.max() < 1e5


# ---- rows at the plan ----


@cache
def everything() -> Worked:
    """A question with most kinds of rows, solved."""
    return work(
        small_scenario(
            origins={"west": {"near": "aws/us-west-2", "last_mile": "10 ms"}},
            workloads=chat(demand={"east": 30.0, "west": 12.0}),
            regions=two_regions(site_power="40 kW"),
            failures={"node": {"served": "80%"}, "region": {"served": "30%"}},
            limits={
                "budget": "$90k/yr",
                "carbon": "12 t/yr",
                "water": "90 m3/yr",
                "energy": "60 MWh/yr",
                "min_regions": 2,
                "max_regions": 2,
            },
        )
    )


def activity(worked: Worked, wall: str, name: str) -> dict[str, float]:
    """Value of each row of a block at the point."""
    assert worked.found.x is not None
    out: dict[str, float] = {}
    for block in worked.program.blocks:
        if (block.wall, block.name) == (wall, name):
            sums = np.bincount(block.row, block.value * worked.found.x[block.col], minlength=block.size)
            out.update(zip(block.where, sums.tolist(), strict=True))
    return out


def test_each_row_holds_at_the_point() -> None:
    worked = everything()
    assert worked.found.x is not None
    assert not milp.Solver(worked.program.problem, milp.Options()).broken_rows(worked.found.x).size
    for name in ("capstone", "capstone_small", "capstone_literal"):
        program = shipped(name)
        found = milp.Solver(program.problem, milp.Options()).solve()
        assert found.x is not None
        assert not milp.Solver(program.problem, milp.Options()).broken_rows(found.x).size


def test_accounts_are_sums_made_by_hand() -> None:
    """Money, energy, carbon and water from nodes and busy replicas alone."""
    worked = everything()
    plan, scenario = worked.plan(), worked.scenario
    assert plan.fleet is not None
    owned, usd, kwh, carbon, water = scenario.procurement.owned, 0.0, 0.0, 0.0, 0.0
    for node in plan.nodes:
        region, chip = scenario.region(node.region), scenario.catalog.accelerators[node.accelerator]
        tdp = chip.tdp_w * node.devices_per_node * node.nodes
        busy_w = 0.0
        for line in plan.fleet:
            if (line.region, line.offer, line.procurement) == (node.region, node.offer, node.procurement):
                rate = worked_rate(worked, line)
                per_replica = line.tensor_parallel * line.pipeline_parallel * chip.tdp_w
                busy = sum(line.by_slot[0].requests_per_s.values()) / rate
                busy_w += busy * per_replica * (chip.load_power_ratio - chip.idle_power_ratio)
        it_kwh = (tdp * chip.idle_power_ratio + busy_w) * 8.760
        kwh += it_kwh * region.pue
        carbon += it_kwh * region.pue * region.carbon_kg_per_kwh["direct"]
        water += it_kwh * (region.wue_l_per_kwh or 0.0)
        price = owned.prices[node.accelerator] * node.devices_per_node * node.nodes
        usd += price * (2.5 / 3 + 0.05) + it_kwh * region.pue * region.electricity_usd_per_kwh
    wanted = {"usd_per_year": usd, "kwh_per_year": kwh, "kg_co2e_per_year": carbon, "litres_per_year": water}
    for account, value in wanted.items():
        assert plan.accounts[account] == pytest.approx(value, rel=1e-6), account
        col, unit = worked.program.layout.accounts[account], worked.program.layout.account_units[account]
        assert worked.found.x[col] * unit == pytest.approx(value, rel=1e-6)  # type: ignore[index]


def worked_rate(worked: Worked, line) -> float:
    """Rate of one replica of a fleet line, from the candidate table."""
    table = worked.question.tables[0]
    runs = table.runs
    rows = [
        row
        for row in range(len(table))
        if (table.chips[table.chip[row]].accelerator.name, table.chips[table.chip[row]].precision)
        == (line.accelerator, line.precision)
        and (runs.tensor_parallel[row], runs.batch[row]) == (line.tensor_parallel, line.batch)
        and table.chips[table.chip[row]].kv_precision == line.kv_precision
    ]
    assert len(rows) == 1
    return float(table.prices.requests_per_s[rows[0], 0])


def test_readings_are_the_rows_and_the_rows_are_sums_made_by_hand() -> None:
    worked = everything()
    plan, scenario = worked.plan(), worked.scenario
    readings = {(line.wall, line.name, line.where): line for line in plan.readings}
    assert plan.fleet is not None
    devices: dict[str, float] = defaultdict(float)
    watts: dict[str, float] = defaultdict(float)
    served: dict[str, float] = defaultdict(float)
    for node in plan.nodes:
        chip = scenario.catalog.accelerators[node.accelerator]
        devices[f"{node.region}/{node.accelerator}/year"] += node.devices_per_node * node.nodes
        host_w = (chip.host_w_per_node or 0.0) * node.devices_per_node / chip.devices_per_node
        watts[node.region] += node.nodes * (node.devices_per_node * chip.tdp_w + host_w)
    for flow in plan.flows:
        served[flow.region] += flow.requests_per_s
    for where, value in activity(worked, "capital", "quota").items():
        assert value == pytest.approx(devices[where], abs=1e-6)
    for where, value in activity(worked, "sustainability", "site_power").items():
        assert value == pytest.approx(watts[where.removesuffix("/year")], rel=1e-9)
    assert sum(served.values()) == pytest.approx(42.0)
    assert min(served[EAST], served[NORTH]) >= 0.05 * 42.0 - 1e-6
    for wall, name, account in (
        ("capital", "budget", "usd_per_year"),
        ("sustainability", "carbon", "kg_co2e_per_year"),
        ("sustainability", "water", "litres_per_year"),
        ("sustainability", "energy", "kwh_per_year"),
    ):
        line = readings[wall, name, "year"]
        unit = worked.program.layout.account_units[account]
        assert line.value == pytest.approx(plan.accounts[account], rel=1e-9)
        assert activity(worked, wall, name)["year"] * unit == pytest.approx(line.value, rel=1e-9)
        assert line.limit is not None and line.slack == pytest.approx(line.limit - line.value) and line.slack >= 0
    assert readings["serving", "demand served", "chat (year)"].value == pytest.approx(42.0)
    assert all(line.slack is None or line.slack >= -1e-6 * max(1, abs(line.limit or 0)) for line in plan.readings)
    assert worked.verification().failures == []


def test_bills_add_up_to_the_accounts() -> None:
    worked = everything()
    plan = worked.plan()
    for account in ACCOUNTS:
        lines = [charge.value for charge in plan.charges if charge.account == account]
        if account in plan.accounts and lines:
            assert sum(lines) == pytest.approx(plan.accounts[account], rel=1e-9)
    assert set(UNITS) == set(ACCOUNTS)
