"""Terraform: the fleet as values of variables, and the file that declares them."""

from __future__ import annotations

from pydantic import Field

from optimizer.plan import Part
from reports.export_form import Answers, Deployment, Region
from reports.export_names import Labels
from reports.export_templates import text_of


class Nodes(Part):
    """Nodes of one type, held one way, in one region."""

    region: str
    provider: str
    provider_region: str
    offer: str
    instance_type: str | None
    accelerator: str
    devices_per_node: int
    procurement: str
    nodes: int
    """Nodes in the slot with most of them."""
    nodes_by_slot: dict[str, int]


class Replicas(Part):
    """Replicas that run alike on one node group."""

    node_group: str
    """Key of `argosy_node_groups`."""
    workload: str
    checkpoint: str
    engine: str
    engine_arguments: list[str]
    precision: str
    kv_precision: str
    devices_per_replica: int
    replicas: int
    replicas_by_slot: dict[str, int]
    may_be_down: int | None


class Variables(Part):
    """The values of all variables."""

    argosy_plan: Answers
    argosy_node_groups: dict[str, Nodes] = Field(default_factory=dict)
    argosy_pools: dict[str, Replicas] = Field(default_factory=dict)


def files(made: Deployment) -> dict[str, str]:
    """The declarations, and the values under a name that Terraform reads by itself."""
    return {
        "variables.tf": text_of("variables.tf"),
        "argosy.auto.tfvars.json": variables(made).model_dump_json(indent=2) + "\n",
    }


def variables(made: Deployment) -> Variables:
    """The fleet as values of the declared variables."""
    labels = Labels()
    groups: dict[str, Nodes] = {}
    pools: dict[str, Replicas] = {}
    for region in made.regions:
        keys = {}
        for one in region.nodes_by_slot:
            nodes = _nodes(region, one.offer, one.procurement, one.nodes)
            key = keys[one.offer, one.procurement] = labels.label(region.name, nodes.accelerator, one.procurement)
            groups[key] = nodes
        for pool in region.pools:
            shared = pool.model_dump(include=set(Replicas.model_fields))
            checkpoint = made.model(pool.model).checkpoint
            pools[pool.name] = Replicas(
                node_group=keys[pool.offer, pool.procurement], checkpoint=checkpoint, **shared
            )
    return Variables(argosy_plan=made.answers, argosy_node_groups=groups, argosy_pools=pools)


def _nodes(region: Region, offer: str, procurement: str, by_slot: dict[str, int]) -> Nodes:
    group = next(one for one in region.node_groups if (one.offer, one.procurement) == (offer, procurement))
    shared = group.model_dump(include={"offer", "instance_type", "accelerator", "devices_per_node", "procurement"})
    return Nodes(
        region=region.region,
        provider=region.provider,
        provider_region=region.provider_region,
        nodes=max(by_slot.values()),
        nodes_by_slot=by_slot,
        **shared,
    )
