"""Network round trips between regions: measured where somebody measured, else by distance."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cached_property
from typing import Any

from scenarios import units
from scenarios.catalog_files import UserFile, shipped_table
from scenarios.catalog_things import Region, RoundTrip
from scenarios.errors import Problem
from scenarios.figures import Entry, Layer, nearest

SAME_METRO_KM = 60.0
"""Two sites this near share a measured pair."""
_EARTH_RADIUS_KM = 6371.0


def great_circle_km(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Distance over the Earth's surface in km, from angles in degrees (haversine formula).

    >>> round(great_circle_km(39.0438, -77.4874, 45.5019, -73.5674))  # Ashburn to Montreal
    787
    """
    phi_a, phi_b = math.radians(latitude_a), math.radians(latitude_b)
    half_latitude, half_longitude = (phi_b - phi_a) / 2, math.radians(longitude_b - longitude_a) / 2
    chord = math.sin(half_latitude) ** 2 + math.cos(phi_a) * math.cos(phi_b) * math.sin(half_longitude) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))


def distance_round_trip_s(km: float) -> float:
    """Round trip by distance: factor x km / 99.93 ms, at least the 2 ms of one region.

    The factor is 2.52 up to 1,500 km, 1.91 up to 4,000, 1.78 up to 8,000 and 1.59 beyond; the fit begins at 300 km.
    Median error 16.5 %, 90th percentile 38 %.

    >>> round(distance_round_trip_s(1000), 5)
    0.02522
    """
    table = shipped_table("networks", "round_trips")
    formula = table["formula"]
    factor = next(band["factor"] for band in formula["bands"] if km <= band.get("up_to_km", math.inf))
    return max(float(factor * km / formula["fibre_km_per_ms"]), table["same_region"]["round_trip"]["value"]) / 1000


class Network:
    """Round trips between the regions of one catalog. `region` gives a region by its id."""

    def __init__(self, region: Callable[[str], Region]) -> None:
        self._region = region
        self._by_user: dict[frozenset[str], RoundTrip] = {}
        self._known: dict[tuple[str, str], RoundTrip] = {}
        self.overridden: list[str] = []

    @cached_property
    def _measured(self) -> dict[tuple[str, str], RoundTrip]:
        found: dict[tuple[str, str], RoundTrip] = {}
        for provider, network in shipped_table("networks", "round_trips")["networks"].items():
            for one, other, milliseconds in network["pairs"]:
                trip = RoundTrip(milliseconds / 1000, True, network["source"], network["date"], network.get("note", ""))
                ends = (f"{provider}/{one}", f"{provider}/{other}")
                found[ends] = found[ends[::-1]] = trip
        return found

    @cached_property
    def _sites(self) -> dict[str, tuple[float, float]]:
        """Where every measured site lies: of the catalog's regions as they say, of other networks as the file says."""
        places: dict[str, tuple[float, float]] = {}
        networks: dict[str, Any] = shipped_table("networks", "round_trips")["networks"]
        for provider, network in networks.items():
            places |= {f"{provider}/{site}": (at[0], at[1]) for site, at in network.get("sites", {}).items()}
        for site in sorted({one for one, _ in self._measured} - places.keys()):
            region = self._region(site)
            places[site] = (region.latitude_deg, region.longitude_deg)
        return places

    def round_trip(self, one: str, other: str) -> RoundTrip:
        """Between two regions: the user's figure, a measured pair, a pair measured nearby, or the formula."""
        if (one, other) not in self._known:
            trip = self._look_up(one, other)
            self._known[one, other] = self._known[other, one] = trip
        return self._known[one, other]

    def _look_up(self, one: str, other: str) -> RoundTrip:
        if trip := self._by_user.get(frozenset((one, other))):
            return trip
        if one == other:
            same = shipped_table("networks", "round_trips")["same_region"]["round_trip"]
            return RoundTrip(same["value"] / 1000, False, same["source"], same["date"])
        if trip := self._measured.get((one, other)):
            return trip
        first, second = self._region(one), self._region(other)
        if trip := self._measured_nearby(first, second):
            return trip
        km = great_circle_km(first.latitude_deg, first.longitude_deg, second.latitude_deg, second.longitude_deg)
        formula = shipped_table("networks", "round_trips")["formula"]
        source = f"formula, {km:,.0f} km: {formula['source']}"
        return RoundTrip(distance_round_trip_s(km), False, source, formula["date"])

    def _measured_nearby(self, first: Region, second: Region) -> RoundTrip | None:
        """The pair of measured sites nearest to both ends, each within 60 km."""

        def near(region: Region) -> list[tuple[float, str]]:
            at = (region.latitude_deg, region.longitude_deg)
            distances = ((great_circle_km(*at, *place), site) for site, place in self._sites.items())
            return [(km, site) for km, site in distances if km <= SAME_METRO_KM]

        pairs = [
            (km_a + km_b, trip.note, one, other, trip)
            for km_a, one in near(first)
            for km_b, other in near(second)
            if (trip := self._measured.get((one, other)))
        ]
        if not pairs:
            return None
        _, _, one, other, trip = min(pairs, key=lambda pair: pair[:4])
        return replace(trip, note="; ".join(filter(None, (f"measured nearby, {one} to {other}", trip.note))))

    def add(self, file: UserFile, regions: Collection[str], problems: list[Problem]) -> None:
        """Takes in the [[round_trips]] of a user's file."""
        for index, table in enumerate(file.rows("round_trips")):
            before = len(problems)
            entry = Entry(f"round_trips[{index}]", [Layer(file.name, table, True, file.lines)], problems)
            ends = entry.raw("between")
            measured = entry.truth("measured", True)
            if not (isinstance(ends, list) and len(ends) == 2 and all(isinstance(end, str) for end in ends)):
                entry.problem("between", "two regions are wanted", 'between = ["aws/us-east-1", "aws/ca-central-1"]')
                ends = []
            for end in ends:
                if end not in regions:
                    entry.problem("between", f"{end!r} is not in the catalog", nearest(end, regions))
            seconds = entry.figure("p50", units.TIME, required=True)
            note, date = entry.text("note", ""), entry.text("date", "")
            entry.finish()
            if len(problems) > before or seconds is None:
                continue
            figure = entry.figures["p50"]
            source = table.get("source", figure.source)
            trip = RoundTrip(seconds, measured, str(source), date or figure.date, note)
            self._by_user[frozenset(ends)] = trip
            self.overridden.append("round_trips." + "-".join(ends))
