"""Fleet lines, nodes and placement of a plan, one by one: what runs can run, where it stands there is room."""

from __future__ import annotations

from collections import Counter, defaultdict

from optimizer.plan import FleetLine, Plan
from optimizer.verify_fleet import Fleet, Pool, node_key, way_of
from optimizer.verify_measured import basis
from optimizer.verify_nodes import NodeFacts
from optimizer.verify_types import FLOW_RELATIVE, Findings, NodeKey
from optimizer.verify_world import World


def check_names(world: World, plan: Plan, findings: Findings) -> bool:
    """Every name in the plan is one of the scenario's; without that nothing else can be recomputed."""
    scenario = world.scenario
    before = len(findings.failures)
    for line in plan.fleet or ():
        findings.hold(line.workload in scenario.workloads, f"workload {line.workload} is not in the scenario")
        findings.hold(line.accelerator in scenario.accelerators, f"accelerator {line.accelerator} is not allowed")
        findings.hold(line.region in scenario.regions, f"region {line.region} is not in the scenario")
        findings.hold([entry.slot for entry in line.by_slot] == list(world.slots), f"slots of {line.offer} are wrong")
        for origin in line.serves:
            findings.hold(origin in scenario.origins, f"origin {origin} is not in the scenario")
        if line.workload in scenario.workloads:
            shapes = {shape.name for shape in scenario.workloads[line.workload].shapes}
            for entry in line.by_slot:
                odd = set(entry.requests_per_s) - shapes
                findings.hold(not odd, lambda odd=odd: f"request shapes {sorted(odd)} are not in the scenario")
    for node in plan.nodes:
        key = NodeKey(node.region, node.offer, node.procurement)
        facts = world.node(key)
        findings.hold(isinstance(facts, NodeFacts), f"{key} cannot be had: {facts}")
        findings.hold(list(node.by_slot) == list(world.slots), f"slots of {key} are wrong")
    keys = [NodeKey(node.region, node.offer, node.procurement) for node in plan.nodes]
    findings.hold(len(set(keys)) == len(keys), "nodes of one kind are listed twice")
    for flow in plan.flows:
        known = flow.workload in scenario.workloads and flow.origin in scenario.origins
        known = known and flow.region in scenario.regions and flow.slot in world.slots
        known = known and flow.shape in {shape.name for shape in scenario.workloads[flow.workload].shapes}
        findings.hold(known, f"a flow of {flow.workload}/{flow.shape} from {flow.origin} to {flow.region} is unknown")
    for line in plan.fleet or ():
        facts = world.node(node_key(line))
        findings.hold(isinstance(facts, NodeFacts), f"{node_key(line)} cannot be had: {facts}")
    return len(findings.failures) == before


def check_lines(fleet: Fleet, findings: Findings, said: Findings) -> None:
    """Each fleet line runs within memory, precision, link domain and node, and its own numbers agree.

    `said` keeps what the plan says of itself and would be no fault of its fleet.
    """
    for line in fleet.plan.fleet or ():
        way, facts = way_of(line), fleet.world.node(node_key(line))
        assert isinstance(facts, NodeFacts)
        wrong = fleet.world.why_not(way)
        for bad in wrong:
            findings.hold(False, f"{way}: {bad}")
        findings.checks += 8
        findings.hold(
            facts.accelerator == line.accelerator, f"{line.offer} has {facts.accelerator}, not {line.accelerator}"
        )
        size, room = way.devices, facts.devices
        inside = size <= room and room % size == 0
        spanning = facts.whole_server and size > room and size % room == 0
        findings.hold(inside or spanning, f"{way}: {size} devices do not fill nodes of {room}")
        says = f"{way}: tensor parallel degree {line.tensor_parallel} leaves the link domain of {facts.link_domain}"
        findings.hold(line.tensor_parallel <= facts.link_domain, says)
        own = basis(fleet.world.scenario.workloads[line.workload], way)
        said.hold(line.basis == own, f"{way}: the plan calls it {line.basis}, it is {own}")
        _check_counts(line, facts, findings)
        if not wrong:
            _check_predictions(fleet.world, line, said)


def _check_predictions(world: World, line: FleetLine, findings: Findings) -> None:
    """The middle of ITL and first token, and their bands, where the line states them."""
    where = f"{line.workload} on {line.offer} in {line.region}"
    (itl, itl_band), (first, first_band) = world.predictions(way_of(line))
    for what, said, said_band, own, own_band in (
        ("ITL", line.itl_s, line.itl_band_s, itl, itl_band),
        ("first token", line.ttft_s, line.ttft_band_s, first, first_band),
    ):
        if said is not None:
            findings.same(f"{where}: predicted {what}", said, own)
        for end, multiplier in zip(said_band or (), own_band, strict=False):
            findings.same(f"{where}: band of the {what}", end, own * multiplier)


def _check_counts(line: FleetLine, facts: NodeFacts, findings: Findings) -> None:
    where = f"{line.workload} on {line.offer} in {line.region}"
    running = [entry.replicas for entry in line.by_slot]
    findings.hold(min(running) >= 0, f"{where}: a negative number of replicas")
    says = f"{where}: {line.replicas} replicas are listed, at most {max(running)} run"
    findings.hold(line.replicas == max(running), says)
    findings.hold(facts.timed or len(set(running)) == 1, f"{where}: {line.procurement} replicas differ between slots")
    own = line.replicas * line.tensor_parallel * line.pipeline_parallel
    findings.hold(line.devices == own, f"{where}: {line.devices} devices are listed, {own} are used")
    for entry in line.by_slot:
        for shape, rate in entry.requests_per_s.items():
            findings.hold(rate >= 0.0, f"{where}: load of {shape} is {rate:.6g} requests/s")
    most = max(sum(entry.requests_per_s.values()) for entry in line.by_slot)
    findings.same(f"{where}: load in its busiest slot", line.requests_per_s, most, FLOW_RELATIVE)


def check_capacities(fleet: Fleet, findings: Findings) -> None:
    """What lines say they can serve is no more than the recomputed rate at the workload's mix and pool size."""
    for pool in fleet.pools.values():
        _check_capacity(fleet, pool, findings)


def _check_capacity(fleet: Fleet, pool: Pool, findings: Findings) -> None:
    plan, world = fleet.plan, fleet.world
    workload = world.scenario.workloads[pool.key.way.workload]
    shares = [shape.share for shape in workload.shapes]
    per_replica = 1 / sum(share / rate for share, rate in zip(shares, world.rates(pool.key.way), strict=True))
    for index in pool.lines:
        line = plan.lines[index]
        best = 0.0
        for slot, entry in zip(world.slots, line.by_slot, strict=True):
            full = fleet.utilisation(pool, pool.replicas[slot], exact=False)
            best = max(best, full * entry.replicas * pool.availability * per_replica)
        findings.at_most(f"capacity of {pool.key}, requests/s", line.capacity_requests_per_s, best)
        findings.hold(line.capacity_requests_per_s >= 0.0, f"capacity of {pool.key} is negative")
        if len(shares) == 1:
            what = f"capacity of {pool.key} against its own load, requests/s"
            findings.at_least(what, line.capacity_requests_per_s, line.requests_per_s, FLOW_RELATIVE)


def check_nodes(fleet: Fleet, findings: Findings) -> None:
    """Nodes hold what runs on them, with the spare ones left empty, in every slot."""
    spare = fleet.world.scenario.planning.spare_nodes
    for node in fleet.plan.nodes:
        key = NodeKey(node.region, node.offer, node.procurement)
        facts = fleet.world.node(key)
        assert isinstance(facts, NodeFacts)
        findings.hold(node.accelerator == facts.accelerator, f"{key} has {facts.accelerator}, not {node.accelerator}")
        says = f"{key} has {facts.devices} devices a node, not {node.devices_per_node}"
        findings.hold(node.devices_per_node == facts.devices, says)
        counts = list(node.by_slot.values())
        findings.hold(node.nodes == max(counts), f"{key}: {node.nodes} nodes are listed, at most {max(counts)} run")
        findings.hold(min(counts) >= 0, f"{key}: a negative number of nodes")
        findings.hold(facts.timed or len(set(counts)) == 1, f"{key}: nodes differ between slots")
    used: dict[tuple[NodeKey, str], int] = defaultdict(int)
    for line in fleet.plan.fleet or ():
        for entry in line.by_slot:
            used[node_key(line), entry.slot] += entry.replicas * line.tensor_parallel * line.pipeline_parallel
    ever = {key for (key, _), devices in used.items() if devices}
    for (key, slot), devices in used.items():
        facts = fleet.world.node(key)
        assert isinstance(facts, NodeFacts)
        room = facts.devices * (fleet.nodes.get(key, {}).get(slot, 0) - (spare if key in ever else 0))
        findings.at_most(f"devices used of {key} ({slot})", devices, room, relative=0.0)


def check_placement(fleet: Fleet, findings: Findings) -> None:
    """The published placement holds exactly the fleet, and no node more than it has room for."""
    plan = fleet.plan
    names = Counter(node.node for node in plan.placement)
    findings.hold(all(count == 1 for count in names.values()), "a node is placed twice under one name")
    placed: dict[NodeKey, Counter[int]] = defaultdict(Counter)
    number: Counter[NodeKey] = Counter()
    for node in plan.placement:
        key = NodeKey(node.region, node.offer, node.procurement)
        number[key] += 1
        facts = fleet.world.node(key)
        room, full = facts.devices if isinstance(facts, NodeFacts) else 0, 0
        for part in node.replicas:
            if not findings.hold(0 <= part.fleet < len(plan.lines), f"{node.node} holds an unknown fleet line"):
                continue
            line = plan.lines[part.fleet]
            size = line.tensor_parallel * line.pipeline_parallel
            spans = max(1, size // max(room, 1))
            findings.hold(node_key(line) == key, f"{node.node} holds replicas of {node_key(line)}")
            findings.hold(part.replicas >= 1, f"{node.node} holds {part.replicas} replicas of a line")
            says = f"{node.node}: a replica spans {spans} nodes, the placement says {part.spans_nodes}"
            findings.hold(part.spans_nodes == spans, says)
            full += part.replicas * min(size, room) if spans > 1 else part.replicas * size
            placed[key][part.fleet] += part.replicas
        findings.hold(full <= room, f"{node.node} holds {full} devices' worth of replicas and has {room} devices")
    for key in fleet.nodes.keys() | number.keys():
        _check_placed(fleet, key, placed[key], number[key], findings)


def _check_placed(fleet: Fleet, key: NodeKey, placed: Counter[int], number: int, findings: Findings) -> None:
    by_slot = fleet.nodes.get(key, {})
    most = max(by_slot.values(), default=0)
    findings.hold(number == most, f"{key}: {number} nodes are placed, {most} are had")
    facts = fleet.world.node(key)
    room = facts.devices if isinstance(facts, NodeFacts) else 1
    lines = [index for index, line in enumerate(fleet.plan.lines) if node_key(line) == key]
    fits_a_slot = False
    for slot in [slot for slot, count in by_slot.items() if count == most]:
        want = {}
        for index in lines:
            line = fleet.plan.lines[index]
            spans = max(1, line.tensor_parallel * line.pipeline_parallel // room)
            entry = line.by_slot[fleet.world.slots.index(slot)]
            want[index] = entry.replicas * spans
        fits_a_slot = fits_a_slot or all(placed[index] == count for index, count in want.items())
    findings.hold(fits_a_slot, f"{key}: the placement does not hold exactly the replicas of the fleet")
