"""YAML read with the line of every key, and refused early where it would be slow, doubtful or a trap.

The parser builds nodes; the values are resolved here by the core rules of YAML 1.2, so that the country code NO stays a
text and 1e3 is a number. The parser needs about 10 s for 1 MB, hence the bound on size before it starts.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from scenarios.errors import Problem, ScenarioError

MAX_BYTES = 1_000_000
MAX_ALIASES = 100
MAX_DEPTH = 40
MAX_VALUES = 100_000

_ANCHOR_OR_ALIAS = re.compile(r"(?:^|[\s\[{,:-])[&*][^\s\[\]{},]+", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.MULTILINE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A mapping and where each of its keys stands."""

    data: dict[str, Any]
    lines: dict[Path, int]

    def line(self, path: Path) -> int | None:
        """Of the key, or of the nearest thing above it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def decode(raw: bytes, file: str) -> str:
    """The text of a file, if it is one that is worth parsing."""
    if len(raw) > MAX_BYTES:
        raise _refused(file, None, f"the file has {len(raw):,} bytes", f"at most {MAX_BYTES:,} are read")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _refused(file, line, "this is not UTF-8 text", "save the file as UTF-8") from error


def read(text: str, file: str) -> Document:
    """The one mapping that the text holds; ScenarioError with file and line where it holds none."""
    _refuse_early(text, file)
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise ScenarioError(_syntax_problem(error, text, file)) from error
    except (YAMLError, ValueError, IndexError, AttributeError) as error:
        raise _refused(file, None, f"this is not YAML: {_first_line(error)}") from error
    except RecursionError as error:
        raise _refused(file, None, "the file is nested too deeply", f"at most {MAX_DEPTH} levels are read") from error
    if node is None or (isinstance(node, ScalarNode) and not node.style and resolve(node.value) is None):
        raise _refused(file, None, "the file is empty", 'a scenario begins with "name: ..."')
    if not isinstance(node, MappingNode):
        what = "a list" if isinstance(node, SequenceNode) else "a single text"
        raise _refused(file, _line(node), f"the file holds {what}", "a scenario is a mapping: key: value lines")
    builder = _Builder(file)
    data = builder.build(node, ())
    if builder.problems:
        raise ScenarioError(builder.problems)
    return Document(data, builder.lines)


def _refuse_early(text: str, file: str) -> None:
    if len(text) > MAX_BYTES:
        raise _refused(file, None, f"the text has {len(text):,} characters", f"at most {MAX_BYTES:,} are read")
    control = _CONTROL.search(text)
    if control:
        line = text[: control.start()].count("\n") + 1
        message = f"a control character, U+{ord(control[0]):04X}"
        raise _refused(file, line, message, "this is no text file, or a damaged one")
    count = len(_ANCHOR_OR_ALIAS.findall(_COMMENT.sub("", text)))
    if count > MAX_ALIASES:
        raise _refused(file, None, f"the file has {count:,} anchors and aliases", f"at most {MAX_ALIASES} are read")
    # Brackets inside texts are counted too: nobody's scenario comes near the bound.
    depth = deepest = 0
    for character in re.findall(r"[\[\]{}]", text):
        depth = max(0, depth + (1 if character in "[{" else -1))
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise _refused(file, None, "the file is nested too deeply", f"at most {MAX_DEPTH} levels are read")


class _Builder:
    """Turns nodes into plain Python values, noting lines and problems on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self.values = 0
        self.open: set[int] = set()

    def build(self, node: Node, path: Path) -> Any:
        self.values += 1
        if self.values > MAX_VALUES:
            hint = f"at most {MAX_VALUES:,} are read"
            raise _refused(self.file, _line(node), "aliases make the file grow without end", hint)
        if len(path) > MAX_DEPTH:
            hint = f"at most {MAX_DEPTH} levels are read"
            raise _refused(self.file, _line(node), "the file is nested too deeply", hint)
        self.lines.setdefault(path, _line(node))
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self.open:
            raise _refused(self.file, _line(node), "an alias stands inside its own anchor", "write the values out")
        self._refuse_tag(node, path, ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))
        self.open.add(id(node))
        built: Any
        if isinstance(node, MappingNode):
            built = self._mapping(node, path)
        else:
            built = [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        self.open.discard(id(node))
        return built

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._problem(key_node, path, "a list or mapping cannot be a key", "is a quotation mark missing?")
                continue
            key = str(key_node.value)
            at = (*path, key)
            if key in built:
                first = self.lines[at]
                self._problem(key_node, at, "this key stands twice", f"first on line {first}; keep one of them")
                continue
            if key == "<<" and not key_node.style:
                self._problem(key_node, at, "merge keys are no part of YAML 1.2", "write the values out")
                continue
            self.lines[at] = _line(key_node)
            built[key] = self.build(value_node, at)
        return built

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        self._refuse_tag(node, path, ("tag:yaml.org,2002:",))
        return node.value if node.style else resolve(node.value)

    def _refuse_tag(self, node: Node, path: Path, allowed: tuple[str, ...]) -> None:
        tag = str(node.tag or "")
        if tag and (not tag.startswith(allowed) or "python" in tag):
            self._problem(node, path, f"the tag {tag[:40]} is not understood", "write the value without a tag")

    def _problem(self, node: Node, path: Path, message: str, hint: str) -> None:
        self.problems.append(Problem(self.file, _line(node), ".".join(map(str, path)), message, hint))


def resolve(text: str) -> Any:
    """A plain scalar by the core rules of YAML 1.2.

    >>> [resolve(text) for text in ("NO", "1e3", "007", "0x10", "null", "true", "yes", "0.1%")]
    ['NO', 1000.0, 7, 16, None, True, 'yes', '0.1%']
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _refused(file: str, line: int | None, message: str, hint: str = "") -> ScenarioError:
    return ScenarioError(Problem(file, line, "", message, hint))


def _syntax_problem(error: MarkedYAMLError, text: str, file: str) -> Problem:
    """The parser's complaint, with the mistakes that people make put in plain words."""
    mark = error.problem_mark or error.context_mark
    line = int(mark.line) + 1 if mark is not None else None
    total = text.count("\n") + (0 if text.endswith("\n") else 1)
    complaint = str(error.problem or error.context or error)
    around = text.splitlines()[line - 1] if line is not None and line <= total and text else ""
    if "\\t" in complaint or around.lstrip(" ").startswith("\t"):
        return Problem(file, line, "", "a tab stands where YAML wants spaces", "indent with spaces")
    if "single document" in str(error.context or "") + complaint:
        return Problem(file, line, "", "the file holds more than one document", 'delete the line "---" and one part')
    if "undefined alias" in complaint:
        return Problem(file, line, "", complaint, "an anchor (&name) must come before its alias (*name)")
    if line is not None and line >= total and ("stream end" in complaint or "end of stream" in complaint):
        begun = f"what begins on line {int(error.context_mark.line) + 1} is not closed" if error.context_mark else ""
        return Problem(file, line, "", "the file ends too early", begun or "is a bracket or quotation mark missing?")
    if "mapping values are not allowed" in complaint:
        return Problem(file, line, "", "a second colon on one line, or a wrong indent", "put the text in quotes")
    where = f"{error.context}: " if error.context else ""
    return Problem(file, line, "", f"this is not YAML: {where}{complaint}", "is a bracket, quote or indent wrong?")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
