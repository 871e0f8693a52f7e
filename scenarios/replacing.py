"""One value of a scenario changed by its dotted path, everything else kept."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from scenarios.errors import BadValue, Problem, ScenarioError

Model = TypeVar("Model", bound=BaseModel)


def replaced(scenario: Model, path: str, value: object, context: dict[str, Any], source: str) -> Model:
    """A copy of the scenario with the value at `path` replaced; ScenarioError when there is no such place."""
    try:
        return _replace(scenario, path, value, context)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        cause = first.get("ctx", {}).get("error")
        message, hint = (cause.message, cause.hint) if isinstance(cause, BadValue) else (first["msg"], "")
        raise ScenarioError(Problem(source, None, path, message, hint)) from error
    except BadValue as error:
        raise ScenarioError(Problem(source, None, path, error.message, error.hint)) from error


def _replace(node: Any, path: str, value: object, context: dict[str, Any]) -> Any:
    if isinstance(node, BaseModel):
        return _replace_field(node, path, value, context)
    if isinstance(node, dict):
        key, rest = _split(path, node)
        if not rest:
            return {**node, key: _like(node[key], value)}
        return {**node, key: _replace(node[key], rest, value, context)}
    if isinstance(node, tuple):
        by_name = {getattr(item, "name", str(index)): index for index, item in enumerate(node)}
        by_name |= {str(index): index for index in range(len(node))}
        key, rest = _split(path, by_name)
        index = by_name[key]
        new = _replace(node[index], rest, value, context) if rest else value
        return (*node[:index], new, *node[index + 1 :])
    raise BadValue(f"there is nothing called {path!r} here", "the path goes further than the scenario does")


def _replace_field(node: BaseModel, path: str, value: object, context: dict[str, Any]) -> BaseModel:
    fields = type(node).model_fields
    attributes = {(field.alias or name): name for name, field in fields.items()}
    key, rest = _split(path, [*attributes, *fields])
    name = attributes.get(key, key)
    field, old = fields[name], getattr(node, name)
    if rest and isinstance(old, dict) and isinstance(value, str):
        # A text inside a mapping is in people's units: let the whole mapping's type read it.
        inner, deeper = _split(rest, old)
        if not deeper and not isinstance(old[inner], BaseModel):
            read = TypeAdapter(Annotated[(field.annotation, *field.metadata)])
            return node.model_copy(update={name: {**old, **read.validate_python({inner: value}, context=context)}})
    if rest:
        new = _replace(old, rest, value, context)
    elif isinstance(value, str) or (key not in fields and not isinstance(value, BaseModel) and value is not None):
        new = TypeAdapter(Annotated[(field.annotation, *field.metadata)]).validate_python(value, context=context)
    else:
        new = value
    return node.model_copy(update={name: new})


def _like(old: object, value: object) -> object:
    """One number in place of a demand holds for every slot."""
    if isinstance(old, tuple) and isinstance(value, (int, float)):
        return (float(value),) * len(old)
    return value


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
