"""The neutral form in which a fleet leaves the house: regions, node groups, pools, and how each replica is started.

It knows no cloud and no orchestrator. `argosy schema --export json` prints its JSON Schema; the templates for SkyPilot,
Kubernetes and Terraform read nothing else. Money is USD a year, carbon kg CO2e a year, rates requests a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from optimizer.plan import Part

VERSION = "1.1"
FILL_IN = "FILL-IN"
"""How a value begins that only the user can know."""
Procurement = Literal["owned", "reserved", "on_demand", "spot"]


class Answers(Part):
    """The plan that this comes from."""

    scenario: str
    title: str
    status: str
    gap: float | None
    scenario_sha256: str
    argosy: str
    usd_per_year: float | None
    kg_co2e_per_year: float | None

    @property
    def called(self) -> str:
        """The title, or the name where there is none."""
        return self.title or self.scenario

    @property
    def made_by(self) -> str:
        """Which question, in which version, answered by what."""
        return f"Scenario {self.scenario}, sha256 {self.scenario_sha256}; made by argosy {self.argosy}."


class ServedModel(Part):
    """Weights of one workload at one precision."""

    name: str
    """Short name within this file, lower case letters, digits and dashes."""
    workload: str
    catalog_model: str
    precision: str
    parameters: float
    """Count, all experts included."""
    checkpoint: str
    """What the engine loads. Begins with `FILL-IN` where the catalog knows no checkpoint of this precision."""
    other_checkpoints: list[str] = Field(default_factory=list)
    """Further published checkpoints of the same architecture."""
    note: str = ""
    """What is left to the user about it."""


class Pool(Part):
    """Replicas that run alike, held the same way, on one node type of one region."""

    name: str
    """Short name, unique within this file."""
    workload: str
    model: str
    """Name of the entry of `models`."""
    engine: str
    offer: str
    accelerator: str
    procurement: Procurement
    replicas: int = Field(ge=0)
    """In the slot with most nodes of its type, as in the node groups: they fit on these nodes together."""
    replicas_by_slot: dict[str, int]
    devices_per_replica: int = Field(ge=1)
    tensor_parallel: int = Field(ge=1)
    pipeline_parallel: int = Field(ge=1)
    expert_parallel: int = Field(ge=1)
    precision: str
    kv_precision: str
    batch: int = Field(ge=1)
    """Most requests that one replica decodes at once."""
    longest_context_tokens: int = Field(ge=1)
    """Cached, read and written tokens of the longest request in the scenario."""
    requests_per_s: float
    """Load in the slot where it serves most."""
    capacity_requests_per_s: float
    """What all replicas can serve within the latency limits, at the workload's mix of requests."""
    may_be_down: int | None
    """Replicas that one node can hold, where the plan serves its share without them; None: nothing is promised."""
    serves: list[str]
    """Origins that it is fast enough for, whether or not the plan sends their requests here."""
    receives: list[str]
    """Those of them whose requests the plan sends to this region in some slot; none where the pool carries nothing."""
    engine_arguments: list[str]
    """Arguments of `vllm serve` after the model; empty for another engine."""


class Held(Part):
    """Replicas of a pool on each node of a group."""

    pool: str
    replicas: int = Field(ge=1)
    spans_nodes: int = Field(ge=1)
    """Nodes that one replica lies on."""


class NodeGroup(Part):
    """Nodes that are alike in what they are and in what runs on them."""

    name: str
    offer: str
    instance_type: str | None
    """The provider's own name of the machine; None for owned nodes and where the catalog has only a price."""
    accelerator: str
    vendor: str
    devices_per_node: int = Field(ge=1)
    procurement: Procurement
    nodes: int = Field(ge=1)
    """Nodes in the slot with most of them."""
    holds: list[Held]


class NodesBySlot(Part):
    """Nodes of one type that run in each slot."""

    offer: str
    procurement: Procurement
    nodes: dict[str, int]


class Region(Part):
    """One region and all that runs there."""

    name: str
    """Short name, unique within this file."""
    region: str
    provider: str
    provider_region: str
    node_groups: list[NodeGroup]
    nodes_by_slot: list[NodesBySlot]
    pools: list[Pool]


class Traffic(Part):
    """Requests a second from an origin to a region, for whoever routes them."""

    workload: str
    shape: str
    origin: str
    region: str
    slot: str
    requests_per_s: float


class Deployment(Part):
    """A verified fleet, ready to be rolled out."""

    schema_version: str = VERSION
    answers: Answers
    models: list[ServedModel]
    regions: list[Region]
    traffic: list[Traffic]
    notes: list[str]
    """What these files cannot say, or what only the user knows."""

    def model(self, name: str) -> ServedModel:
        """The entry of `models` by its name."""
        return next(one for one in self.models if one.name == name)

    def notes_on(self, models: Sequence[ServedModel]) -> list[str]:
        """What is left to the user, of these models and in general."""
        return [*(model.note for model in models if model.note), *self.notes]

    @property
    def slots(self) -> list[str]:
        """Time slots in their order."""
        return list(dict.fromkeys(one.slot for one in self.traffic))
