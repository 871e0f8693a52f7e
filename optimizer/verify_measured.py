"""The check's own reading of the user's measurements: what a measured replica does, and what its neighbours take over.

Written from the definitions on the page of the scenario file; nothing is shared with the planner's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from optimizer.verify_physics import Running, kv_room_bytes, normal_quantile
from optimizer.verify_types import Way

MIXED_SHARE = 0.9
SPARE = 0.05
MOST_UNSTATED = 128

Base = Callable[[Way, Any], Running]
"""What physics alone says of a way and a kind of request."""


@dataclass(frozen=True)
class Seen:
    """One kind of request as measured: factors on the predicted times, and the rate where it was measured."""

    prefill: float | None
    step: float | None
    rate: float | None


def said_of(workload: Any, way: Way) -> Any | None:
    """The measurement of a way; None where it was not measured."""
    for one in workload.measurements:
        if one.way[:-1] == _degrees(way) and one.batch in (None, way.batch):
            return one
    return None


def _degrees(way: Way) -> tuple[Any, ...]:
    return (
        way.accelerator,
        way.precision,
        way.kv_precision,
        way.tensor_parallel,
        way.pipeline_parallel,
        way.expert_parallel,
    )


def basis(workload: Any, way: Way) -> str:
    """What a line's rates rest on."""
    if said_of(workload, way) is not None:
        return "measured"
    kinds = {(one.accelerator, one.precision) for one in workload.measurements}
    return "calibrated" if (way.accelerator, way.precision) in kinds else "modelled"


def seen(one: Any, shape: Any, way: Way, base: Base) -> Seen:
    """A measurement's figures of one kind of request at a way's batch."""
    given, run, alone = one.requests[shape.name], base(way, shape), base(replace(way, batch=1), shape)
    b, d, rate = way.batch, run.decode_steps, given.requests_per_s
    idle = given.idle_ttft_s / (run.prefill_s + alone.step_s) if given.idle_ttft_s else None
    if d == 0:
        return Seen(idle or (1 / (rate * run.occupancy_s) if rate else 1.0), None, rate)
    gap, prefills = given.itl_s, float(b)
    if gap is None and rate is not None:
        gap = b / (rate * d)
    elif gap is not None and given.itl_percentile != "mean":
        prefills = max(0.0, b + normal_quantile(given.itl_percentile / 100) * math.sqrt(b))
    prompt = shape.prompt_tokens > 0
    if gap is None:
        return Seen(idle if prompt else None, idle, rate)
    landing = run.occupancy_s * prefills / d
    if idle is None:
        both = gap / (run.step_s + landing)
        return Seen(both if prompt else None, both, rate)
    return Seen(idle if prompt else None, (gap - idle * landing) / run.step_s, rate)


def measured_run(found: Seen, run: Running, batch: int, stages: int) -> Running:
    """What physics says, with the measured times and rate put in."""
    prefill = run.prefill_s * (found.prefill or 1.0)
    step = run.step_s * (found.step or 1.0)
    occupancy, d = prefill / stages, run.decode_steps
    holding = batch / found.rate if found.rate else d * step + batch * occupancy
    return replace(
        run,
        prefill_s=prefill,
        occupancy_s=occupancy,
        step_s=step,
        itl_s=step + batch * occupancy / d if d else 0.0,
        holding_s=holding,
        rate=found.rate or batch / holding,
        flop_share=run.flop_share * run.holding_s / holding,
        bandwidth_share=run.bandwidth_share * run.step_s / step,
        sustained=found.rate is not None,
    )


def neighbours(
    workload: Any, model: Any, accelerator: Any, efficiency: Any, way: Way, base: Base
) -> tuple[float, float]:
    """Factors on the predicted times of a way of which others like it were measured: geometric means of theirs."""
    prefills, steps = [], []
    for one in workload.measurements:
        if (one.accelerator, one.precision) != (way.accelerator, way.precision):
            continue
        degrees = (one.tensor_parallel, one.pipeline_parallel, one.expert_parallel)
        like = Way(workload.name, one.accelerator, one.precision, one.kv_precision, *degrees, one.batch or 1)
        like = replace(like, batch=one.batch or unstated_batch(workload, one, model, accelerator, like, base))
        for shape in workload.shapes:
            found = seen(one, shape, like, base)
            prefills += [found.prefill] if found.prefill and shape.prompt_tokens else []
            steps += [found.step] if found.step else []
    if not prefills and not steps:
        return 1.0, 1.0
    first = efficiency.prefill_compute * efficiency.speed
    most = max(efficiency.decode_compute, efficiency.decode_bandwidth) * efficiency.speed
    return max(_mean(prefills), first), max(_mean(steps), most)


def _mean(values: list[float]) -> float:
    return math.prod(value ** (1 / len(values)) for value in values) if values else 1.0


def unstated_batch(workload: Any, one: Any, model: Any, accelerator: Any, way: Way, base: Base) -> int:
    """The batch of a measurement that states none: what was in flight, else the largest that memory holds."""
    several = len(workload.shapes) > 1
    room = kv_room_bytes(model, accelerator, way) * (MIXED_SHARE if several else 1.0)
    need = max(base(way, shape).kv_bytes for shape in workload.shapes)
    listed = sorted(workload.batch or range(1, MOST_UNSTATED + 1))
    fitting = [b for b in listed if b >= way.pipeline_parallel and b * need <= room * (1 + 1e-12)]
    if not fitting:
        return listed[0]
    flying = []
    for shape in workload.shapes:
        given, d = one.requests[shape.name], base(way, shape).decode_steps
        if not (d and given.requests_per_s and given.itl_s and given.itl_percentile == "mean"):
            return fitting[-1]
        flying.append(given.requests_per_s * d * given.itl_s)
    return next((b for b in fitting if b >= (1 - SPARE) * max(flying)), fitting[-1])
