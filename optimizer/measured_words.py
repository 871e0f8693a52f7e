"""What a plan says of the user's measurements among its assumptions: figures, sources, what they calibrate."""

from __future__ import annotations

import numpy as np

from optimizer.answer import Answer
from optimizer.measured_rates import Measured, Resolved
from optimizer.plan import Assumption
from physics.pool_waits import whole_steps
from scenarios.schema import Scenario
from scenarios.schema_demand import Workload
from scenarios.schema_measured import MeasuredRequest, Measurement

SHOWN = 4
FAR = 5.0
"""A measured time this many times the predicted one is told as odd."""


def measured_assumptions(scenario: Scenario, answer: Answer | None) -> list[Assumption]:
    """Each measurement that the answer uses with its figures and source, and each calibration with its factors."""
    found = []
    for name, workload in scenario.workloads.items():
        if workload.request_source:
            found.append(Assumption(name=f"sizes of {name}", value=workload.request_source, source="user"))
        if not workload.measurements:
            continue
        lines = [line for line in answer.fleet if line.workload == name] if answer else []
        measured = Measured(scenario, workload)
        for one in measured.resolved:
            said = one.measurement
            used = [line for line in lines if line.basis == "measured" and _runs(said, line)]
            if used or answer is None:
                found.append(
                    Assumption(
                        name=f"measured: {said} ({name})",
                        value=_figures(workload, said) + _far_off(one),
                        source=said.source,
                        confidence="measured",
                    )
                )
        kinds = dict.fromkeys((line.accelerator, line.precision) for line in lines if line.basis == "calibrated")
        for accelerator, precision in kinds:
            like = measured.calibration(accelerator, precision)
            times = "measurement" if like.measurements == 1 else "measurements"
            found.append(
                Assumption(
                    name=f"calibrated: {accelerator} {precision} ({name})",
                    value=f"predicted prefill x {like.prefill:.3g}, decode step x {like.step:.3g}; geometric mean of "
                    f"{like.measurements} {times} of other ways to run it",
                    source="; ".join(dict.fromkeys(_sources(workload, accelerator, precision))),
                    confidence="calibrated",
                )
            )
        found += _unbounded(workload, lines)
    return found


def _runs(said: Measurement, line: object) -> bool:
    keys = ("accelerator", "precision", "kv_precision", "tensor_parallel", "pipeline_parallel", "expert_parallel")
    batch = said.batch is None or said.batch == getattr(line, "batch")  # noqa: B009
    return batch and all(getattr(said, key) == getattr(line, key) for key in keys)


def _sources(workload: Workload, accelerator: str, precision: str) -> list[str]:
    return [one.source for one in workload.measurements if (one.accelerator, one.precision) == (accelerator, precision)]


def _figures(workload: Workload, said: Measurement) -> str:
    names = [shape.name for shape in workload.shapes]
    shown = [f"{name}: {_figure(said.requests[name])}" for name in names[:SHOWN]]
    left = f"; and {len(names) - SHOWN} more kinds of request" if len(names) > SHOWN else ""
    return "; ".join(shown) + left


def _far_off(one: Resolved) -> str:
    """A measurement that no physics comes near is used as it is, and said to be odd."""
    factors = np.concatenate([one.prefill_factor.ravel(), one.step_factor.ravel()])
    known = factors[np.isfinite(factors) & (factors > 0)]
    slowest, fastest = known.max(initial=1.0), known.min(initial=1.0)
    if slowest >= FAR:
        return f"; {slowest:,.0f} times slower than predicted: check the unit, and that it is one replica"
    if fastest <= 1 / FAR:
        return f"; {1 / fastest:,.0f} times faster than predicted: check the unit, and that it is one replica"
    return ""


def _figure(seen: MeasuredRequest) -> str:
    says = []
    if seen.requests_per_s is not None:
        says.append(f"{seen.requests_per_s:g} requests/s a replica")
    if seen.itl_s is not None:
        over = "mean" if seen.itl_percentile == "mean" else f"P{seen.itl_percentile:g}"
        says.append(f"ITL {seen.itl_s * 1e3:g} ms ({over})")
    if seen.idle_ttft_s is not None:
        says.append(f"TTFT {seen.idle_ttft_s * 1e3:g} ms when idle")
    return ", ".join(says)


def _unbounded(workload: Workload, lines: list) -> list[Assumption]:
    """At full load nobody can say how long a first token takes."""
    if workload.ttft is not None or whole_steps(workload.max_utilization) < 1 or not lines:
        return []
    says = "a pool may run at 100 %: no TTFT is limited, and in a full pool the wait for a first token has no bound"
    return [Assumption(name=f"first token of {workload.name}", value=says, source="scenario", confidence="declared")]
