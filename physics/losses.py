"""Rows of wall 15: after a loss, flows are routed anew and what is left must still carry the stated share."""

from __future__ import annotations

import numpy as np

from physics.batching import add_mixed_kv
from physics.layout import Layout, RowBuilder
from physics.serving import add_mixed_itl
from physics.shared_rows import FREE
from physics.wall import Block


class UsableRates:
    """Columns that hold the usable rate of a workload's pools in a region up to a latency class (one shape only)."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.col: dict[tuple[int, int, int, int], int] = {}
        builder = RowBuilder()
        pools, bands = layout.pools, layout.bands
        for w, name in enumerate(layout.workloads):
            if len(layout.shapes_of[w]) > 1:
                continue
            for t, slot in enumerate(layout.slots):
                rows, col, value = layout.capacity_terms(t)
                pool = bands.pool[rows]
                value = value * pools.requests_per_s[pool, 0] / layout.rate_unit
                for r, region in enumerate(layout.regions):
                    for k in range(layout.classes[w, r]):
                        here = (
                            (pools.workload[pool] == w) & (pools.region[pool] == r) & (pools.latency_class[pool] <= k)
                        )
                        label = f"{name}/{region}/{k}/{slot}"
                        total = int(layout.columns.add("usable", 1, lambda _, label=label: label)[0])
                        self.col[w, r, k, t] = total
                        builder.add(label, (col[here], value[here]), (total, -1.0), lower=0.0, upper=0.0)
        self.blocks = builder.block(
            "fragility", "usable", "requests/s", "usable rate of a region's pools", linking=True
        )


def loss_rows(
    layout: Layout, usable: UsableRates, limit: str, rule, region: int, offer: int | None, everything: bool
) -> list[Block]:
    """Rows of one loss: an offer's node (or all of it), or a whole region, in every slot and for every workload it hits."""
    pools = layout.pools
    hit = pools.region == region if offer is None else (pools.region == region) & (pools.offer == offer)
    builder, link = RowBuilder(), RowBuilder()
    what = layout.regions[region] + ("" if offer is None else f"/{layout.offers[offer]}")
    relax = layout.elastic(limit, f"failures.{limit.split()[0]}", "fragility", rule.share, "share of demand", rule.says)
    for w in np.unique(pools.workload[hit]) if offer is not None else range(len(layout.workloads)):
        for t in range(len(layout.slots)):
            label = f"{what}/{layout.workloads[w]}/{layout.slots[t]}"
            flows = _loss_flows(layout, builder, link, label, rule, relax, int(w), t, region if offer is None else -1)
            if len(layout.shapes_of[w]) == 1:
                _single_shape(layout, usable, link, label, flows, int(w), t, region, offer, hit, everything)
            else:
                _mixed_shapes(layout, link, label, flows, int(w), t, hit, everything)
    return [
        *builder.block("fragility", limit.replace(" ", "_"), "requests/s", rule.says, limit),
        *link.block(
            "fragility",
            limit.replace(" ", "_") + "_routes",
            "requests/s",
            "what is left after a loss carries the rest",
            linking=True,
        ),
    ]


def _loss_flows(layout, builder, link, label, rule, relax, w, t, gone):
    """Flows after a loss, no more than demand per origin, and the share that must still be served."""
    base, requests = layout.flows, layout.requests
    keep = np.flatnonzero((requests.workload[base.request] == w) & (base.slot == t) & (base.region != gone))
    cols = layout.columns.add("flow after", keep.size, lambda k: f"{label}: {layout.flow_name(int(keep[k]))}")
    relax_demand = layout.elastic_col(f"demand {layout.workloads[w]}")
    asked, asked_cols = 0.0, []
    for j in layout.shapes_of[w]:
        for o, origin in enumerate(layout.origins):
            demand = requests.demand[j, o, t] / layout.rate_unit
            here = cols[(base.request[keep] == j) & (base.origin[keep] == o)]
            if demand <= 0:
                continue
            where = f"{label}/{requests.names[j]}/{origin}"
            link.add(where, (here, 1.0), (relax_demand, demand), upper=demand)
            if rule.scope == "each":
                least = rule.share * demand
                builder.add(where, (here, 1.0), (relax, least), (relax_demand, least), lower=least)
            asked += demand
            asked_cols.append(here)
    if rule.scope == "total" and asked:
        least = rule.share * asked
        builder.add(label, (np.concatenate(asked_cols), 1.0), (relax, least), (relax_demand, least), lower=least)
    shut = cols[base.closed[keep]]
    if shut.size:
        relax_home = layout.elastic_col(f"residency {layout.workloads[w]}")
        for col in shut:
            link.add(f"{label}/residency/{col}", (col, 1.0), (relax_home, -FREE), upper=0.0)
    return keep, cols


def _single_shape(layout, usable, link, label, flows, w, t, region, offer, hit, everything) -> None:
    """Flows of each class fit in what each region's pools of that class can take, less the worst loss."""
    keep, cols = flows
    base, pools = layout.flows, layout.pools
    flow_class = layout.class_of[w, base.origin[keep], base.region[keep]]
    band, count_col, value = layout.capacity_terms(t)
    pool = layout.bands.pool[band]
    rate = value * pools.requests_per_s[pool, 0] / layout.rate_unit
    left = {} if everything else _left_on_offer(layout, link, label, w, t, hit, (band, count_col, rate))
    for r in range(len(layout.regions)):
        for k in range(layout.classes[w, r]):
            here = cols[(base.region[keep] == r) & (flow_class <= k)]
            if not here.size:
                continue
            terms = [(here, 1.0), (usable.col[w, r, k, t], -1.0)]
            if r == region and offer is not None:
                gone = hit[pool] & (pools.workload[pool] == w) & (pools.latency_class[pool] <= k)
                terms.append((count_col[gone], rate[gone]))
                if k in left:
                    terms.append((left[k], -1.0))
            link.add(f"{label}/to {layout.regions[r]}/{k}", *terms, upper=0.0)


def _left_on_offer(layout, link, label, w, t, hit, capacity) -> dict[int, int]:
    """One column per latency class: the rate that the offer's pools keep when a node dies, whichever replicas it held.

    Either everything on the offer is taken as lost, or what is left is bounded for every pool c in use: all pools' rate
    less ``mu_c K_c``, and pool c's at its surviving size beside the others' full rate. A node with some replicas of
    several pools loses a weighted mean of such losses, so the bound is safe for every packing.
    """
    pools, bands = layout.pools, layout.bands
    band, count_col, rate = capacity
    pool = bands.pool[band]
    most = layout.requests.demand[layout.shapes_of[w], :, t].sum() / layout.rate_unit
    left: dict[int, int] = {}
    gone: int | None = None
    for k in range(int(pools.latency_class[hit & (pools.workload == w)].max(initial=-1)) + 1):
        members = np.flatnonzero(hit & (pools.workload == w) & (pools.latency_class <= k))
        if not members.size:
            continue
        if gone is None:
            gone = int(layout.columns.add("offer lost", 1, lambda _: label, upper=1.0, integer=True)[0])
        left[k] = int(layout.columns.add("left", 1, lambda _, k=k: f"{label}/{k}")[0])
        together = np.isin(pool, members)
        all_rate = (count_col[together], -rate[together])
        link.add(f"{label}/{k}/all lost", (left[k], 1.0), (gone, most), upper=most)
        worst = (pools.lost_replicas[members] * pools.requests_per_s[members, 0]).max() / layout.rate_unit
        for v in members:
            own = band[pool == v]
            unit = pools.requests_per_s[v, 0] / layout.rate_unit * pools.availability[v]
            lost = pools.lost_replicas[v]
            chosen = bands.chosen_col[own]
            link.add(
                f"{label}/{k}/{layout.pool_name(int(v))}",
                (left[k], 1.0),
                all_rate,
                (chosen, lost * unit),
                (gone, -worst),
                upper=0.0,
            )
            full, after = bands.utilisation[own] * unit, bands.utilisation_after_loss[own] * unit
            survives = after > 0
            at_most = (full - after) * bands.largest[own] + after * lost
            if (at_most[survives] <= lost * unit * (1 + 1e-12)).all():
                continue  # the row above says at least as much
            link.add(
                f"{label}/{k}/{layout.pool_name(int(v))}/smaller",
                (left[k], 1.0),
                all_rate,
                (bands.count_col[own], full - after),
                (chosen[survives], after[survives] * lost),
                upper=0.0,
            )
    return left


def _mixed_shapes(layout, link, label, flows, w, t, hit, everything) -> None:
    """Loads after a loss, shape by shape; every pool of the lost offer is smaller by its worst node at once."""
    keep, cols = flows
    base, pools, bands = layout.flows, layout.pools, layout.bands
    members = np.flatnonzero((pools.workload == w) & ~(hit & everything))
    shapes = layout.shapes_of[w]
    pool, shape = np.repeat(members, len(shapes)), np.tile(np.arange(len(shapes)), members.size)
    load = layout.columns.add(
        "load after", pool.size, lambda n: f"{label}: {layout.pool_name(int(pool[n]))}/{shape[n]}"
    )
    rows, count_col, value = layout.capacity_terms(t)
    for v in members:
        own = bands.pool[rows] == v
        busy = layout.rate_unit / pools.requests_per_s[v, : len(shapes)]
        where = f"{label}/{layout.pool_name(int(v))}"
        if hit[v]:
            left = bands.utilisation_after_loss[rows[own]]
            some = left > 0
            terms = [(count_col[own], -left), (bands.chosen_col[rows[own][some]], left[some] * pools.lost_replicas[v])]
        else:
            terms = [(count_col[own], -value[own])]
        link.add(where, (load[pool == v], busy), *terms, upper=0.0)
    flow_class = layout.class_of[w, base.origin[keep], base.region[keep]]
    for r in range(len(layout.regions)):
        for s, j in enumerate(shapes):
            for k in range(layout.classes[w, r]):
                arriving = cols[(base.request[keep] == j) & (base.region[keep] == r) & (flow_class <= k)]
                served = load[(shape == s) & (pools.region[pool] == r) & (pools.latency_class[pool] <= k)]
                if arriving.size:
                    link.add(f"{label}/to {layout.regions[r]}/{s}/{k}", (arriving, 1.0), (served, -1.0), upper=0.0)

    def left(v: int) -> tuple[np.ndarray, np.ndarray]:
        cols, values = layout.count_terms(v, t)
        own = rows[bands.pool[rows] == v]
        if not hit[v]:
            return cols, values
        survives = bands.utilisation_after_loss[own] > 0
        own = own[survives]
        gone = pools.lost_replicas[v]
        return (
            np.concatenate([bands.count_col[own], bands.chosen_col[own]]),
            np.concatenate([np.ones(own.size), np.full(own.size, -gone)]),
        )

    add_mixed_itl(layout, link, w, label, pool, shape, load)
    add_mixed_kv(layout, link, w, label, pool, shape, load, left)
