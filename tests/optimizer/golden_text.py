"""The program of a tiny question per wall, as text that a reader can check and a review can compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from optimizer.program import Program, build
from optimizer.tables import ask
from physics.wall import Block
from scenarios.schema import Scenario
from tests.optimizer.cases import DROP, EAST, FAR, NORTH, chat, small_scenario

FOLDER = Path(__file__).parent / "golden"
ONE_DEVICE = {
    "accelerators": ["l40s"],
    "procurement": {"owned": {"prices": {"h100-sxm": DROP}, "devices_per_node": {"h100-sxm": DROP}}},
}
ONE_WAY = {"precisions": ["fp8"], "batch": [8], "ttft": DROP}
MIX = [
    {"name": "short", "share": 0.75, "prompt_tokens": 256, "output_tokens": 64},
    {"name": "long", "share": 0.25, "prompt_tokens": 2048, "output_tokens": 128},
]
SMALL_QUOTA = {EAST: {"quota": {"l40s": 4, "h100-sxm": DROP}}}


def _serving() -> Scenario:
    mix = chat(**(ONE_WAY | {"requests": MIX, "itl": {"limit": "20 ms"}}))
    return small_scenario(**ONE_DEVICE, workloads=mix, regions=SMALL_QUOTA)


def _batching() -> Scenario:
    mix = chat(**(ONE_WAY | {"requests": MIX, "itl": DROP, "batch": [4, 8]}))
    return small_scenario(**ONE_DEVICE, workloads=mix, regions=SMALL_QUOTA)


def _tail_latency() -> Scenario:
    """Two origins, the far one with little time left, so that there are two latency classes."""
    far = {"origins": {"far": {"near": FAR, "last_mile": "10 ms"}}}
    slow = {"ttft": {"limit": "320 ms", "percentile": 99}, "demand": {"east": 3.0, "far": 1.0}}
    return small_scenario(**ONE_DEVICE, **far, workloads=chat(**(ONE_WAY | slow)), regions=SMALL_QUOTA)


def _locality() -> Scenario:
    home = chat(**(ONE_WAY | {"tensor_parallel": [1, 2], "residency": [EAST]}))
    regions = {**SMALL_QUOTA, NORTH: {"quota": {"l40s": 4}}}
    return small_scenario(**ONE_DEVICE, workloads=home, regions=regions, planning={"spare_nodes": 1})


def _fidelity() -> Scenario:
    return small_scenario(**ONE_DEVICE, workloads=chat(**ONE_WAY), regions=SMALL_QUOTA)


def _fragility() -> Scenario:
    return small_scenario(
        **ONE_DEVICE,
        workloads=chat(**ONE_WAY),
        regions={**SMALL_QUOTA, NORTH: {"quota": {"l40s": 4}}},
        failures={"node": {"served": "80%", "scope": "total"}, "region": {"served": "40%", "scope": "each"}},
        limits={"min_regions": 2, "max_regions": 2},
    )


def _capital() -> Scenario:
    """Owned, committed to, rented by the hour and spot in two slots; some of it is there today."""
    return small_scenario(
        accelerators=["l4"],
        slots=[
            {"name": "day", "hours": 4380, "start_hour": 8, "length": "12 h"},
            {"name": "night", "hours": 4380, "start_hour": 20, "length": "12 h"},
        ],
        procurement={
            "owned": {
                "prices": {"l40s": DROP, "h100-sxm": DROP, "l4": "$4,000"},
                "devices_per_node": {"l40s": DROP, "h100-sxm": DROP, "l4": 1},
            },
            "on_demand": {"startup": "30 min"},
            "spot": {"availability": 0.9, "max_share": "30%"},
        },
        workloads=chat(**(ONE_WAY | {"demand": {"east": [4.0, 2.0]}})),
        regions={EAST: {"quota": {"l40s": DROP, "h100-sxm": DROP, "l4": 4}}, NORTH: {"quota": {"l4": 2}}},
        limits={"budget": "$90k/yr"},
        today={
            "nodes": [
                {"region": EAST, "accelerator": "l4", "nodes": 2, "write_off": "$2k/yr"},
                {"region": EAST, "procurement": "reserved", "instance": "g6.xlarge", "nodes": 1, "price": "$0.5/h"},
                {"region": EAST, "procurement": "on_demand", "instance": "g6.xlarge", "nodes": 1},
            ],
            "changes": {"retire": "$300/node", "resale": {"l4": "$900"}, "move": "$600/node", "limit": 3},
        },
    )


def _sustainability() -> Scenario:
    """H100: its embodied carbon is known."""
    return small_scenario(
        accelerators=["h100-sxm"],
        procurement={"owned": {"prices": {"l40s": DROP}, "devices_per_node": {"l40s": DROP}}},
        workloads=chat(**ONE_WAY),
        regions={EAST: {"quota": {"h100-sxm": 4, "l40s": DROP}, "site_power": "5 kW"}},
        limits={"carbon": "9 t/yr", "include_embodied": True, "water": "90 m3/yr", "energy": "40 MWh/yr"},
    )


CASES: dict[str, tuple[Callable[[], Scenario], bool]] = {
    "serving": (_serving, False),
    "batching": (_batching, False),
    "tail_latency": (_tail_latency, True),
    "locality": (_locality, True),
    "fidelity": (_fidelity, True),
    "fragility": (_fragility, False),
    "capital": (_capital, False),
    "sustainability": (_sustainability, False),
}
"""Wall -> (its question, whether candidates beyond the user's limits are in it, as for a conflict)."""


def program_of(wall: str) -> Program:
    """The program of a wall's question."""
    question, closed = CASES[wall]
    return build(ask(question(), closed=closed))


def text(program: Program, wall: str) -> str:
    """The rows of one wall, each as `where: terms <= bound`; pools go by letters."""
    names, lines = program.column_names, []
    for block in program.blocks:
        if block.wall == wall:
            kind = f"limit {block.limit!r}" if block.limit else "linking" if block.linking else "structure"
            lines += ["", f"{wall}.{block.name} [{block.unit}] {kind}: {block.says}"]
            lines += [f"  {block.where[k]}: {_row(block, k, names)}" for k in range(block.size)]
    letters = {name: f"pool {chr(ord('A') + n)}" for n, name in enumerate(program.layout.pool_names)}
    body = "\n".join(lines) + "\n"
    for name in sorted(letters, key=len, reverse=True):
        body = body.replace(name, letters[name])
    return "\n".join(f"{letter} = {name}" for name, letter in letters.items()) + "\n" + body


def _row(block: Block, k: int, names: list[str]) -> str:
    mine = block.row == k
    terms = [f"{_number(v)} {names[c]}" for c, v in zip(block.col[mine], block.value[mine], strict=True)]
    body = " + ".join(terms).replace("+ -", "- ")
    low, high = block.lower[k], block.upper[k]
    if low == high:
        return f"{body} == {_number(low)}"
    least = "" if np.isneginf(low) else f"{_number(low)} <= "
    most = "" if np.isposinf(high) else f" <= {_number(high)}"
    return least + body + most


def _number(value: float) -> str:
    return f"{value + 0.0:.4g}"
