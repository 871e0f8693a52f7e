"""For each kind of limit a small question in which it binds, and the rows that carry it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scenarios.schema import Scenario
from tests.optimizer.cases import DROP, EAST, NORTH, WEST, chat, small_scenario, two_regions

ONLY_L40S = {
    "accelerators": ["l40s"],
    "procurement": {"owned": {"prices": {"h100-sxm": DROP}, "devices_per_node": {"h100-sxm": DROP}}},
}
NODE, REGION = {"node": {"served": "80%", "scope": "total"}}, {"region": {"served": "50%", "scope": "total"}}


@dataclass(frozen=True)
class LimitCase:
    """A question, the blocks that carry its limit, the limit's name, and what the check says of a plan without it."""

    scenario: Callable[[], Scenario]
    blocks: tuple[str, ...]
    limit: str
    complaint: str
    closed: bool = False
    """Whether candidates beyond the limit must be in the program for its rows to matter."""


def _spot() -> Scenario:
    return small_scenario(
        accelerators=["l4"],
        procurement={
            "owned": DROP,
            "on_demand": {"startup": "10 min"},
            "spot": {"availability": 0.9, "max_share": "30%"},
        },
        regions={EAST: {"quota": {"l40s": DROP, "h100-sxm": DROP, "l4": 16}}},
        workloads=chat(demand={"east": 10.0}),
    )


def three_regions(demand: float, share: str) -> Scenario:
    """Two regions of four devices and one of two; each that counts must serve its share."""
    return small_scenario(
        **ONLY_L40S,
        workloads=chat(demand={"east": demand}),
        regions={
            EAST: {"quota": {"h100-sxm": DROP, "l40s": 4}},
            NORTH: {"quota": {"l40s": 4}},
            WEST: {"quota": {"l40s": 2}},
        },
        limits={"min_regions": 2, "min_region_share": share},
    )


CASES: dict[str, LimitCase] = {
    "budget": LimitCase(
        lambda: small_scenario(objective="carbon", regions=two_regions(), limits={"budget": "$29.9k/yr"}),
        ("capital.budget",),
        "budget",
        "budget",
    ),
    "carbon": LimitCase(
        lambda: small_scenario(regions=two_regions(), limits={"carbon": "3.4 t/yr"}),
        ("sustainability.carbon",),
        "carbon",
        "carbon",
    ),
    "water": LimitCase(
        lambda: small_scenario(
            regions={**two_regions(wue="1.8 L/kWh"), NORTH: two_regions()[NORTH] | {"wue": "0.1 L/kWh"}},
            limits={"water": "5 m3/yr"},
        ),
        ("sustainability.water",),
        "water",
        "water",
    ),
    "energy": LimitCase(
        lambda: small_scenario(
            regions={**two_regions(pue=1.6), NORTH: two_regions()[NORTH] | {"pue": 1.1}},
            limits={"energy": "17 MWh/yr"},
        ),
        ("sustainability.energy",),
        "energy",
        "energy",
    ),
    "min regions": LimitCase(
        lambda: small_scenario(regions=two_regions(), limits={"min_regions": 2, "min_region_share": "20%"}),
        ("fragility.min_regions",),
        "min regions",
        "regions serving",
    ),
    "max regions": LimitCase(
        lambda: small_scenario(regions=two_regions(quota={"l40s": 2, "h100-sxm": 0}), limits={"max_regions": 1}),
        ("fragility.max_regions",),
        "max regions",
        "regions in use",
    ),
    "quota": LimitCase(
        lambda: small_scenario(regions={EAST: {"quota": {"l40s": 2}}}),
        ("capital.quota",),
        f"quota l40s {EAST}",
        "quota of l40s",
        closed=True,
    ),
    "site power": LimitCase(
        lambda: small_scenario(regions=two_regions(site_power="1.2 kW")),
        ("sustainability.site_power",),
        f"site power {EAST}",
        "site power",
    ),
    "node failure": LimitCase(
        lambda: small_scenario(failures=NODE), ("fragility.node_failure",), "node failure", "after losing"
    ),
    "region failure": LimitCase(
        lambda: small_scenario(regions=two_regions(), failures=REGION),
        ("fragility.region_failure",),
        "region failure",
        "after losing",
    ),
    "residency": LimitCase(
        lambda: small_scenario(regions=two_regions(), workloads=chat(residency=["CAN"])),
        ("locality.residency",),
        "residency chat",
        "residency",
        closed=True,
    ),
    "ttft": LimitCase(
        lambda: small_scenario(**ONLY_L40S, workloads=chat(ttft={"limit": "110 ms"}, batch=[8])),
        ("tail_latency.closed_by_ttft",),
        "ttft chat",
        "capacity of chat",
        closed=True,
    ),
    "itl": LimitCase(
        lambda: small_scenario(**ONLY_L40S, workloads=chat(itl={"limit": "20 ms"})),
        ("serving.closed_by_itl",),
        "itl chat",
        "ITL",
        closed=True,
    ),
    "precisions": LimitCase(
        lambda: small_scenario(**ONLY_L40S, workloads=chat(precisions=["bf16"])),
        ("fidelity.closed_by_precisions",),
        "precisions chat",
        "precision",
        closed=True,
    ),
    "changes": LimitCase(
        lambda: small_scenario(
            today={
                "nodes": [{"region": EAST, "accelerator": "l40s", "nodes": 4, "write_off": "$6k/yr"}],
                "changes": {"retire": "$0/node", "resale": {"l40s": "$3k"}, "limit": 1},
            }
        ),
        ("capital.changes",),
        "changes",
        "changes, nodes",
    ),
    "spot share": LimitCase(_spot, ("capital.spot_share",), "spot share", "on spot"),
}
