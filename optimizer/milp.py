"""The one place that talks to HiGHS: arrays in, an honest answer out.

HiGHS calls wrong answers "Optimal". Versions 1.12 to 1.15.1 do so when an integer column has a coefficient at or below
1e-6 in a row. Version 1.16.0 does so on well-scaled fleets where the integer tolerance is 1e-8 or 1e-9, with presolve
on and off; at 1e-7 it did in none of 960 runs (tests/optimizer/data has one of each). So rows are scaled by powers of
two, presolve stays off, the tolerance is 1e-7, every point that comes back is rounded and held against the unscaled
rows, and `optimizer.cross_check` tries to beat the answer along another path.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import highspy
import numpy as np

Why = Literal["gap", "infeasible", "unbounded", "time_limit", "interrupt"]
ROW_TOLERANCE = 1e-6
INTEGER_TOLERANCE = 1e-6


class SolverError(RuntimeError):
    """The solver refused an option or a model, or returned a point that breaks a row."""


@dataclass(frozen=True)
class Problem:
    """minimize cost @ x + offset, row_lower <= A x <= row_upper, lower <= x <= upper, x[integer] whole.

    `row`, `col`, `value` are triplets of A without duplicates; all arrays are float64 or intp.
    """

    cost: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    integer: np.ndarray
    row: np.ndarray
    col: np.ndarray
    value: np.ndarray
    row_lower: np.ndarray
    row_upper: np.ndarray
    offset: float = 0.0
    unit: float = 1.0
    """Size of the objective's unit, for those who watch the progress."""

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self.cost)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.row_lower)


@dataclass(frozen=True)
class Options:
    """How long and how hard to look. `gap` is a fraction of the incumbent."""

    gap: float = 1e-3
    time_limit_s: float = float("inf")
    threads: int = 1
    seed: int = 0
    log_file: str = ""
    other_path: bool = False
    """Search as a second opinion does: with presolve."""
    most_nodes: int | None = None
    """Nodes of the search tree at which to stop: unlike time, the same on every machine."""


@dataclass(frozen=True)
class Progress:
    """Where a solve stands."""

    stage: str
    incumbent: float | None
    bound: float | None
    gap: float | None
    seconds: float


@dataclass(frozen=True)
class Answer:
    """Why the solver stopped, and apart from that how good the point it holds is."""

    why: Why
    x: np.ndarray | None
    objective: float | None
    bound: float
    seconds: float

    @property
    def gap(self) -> float | None:
        """(objective - bound) / |objective|, None without a point."""
        return relative_gap(self.objective, self.bound)


def relative_gap(objective: float | None, bound: float | None) -> float | None:
    """Gap between a point and a bound as a fraction of the point's value."""
    if objective is None or bound is None or not np.isfinite(bound):
        return None
    return max(0.0, objective - bound) / max(abs(objective), 1e-12)


def row_scales(problem: Problem) -> np.ndarray:
    """Power of two for each row that puts the geometric middle of its coefficients at 1."""
    smallest = np.full(problem.rows, np.inf)
    largest = np.zeros(problem.rows)
    size = np.abs(problem.value)
    np.minimum.at(smallest, problem.row, size)
    np.maximum.at(largest, problem.row, size)
    filled = largest > 0
    scales = np.ones(problem.rows)
    scales[filled] = 2.0 ** np.round(-0.5 * np.log2(smallest[filled] * largest[filled]))
    return scales


class _QuietHighs(highspy.Highs):
    """HiGHS 1.16 prints a banner while callbacks are switched on in its constructor; standard output is ours."""

    def enableCallbacks(self) -> None:
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()


class Solver:
    """A live HiGHS model: solve, move bounds, solve again."""

    def __init__(self, problem: Problem, options: Options) -> None:
        self.problem = problem
        self.options = options
        self._scale = row_scales(problem)
        self._lower, self._upper = problem.lower.copy(), problem.upper.copy()
        self._row_lower, self._row_upper = problem.row_lower.copy(), problem.row_upper.copy()
        self._highs = _QuietHighs()
        # HiGHS reports progress only while it logs, so it logs to nowhere rather than not at all.
        self._set("log_to_console", False)
        self._set("output_flag", True)
        if options.log_file:
            Path(options.log_file).parent.mkdir(parents=True, exist_ok=True)
            self._set("log_file", options.log_file)
        self._configure()
        self._pass()

    def _set(self, name: str, value: bool | int | float | str) -> None:
        if self._highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise SolverError(f"HiGHS {self._highs.version()} refused option {name} = {value!r}")

    def _configure(self) -> None:
        options = self.options
        self._set("threads", options.threads)
        self._set("parallel", "off" if options.threads == 1 else "on")
        self._set("random_seed", options.seed)
        self._set("mip_rel_gap", options.gap)
        self._set("mip_abs_gap", 0.0 if options.gap > 0 else 1e-9)
        self._set("mip_feasibility_tolerance", 1e-7)
        self._set("primal_feasibility_tolerance", 1e-9)
        if options.most_nodes is not None:
            self._set("mip_max_nodes", options.most_nodes)
        # On fleets the neighbourhood searches and restarts cost more than they find (benchmarks/capstone.py).
        for name in ("mip_heuristic_run_rins", "mip_heuristic_run_rens", "mip_allow_restart"):
            self._set(name, False)
        self._set("presolve", "on" if options.other_path else "off")

    def _pass(self) -> None:
        problem = self.problem
        finite = (problem.cost, problem.value)
        bounds = (problem.lower, problem.upper, problem.row_lower, problem.row_upper)
        # HiGHS takes NaN without a word and answers something.
        if not all(np.isfinite(part).all() for part in finite) or any(np.isnan(part).any() for part in bounds):
            raise SolverError("the model holds a number that is none (NaN, or an infinite cost or coefficient)")
        if self._highs.passModel(_highs_model(self.problem, self._scale)) == highspy.HighsStatus.kError:
            raise SolverError("HiGHS refused the model")

    def move_columns(self, columns: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
        """Set bounds of columns."""
        columns = np.asarray(columns, dtype=np.int32)
        if not columns.size:
            return
        self._lower[columns], self._upper[columns] = lower, upper
        self._highs.changeColsBounds(len(columns), columns, self._lower[columns], self._upper[columns])

    def move_rows(self, rows: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
        """Set bounds of rows, in the rows' own units."""
        rows = np.asarray(rows, dtype=np.int32)
        self._row_lower[rows], self._row_upper[rows] = lower, upper
        scale = self._scale[rows]
        for row, low, high in zip(rows, self._row_lower[rows] * scale, self._row_upper[rows] * scale, strict=True):
            self._highs.changeRowBounds(int(row), float(low), float(high))  # the form for many is not in every version

    def reduced_costs(self) -> np.ndarray:
        """[column] what the objective changes by for each unit of a column, at the optimum of a linear program."""
        solution = self._highs.getSolution()
        if not solution.dual_valid:
            raise SolverError("HiGHS holds no duals: only a linear program that was solved has them")
        return np.asarray(solution.col_dual, dtype=float)

    def forget(self) -> None:
        """Drop what earlier solves left: the next one runs as the first would, whatever was solved before."""
        self._highs.clearSolver()

    def solve(
        self,
        progress: Callable[[Progress], None] | None = None,
        stage: str = "solve",
        time_limit_s: float | None = None,
        start: np.ndarray | None = None,
    ) -> Answer:
        """Solve as the model stands now. A `start` that holds is used as first incumbent."""
        began = time.perf_counter()
        limit = self.options.time_limit_s if time_limit_s is None else time_limit_s
        highs = self._highs
        self._set("time_limit", min(highs.getRunTime() + limit, 1e20))  # its clock runs on over solves
        if start is not None:
            point = highspy.HighsSolution()
            point.col_value = list(start)
            highs.setSolution(point)
        interrupted = self._run(progress, stage, began)
        try:
            return self._answer(interrupted, time.perf_counter() - began)
        except SolverError:
            # After many moved bounds the last basis can end at a point that breaks a row; a fresh start does not.
            if interrupted:
                raise
            self._highs.clearSolver()
            self._set("time_limit", min(highs.getRunTime() + limit, 1e20))
            interrupted = self._run(progress, stage, began)
            return self._answer(interrupted, time.perf_counter() - began)

    def _run(self, progress: Callable[[Progress], None] | None, stage: str, began: float) -> bool:
        """Run HiGHS; Ctrl-C in the main thread asks it to stop and keeps the incumbent. True where it was asked."""
        highs = self._highs
        stop = threading.Event()

        def report(event: object) -> None:
            data = event.data_out  # type: ignore[attr-defined]
            unit = self.problem.unit
            incumbent = data.mip_primal_bound * unit if data.mip_primal_bound < 1e29 else None
            bound = data.mip_dual_bound * unit if data.mip_dual_bound > -1e29 else None
            gap = relative_gap(incumbent, bound)
            progress(Progress(stage, incumbent, bound, gap, time.perf_counter() - began))  # type: ignore[misc]

        def check(event: object) -> None:
            if stop.is_set():
                event.interrupt()  # type: ignore[attr-defined]

        if progress is not None:
            highs.cbMipLogging += report
        main = threading.current_thread() is threading.main_thread()
        previous = None
        if main:
            previous = signal.signal(signal.SIGINT, lambda *_: stop.set())
            highs.cbMipInterrupt += check
            highs.cbSimplexInterrupt += check
        try:
            worker = threading.Thread(target=highs.run, daemon=True)
            worker.start()
            while worker.is_alive():
                worker.join(0.05)
        finally:
            if main:
                signal.signal(signal.SIGINT, previous)
                highs.cbMipInterrupt -= check
                highs.cbSimplexInterrupt -= check
            if progress is not None:
                highs.cbMipLogging -= report
        return stop.is_set()

    def _answer(self, interrupted: bool, seconds: float) -> Answer:
        highs, status = self._highs, self._highs.getModelStatus()
        known = highspy.HighsModelStatus
        if status in (known.kInfeasible, known.kUnboundedOrInfeasible):
            return Answer("infeasible", None, None, np.inf, seconds)
        if status == known.kUnbounded:
            return Answer("unbounded", None, None, -np.inf, seconds)
        if status == known.kModelEmpty:
            nothing = np.clip(np.zeros(self.problem.columns), self._lower, self._upper)
            return Answer("gap", nothing, self.problem.offset, self.problem.offset, seconds)
        # kUnknown: the simplex method gave up on a hard relaxation; nothing is claimed then.
        stopped = (known.kOptimal, known.kTimeLimit, known.kInterrupt, known.kSolutionLimit, known.kUnknown)
        if status not in stopped:
            raise SolverError(f"HiGHS stopped with status {highs.modelStatusToString(status)}")
        info = highs.getInfo()
        x: np.ndarray | None = None
        objective: float | None = None
        if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            x = self._checked(np.asarray(highs.getSolution().col_value, dtype=float))
            objective = float(self.problem.cost @ x + self.problem.offset)
        mip = bool(self.problem.integer.any())
        bound = info.mip_dual_bound if mip else (objective if status == known.kOptimal else -np.inf)
        bound = -np.inf if bound is None or bound <= -1e29 else float(bound)
        why: Why = "gap" if status == known.kOptimal else "interrupt" if interrupted else "time_limit"
        return Answer(why, x, objective, bound, seconds)

    def _checked(self, x: np.ndarray) -> np.ndarray:
        """The point with whole integers, held against every row as it stands now."""
        whole = self.problem.integer
        rounded = np.round(x[whole])
        if np.abs(rounded - x[whole]).max(initial=0.0) > INTEGER_TOLERANCE:
            raise SolverError("HiGHS returned a fractional value for a whole column")
        x[whole] = rounded
        broken = self.broken_rows(x)
        if broken.size:
            raise SolverError(f"HiGHS returned a point that breaks {broken.size} rows, first row {int(broken[0])}")
        return x

    def broken_rows(self, x: np.ndarray) -> np.ndarray:
        """Indices of rows that `x` breaks by more than a relative 1e-6."""
        problem = self.problem
        term = problem.value * x[problem.col]
        activity = np.bincount(problem.row, term, minlength=problem.rows)
        size = np.maximum(np.bincount(problem.row, np.abs(term), minlength=problem.rows), 1.0 / self._scale)
        bad = (activity < self._row_lower - ROW_TOLERANCE * size) | (activity > self._row_upper + ROW_TOLERANCE * size)
        return np.flatnonzero(bad)


def _highs_model(problem: Problem, scale: np.ndarray) -> highspy.HighsLp:
    """The arrays as HiGHS takes them, rows times `scale`."""
    order = np.lexsort((problem.row, problem.col))
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = problem.columns, problem.rows
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = problem.cost, problem.lower, problem.upper
    lp.row_lower_, lp.row_upper_ = problem.row_lower * scale, problem.row_upper * scale
    lp.offset_ = problem.offset
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.searchsorted(problem.col[order], np.arange(problem.columns + 1)).astype(np.int32)
    lp.a_matrix_.index_ = problem.row[order].astype(np.int32)
    lp.a_matrix_.value_ = problem.value[order] * scale[problem.row[order]]
    if problem.integer.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[i] for i in problem.integer.astype(int)]
    return lp


def write_model(problem: Problem, path: Path, columns: list[str], rows: list[str]) -> None:
    """Write an .lp or .mps file with names (characters that such files do not take become ``_``)."""
    if path.suffix not in (".lp", ".mps"):
        raise SolverError(f"cannot write a model to {path.name}: the file must end in .lp or .mps")
    lp = _highs_model(problem, np.ones(problem.rows))
    lp.col_names_ = [f"c{k}_{_plain(name)}" for k, name in enumerate(columns)]
    lp.row_names_ = [f"r{k}_{_plain(name)}" for k, name in enumerate(rows)]
    highs = _QuietHighs()
    if highs.passModel(lp) == highspy.HighsStatus.kError or highs.writeModel(str(path)) == highspy.HighsStatus.kError:
        raise SolverError(f"cannot write the model to {path}")


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)[:180]


def read_model(path: str | Path) -> Problem:
    """Read an LP or MPS file into arrays (minimization)."""
    highs = _QuietHighs()
    highs.setOptionValue("output_flag", False)
    if highs.readModel(str(path)) == highspy.HighsStatus.kError:
        raise SolverError(f"cannot read the model {path}")
    lp = highs.getLp()
    if lp.sense_ == highspy.ObjSense.kMaximize:
        raise SolverError(f"{path} maximizes; write it as a minimization")
    matrix = lp.a_matrix_
    starts, index = np.asarray(matrix.start_), np.asarray(matrix.index_, dtype=np.intp)
    outer = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    colwise = matrix.format_ == highspy.MatrixFormat.kColwise
    integer = np.array([kind == highspy.HighsVarType.kInteger for kind in lp.integrality_], dtype=bool)
    return Problem(
        cost=np.asarray(lp.col_cost_),
        lower=np.asarray(lp.col_lower_),
        upper=np.asarray(lp.col_upper_),
        integer=integer if integer.size else np.zeros(lp.num_col_, dtype=bool),
        row=index if colwise else outer,
        col=outer if colwise else index,
        value=np.asarray(matrix.value_),
        row_lower=np.asarray(lp.row_lower_),
        row_upper=np.asarray(lp.row_upper_),
        offset=float(lp.offset_),
    )
