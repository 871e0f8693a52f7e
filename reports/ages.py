"""How old the figures are that an answer leans on, by the dates that end their sources."""

from __future__ import annotations

import dataclasses
import re
from datetime import date

from optimizer.plan import Plan
from reports.content import Section, Table, columns
from reports.words import count

_DATED = re.compile(r"(?:^|[ ,(])(20\d\d)(?:-(0[1-9]|1[0-2]))?(?:-(?:0[1-9]|[12]\d|3[01]))?\)?$")


def age(source: str, today: date) -> str:
    """A source's date and age, where it ends in a date.

    >>> today = date(2026, 11, 24)
    >>> age("region-carbon-info, 2024", today), age("prices, 2026-09", today), age("physics", today)
    ('2024: 2 years', '2026-09: 2 months', '')
    """
    found = _DATED.search(source.strip())
    if found is None:
        return ""
    year, month = int(found[1]), found[2]
    if month is None:
        years = today.year - year
        return f"{year}: {'this year' if years <= 0 else count(years, 'year')}"
    months = 12 * (today.year - year) + today.month - int(month)
    if months < 12:
        return f"{year}-{month}: {'this month' if months <= 0 else count(months, 'month')}"
    return f"{year}-{month}: {count(months // 12, 'year')}"


def with_ages(sections: dict[str, Section], plan: Plan, today: date) -> dict[str, Section]:
    """The sections, with ages among the assumptions."""
    held = sections.get("assumptions")
    if held is None or not isinstance(held.parts[0], Table):
        return sections
    table = held.parts[0]
    rows = tuple((*row, age(one.source, today)) for row, one in zip(table.rows, plan.assumptions, strict=True))
    aged = Table(
        (*table.columns, *columns("dated, age")), rows, None, f"Assumptions, sources and their ages on {today}"
    )
    return {**sections, "assumptions": dataclasses.replace(held, parts=(aged, *held.parts[1:]))}
