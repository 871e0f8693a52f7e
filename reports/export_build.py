"""From a verified plan and its scenario to the neutral form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from physics.memory import STEP_TOKENS
from reports.export_form import (
    FILL_IN,
    Answers,
    Deployment,
    Held,
    NodeGroup,
    NodesBySlot,
    Pool,
    Region,
    ServedModel,
    Traffic,
)
from reports.export_names import Labels, instance_type
from reports.problems import wrong_flag
from reports.words import listed, plain

if TYPE_CHECKING:
    from optimizer.plan import FleetLine, Plan
    from scenarios import Scenario

ENGINE = "vllm"
"""The engine whose arguments are known here."""
_AS_PUBLISHED = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
"""Precisions that an engine reads from a plain checkpoint, and what vLLM calls them."""


def deployment(plan: Plan, scenario: Scenario, checkpoints: Mapping[str, str] | None = None) -> Deployment:
    """The fleet of a plan in the neutral form.

    Args:
        plan: With a fleet; whether it holds is for the caller to check.
        scenario: The one that the plan answers.
        checkpoints: What to load, by workload or by `workload:precision`; else what the catalog knows.
    """
    chosen = dict(checkpoints or {})
    _known(plan, chosen)
    labels = Labels()
    models = {
        key: _model(scenario, *key, chosen, labels)
        for key in dict.fromkeys((line.workload, line.precision) for line in plan.lines)
    }
    pools = [_pool(plan, row, scenario, models, chosen, labels) for row in range(len(plan.lines))]
    used = dict.fromkeys(line.region for line in plan.nodes if line.nodes)
    regions = [_region(plan, region, scenario, pools, labels) for region in used]
    return Deployment(
        answers=_answers(plan),
        models=list(models.values()),
        regions=regions,
        traffic=[Traffic(**flow.model_dump()) for flow in plan.flows if flow.requests_per_s > 0],
        notes=list(_notes(plan, regions)),
    )


def _answers(plan: Plan) -> Answers:
    return Answers(
        scenario=plan.scenario,
        title=plan.title,
        status=plan.status,
        gap=plan.gap,
        scenario_sha256=plan.lock.scenario_sha256,
        argosy=plan.lock.argosy,
        usd_per_year=plan.accounts.get("usd_per_year"),
        kg_co2e_per_year=plan.accounts.get("kg_co2e_per_year"),
    )


def _known(plan: Plan, chosen: Mapping[str, str]) -> None:
    """Refuse a checkpoint for what the plan does not run."""
    run = sorted({name for line in plan.lines for name in (line.workload, f"{line.workload}:{line.precision}")})
    for name, checkpoint in chosen.items():
        if name not in run:
            raise wrong_flag("--model", f"the plan runs no {plain(name)}", f"it runs {listed(run)}")
        if not checkpoint.strip():
            raise wrong_flag("--model", f"no checkpoint for {plain(name)}", f"--model {plain(name)}=CHECKPOINT")


def _model(
    scenario: Scenario, workload: str, precision: str, chosen: Mapping[str, str], labels: Labels
) -> ServedModel:
    """What to load: as the user says, else the catalog's checkpoint where it has, or can be given, this precision."""
    name = scenario.workloads[workload].model
    published = list(scenario.catalog.models[name].published_as)
    known = chosen.get(workload) or (published[0] if published else "")
    ready = known and _can_be_loaded(scenario, workload, precision)
    missing = f"{FILL_IN}: a checkpoint of {known or name} in {precision}"
    checkpoint = plain(chosen.get(f"{workload}:{precision}") or (known if ready else missing))
    others = [one for one in published if one != known]
    note = ""
    if checkpoint.startswith(FILL_IN):
        note = f"{checkpoint} for {workload}: --model {workload}:{precision}=CHECKPOINT"
    elif others and not chosen:
        note = f"{workload} loads {checkpoint}; the same architecture is published as {listed(others)}"
    return ServedModel(
        name=labels.label(workload, precision),
        workload=workload,
        catalog_model=name,
        precision=precision,
        parameters=float(scenario.catalog.models[name].params_total),
        checkpoint=checkpoint,
        other_checkpoints=others,
        note=plain(note),
    )


def _published_in(scenario: Scenario, workload: str) -> str:
    """The narrow precision in which the model itself is published, empty where that is 16 bit."""
    model = scenario.catalog.models[scenario.workloads[workload].model]
    return "fp8" if model.block_scaled_fp8 else "fp4" if model.mxfp4 else ""


def _can_be_loaded(scenario: Scenario, workload: str, precision: str) -> bool:
    """Whether the published checkpoint runs in this precision: it is in it, or is quantized to FP8 while it loads."""
    own = _published_in(scenario, workload)
    return precision == own if own else precision in _AS_PUBLISHED or precision == "fp8"


def _pool(
    plan: Plan,
    row: int,
    scenario: Scenario,
    models: Mapping[tuple[str, str], ServedModel],
    chosen: Mapping[str, str],
    labels: Labels,
) -> Pool:
    line = plan.lines[row]
    workload = scenario.workloads[line.workload]
    longest = max(shape.context_tokens for shape in workload.shapes)
    devices = line.tensor_parallel * line.pipeline_parallel
    on_node = max(1, _devices_per_node(plan, line) // devices)
    promised = any(
        loss.what == "node" and loss.workload == line.workload and loss.required_share is not None
        for loss in plan.losses
    )
    as_it_is = f"{line.workload}:{line.precision}" in chosen or bool(_published_in(scenario, line.workload))
    return Pool(
        name=labels.label(line.workload, line.accelerator, line.precision, _parallel(line), line.procurement),
        workload=line.workload,
        model=models[line.workload, line.precision].name,
        engine=workload.engine,
        offer=line.offer,
        accelerator=line.accelerator,
        procurement=line.procurement,
        replicas=_placed(plan, row),
        replicas_by_slot={entry.slot: entry.replicas for entry in line.by_slot},
        devices_per_replica=devices,
        tensor_parallel=line.tensor_parallel,
        pipeline_parallel=line.pipeline_parallel,
        expert_parallel=line.expert_parallel,
        precision=line.precision,
        kv_precision=line.kv_precision,
        batch=line.batch,
        longest_context_tokens=longest,
        requests_per_s=line.requests_per_s,
        capacity_requests_per_s=line.capacity_requests_per_s,
        may_be_down=min(on_node, line.replicas) if promised else None,
        serves=line.serves,
        receives=[origin for origin in line.serves if line.requests_per_s > 0 and origin in _sent(plan, line)],
        engine_arguments=_arguments(line, None if workload.request_source else longest, as_it_is)
        if workload.engine == ENGINE
        else [],
    )


def _sent(plan: Plan, line: FleetLine) -> set[str]:
    """Origins whose requests of a workload the plan sends to a region."""
    place = (line.workload, line.region)
    return {flow.origin for flow in plan.flows if (flow.workload, flow.region) == place and flow.requests_per_s > 0}


def _parallel(line: FleetLine) -> str:
    pipeline = f"pp{line.pipeline_parallel}" if line.pipeline_parallel > 1 else ""
    return f"tp{line.tensor_parallel}{pipeline}"


def _placed(plan: Plan, row: int) -> int:
    """Replicas of a fleet line in the placement; one that lies on several nodes is listed on each of them."""
    placed = (one for node in plan.placement for one in node.replicas if one.fleet == row)
    return int(sum(Fraction(one.replicas, one.spans_nodes) for one in placed))


def _devices_per_node(plan: Plan, line: FleetLine) -> int:
    return next(
        node.devices_per_node
        for node in plan.nodes
        if (node.region, node.offer, node.procurement) == (line.region, line.offer, line.procurement)
    )


def _arguments(line: FleetLine, longest: int | None, as_it_is: bool) -> list[str]:
    """Arguments of `vllm serve`.

    `longest`: the longest request, None where the kinds of request are bins of a trace. `as_it_is`: the checkpoint has
    its precision already and says so itself.
    """
    found = ["--tensor-parallel-size", str(line.tensor_parallel)]
    if line.pipeline_parallel > 1:
        found += ["--pipeline-parallel-size", str(line.pipeline_parallel)]
    if line.expert_parallel > 1:
        found += ["--enable-expert-parallel"]
    found += ["--max-num-seqs", str(line.batch), "--max-num-batched-tokens", str(int(STEP_TOKENS))]
    if longest is not None:
        found += ["--max-model-len", str(longest)]
    if line.precision in _AS_PUBLISHED:
        found += ["--dtype", _AS_PUBLISHED[line.precision]]
    elif line.precision == "fp8" and not as_it_is:
        found += ["--quantization", "fp8"]
    return [*found, "--kv-cache-dtype", "fp8" if line.kv_precision == "fp8" else "auto"]


def _region(plan: Plan, region: str, scenario: Scenario, pools: list[Pool], labels: Labels) -> Region:
    provider, _, place = region.partition("/")
    return Region(
        name=labels.label(region),
        region=region,
        provider=provider,
        provider_region=place,
        node_groups=list(_groups(plan, region, scenario, pools, labels)),
        nodes_by_slot=[
            NodesBySlot(offer=line.offer, procurement=line.procurement, nodes=line.by_slot)  # type: ignore[arg-type]
            for line in plan.nodes
            if line.region == region and line.nodes
        ],
        pools=[pool for pool, line in zip(pools, plan.lines, strict=True) if line.region == region],
    )


def _groups(plan: Plan, region: str, scenario: Scenario, pools: list[Pool], labels: Labels) -> Iterable[NodeGroup]:
    """Nodes of the plan's placement, those that hold the same counted together; nodes that hold nothing as well."""
    for line in plan.nodes:
        if line.region != region or not line.nodes:
            continue
        alike: Counter[tuple[tuple[int, int, int], ...]] = Counter()
        for node in plan.placement:
            if (node.region, node.offer, node.procurement) == (region, line.offer, line.procurement):
                alike[tuple(sorted((one.fleet, one.replicas, one.spans_nodes) for one in node.replicas))] += 1
        if line.nodes > alike.total():
            alike[()] += line.nodes - alike.total()
        for held, nodes in alike.items():
            yield NodeGroup(
                name=labels.label(region.rpartition("/")[2], line.accelerator, line.procurement),
                offer=line.offer,
                instance_type=instance_type(region.partition("/")[0], line.offer, line.procurement),
                accelerator=line.accelerator,
                vendor=scenario.catalog.accelerators[line.accelerator].vendor,
                devices_per_node=line.devices_per_node,
                procurement=line.procurement,  # type: ignore[arg-type]
                nodes=nodes,
                holds=[Held(pool=pools[row].name, replicas=count, spans_nodes=span) for row, count, span in held],
            )


def _notes(plan: Plan, regions: Sequence[Region]) -> Iterable[str]:
    """What the files leave open."""
    for pool in (pool for region in regions for pool in region.pools):
        if pool.expert_parallel > 1 and pool.expert_parallel != pool.tensor_parallel:
            yield (
                f"{pool.name}: planned with the experts in {pool.expert_parallel} groups over {pool.tensor_parallel} "
                "devices; vLLM spreads them over all devices of the replica"
            )
    yield "--max-num-seqs is the plan's batch: requests beyond it wait, and the waiting times are planned with that"
    arguments = {argument for region in regions for pool in region.pools for argument in pool.engine_arguments}
    if "--max-model-len" in arguments:
        yield "--max-model-len is the longest request of the scenario: longer ones are refused, unless you raise it"
    yield "requests have to be sent as the plan's traffic says, to the replica with the fewest; no router is written"
    if len({flow.slot for flow in plan.flows}) > 1:
        yield "counts are those of each node type's fullest slot; at other hours other pools may run, on fewer nodes"
