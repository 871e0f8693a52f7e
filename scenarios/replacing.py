"""One value of a scenario changed by its dotted path, everything else kept."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from scenarios.errors import BadValue, Problem, ScenarioError
from scenarios.messages import schema_findings
from scenarios.quantity import NoUnit

WHOLE_PART = "this is a whole part"
_LARGEST = 1e15
"""In whatever SI unit: no quantity of a scenario is larger."""
Model = TypeVar("Model", bound=BaseModel)


def replaced(scenario: Model, path: str, value: object, context: dict[str, Any], source: str) -> Model:
    """A copy of the scenario with the value at `path` replaced; ScenarioError when it cannot be."""
    try:
        return _replace(scenario, path, value, context)
    except ValidationError as error:
        raise ScenarioError(
            Problem(source, None, path, item.message, item.hint) for item in schema_findings(error, type(scenario))
        ) from error
    except BadValue as error:
        raise ScenarioError(Problem(source, None, path, error.message, error.hint)) from error


class Place(NamedTuple):
    """What stands at a path, and how it is read."""

    value: Any
    attribute: str
    """The attribute that holds it, or the mapping or list in which it stands."""
    kind: Any
    """Its type, with what the schema says of it."""
    by_attribute: bool
    """Whether the path names that attribute and not the file's key: then a number is in SI."""


def value_at(node: Any, path: str) -> Place:
    """The value at a path; BadValue where there is none."""
    attribute, kind, by_attribute = "", type(node), False
    while path:
        if isinstance(node, BaseModel):
            fields = type(node).model_fields
            attributes = {(field.alias or name): name for name, field in fields.items()}
            key, path = _split(path, [*attributes, *fields])
            attribute = attributes.get(key, key)
            node, kind, by_attribute = getattr(node, attribute), annotated(fields[attribute]), key not in attributes
            continue
        if not isinstance(node, (dict, tuple)):
            raise BadValue(f"there is nothing called {path!r} here", "the path goes further than the scenario does")
        items = node if isinstance(node, dict) else {str(index): item for index, item in enumerate(node)}
        if isinstance(node, tuple):
            items = items | {item.name: item for item in node if hasattr(item, "name")}
        key, path = _split(path, items)
        node = items[key]
    return Place(node, attribute, kind, by_attribute)


def annotated(field: FieldInfo) -> Any:
    """A field's type with all that the schema says of it."""
    annotation: Any = field.annotation
    return Annotated[(annotation, *field.metadata)] if field.metadata else annotation


def reader(field: FieldInfo) -> TypeAdapter[Any]:
    """Reads one field's value on its own, as the whole model would."""
    return TypeAdapter(annotated(field))


def _replace(node: Any, path: str, value: object, context: dict[str, Any]) -> Any:
    """Walks down to the field that holds the value."""
    if isinstance(node, BaseModel):
        fields = type(node).model_fields
        attributes = {(field.alias or name): name for name, field in fields.items()}
        key, rest = _split(path, [*attributes, *fields])
        name = attributes.get(key, key)
        old = getattr(node, name)
        new = _replace(old, rest, value, context) if rest and _has_parts(old) else None
        if new is None:
            # A field may be read by what stands before it in the part, as when the whole part is read.
            beside = {other: getattr(node, other) for other in fields}
            new = _read(fields[name], old, rest, value, {**context, "beside": beside}, key in fields)
        return node.model_copy(update={name: new})
    keys = {str(index): index for index in range(len(node))} if isinstance(node, tuple) else {key: key for key in node}
    if isinstance(node, tuple):
        keys |= {item.name: index for index, item in enumerate(node) if hasattr(item, "name")}
    key, rest = _split(path, keys)
    if not rest:
        raise BadValue(WHOLE_PART, "change one of the values in it")
    new = _replace(node[keys[key]], rest, value, context)
    if isinstance(node, tuple):
        return tuple(new if index == keys[key] else item for index, item in enumerate(node))
    return {**node, key: new}


def _has_parts(value: object) -> bool:
    """Whether the way goes on through further parts of the scenario."""
    if isinstance(value, (dict, tuple)):
        items = list(value.values()) if isinstance(value, dict) else list(value)
        return bool(items) and isinstance(items[0], BaseModel)
    return isinstance(value, BaseModel)


def _read(field: FieldInfo, old: Any, rest: str, value: object, context: dict[str, Any], by_attribute: bool) -> object:
    """The field's new value. `rest` is what the path says inside of the field, when that is a mapping of values."""
    keys = _keys_inside(old, rest, field.annotation)
    written = value
    for key in reversed(keys):
        written = {key: written}
    try:
        new = reader(field).validate_python(written, context=context)
        for key in keys:
            new = new[key]
    except ValidationError as error:
        causes = [detail.get("ctx", {}).get("error") for detail in error.errors(include_url=False)]
        # Under the attribute's name a number that lacks its unit is in SI.
        if not by_attribute or not isinstance(value, (int, float)) or not any(isinstance(c, NoUnit) for c in causes):
            raise
        if not 0 <= value <= _LARGEST:
            raise BadValue(f"{value:g} is not possible here", f"a number from 0 to {_LARGEST:g}") from error
        new = float(value)
    return _put(old, keys, new)


def _keys_inside(old: Any, rest: str, annotation: Any) -> list[str]:
    """The keys of the mappings on the way. They may be new; only the last one has dots in its name."""
    keys: list[str] = []
    while rest:
        if not isinstance(old, dict):
            raise BadValue(f"there is nothing called {rest!r} here", "the path goes further than the scenario does")
        annotation = get_args(annotation)[1]
        if any(f"{rest}.".startswith(f"{known}.") for known in old):
            key, rest = _split(rest, old)
        elif get_origin(annotation) is dict:
            key, _, rest = rest.partition(".")
        else:
            key, rest = rest, ""
        keys.append(key)
        old = old.get(key, {})
    return keys


def _put(old: Any, keys: list[str], new: object) -> object:
    if not keys:
        return new
    return {**old, keys[0]: _put(old.get(keys[0], {}), keys[1:], new)}


def _split(path: str, keys: Iterable[str]) -> tuple[str, str]:
    """The longest key that the path begins with, and the rest: instance types have dots in their names."""
    known = list(keys)
    for key in sorted(known, key=len, reverse=True):
        if path == key:
            return key, ""
        if path.startswith(key + "."):
            return key, path[len(key) + 1 :]
    word = path.split(".")[0]
    near = difflib.get_close_matches(word, known, n=1)
    raise BadValue(
        f"there is nothing called {word!r} here",
        f"did you mean {near[0]!r}?" if near else f"there is {', '.join(sorted(set(known)))}",
    )
