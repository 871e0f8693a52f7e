"""What to write instead, where a what-if change cannot be made: a key's whole path, or the keys of a part."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from scenarios.check_names import nearest
from scenarios.errors import BadValue, Problem, ScenarioError
from scenarios.messages import MAPPING_WANTED
from scenarios.replacing import WHOLE_PART, value_at
from scenarios.schema import Scenario

_DEEPEST = 4
_MOST_SHOWN = 3
OF_KEYS = ("is missing", "there is no such key")
"""What is said better by the keys that there are."""


def absent_part(scenario: Scenario, path: str) -> tuple[str, str]:
    """The part on the way that is not set, and the rest of the path in it; two empty texts where there is none."""
    pieces = path.split(".")
    for end in range(1, len(pieces)):
        before, rest = ".".join(pieces[:end]), ".".join(pieces[end:])
        try:
            place = value_at(scenario, before)
        except BadValue:
            continue
        if place.value is None and _model(place.kind, dict) is not None:
            return before, rest
    return "", ""


def explained(scenario: Scenario, path: str, error: ScenarioError, known: bool) -> ScenarioError:
    """The same problems, with what to write instead where a change can say it better than a file."""

    def hint(problem: Problem) -> str:
        parent, _, name = path.rpartition(".")
        if problem.message == WHOLE_PART:
            return f"change one of the values in it, or write {parent}-={name}"
        if known and problem.key == path and MAPPING_WANTED in (problem.message + problem.hint):
            return for_part(scenario, path)
        return problem.hint if "." in path else for_path(scenario, path) or problem.hint

    return ScenarioError(dataclasses.replace(problem, hint=hint(problem)) for problem in error.problems)


def for_path(scenario: Scenario, path: str) -> str:
    """Where a key stands of which only the last piece was written: `did you mean limits.budget?`."""
    paths = dict.fromkeys(_paths(scenario, path, "", _DEEPEST))
    return f"did you mean {' or '.join(list(paths)[:_MOST_SHOWN])}?" if paths else ""


def for_part(scenario: Scenario, path: str) -> str:
    """How to change a whole part: its keys."""
    place = value_at(scenario, path)
    model = _model(place.kind)
    if model is not None:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        needed = [key for key, field in fields.items() if field.is_required()]
        if _is_list(place.kind):
            return f"write {path}=[{{{', '.join(f'{key}: ...' for key in needed)}}}], its keys are {', '.join(fields)}"
        first = f"{path}={{{', '.join(f'{key}: ...' for key in needed)}}}" if place.value is None and needed else ""
        return f"write {first or f'{path}.KEY=VALUE'}, its keys are {', '.join(fields)}"
    known = [str(key) for key in place.value] if isinstance(place.value, dict) else []
    known = known or list(_words_of_keys(place.kind))
    return f"write {path}.NAME=VALUE" + (f", its names are {', '.join(known)}" if known else "")


def for_name(text: str, known: list[str]) -> str:
    """Names that hold what was written, else the nearest."""
    inside = [name for name in known if len(text) > 2 and text.lower() in name.lower()]
    if inside:
        return "did you mean " + " or ".join(f'"{name}"' for name in inside[:_MOST_SHOWN]) + "?"
    return nearest(text, known)


def _paths(node: Any, word: str, prefix: str, depth: int) -> Iterator[str]:
    """Every path below a part that ends in a word; names of the user's that are several are written NAME."""
    for name, field in type(node).model_fields.items():
        key, value = field.alias or name, getattr(node, name)
        if prefix and key == word:
            yield prefix + key
        if depth > 1 and isinstance(value, dict) and value:
            first = next(iter(value.values()))
            if isinstance(first, BaseModel):
                one = "NAME" if len(value) > 1 else next(iter(value))
                yield from _paths(first, word, f"{prefix}{key}.{one}.", depth - 2)
        elif depth > 1 and isinstance(value, BaseModel):
            yield from _paths(value, word, f"{prefix}{key}.", depth - 1)


def _model(kind: Any, also: type | None = None) -> Any:
    """The part that a type holds, or a mapping where that will do as well."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    if get_origin(kind) is dict:
        return kind if also is dict else None
    found = (_model(one, also) for one in get_args(kind))
    return next((one for one in found if one is not None), None)


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple or any(_is_list(one) for one in get_args(kind) if get_origin(kind) is not dict)


def _words_of_keys(kind: Any) -> tuple[Any, ...]:
    """The words that a mapping's keys may be, where there are only some."""
    if get_origin(kind) is dict:
        key = get_args(kind)[0]
        return get_args(key) if get_origin(key) is Literal else ()
    return next((words for one in get_args(kind) if (words := _words_of_keys(one))), ())
