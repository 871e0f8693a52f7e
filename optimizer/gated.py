"""Where every way of running a workload is ruled out: which wall rules out how many, and what misses by least."""

from __future__ import annotations

import numpy as np

from optimizer.plan import Gated, Rejected
from optimizer.tables import Question


def gated(question: Question) -> list[Gated]:
    """By workload and wall, for workloads that nothing on offer can run.

    A way is an accelerator with precisions, parallelism and batch; a precision that is not native counts once. Each way
    is counted at the first wall that it meets: fidelity, memory, serving (ITL). What is left fits: no node type
    that can be had runs it in time for a first token (tail latency), or none with its accelerator can be had (capital).
    """
    able = {group.workload for group in question.groups}
    found = []
    for w, table in enumerate(question.tables):
        if w in able:
            continue
        counts = {"fidelity": sum(1 for entry in table.rejected if entry.wall == "fidelity"), **table.gated}
        offered = {hire.accelerator.name for hire in question.offers.hires}
        left = ~table.over_itl & table.allowed
        there = np.array([chip.accelerator.name in offered for chip in table.chips], dtype=bool)[table.chip]
        counts["tail_latency"], counts["capital"] = int((left & there).sum()), int((left & ~there).sum())
        nearest = _nearest(table.rejected)
        for wall, ways in counts.items():
            if ways:
                told = nearest.says if nearest is not None and nearest.wall == wall else ""
                found.append(Gated(workload=table.workload.name, wall=wall, ways=ways, nearest=told))
    return found


def _nearest(rejected: list[Rejected]) -> Rejected | None:
    """What misses its limit by the least factor."""
    measured = [(entry.value / entry.limit, n) for n, entry in enumerate(rejected) if entry.value and entry.limit]
    return rejected[min(measured)[1]] if measured else None
