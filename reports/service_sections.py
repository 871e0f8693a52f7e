"""How fast and how safe: latency by percentile, and what a loss leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from optimizer.plan import Loss, NodeLine, Plan, ReadingLine
from reports.content import Bullets, Section, Table, columns, section
from reports.words import listed, percent, percentile, plain, rate, spoken, together


def service(plan: Plan) -> Section | None:
    """Latency of each origin in each region, and of each pool; every percentile in a column of its own."""
    found = [reading for reading in plan.readings if reading.percentile]
    if not found:
        return None
    kinds = {reading.name.split()[0] for reading in found}
    tables = [_times([line for line in found if line.name.split()[0] == kind]) for kind in sorted(kinds, reverse=True)]
    names = [(reading.name, reading.where) for reading in found]
    return section("service", "Service level: latency at P50 and P99", [*tables, *_meaning(names, plan.confidence)])


def _times(found: list[ReadingLine]) -> Table:
    """One row for each place: what is limited first, then the same time read otherwise."""
    rows: dict[str, dict[tuple[str, str], ReadingLine]] = defaultdict(dict)
    for reading in found:
        rows[reading.where][reading.name, percentile(reading.percentile)] = reading
    first = found[0].name.split()[0]
    order = sorted({key for held in rows.values() for key in held}, key=lambda key: (key[0], _percentile_order(key[1])))
    body = []
    for where, held in rows.items():
        limited = next((line for line in held.values() if line.limit is not None), None)
        numbers = [*(line.value for line in held.values()), limited.limit if limited else 0.0]
        values = together(next(iter(held.values())).unit, numbers, 4 if limited else 3)
        written = dict(zip(held, values[:-1], strict=True))
        limit = f"{percentile(limited.percentile)} {bound(limited, values[-1])}" if limited else "none"
        body.append((spoken(first), plain(where), *(written.get(one, "") for one in order), limit))
    return Table(columns("time", "where_", *(f">{_heading(first, *key)}" for key in order), "limit"), tuple(body))


def _heading(first: str, name: str, of: str) -> str:
    """`mean`, `mean at its load`, `P99 of a token`."""
    return f"{of} {name.removeprefix(first).strip()}".strip()


def _meaning(rows: Iterable[tuple[str, str]], confidence: float | None = None) -> list[Bullets]:
    names = {name.lower() for name, _ in rows}
    says = []
    if any("ttft" in name for name in names):
        says.append("TTFT: time to the first token, the network's round trip and waiting included.")
    if any("itl" in name for name in names):
        says.append("ITL: time between tokens of one answer.")
    if says and confidence is not None:
        says.append(
            f"All of it at the slow ends of the predictions that hold in {percent(confidence, 3)} of the cases."
        )
    return [Bullets(tuple(says))] if says else []


def _percentile_order(name: str) -> tuple[int, float]:
    return (0, 0.0) if not name.startswith("P") else (1, float(name[1:]))


def bound(reading: ReadingLine, written: str) -> str:
    """A limit in words: `at most 50 ms`."""
    return f"{ {'<=': 'at most', '>=': 'at least', '==': 'exactly'}[reading.sense] } {written}"


def losses(plan: Plan) -> Section | None:
    """The worst slot of each loss, worst first; many of one kind are told by their worst."""
    if not plan.losses:
        return None
    parts: list[Table | Bullets] = []
    for what in ("node", "region"):
        found = [loss for loss in plan.losses if loss.what == what]
        if found:
            parts.append(_loss_table(what, _worst_slots(found)))
    says = [*_kinds_together(plan), *_empty_nodes(plan)]
    return section("losses", "What a loss leaves", [*parts, Bullets(tuple(says))] if says else parts)


def _kinds_together(plan: Plan) -> list[str]:
    """What the share means where a workload has several kinds of request."""
    lost = {loss.workload for loss in plan.losses}
    kinds = {(flow.workload, flow.shape) for flow in plan.flows if flow.workload in lost}
    several = [name for name in sorted(lost) if sum(workload == name for workload, _ in kinds) > 1]
    if not several:
        return []
    return [
        f"The share of {listed(several)} counts its kinds of request together: after a loss more of one kind may be "
        "turned away than of another."
    ]


def _empty_nodes(plan: Plan) -> list[str]:
    """Spare nodes are no help in these figures."""
    empty = sum(_empty(plan, node) for node in plan.nodes)
    if not empty:
        return []
    stand, them = ("node stands empty and is", "it") if empty == 1 else ("nodes stand empty and are", "them")
    return [f"{empty:,} {stand} not counted on in these figures: they are what is left until replicas run on {them}."]


def _empty(plan: Plan, node: NodeLine) -> int:
    """Nodes of a kind that the fleet leaves free in every slot; sizes of replicas divide a node, or fill whole ones."""
    free = []
    kind = (node.region, node.offer, node.procurement)
    for slot, nodes in node.by_slot.items():
        used = sum(
            entry.replicas * line.tensor_parallel * line.pipeline_parallel
            for line in plan.lines
            if (line.region, line.offer, line.procurement) == kind
            for entry in line.by_slot
            if entry.slot == slot
        )
        free.append(nodes - -(-used // node.devices_per_node))
    return max(min(free, default=0), 0)


def _worst_slots(found: list[Loss]) -> list[Loss]:
    worst: dict[tuple[str, str], Loss] = {}
    for loss in found:
        key = loss.where, loss.workload
        if key not in worst or loss.served_share < worst[key].served_share:
            worst[key] = loss
    return sorted(worst.values(), key=lambda loss: (loss.served_share, loss.where))


_LOSSES_SHOWN = 8


def _loss_table(what: str, found: list[Loss]) -> Table:
    rows = []
    for loss in found[:_LOSSES_SHOWN]:
        required = f"at least {percent(loss.required_share, 3)}" if loss.required_share is not None else "not limited"
        rows.append(
            (
                plain(loss.where),
                plain(loss.workload),
                rate(loss.served_requests_per_s),
                percent(loss.served_share, 3),
                required,
            )
        )
    left = len(found) - len(rows)
    caption = f"After losing any one {what}, worst first" + (f" ({left:,} more leave as much or more)" if left else "")
    return Table(columns(f"{what} lost", "workload", ">still served", ">share", "required"), tuple(rows), None, caption)
