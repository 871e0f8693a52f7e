"""Rows that tie a pool's replicas to one band of sizes, so that a bigger pool may run fuller (wall 7)."""

from __future__ import annotations

from physics.layout import Layout, RowBuilder
from physics.wall import Block


def size_band_rows(layout: Layout) -> list[Block]:
    """The replicas of a pool lie in one band; its count is the sum over the bands."""
    bands, counts = layout.bands, layout.counts
    key: dict[tuple[int, int], list[int]] = {}
    for number, (v, t) in enumerate(zip(bands.pool, bands.slot, strict=True)):
        key.setdefault((int(v), int(t)), []).append(number)
    size, choice, width = RowBuilder(), RowBuilder(), RowBuilder()
    for (v, t), members in key.items():
        slot = "all" if t < 0 else layout.slots[t]
        label = f"{layout.pool_name(v)}/{slot}"
        count = counts.col[counts.pool == v, max(t, 0)]
        size.add(label, (count, 1.0), (bands.count_col[members], -1.0), lower=0.0, upper=0.0)
        chosen = bands.chosen_col[members]
        if chosen[0] < 0:
            continue
        if len(members) > 1:
            choice.add(label, (chosen, 1.0), upper=1.0)
        for b in members:
            band = f"{label}/{bands.smallest[b]:.0f}-{bands.largest[b]:.0f}"
            width.add(band, (bands.count_col[b], 1.0), (bands.chosen_col[b], -bands.largest[b]), upper=0.0)
            if bands.smallest[b] > 1:
                width.add(
                    band + "/least", (bands.count_col[b], -1.0), (bands.chosen_col[b], bands.smallest[b]), upper=0.0
                )
    return [
        *size.block("tail_latency", "size", "replicas", "a pool's replicas lie in its size band", linking=True),
        *choice.block("tail_latency", "one_band", "bands", "a pool has one size band", linking=True),
        *width.block("tail_latency", "band", "replicas", "a size band holds its sizes only", linking=True),
    ]
