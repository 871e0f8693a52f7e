"""What a robust run says: in how many draws the plan keeps every limit, what breaks, and what that turns on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from optimizer.held import Break
from optimizer.robust import Robust
from optimizer.robust_point import Edge, Turn
from optimizer.robust_sums import Leaning, Spread
from reports.content import Bullets, Content, Paragraph, Section, Table, columns, section
from reports.frontier_page import account, fleet
from reports.names import Places
from reports.words import count, listed, number, percent, plain, sentence, together
from scenarios.inputs import KINDS

_LEAST_SHARE = 0.05
"""What explains less of the failures is left out of the sentence."""


def page(found: Robust, scenario: Any = None, file: str = "", threshold: str = "") -> Content:
    """The whole report; `file` is where the pieces are kept, `threshold` what --fail-under says of it."""
    places = Places(scenario)
    sections: list[Section | None] = [
        _today(found, places),
        _limits(found, places),
        _bills(found),
        _alone(found, places),
        _over(found),
        _how(found, file),
    ]
    always = found.drawn > 0 and found.held == found.drawn and found.status == "complete"
    return Content(
        f"{found.title or found.scenario}: the plan held against {count(found.asked, 'draw')}",
        (f"{sentence(threshold)} " if threshold else "") + sentence(_headline(found, places, file)),
        "good" if always else "warn" if found.held else "bad",
        tuple(each for each in sections if each is not None),
    )


def _headline(found: Robust, places: Places, file: str) -> str:
    if found.status == "no_fleet":
        return "there is no plan to hold: the scenario has no fleet; `argosy explain` says why"
    left = ""
    if found.status == "stopped":
        ended = "stopped" if found.stopped_by == "interrupt" else "out of time"
        left = f"{ended} after {found.drawn} of {count(found.asked, 'draw')}"
        left += f"; --resume {file} goes on" if file else ""
    if not found.draws:
        return left
    says = f"within every limit in {found.held} of {count(found.drawn, 'draw')}"
    if found.limits:
        first = found.limits[:3]
        says += "; broken: " + listed(f"{places.limit(one.limit)} in {one.draws}" for one in first)
    blamed = [one for one in found.inputs if (one.share or 0.0) >= _LEAST_SHARE]
    if blamed:
        says += f". It turns on {listed(f'{_the(one.name)} ({percent(one.share or 0.0)})' for one in blamed)}"
    return f"{says}. {sentence(left)}" if left else says


def _the(name: str) -> str:
    """An input in a sentence: `the demand of chat`, `purchase prices`."""
    return plain(name) if name in KINDS else f"the {plain(name)}"


def _today(found: Robust, places: Places) -> Section | None:
    if not found.today:
        return None
    rows = tuple((places.limit(one.limit), *_reached(one)) for one in found.today)
    table = Table(columns("limit", ">is", ">reached", ">off by"), rows)
    alarm = Paragraph("The plan breaks these limits in the scenario as it stands, before anything is drawn.", "bad")
    return section("today", "Broken today", [alarm, table])


def _reached(one: Break) -> tuple[str, str, str]:
    value, reached = together(one.unit, [one.value, one.reached], digits=4)
    return value, reached, percent(one.by)


def _limits(found: Robust, places: Places) -> Section | None:
    rows = []
    for one in found.limits:
        value, reached, by = _reached(one.worst)
        share = percent(one.draws / found.drawn)
        rows.append((places.limit(one.limit), str(one.draws), share, percent(one.median_by), by, reached, value))
    heads = columns("limit", ">draws", ">share?", ">off by, median", ">worst", ">there reached?", ">of?")
    caption = "The fleet is as planned and requests are routed anew; first comes what is served, then the other limits"
    return section("limits", "Limits that break", [Table(heads, tuple(rows), None, caption)] if rows else [])


def _bills(found: Robust) -> Section | None:
    rows = [_bill(one) for one in (found.usd, found.carbon) if one is not None]
    heads = columns("a year", ">today", ">P5", ">median", ">P95")
    caption = "P5: 5 % of the draws lie below it. Where a limit breaks, of what is then served"
    return section("bills", "What it costs", [Table(heads, tuple(rows), None, caption)] if rows else [])


def _bill(one: Spread) -> tuple[str, ...]:
    return account(one.account), *together(one.unit, [one.today, one.p5, one.median, one.p95])


def _alone(found: Robust, places: Places) -> Section | None:
    """Each input moved alone."""
    rows, still = [], []
    for one in found.inputs:
        sides = [turn for turn in (one.below, one.above) if turn is not None]
        moved = [turn for turn in sides if turn.other_fleet.first is not None]
        for turn in moved:
            rows.append((plain(one.name), _signed(turn.end), _edge(turn.breaks), _names(turn, places), _other(turn)))
        if sides and not moved:
            ends = " to ".join(_signed(turn.end) for turn in sides)
            still.append(f"{plain(one.name)} ({ends})")
    nothing = Paragraph(f"Within their ranges these alone turn nothing: {listed(still)}.") if still else None
    heads = columns("input", ">moved to", "a limit breaks", "which_", "another fleet is better")
    says = (
        "Each input was moved from today's figure to the ends of its range, the others as they stand. The change lies "
        "between the two figures. Beyond the first break nothing is looked for."
    )
    parts = [Paragraph(says), Table(heads, tuple(rows)) if rows else None, nothing]
    return section("alone", "One input at a time", parts if rows or still else [])


def _signed(factor: float) -> str:
    change = factor - 1.0
    if abs(change) < 5e-5:
        return "0 %"
    return f"{'+' if change > 0 else '-'}{percent(abs(change))}"


def _edge(edge: Edge) -> str:
    if edge.first is None:
        return "not in this range"
    return "today" if edge.first == 1.0 else f"{_signed(edge.last)} to {_signed(edge.first)}"


def _names(turn: Turn, places: Places) -> str:
    return listed(places.limit(one) for one in turn.breaks.limits)


def _other(turn: Turn) -> str:
    if turn.other_fleet == turn.breaks and turn.breaks.first is not None:
        return "where it breaks"
    return _edge(turn.other_fleet)


def _over(found: Robust) -> Section | None:
    """What the draws say of each input."""
    if not found.draws:
        return None
    rows = [
        (
            plain(one.name),
            f"{_signed(one.low)} to {_signed(one.high)}",
            _told(one.failing),
            percent(one.share) if one.share is not None else "",
            _told(one.cost),
            _told(one.carbon),
        )
        for one in found.inputs
    ]
    heads = columns("input", "range", ">with breaking", ">explains", ">with cost?", ">with carbon?")
    caption = (
        "Rank correlations over the draws, -1 to 1; -: chance may give as much. Explains: part of the breaking, the "
        "square of its rank correlation"
    )
    return section("inputs", "What it turns on", [Table(heads, tuple(rows), None, caption)])


def _told(rank: float | None) -> str:
    return "-" if rank is None else f"{rank:+.2f}"


def _how(found: Robust, file: str) -> Section | None:
    if not found.draws:
        return None
    grouped = [one for one in found.inputs if len(one.inputs) > 1]
    says = [
        f"The plan: {fleet(found.plan)}.",
        f"{count(found.drawn, 'draw')} by Latin hypercube, seed {found.seed}; inputs are independent"
        + (f", but for those that move together: {listed(_group(grouped))}" if grouped else "")
        + ".",
        f"In the {count(found.held, 'draw')} that hold, the re-routed plan passed its independent check.",
        f"Another fleet is better where it is cheaper in what the scenario minimizes by more than "
        f"{percent(found.lock.gap)}, the gap.",
        f"{number(found.seconds, 3)} s by the clock"
        + (f", {count(found.reused, 'piece')} taken from {file}" if found.reused else "")
        + ".",
    ]
    return section("how", "How it was found", [Bullets(tuple(says))])


def _group(grouped: Iterable[Leaning]) -> Iterable[str]:
    return (f"{plain(one.name)} ({len(one.inputs)})" for one in grouped)
