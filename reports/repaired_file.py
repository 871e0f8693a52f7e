"""A scenario file after a way out: the file as it was written, with the changed values put in."""

from __future__ import annotations

import io
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.additions import HAD_ANYWAY
from reports import outputs
from reports.problems import wrong_flag

if TYPE_CHECKING:
    from optimizer.plan import Change
    from scenarios import Scenario
    from scenarios.schema_supply import Procurement


def write(target: str, scenario: Scenario, after: Scenario, changes: Iterable[Change]) -> None:
    """Write the changed scenario. It is read back first: a file that says something else is not written."""
    import scenarios

    text = rewritten(_text(scenario.source), after, changes)
    again = scenarios.loads(text, target)
    if not _alike(again.model_dump(mode="json"), after.model_dump(mode="json")):
        raise wrong_flag(
            "--write-scenario",
            "this scenario is written in a way that cannot be changed value by value",
            "change the file by hand as the way out says",
        )
    outputs.write(target, text, "--write-scenario")


def rewritten(text: str, after: Scenario, changes: Iterable[Change]) -> str:
    """The text with the values of `after` where something changed; comments and order stay."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 120, True
    data = yaml.load(text)
    for change in changes:
        _put(data, after, change)
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _text(source: str) -> str:
    import scenarios

    if source in scenarios.names():
        return (files("scenarios") / "library" / f"{source}.yaml").read_text(encoding="utf-8")
    return Path(source).read_text(encoding="utf-8")


def _put(data: Any, after: Scenario, change: Change) -> None:
    """One changed value, as a person would write it."""
    words = change.limit.split() or ["add", change.key.split(".")[0]]
    kind, of = words[0], words[-1]
    if kind == "add":
        _put_addition(data, after, change)
    elif kind in _CAPS:
        data["limits"][kind] = _CAPS[kind](float(change.to or 0.0))
    elif kind == "quota":
        _into(data["regions"], of, "quota")[words[1]] = after.regions[of].quota[words[1]]
    elif kind == "site":
        data["regions"][of]["site_power"] = f"{_number((after.regions[of].site_power_w or 0.0) / 1e3)} kW"
    elif kind == "demand":
        data["workloads"][of]["demand"] = {
            origin: [f"{_number(rate)}/s" for rate in rates] if len(after.slots) > 1 else f"{_number(rates[0])}/s"
            for origin, rates in after.workloads[of].demand.items()
        }
    elif kind in ("node", "region"):
        data["failures"][kind]["served"] = f"{_number(float(change.to or 0.0) * 100)}%"
    elif kind in ("min", "max"):
        data["limits"][f"{kind}_regions"] = int(float(change.to or 0.0))
    elif kind == "changes":
        data["today"]["changes"]["limit"] = int(float(change.to or 0.0))
    elif kind in ("itl", "ttft"):
        data["workloads"][of][kind]["limit"] = f"{_number(float(change.to or 0.0) * 1e3)} ms"
    elif kind == "spot":
        data["procurement"]["spot"]["max_share"] = f"{_number(float(change.to or 0.0) * 100)}%"


_CAPS = {
    "budget": lambda value: f"${_number(value)}/yr",
    "carbon": lambda value: f"{_number(value / 1e3)} t/yr",
    "water": lambda value: f"{_number(value)} L/yr",
    "energy": lambda value: f"{_number(value)} kWh/yr",
}


def _number(value: float) -> str:
    """Without the dust of the last binary digits; exact to a trillionth."""
    return f"{value:.12g}" if abs(value) < 1e12 else f"{value:.0f}"


def _put_addition(data: Any, after: Scenario, change: Change) -> None:
    what = str(change.to)
    if change.key == "regions":
        data["regions"][what] = {"quota": dict(after.regions[what].quota)}
    elif change.key == "accelerators":
        data["accelerators"] = [*data["accelerators"], what]
        for region, use in after.regions.items():
            if what in use.quota:
                _into(data["regions"], region, "quota")[what] = use.quota[what]
    elif change.key == "procurement":
        data["procurement"][what] = (
            True if what in HAD_ANYWAY else _with_figures(after.procurement, what)
        )
    else:
        workload = change.key.split(".")[1]
        data["workloads"][workload]["precisions"] = list(after.workloads[workload].precisions)


def _with_figures(procurement: Procurement, how: str) -> dict[str, Any]:
    """Reserved or spot nodes as a person would write them."""
    part = getattr(procurement, how).model_dump(by_alias=True, exclude_defaults=True)
    if set(part.get("availability", ())) == {"*"}:
        part["availability"] = part["availability"]["*"]
    shares = ("discount", "availability", "max_share")
    return {key: f"{_number(value * 100)}%" if key in shares else value for key, value in part.items()}


def _into(parts: Any, name: str, key: str) -> Any:
    """The mapping at `key`, made where there is none."""
    if parts.get(name) is None:
        parts[name] = {}
    if parts[name].get(key) is None:
        parts[name][key] = {}
    return parts[name][key]


def _alike(one: Any, other: Any) -> bool:
    """The same values, numbers to a billionth."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_alike(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, int | float):
        return abs(one - other) <= 1e-9 * max(1.0, abs(one))
    return bool(one == other)
