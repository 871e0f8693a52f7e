"""The program: tables of columns, blocks of rows written by the walls, and the arrays that a solver takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from optimizer import milp
from optimizer.columns import layout_of
from optimizer.tables import Question
from optimizer.today import sunk_costs
from physics import WALLS
from physics.layout import ChargeBlock, Elastic, Layout, merged
from physics.wall import Block

if TYPE_CHECKING:
    from pyomo.environ import ConcreteModel

ACCOUNTS = (
    "usd_per_year",
    "kg_co2e_per_year",
    "kwh_per_year",
    "litres_per_year",
    "kg_co2e_embodied_per_year",
    "devices",
)
UNITS = {
    "usd_per_year": "USD/yr",
    "kg_co2e_per_year": "kg CO2e/yr",
    "kwh_per_year": "kWh/yr",
    "litres_per_year": "l/yr",
    "kg_co2e_embodied_per_year": "kg CO2e/yr",
    "devices": "devices",
}
OBJECTIVES = {
    "cost": "usd_per_year",
    "carbon": "kg_co2e_per_year",
    "energy": "kwh_per_year",
    "water": "litres_per_year",
    "devices": "devices",
}
# Among equal answers the one with less carbon (or, for other objectives, less money) is taken.
TIE_BREAK = {"usd_per_year": ("kg_co2e_per_year", 1e-5)}
TIE_BREAK_OTHER = ("usd_per_year", 1e-9)


@dataclass(frozen=True)
class Program:
    """Columns, blocks of rows and charges of one question.

    `objective` is in the objective account's own unit; `problem` holds the scaled arrays that a solver takes.
    """

    question: Question
    layout: Layout
    blocks: list[Block]
    charges: list[ChargeBlock]
    constants: list[tuple[str, str, int, float]]
    """(account, part, region, value) that no choice changes; -1 where it belongs to no region."""
    problem: milp.Problem
    objective_account: str

    @property
    def objective_unit(self) -> float:
        """Size of one unit of the solver's objective in the objective account's unit."""
        return self.layout.account_units[self.objective_account]

    @cached_property
    def row_names(self) -> list[str]:
        """``wall.what[where]`` of every row, in the order of the arrays."""
        return [f"{block.wall}.{block.name}[{where}]" for block in self.blocks for where in block.where]

    @cached_property
    def column_names(self) -> list[str]:
        """``group[where]`` of every column."""
        return self.layout.columns.names()

    def limits(self) -> dict[str, Elastic]:
        """The user's limits by name."""
        return {limit.name: limit for limit in self.layout.elastics}

    def account(self, name: str, x: np.ndarray) -> float:
        """Value of an account at a point, in the account's unit."""
        return float(sum(value for account, *_, value in self.bill(x) if account == name))

    def bill(self, x: np.ndarray) -> list[tuple[str, str, int, int, float]]:
        """(account, part, hire, region, value) of everything that a point is charged; -1 where it belongs to none."""
        found: dict[tuple[str, str, int, int], float] = {
            (account, part, -1, region): value for account, part, region, value in self.constants
        }
        for block in self.charges:
            amounts = block.value * x[block.col]
            for hire, region, amount in zip(block.hire.tolist(), block.region.tolist(), amounts.tolist(), strict=True):
                if amount:
                    key = (block.account, block.part, hire, region)
                    found[key] = found.get(key, 0.0) + amount
        return [(*key, value) for key, value in found.items()]

    def write(self, path: Path) -> None:
        """Write the program as an .lp or .mps file, with its names."""
        milp.write_model(self.problem, path, self.column_names, self.row_names)

    def to_pyomo(self) -> ConcreteModel:
        """The same program as a Pyomo model: one named block per wall, columns in `model.x`."""
        from optimizer.pyomo_model import to_pyomo

        return to_pyomo(self)


def build(question: Question) -> Program:
    """The program of a question."""
    return written(question, layout_of(question))


def written(question: Question, layout: Layout) -> Program:
    """The program on a layout: columns first, then the charges of the walls, then their rows."""
    charges = [block for wall in WALLS if wall.charges for block in wall.charges(layout) if block.col.size]
    constants = [
        ("usd_per_year", part, layout.regions.index(region), usd) for part, region, usd in sunk_costs(question.scenario)
    ]
    staff = question.scenario.planning.staff_usd_per_year
    if staff:
        constants.append(("usd_per_year", "staff", -1, staff))
    account_rows = _accounts(layout, charges, constants)
    blocks = [block for wall in WALLS if wall.rows for block in wall.rows(layout)] + account_rows
    account = OBJECTIVES[question.scenario.objective.account]
    return Program(question, layout, blocks, charges, constants, _problem(layout, blocks, account, question), account)


def _accounts(layout: Layout, charges: list[ChargeBlock], constants: list[tuple[str, str, int, float]]) -> list[Block]:
    """A column per account, tied to its charges; a sum that is used twice is a column."""
    blocks = []
    for name in ACCOUNTS:
        mine = [block for block in charges if block.account == name]
        col = np.concatenate([block.col for block in mine]) if mine else np.zeros(0, dtype=np.intp)
        value = np.concatenate([block.value for block in mine]) if mine else np.zeros(0)
        fixed = sum(amount for account, *_, amount in constants if account == name)
        largest = np.abs(value).max(initial=0.0)
        unit = 10.0 ** np.round(np.log10(largest)) if largest > 0 else 1.0
        total = int(layout.columns.add("account", 1, lambda _, name=name: name, lower=-np.inf)[0])
        layout.accounts[name], layout.account_units[name] = total, unit
        row, col, value = merged(
            np.zeros(col.size + 1, dtype=np.intp), np.append(col, total), np.append(value / unit, -1.0)
        )
        bound = np.array([-fixed / unit])
        blocks.append(
            Block(
                "capital" if name == "usd_per_year" else "sustainability",
                "account",
                UNITS[name],
                f"adds up {name}",
                row,
                col,
                value,
                bound,
                bound,
                [name],
                linking=True,
            )
        )
    return blocks


def _problem(layout: Layout, blocks: list[Block], account: str, question: Question) -> milp.Problem:
    columns = layout.columns
    cost = np.zeros(columns.size)
    cost[layout.accounts[account]] = 1.0
    unit = layout.account_units[account]
    if account == "usd_per_year":
        price = question.scenario.objective.carbon_usd_per_kg
        cost[layout.accounts["kg_co2e_per_year"]] += price * layout.account_units["kg_co2e_per_year"] / unit
    second, weight = TIE_BREAK.get(account, TIE_BREAK_OTHER)
    cost[layout.accounts[second]] += weight * layout.account_units[second] / unit
    sizes = np.cumsum([0, *(block.size for block in blocks)])
    return milp.Problem(
        cost=cost,
        lower=np.concatenate(columns.lower),
        upper=np.concatenate(columns.upper),
        integer=np.concatenate(columns.integer),
        row=np.concatenate([block.row + start for block, start in zip(blocks, sizes, strict=False)]),
        col=np.concatenate([block.col for block in blocks]),
        value=np.concatenate([block.value for block in blocks]),
        row_lower=np.concatenate([block.lower for block in blocks]),
        row_upper=np.concatenate([block.upper for block in blocks]),
        unit=unit,
    )
