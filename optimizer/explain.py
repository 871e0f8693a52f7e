"""Why not another way of running: what was ruled out, and by how much."""

from __future__ import annotations

import numpy as np

from optimizer.plan import Rejected
from optimizer.tables import Question
from optimizer.words import amount

MOST_REJECTED = 12


def rejected(question: Question) -> list[Rejected]:
    """What was ruled out, the strongest (cheapest by request at full load) first, then what could not be offered."""
    found = [entry for table in question.tables for entry in table.rejected] + _too_slow_to_start(question)
    priced = sorted(
        (r for r in found if r.usd_per_million_requests is not None), key=lambda r: r.usd_per_million_requests or 0.0
    )
    others = [r for r in found if r.usd_per_million_requests is None]
    return priced[:MOST_REJECTED] + others + question.offers.rejected


def _too_slow_to_start(question: Question) -> list[Rejected]:
    """Chips that fit and keep the ITL limit, but whose idle pool misses the TTFT limit in every region."""
    found = []
    for w, table in enumerate(question.tables):
        if table.workload.ttft is None:
            continue
        working = {table.chip[c] for g in question.groups if g.workload == w for c in g.variants.candidate}
        offered = {hire.accelerator.name for hire in question.offers.hires}
        for number, chip in enumerate(table.chips):
            rows = np.flatnonzero((table.chip == number) & ~table.over_itl)
            if number in working or not chip.allowed or not rows.size or chip.accelerator.name not in offered:
                continue
            if any(table.chips[c].accelerator.name == chip.accelerator.name for c in working):
                continue  # a better precision of the same device is in use; this one was only dominated
            idle = (table.prices.prefill_s[rows] + table.prices.decode_step_s[rows]).max(axis=1)
            row = rows[int(np.argmin(idle))]
            limit = table.workload.ttft.limit_s
            found.append(
                Rejected(
                    workload=table.workload.name,
                    what=table.describe(int(row)),
                    wall="tail_latency",
                    reading="TTFT without any wait or network",
                    value=float(idle.min()),
                    sense="<=",
                    limit=limit,
                    unit="s",
                    says=f"{table.describe(int(row))} takes {amount(float(idle.min()), 's')} for a first token even "
                    f"alone; network and waiting leave it no room under {amount(limit, 's')}",
                )
            )
    return found
