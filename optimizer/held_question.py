"""A question in which a plan's own pools are all there is: each way to run as the plan has it, at the plan's counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optimizer.candidates import Table, _take, table
from optimizer.columns import layout_of
from optimizer.measured_rates import Measured
from optimizer.offers import Hire, Offers, offers
from optimizer.plan import FleetLine, Plan
from optimizer.pools import Latency, Node, Variants, _tags, _usable, latency
from optimizer.program import Program, written
from optimizer.tables import PoolGroup, Question, node_of
from optimizer.today import standing
from scenarios.errors import Problem, ScenarioError
from scenarios.schema import Scenario
from scenarios.schema_demand import Workload

Way = tuple[str, str, str, int, int, int, int]
"""Accelerator, precision, KV precision, TP, PP, EP, batch."""


@dataclass(frozen=True)
class _Pool:
    """One pool of the plan: its way, its latency class, and its replicas by procurement and slot."""

    workload: str
    region: str
    offer: str
    way: Way
    serves: tuple[str, ...]
    lines: tuple[FleetLine, ...]

    def sizes(self) -> list[int]:
        """Every size above 0 that it has in some slot, over all procurements."""
        slots = zip(*([slot.replicas for slot in line.by_slot] for line in self.lines), strict=True)
        return sorted({sum(replicas) for replicas in slots} - {0})


def way_of(line: FleetLine) -> Way:
    """How a line of the fleet runs."""
    degrees = (line.tensor_parallel, line.pipeline_parallel, line.expert_parallel)
    return (line.accelerator, line.precision, line.kv_precision, *degrees, line.batch)


def fixed_program(scenario: Scenario, plan: Plan) -> Program:
    """The program in which the plan's nodes and replicas are given, and all that flows is free.

    Pools that a latency limit of the user's rules out here are in it too, closed by that limit as in a question made to
    be repaired. ScenarioError where the scenario does not have what the plan stands on.
    """
    question, pools = _question(scenario, plan)
    layout = layout_of(question)
    nodes = np.zeros(layout.hires.col.shape)
    nodes[: len(plan.nodes)] = [[line.by_slot.get(slot, 0) for slot in layout.slots] for line in plan.nodes]
    layout.hires.most_nodes = nodes.max(axis=1)
    program = written(question, layout)
    lower, upper = program.problem.lower.copy(), program.problem.upper.copy()
    for column, given in ((layout.hires.col, nodes), (layout.counts.col, _replicas(program, pools))):
        lower[column] = upper[column] = given
    return replace(program, problem=replace(program.problem, lower=lower, upper=upper))


def _question(scenario: Scenario, plan: Plan) -> tuple[Question, list[_Pool]]:
    """The question of the plan's nodes and pools alone, and the pools in the order of its layout."""
    pools, order = _pools(plan), []
    found = Offers([*_hires(scenario, plan), *_switched_off(scenario, plan)], [])
    tables = [
        _table(scenario, workload, [pool.way for pool in pools if pool.workload == name])
        for name, workload in scenario.workloads.items()
    ]
    question = Question(scenario, True, found, tables, [])
    for w, name in enumerate(scenario.workloads):
        for r, region in enumerate(scenario.regions):
            here = [pool for pool in pools if (pool.workload, pool.region) == (name, region)]
            for offer in dict.fromkeys(pool.offer for pool in here):
                hires = [h for h, hire in enumerate(found.hires) if (hire.region, hire.offer) == (region, offer)]
                mine = [pool for pool in here if pool.offer == offer]
                time = latency(scenario, scenario.workloads[name], region)
                made = [_variants(scenario, tables[w], time, found.hires[hires[0]], pool) for pool in mine]
                question.groups.append(PoolGroup(w, r, offer, hires, _stacked(made)))
                order += mine
    return question, order


def _pools(plan: Plan) -> list[_Pool]:
    """The plan's pools; lines that agree in all but replicas and procurement are one."""
    found: dict[tuple[str, str, str, Way, tuple[str, ...]], list[FleetLine]] = {}
    for line in plan.lines:
        found.setdefault((line.workload, line.region, line.offer, way_of(line), tuple(line.serves)), []).append(line)
    return [_Pool(w, r, offer, way, serves, tuple(lines)) for (w, r, offer, way, serves), lines in found.items()]


def _hires(scenario: Scenario, plan: Plan) -> list[Hire]:
    """The offers that nodes of the plan come from."""
    offered = {(h.region, h.offer, h.procurement, h.devices): h for h in offers(scenario, twins=True).hires}
    found = []
    for line in plan.nodes:
        hire = offered.get((line.region, line.offer, line.procurement, line.devices_per_node))
        if hire is None:
            what = f"{line.offer} ({line.procurement.replace('_', ' ')}) in {line.region}"
            raise _refused(scenario, f"the plan has {what}, and the scenario does not offer it")
        found.append(hire)
    return found


def _switched_off(scenario: Scenario, plan: Plan) -> list[Hire]:
    """Offers of today's nodes of which none runs in the plan: without them a node could only be retired or moved."""
    running = {(line.region, line.offer, line.procurement) for line in plan.nodes}
    off = {place for place, nodes in standing(scenario).items() if nodes.fixed} - running
    return [h for h in offers(scenario, twins=True).hires if (h.region, h.offer, h.procurement) in off]


def _table(scenario: Scenario, workload: Workload, ways: list[Way]) -> Table:
    """The priced table of these ways alone. What was measured keeps its meaning in the workload as it is."""
    kinds = {"tensor_parallel": 3, "pipeline_parallel": 4, "batch": 6}
    used = {name: tuple(sorted({way[place] for way in ways})) or (1,) for name, place in kinds.items()}
    for name, values in used.items():
        listed = getattr(workload, name)
        if ways and listed is not None and not set(values) <= {*listed, *_measured_batches(workload, name)}:
            says = f"the plan runs {workload.name} at {name} {', '.join(map(str, values))}, and the scenario lists "
            raise _refused(scenario, says + ", ".join(map(str, listed)))
    cut = workload.model_copy(update=used)
    devices = tuple(name for name in scenario.accelerators if name in {way[0] for way in ways})
    some = scenario.model_copy(update={"accelerators": devices or scenario.accelerators[:1]})
    priced = table(some, cut, {}, measured=Measured(scenario, workload))
    rows = [_row(scenario, priced, way) for way in dict.fromkeys(ways)]
    return replace(_take(priced, np.array(rows, dtype=np.intp)), workload=workload)


def _measured_batches(workload: Workload, name: str) -> set[int]:
    return {one.batch for one in workload.measurements if one.batch is not None} if name == "batch" else set()


def _row(scenario: Scenario, priced: Table, way: Way) -> int:
    for row in range(len(priced)):
        if _way_at(priced, row) == way:
            return row
    device, precision, kv, tensor, stages, _, batch = way
    what = f"{device} {precision} (KV {kv}) TP{tensor} PP{stages} batch {batch}"
    raise _refused(scenario, f"the plan runs {priced.workload.name} as {what}, and the scenario rules that out")


def _way_at(priced: Table, row: int) -> Way:
    chip, runs = priced.chips[priced.chip[row]], priced.runs
    degrees = (runs.tensor_parallel, runs.pipeline_parallel, runs.expert_parallel, runs.batch)
    tensor, stages, experts, batch = (int(column[row]) for column in degrees)
    return (chip.accelerator.name, chip.precision, chip.kv_precision, tensor, stages, experts, batch)


def _variants(scenario: Scenario, priced: Table, time: Latency, hire: Hire, pool: _Pool) -> Variants:
    """One pool with exactly the sizes it has; where no load keeps the first-token limit, marked with that limit."""
    row = np.array([_row(scenario, priced, pool.way)])
    served = {o: k for o, k in zip(scenario.origins, time.class_of.tolist(), strict=True) if o in pool.serves}
    if not served:
        raise _refused(scenario, f"the plan's {pool.offer} in {pool.region} serves no origin of the scenario")
    k = min(served.values())
    node: Node = node_of(hire, 1 + scenario.planning.maintenance_nodes if scenario.failures.node else 0)
    devices = priced.runs.devices[row]
    lost = node.lost(devices)
    sizes, tags = np.array([pool.sizes()], dtype=float), _tags(priced, row)
    budget = float(time.budgets_s[k])
    if budget <= 0 or not _usable(priced, row, sizes, budget).any():
        budget, tags = np.inf, [tags[0] + (f"ttft {pool.workload}",)]
    use = _usable(priced, row, sizes, budget)
    left = np.maximum(sizes - lost[:, None], 0.0)
    after = np.where(left > 0, _usable(priced, row, left, budget), 0.0)
    return Variants(row, np.array([k]), tags, devices, lost, sizes, sizes, use, after)


def _stacked(parts: list[Variants]) -> Variants:
    """Pools as one table; those with fewer sizes have bands that are not there."""
    width = max(part.smallest.shape[1] for part in parts)

    def stack(name: str) -> np.ndarray:
        columns = [getattr(part, name) for part in parts]
        if columns[0].ndim == 2:
            columns = [np.pad(column, ((0, 0), (0, width - column.shape[1]))) for column in columns]
        return np.concatenate(columns)

    tags = [tag for part in parts for tag in part.closed_by]
    names = ("devices", "lost", "smallest", "largest", "utilisation", "after_loss")
    stacked: dict[str, Any] = {name: stack(name) for name in names}
    return Variants(stack("candidate"), stack("latency_class"), tags, **stacked)


def _replicas(program: Program, pools: list[_Pool]) -> np.ndarray:
    """[count row, slot] replicas of each pool under each hire."""
    counts, hires, slots = program.layout.counts, program.layout.hires, program.layout.slots
    out = np.zeros(counts.col.shape)
    for row, (v, h) in enumerate(zip(counts.pool.tolist(), counts.hire.tolist(), strict=True)):
        for line in pools[v].lines:
            if line.procurement == hires.procurement[h]:
                by_slot = {entry.slot: entry.replicas for entry in line.by_slot}
                out[row] += [by_slot.get(slot, 0) for slot in slots]
    return out


def _refused(scenario: Scenario, message: str) -> ScenarioError:
    return ScenarioError(Problem(scenario.source, None, "", message, "use the plan with the scenario it was made for"))
