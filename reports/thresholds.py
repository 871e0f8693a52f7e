"""Limits on a change, for pull requests: `usd>+5%`, `carbon>+10t`, `ttft_p99>+10ms`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.problems import wrong_flag
from reports.words import number, percent, scale

if TYPE_CHECKING:
    from optimizer.difference import Difference

FLAG = "--fail-if"
BROKEN = 3
"""Exit code of a broken threshold: a limit of the user's."""
ACCOUNTS = {
    "usd": "usd_per_year",
    "cost": "usd_per_year",
    "carbon": "kg_co2e_per_year",
    "energy": "kwh_per_year",
    "water": "litres_per_year",
    "devices": "devices",
}
_UNITS = {"usd": "USD/yr", "cost": "USD/yr", "carbon": "kg CO2e/yr", "energy": "kWh/yr", "water": "l/yr"}
_GRAMMAR = re.compile(r"\s*([a-z]+)(?:_p([0-9.]+))?\s*([<>])\s*([+-]?)\s*(\S.*?)\s*", re.IGNORECASE)
_EXAMPLES = "for example usd>+5%, carbon>+10t, devices>+8, nodes>0, ttft_p99>+10ms or itl>+5%"
_NAMES = (*ACCOUNTS, "nodes", "ttft_p99", "itl", "itl_p99")


@dataclass(frozen=True)
class Threshold:
    """A change that is too much: more than, or less than, an amount or a part of what it was."""

    text: str
    name: str
    percentile: str
    above: bool
    amount: float
    relative: bool

    def verdict(self, found: Difference) -> Verdict:
        """Whether a difference breaks it. A change inside the two gaps breaks nothing."""
        values = self._values(found)
        if values is None:
            return Verdict(self, None, f"{self.text}: not known on both sides")
        before, after, resolved = values
        change = after - before
        if self.relative and before == 0:
            relative = 0.0 if change == 0 else float("inf") if change > 0 else float("-inf")
        else:
            relative = change / abs(before) if self.relative else change
        beyond = relative > self.amount if self.above else relative < self.amount
        shown = self._write(change, before)
        if beyond and not resolved:
            return Verdict(self, False, f"{self.text}: {shown} is not resolved by the two gaps")
        return Verdict(self, beyond, f"{self.text}: {'broken' if beyond else 'holds'}, it is {shown}")

    def _values(self, found: Difference) -> tuple[float, float, bool] | None:
        if self.name in ACCOUNTS:
            line = found.account(ACCOUNTS[self.name])
            return (line.before, line.after, line.resolved) if line else None
        if self.name == "nodes":
            return (found.before.nodes, found.after.nodes, True) if found.accounts else None
        both = [
            (line.before_s, line.after_s)
            for line in found.latency
            if line.name.lower() == self.name and line.percentile == self.percentile
        ]
        known = [(before, after) for before, after in both if before is not None and after is not None]
        if not known:
            return None
        # Several workloads: the one that comes off worst speaks.
        before, after = max(known, key=lambda pair: (pair[1] - pair[0]) * (1 if self.above else -1))
        return before, after, True

    def _write(self, change: float, before: float) -> str:
        sign = "+" if change > 0 else ""
        unit = _UNITS.get(self.name, "" if self.name in ("devices", "nodes") else "s")
        shown = sign + (scale(unit, change).write(change) if unit else number(change))
        return f"{shown} ({sign}{percent(change / abs(before))})" if before else shown


@dataclass(frozen=True)
class Verdict:
    """What a threshold says of a difference; `broken` is None where it cannot be read."""

    threshold: Threshold
    broken: bool | None
    says: str


def threshold(text: str) -> Threshold:
    """A threshold from its text; a ScenarioError says what is allowed.

    >>> threshold("ttft_p99>+10ms").amount, threshold("usd>5%").relative, threshold("devices<-8").above
    (0.01, True, False)
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise wrong_flag(FLAG, f'"{text}" is no threshold', f"NAME, then > or <, then a change: {_EXAMPLES}")
    name, percentile, sense, sign, amount = match.groups()
    name = name.lower()
    timed = name in ("ttft", "itl")
    if (name not in ACCOUNTS and name != "nodes" and not timed) or (percentile and not timed):
        from scenarios.check_names import nearest

        whole = f"{name}_p{percentile}" if percentile else name
        raise wrong_flag(FLAG, f'"{text}": there is no figure called "{whole}"', nearest(whole, _NAMES))
    if name == "ttft" and not percentile:
        raise wrong_flag(FLAG, f'"{text}": at which percentile?', "write ttft_p99 or ttft_p50")
    value, relative = _amount(text, name, amount)
    shown = f"P{_percentile(text, percentile):g}" if percentile else "mean"
    return Threshold(text, name, shown, sense == ">", -value if sign == "-" else value, relative)


def _percentile(text: str, written: str) -> float:
    from scenarios.errors import BadValue
    from scenarios.schema_types import parse_percentile

    try:
        return parse_percentile(written)
    except BadValue as error:
        raise wrong_flag(FLAG, f'"{text}": {error.message}', error.hint) from None


def _amount(text: str, name: str, amount: str) -> tuple[float, bool]:
    from scenarios import units

    relative = amount.endswith("%")
    if name in ("usd", "cost") and re.fullmatch(r"[0-9][0-9.,]*[kMB]?", amount):
        share = f" or {amount}%" if amount[-1].isdigit() else ""
        raise wrong_flag(FLAG, f'"{text}": {amount} has no unit', f"write ${amount}/yr{share}")
    if name in ("usd", "cost") and amount.startswith("$"):
        amount = amount if "/" in amount else f"{amount}/yr"
    elif name in ("carbon", "energy", "water") and re.search(r"[A-Za-z³]3?$", amount) and "/" not in amount:
        amount = f"{amount}/yr"
    read = {
        "usd": units.parse_money_per_year,
        "cost": units.parse_money_per_year,
        "carbon": units.parse_mass_per_year,
        "energy": units.parse_energy_per_year,
        "water": units.parse_water_per_year,
        "devices": units.parse_count,
        "nodes": units.parse_count,
    }.get(name, units.parse_time)
    try:
        return float(units.parse_ratio(amount) if relative else read(amount)), relative
    except ValueError as error:
        hint = getattr(error, "hint", "")
        raise wrong_flag(FLAG, f'"{text}": {getattr(error, "message", error)}', hint or "a share such as 5%") from None
