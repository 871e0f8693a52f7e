"""A plan as a report: the answer first, then its reasons, in the order in which a reader asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optimizer.plan import Plan
from reports import (
    binding_sections,
    fleet_sections,
    limit_sections,
    routing_sections,
    service_sections,
    sure_sections,
    swing_sections,
    today_sections,
    trust_sections,
    ways_sections,
)
from reports.content import Content
from reports.names import Places
from reports.summary import headline, tone

EXPLAIN_FIRST = ("conflict", "repairs", "ways", "binding", "sensitivity", "rejected")


def report(plan: Plan, scenario: Any | None = None, first: Sequence[str] = (), more: str = "") -> Content:
    """The content of a plan's report; the scenario adds the names of cities and which embodied figures are unknown.

    `first`: sections that lead. `more`: where to go on when nothing fits.
    """
    places = Places(scenario)
    sections = [
        limit_sections.conflict(plan, places),
        limit_sections.repairs(plan, places, more),
        ways_sections.ways(plan, places, scenario),
        ways_sections.gated(plan),
        *(_fleet_sections(plan, places, scenario) if plan.fleet is not None else ()),
        sure_sections.sure(plan),
        limit_sections.rejected(plan),
        trust_sections.proof(plan),
        trust_sections.assumptions(plan),
        trust_sections.verification(plan),
        trust_sections.lock(plan),
    ]
    made = Content(
        plan.title or plan.scenario,
        headline(plan, places),
        tone(plan),
        tuple(section for section in sections if section is not None),
    )
    return made.led_by(first) if first else made


def _fleet_sections(plan: Plan, places: Places, scenario: Any | None) -> list[Any]:
    return [
        today_sections.today(plan, places),
        fleet_sections.fleet(plan, places),
        routing_sections.routing(plan, scenario),
        fleet_sections.money(plan),
        fleet_sections.carbon(plan, scenario),
        service_sections.service(plan),
        service_sections.losses(plan),
        limit_sections.limits(plan),
        binding_sections.binding(plan, places),
        swing_sections.sensitivity(plan, places),
    ]
