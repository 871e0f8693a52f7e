"""What the schema found wrong, said in the words of the file instead of the validator's."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scenarios.check_names import Finding
from scenarios.errors import BadValue
from scenarios.quantity import show

MAPPING_WANTED = "a mapping (key: value lines) is wanted here"
_WANTED = {
    "model_type": MAPPING_WANTED,
    "model_attributes_type": MAPPING_WANTED,
    "dict_type": MAPPING_WANTED,
    "list_type": "a list is wanted here",
    "tuple_type": "a list is wanted here",
    "frozen_set_type": "a list is wanted here",
    "set_type": "a list is wanted here",
    "string_type": "a text is wanted here",
    "bool_type": "true or false is wanted here",
    "bool_parsing": "true or false is wanted here",
}


def schema_findings(error: ValidationError, schema: type[BaseModel]) -> Iterator[Finding]:
    """Each of the validator's errors as a finding with a path in the user's keys."""
    for detail in error.errors(include_url=False):
        path = tuple(piece for piece in detail["loc"] if piece != "[key]")
        message, hint = _say(detail, schema)
        yield Finding(path, message, hint)


def _say(detail: ErrorDetails, schema: type[BaseModel]) -> tuple[str, str]:
    kind, value, path = detail["type"], detail["input"], detail["loc"]
    cause = (detail.get("ctx") or {}).get("error")
    if isinstance(cause, BadValue):
        return cause.message, cause.hint
    if kind == "extra_forbidden":
        known = keys_at(schema, path[:-1])
        return "there is no such key", _near_key(str(path[-1]), known)
    if kind == "missing":
        return "is missing", f"add {path[-1]}: to {path[-2] if len(path) > 1 else 'the file'}"
    if kind in ("literal_error", "enum"):
        allowed = re.findall(r"'([^']*)'", str((detail.get("ctx") or {}).get("expected", "")))
        near = difflib.get_close_matches(str(value).lower(), allowed, n=1, cutoff=0.5)
        choice = "one of " + ", ".join(allowed) if len(allowed) > 1 else f"only {''.join(allowed)}"
        return f"{show(value)} is not possible here: {choice}", f'did you mean "{near[0]}"?' if near else ""
    if kind in _WANTED:
        if value is None:
            return "is empty", _WANTED[kind]
        hint = f"write [{value}]" if kind in ("tuple_type", "frozen_set_type") and isinstance(value, str) else ""
        hint = f'write "{value}" in quotation marks' if kind == "string_type" and not _holds(value) else hint
        return f"{_WANTED[kind]}, not {show(value)}", hint
    return f"{show(value)} cannot be used: {detail['msg'][:1].lower()}{detail['msg'][1:]}", ""


def _holds(value: object) -> bool:
    return isinstance(value, (Mapping, list, tuple))


def _near_key(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.55)
    if not near:
        near = [name for name in known if name.split("_")[0] == key.lower().split("_")[0]][:1]
    return f'did you mean "{near[0]}"?' if near else "allowed are " + ", ".join(known)


def keys_at(schema: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys allowed in the part at `path`."""
    annotation: Any = schema
    for piece in path:
        annotation = _inside(annotation, piece)
    model = _model(annotation)
    return [field.alias or name for name, field in model.model_fields.items()] if model is not None else []


def _inside(annotation: Any, piece: str | int) -> Any:
    """The type of what stands under one key of a thing of this type."""
    model = _model(annotation)
    if model is not None:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        return fields[str(piece)].annotation if piece in fields else None
    for option in _options(annotation):
        if typing.get_origin(option) is dict:
            return typing.get_args(option)[1]
        if typing.get_origin(option) in (tuple, list, frozenset):
            return typing.get_args(option)[0]
    return None


def _model(annotation: Any) -> type[BaseModel] | None:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _options(annotation: Any) -> tuple[Any, ...]:
    """What an annotation may be: itself, or the members of a union, each without its metadata."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    if isinstance(annotation, type) or typing.get_origin(annotation) in (dict, tuple, list, frozenset):
        return (annotation,)
    return tuple(option for member in typing.get_args(annotation) for option in _options(member))
