"""Plans written by hand, one of each kind of answer."""

from __future__ import annotations

from typing import Any

from optimizer.plan import (
    Amount,
    Assumption,
    Binding,
    Charge,
    ConflictMember,
    FleetLine,
    Flow,
    Lock,
    Loss,
    NodeLine,
    Plan,
    ReadingLine,
    Rejected,
    Repair,
    Sizes,
    SlotLine,
    Verification,
)

VIRGINIA, QUEBEC = "aws/us-east-1", "aws/ca-central-1"
LOCK = Lock(
    argosy="0.1.0",
    highs="1.12.0",
    python="3.11.9",
    scenario_sha256="a" * 64,
    catalog_sha256="b" * 64,
    overridden=[],
    seed=0,
    threads=1,
    gap=0.001,
)
SIZES = Sizes(
    candidates_priced=41_000,
    candidates_kept=900,
    columns=5_400,
    rows=3_100,
    nonzeros=30_000,
    price_s=0.11,
    build_s=0.09,
    solve_s=1.4,
    verify_s=0.3,
    explain_s=6.2,
)
CHARGES = [
    ("usd_per_year", "purchase", VIRGINIA, 1_666_666.67),
    ("usd_per_year", "purchase", QUEBEC, 1_200_000.0),
    ("usd_per_year", "maintenance", VIRGINIA, 100_000.0),
    ("usd_per_year", "maintenance", QUEBEC, 72_000.0),
    ("usd_per_year", "energy, idle power", VIRGINIA, 120_000.33),
    ("usd_per_year", "energy, load power", VIRGINIA, 180_000.0),
    ("usd_per_year", "energy, idle power", QUEBEC, 40_000.0),
    ("usd_per_year", "energy, load power", QUEBEC, 31_333.0),
    ("kg_co2e_per_year", "idle power", VIRGINIA, 90_000.0),
    ("kg_co2e_per_year", "load power", VIRGINIA, 118_000.0),
    ("kg_co2e_per_year", "idle power", QUEBEC, 1_900.0),
    ("kg_co2e_per_year", "load power", QUEBEC, 2_100.0),
]


def _line(
    region: str, accelerator: str, precision: str, replicas: int, rate: float, tensor_parallel: int = 1
) -> FleetLine:
    return FleetLine(
        workload="chat",
        region=region,
        offer=f"owned-8x-{accelerator}",
        accelerator=accelerator,
        precision=precision,
        kv_precision="fp8",
        tensor_parallel=tensor_parallel,
        pipeline_parallel=1,
        expert_parallel=1,
        batch=96,
        procurement="owned",
        replicas=replicas,
        devices=replicas * tensor_parallel,
        capacity_requests_per_s=rate * 1.05,
        requests_per_s=rate,
        by_slot=[SlotLine(slot="year", replicas=replicas, requests_per_s={"chat": rate})],
        serves=["virginia", "montreal"],
    )


def _nodes(region: str, accelerator: str, nodes: int) -> NodeLine:
    return NodeLine(
        region=region,
        offer=f"owned-8x-{accelerator}",
        accelerator=accelerator,
        procurement="owned",
        devices_per_node=8,
        nodes=nodes,
        by_slot={"year": nodes},
    )


def _reading(
    wall: str, name: str, where: str, value: float, sense: Any, limit: float | None, unit: str, percentile: str = ""
) -> ReadingLine:
    slack = None if limit is None else (limit - value if sense == "<=" else value - limit)
    return ReadingLine(
        wall=wall,
        name=name,
        where=where,
        value=value,
        sense=sense,
        limit=limit,
        slack=slack,
        unit=unit,
        percentile=percentile,
    )


READINGS = [
    _reading("capital", "budget", "year", 3_410_000.0, "<=", 5e6, "USD/yr"),
    _reading("sustainability", "carbon", "year", 212_000.0, "<=", 500e3, "kg CO2e/yr"),
    _reading("sustainability", "water", "year", 1_200_000.0, "<=", None, "l/yr"),
    _reading("capital", "quota", f"b200-sxm {VIRGINIA}", 8.0, "<=", 8.0, "devices"),
    _reading("serving", "demand served", "chat (year)", 1000.0, ">=", 1000.0, "requests/s"),
    _reading("serving", "ITL", f"chat {VIRGINIA} b200-sxm", 0.0482, "<=", 0.05, "s", "mean"),
    _reading("serving", "ITL of a token", f"chat {VIRGINIA} b200-sxm", 0.09, "<=", None, "s", "P99"),
    _reading("tail_latency", "TTFT", f"chat: virginia -> {VIRGINIA}", 0.31, "<=", None, "s", "P50"),
    _reading("tail_latency", "TTFT", f"chat: virginia -> {VIRGINIA}", 0.93, "<=", 1.0, "s", "P99"),
    _reading("tail_latency", "TTFT", f"chat: montreal -> {QUEBEC}", 0.28, "<=", None, "s", "P50"),
    _reading("tail_latency", "TTFT", f"chat: montreal -> {QUEBEC}", 0.88, "<=", 1.0, "s", "P99"),
    _reading(
        "fragility",
        "served after a node loss",
        f"chat without b200-sxm in {VIRGINIA}",
        0.81,
        ">=",
        0.8,
        "share of demand",
    ),
]
BINDING = [
    Binding(
        limit=f"quota b200-sxm {VIRGINIA}",
        key=f"regions.{VIRGINIA}.quota.b200-sxm",
        wall="capital",
        change=f"quota b200-sxm {VIRGINIA}: 8 devices -> 16 devices",
        relaxation=1.0,
        usd_per_year_change=(-193_000.0, -188_000.0),
        kg_co2e_per_year_change=(-4_000.0, -4_000.0),
        resolved=True,
        seconds=0.8,
    ),
    Binding(
        limit="demand chat",
        key="workloads.chat.demand",
        wall="serving",
        change="demand chat: 1,000 requests/s -> 950 requests/s",
        relaxation=0.05,
        usd_per_year_change=(-240_000.0, -230_000.0),
        kg_co2e_per_year_change=(-9_000.0, -9_000.0),
        resolved=True,
        seconds=0.8,
    ),
    Binding(
        limit="carbon",
        key="limits.carbon",
        wall="sustainability",
        change="carbon: 500 t CO2e/yr -> 525 t CO2e/yr",
        relaxation=0.05,
        usd_per_year_change=(-2_700.0, 0.0),
        kg_co2e_per_year_change=(0.0, 0.0),
        resolved=False,
        seconds=0.8,
    ),
    Binding(
        limit="budget",
        key="limits.budget",
        wall="capital",
        change="budget: $5M/yr -> $5.25M/yr",
        relaxation=0.05,
        usd_per_year_change=(0.0, 0.0),
        kg_co2e_per_year_change=(0.0, 0.0),
        resolved=True,
        seconds=0.8,
    ),
]
REJECTED = [
    Rejected(
        workload="chat",
        what="1x h100-sxm bf16/bf16",
        wall="memory",
        reading="weights and KV",
        value=144.3,
        sense="<=",
        limit=72.0,
        unit="GB",
        says="weights alone need 141 GB of 72 GB usable",
        usd_per_million_requests=61.5,
    ),
    Rejected(
        workload="chat",
        what="owned-8x-l4",
        wall="capital",
        reading="price",
        value=None,
        sense="",
        limit=None,
        unit="",
        says="no purchase price in the catalog, so it is not offered",
    ),
]
ASSUMPTIONS = [
    Assumption(
        name="serving efficiency, blackwell (vllm)",
        value="prefill 55 % of peak FLOP/s",
        source="silicon_fit.csv, 2026-10",
        confidence="A",
    ),
    Assumption(
        name="carbon intensity aws/us-east-1", value="323 g/kWh", source="region-carbon-info, 2024", confidence="A"
    ),
]


def _losses() -> list[Loss]:
    def loss(what: Any, where: str, served: float, required: float | None) -> Loss:
        return Loss(
            what=what,
            where=where,
            workload="chat",
            slot="year",
            served_requests_per_s=served,
            served_share=served / 1000,
            required_share=required,
        )

    return [
        loss("node", f"{VIRGINIA}/owned-8x-b200-sxm/1", 810.0, 0.8),
        loss("node", f"{QUEBEC}/owned-8x-h200-sxm/1", 905.0, 0.8),
        loss("region", VIRGINIA, 412.0, None),
        loss("region", QUEBEC, 600.0, None),
    ]


def _flow(origin: str, region: str, rate: float, slot: str = "year") -> Flow:
    return Flow(workload="chat", shape="chat", origin=origin, region=region, slot=slot, requests_per_s=rate)


def feasible(**changes: Any) -> Plan:
    """A fleet in two regions, solved to the gap; embodied carbon unknown."""
    fields: dict[str, Any] = {
        "scenario": "capstone",
        "title": "Llama-3-70B at 1,000 requests/s in N. Virginia and Quebec",
        "status": "optimal",
        "stopped_by": "gap",
        "gap": 0.0008,
        "objective": Amount(account="usd_per_year", value=3_410_000.0, unit="USD/yr"),
        "bound": Amount(account="usd_per_year", value=3_407_272.0, unit="USD/yr"),
        "accounts": {
            "usd_per_year": 3_410_000.0,
            "kg_co2e_per_year": 212_000.0,
            "kwh_per_year": 1_900_000.0,
            "litres_per_year": 1_200_000.0,
            "devices": 40.0,
        },
        "carbon_basis": "direct",
        "fleet": [
            _line(VIRGINIA, "b200-sxm", "fp4", 8, 512.0),
            _line(VIRGINIA, "h200-sxm", "fp8", 8, 88.0, 2),
            _line(QUEBEC, "h200-sxm", "fp8", 16, 400.0),
        ],
        "nodes": [_nodes(VIRGINIA, "b200-sxm", 1), _nodes(VIRGINIA, "h200-sxm", 2), _nodes(QUEBEC, "h200-sxm", 2)],
        "flows": [_flow("virginia", VIRGINIA, 600.0), _flow("montreal", QUEBEC, 400.0)],
        "charges": [
            Charge(account=account, part=part, region=region, offer="", procurement="owned", value=value)
            for account, part, region, value in CHARGES
        ],
        "readings": READINGS,
        "losses": _losses(),
        "binding": BINDING,
        "rejected": REJECTED,
        "assumptions": ASSUMPTIONS,
        "verified": True,
        "verification": Verification(passed=True, checks=214, failures=[]),
        "lock": LOCK,
        "sizes": SIZES,
    }
    return Plan(**{**fields, **changes})


def none(status: Any, stopped_by: Any, **changes: Any) -> Plan:
    """A plan without a fleet."""
    fields: dict[str, Any] = {
        "scenario": "capstone",
        "title": "A question",
        "status": status,
        "stopped_by": stopped_by,
        "gap": None,
        "objective": None,
        "bound": None,
        "accounts": {},
        "carbon_basis": "direct",
        "fleet": None,
        "rejected": REJECTED,
        "assumptions": ASSUMPTIONS,
        "lock": LOCK,
    }
    return Plan(**{**fields, **changes})


def infeasible() -> Plan:
    """A conflict of three limits, one way out and one that never helps."""
    return none(
        "infeasible",
        "infeasible",
        conflict=[
            ConflictMember(
                limit="budget", key="limits.budget", value=5e6, unit="USD/yr", says="at most $5M/yr is spent"
            ),
            ConflictMember(
                limit="demand chat",
                key="workloads.chat.demand",
                value=1000.0,
                unit="requests/s",
                says="all requests of chat are served",
            ),
        ],
        repairs=[
            Repair(
                limit="budget",
                key="limits.budget",
                start=5e6,
                to=17.4e6,
                unit="USD/yr",
                usd_per_year=17.3e6,
                kg_co2e_per_year=480e3,
                verified=True,
                says="a budget of $17.4M/yr is enough",
            ),
            Repair(
                limit="demand chat",
                key="workloads.chat.demand",
                start=1000.0,
                to=310.0,
                unit="requests/s",
                usd_per_year=4.99e6,
                kg_co2e_per_year=150e3,
                verified=True,
                says="",
            ),
            Repair(
                limit="carbon",
                key="limits.carbon",
                start=500e3,
                to=None,
                unit="kg CO2e/yr",
                usd_per_year=None,
                kg_co2e_per_year=None,
                verified=False,
                says="no change of this limit alone helps",
            ),
        ],
    )


def no_candidate() -> Plan:
    """Nothing fits physically."""
    return none("no_candidate", "no_candidate")


def no_incumbent() -> Plan:
    """Stopped before a fleet was found."""
    return none("no_incumbent", "time_limit", bound=Amount(account="usd_per_year", value=2.9e6, unit="USD/yr"))


def stopped() -> Plan:
    """Stopped with a fleet in hand."""
    return feasible(status="feasible", stopped_by="interrupt", gap=0.023, binding=[])


EVERY = {
    "optimal": feasible,
    "stopped": stopped,
    "infeasible": infeasible,
    "no_candidate": no_candidate,
    "no_incumbent": no_incumbent,
}
