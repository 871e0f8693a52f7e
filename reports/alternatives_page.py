"""What alternatives say: each fleet beside the optimum, what it is best at, and what differs."""

from __future__ import annotations

import shlex
from collections import Counter

from optimizer.alternatives import Alternatives, Features
from optimizer.plan import Plan
from optimizer.program import UNITS
from reports.content import Bullets, Content, Section, Table, columns, section
from reports.frontier_page import account, fleet
from reports.words import count, device, listed, number, percent, procured, sentence, together, within

OPTIMUM = "the optimum"


def page(found: Alternatives, name: str = "") -> Content:
    """The whole report; `name` is the scenario's on the command line."""
    sections: list[Section | None] = []
    if found.features is not None:
        sections = [_table(found), _fleets(found), _how(found)]
    return Content(
        f"{found.title or found.scenario}: fleets within {percent(found.within)} of the optimum",
        sentence(_headline(found, name)),
        "good" if found.status == "complete" else "warn" if found.features is not None else "bad",
        tuple(each for each in sections if each is not None),
    )


def _headline(found: Alternatives, name: str) -> str:
    if found.features is None:
        why = {
            "no_candidate": "nothing can run it",
            "infeasible": "no fleet keeps the scenario's limits",
        }.get(found.status, "no fleet was found in time")
        command = shlex.join(["argosy", "explain", name or found.scenario])
        return f"{why}, so there is no alternative; `{command}` says more"
    left = "; stopped before every goal was tried" if found.status == "stopped" else ""
    if not found.alternatives:
        return f"within {percent(found.within)} of the optimum nothing is better at any goal{left}"
    says = [f"{listed(one.best_at)} for {_over(one.over)} more" for one in found.alternatives]
    return "; ".join(says) + left


def _over(over: float) -> str:
    return percent(over) if over >= 5e-6 else "nothing"


def _table(found: Alternatives) -> Section | None:
    assert found.features is not None
    plans = [(OPTIMUM, found.optimum, found.features, "")]
    for one in found.alternatives:
        name = ", ".join(one.best_at) + ("" if one.proven else " (not proven)")
        plans.append((name, one.plan, one.features, f"+{percent(one.over)}"))
    money = together("USD/yr", [plan.accounts["usd_per_year"] for _, plan, _, _ in plans], 4)
    carbon = together(UNITS["kg_co2e_per_year"], [plan.accounts["kg_co2e_per_year"] for _, plan, _, _ in plans], 3)
    body = []
    for k, (name, _, features, over) in enumerate(plans):
        body.append((name, over, money[k], carbon[k], *_cells(features)))
    vendor = found.features.vendor
    heads = columns("fleet_", ">above", ">cost", ">carbon", ">nodes", ">kinds", ">regions", f">{vendor}?", ">room")
    caption = (
        f"Above: {account(found.optimum.objective.account)} over the optimum's. " if found.optimum.objective else ""
    )
    caption += "Room: growth of all demand that the same nodes and replicas carry within every limit"
    return section("alternatives", "Beside the optimum", [Table(heads, tuple(body), None, caption)])


def _cells(features: Features) -> tuple[str, str, str, str, str]:
    room = "unknown" if features.headroom is None else f"+{percent(features.headroom)}"
    share = percent(features.vendor_share, 3)
    return str(features.nodes), str(features.kinds), str(features.regions), share, room


def _nodes(plan: Plan) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for line in plan.nodes:
        found[line.region, line.accelerator, line.procurement] += line.nodes
    return found


def differs(one: Plan, other: Plan) -> str:
    """What the first has more and less than the second, in nodes."""
    mine, theirs = _nodes(one), _nodes(other)
    changes = []
    for region, name, procurement in sorted({*mine, *theirs}):
        change = mine[region, name, procurement] - theirs[region, name, procurement]
        if change:
            how = "" if procurement == "owned" else f" {procured(procurement)}"
            changes.append(f"{change:+d} {device(name)}{how} in {region}")
    return listed(changes) or "the same nodes, used in another way"


def _fleets(found: Alternatives) -> Section | None:
    body = [(OPTIMUM, fleet(found.optimum))]
    body += [(", ".join(one.best_at), differs(one.plan, found.optimum)) for one in found.alternatives]
    return section(
        "fleets", "Fleets, in nodes", [Table(columns("fleet", "what differs from the optimum"), tuple(body))]
    )


def _how(found: Alternatives) -> Section | None:
    says = ["Every limit of the scenario holds for every fleet, and each passed its independent check."]
    if found.optimum_best_at:
        goals = listed(found.optimum_best_at)
        says.append(f"At {goals} nothing within {percent(found.within)} is better than the optimum.")
    says += [sentence(one) for one in found.left_out]
    says.append("Of the fleets that are best at a goal, the one with the least objective is shown.")
    if found.optimum.gap is not None:
        says.append(f"The optimum is proven to {within(found.optimum.gap)}.")
    says.append(f"{count(len(found.alternatives), 'other fleet')} in {number(found.seconds, 3)} s by the clock.")
    return section("how", "How they were found", [Bullets(tuple(says))])
