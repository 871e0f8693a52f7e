"""What the independent check knows of a scenario: rates, time left for a first token, demand, node types, grids.

Plain scalars, read from the scenario and its catalog; node types and their prices are worked out here a second time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

from optimizer.verify_bands import Range, bands, caution
from optimizer.verify_measured import measured_run, neighbours, said_of, seen
from optimizer.verify_nodes import NodeFacts, node_facts
from optimizer.verify_physics import NATIVE_RATES, Factors, Running, itl_at, kv_room_bytes, running
from optimizer.verify_point import Point, point
from optimizer.verify_types import NodeKey, PoolKey, Way

ROUND_TRIP_TAIL = 1.3  # declared: P99 of a network round trip over its P50


class World:
    """A scenario as the check sees it."""

    def __init__(self, scenario: Any) -> None:
        self.scenario = scenario
        self.catalog = scenario.catalog
        self.slots: tuple[str, ...] = tuple(slot.name for slot in scenario.slots)
        self.hours: dict[str, float] = {slot.name: slot.hours for slot in scenario.slots}
        self.running = lru_cache(maxsize=None)(self._running)
        self.steps_s = lru_cache(maxsize=None)(self._steps_s)
        self.node = lru_cache(maxsize=None)(lambda key: node_facts(scenario, key))
        self.region = lru_cache(maxsize=None)(scenario.region)
        self.budget_s = lru_cache(maxsize=None)(self._budget_s)
        self.carbon_kg_per_kwh = lru_cache(maxsize=None)(self._carbon_kg_per_kwh)

    # ---- one replica ----

    def efficiency(self, way: Way) -> Any:
        """Fitted figures of a way's device under its workload's engine."""
        return self.catalog.efficiency(way.accelerator, self.scenario.workloads[way.workload].engine)

    def _running(self, way: Way) -> tuple[Running, ...]:
        """What a replica does with each shape of its workload, in order."""
        workload = self.scenario.workloads[way.workload]
        model = self.catalog.models[workload.model]
        accelerator = self.catalog.accelerators[way.accelerator]
        efficiency = self.efficiency(way)
        said, factors = said_of(workload, way), self.factors(way)
        if said is None:
            return tuple(running(model, accelerator, efficiency, way, shape, factors) for shape in workload.shapes)
        bare = [(shape, self._predicted(way, shape)) for shape in workload.shapes]
        figures = [(seen(said, shape, way, self._predicted), run) for shape, run in bare]
        return tuple(measured_run(found, run, way.batch, way.pipeline_parallel) for found, run in figures)

    def _predicted(self, way: Way, shape: Any) -> Running:
        """What physics alone says, without caution."""
        model = self.catalog.models[self.scenario.workloads[way.workload].model]
        accelerator, efficiency = self.catalog.accelerators[way.accelerator], self.efficiency(way)
        return running(model, accelerator, efficiency, way, shape)

    def factors(self, way: Way) -> Factors:
        """What multiplies the predicted times: the user's measurements of ways like this, and caution."""
        workload = self.scenario.workloads[way.workload]
        model, accelerator = self.catalog.models[workload.model], self.catalog.accelerators[way.accelerator]
        efficiency = self.efficiency(way)
        wary = caution(model, accelerator, efficiency, way, self.scenario.planning.confidence)
        prefill, step = neighbours(workload, model, accelerator, efficiency, way, self._predicted)
        return Factors(wary.prefill * prefill, wary.step * step, wary.wait)

    def predictions(self, way: Way) -> tuple[tuple[float, Range], tuple[float, Range]]:
        """The middle of ITL (by tokens) and unhindered first token (by requests), each with its band's multipliers."""
        workload = self.scenario.workloads[way.workload]
        model, accelerator = self.catalog.models[workload.model], self.catalog.accelerators[way.accelerator]
        efficiency, feared = self.efficiency(way), self.factors(way)
        wary = caution(model, accelerator, efficiency, way, self.scenario.planning.confidence)
        middle = Factors(feared.prefill / wary.prefill, feared.step / wary.step, feared.wait / wary.wait)
        runs = [running(model, accelerator, efficiency, way, shape, middle) for shape in workload.shapes]
        runs = runs if said_of(workload, way) is None else list(self.running(way))
        shares = [shape.share for shape in workload.shapes]
        tokens = [share * run.decode_steps for share, run in zip(shares, runs, strict=True)]
        itl = sum(t * run.itl_s for t, run in zip(tokens, runs, strict=True)) / max(sum(tokens), 1e-300)
        first = sum(share * (run.prefill_s + run.step_s) for share, run in zip(shares, runs, strict=True))
        itl_band, ttft_band = bands(model, accelerator, efficiency, way)
        return (itl, itl_band), (first, ttft_band)

    def point(self, way: Way, loads: Sequence[float], utilisation: float, replicas: float) -> Point:
        """Where each of so many replicas settles at a load; `loads` by shape, in any unit of rate."""
        runs = self.running(way)
        unit = utilisation / sum(load / run.rate for load, run in zip(loads, runs, strict=True))
        rates = [load * unit for load in loads]
        occupancies, steps = [run.occupancy_s for run in runs], [run.decode_steps for run in runs]
        return point(rates, occupancies, steps, self.steps_s(way), replicas)

    def _steps_s(self, way: Way) -> list[tuple[float, ...]]:
        """Decode steps with 1 to b requests, by shape; where a full batch was measured, in proportion to that."""
        workload = self.scenario.workloads[way.workload]
        model, accelerator = self.catalog.models[workload.model], self.catalog.accelerators[way.accelerator]
        efficiency, factors = self.efficiency(way), self.factors(way)
        table = [
            [
                running(model, accelerator, efficiency, replace(way, batch=k), shape, factors).step_s
                for shape in workload.shapes
            ]
            for k in range(1, way.batch + 1)
        ]
        full = [run.step_s / last for run, last in zip(self.running(way), table[-1], strict=True)]
        return [tuple(step * scale for step, scale in zip(row, full, strict=True)) for row in table]

    def rates(self, way: Way) -> tuple[float, ...]:
        """Requests a second of one replica, by shape."""
        return tuple(run.rate for run in self.running(way))

    def kv_room_bytes(self, way: Way) -> float:
        """Bytes of cache that a replica can hold."""
        model = self.catalog.models[self.scenario.workloads[way.workload].model]
        return kv_room_bytes(model, self.catalog.accelerators[way.accelerator], way)

    def why_not(self, way: Way) -> list[str]:
        """Why a way cannot run, whatever the fleet; empty where it can. The node it runs in is judged elsewhere."""
        workload = self.scenario.workloads[way.workload]
        model, accelerator = self.catalog.models[workload.model], self.catalog.accelerators[way.accelerator]
        known = (
            (way.precision, NATIVE_RATES, "precision"),
            (way.kv_precision, ("bf16", "fp16", "fp8", "int8"), "KV precision"),
        )
        for name, names, what in known:
            if name not in names:
                return [f"{what} {name} is unknown"]
        if min(way.tensor_parallel, way.pipeline_parallel, way.expert_parallel, way.batch) < 1:
            return ["a parallel degree or the batch is below 1"]
        if not any(accelerator.peak_flop_per_s.get(name) for name in NATIVE_RATES[way.precision]):
            return [f"{way.accelerator} does not compute {way.precision} natively"]
        bad = self._not_allowed(workload, way)
        if workload.only_measured and said_of(workload, way) is None:
            bad.append("it was not measured, and only measured ways may be used")
        if model.heads % way.tensor_parallel:
            bad.append(f"{way.tensor_parallel} ranks cannot share {model.heads} heads")
        if way.expert_parallel not in (1, way.tensor_parallel if model.experts else 1):
            bad.append(f"expert parallel degree {way.expert_parallel} is neither 1 nor the tensor parallel degree")
        if way.batch < way.pipeline_parallel:
            bad.append(f"batch {way.batch} does not fill {way.pipeline_parallel} stages")
        return bad + self._does_not_fit(workload, way)

    def _not_allowed(self, workload: Any, way: Way) -> list[str]:
        bad = []
        lists = (
            ("precision", way.precision, workload.precisions),
            ("KV precision", way.kv_precision, workload.kv_precisions),
            ("tensor parallel degree", way.tensor_parallel, workload.tensor_parallel),
            ("pipeline parallel degree", way.pipeline_parallel, workload.pipeline_parallel),
            ("batch", way.batch, workload.batch),
            ("accelerator", way.accelerator, self.scenario.accelerators),
        )
        for what, value, allowed in lists:
            if allowed and value not in allowed:
                bad.append(f"{what} {value} is not in the allowed list {', '.join(map(str, allowed))}")
        if workload.quality_loss is not None:
            loss = workload.quality_loss.of(way.precision)
            if loss is not None and loss > workload.quality_loss.limit:
                bad.append(f"quality loss {loss:g} of {way.precision} exceeds {workload.quality_loss.limit:g}")
        return bad

    def _does_not_fit(self, workload: Any, way: Way) -> list[str]:
        bad, runs, room = [], self.running(way), self.kv_room_bytes(way)
        together = way.batch if len(runs) == 1 else 1
        for shape, run in zip(workload.shapes, runs, strict=True):
            need = together * run.kv_bytes
            if need > room * (1 + 1e-9):
                bad.append(f"{together} x {shape.name} needs {need / 1e9:.3f} GB of cache, {room / 1e9:.3f} GB is left")
            for what, share in (("FLOP/s", run.flop_share), ("memory bandwidth", run.bandwidth_share)):
                if not 0.0 < share <= 1.0:
                    bad.append(f"{shape.name} would take {share:.3f} of the peak {what}")
            if not math.isfinite(run.holding_s):
                bad.append(f"{shape.name} never ends: a link is missing")
        if workload.itl is not None and len(runs) == 1:
            value = itl_at(runs[0], way.batch, workload.itl.percentile)
            if value > workload.itl.limit_s * (1 + 1e-9):
                bad.append(f"ITL {value * 1e3:.3f} ms exceeds {workload.itl.limit_s * 1e3:g} ms")
        return bad

    def itl_excess_s(self, way: Way) -> tuple[float, ...] | None:
        """By shape, decode steps x (ITL - limit); None without a limit."""
        limit = self.scenario.workloads[way.workload].itl
        if limit is None:
            return None
        runs = self.running(way)
        return tuple(run.decode_steps * (itl_at(run, way.batch, limit.percentile) - limit.limit_s) for run in runs)

    # ---- demand and distance ----

    def demand(self, workload: str, shape: int, origin: str, slot: str) -> float:
        """Planned requests a second of one shape from one origin in one slot."""
        planning, asked = self.scenario.planning, self.scenario.workloads[workload]
        if origin not in asked.demand:
            return 0.0
        rate = asked.demand[origin][self.slots.index(slot)] * asked.shapes[shape].share
        return rate * planning.peak_factor * (1 + planning.growth)

    def _budget_s(self, workload: str, origin: str, region: str) -> float:
        """Time that the network leaves for the first token; infinite without a limit."""
        ttft = self.scenario.workloads[workload].ttft
        if ttft is None:
            return math.inf
        place = self.scenario.origins[origin]
        backbone = self.catalog.round_trip(place.near, region).p50_s
        tail = ROUND_TRIP_TAIL if ttft.percentile > 50 else 1.0
        return round(ttft.limit_s - tail * backbone - place.last_mile_s, 9)

    def percentile(self, workload: str) -> float:
        """Percentile of the first-token limit."""
        ttft = self.scenario.workloads[workload].ttft
        return 99.0 if ttft is None else ttft.percentile

    def pool_budget_s(self, key: PoolKey) -> float:
        """The least time that any origin of a pool leaves it."""
        return min((self.budget_s(key.way.workload, origin, key.region) for origin in key.serves), default=math.inf)

    def may_serve(self, workload: str, origin: str, region: str) -> bool:
        """Whether residency allows it."""
        places = self.scenario.workloads[workload].residency
        if places is None or origin not in places:
            return True
        return region in places[origin] or self.catalog.regions[region].country in places[origin]

    # ---- nodes ----

    def availability(self, region: str, offer: str, procurement: str) -> float:
        """Share of the time that nodes can be had."""
        facts = self.node(NodeKey(region, offer, procurement))
        return facts.availability if isinstance(facts, NodeFacts) else 0.0

    def quota(self, region: str, accelerator: str) -> float:
        """Devices that can be had; where the quota is unknown or absent those that are there today."""
        use = self.scenario.regions[region]
        quota = use.quota.get(accelerator, use.quota_default or "unknown")
        if quota == "unknown":
            return float(self._devices_now(region, accelerator))
        return math.inf if quota == "unlimited" else float(quota)

    def _devices_now(self, region: str, accelerator: str) -> int:
        owned = self.scenario.procurement.owned
        size = {} if owned is None else owned.devices_per_node
        total = 0
        for node in () if self.scenario.today is None else self.scenario.today.nodes:
            if node.region != region:
                continue
            if node.accelerator == accelerator:
                each = size.get(accelerator, self.catalog.accelerators[accelerator].devices_per_node)
                total += node.nodes * each
            for row in self.catalog.instances_in(region, accelerator):
                total += node.nodes * row.devices if row.name == node.instance else 0
        return total

    # ---- grids and time ----

    def _carbon_kg_per_kwh(self, region: str, slot: str) -> float:
        """Grid carbon in a slot: the annual figure on the declared basis, shaped by the hour where slots have hours."""
        place = self.region(region)
        annual = place.carbon_kg_per_kwh[self.scenario.carbon_basis]
        slots = self.scenario.slots
        if place.hourly_shape is None or any(entry.start_hour is None for entry in slots):
            return annual
        level = {entry.name: _curve_mean(place.hourly_shape, entry.start_hour, entry.length_h) for entry in slots}
        mean = sum(level[entry.name] * entry.hours for entry in slots) / sum(entry.hours for entry in slots)
        return annual * level[slot] / mean

    @cached_property
    def before(self) -> dict[str, str]:
        """The slot before each, within its kind of day; the first follows the last."""
        previous = {}
        for slot in self.scenario.slots:
            day = [other.name for other in self.scenario.slots if other.day == slot.day]
            previous[slot.name] = day[day.index(slot.name) - 1]
        return previous

    @cached_property
    def days(self) -> dict[str, float]:
        """How often a year each slot comes."""
        return {slot.name: slot.hours / slot.length_h for slot in self.scenario.slots}


def _curve_mean(curve: tuple[float, ...], start_hour: float, length_h: float) -> float:
    """Mean of an hourly curve over a stretch of the day, parts of hours counted as such."""
    end, total, hour = start_hour + length_h, 0.0, math.floor(start_hour)
    while hour < end:
        covered = min(end, hour + 1) - max(start_hour, hour)
        total += covered * curve[hour % 24]
        hour += 1
    return total / length_h
