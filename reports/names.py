"""Names of places in a report: the plan knows `aws/us-east-1`, a reader knows N. Virginia."""

from __future__ import annotations

from typing import Any

from reports.words import plain


class Places:
    """Names of regions, by the scenario's catalog where there is one; a plan alone keeps its ids."""

    def __init__(self, scenario: Any | None = None) -> None:
        self._scenario = scenario
        self._known: dict[str, str] = {}

    def city(self, region: str) -> str:
        """For a sentence: `Ashburn (N. Virginia)`, or the id."""
        if region not in self._known:
            self._known[region] = plain(self._look_up(region))
        return self._known[region]

    def label(self, region: str) -> str:
        """For a table: the id, which is what the scenario file says, and the city."""
        city = self.city(region)
        return plain(region) if city == plain(region) else f"{plain(region)} {city.split(' (')[0]}"

    def _look_up(self, region: str) -> str:
        try:
            city = self._scenario.region(region).city if self._scenario is not None else ""
        except (KeyError, ValueError, AttributeError):
            city = ""
        if not city:
            return region
        town, _, state = city.partition(", ")
        return f"{town} ({state})" if state else town
