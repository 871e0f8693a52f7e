"""What-if changes of a scenario, as people write them: `limits.budget=$4M/yr`, `regions+=aws/eu-west-1`.

`=` sets a value, `+=` adds to a list or a mapping, `-=` takes away from one, or puts an optional key back to its
default. Paths are those of `Scenario.replace`. Several changes are made together and checked once, at the end.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from ruamel.yaml import YAML, YAMLError

from optimizer import change_hints
from scenarios.check_names import nearest
from scenarios.errors import BadValue, Problem, ScenarioError
from scenarios.replacing import replaced, value_at
from scenarios.schema import Scenario
from scenarios.writing import quantity_of, words

Sign = Literal["=", "+=", "-="]
_FEW = 8
_WORDS = {"true": True, "false": False, "none": None, "null": None}


@dataclass(frozen=True)
class Change:
    """One change as written: a path, what is done there, and the value."""

    path: str
    sign: Sign
    value: str

    def __str__(self) -> str:
        return f"{self.path}{self.sign}{self.value}"


def parsed(text: str) -> Change:
    """A change from its text; ScenarioError where it is none.

    >>> parsed("regions += aws/eu-west-1")
    Change(path='regions', sign='+=', value='aws/eu-west-1')
    """
    path, equals, value = text.partition("=")
    sign: Sign = "="
    if path.endswith("+"):
        path, sign = path[:-1], "+="
    elif path.endswith("-"):
        path, sign = path[:-1], "-="
    path, value = path.strip(), value.strip()
    if not equals or not path or not value:
        raise _problem(text, f'"{text}" is no change', "write PATH=VALUE, PATH+=VALUE or PATH-=VALUE")
    return Change(path, sign, value)


def changed(scenario: Scenario, texts: Sequence[str]) -> tuple[Scenario, list[str]]:
    """The scenario with all changes made together, and each in words. ScenarioError where one cannot be made."""
    said: list[str] = []
    for text in texts:
        change = parsed(text)
        try:
            scenario, words = _made(scenario, change)
        except BadValue as error:
            raise _problem(change.path, error.message, error.hint, scenario.source) from error
        said += words
    # Setting any one value checks the whole: names, and whether the parts fit each other.
    return scenario.replace("title", scenario.title), said


def known_name(text: str, known: Collection[str], kind: str, where: str = "") -> str:
    """The name that is meant: exactly, or as the only one that begins or ends with it. `where`: " in the catalog".

    >>> known_name("H200", ["h100-sxm", "h200-sxm"], "accelerator")
    'h200-sxm'
    >>> known_name("us-east-1", ["aws/us-east-1", "aws/us-east-2"], "region")
    'aws/us-east-1'
    """
    if text in known:
        return text
    short = text.lower()
    meant = [name for name in known if name.startswith(f"{short}-") or name.endswith(f"/{short}") or name == short]
    if len(meant) == 1:
        return meant[0]
    message = f'"{text}" may be several' if meant else f'there is no {kind} "{text}"{where}'
    raise BadValue(message, change_hints.for_name(text, list(known)))


def _made(scenario: Scenario, change: Change) -> tuple[Scenario, list[str]]:
    if change.path == "regions" and change.sign == "+=" and not change.value.startswith("{"):
        return _more_regions(scenario, _items(change.value))
    if change.path == "accelerators" and change.sign == "+=":
        return _more_accelerators(scenario, _items(change.value))
    if change.sign == "=":
        return _set(scenario, change)
    found = value_at(scenario, change.path)
    old = found.value
    if isinstance(old, BaseModel):
        return _part(scenario, change, old)
    if (found.attribute == "demand" and isinstance(old, tuple)) or not isinstance(old, (tuple, dict)):
        raise BadValue("is a single value, not a list or a mapping", f"write {change.path}=VALUE, the whole new value")
    new = _added(old, change) if change.sign == "+=" else _taken(old, change)
    scenario = _put(scenario, change.path, new)
    if change.path == "accelerators" and scenario.procurement.owned is not None:
        buyable = scenario.procurement.owned.accelerators
        if buyable and set(buyable) - set(scenario.accelerators):
            left = [name for name in buyable if name in scenario.accelerators]
            scenario = _put(scenario, "procurement.owned.accelerators", left)
    verb = "with" if change.sign == "+=" else "without"
    return scenario, [f"{change.path} {verb} {_shown(change.value)}"]


def _put(scenario: Scenario, path: str, value: object) -> Scenario:
    """One value replaced; whether the whole fits is checked after the last one."""
    return replaced(scenario, path, value, {"slots": len(scenario.slots)}, scenario.source)


def _set(scenario: Scenario, change: Change) -> tuple[Scenario, list[str]]:
    value = _read(change.value)
    try:
        before = value_at(scenario, change.path)
    except BadValue:
        before = None  # a new key of a mapping, or a path that `replaced` explains
        part, rest = change_hints.absent_part(scenario, change.path)
        if part:
            return _set_inside(scenario, part, rest, value)
    old = before.value if before else None
    if isinstance(value, str) and isinstance(old, tuple) and all(isinstance(item, (str, int)) for item in old):
        value = _items(value)
    elif isinstance(value, str) and before and before.by_attribute and quantity_of(before.kind) and _is_number(value):
        value = float(value)  # under the attribute's own name a number is in SI
    try:
        scenario = _put(scenario, change.path, value)
    except ScenarioError as error:
        if not isinstance(value, str) or "a list is wanted" not in str(error):
            raise change_hints.explained(scenario, change.path, error, before is not None) from error
        try:
            scenario = _put(scenario, change.path, _items(value))
        except ScenarioError as again:
            raise change_hints.explained(scenario, change.path, again, before is not None) from again
    after = value_at(scenario, change.path)
    return scenario, [f"{change.path}: {words(old, after.kind)} -> {words(after.value, after.kind)}"]


def _set_inside(scenario: Scenario, part: str, rest: str, value: object) -> tuple[Scenario, list[str]]:
    """A part that is not set, made with one value in it; where it needs more, it says so."""
    for key in reversed(rest.split(".")):
        value = {key: value}
    try:
        scenario = _put(scenario, part, value)
    except ScenarioError as error:
        more = [one.message for one in error.problems if one.message not in change_hints.OF_KEYS]
        hint = change_hints.for_part(scenario, part)
        raise BadValue(": ".join([f"{part} is not set, and this does not make it", *more[:1]]), hint) from error
    after = value_at(scenario, part)
    return scenario, [f"{part}: not set -> {words(after.value, after.kind)}"]


def _part(scenario: Scenario, change: Change, old: BaseModel) -> tuple[Scenario, list[str]]:
    """`limits-=carbon` leaves a key out; `procurement+=on_demand` switches one on."""
    fields = type(old).model_fields
    names = {(field.alias or name): field for name, field in fields.items()}
    done = []
    for item in _items(change.value):
        if item not in names:
            raise BadValue(f"there is nothing called {item!r} here", nearest(item, list(names)))
        path = f"{change.path}.{item}"
        if change.sign == "+=":
            try:
                scenario = _put(scenario, path, True)
            except ScenarioError as error:
                raise change_hints.explained(scenario, path, error, True) from error
        elif names[item].is_required():
            raise BadValue(f"{item} is needed", f"change it: {path}=VALUE")
        else:
            attribute = next(name for name, field in fields.items() if field is names[item])
            scenario = _put(scenario, f"{change.path}.{attribute}", names[item].get_default(call_default_factory=True))
        done.append(f"{change.path} {'with' if change.sign == '+=' else 'without'} {item}")
    return scenario, done


def _added(old: Any, change: Change) -> object:
    value = _read(change.value)
    if isinstance(old, dict):
        if not isinstance(value, Mapping):
            raise BadValue("is a mapping", f"write {change.path}+={{name: ...}}, or {change.path}.NAME=VALUE")
        return {**old, **value}
    items = value if isinstance(value, list) else [value] if isinstance(value, Mapping) else _items(change.value)
    twice = [item for item in items if str(item) in map(str, old)]
    if twice:
        raise BadValue(f"{twice[0]} is there already", "leave it out of the change")
    return [*old, *items]


def _taken(old: Any, change: Change) -> object:
    """The list or mapping without the items; parts of a list go by their names."""
    names = {str(getattr(item, "name", item)): item for item in old}
    kept = dict(names)
    for item in _items(change.value):
        try:
            name = known_name(item, list(kept), "entry")
        except BadValue as error:
            few = f"there is {', '.join(kept)}" if kept and len(kept) <= _FEW else error.hint
            raise BadValue(f"there is no {item} here", few) from None
        del kept[name]
    return {key: old[key] for key in kept} if isinstance(old, dict) else list(kept.values())


def _more_regions(scenario: Scenario, items: list[str]) -> tuple[Scenario, list[str]]:
    """Regions with the quotas of the first one: a region added by name should bring places, not more of a device."""
    said, first = [], next(iter(scenario.regions.values()))
    quotas = {"quota": dict(first.quota), "quota_default": first.quota_default}
    for item in items:
        name = _region(scenario, item)
        if name in scenario.regions:
            raise BadValue(f"{name} is there already", "change it by its path: regions.NAME.quota...")
        scenario = _put(scenario, "regions", {**scenario.regions, name: quotas})
        said.append(f"regions with {name}, its quotas those of {first.name} ({_quotas(first)})")
    return scenario, said


def _region(scenario: Scenario, text: str) -> str:
    """The region that is meant; a city's name is answered with the regions there."""
    known = scenario.catalog.regions
    try:
        return known_name(text, list(known), "region", " in the catalog")
    except BadValue as error:
        there = [f"{name} ({known[name].city})" for name in known if text.lower() in known[name].city.lower()]
        hint = f"did you mean {' or '.join(there[:3])}?" if there else error.hint
        raise BadValue(error.message, hint) from None


def _quotas(region: Any) -> str:
    named = ", ".join(f"{name} {quota}" for name, quota in region.quota.items())
    return named or "unlimited"


def _more_accelerators(scenario: Scenario, items: list[str]) -> tuple[Scenario, list[str]]:
    """Accelerators with an unlimited quota in every region that names none for them."""
    said = []
    for item in items:
        name = known_name(item, list(scenario.catalog.accelerators), "accelerator", " in the catalog")
        if name in scenario.accelerators:
            raise BadValue(f"{name} is there already", "a quota is changed by its path: regions.NAME.quota...")
        scenario = _put(scenario, "accelerators", [*scenario.accelerators, name])
        unnamed = [use for use in scenario.regions.values() if name not in use.quota and not use.quota_default]
        for use in unnamed:
            scenario = _put(scenario, f"regions.{use.name}.quota.{name}", "unlimited")
        where = f", its quota unlimited in {', '.join(use.name for use in unnamed)}" if unnamed else ""
        said.append(f"accelerators with {name}{where}")
    owned = scenario.procurement.owned
    if owned is not None and owned.accelerators:
        more = [name for name in scenario.accelerators if name not in owned.accelerators]
        priced = [n for n in more if n in owned.prices or scenario.catalog.accelerators[n].purchase_usd is not None]
        scenario = _put(scenario, "procurement.owned.accelerators", [*owned.accelerators, *priced])
    return scenario, said


def _items(text: str) -> list[str]:
    """Items between commas; a comma between digits belongs to a number."""
    value = _read(text)
    if isinstance(value, list):
        return [str(item) for item in value]
    return [item.strip() for item in re.split(r",(?!\d{3}(?!\d))", text) if item.strip()]


def _read(text: str) -> Any:
    """A word that switches, a list or a mapping as in the file; everything else stays text, in people's units."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text[:1] in ("[", "{"):
        try:
            return YAML(typ="safe", pure=True).load(text)
        except YAMLError as error:
            raise BadValue(f"{text} cannot be read", "write [a, b] or {name: value}, as in a scenario file") from error
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _problem(key: str, message: str, hint: str, source: str = "<flags>") -> ScenarioError:
    return ScenarioError(Problem(source, None, key, message, hint))
