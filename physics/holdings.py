"""Tables of what is owned or committed to now, with the columns of what becomes of it. `changes.py` has the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Holdings:
    """Nodes that are paid for whatever is decided: one row per (region, node type, procurement), owned or reserved.

    Each node is kept running, kept but switched off, moved or retired.
    """

    name: list[str]
    region: np.ndarray
    hire: np.ndarray
    """The hire that they go on under; -1 where no quota lets them stay."""
    accelerator: list[str]
    owned: np.ndarray
    devices_per_node: np.ndarray
    nodes: np.ndarray
    upkeep_usd_per_year: np.ndarray
    """Of a node that is kept, running or not."""
    retire_usd_per_year: np.ndarray
    """Of a node that is retired: its one-off cost, spread."""
    resale_usd_per_year: np.ndarray
    """What a retired node brings in, spread."""
    keep_col: np.ndarray
    off_col: np.ndarray
    """-1 where nodes may not stay."""
    retire_col: np.ndarray
    """-1 where nodes may not be retired."""


@dataclass
class Moves:
    """Ways of bringing owned nodes to another region: one row per (holding, hire there)."""

    holding: np.ndarray
    hire: np.ndarray
    usd_per_year: np.ndarray
    """One-off cost of a node, spread."""
    col: np.ndarray


@dataclass
class Today:
    """The fleet as it is, beside the hires of the plan."""

    holdings: Holdings
    moves: Moves
    new_col: np.ndarray
    """[hire] column of nodes that are bought or committed to; -1 where none can be, or the hire is rented by time."""
    rented: np.ndarray
    """[hire] nodes rented by time today."""
    more_col: np.ndarray
    """[hire] column of nodes rented by time beyond today's; -1 where the number of changes is not limited."""
    limit: float | None
    """Most changes, in nodes."""

    def changed(self) -> np.ndarray:
        """Columns of nodes that come, move or go."""
        columns = (self.new_col, self.moves.col, self.holdings.retire_col, self.more_col)
        found = np.concatenate(columns)
        return found[found >= 0]
