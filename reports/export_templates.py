"""How the templates are filled in: every value is written as JSON, which YAML reads, so that no name becomes YAML.

A template can write text as it is only through a filter that checks it first.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from reports.export_form import FILL_IN
from reports.words import plain

if TYPE_CHECKING:
    from jinja2 import Environment

_NOT_YAML = re.compile("[^ -~\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WORD = re.compile(r"[A-Za-z0-9._=-]+")


class Checked(str):
    """Text that goes into a file as it is."""


def render(template: str, **values: Any) -> str:
    """A template of this package, filled in."""
    return _environment().get_template(template).render(**values)


def text_of(name: str) -> str:
    """A file beside the templates, as it is."""
    return (files("reports") / "templates" / "export" / name).read_text(encoding="utf-8")


def quoted(value: Any) -> Checked:
    """A value as JSON on one line, with nothing in it that YAML cannot hold.

    >>> quoted('x: [1]\\n- "y"'), quoted({"a": 1}), quoted(None)
    ('"x: [1] - \\\\"y\\\\""', '{"a": 1}', 'null')
    """
    return value if isinstance(value, Checked) else Checked(json.dumps(_harmless(value), ensure_ascii=False))


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return _NOT_YAML.sub("?", plain(value))
    if isinstance(value, dict):
        return {_harmless(key): _harmless(entry) for key, entry in value.items()}
    return [_harmless(entry) for entry in value] if isinstance(value, list | tuple) else value


def _comment(text: str) -> Checked:
    """What stands behind a `#`: one line."""
    return Checked(_harmless(text))


def _word(text: str) -> Checked:
    """A word of a command that no shell reads anything else into."""
    if not _WORD.fullmatch(text):
        raise ValueError(f"{text!r} is no plain word")
    return Checked(text)


def _variable(name: str, kind: str = "MODEL") -> Checked:
    """The environment variable of a model, by its name, which is a DNS label."""
    return _word(f"{kind}_{name.upper().replace('-', '_')}")


def _argument(text: str) -> Checked:
    """An argument of a container: `$(NAME)` is kept from being filled in."""
    return quoted(text.replace("$", "$$"))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(text_of),
        finalize=quoted,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    made.filters.update(comment=_comment, word=_word, variable=_variable, argument=_argument)
    made.tests["fill_in"] = lambda text: text.startswith(FILL_IN)
    return made
