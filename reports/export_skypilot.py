"""SkyPilot: one task for each group of nodes that are alike, `sky launch` or `sky jobs launch` it.

Rented machines are asked for by the provider's own name where it is known, else by accelerator. Owned ones, and
providers that SkyPilot does not rent from, are reached through a Kubernetes context that only the user knows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from reports.export_checks import refuse_other_engines, refuse_spanning
from reports.export_form import FILL_IN, Deployment, NodeGroup, Pool, Region, ServedModel
from reports.export_names import DEVICES, SKY_CLOUDS, VENDORS, Device
from reports.export_templates import render
from reports.problems import wrong_flag

_FIRST_PORT = 8000
_LEAST_DISK_GB, _ROOM_GB, _BYTES = 256, 150, 2.0
"""The disk has room for the weights at 16 bit, software and a quarter more."""


@dataclass(frozen=True)
class Start:
    """Replicas of one pool on a node, and where their devices and ports begin."""

    pool: Pool
    replicas: int
    first_device: int
    first_port: int
    visible: str


def files(made: Deployment) -> dict[str, str]:
    """Name and text of each task file."""
    refuse_other_engines(made, "skypilot")
    refuse_spanning(made, "skypilot")
    return {
        f"{group.name}.yaml": _task(made, region, group) for region in made.regions for group in region.node_groups
    }


def _task(made: Deployment, region: Region, group: NodeGroup) -> str:
    starts = list(_starts(region, group))
    models = [made.model(name) for name in dict.fromkeys(start.pool.model for start in starts)]
    replicas = sum(start.replicas for start in starts)
    ports = f"{_FIRST_PORT}-{_FIRST_PORT + replicas - 1}" if replicas > 1 else str(_FIRST_PORT)
    infra = _infra(region, group)
    return render(
        "skypilot.yaml.jinja",
        header=[*_header(made, region, group, infra), *made.notes_on(models)],
        group=group,
        infra=infra,
        accelerators=_accelerators(region, group),
        disk_gb=_disk_gb(models),
        ports=ports if replicas else "",
        models=models,
        starts=starts,
    )


def _starts(region: Region, group: NodeGroup) -> Iterator[Start]:
    pools = {pool.name: pool for pool in region.pools}
    visible = VENDORS[group.vendor].visible if group.vendor in VENDORS else ""
    device, port = 0, _FIRST_PORT
    for held in group.holds:
        pool = pools[held.pool]
        if not visible:
            hint = "--to kubernetes or --to json can be"
            raise wrong_flag("--to", f"a task that shares out devices of {group.vendor} cannot be written", hint)
        yield Start(pool, held.replicas, device, port, visible)
        device += held.replicas * pool.devices_per_replica
        port += held.replicas


def _in_cloud(region: Region, group: NodeGroup) -> bool:
    return group.procurement != "owned" and region.provider in SKY_CLOUDS


def _infra(region: Region, group: NodeGroup) -> str:
    if not _in_cloud(region, group):
        return f"k8s/{FILL_IN}-context-in-{region.name}"
    # A seller with one price everywhere has no region of its own in the catalog.
    return region.provider if region.provider_region == "all" else f"{region.provider}/{region.provider_region}"


def _accelerators(region: Region, group: NodeGroup) -> dict[str, int] | None:
    """By name and number, but where the machine says it already; GCP's do not."""
    if group.instance_type and region.provider != "gcp":
        return None
    name = DEVICES.get(group.accelerator, Device()).sky
    return {name or f"{FILL_IN}-{group.accelerator}": group.devices_per_node}


def _disk_gb(models: list[ServedModel]) -> int:
    weights_gb = sum(_BYTES * model.parameters for model in models) / 1e9
    return max(_LEAST_DISK_GB, 64 * math.ceil((1.25 * weights_gb + _ROOM_GB) / 64))


def _header(made: Deployment, region: Region, group: NodeGroup, infra: str) -> Iterator[str]:
    held = f"{group.nodes} x {group.offer} ({group.procurement}) in {region.region}"
    yield f"{held}, of the plan for {made.answers.called}"
    yield made.answers.made_by
    yield f"sky launch -c {group.name} --secret HF_TOKEN {group.name}.yaml"
    if FILL_IN in infra:
        yield (
            f"{FILL_IN} the Kubernetes context of these nodes: SkyPilot finds owned ones, and those of providers "
            "that it does not rent from, through Kubernetes."
        )
    elif not group.instance_type:
        yield f"The catalog has only a price for {group.offer}: SkyPilot picks a machine with these accelerators."
    if group.procurement == "reserved":
        yield "Reserved: tell SkyPilot your reservations in its own configuration (specific_reservations)."
    if group.procurement == "spot":
        yield "Spot: a task on its own does not come back after a preemption; sky jobs launch does."
    by_slot = next(
        one.nodes for one in region.nodes_by_slot if (one.offer, one.procurement) == (group.offer, group.procurement)
    )
    if len(set(by_slot.values())) > 1:
        counts = ", ".join(f"{slot}: {count}" for slot, count in by_slot.items())
        yield f"Nodes of {group.offer} by slot: {counts}. SkyPilot does not follow the clock: start and stop them."
    for pool in region.pools:
        if not pool.replicas and (pool.offer, pool.procurement) == (group.offer, group.procurement):
            hours = ", ".join(slot for slot, count in pool.replicas_by_slot.items() if count)
            yield f"Not in these tasks: {pool.name}, which takes its place on such nodes in {hours}."
