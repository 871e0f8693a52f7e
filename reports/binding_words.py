"""Sentences on what binds: one for each limit, what demand the same money serves, and limits that hold together."""

from __future__ import annotations

from collections.abc import Sequence

from optimizer.plan import Binding, MostDemand, Plan
from optimizer.plan_binding import Together
from reports.content import Bullets, Paragraph
from reports.names import Places
from reports.node_words import fleet_change
from reports.summary import by_carbon, effect, quantity
from reports.words import listed, mass, money, number, percent, sentence


def nothing(lines: Sequence[Binding]) -> bool:
    """Less than a dollar and a kilogram a year, and no request a second, whichever way the limit moves.

    A tighter limit that the plan keeps as it is changes nothing, whatever the gap leaves open.
    """
    return all(
        (line.status == "kept" or line.resolved)
        and line.status != "no_fleet"
        and (line.status == "kept" or all(abs(end) < 1.0 for end in _ends(line)))
        and (all(abs(end) < 0.01 for end in line.requests_per_s_change or ()) or _same_demand(line))
        for line in lines
    )


def _same_demand(line: Binding) -> bool:
    """Whether the plan is kept as it is, and the gap alone leaves open that the same money serves less."""
    low, high = line.requests_per_s_change or (0.0, 0.0)
    return line.status == "kept" and low <= 0.0 <= high


def _ends(line: Binding) -> tuple[float, ...]:
    return (*(line.usd_per_year_change or ()), *(line.kg_co2e_per_year_change or ()))


def unresolved(lines: Sequence[Binding]) -> bool:
    """Whether nothing of it can be told: moves without effect, and others that the gaps leave open."""
    served = any(abs(end) >= 0.01 for line in lines for end in line.requests_per_s_change or ())
    return not served and all(nothing([line]) or (line.status == "solved" and not line.resolved) for line in lines)


def limit_said(lines: Sequence[Binding], plan: Plan, places: Places) -> str:
    """`the carbon limit, now 500 t/yr: 450 t/yr would cost $90k a year (...); 550 t/yr would change nothing`."""
    tight = sorted((line for line in lines if line.relaxation < 0), key=lambda line: line.relaxation)
    loose = sorted((line for line in lines if line.relaxation > 0), key=lambda line: -line.relaxation)
    dropped = [line for line in loose if line.to is None]
    told = [_strongest(side) for side in (tight, [line for line in loose if line.to is not None], dropped) if side]
    clauses: list[str] = []
    idle = [_to(line) for line in told if nothing([line])]
    dim = [line for line in told if not line.resolved and line.status == "solved"]
    for line in told:
        if line not in dim and not nothing([line]):
            clauses.append(_clause(line, plan, places))
    if dim:
        clauses.append(_unresolved(dim, plan))
    if idle:
        clauses.append(f"{listed(idle, 'or')} would change nothing")
    first = lines[0]
    now = f", now {quantity(first.start, first.unit)}" if first.start is not None else ""
    return f"{places.limit(first.limit)}{now}: {'; '.join(clauses)}"


def _strongest(side: Sequence[Binding]) -> Binding:
    """The largest move; of tightenings the smallest one that no fleet holds."""
    none = [line for line in side if line.status == "no_fleet"]
    return max(none, key=lambda line: line.relaxation) if none else side[0]


def _to(line: Binding) -> str:
    return "dropping it" if line.to is None else quantity(line.to, line.unit, line.start)


def _clause(line: Binding, plan: Plan, places: Places) -> str:
    what = _to(line)
    if line.status == "no_fleet":
        return f"with {what} no fleet exists, proven"
    if line.status == "stopped":
        return f"{what} was not settled in time"
    carbon = by_carbon(plan)
    change = line.kg_co2e_per_year_change if carbon else line.usd_per_year_change
    assert change is not None
    worth = effect(change, "kg" if carbon else "USD", "would save", "would add" if carbon else "would cost")
    if change == (0.0, 0.0):
        return f"{what} would cost and save nothing{_requests(line, plan)}"
    fleet = fleet_change(line.node_changes, places)
    return f"{what} {worth} a year{f' ({fleet})' if fleet else ''}"


def _unresolved(lines: Sequence[Binding], plan: Plan) -> str:
    moves = listed([_to(line) for line in lines], "or")
    return f"whether {moves} changes anything is not resolved ({_most_open(lines, plan)})"


def _most_open(lines: Sequence[Binding], plan: Plan) -> str:
    carbon = by_carbon(plan)
    changes = [line.kg_co2e_per_year_change if carbon else line.usd_per_year_change for line in lines]
    most = max((change for change in changes if change is not None), key=lambda change: max(map(abs, change)))
    return f"{effect(most, 'kg' if carbon else 'USD', costs='adds' if carbon else 'costs')} a year"


def _requests(line: Binding, plan: Plan) -> str:
    if not any(line.requests_per_s_change or ()):
        return ""
    low, high = line.requests_per_s_change or (0.0, 0.0)
    much = f"{number(low)} to {number(high)}" if number(low) != number(high) else number(low)
    return f", but the same {'carbon' if by_carbon(plan) else 'money'} serves {much} requests/s more"


def without_noun(written: str, unit: str) -> str:
    """`8` for `8 devices`: of two counts only the second names what is counted."""
    return written.split(" ")[0] if unit in ("devices", "regions", "nodes") else written


def unresolved_said(lines: Sequence[Binding], plan: Plan, places: Places) -> str:
    """`the budget: $4.5M/yr to $5.5M/yr (saves at most $145 a year)`."""
    return f"{nothing_said(lines, places)} ({_most_open([line for line in lines if not nothing([line])], plan)})"


def nothing_said(lines: Sequence[Binding], places: Places) -> str:
    """`the budget: $4.5M/yr to $5.5M/yr`."""
    first = lines[0]
    values = [value for line in lines for value in (line.start, line.to) if value is not None]
    dropped = ", nor without it" if any(line.to is None and line.start is not None for line in lines) else ""
    if not values:
        return places.change(first.limit, first.change)
    ends = quantity(min(values), first.unit, max(values)), quantity(max(values), first.unit, max(values))
    return f"{places.limit(first.limit)}: {without_noun(ends[0], first.unit)} to {ends[1]}{dropped}"


def demand_said(plan: Plan, places: Places) -> list[Paragraph | Bullets]:
    """The most demand that the plan's money, and that the limits, can serve."""
    if not plan.most_demand:
        return []
    return [
        Paragraph("The most demand that can be served, in the same mix and within every limit:"),
        Bullets(tuple(_demand(line) for line in plan.most_demand)),
    ]


def _demand(line: MostDemand) -> str:
    low, high = (number(end, 4) for end in line.requests_per_s)
    served = f"at least {low}" if line.at_least else low if low == high else f"{low} to {high}"
    asked = f"{number(line.asked_requests_per_s, 4)} are asked for"
    write = mass if line.account.startswith("kg") else money
    whole = write(line.value) if line.value is not None and line.account.startswith(("usd", "kg")) else ""
    if line.within == "plan":
        what = f"for the {whole} a year that the plan takes" if whole else "for no more of what was made least"
    else:
        what = f"as far as the limits reach, {whole} a year among them" if whole else "as far as the limits reach"
    return f"{what}: {served} requests/s ({asked})"


def together_said(plan: Plan, places: Places) -> list[Paragraph | Bullets]:
    """Limits that hold the plan only together."""
    found = plan.together
    if found is None or len(found.asked) < 2:
        return []
    by = percent(found.by)
    parts: list[Paragraph | Bullets] = []
    if found.found:
        parts.append(
            Paragraph(f"These hold together: none of them alone changes as much as relaxed together, by {by} or one:")
        )
        parts.append(Bullets(tuple(sentence(_together(one, plan, places)) for one in found.found)))
    else:
        change = found.kg_co2e_per_year_change if by_carbon(plan) else found.usd_per_year_change
        none = change is None or change == (0.0, 0.0)
        worth = effect(change, "kg" if by_carbon(plan) else "USD") if change is not None else ""
        says = "nothing changes" if none else f"no more changes than one of them alone may change ({worth} a year)"
        parts.append(
            Paragraph(
                f"No limits hold only together: with the {len(found.asked)} that tell nothing alone all relaxed at "
                f"once, by {by} or one node or region, {says}."
            )
        )
    if not found.complete:
        parts.append(Paragraph("The search for further sets ended early; there may be others."))
    return parts


def _together(one: Together, plan: Plan, places: Places) -> str:
    carbon = by_carbon(plan)
    worth = effect(one.kg_co2e_per_year_change if carbon else one.usd_per_year_change, "kg" if carbon else "USD")
    fleet = fleet_change(one.node_changes, places)
    moves = listed(places.change(name, change) for name, change in zip(one.limits, one.changes, strict=True))
    return f"{moves}: {worth} a year{f' ({fleet})' if fleet else ''}"
