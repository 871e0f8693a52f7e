"""From the solver's point to a plan: fleet, nodes, placement, flows, bills and accounts."""

from __future__ import annotations

import numpy as np

from optimizer.plan import Charge, FleetLine, Flow, NodeLine, PlacedNode, PlacedReplicas, SlotLine
from optimizer.program import ACCOUNTS, Program
from optimizer.sureness import predicted

SMALLEST_FLOW = 1e-9  # of a unit of rate; anything below is the solver's dust


class Answer:
    """The parts of a plan at one point of a program."""

    def __init__(self, program: Program, x: np.ndarray) -> None:
        self.program = program
        self.layout = program.layout
        self.x = x
        self.lines: list[tuple[int, int]] = []
        """(pool, hire) of each fleet line."""
        self.fleet = self._fleet()
        self.nodes = self._nodes()
        self.placement = self._placement()
        self.flows = self._flows()
        self.charges = self._charges()
        self.accounts = self._accounts()

    def replicas(self, pool: int, slot: int) -> float:
        """Replicas of a pool in a slot over all its hires."""
        counts = self.layout.counts
        return float(self.x[counts.col[counts.pool == pool, slot]].sum())

    def load(self, pool: int, slot: int) -> np.ndarray:
        """[shape] requests/s on a pool in a slot."""
        loads = self.layout.loads
        here = (loads.pool == pool) & (loads.slot == slot)
        out = np.zeros(len(self.layout.shapes_of[self.layout.pools.workload[pool]]))
        out[loads.shape[here]] = self.x[loads.col[here]]
        return np.where(out > SMALLEST_FLOW, out, 0.0) * self.layout.rate_unit

    def utilisation(self, pool: int, slot: int) -> float:
        """Busy share of a pool's replicas in a slot."""
        replicas = self.replicas(pool, slot) * self.layout.pools.availability[pool]
        load = self.load(pool, slot)
        return float((load / self.layout.pools.requests_per_s[pool, : load.size]).sum() / replicas) if replicas else 0.0

    def describe(self, pool: int) -> str:
        """A pool in a reader's words."""
        layout, pools = self.layout, self.layout.pools
        w, r = int(pools.workload[pool]), int(pools.region[pool])
        classes = layout.class_of[w, :, r]
        served = [o for o, k in zip(layout.origins, classes, strict=True) if k >= pools.latency_class[pool]]
        only = f" for {', '.join(served)}" if len(served) < len(layout.origins) else ""
        way = self.program.question.tables[w].describe(int(pools.candidate[pool]))
        return f"{layout.workloads[w]} in {layout.regions[r]}{only}: {way} on {layout.offers[pools.offer[pool]]}"

    def used_pools(self) -> list[int]:
        """Pools with replicas in some slot."""
        counts = self.layout.counts
        return sorted({int(v) for v in counts.pool[(self.x[counts.col] > 0.5).any(axis=1)]})

    def _fleet(self) -> list[FleetLine]:
        layout, question = self.layout, self.program.question
        counts, pools, found = layout.counts, layout.pools, []
        for row in np.flatnonzero((self.x[counts.col] > 0.5).any(axis=1)) if counts.col.size else []:
            v, h = int(counts.pool[row]), int(counts.hire[row])
            priced = question.tables[pools.workload[v]]
            candidate, shapes = int(pools.candidate[v]), [shape.name for shape in priced.workload.shapes]
            chip, runs = priced.chips[priced.chip[candidate]], priced.runs
            number, slots = self.x[counts.col[row]], []
            for t, slot in enumerate(layout.slots):
                together = self.replicas(v, t)
                part = self.load(v, t) * (number[t] / together if together else 0.0)
                slots.append(
                    SlotLine(
                        slot=slot,
                        replicas=round(number[t]),
                        requests_per_s=dict(zip(shapes, part.tolist(), strict=True)),
                    )
                )
            most = int(number.max())
            classes = layout.class_of[pools.workload[v], :, pools.region[v]]
            found.append(
                FleetLine(
                    workload=priced.workload.name,
                    region=layout.regions[pools.region[v]],
                    offer=layout.offers[pools.offer[v]],
                    accelerator=chip.accelerator.name,
                    precision=chip.precision,
                    kv_precision=chip.kv_precision,
                    tensor_parallel=int(runs.tensor_parallel[candidate]),
                    pipeline_parallel=int(runs.pipeline_parallel[candidate]),
                    expert_parallel=int(runs.expert_parallel[candidate]),
                    batch=int(runs.batch[candidate]),
                    procurement=layout.hires.procurement[h],  # type: ignore[arg-type]
                    basis=priced.basis(candidate),
                    replicas=most,
                    devices=int(most * pools.devices[v]),
                    capacity_requests_per_s=self._capacity(v, number),
                    requests_per_s=max(sum(slot.requests_per_s.values()) for slot in slots),
                    by_slot=slots,
                    **predicted(question.scenario, priced, candidate),
                    serves=[
                        origin for origin, k in zip(layout.origins, classes, strict=True) if k >= pools.latency_class[v]
                    ],
                )
            )
            self.lines.append((v, h))
        return found

    def _capacity(self, pool: int, number: np.ndarray) -> float:
        """Rate of a line inside its limits at the workload's mix, in the slot with most replicas."""
        layout, t = self.layout, int(number.argmax())
        bands = layout.bands
        rows = np.flatnonzero((bands.pool == pool) & ((bands.slot == t) | (bands.slot == -1)))
        usable = (
            float((self.x[bands.count_col[rows]] * bands.utilisation[rows]).sum()) * layout.pools.availability[pool]
        )
        w = layout.pools.workload[pool]
        share = layout.requests.share[layout.shapes_of[w]]
        per_replica = 1.0 / (share / layout.pools.requests_per_s[pool, : share.size]).sum()
        return usable * per_replica * float(number[t]) / max(self.replicas(pool, t), 1.0)

    def _nodes(self) -> list[NodeLine]:
        layout, hires, found = self.layout, self.layout.hires, []
        for h in range(len(hires.procurement)):
            number = np.round(self.x[hires.col[h]]).astype(int)
            if number.any():
                found.append(
                    NodeLine(
                        region=layout.regions[hires.region[h]],
                        offer=layout.offers[hires.offer[h]],
                        accelerator=hires.accelerator[h],
                        procurement=hires.procurement[h],
                        devices_per_node=int(hires.devices_per_node[h]),
                        nodes=int(number.max()),
                        by_slot=dict(zip(layout.slots, number.tolist(), strict=True)),
                    )
                )
        return found

    def _placement(self) -> list[PlacedNode]:
        """Every node in its hire's fullest slot. Sizes divide the node, so filling by falling size wastes nothing."""
        layout, hires, placed = self.layout, self.layout.hires, []
        for h in range(len(hires.procurement)):
            number = np.round(self.x[hires.col[h]]).astype(int)
            t = int(number.argmax())
            if not number[t]:
                continue
            room = int(hires.devices_per_node[h])
            nodes: list[list[PlacedReplicas]] = [[] for _ in range(number[t])]
            free = [room] * number[t]
            mine = [i for i, (_, hire) in enumerate(self.lines) if hire == h]
            for i in sorted(mine, key=lambda i: -layout.pools.devices[self.lines[i][0]]):
                size = int(layout.pools.devices[self.lines[i][0]])
                self._put(nodes, free, i, size, room, self.fleet[i].by_slot[t].replicas)
            offer, region = layout.offers[hires.offer[h]], layout.regions[hires.region[h]]
            for n, replicas in enumerate(nodes, start=1):
                name = f"{region}/{offer}/{hires.procurement[h]}/{n}"
                placed.append(
                    PlacedNode(
                        node=name, region=region, offer=offer, procurement=hires.procurement[h], replicas=replicas
                    )
                )
        return placed

    @staticmethod
    def _put(nodes: list[list[PlacedReplicas]], free: list[int], line: int, size: int, room: int, count: int) -> None:
        if size > room:
            span = size // room
            for _ in range(count):
                empty = [n for n, left in enumerate(free) if left == room][:span]
                for n in empty:
                    nodes[n].append(PlacedReplicas(fleet=line, replicas=1, spans_nodes=span))
                    free[n] = 0
            return
        for n, left in enumerate(free):
            fits = min(count, left // size)
            if fits:
                nodes[n].append(PlacedReplicas(fleet=line, replicas=fits))
                free[n] -= fits * size
                count -= fits

    def _flows(self) -> list[Flow]:
        layout, flows, found = self.layout, self.layout.flows, []
        for f in np.flatnonzero(self.x[flows.col] > SMALLEST_FLOW):
            j = flows.request[f]
            found.append(
                Flow(
                    workload=layout.workloads[layout.requests.workload[j]],
                    shape=layout.requests.names[j],
                    origin=layout.origins[flows.origin[f]],
                    region=layout.regions[flows.region[f]],
                    slot=layout.slots[flows.slot[f]],
                    requests_per_s=float(self.x[flows.col[f]]) * layout.rate_unit,
                )
            )
        return found

    def _charges(self) -> list[Charge]:
        layout, hires, found = self.layout, self.layout.hires, []
        for account, part, hire, region, value in self.program.bill(self.x):
            if account == "devices":
                continue
            found.append(
                Charge(
                    account=account,
                    part=part,
                    region="" if region < 0 else layout.regions[region],
                    offer="" if hire < 0 else layout.offers[hires.offer[hire]],
                    procurement="" if hire < 0 else hires.procurement[hire],
                    value=value,
                )
            )
        return found

    def _accounts(self) -> dict[str, float]:
        """Every account; one that rests on a figure nobody knows is left out, never counted as 0."""
        values = {name: self.program.account(name, self.x) for name in ACCOUNTS}
        hires, scenario = self.layout.hires, self.program.question.scenario
        used = [h for h in range(len(hires.procurement)) if (self.x[hires.col[h]] > 0.5).any()]
        if np.isnan(hires.embodied_kg_per_year[used]).any():
            del values["kg_co2e_embodied_per_year"]
        if any(scenario.region(self.layout.regions[hires.region[h]]).wue_l_per_kwh is None for h in used):
            del values["litres_per_year"]
        return values
