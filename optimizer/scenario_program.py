"""One program for a scenario and its draws: the fleet is chosen before it is known which draw comes true.

First stage, shared by all draws: nodes, replicas and what follows from them alone (size bands, start-ups, regions).
Second stage, one copy for each draw: flows, loads, what is routed after a loss, and the accounts. A draw may be given
up: then nothing that depends on it is asked, and the nodes stand idle in it. docs/program.md says it in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from optimizer import milp
from optimizer.program import ACCOUNTS, Program

SECOND_STAGE = (
    "flow",
    "load",
    "account",
    "relax",
    "region counts",
    "usable",
    "flow after",
    "load after",
    "offer lost",
    "left",
)
"""Groups of columns that may differ from draw to draw."""
CAPS = ("budget", "carbon", "water", "energy")


@dataclass(frozen=True)
class Joined:
    """The arrays, and where the columns of each draw stand. The scenario's own columns come first, in their order."""

    problem: milp.Problem
    at: dict[int, np.ndarray]
    """Draw -> the joined column of each column of its own program."""
    given_up: dict[int, int]
    """Draw -> its 0/1 column."""


@dataclass(frozen=True)
class Cut:
    """What draws ask alone: no fleet costs less than `least`, less `steps[k]` for each draw k that is given up."""

    least: float
    steps: dict[int, float]


class Draw:
    """One program in the shape that joins to others.

    `first` are its columns of the first stage, in the order that all draws share; `place` is where each of its columns
    stands in that order, -1 for the second stage. `idle` is the least that its requests add to the objective in any
    fleet that holds in it, by the relaxation.
    """

    def __init__(self, program: Program) -> None:
        self.program, layout = program, program.layout
        self.demands = {layout.elastic_col(f"demand {name}") for name in layout.workloads}
        groups = [np.full(count, name not in SECOND_STAGE) for name, count, _ in layout.columns.groups]
        mine = np.concatenate(groups)
        self.first = np.flatnonzero(mine)
        self.place = np.where(mine, np.cumsum(mine) - 1, -1)
        self.cost, self.fixed = _written_out(program)
        self.idle = self._least_load()
        self.shared, self.shared_rows = self._first_stage_rows()

    def _first_stage_rows(self) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Which rows speak of the first stage alone (and of relaxations, which are 0 there), and what they say."""
        problem, relax = self.program.problem, [limit.col for limit in self.program.layout.elastics]
        free = np.isin(problem.col, relax)
        other = np.bincount(problem.row[(self.place[problem.col] < 0) & ~free], minlength=problem.rows)
        some = np.bincount(problem.row[self.place[problem.col] >= 0], minlength=problem.rows)
        shared = (other == 0) & (some > 0)
        entries = np.flatnonzero(shared[problem.row] & ~free)
        number = np.cumsum(shared) - 1
        row, col = number[problem.row[entries]], self.place[problem.col[entries]]
        order = np.lexsort((col, row))
        said = (row[order], col[order], problem.value[entries][order])
        bounds = (problem.row_lower[shared], problem.row_upper[shared])
        columns = (problem.lower[self.first], problem.upper[self.first], problem.integer[self.first])
        return shared, (*said, *bounds, *columns)

    def _least_load(self) -> float:
        problem, second = self.program.problem, self.place < 0
        relaxed = replace(problem, cost=np.where(second, self.cost, 0.0), integer=np.zeros_like(problem.integer))
        found = milp.Solver(replace(relaxed, offset=0.0), milp.Options(gap=0.0)).solve()
        return max(0.0, found.bound) if np.isfinite(found.bound) else 0.0

    def opens(self) -> dict[int, float]:
        """Relaxation columns that open where the draw is given up, each with the most that it may have to move.

        With all demand gone nothing flows, so that only caps which idle nodes exceed and regions that count are left.
        """
        program, found = self.program, {}
        for limit in program.layout.elastics:
            kind = limit.name.split()[0]
            if limit.col in self.demands or limit.name == "min regions":
                found[limit.col] = 1.0
            elif kind in CAPS:
                found[limit.col] = self._over(limit.name)
        return {col: most for col, most in found.items() if most > 0}

    def _over(self, limit: str) -> float:
        """By what part of a cap the accounts exceed it where every node that can be had is, and idles."""
        problem, layout = self.program.problem, self.program.layout
        (block,) = [block for block in self.program.blocks if block.limit == limit]
        upper = np.minimum(problem.upper, np.max(layout.hires.most_nodes, initial=0.0))
        most = 0.0
        for col, value in zip(block.col, block.value, strict=True):
            names = [name for name, account in layout.accounts.items() if account == col]
            for name in names:
                cost, fixed = _account(self.program, name)
                most += value * (float(np.maximum(cost, 0.0)[self.first] @ upper[self.first]) + fixed)
        cap = float(block.upper[0])
        return max(0.0, most / cap - 1.0) if cap > 0 else 0.0


class ScenarioProgram:
    """Programs that share their first stage: number 0 is the scenario itself, the others are its draws.

    The objective is the mean over the draws, in units of the first program's. A draw that is given up counts with its
    nodes, idle, and the least that its requests could cost on a fleet that holds in it, so that no load is saved.

    Raises:
        ValueError: the programs do not choose among the same nodes and pools within the same supply.
    """

    def __init__(self, programs: Sequence[Program]) -> None:
        self.draws = [Draw(program) for program in programs]
        base = self.draws[0]
        for draw in self.draws[1:]:
            alike = len(draw.shared_rows) == len(base.shared_rows) and all(
                np.array_equal(one, other) for one, other in zip(draw.shared_rows, base.shared_rows, strict=True)
            )
            if not alike:
                raise ValueError("draws differ in their inputs only, but what can be had in these is not the same")
        self.unit, self.weight = base.program.problem.unit, 1.0 / max(len(programs) - 1, 1)

    def scale(self, k: int) -> float:
        """Weight of a draw's objective, in the first program's units; the scenario itself has none."""
        return self.weight * self.draws[k].program.problem.unit / self.unit if k else 0.0

    def idle_value(self, k: int, first: np.ndarray) -> float:
        """What a draw that is given up adds to the objective."""
        draw = self.draws[k]
        return self.scale(k) * (float(draw.cost[draw.first] @ first) + draw.fixed + draw.idle)

    def joined(
        self, hold: Iterable[int], doubtful: Iterable[int] = (), most: int = 0, cut: Cut | None = None
    ) -> Joined:
        """The program in which the scenario and `hold` keep every limit, and of the `doubtful` all but `most` do.

        Draws that are in neither are asked nothing, and count with the least that they can cost.
        """
        doubtful = sorted(doubtful)
        active = [0, *sorted(hold), *doubtful]
        parts = _Parts(self.draws[0])
        at = {k: parts.add(self.draws[k], self.scale(k)) if k else np.arange(parts.size) for k in active}
        for k in set(range(len(self.draws))) - set(active):
            parts.idle(self.draws[k], self.scale(k))
        given_up = {k: parts.give_up(self.draws[k], at[k], self.scale(k)) for k in doubtful}
        problem = parts.problem(self.unit)
        if given_up:
            columns = list(given_up.values())
            problem = with_row(problem, columns, [1.0] * len(columns), upper=float(most))
        if cut is not None:
            problem = _with_cut(problem, cut, given_up)
        return Joined(problem, at, given_up)


def with_row(
    problem: milp.Problem, col: ArrayLike, value: ArrayLike, lower: float = -np.inf, upper: float = np.inf
) -> milp.Problem:
    """The program with a row more."""
    return replace(
        problem,
        row=np.concatenate([problem.row, np.full(np.size(col), problem.rows)]),
        col=np.concatenate([problem.col, np.asarray(col, dtype=np.intp)]),
        value=np.concatenate([problem.value, np.asarray(value, dtype=float)]),
        row_lower=np.append(problem.row_lower, lower),
        row_upper=np.append(problem.row_upper, upper),
    )


def _with_cut(problem: milp.Problem, cut: Cut, given_up: dict[int, int]) -> milp.Problem:
    col = np.flatnonzero(problem.cost)
    value = dict(zip(col.tolist(), problem.cost[col].tolist(), strict=True))
    asked = cut.least - problem.offset
    for k, step in cut.steps.items():
        if k in given_up and step > 0:
            value[given_up[k]] = value.get(given_up[k], 0.0) + step
        else:
            asked -= step  # nothing is asked of it here
    return with_row(problem, list(value), list(value.values()), lower=asked)


class _Parts:
    """Arrays of a joined program under construction."""

    def __init__(self, base: Draw) -> None:
        problem, self._first = base.program.problem, base.first
        self._base_cost = np.zeros(problem.columns)
        self._columns = [(problem.lower, problem.upper, problem.integer, self._base_cost)]
        self._rows: list[tuple[np.ndarray, ...]] = []
        self._opened: list[tuple[int, float]] = []
        self.size, self._row_count, self._offset = problem.columns, 0, 0.0
        self._add_rows(problem.row, problem.col, problem.value, problem.row_lower, problem.row_upper)

    def add(self, draw: Draw, scale: float) -> np.ndarray:
        """A draw's second stage and its rows, less those of the first stage alone. Where its columns stand."""
        problem, second = draw.program.problem, np.flatnonzero(draw.place < 0)
        at = np.where(draw.place >= 0, self._first[draw.place], -1)
        figures = (problem.lower, problem.upper, problem.integer, scale * problem.cost)
        at[second] = self._append(*(figure[second] for figure in figures))
        kept = ~draw.shared
        entries, number = kept[problem.row], np.cumsum(kept) - 1
        self._add_rows(
            number[problem.row[entries]],
            at[problem.col[entries]],
            problem.value[entries],
            problem.row_lower[kept],
            problem.row_upper[kept],
        )
        self._offset += scale * problem.offset
        return at

    def idle(self, draw: Draw, scale: float) -> None:
        """A draw of which only the least that it can cost counts."""
        self._base_cost[self._first] += scale * draw.cost[draw.first]
        self._offset += scale * (draw.fixed + draw.idle)

    def give_up(self, draw: Draw, at: np.ndarray, scale: float) -> int:
        """A 0/1 column for a draw: where it is 1, the draw's limits open."""
        column = int(self._append(np.zeros(1), np.ones(1), np.ones(1, dtype=bool), np.array([scale * draw.idle]))[0])
        for relax, most in draw.opens().items():
            self._opened.append((int(at[relax]), most))
            pair = np.array([at[relax], column]), np.array([1.0, -most])
            all_of_it = relax in draw.demands
            lower = np.zeros(1) if all_of_it else np.array([-np.inf])
            self._add_rows(np.zeros(2, dtype=np.intp), *pair, lower, np.zeros(1))
        return column

    def problem(self, unit: float) -> milp.Problem:
        """All of it."""
        lower, upper, integer, cost = (np.concatenate(list(part)) for part in zip(*self._columns, strict=True))
        for relax, most in self._opened:
            upper[relax] = most
        row, col, value, row_lower, row_upper = (np.concatenate(part) for part in zip(*self._rows, strict=True))
        return milp.Problem(
            cost, lower, upper, integer, row, col, value, row_lower, row_upper, offset=self._offset, unit=unit
        )

    def _append(self, lower: np.ndarray, upper: np.ndarray, integer: np.ndarray, cost: np.ndarray) -> np.ndarray:
        self._columns.append((lower, upper, integer, cost))
        self.size += lower.size
        return np.arange(self.size - lower.size, self.size)

    def _add_rows(
        self, row: np.ndarray, col: np.ndarray, value: np.ndarray, lower: np.ndarray, upper: np.ndarray
    ) -> None:
        self._rows.append((row + self._row_count, col, value, lower, upper))
        self._row_count += lower.size


def _account(program: Program, name: str) -> tuple[np.ndarray, float]:
    """Charges to an account by column, and what no choice changes, both in the solver's unit of the account."""
    unit, charged = program.layout.account_units[name], np.zeros(program.problem.columns)
    for block in program.charges:
        if block.account == name:
            np.add.at(charged, block.col, block.value / unit)
    return charged, sum(entry[-1] for entry in program.constants if entry[0] == name) / unit


def _written_out(program: Program) -> tuple[np.ndarray, float]:
    """The objective by column of nodes and loads instead of by account, and its constant."""
    cost, fixed = np.zeros(program.problem.columns), program.problem.offset
    for name in ACCOUNTS:
        weight = float(program.problem.cost[program.layout.accounts[name]])
        if weight:
            charged, constant = _account(program, name)
            cost, fixed = cost + weight * charged, fixed + weight * constant
    return cost, fixed
