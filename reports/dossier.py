"""Everything that a report for handing on says: the content of `report.py`, its charts, a glance, and ages of sources.

The page (`html.py`) and the Markdown for a pull request (`markdown_file.py`) lay out the same dossier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from optimizer.plan import Plan
from reports import ages, charts_bills, charts_limits, charts_load, charts_tornado, map
from reports.charts import Chart
from reports.content import Content, Section
from reports.glance import Tile, badge, holds, tiles
from reports.names import Places
from reports.report import report

if TYPE_CHECKING:
    from optimizer.frontier import Frontier

_AFTER = {"load": "carbon", "frontier": "load", "sensitivity": "binding"}
"""Sections that only a dossier has, and the one after which they come."""
_TITLES = {"load": "Load against capacity", "sensitivity": "What the inputs are worth"}


@dataclass(frozen=True)
class Dossier:
    """A plan's report with its pictures."""

    plan: Plan
    content: Content
    charts: dict[str, list[Chart]]
    """By the key of the section."""
    badge: str
    tiles: tuple[Tile, ...]
    holds_title: str
    holds: tuple[str, ...]

    def charts_of(self, section: Section) -> Sequence[Chart]:
        """Pictures of one section."""
        return self.charts.get(section.key, ())


def dossier(
    plan: Plan, scenario: Any | None = None, frontier: Frontier | None = None, today: date | None = None
) -> Dossier:
    """Gather it.

    Args:
        plan: the answer, with or without a fleet.
        scenario: the question, for names of cities, coordinates and origins; without it there is no map.
        frontier: of the same question; the plan is shown on it.
        today: the day by which sources are so and so old; today by default.
    """
    places = Places(scenario)
    told = report(plan, scenario)
    sections = {one.key: one for one in told.sections}
    sections = ages.with_ages(sections, plan, today or date.today())
    charts = _charts(plan, places, scenario)
    for key, section_title in _TITLES.items():
        if key in charts and key not in sections:
            sections = _put(sections, Section(key, section_title, ()))
    if frontier is not None:
        from reports import charts_frontier

        section, drawn = charts_frontier.frontier(frontier, plan)
        charts["frontier"] = drawn
        sections = _put(sections, section) if section is not None else sections
    content = Content(told.title, told.headline, told.tone, tuple(sections.values()))
    return Dossier(plan, content, charts, badge(plan), tiles(plan), *holds(plan, places))


def _charts(plan: Plan, places: Places, scenario: Any | None) -> dict[str, list[Chart]]:
    found: dict[str, list[Chart | None]] = {
        "repairs": [charts_limits.ways_out(plan, places)],
        "fleet": [map.chart(plan, places, scenario) if plan.fleet else None, charts_bills.devices(plan, places)],
        "money": [charts_bills.waterfall(plan)],
        "carbon": [charts_bills.carbon(plan, places)],
        "load": list(charts_load.charts(plan, places)) if plan.fleet else [],
        "binding": [charts_tornado.limits(plan, places)],
        "sensitivity": [charts_tornado.inputs(plan)],
        "limits": [charts_limits.headroom(plan, places)],
    }
    kept = {key: [one for one in held if one is not None] for key, held in found.items()}
    return {key: held for key, held in kept.items() if held}


def _put(sections: dict[str, Section], new: Section) -> dict[str, Section]:
    """The sections with one more, after the one that it belongs behind."""
    keys = list(sections)
    after = _AFTER[new.key]
    while after not in keys and after in _AFTER:
        after = _AFTER[after]
    place = keys.index(after) + 1 if after in keys else 0
    pairs = list(sections.items())
    return dict([*pairs[:place], (new.key, new), *pairs[place:]])
