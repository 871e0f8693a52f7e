"""A small linear program of the independent check: columns and rows are added one at a time, HiGHS gets arrays.

It shares nothing with the program that finds plans: a mistake there must not be repeated here.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np

INFINITE = float("inf")


class _Silent(highspy.Highs):
    """HiGHS that never writes to standard output, not even its banner."""

    def enableCallbacks(self) -> None:
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()


def _solver() -> highspy.Highs:
    solver = _Silent()
    options: dict[str, bool | int | float | str] = {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "primal_feasibility_tolerance": 1e-9,
        "dual_feasibility_tolerance": 1e-9,
        "mip_feasibility_tolerance": 1e-9,
        "mip_rel_gap": 0.0,
        "mip_abs_gap": 1e-9,
        "presolve": "off",
    }
    for name, value in options.items():
        if solver.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise RuntimeError(f"HiGHS refused option {name} = {value!r}")
    return solver


_SHARED: list[highspy.Highs] = []


@dataclass(frozen=True)
class Point:
    """An optimum: its value and the columns."""

    value: float
    columns: list[float]


class SmallProgram:
    """Columns, rows, and a linear goal. Coefficients are expected around 1; callers scale their units."""

    def __init__(self) -> None:
        self._lower: list[float] = []
        self._upper: list[float] = []
        self._integer: list[bool] = []
        self._rows: list[tuple[float, float, dict[int, float]]] = []

    def column(self, lower: float = 0.0, upper: float = INFINITE, integer: bool = False) -> int:
        """Add a column; returns its index."""
        self._lower.append(lower)
        self._upper.append(upper)
        self._integer.append(integer)
        return len(self._lower) - 1

    def row(self, terms: dict[int, float], lower: float = -INFINITE, upper: float = INFINITE) -> None:
        """Add the row ``lower <= sum terms <= upper``, scaled so that its largest coefficient is 1."""
        size = max((abs(value) for value in terms.values()), default=0.0)
        scale = 1.0 / size if size > 0.0 else 1.0
        scaled = {column: value * scale for column, value in terms.items() if value != 0.0}
        self._rows.append((lower * scale, upper * scale, scaled))

    def minimum(self, goal: dict[int, float]) -> Point | None:
        """Least value of the goal, None where no point holds every row."""
        size = max((abs(value) for value in goal.values()), default=0.0) or 1.0
        solver = self._passed({column: value / size for column, value in goal.items()})
        solver.run()
        status = solver.getModelStatus()
        if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
            return None
        if status not in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty):
            raise RuntimeError(f"the check's own program stopped: {solver.modelStatusToString(status)}")
        columns = list(solver.getSolution().col_value)
        return Point(sum(value * columns[column] for column, value in goal.items()), columns)

    def maximum(self, goal: dict[int, float]) -> Point | None:
        """Largest value of the goal, None where no point holds every row."""
        point = self.minimum({column: -value for column, value in goal.items()})
        return None if point is None else Point(-point.value, point.columns)

    def _passed(self, cost: dict[int, float]) -> highspy.Highs:
        if not _SHARED:
            _SHARED.append(_solver())
        solver = _SHARED[0]
        solver.clearModel()
        count = len(self._lower)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = count, len(self._rows)
        lp.col_cost_ = np.array([cost.get(column, 0.0) for column in range(count)])
        lp.col_lower_, lp.col_upper_ = np.array(self._lower), np.array(self._upper)
        lp.row_lower_ = np.array([row[0] for row in self._rows])
        lp.row_upper_ = np.array([row[1] for row in self._rows])
        starts = np.cumsum([0] + [len(row[2]) for row in self._rows])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = starts.astype(np.int32)
        lp.a_matrix_.index_ = np.array([column for row in self._rows for column in row[2]], dtype=np.int32)
        lp.a_matrix_.value_ = np.array([value for row in self._rows for value in row[2].values()], dtype=float)
        if any(self._integer):
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[whole] for whole in self._integer]
        if solver.passModel(lp) == highspy.HighsStatus.kError:
            raise RuntimeError("HiGHS refused the check's own program")
        return solver
