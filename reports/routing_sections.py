"""Which kind of request goes to which devices, where a workload has several kinds."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from optimizer.plan import FleetLine, Plan
from reports.content import Paragraph, Section, Table, columns, section
from reports.words import device, listed, percent, plain, procured, rate

_LEAST_SHARE = 0.0005


def routing(plan: Plan, scenario: Any | None = None) -> Section | None:
    """Of each kind of request, the share that each line of the fleet serves, in the busiest slot of its workload."""
    parts: list[Table | Paragraph] = []
    workloads = list(dict.fromkeys(line.workload for line in plan.lines))
    for workload in workloads:
        lines = [line for line in plan.lines if line.workload == workload]
        kinds = list(dict.fromkeys(kind for line in lines for entry in line.by_slot for kind in entry.requests_per_s))
        if len(kinds) > 1:
            parts.append(_table(workload if len(workloads) > 1 else "", lines, kinds, _sizes(scenario, workload)))
    return section("routing", "Which kind of request is served by what", parts)


def _sizes(scenario: Any | None, workload: str) -> dict[str, str]:
    asked = getattr(scenario, "workloads", {}).get(workload)
    shapes = asked.shapes if asked is not None else ()
    return {
        shape.name: f"{shape.prompt_tokens:,} in / {shape.output_tokens:,} out"
        + (f" on {shape.cached_context_tokens:,}" if shape.cached_context_tokens else "")
        for shape in shapes
    }


def _table(workload: str, lines: list[FleetLine], kinds: list[str], sizes: dict[str, str]) -> Table:
    served: dict[str, float] = defaultdict(float)
    for line in lines:
        for entry in line.by_slot:
            served[entry.slot] += sum(entry.requests_per_s.values())
    busiest = max(served, key=lambda slot: served[slot])
    labels = _labels(lines)
    rows = []
    for kind in kinds:
        shares: dict[str, float] = defaultdict(float)
        for label, line in zip(labels, lines, strict=True):
            for entry in line.by_slot:
                shares[label] += entry.requests_per_s.get(kind, 0.0) if entry.slot == busiest else 0.0
        total = sum(shares.values())
        most = sorted((item for item in shares.items() if item[1] > _LEAST_SHARE * total), key=lambda item: -item[1])
        by = listed([f"{percent(part / total, 3)} {label}" for label, part in most]) if total else "nobody asks"
        rows.append((plain(kind), *([sizes.get(kind, "")] if sizes else []), rate(total), by))
    several = f" in slot {plain(busiest)}" if len(served) > 1 else ""
    of = f"{plain(workload)}: " if workload else ""
    caption = f"{of}share of each kind of request by line of the fleet{several}"
    headings = columns("kind", *(("tokens?",) if sizes else ()), ">requests", "served by")
    return Table(headings, tuple(rows), None, caption)


def _labels(lines: list[FleetLine]) -> list[str]:
    """What tells a line from the others, and no more: device, then region, how it is had, precision, degree, batch."""
    pieces = [
        (
            device(line.accelerator),
            f"in {plain(line.region)}",
            procured(line.procurement),
            line.precision,
            f"KV {line.kv_precision}",
            f"TP {line.tensor_parallel}",
            f"batch {line.batch}",
            f"on {plain(line.offer)}",
        )
        for line in lines
    ]
    telling = [place for place in range(1, 8) if len({piece[place] for piece in pieces}) > 1]
    short = [piece[0] for piece in pieces]
    for place in telling:
        if len(set(short)) == len(short):
            break
        longer = [f"{one} {piece[place]}" for one, piece in zip(short, pieces, strict=True)]
        short = longer if len(set(longer)) > len(set(short)) else short
    return short
