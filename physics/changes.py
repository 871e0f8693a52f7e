"""Today's fleet in the program of wall 17: what a kept, moved, retired or new node costs, and how many may change.

What is paid whatever is decided (write-off, committed rent) is a constant of the bill and not here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from physics.layout import ChargeBlock, Layout, RowBuilder
from physics.wall import Block

LIMIT = "changes"


def move_size(limit: float) -> float:
    """Nodes by which a relaxation of 100 % lets more change: the limit itself, and one node where it is 0.

    >>> move_size(12), move_size(0)
    (12, 1.0)
    """
    return max(limit, 1.0)


def change_charges(layout: Layout) -> list[ChargeBlock]:
    """Upkeep of what is kept or moved, and one-off costs, spread over the years."""
    today = layout.today
    if today is None:
        return []
    held, moves = today.holdings, today.moves
    return [
        *_charged("maintenance", held.keep_col, held.upkeep_usd_per_year, held.hire, held.region),
        *_charged("maintenance", held.off_col, held.upkeep_usd_per_year, held.hire, held.region),
        *_charged(
            "maintenance",
            moves.col,
            held.upkeep_usd_per_year[moves.holding],
            moves.hire,
            layout.hires.region[moves.hire],
        ),
        *_charged("moves", moves.col, moves.usd_per_year, None, held.region[moves.holding]),
        *_charged("retirement", held.retire_col, held.retire_usd_per_year, None, held.region),
        *_charged("resale", held.retire_col, -held.resale_usd_per_year, None, held.region),
    ]


def _charged(
    part: str, col: np.ndarray, usd_per_year: np.ndarray, hire: np.ndarray | None, region: Any
) -> list[ChargeBlock]:
    some = np.flatnonzero((col >= 0) & (usd_per_year != 0))
    of = np.full(some.size, -1, dtype=np.intp) if hire is None else hire[some]
    return [ChargeBlock("capital", "usd_per_year", part, col[some], usd_per_year[some], of, region[some])]


def change_rows(layout: Layout) -> list[Block]:
    """Every node of today is kept, moved or retired; what runs is kept, came or is new; few enough change."""
    return [] if layout.today is None else [*_held(layout), *_had(layout), *_more(layout), *_limited(layout)]


def _held(layout: Layout) -> list[Block]:
    assert layout.today is not None
    held, moves, builder = layout.today.holdings, layout.today.moves, RowBuilder()
    for k, name in enumerate(held.name):
        fates = np.array([held.keep_col[k], held.off_col[k], held.retire_col[k], *moves.col[moves.holding == k]])
        builder.add(name, (fates[fates >= 0], 1.0), lower=held.nodes[k], upper=held.nodes[k])
    says = "today's nodes run on, are switched off, moved or retired"
    return builder.block("capital", "held", "nodes", says, linking=True)


def _had(layout: Layout) -> list[Block]:
    assert layout.today is not None
    today, hires, builder = layout.today, layout.hires, RowBuilder()
    for h in np.flatnonzero(~hires.timed):
        new = today.new_col[h]
        if new == hires.col[h, 0]:
            continue  # nothing of today's can be there: all nodes of the hire are new
        come = np.concatenate(
            [today.holdings.keep_col[today.holdings.hire == h], today.moves.col[today.moves.hire == h]]
        )
        come = come if new < 0 else np.append(come, new)
        builder.add(layout.hire_name(h), (hires.col[h, 0], 1.0), (come, -1.0), lower=0.0, upper=0.0)
    return builder.block("capital", "had", "nodes", "nodes that run are kept, moved in or new", linking=True)


def _more(layout: Layout) -> list[Block]:
    assert layout.today is not None
    today, hires, builder = layout.today, layout.hires, RowBuilder()
    for h in np.flatnonzero(today.more_col >= 0):
        for t, slot in enumerate(layout.slots):
            where = f"{layout.hire_name(h)}/{slot}"
            builder.add(where, (hires.col[h, t], 1.0), (today.more_col[h], -1.0), upper=today.rented[h])
    says = "nodes that are rented beyond today's are counted"
    return builder.block("capital", "more", "nodes", says, linking=True)


def _limited(layout: Layout) -> list[Block]:
    today, builder = layout.today, RowBuilder()
    assert today is not None
    if today.limit is None:
        return []
    says = "few enough nodes are bought, committed to, rented, moved or retired"
    relax = layout.elastic(LIMIT, "today.changes.limit", "capital", today.limit, "nodes", says)
    builder.add("fleet", (today.changed(), 1.0), (relax, -move_size(today.limit)), upper=today.limit)
    return builder.block("capital", "changes", "nodes", says, LIMIT)
