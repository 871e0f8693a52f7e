"""What an alternative can be best at, as columns, rows and a cost on top of the program."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer import milp
from optimizer.other_goals import with_cost
from optimizer.plan import Plan
from optimizer.program import Program, build
from optimizer.tables import ask
from scenarios.schema import Scenario

MOST_GROWTH = 10.0
HOURS_A_YEAR = 8760.0


@dataclass(frozen=True)
class Goal:
    """A program that minimizes something else."""

    name: str
    program: Program
    optimum: float
    """What the optimum has of it."""
    no_cost: np.ndarray
    """Zeros for the columns that the goal adds."""
    least: float = 0.0
    """Smaller improvements than this are none."""
    grows: bool = False
    """The point is one of a grown demand."""


def goals(wide: Wide, best: Plan, headroom: float) -> tuple[list[Goal], str, list[str]]:
    """Every goal that means something here, the maker of most devices of the optimum, and what was left out and why."""
    program = wide.program
    hires = program.layout.hires
    left_out, found = [], []
    used_kinds, used_regions = {line.accelerator for line in best.nodes}, {line.region for line in best.nodes}
    found.append(_fewest(program, "fewest kinds of accelerator", list(hires.accelerator), len(used_kinds)))
    names = [program.layout.regions[r] for r in hires.region]
    found.append(_fewest(program, "fewest regions", names, len(used_regions)))
    catalog = program.question.scenario.catalog
    makers = [catalog.accelerators[name].vendor for name in hires.accelerator]
    devices: dict[str, float] = {}
    for line in best.nodes:
        vendor = catalog.accelerators[line.accelerator].vendor
        devices[vendor] = devices.get(vendor, 0.0) + line.nodes * line.devices_per_node
    vendor = max(devices, key=lambda name: (devices[name], name))
    if len(set(makers)) > 1:
        found.append(_least_vendor(program, makers, vendor, best))
    else:
        left_out.append(f"least of one vendor: every accelerator offered is made by {vendor}")
    carbon = "kg_co2e_per_year"
    if program.objective_account == carbon:
        left_out.append("least carbon: that is the objective")
    else:
        goal = with_cost(program, {program.layout.accounts[carbon]: 1.0})
        found.append(Goal("least carbon", goal, best.accounts[carbon] / program.layout.account_units[carbon], _none(0)))
    more, _ = wide.grown(program)
    found.append(Goal("most head-room", more, -headroom, _none(1), least=1e-4, grows=True))
    return found, vendor, left_out


def _none(columns: int) -> np.ndarray:
    return np.zeros(columns)


def _fewest(program: Program, name: str, label: list[str], optimum: int) -> Goal:
    """A binary per label that is 1 where any of its nodes are there; their number is minimized."""
    hires = program.layout.hires
    labels = list(dict.fromkeys(label))
    rows: list[int] = []
    cols: list[int] = []
    values: list[float] = []
    for h, mine in enumerate(label):
        if hires.most_nodes[h] <= 0:
            continue
        for column in np.unique(hires.col[h]):
            rows += [len(rows) // 2] * 2
            cols += [int(column), program.problem.columns + labels.index(mine)]
            values += [1.0, -float(hires.most_nodes[h])]
    longer = _longer(program.problem, len(labels), rows, cols, values, upper=1.0, integer=True)
    cost = np.concatenate([np.zeros(program.problem.columns), np.ones(len(labels))])
    longer = replace(longer, cost=cost, offset=0.0)
    return Goal(name, replace(program, problem=longer), float(optimum), _none(len(labels)), least=0.5)


def _least_vendor(program: Program, makers: list[str], vendor: str, best: Plan) -> Goal:
    """Devices of one maker, in nodes over the year."""
    layout = program.layout
    weights: dict[int, float] = {}
    for h, maker in enumerate(makers):
        if maker == vendor:
            for t, column in enumerate(layout.hires.col[h].tolist()):
                share = layout.hours[t] / HOURS_A_YEAR
                weights[column] = weights.get(column, 0.0) + layout.hires.devices_per_node[h] * share
    catalog, hours = program.question.scenario.catalog, dict(zip(layout.slots, layout.hours, strict=True))
    optimum = sum(
        nodes * line.devices_per_node * hours[slot] / HOURS_A_YEAR
        for line in best.nodes
        if catalog.accelerators[line.accelerator].vendor == vendor
        for slot, nodes in line.by_slot.items()
    )
    return Goal(f"least of {vendor}", with_cost(program, weights), float(optimum), _none(0), least=1e-6)


@dataclass(frozen=True)
class Wide:
    """A program with room for more demand than is asked, at the demand that is asked."""

    program: Program
    share: float
    """Share of the larger demand that is not there."""

    @classmethod
    def of(cls, scenario: Scenario, growth: float) -> Wide:
        """Columns and bounds for a demand larger by `growth`; the demand's relaxation columns take it away again."""
        planned = scenario.planning.growth
        question = ask(scenario.replace("planning.growth", (1 + planned) * (1 + growth) - 1))
        program = build(question)
        layout, share = program.layout, growth / (1 + growth)
        asked = replace(layout.requests, demand=layout.requests.demand / (1 + growth))
        lower, upper = program.problem.lower.copy(), program.problem.upper.copy()
        relax = demand_columns(program)
        lower[relax] = upper[relax] = share
        problem = replace(program.problem, lower=lower, upper=upper)
        own = replace(question, scenario=scenario)
        return cls(replace(program, question=own, problem=problem, layout=replace(layout, requests=asked)), share)

    def grown(self, program: Program) -> tuple[Program, int]:
        """The program in which all demand grows by one column as much as it can, and that column.

        Losses are planned for at the grown demand, and caps hold at it.
        """
        problem, relax = program.problem, demand_columns(program)
        column = problem.columns
        rows = [k for k in range(len(relax)) for _ in range(2)]
        cols = [col for one in relax for col in (one, column)]
        values = [1.0, 1.0 - self.share] * len(relax)
        longer = _longer(problem, 1, rows, cols, values, upper=MOST_GROWTH, equal=self.share)
        lower = longer.lower.copy()
        lower[relax] = -MOST_GROWTH
        cost = np.zeros(longer.columns)
        cost[column] = -1.0
        return replace(program, problem=replace(longer, lower=lower, cost=cost, offset=0.0)), column

    def point_of(self, program: Program, x: np.ndarray) -> np.ndarray | None:
        """Nodes and replicas of another program's point in this one's columns, None where one has no column here."""
        here = {name: column for column, name in enumerate(self.program.column_names)}
        found = np.zeros(self.program.problem.columns)
        for column in _fleet_columns(program):
            if x[column] > 0.5:
                name = program.column_names[column]
                if name not in here:
                    return None
                found[here[name]] = round(x[column])
        return found


def demand_columns(program: Program) -> list[int]:
    """Columns that relax a demand."""
    return [limit.col for limit in program.layout.elastics if limit.name.startswith("demand ")]


def _fleet_columns(program: Program) -> np.ndarray:
    return np.unique(np.concatenate([program.layout.hires.col.ravel(), program.layout.counts.col.ravel()]))


def fixed_fleet(program: Program, x: np.ndarray) -> Program:
    """The program with the nodes and replicas of a point."""
    lower, upper = program.problem.lower.copy(), program.problem.upper.copy()
    fixed = _fleet_columns(program)
    lower[fixed] = upper[fixed] = np.round(x[fixed])
    return replace(program, problem=replace(program.problem, lower=lower, upper=upper))


def _longer(
    problem: milp.Problem,
    columns: int,
    rows: list[int],
    cols: list[int],
    values: list[float],
    upper: float,
    integer: bool = False,
    equal: float | None = None,
) -> milp.Problem:
    """The arrays with columns from 0 to `upper` and rows more, each at most 0 or `equal` to a value."""
    count = max(rows, default=-1) + 1
    return replace(
        problem,
        cost=np.append(problem.cost, np.zeros(columns)),
        lower=np.append(problem.lower, np.zeros(columns)),
        upper=np.append(problem.upper, np.full(columns, upper)),
        integer=np.append(problem.integer, np.full(columns, integer)),
        row=np.concatenate([problem.row, np.array(rows, dtype=np.intp) + problem.rows]),
        col=np.concatenate([problem.col, np.array(cols, dtype=np.intp)]),
        value=np.concatenate([problem.value, np.array(values)]),
        row_lower=np.append(problem.row_lower, np.full(count, -np.inf if equal is None else equal)),
        row_upper=np.append(problem.row_upper, np.full(count, 0.0 if equal is None else equal)),
    )
