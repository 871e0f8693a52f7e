"""Names of places in a report: the plan knows `aws/us-east-1`, a reader knows N. Virginia."""

from __future__ import annotations

from typing import Any

from reports.words import device, plain, spoken


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

    def town(self, region: str) -> str:
        """The shortest name: `Ashburn`, or the id."""
        return self.city(region).split(" (")[0]

    def label(self, region: str) -> str:
        """For a table: the id, which is what the scenario file says, and the city."""
        city = self.city(region)
        return plain(region) if city == plain(region) else f"{plain(region)} {self.town(region)}"

    def _look_up(self, region: str) -> str:
        try:
            city = self._scenario.catalog.regions[region].city if self._scenario is not None else ""
        except (KeyError, ValueError, AttributeError):
            city = ""
        if not city:
            return region
        town, _, state = city.partition(", ")
        return f"{town} ({state})" if state else town

    def limit(self, name: str) -> str:
        """A limit of the user's in words.

        >>> Places().limit("quota b200-sxm aws/us-east-1"), Places().limit("itl chat"), Places().limit("budget")
        ('the quota of B200 in aws/us-east-1', 'the ITL limit of chat', 'the budget')
        >>> Places().limit("no routing: replicas lie inside whole nodes")
        'no routing exists (replicas lie inside whole nodes)'
        """
        kind, _, of = name.partition(" ")
        if kind == "quota" and " " in of:
            accelerator, _, region = of.partition(" ")
            return f"the quota of {device(accelerator)} in {self.city(region)}"
        if name.startswith("site power "):
            return f"the site power of {self.city(name.removeprefix('site power '))}"
        if name.startswith("no routing: "):
            return f"no routing exists ({plain(name.removeprefix('no routing: '))})"
        if name in _LIMITS:
            return _LIMITS[name]
        if kind in _LIMITS_OF and of:
            return f"{_LIMITS_OF[kind]} of {plain(of)}"
        return plain(spoken(name))

    def change(self, limit: str, change: str) -> str:
        """What a limit was moved to, its name in words: `the budget: $5M/yr -> $5.25M/yr`."""
        return f"{self.limit(limit)}: {self.step(limit, change)}"

    @staticmethod
    def step(limit: str, change: str) -> str:
        """The two values alone: `$5M/yr -> $5.25M/yr`."""
        return plain(change.removeprefix(f"{limit}: ").removeprefix(f"{limit} "))


_LIMITS = {
    "budget": "the budget",
    "carbon": "the carbon limit",
    "water": "the water limit",
    "energy": "the energy limit",
    "min regions": "the least number of regions",
    "max regions": "the largest number of regions",
    "node failure": "the share to be served after a node loss",
    "region failure": "the share to be served after a region loss",
    "spot share": "the share that may rest on spot",
    "changes": "the largest number of changed nodes",
}
_LIMITS_OF = {
    "demand": "the demand",
    "itl": "the ITL limit",
    "ttft": "the TTFT limit",
    "residency": "the residency",
    "precisions": "the allowed precisions",
}
