"""Which pools another replaces at no loss, in one question or in several at once: the safe rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.candidates import Table, quality_loss
from optimizer.pool_mixes import mixes_as_well

if TYPE_CHECKING:
    from optimizer.pools import Variants


@dataclass(frozen=True)
class _View:
    """Pools of a node type as one question prices them."""

    table: Table
    found: Variants
    rate: np.ndarray
    idle: np.ndarray
    """Pools that carry nothing in this question, so there is nothing to replace."""


def undominated(
    views: Sequence[tuple[Table, Variants]], apart: bool = False, by: np.ndarray | None = None
) -> np.ndarray:
    """Rows that no other row of the node type (with `apart`, of the same precision) dominates: the safe rule.

    Row j goes for row o when k = floor(g_j / g_o) copies of o take no more devices, power or price and give at least
    j's rate for every shape at every size that j's pool can have, before and after a node loss, the loss rows leave no
    less of them, and o passes every gate that j passes: its class is no later, nothing closes it that does not close j,
    its quality loss is no worse, and where shapes mix neither are its ITL and KV use, or no mix can make them matter.

    `views` are the same rows with the same bands as several questions price them; o must dominate j in each of them.
    With `by`, only these rows replace others.
    """
    seen = [
        _View(table, found, table.prices.requests_per_s[found.candidate], found.utilisation.max(axis=1) <= 0)
        for table, found in views
    ]
    table, found = views[0]
    worth = np.mean([view.rate.min(axis=1) * view.found.utilisation.max(axis=1) for view in seen], axis=0)
    order = np.lexsort((found.candidate, found.latency_class, -(worth / found.devices)))
    alive = np.ones(len(order), dtype=bool)
    loss = np.array([_loss_rank(table, row) for row in found.candidate])
    precision = np.array([table.chips[table.chip[row]].precision for row in found.candidate])
    tag_sets = [frozenset(tags) for tags in found.closed_by]
    kept = [] if by is None else np.setdiff1d(order, by).tolist()
    for o in order if by is None else order[np.isin(order, by)]:
        if not alive[o]:
            continue
        kept.append(o)
        alive[o] = False
        rest = np.flatnonzero(alive & (precision == precision[o])) if apart else np.flatnonzero(alive)
        rest = rest[_passes(found, loss, tag_sets, int(o), rest)]
        for view in seen:
            rest = rest[view.idle[rest] | _dominates(view, int(o), rest)]
        alive[rest] = False
    kept = [o for o in kept if by is None or o in by or alive[o]]
    return np.sort(np.array(kept, dtype=int))


def _loss_rank(table: Table, row: int) -> float:
    loss, _ = quality_loss(table.workload, table.chips[table.chip[row]].precision)
    return 0.0 if loss is None else loss


def _passes(found: Variants, loss: np.ndarray, tags: list[frozenset[str]], o: int, rest: np.ndarray) -> np.ndarray:
    """Which of `rest` row `o` may replace by its devices and gates, whatever the rates."""
    copies = np.floor(found.devices[rest] / found.devices[o])
    good = (copies >= 1) & (found.latency_class[o] <= found.latency_class[rest]) & (loss[o] <= loss[rest])
    good &= np.array([tags[o] <= tags[j] for j in rest], dtype=bool)
    return np.asarray(good & (found.lost[o] <= copies * found.lost[rest]))


def _dominates(view: _View, o: int, rest: np.ndarray) -> np.ndarray:
    """Which of `rest` row `o` dominates by its rates."""
    table, found, rate = view.table, view.found, view.rate
    copies = np.floor(found.devices[rest] / found.devices[o])
    good = (copies[:, None] * rate[o][None, :] >= rate[rest]).all(axis=1)
    if len(table.workload.shapes) > 1:
        good &= mixes_as_well(table, int(found.candidate[o]), found.candidate[rest], copies)
    rest_good = np.flatnonzero(good)
    for band in range(found.smallest.shape[1]):
        j = rest[rest_good]
        size = found.smallest[j, band]
        there = size > 0
        at = np.searchsorted(found.smallest[o][found.smallest[o] > 0], copies[rest_good] * size, side="right") - 1
        at = np.maximum(at, 0)
        enough = np.ones(j.size, dtype=bool)
        for column in (found.utilisation, found.after_loss):
            ratio = (rate[j] / rate[o][None, :]).max(axis=1)  # the worst shape
            enough &= copies[rest_good] * column[o][at] >= ratio * column[j, band]
        if found.lost[o] > 0 and rate.shape[1] == 1:
            # The loss rows of a mix look at the pool after the loss alone, which is compared above.
            enough &= _keeps_no_less(found, rate, o, j, band, copies[rest_good], at)
        enough |= ~there
        rest_good = rest_good[enough]
    mask = np.zeros(rest.size, dtype=bool)
    mask[rest_good] = True
    return mask


def _keeps_no_less(
    found: Variants, rate: np.ndarray, o: int, j: np.ndarray, band: int, copies: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Whether the loss rows leave of `copies` times a pool of `o` no less than of one of `j`, at both ends of a band.

    They leave the lesser of ``mu (rho n - K)`` and ``mu rho' (n - K)``: a faster replica counts for more when it dies,
    so a better rate alone is not enough. A pool that keeps nothing is no help after a loss and needs no match.
    """
    good = np.ones(j.size, dtype=bool)
    own, other, lost = rate[o].min(), rate[j].max(axis=1), found.lost[o]
    for size in (found.smallest[j, band], found.largest[j, band]):
        number = copies * size
        ours = own * np.minimum(found.utilisation[o][at] * number - lost, found.after_loss[o][at] * (number - lost))
        theirs = other * np.minimum(
            found.utilisation[j, band] * size - found.lost[j], found.after_loss[j, band] * (size - found.lost[j])
        )
        good &= (ours >= theirs * (1 - 1e-12)) | (theirs <= 0)
    return good
