"""Rows of wall 15: after a loss, flows are routed anew and what is left must still carry the stated share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from physics.batching import add_mixed_kv
from physics.layout import Layout, LossRule, RowBuilder
from physics.serving import add_mixed_itl
from physics.shared_rows import FREE
from physics.wall import Block

Array = np.ndarray


class UsableRates:
    """Columns that hold usable rates of single-shape workloads up to a latency class: by offer, and by region.

    Both are used in many rows, so each is a column of its own.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.by_offer: dict[tuple[int, int, int, int, int], int] = {}
        """(workload, region, offer, class, slot) -> column."""
        self.by_region: dict[tuple[int, int, int, int], int] = {}
        builder = RowBuilder()
        pools, bands = layout.pools, layout.bands
        for w in range(len(layout.workloads)):
            if len(layout.shapes_of[w]) > 1:
                continue
            for t in range(len(layout.slots)):
                rows, col, value = layout.capacity_terms(t)
                mine = pools.workload[bands.pool[rows]] == w
                pool, col = bands.pool[rows][mine], col[mine]
                rate = value[mine] * pools.requests_per_s[pool, 0] / layout.rate_unit
                for r in range(len(layout.regions)):
                    for k in range(layout.classes[w, r]):
                        here = (pools.region[pool] == r) & (pools.latency_class[pool] <= k)
                        self._add(builder, w, r, k, t, pool[here], col[here], rate[here])
        self.blocks = builder.block(
            "fragility", "usable", "requests/s", "usable rate of a region's pools", linking=True
        )

    def _add(self, builder: RowBuilder, w: int, r: int, k: int, t: int, pool: Array, col: Array, rate: Array) -> None:
        layout, parts = self.layout, []
        where = f"{layout.workloads[w]}/{layout.regions[r]}/{k}/{layout.slots[t]}"
        for i in np.unique(layout.pools.offer[pool]):
            mine = layout.pools.offer[pool] == i
            label = f"{where}/{layout.offers[i]}"
            part = int(layout.columns.add("usable", 1, lambda _, label=label: label)[0])
            builder.add(label, (col[mine], rate[mine]), (part, -1.0), lower=0.0, upper=0.0)
            self.by_offer[w, r, int(i), k, t] = part
            parts.append(part)
        total = int(layout.columns.add("usable", 1, lambda _: where)[0])
        builder.add(where, (np.array(parts, dtype=np.intp), 1.0), (total, -1.0), lower=0.0, upper=0.0)
        self.by_region[w, r, k, t] = total


@dataclass(frozen=True)
class _Loss:
    """What is lost: a node of an offer in a region (all of the offer with `everything`), or a region (`offer` None)."""

    layout: Layout
    limit: str
    rule: LossRule
    region: int
    offer: int | None
    everything: bool

    @property
    def hit(self) -> Array:
        """Pools that lose replicas."""
        pools = self.layout.pools
        there = pools.region == self.region
        return there if self.offer is None else there & (pools.offer == self.offer)

    @property
    def name(self) -> str:
        """Where it strikes."""
        return self.layout.regions[self.region] + ("" if self.offer is None else f"/{self.layout.offers[self.offer]}")


def loss_rows(
    layout: Layout, usable: UsableRates, limit: str, rule: LossRule, region: int, offer: int | None, everything: bool
) -> list[Block]:
    """Rows of one loss in every slot and for every workload that it hits."""
    loss = _Loss(layout, limit, rule, region, offer, everything or _one_loss_takes_all(layout, region, offer))
    builder, link = RowBuilder(), RowBuilder()
    says = f"least served after a {limit.split()[0]} loss"
    relax = layout.elastic(limit, f"failures.{limit.split()[0]}", "fragility", rule.share, "share of demand", says)
    struck = np.unique(layout.pools.workload[loss.hit]) if offer is not None else range(len(layout.workloads))
    for w in struck:
        for t, slot in enumerate(layout.slots):
            label = f"{loss.name}/{layout.workloads[w]}/{slot}"
            flows = _loss_flows(loss, builder, link, label, relax, int(w), t)
            if len(layout.shapes_of[w]) == 1:
                _single_shape(loss, usable, link, label, flows, int(w), t)
            else:
                _mixed_shapes(loss, link, label, flows, int(w), t)
    name = limit.replace(" ", "_")
    routes = "what is left after a loss carries the rest"
    return [
        *builder.block("fragility", name, "requests/s", rule.says, limit),
        *link.block("fragility", f"{name}_routes", "requests/s", routes, linking=True),
    ]


def _one_loss_takes_all(layout: Layout, region: int, offer: int | None) -> bool:
    """Whether an offer can never have more nodes than one loss takes."""
    hires = layout.hires
    here = (hires.region == region) & (hires.offer == offer)
    return offer is not None and bool(hires.most_nodes[here].sum() <= 1 + layout.maintenance_nodes)


def _loss_flows(
    loss: _Loss, builder: RowBuilder, link: RowBuilder, label: str, relax: int, w: int, t: int
) -> tuple[Array, Array]:
    """Flows after a loss, no more than demand per origin, and the share that must still be served."""
    layout, rule = loss.layout, loss.rule
    base, requests = layout.flows, layout.requests
    gone = loss.region if loss.offer is None else -1
    keep = np.flatnonzero((requests.workload[base.request] == w) & (base.slot == t) & (base.region != gone))
    cols = layout.columns.add("flow after", keep.size, lambda k: f"{label}: {layout.flow_name(int(keep[k]))}")
    relax_demand = layout.elastic_col(f"demand {layout.workloads[w]}")
    asked = requests.demand[layout.shapes_of[w], :, t] / layout.rate_unit
    for s, j in enumerate(layout.shapes_of[w]):
        for o, origin in enumerate(layout.origins):
            if asked[s, o] > 0:
                here = cols[(base.request[keep] == j) & (base.origin[keep] == o)]
                where = f"{label}/{requests.names[j]}/{origin}"
                link.add(where, (here, 1.0), (relax_demand, asked[s, o]), upper=asked[s, o])
    served = [(label, cols, asked.sum())]
    if rule.scope == "each":
        by_origin = asked.sum(axis=0)
        served = [
            (f"{label}/{name}", cols[base.origin[keep] == o], by_origin[o]) for o, name in enumerate(layout.origins)
        ]
    for where, here, demand in served:
        least = rule.share * demand
        if least > 0:
            builder.add(where, (here, 1.0), (relax, least), (relax_demand, least), lower=least)
    for col in cols[base.closed[keep]]:
        relax_home = layout.elastic_col(f"residency {layout.workloads[w]}")
        link.add(f"{label}/residency/{col}", (col, 1.0), (relax_home, -FREE), upper=0.0)
    return keep, cols


def _single_shape(
    loss: _Loss, usable: UsableRates, link: RowBuilder, label: str, flows: tuple[Array, Array], w: int, t: int
) -> None:
    """Flows of each class fit in what each region's pools of that class can take, less the worst loss."""
    layout, (keep, cols) = loss.layout, flows
    base = layout.flows
    flow_class = layout.class_of[w, base.origin[keep], base.region[keep]]
    left = {} if loss.everything else _left_on_offer(loss, usable, link, label, w, t)
    for r in range(len(layout.regions)):
        for k in range(layout.classes[w, r]):
            here = cols[(base.region[keep] == r) & (flow_class <= k)]
            if not here.size:
                continue
            terms = [(here, 1.0), (usable.by_region[w, r, k, t], -1.0)]
            if r == loss.region and loss.offer is not None:
                hurt = usable.by_offer.get((w, r, loss.offer, k, t))
                terms += [] if hurt is None else [(hurt, 1.0)]
                terms += [(left[k], -1.0)] if k in left else []
            link.add(f"{label}/to {layout.regions[r]}/{k}", *terms, upper=0.0)


def _left_on_offer(loss: _Loss, usable: UsableRates, link: RowBuilder, label: str, w: int, t: int) -> dict[int, int]:
    """One column per latency class: the rate that the offer's pools keep when a node dies, whichever replicas it held.

    Either everything on the offer is taken as lost, or what is left is bounded for every pool c in use: all pools' rate
    less ``mu_c K_c``, and pool c's at its surviving size beside the others' full rate. A node with some replicas of
    several pools loses a weighted mean of such losses, so the bound is safe for every packing.
    """
    layout = loss.layout
    pools, bands = layout.pools, layout.bands
    band, _, _ = layout.capacity_terms(t)
    band = band[bands.utilisation[band] > 0]  # a pool that carries nothing loses nothing
    pool = bands.pool[band]
    most = layout.requests.demand[layout.shapes_of[w], :, t].sum() / layout.rate_unit
    gone = int(layout.columns.add("offer lost", 1, lambda _: label, upper=1.0, integer=True)[0])
    left: dict[int, int] = {}
    for k in range(layout.classes[w, loss.region]):
        members = np.flatnonzero(loss.hit & (pools.workload == w) & (pools.latency_class <= k))
        members = members[np.isin(members, pool)]
        if not members.size:
            continue
        left[k] = int(layout.columns.add("left", 1, lambda _, k=k: f"{label}/{k}")[0])
        kept = [(left[k], 1.0), (usable.by_offer[w, loss.region, loss.offer, k, t], -1.0)]  # type: ignore[index]
        link.add(f"{label}/{k}/all lost", (left[k], 1.0), (gone, most), upper=most)
        worst = (pools.lost_replicas[members] * pools.requests_per_s[members, 0]).max() / layout.rate_unit
        for v in members:
            own = band[pool == v]
            unit, lost = pools.requests_per_s[v, 0] / layout.rate_unit * pools.availability[v], pools.lost_replicas[v]
            chosen, where = bands.chosen_col[own], f"{label}/{k}/{layout.pool_name(int(v))}"
            link.add(where, *kept, (chosen, lost * unit), (gone, -worst), upper=0.0)
            full, after = bands.utilisation[own] * unit, bands.utilisation_after_loss[own] * unit
            survives = after > 0
            at_most = (full - after) * bands.largest[own] + after * lost
            if (at_most[survives] <= lost * unit * (1 + 1e-12)).all():
                continue  # the row above says at least as much
            smaller = [(bands.count_col[own], full - after), (chosen[survives], after[survives] * lost)]
            link.add(f"{where}/smaller", *kept, *smaller, upper=0.0)
    return left


def _mixed_shapes(loss: _Loss, link: RowBuilder, label: str, flows: tuple[Array, Array], w: int, t: int) -> None:
    """Loads after a loss, shape by shape; every pool of the lost offer is smaller by its worst node at once."""
    layout, (keep, cols), hit = loss.layout, flows, loss.hit
    base, pools, bands = layout.flows, layout.pools, layout.bands
    members = np.flatnonzero((pools.workload == w) & ~(hit & loss.everything))
    shapes = layout.shapes_of[w]
    pool, shape = np.repeat(members, len(shapes)), np.tile(np.arange(len(shapes)), members.size)
    load = layout.columns.add(
        "load after", pool.size, lambda n: f"{label}: {layout.pool_name(int(pool[n]))}/{shape[n]}"
    )
    rows, _, _ = layout.capacity_terms(t)

    def left(v: int, weights: Array | None) -> tuple[Array, Array]:
        """(columns, values) of a pool's replicas after the loss, times `weights` by band (after the loss where hit)."""
        own = rows[bands.pool[rows] == v]
        use = np.ones(own.size) if weights is None else weights[own]
        use = use * pools.availability[v]
        if not hit[v]:
            return bands.count_col[own], use
        survives = bands.utilisation_after_loss[own] > 0
        own, use = own[survives], use[survives]
        return np.concatenate([bands.count_col[own], bands.chosen_col[own]]), np.concatenate(
            [use, -use * pools.lost_replicas[v]]
        )

    for v in members:
        busy = layout.rate_unit / pools.requests_per_s[v, : len(shapes)]
        have, value = left(int(v), bands.utilisation_after_loss if hit[v] else bands.utilisation)
        link.add(f"{label}/{layout.pool_name(int(v))}", (load[pool == v], busy), (have, -value), upper=0.0)
    flow_class = layout.class_of[w, base.origin[keep], base.region[keep]]
    for r in range(len(layout.regions)):
        for s, j in enumerate(shapes):
            for k in range(layout.classes[w, r]):
                arriving = cols[(base.request[keep] == j) & (base.region[keep] == r) & (flow_class <= k)]
                served = load[(shape == s) & (pools.region[pool] == r) & (pools.latency_class[pool] <= k)]
                if arriving.size:
                    link.add(f"{label}/to {layout.regions[r]}/{s}/{k}", (arriving, 1.0), (served, -1.0), upper=0.0)
    add_mixed_itl(layout, link, w, label, pool, shape, load)
    add_mixed_kv(layout, link, w, label, pool, shape, load, lambda v: left(v, None))
