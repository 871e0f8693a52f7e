"""What a frontier says: how far one account falls as the other may rise, the knee, and each point's fleet."""

from __future__ import annotations

from collections import Counter

from optimizer.frontier import Frontier, FrontierPoint
from optimizer.frontier_boxes import SMALLEST
from optimizer.plan import Plan
from reports.content import Bullets, Content, Section, Table, columns, section
from reports.words import count, device, gap, listed, number, percent, plain, scale, sentence, together

_NAMES = {
    "usd_per_year": "cost",
    "kg_co2e_per_year": "carbon",
    "kwh_per_year": "energy",
    "litres_per_year": "water",
    "devices": "devices",
    "kg_co2e_embodied_per_year": "embodied carbon",
}
_BAR = 24


def page(found: Frontier, file: str = "") -> Content:
    """The whole report; `file` is where the points are kept."""
    sections: list[Section | None] = [_points(found), _picture(found), _fleets(found), _how(found, file)]
    return Content(
        f"{found.title or found.scenario}: {account(found.x)} against {account(found.y)}",
        sentence(_headline(found, file)),
        "good" if found.status == "complete" else "warn" if found.points else "bad",
        tuple(each for each in sections if each is not None),
    )


def account(name: str) -> str:
    """An account in a reader's word."""
    return _NAMES.get(name, plain(name))


def fleet(plan: Plan) -> str:
    """The nodes of a plan in a line: `4 + 2 nodes of H200 and B200`, by region."""
    regions: dict[str, Counter[str]] = {}
    for line in plan.nodes:
        regions.setdefault(line.region, Counter())[device(line.accelerator)] += line.nodes
    return "; ".join(
        f"{region}: {listed(f'{nodes} {name}' for name, nodes in sorted(kinds.items()))}"
        for region, kinds in sorted(regions.items())
    )


def _headline(found: Frontier, file: str) -> str:
    if found.status == "no_candidate":
        return "nothing can run it, so there is nothing to trade; `argosy explain` says why"
    if found.status == "infeasible":
        return "no fleet keeps the scenario's limits, so there is nothing to trade; `argosy explain` says why"
    left = ""
    if found.status == "stopped":
        ended = "stopped" if found.stopped_by == "interrupt" else "out of time"
        again = f"; --resume {file} goes on" if file else ""
        left = f"{ended} with {len(found.points)} of {count(found.asked, 'point')}{again}"
    if not found.points:
        return left
    first, last = found.points[0], found.points[-1]
    if len(found.points) == 1:
        says = f"one fleet has the least {account(found.x)} and the least {account(found.y)}"
        says += f": {_one(found.x_unit, last.x)} and {_one(found.y_unit, last.y)}"
    else:
        xs, ys = together(found.x_unit, [last.x, first.x]), together(found.y_unit, [last.y, first.y])
        says = f"{account(found.x)} rises from {xs[0]} to {xs[1]} as {account(found.y)} falls from {ys[0]} to {ys[1]}"
        if found.ended_by == "closed":
            says += f"; to within the gap, these {count(len(found.points), 'fleet')} are the whole frontier"
        knee = next((point for point in found.points if point.knee), None)
        if knee is not None:
            says += f"; the knee is at {_one(found.x_unit, knee.x)} and {_one(found.y_unit, knee.y)}"
    return f"{says}; {left}" if left else says


def _one(unit: str, value: float) -> str:
    return together(unit, [value], 4)[0]


def _marks(point: FrontierPoint) -> str:
    marks = ["knee"] if point.knee else []
    if not point.resolved:
        marks.append("not resolved")
    if point.why == "time_limit":
        marks.append("out of time")
    return ", ".join(marks)


def _points(found: Frontier) -> Section | None:
    xs = together(found.x_unit, [point.x for point in found.points], 5)
    bounds = together(found.x_unit, [point.x if point.x_bound is None else point.x_bound for point in found.points], 5)
    ys = together(found.y_unit, [point.y for point in found.points], 4)
    tops = together(found.y_unit, [point.y if point.best_to is None else point.best_to for point in found.points], 4)
    first = found.points[-1].x if found.points else 1.0
    body = []
    for k, point in enumerate(found.points):
        over = f"+{percent(point.x / first - 1)}" if point.x > first > 0 else ""
        top = "" if point.best_to is None else tops[k]
        proven = ("", "") if point.x_bound is None or point.gap is None else (bounds[k], gap(point.gap))
        body.append((ys[k], xs[k], over, *proven, top, point.beyond, _marks(point)))
    heads = (
        columns(f">{account(found.y)}", f">{account(found.x)}", ">over the least?")
        + columns(">proven at least?", ">gap??")
        + columns(">best up to", "to the next?", "")
    )
    return section("points", "Points", [Table(heads, tuple(body))] if body else [])


def _picture(found: Frontier) -> Section | None:
    """A bar a point: how much more x it takes than the least."""
    if len(found.points) < 3:
        return None
    most, least = found.points[0].x, found.points[-1].x
    ys = together(found.y_unit, [point.y for point in found.points], 4)
    body = []
    for y, point in zip(ys, found.points, strict=True):
        length = round(_BAR * (point.x - least) / (most - least)) if most > least else 0
        body.append((y, "#" * length + ("|" if point.knee else "") or "."))
    more = scale(found.x_unit, most - least).write(most - least, 3)
    caption = f"Length: {account(found.x)} above the least, {more} at the longest; | marks the knee"
    return section("picture", "Picture", [Table(columns(f">{account(found.y)}", ""), tuple(body), None, caption)])


def _fleets(found: Frontier) -> Section | None:
    ys = together(found.y_unit, [point.y for point in found.points], 4)
    body = [
        (y, number(point.plan.accounts["devices"], 6), fleet(point.plan))
        for y, point in zip(ys, found.points, strict=True)
    ]
    heads = columns(f">{account(found.y)}", ">devices?", "nodes_")
    return section("fleets", "Fleets", [Table(heads, tuple(body))] if body else [])


def _how(found: Frontier, file: str) -> Section | None:
    if not found.points:
        return None
    x, y = account(found.x), account(found.y)
    asked = found.questions or found.solved
    dropped = f"; {found.dropped} led to a fleet that is no better than one here by more than the gap"
    says = [
        f"{count(asked, 'question')}, both ends among them, each solved to a gap of {percent(found.lock.gap)}: the "
        f"least {x} under a cap on {y} in the largest open box between neighbouring points, or the next fleet after one"
        + (dropped if found.dropped else "")
        + ".",
        *_ended(found),
        f"Best up to: with {y} capped anywhere from the point's own to there the answer is this fleet, to the gap. "
        f"Closed: proven that no fleet has less {x} than this point and less {y} than the next, both by more than the "
        f"gap. Small: the two are nearer than the gap in {x}, or what is left between them is less than "
        f"{percent(SMALLEST)} of the distance between the ends, in {x} or in {y}.",
        "Every limit of the scenario holds at every point, and every fleet passed its independent check.",
        f"Proven at least: no fleet within the cap that the point was found under has less {x}.",
        f"Knee: the point farthest below the straight line between the ends, {x} and {y} scaled to 0..1.",
        f"{number(found.seconds, 3)} s by the clock"
        + (f", {count(found.reused, 'answer')} taken from {file}" if found.reused else "")
        + ".",
    ]
    if not all(point.resolved for point in found.points):
        says.insert(5, f"Not resolved: the gap leaves open whether the point before has more {x} at all.")
    return section("how", "How it was found", [Bullets(tuple(says))])


def _ended(found: Frontier) -> list[str]:
    """What ended the search, in a sentence."""
    states = Counter(point.beyond for point in found.points if point.beyond)
    tally = listed(f"{states[state]} {state}" for state in ("closed", "small", "open") if states[state])
    between = f" Of {count(states.total(), 'box', 'boxes')}: {tally}." if states else ""
    if found.ended_by == "closed":
        return [f"It ended because no box between neighbours is open.{between}"] if states else []
    if found.ended_by == "points":
        more = " More --points split what is open." if states["open"] else ""
        return [f"It ended with the {count(found.asked, 'point')} asked for.{between}{more}"]
    return [between.strip()] if between else []
