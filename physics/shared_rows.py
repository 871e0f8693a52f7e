"""Rows that several walls write in the same form: caps of accounts, and candidates that a limit keeps out."""

from __future__ import annotations

import numpy as np

from physics.layout import Layout, RowBuilder
from physics.wall import Block

FREE = 1e4  # of a unit of rate or replicas: more than any plan has, where a limit has been dropped


def closed_rows(layout: Layout, kind: str, wall: str) -> list[Block]:
    """Pools that break a limit of the user's are held at 0 replicas; relaxing the limit's column opens them."""
    blocks: list[Block] = []
    for w, name in enumerate(layout.workloads):
        limit = f"{kind} {name}"
        shut = np.flatnonzero(
            (layout.pools.workload == w) & np.array([limit in c for c in layout.pools.closed_by], dtype=bool)
        )
        if not shut.size:
            continue
        value, unit, says = layout.closing[limit]
        relax = layout.elastic(limit, f"workloads.{name}.{kind}", wall, value, unit, says)
        builder = RowBuilder()
        for q in np.flatnonzero(np.isin(layout.counts.pool, shut)):
            columns = np.unique(layout.counts.col[q])
            builder.add(
                layout.pool_name(int(layout.counts.pool[q])) + f"/{q}", (columns, 1.0), (relax, -FREE), upper=0.0
            )
        blocks += builder.block(
            wall, f"closed_by_{kind}", "replicas", f"candidates beyond the limit stay out: {says}", limit, linking=True
        )
    return blocks


def cap_rows(layout: Layout, wall: str, limit: str, units: str, *accounts: str) -> list[Block]:
    """The sum of some accounts (of one unit) stays under its cap, where the scenario has one."""
    cap = layout.caps.get(limit)
    if cap is None:
        return []
    builder = RowBuilder()
    unit = layout.account_units[accounts[0]]
    says = f"the year stays within the {limit} limit"
    relax = layout.elastic(limit, f"limits.{limit}", wall, cap, units, says)
    terms = [(layout.accounts[name], layout.account_units[name] / unit) for name in accounts]
    builder.add("year", *terms, (relax, -cap / unit), upper=cap / unit)
    return builder.block(wall, limit, units, says, limit)
