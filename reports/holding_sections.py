"""What a plan that holds in a share of draws says: what it costs beside the plan without, and what it gives up."""

from __future__ import annotations

import math
from typing import Any

from optimizer.holding import HeldDraw, Holding
from optimizer.plan import Plan
from reports.content import Bullets, Content, Paragraph, Section, Table, columns, section
from reports.frontier_page import account, fleet
from reports.names import Places
from reports.words import count, device, gap, listed, number, percent, plain, sentence, span, together

_TOLD = 3
"""Inputs of a draw that are told: those furthest from today's figure."""
_ACCOUNTS = (("usd_per_year", "USD/yr"), ("kg_co2e_per_year", "kg CO2e/yr"))


def page(found: Holding, scenario: Any = None, seed: int | None = None) -> Content:
    """The whole report; `seed` is that of the draws."""
    places = Places(scenario)
    sections = [_price(found), _given_up(found, places), _fleet(found), _how(found, seed)]
    tone = {"optimal": "good", "infeasible": "bad"}.get(found.status, "warn")
    return Content(
        f"{found.title or found.scenario}: a plan for {percent(found.share)} of {count(found.asked, 'draw')}",
        sentence(_headline(found)),
        tone,  # type: ignore[arg-type]
        tuple(each for each in sections if each is not None),
    )


def _headline(found: Holding) -> str:
    least = found.asked - found.may_break
    if found.plan is None:
        if found.without is not None and found.without.fleet is None:
            return "the scenario has no fleet as it stands, so that none can hold; `argosy explain` says why"
        if len(found.hopeless) > found.may_break:
            numbers = listed(str(k) for k in found.hopeless)
            return f"no fleet at all holds in {count(len(found.hopeless), 'draw')} ({numbers}); a lower share may do"
        if found.status == "infeasible":
            return f"no fleet holds in {least} of {count(found.asked, 'draw')}, though each alone can be held"
        return f"nothing found in time; --time-limit gives more, fewer --draws need less ({found.stopped_by})"
    says = f"this fleet keeps every limit in {found.holds_in} of {count(found.asked, 'draw')}; {least} were asked for"
    told = _today(found.plan, found.without, "usd_per_year", "USD/yr")
    if told is not None and "usd_per_year" in found.change:
        mine, other, more = told
        says += f". As things stand it costs {mine}, {more} than the {other} of the best plan for today alone"
    return says


def _today(plan: Plan, without: Plan | None, name: str, unit: str) -> tuple[str, str, str] | None:
    """An account of the plan and of the one without, and the difference in words."""
    if without is None or name not in plan.accounts or name not in without.accounts:
        return None
    values = plan.accounts[name], without.accounts[name]
    mine, other, by = together(unit, [*values, abs(values[0] - values[1])])
    part = f" ({percent(abs(values[0] - values[1]) / values[1])})" if values[1] else ""
    return mine, other, f"{by}{part} {'more' if values[0] >= values[1] else 'less'}"


def _price(found: Holding) -> Section | None:
    rows = []
    for name, unit in _ACCOUNTS if found.plan is not None else ():
        told = _today(found.plan, found.without, name, unit) if found.plan else None
        if told is not None and name in found.change:
            low, high = together(unit, list(found.change[name]))
            rows.append((account(name), told[1], told[0], low if low == high else span(low, high)))
    heads = columns("as things stand, a year", ">best plan for today", ">this plan", ">holding costs")
    says = "An interval is what the gap of the plan for today leaves open"
    return section("price", "What it costs to hold", [Table(heads, tuple(rows), None, says)] if rows else [])


def _given_up(found: Holding, places: Places) -> Section | None:
    rows = tuple(
        (
            str(one.number),
            listed(f"{places.limit(each.limit)} by {percent(each.by)}" for each in one.breaks),
            _factors(one),
        )
        for one in found.draws
        if not one.holds
    )
    heads = columns(">draw", "limits that break", "drawn, of today's figure_")
    caption = "As much as possible is served in time first, then the other limits are broken as little as can be"
    return section("given up", "Draws that are given up", [Table(heads, rows, None, caption)] if rows else [])


def _factors(one: HeldDraw) -> str:
    """The inputs of a draw that are furthest from today's figures."""
    far = sorted(one.factors.items(), key=lambda item: -abs(math.log(item[1])))[:_TOLD]
    return ", ".join(f"{plain(name)} {percent(factor, 3)}" for name, factor in far)


def _fleet(found: Holding) -> Section | None:
    plan = found.plan
    rows = tuple(
        (
            line.region,
            device(line.accelerator),
            line.procurement.replace("_", " "),
            f"{line.precision} TP {line.tensor_parallel} batch {line.batch:,}",
            f"{line.replicas:,}",
            f"{line.devices:,}",
        )
        for line in (plan.lines if plan else [])
    )
    heads = columns("region", "device", "had?", "runs", ">replicas", ">devices")
    lead = Paragraph(f"{fleet(plan)}. Nodes, replicas and batches are the same in every draw.") if plan else None
    return section("fleet", "The fleet", [lead, Table(heads, rows)] if rows else [])


def _how(found: Holding, seed: int | None) -> Section | None:
    says = []
    if found.objective is not None and found.bound is not None and found.gap is not None:
        unit = found.objective.unit
        value, bound = together(unit, [found.objective.value or 0.0, found.bound.value or 0.0], digits=4)
        verdict = f"; a second search: {found.cross_check}" if found.cross_check else ""
        says.append(
            f"The mean over the draws is {value}; no fleet that holds in so many draws has less than {bound} (gap "
            f"{gap(found.gap)}{verdict})."
        )
        says.append("A draw that is given up counts with its nodes, idle, and the least its requests can cost.")
        says.append("In every draw that holds, the plan with its requests routed anew passed its independent check.")
    if found.stopped_by in ("time_limit", "interrupt") and found.plan is not None:
        says.append("The search ended early: a cheaper fleet may hold; --time-limit gives it more time.")
    if found.hopeless and found.plan is not None:
        says.append(f"In {listed(f'draw {k}' for k in found.hopeless)} no fleet at all holds.")
    drawn = f", seed {seed}" if seed is not None else ""
    says.append(
        f"{count(found.asked, 'draw')}{drawn}; the largest program joined {found.joined} of them: "
        f"{found.columns:,} columns, {found.rows:,} rows. {number(found.seconds, 3)} s of processor time."
    )
    return section("how", "How it was found", [Bullets(tuple(says))])
