"""From a file, a shipped name, a text or a mapping to a Scenario. All problems of an input are reported together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from scenarios.catalog import Catalog, load_catalog
from scenarios.check_names import Finding, unknown_names
from scenarios.checks import findings
from scenarios.errors import Problem, ScenarioError
from scenarios.expanding import expanded
from scenarios.messages import schema_findings
from scenarios.replacing import reader
from scenarios.schema import Scenario
from scenarios.yaml_text import MAX_BYTES, Document, decode, read


def names() -> tuple[str, ...]:
    """The shipped scenarios, each of which `load` takes by its name."""
    return tuple(sorted(item.name.removesuffix(".yaml") for item in _library() if item.name.endswith(".yaml")))


def load(name_or_path: str | Path) -> Scenario:
    """The scenario in a file, or the shipped one of that name.

    >>> load("capstone").limits.budget_usd_per_year
    5000000.0
    """
    text = str(name_or_path)
    if not text.strip() or name_or_path == Path():
        hint = f"a file, or one of {', '.join(names())}"
        raise ScenarioError(Problem("SCENARIO", None, "", "the name of the scenario is empty", hint))
    if text in names():
        file = f"{text}.yaml"
        library = Path(str(files("scenarios") / "library"))
        raw = (library / file).read_bytes()
        return _from_document(read(decode(raw, file), file), text, file, library, path=library / file)
    path = Path(text)
    return _from_document(read(decode(_bytes(path), text), text), text, text, path.parent, path=path)


def loads(text: str, file: str = "<text>") -> Scenario:
    """The scenario in a text; `file` is what messages call it."""
    return _from_document(read(text, file), file, file, Path(file).parent)


def from_mapping(data: Mapping[str, Any], catalog: Catalog | None = None, file: str = "<mapping>") -> Scenario:
    """The scenario in a mapping of the file's keys, with the same units as in a file."""
    return _from_document(Document(dict(data), {}), file, file, Path(), catalog)


def _library() -> Iterable[Traversable]:
    return (files("scenarios") / "library").iterdir()


def _bytes(path: Path) -> bytes:
    """The file's content. A file that is too long is not read whole."""
    try:
        with path.open("rb") as stream:
            size = path.stat().st_size
            return stream.read(MAX_BYTES + 1) if size <= MAX_BYTES + 1 else _too_long(path, size)
    except IsADirectoryError:
        message, hint = "this is a folder", "give one of the files in it"
    except FileNotFoundError:
        message, hint = "there is no such file, and no shipped scenario of that name", _near_names(path)
        if path.is_symlink():
            message = f"this is a link to {path.readlink()}, which is not there"
            hint = "mend the link, or name the file"
    except (OSError, ValueError) as error:
        message, hint = f"cannot be read: {getattr(error, 'strerror', None) or error}", ""
    raise ScenarioError(Problem(str(path), None, "", message, hint))


def _too_long(path: Path, size: int) -> bytes:
    hint = f"at most {MAX_BYTES:,} are read"
    raise ScenarioError(Problem(str(path), None, "", f"the file has {size:,} bytes", hint))


def _near_names(path: Path) -> str:
    shipped = names()
    near = difflib.get_close_matches(path.stem.lower(), shipped, n=2, cutoff=0.6)
    try:
        beside = [item.name for item in path.parent.glob("*.y*ml") if item.exists()][:1000]
    except (OSError, ValueError):
        beside = []
    near += [name for name in difflib.get_close_matches(path.name, beside, n=1) if name not in near]
    question = "did you mean " + " or ".join(near) + "? " if near else ""
    return f"{question}shipped are {', '.join(shipped)}"


def _from_document(
    document: Document,
    source: str,
    file: str,
    folder: Path | None,
    catalog: Catalog | None = None,
    path: Path | None = None,
) -> Scenario:
    """Validate, check against the catalog and finish; ScenarioError with every problem found.

    `path` is the file itself, where there is one.
    """
    data, problems = document.data, []
    if catalog is None:
        try:
            catalog = load_catalog(_catalog_files(data, folder))
        except ScenarioError as error:
            problems += _at(error.problems, file, document.line(("catalog",)))
            catalog = load_catalog(())
    whole = expanded(document, file, folder, catalog)
    data, problems = whole.data, problems + whole.problems
    found: list[Finding] = []
    scenario: Scenario | None = None
    slots = data.get("slots")
    context = {"slots": len(slots) if isinstance(slots, list) and slots else 1}
    try:
        scenario = Scenario.model_validate(data, context=context)
        parts: Any = scenario
    except ValidationError as error:
        found += schema_findings(error, Scenario)
        parts = _readable_parts(data, context)
    # What the schema refused is left out of the parts, and must not be called missing on top of that.
    refused = [finding.path for finding in found]
    found += unknown_names(data, catalog)
    found += [item for item in findings(parts, data, catalog) if not any(_related(item.path, at) for at in refused)]
    for finding in dict.fromkeys(found):
        key = ".".join(map(str, finding.path))
        problems.append(Problem(*whole.place(finding.path), key, finding.message, finding.hint, finding.ways))
    if problems or scenario is None:
        raise ScenarioError(sorted(problems, key=lambda problem: (problem.file != file, problem.line or 0)))
    for name, workload in scenario.workloads.items():
        for index, measurement in enumerate(workload.measurements):
            measurement._place = whole.place(("workloads", name, "measurements", index))
    finished = _finished(scenario, source, catalog)
    finished._files = (*((path,) if path else ()), *catalog.files, *whole.files)
    return finished


def _catalog_files(data: Mapping[str, Any], folder: Path | None) -> tuple[Path, ...]:
    listed = data.get("catalog")
    if not isinstance(listed, (list, tuple)) or folder is None:
        return ()
    return tuple(folder / item for item in listed if isinstance(item, str))


def _at(problems: Iterable[Problem], file: str, line: int | None) -> list[Problem]:
    """The catalog's problems; one without a file is laid to the scenario's `catalog` key."""
    return [item if item.file else Problem(file, line, "catalog", item.message, item.hint) for item in problems]


def _readable_parts(data: Mapping[str, Any], context: dict[str, Any]) -> SimpleNamespace:
    """The parts of a scenario without what the schema refuses in them; None for a part of which nothing is left."""
    parts: dict[str, Any] = {}
    for name, field in Scenario.model_fields.items():
        key = field.alias or name
        if key in data:
            parts[name] = _read_what_can_be(reader(field), data[key], context)
        else:
            parts[name] = None if field.is_required() else field.get_default(call_default_factory=True)
    return SimpleNamespace(**parts)


def _read_what_can_be(adapter: TypeAdapter[Any], written: Any, context: dict[str, Any]) -> Any:
    """Leaves out what is refused, then what is incomplete without it, and so on up."""
    for _ in range(8):
        try:
            return adapter.validate_python(written, context=context)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                path = detail["loc"][:-1] if detail["type"] == "missing" else detail["loc"]
                written = _without(written, path)
    return None


def _without(value: Any, path: tuple[str | int, ...]) -> Any:
    """A copy without what stands at the path; a list goes as a whole, so that the places of its entries stay true."""
    if not path or not isinstance(value, Mapping) or path[0] not in value:
        return None
    inner = _without(value[path[0]], path[1:])
    kept = {key: item for key, item in value.items() if key != path[0]}
    return kept if inner is None else {**kept, path[0]: inner}


def _related(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> bool:
    """Whether one place lies inside the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _finished(scenario: Scenario, source: str, catalog: Catalog) -> Scenario:
    """Fill in what the catalog knows: the country of an origin, shares that sum to 1 exactly."""
    origins = {}
    for name, origin in scenario.origins.items():
        country = origin.country or catalog.regions[origin.near].country
        origins[name] = origin.model_copy(update={"country": country})
    workloads = {}
    for name, workload in scenario.workloads.items():
        total = sum(shape.share for shape in workload.shapes)
        shapes = tuple(shape.model_copy(update={"share": shape.share / total}) for shape in workload.shapes)
        workloads[name] = workload.model_copy(update={"shapes": shapes})
    finished = scenario.model_copy(update={"origins": origins, "workloads": workloads})
    finished._catalog = catalog
    finished._source = source
    return finished
