"""Kubernetes: one file for each region with a Deployment, a Service and a disruption budget for each pool."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reports.export_checks import refuse_other_engines, refuse_spanning
from reports.export_form import FILL_IN, Deployment, NodeGroup, Pool, Region
from reports.export_names import DEVICES, VENDORS, Device, Vendor
from reports.export_templates import render

_HELD_AS = "argosy-held-as"
"""The node label that tells apart nodes of one accelerator that are held in several ways."""


def files(made: Deployment, image: str = "") -> dict[str, str]:
    """Name and text of each region's file; `image` instead of the vendor's usual one."""
    refuse_other_engines(made, "kubernetes")
    refuse_spanning(made, "kubernetes")
    return {f"{region.name}.yaml": _region(made, region, image) for region in made.regions if region.pools}


def _region(made: Deployment, region: Region, image: str) -> str:
    groups = {(group.offer, group.procurement): group for group in region.node_groups}
    pools = [_pool(made, region, pool, groups[pool.offer, pool.procurement], image) for pool in region.pools]
    return render("kubernetes.yaml.jinja", header=list(_header(made, region, pools)), pools=pools)


def _pool(made: Deployment, region: Region, pool: Pool, group: NodeGroup, image: str) -> dict[str, Any]:
    vendor = VENDORS.get(group.vendor, Vendor(f"{FILL_IN}/device-of-{group.accelerator}", "", "", ""))
    chosen = image or vendor.image or f"{FILL_IN}-vllm-image"
    return {
        "pool": pool,
        "model": made.model(pool.model),
        "image": chosen,
        "resource": vendor.resource,
        "devices": {vendor.resource: pool.devices_per_replica},
        "selector": {"app.kubernetes.io/name": pool.name},
        "labels": {
            "app.kubernetes.io/name": pool.name,
            "app.kubernetes.io/part-of": pool.model,
            "app.kubernetes.io/managed-by": "argosy",
        },
        "annotations": _annotations(made, region, pool),
        "node_selector": _node_selector(region, group, vendor),
    }


def _annotations(made: Deployment, region: Region, pool: Pool) -> dict[str, str]:
    """The plan's own names, as they are written there; annotations may hold any text."""
    return {
        "argosy/scenario": made.answers.scenario,
        "argosy/scenario-sha256": made.answers.scenario_sha256,
        "argosy/workload": pool.workload,
        "argosy/region": region.region,
        "argosy/offer": pool.offer,
        "argosy/procurement": pool.procurement,
        "argosy/load-requests-per-s": f"{pool.requests_per_s:.6g}",
        "argosy/capacity-at-the-mix-requests-per-s": f"{pool.capacity_requests_per_s:.6g}",
        "argosy/replicas-by-slot": json.dumps(pool.replicas_by_slot, ensure_ascii=False),
        "argosy/serves-origins": json.dumps(pool.receives, ensure_ascii=False),
    }


def _node_selector(region: Region, group: NodeGroup, vendor: Vendor) -> dict[str, str]:
    """Labels that a node of this group carries, by itself or because the header asks for it."""
    found = {}
    product = DEVICES.get(group.accelerator, Device()).product
    if product and vendor.product_label:
        found[vendor.product_label] = product
    if group.instance_type:
        found["node.kubernetes.io/instance-type"] = group.instance_type
    alike = {(one.offer, one.procurement) for one in region.node_groups if one.accelerator == group.accelerator}
    if len(alike) > 1 or not found:
        found[_HELD_AS] = _held_as(region, group)
    return found


def _held_as(region: Region, group: NodeGroup) -> str:
    """The value of that label: the name of the first group that is held the same way."""
    held = (group.offer, group.procurement)
    return next(one.name for one in region.node_groups if (one.offer, one.procurement) == held)


def _header(made: Deployment, region: Region, pools: list[dict[str, Any]]) -> Iterator[str]:
    yield f"{region.region}: its part of the plan for {made.answers.called}"
    yield made.answers.made_by
    yield "Nodes that have to be there:"
    groups = {(group.offer, group.procurement): group for group in region.node_groups}
    for one in region.nodes_by_slot:
        group = groups[one.offer, one.procurement]
        devices = f"{group.devices_per_node} {group.accelerator}"
        label = f"; label them {_HELD_AS}={_held_as(region, group)}" if _is_labelled(pools, region, group) else ""
        yield f"  {max(one.nodes.values())} x {one.offer} ({one.procurement}), {devices} each{label}"
    if len(made.slots) > 1:
        yield "Replicas are those of the slot with most nodes; argosy/replicas-by-slot has all, for an autoscaler."
    yield "A token for gated weights: kubectl create secret generic argosy-hf-token --from-literal=token=..."
    yield "Images are not pinned: name the version that you tested with --image."
    yield from made.notes_on([made.model(name) for name in dict.fromkeys(pool.model for pool in region.pools)])


def _is_labelled(pools: list[dict[str, Any]], region: Region, group: NodeGroup) -> bool:
    return any(one["node_selector"].get(_HELD_AS) == _held_as(region, group) for one in pools)
