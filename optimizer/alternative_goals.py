"""What an alternative can be best at, as columns, rows and a cost on top of the program."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.grown import Wide, longer
from optimizer.other_goals import with_cost
from optimizer.plan import Plan
from optimizer.program import Program

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
    wider = longer(program.problem, len(labels), rows, cols, values, upper=1.0, integer=True)
    cost = np.concatenate([np.zeros(program.problem.columns), np.ones(len(labels))])
    wider = replace(wider, cost=cost, offset=0.0)
    return Goal(name, replace(program, problem=wider), float(optimum), _none(len(labels)), least=0.5)


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
