"""How a fleet changes, in a clause: which nodes move, come and go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from optimizer.plan_binding import NodeChange
from reports.names import Places
from reports.words import count, device, plain, procured


def fleet_change(changes: Sequence[NodeChange], places: Places) -> str:
    """`2 H100 nodes move from Ashburn to Montreal; Montreal +1 B200 node`; empty where nothing changes.

    Nodes of one accelerator are matched first within their region, where they are only held otherwise, then between
    regions, where they move; the rest comes or goes.
    """
    more: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    said: list[str] = []
    for accelerator in dict.fromkeys(line.accelerator for line in changes):
        here = [line for line in changes if line.accelerator == accelerator]
        said += _held_otherwise(here, places)
        for line in here:
            more[accelerator][line.region] += line.after - line.before
        said += _moves(accelerator, more[accelerator], places)
    for region in dict.fromkeys(line.region for line in changes):
        left = [(name, by_region[region]) for name, by_region in more.items() if by_region.get(region)]
        if left:
            told = ", ".join(f"{number:+d} {device(name)}" for name, number in left)
            noun = "node" if sum(abs(number) for _, number in left) == 1 else "nodes"
            said.append(f"{places.town(region)} {told} {noun}")
    return "; ".join(said)


def _held_otherwise(lines: list[NodeChange], places: Places) -> list[str]:
    said = []
    for region in dict.fromkeys(line.region for line in lines):
        here = [line for line in lines if line.region == region]
        gained = sum(max(line.after - line.before, 0) for line in here)
        both = min(gained, gained - sum(line.after - line.before for line in here))
        if both:
            how = procured(max(here, key=lambda line: line.after - line.before).procurement)
            what = count(both, f"{device(here[0].accelerator)} node")
            said.append(f"{what} in {places.town(region)} held otherwise ({plain(how)})")
    return said


def _moves(accelerator: str, more: dict[str, int], places: Places) -> list[str]:
    """What one region loses and another gains; both are taken off `more`."""
    said = []
    for to in more:
        for start in more:
            moved = min(more[to], -more[start])
            if moved > 0:
                more[to], more[start] = more[to] - moved, more[start] + moved
                verb = "moves" if moved == 1 else "move"
                what = count(moved, f"{device(accelerator)} node")
                said.append(f"{what} {verb} from {places.town(start)} to {places.town(to)}")
    return said
