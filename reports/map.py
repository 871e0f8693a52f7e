"""The map: regions where they lie, users where they sit, and the requests that flow between them.

Coordinates are the catalog's. Land is an outline of Natural Earth (`land.json`, public domain). Longitudes are turned
so that the places of the report lie together, also across the Pacific.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from optimizer.plan import Plan
from reports.charts import LIGHT, WIDTH, Chart, short
from reports.content import Table, columns
from reports.names import Places
from reports.words import count, listed, plain, rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[float, float]

_HEIGHT = 330
_LEAST_WIDTH_DEG = 36.0
_LABELS = 14
_SAME_PLACE_DEG = 0.6


@dataclass
class Place:
    """A spot on the map: regions that serve there and users that sit there."""

    longitude_deg: float
    latitude_deg: float
    city: str
    serves_per_s: float = 0.0
    devices: int = 0
    users: list[tuple[str, float]] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """What its label says."""
        said = [short(self.city, 26)]
        if self.serves_per_s > 0 or self.devices:
            said.append(f"{rate(self.serves_per_s)} on {count(self.devices, 'device')}")
        if self.users:
            asked = sum(value for _, value in self.users)
            who = short(self.users[0][0], 16) if len(self.users) == 1 else count(len(self.users), "origin")
            said.append(f"{who} asks {rate(asked)}")
        return said


@dataclass(frozen=True)
class Arc:
    """Requests a second from one place to another, in the busiest slot of the fleet."""

    start: Place
    end: Place
    requests_per_s: float


def busiest_slot(plan: Plan) -> str:
    """The slot in which most requests are served."""
    total: dict[str, float] = defaultdict(float)
    for flow in plan.flows:
        total[flow.slot] += flow.requests_per_s
    return max(total, key=lambda slot: total[slot], default="")


def chart(plan: Plan, places: Places, scenario: Any | None) -> Chart | None:
    """The map, where the catalog knows every region and origin of the plan; the table alone otherwise says it all."""
    slot = busiest_slot(plan)
    found = _placed(plan, scenario, slot)
    if found is None:
        return None
    spots, arcs = found
    many = len({flow.slot for flow in plan.flows}) > 1
    at_slot = f" in the busiest slot, {plain(slot)}" if many else ""
    moved = sorted(arcs, key=lambda arc: -arc.requests_per_s)
    rows = _rows(plan, places, slot)
    served = listed(f"{spot.city} serves {rate(spot.serves_per_s)}" for spot in spots if spot.serves_per_s > 0)
    says = f"{served}{at_slot}."
    if moved:
        says += " Between places: " + "; ".join(
            f"{rate(arc.requests_per_s)} from {arc.start.city} to {arc.end.city}" for arc in moved[:6]
        )
        says += "."
    table = Table(columns("requests from", "served in", ">requests"), rows, None, f"Requests a second{at_slot}")
    return Chart("map", "Where requests are served", says, table, lambda axes: _draw(axes, spots, arcs), _HEIGHT)


def _rows(plan: Plan, places: Places, slot: str) -> tuple[tuple[str, ...], ...]:
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for flow in plan.flows:
        if flow.slot == slot:
            sums[flow.origin, flow.region] += flow.requests_per_s
    return tuple((plain(origin), places.label(region), rate(value)) for (origin, region), value in sorted(sums.items()))


def _placed(plan: Plan, scenario: Any | None, slot: str) -> tuple[list[Place], list[Arc]] | None:
    """Places and arcs; None where a region has no coordinates. Origins that nobody knows stay in the table."""
    near = {name: origin.near for name, origin in getattr(scenario, "origins", {}).items()}
    flows = [flow for flow in plan.flows if flow.slot == slot]
    spots: list[Place] = []
    at: dict[str, Place] = {}
    try:
        regions = scenario.catalog.regions  # type: ignore[union-attr]
        used = [*(flow.region for flow in flows), *(near[flow.origin] for flow in flows if flow.origin in near)]
        for region in dict.fromkeys(used):
            at[region] = _spot(spots, regions[region])
    except (KeyError, ValueError, AttributeError):
        return None
    if not spots:
        return None
    between: dict[tuple[int, int], float] = defaultdict(float)
    users: dict[str, float] = defaultdict(float)
    for flow in flows:
        end = at[flow.region]
        end.serves_per_s += flow.requests_per_s
        if flow.origin in near:
            start = at[near[flow.origin]]
            users[flow.origin] += flow.requests_per_s
            if start is not end:
                between[spots.index(start), spots.index(end)] += flow.requests_per_s
    for origin, value in users.items():
        at[near[origin]].users.append((origin, value))
    for node in plan.nodes:
        if node.region in at:
            at[node.region].devices += node.nodes * node.devices_per_node
    _turn(spots)
    return spots, [Arc(spots[a], spots[b], value) for (a, b), value in between.items() if value > 0]


def _spot(spots: list[Place], region: Any) -> Place:
    """The place of a region; regions of several providers in one town are one place."""
    for spot in spots:
        if (
            math.hypot(spot.longitude_deg - region.longitude_deg, spot.latitude_deg - region.latitude_deg)
            < _SAME_PLACE_DEG
        ):
            return spot
    town, _, state = region.city.partition(", ")
    spots.append(Place(region.longitude_deg, region.latitude_deg, f"{town} ({state})" if state else town))
    return spots[-1]


def _turn(spots: list[Place]) -> None:
    """Longitudes counted so that the widest empty stretch is outside of the map."""
    ordered = sorted(spot.longitude_deg % 360 for spot in spots)
    gaps = [(ordered[(k + 1) % len(ordered)] - one) % 360 or 360.0 for k, one in enumerate(ordered)]
    widest = max(range(len(gaps)), key=lambda k: gaps[k])
    first = ordered[(widest + 1) % len(ordered)]
    shift = -360.0 if first + 360 - gaps[widest] > 360 or first > 180 else 0.0
    for spot in spots:
        spot.longitude_deg = first + (spot.longitude_deg % 360 - first) % 360 + shift


def window(spots: Sequence[Place], shape: float) -> tuple[float, float, float, float, float]:
    """West, east, south and north of a map that is `shape` times as wide as high, and the stretch of latitudes."""
    west, east = min(s.longitude_deg for s in spots), max(s.longitude_deg for s in spots)
    south, north = min(s.latitude_deg for s in spots), max(s.latitude_deg for s in spots)
    stretch = 1 / max(0.3, math.cos(math.radians((south + north) / 2)))
    wide = max(_LEAST_WIDTH_DEG, 1.55 * (east - west), 1.5 * (north - south) * stretch * shape)
    high = wide / shape / stretch
    wide, high = (360.0, 360 / shape / stretch) if wide > 360 else (wide, high)
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    return middle_x - wide / 2, middle_x + wide / 2, middle_y - high / 2, middle_y + high / 2, stretch


@cache
def land() -> tuple[tuple[Point, ...], ...]:
    """Rings of longitude and latitude."""
    text = (files("reports") / "land.json").read_text(encoding="utf-8")
    rings = json.loads(text)["rings"]
    return tuple(tuple((float(x), float(y)) for x, y in (pair.split(",") for pair in ring.split())) for ring in rings)


def _draw(axes: Axes, spots: list[Place], arcs: list[Arc]) -> None:
    from matplotlib.patches import FancyArrowPatch, PathPatch
    from matplotlib.path import Path

    west, east, south, north, stretch = window(spots, WIDTH / _HEIGHT)
    axes.fill([west, east, east, west], [south, south, north, north], color=LIGHT["panel"], zorder=0)
    vertices: list[Point] = []
    codes: list[Any] = []
    for ring in land():
        for turn in (-360.0, 0.0, 360.0):
            cut = clipped([(x + turn, y) for x, y in ring], west, east, south, north)
            if len(cut) > 2:
                vertices += [*cut, cut[0]]
                codes += [Path.MOVETO, *[Path.LINETO] * (len(cut) - 1), Path.CLOSEPOLY]
    if vertices:
        axes.add_patch(PathPatch(Path(vertices, codes), facecolor=LIGHT["land"], edgecolor="none"))
    step = next(step for step in (5, 10, 20, 30, 60) if (east - west) / step <= 7)
    for x in range(math.ceil(west / step) * step, math.floor(east) + 1, step):
        axes.plot([x, x], [south, north], color=LIGHT["line"], linewidth=0.4, zorder=0.5)
    for y in range(math.ceil(south / step) * step, math.floor(north) + 1, step):
        axes.plot([west, east], [y, y], color=LIGHT["line"], linewidth=0.4, zorder=0.5)
    most = max((arc.requests_per_s for arc in arcs), default=1.0)
    taken: list[tuple[float, float, float, float]] = []
    scale = (east - west) / WIDTH
    for spot in spots:
        taken.append(_box(spot.longitude_deg, spot.latitude_deg, 18 * scale, 18 * scale / stretch))
    for arc in sorted(arcs, key=lambda one: -one.requests_per_s):
        start, end = (arc.start.longitude_deg, arc.start.latitude_deg), (arc.end.longitude_deg, arc.end.latitude_deg)
        width = 1.4 + 5 * arc.requests_per_s / most
        curve = FancyArrowPatch(
            start,
            end,
            connectionstyle="arc3,rad=-0.22",
            arrowstyle="-|>,head_length=7,head_width=4.5",
            shrinkA=9,
            shrinkB=11,
            linewidth=width,
            color=LIGHT["orange"],
            zorder=3,
        )
        axes.add_patch(curve)
        taken += _along(start, end, 26 * scale, stretch)
        _label_arc(axes, arc, taken, scale, stretch)
    for spot in spots:
        _draw_place(axes, spot)
    for place, spot in enumerate(sorted(spots, key=lambda one: -one.serves_per_s)):
        if place < _LABELS:
            _label(axes, spot, taken, (west, east, south, north), scale, stretch)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect(stretch)
    axes.set_axis_off()


def _draw_place(axes: Axes, spot: Place) -> None:
    """A square serves, a ring around it asks."""
    if spot.users:
        ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": LIGHT["orange"], "markeredgewidth": 2}
        axes.plot([spot.longitude_deg], [spot.latitude_deg], "o", markersize=17, zorder=4, **ring)
    if spot.serves_per_s > 0:
        style: dict[str, Any] = {"color": LIGHT["blue"], "markeredgecolor": LIGHT["bg"], "markersize": 10}
        axes.plot([spot.longitude_deg], [spot.latitude_deg], "s", zorder=5, **style)


def _along(start: Point, end: Point, size: float, stretch: float) -> list[tuple[float, float, float, float]]:
    """Boxes on an arc, which labels keep clear of; it bends to its left by a tenth of its length."""
    (x0, y0), (x1, y1) = start, end
    bend_x, bend_y = -0.22 * (y1 - y0) * stretch, 0.22 * (x1 - x0) / stretch
    boxes = []
    for part in (0.15, 0.3, 0.45, 0.6, 0.75, 0.9):
        off = 2 * part * (1 - part)
        boxes.append(
            _box(x0 + part * (x1 - x0) + off * bend_x, y0 + part * (y1 - y0) + off * bend_y, size, size / stretch)
        )
    return boxes


def _label_arc(axes: Axes, arc: Arc, taken: list[Any], scale: float, stretch: float) -> None:
    (x0, y0), (x1, y1) = (
        (arc.start.longitude_deg, arc.start.latitude_deg),
        (arc.end.longitude_deg, arc.end.latitude_deg),
    )
    dx, dy = x1 - x0, (y1 - y0) * stretch
    x, y = (x0 + x1) / 2 - 0.11 * dy, ((y0 + y1) * stretch / 2 + 0.11 * dx) / stretch
    text = rate(arc.requests_per_s)
    taken.append(_box(x, y, (7.5 * len(text) + 8) * scale, 18 * scale / stretch))
    halo = {"boxstyle": "round,pad=0.2", "facecolor": LIGHT["bg"], "edgecolor": LIGHT["orange"], "linewidth": 0.8}
    axes.text(x, y, text, ha="center", va="center", color=LIGHT["orange"], fontweight="bold", bbox=halo, zorder=6)


def _label(axes: Axes, spot: Place, taken: list[Any], frame: tuple[float, ...], scale: float, stretch: float) -> None:
    """Where it covers least of what is there already."""
    wide = (max(map(len, spot.lines)) * 7.6 + 6) * scale
    high = (16 * len(spot.lines) + 4) * scale / stretch
    off_x, off_y = 15 * scale, 15 * scale / stretch
    x, y = spot.longitude_deg, spot.latitude_deg
    choices = [
        (x + off_x, y, "left", "center"),
        (x - off_x, y, "right", "center"),
        (x, y - off_y, "center", "top"),
        (x, y + off_y, "center", "bottom"),
        (x + off_x, y - off_y, "left", "top"),
        (x - off_x, y - off_y, "right", "top"),
        (x + off_x, y + off_y, "left", "bottom"),
        (x - off_x, y + off_y, "right", "bottom"),
    ]
    best, chosen = math.inf, None
    for order, (at_x, at_y, side, level) in enumerate(choices):
        middle_x = at_x + {"left": wide / 2, "right": -wide / 2, "center": 0.0}[side]
        middle_y = at_y + {"bottom": high / 2, "top": -high / 2, "center": 0.0}[level]
        box = _box(middle_x, middle_y, wide, high)
        outside = max(0.0, frame[0] - box[0]) + max(0.0, box[1] - frame[1])
        outside += (max(0.0, frame[2] - box[2]) + max(0.0, box[3] - frame[3])) * stretch
        cost = sum(_shared(box, other) for other in taken) * stretch + outside * high * stretch * 2 + order * 1e-6
        if cost < best:
            best, chosen = cost, (at_x, at_y, side, level, box)
    assert chosen is not None
    at_x, at_y, side, level, box = chosen
    taken.append(box)
    style: dict[str, Any] = {"ha": side, "va": level, "linespacing": 1.25, "multialignment": side, "zorder": 7}
    paper = {"boxstyle": "round,pad=0.15", "facecolor": LIGHT["bg"], "edgecolor": "none", "alpha": 0.82}
    axes.text(at_x, at_y, "\n".join(spot.lines), bbox=paper, **style)


def _box(x: float, y: float, wide: float, high: float) -> tuple[float, float, float, float]:
    return x - wide / 2, x + wide / 2, y - high / 2, y + high / 2


def _shared(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    across = min(one[1], other[1]) - max(one[0], other[0])
    up = min(one[3], other[3]) - max(one[2], other[2])
    return across * up if across > 0 and up > 0 else 0.0


def clipped(ring: list[Point], west: float, east: float, south: float, north: float) -> list[Point]:
    """A ring cut at the edges of a window (Sutherland and Hodgman's way).

    >>> clipped([(0, 0), (4, 0), (4, 4), (0, 4)], 1, 9, -9, 9)
    [(1, 0.0), (4, 0), (4, 4), (1, 4.0)]
    """
    for axis, edge, sign in ((0, west, 1), (0, east, -1), (1, south, 1), (1, north, -1)):
        cut: list[Point] = []
        for place, point in enumerate(ring):
            before = ring[place - 1]
            inside, was = sign * (point[axis] - edge) >= 0, sign * (before[axis] - edge) >= 0
            if inside != was:
                part = (edge - before[axis]) / (point[axis] - before[axis])
                other = before[1 - axis] + part * (point[1 - axis] - before[1 - axis])
                cut.append((edge, other) if axis == 0 else (other, edge))
            if inside:
                cut.append(point)
        ring = cut
        if not ring:
            break
    return ring
