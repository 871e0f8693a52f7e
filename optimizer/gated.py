"""Where every way of running a workload is ruled out: which wall rules out how many, and what misses by least."""

from __future__ import annotations

import numpy as np

from optimizer.candidates import Table, itl_limit_s
from optimizer.plan import Gated
from optimizer.tables import Question
from optimizer.words import amount


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
        at, says = _nearest(table)
        for wall, ways in counts.items():
            if ways:
                told = says if at == wall else ""
                found.append(Gated(workload=table.workload.name, wall=wall, ways=ways, nearest=told))
    return found


def _nearest(table: Table) -> tuple[str, str]:
    """The wall, and words, of what misses its limit by the least factor; empty where nothing misses by a figure."""
    misses = [(one.value / one.limit, one.wall, one.says) for one in table.rejected if one.value and one.limit]
    slow = np.flatnonzero(table.over_itl & table.allowed)
    if slow.size:
        # The table keeps the strongest of what is too slow; the fastest may be another.
        itl, limit = table.itl_s[slow].max(axis=1), itl_limit_s(table.workload)
        best, row = float(itl.min()), int(slow[np.argmin(itl)])
        says = f"{table.describe(row)} has an ITL of {amount(best, 's')}, over the limit of {amount(limit, 's')}"
        misses = [miss for miss in misses if miss[1] != "serving"] + [(best / limit, "serving", says)]
    return min(misses)[1:] if misses else ("", "")
