"""What a scenario file only names, read in: traces and histograms become kinds of request, a CSV file measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from scenarios.catalog import Catalog
from scenarios.errors import Problem, ScenarioError
from scenarios.measurements import from_csv
from scenarios.messages import schema_findings
from scenarios.schema_measured import SizeHistogram, SizeTrace
from scenarios.traces import (
    MOST_CLASSES,
    described,
    histogram_classes,
    histogram_problem,
    read_trace,
    too_long,
    trace_classes,
)
from scenarios.yaml_text import Document

Where = tuple[str | int, ...]
Read = TypeVar("Read", bound=BaseModel)
# Stands in for kinds of request that could not be read, so that the rest of the file is checked all the same.
_STAND_IN = [{"prompt_tokens": 1, "output_tokens": 1}]


@dataclass
class Expanded:
    """A scenario's mapping with everything read in, and where each piece stands."""

    document: Document
    file: str
    data: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    elsewhere: dict[Where, tuple[str, int]] = field(default_factory=dict)
    """Path -> file and line of what comes from another file."""
    files: list[Path] = field(default_factory=list)
    """Traces and measurements."""

    def place(self, path: Where) -> tuple[str, int | None]:
        """File and line of a key, or of the nearest thing above it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.elsewhere:
                return self.elsewhere[path[:length]]
        return self.file, self.document.line(path)


def expanded(document: Document, file: str, folder: Path | None, catalog: Catalog) -> Expanded:
    """Reads in what the workloads name. Paths are relative to `folder`; a problem is kept, and nothing raised."""
    found = Expanded(document, file, dict(document.data))
    workloads = document.data.get("workloads")
    if isinstance(workloads, Mapping):
        read = {name: _workload(found, name, entry, folder or Path(), catalog) for name, entry in workloads.items()}
        found.data["workloads"] = read
    return found


def _workload(found: Expanded, name: str, entry: Any, folder: Path, catalog: Catalog) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    entry, where = dict(entry), ("workloads", name)
    requests, measurements = entry.get("requests"), entry.get("measurements")
    if isinstance(requests, Mapping):
        model = catalog.models.get(str(entry.get("model")))
        context = model.context_tokens if model else None
        made = _sizes(found, (*where, "requests"), dict(requests), folder, context)
        entry["requests"] = _STAND_IN if made is None else made[0]
        if made is not None:
            entry["request_source"] = made[1]
        else:
            # Its measurements name kinds of request that are not there.
            entry.pop("measurements", None)
            entry.pop("only_measured", None)
            return entry
    if isinstance(measurements, str):
        try:
            found.files.append(folder / measurements)
            entry["measurements"], lines = from_csv(folder / measurements, measurements)
            for at, line in lines.items():
                found.elsewhere[(*where, "measurements", *at)] = (measurements, line)
        except ScenarioError as error:
            found.problems += error.problems
            entry.pop("measurements")
            entry.pop("only_measured", None)
    return entry


def _sizes(
    found: Expanded, where: Where, written: dict[str, Any], folder: Path, context_tokens: int | None
) -> tuple[list[dict[str, Any]], str] | None:
    """Kinds of request and what they come from; None where they cannot be read."""
    if "histogram" in written:
        histogram = _read(found, where, SizeHistogram, written)
        if histogram is None:
            return None
        wrong = histogram_problem(histogram.histogram)
        if wrong is not None:
            _problem(found, (*where, "histogram", wrong[0]), wrong[1], wrong[2])
            return None
        classes = histogram_classes(histogram.histogram)
        counted = sum(map(sum, histogram.histogram.counts))
        says = f"histogram of {counted:,.10g} requests, at the upper edges of its bins"
        return [one.as_written() for one in classes], says
    if "trace" not in written:
        hint = "a list of kinds of request, histogram: or trace:"
        _problem(found, where, "a list is wanted here, or a mapping with histogram or trace", hint)
        return None
    asked = _read(found, where, SizeTrace, written)
    return None if asked is None else _trace(found, where, asked, folder, context_tokens)


def _trace(
    found: Expanded, where: Where, asked: SizeTrace, folder: Path, context_tokens: int | None
) -> tuple[list[dict[str, Any]], str] | None:
    bins = asked.bins
    if bins[0] * bins[1] > MOST_CLASSES:
        _problem(found, (*where, "bins"), f"{bins[0]} x {bins[1]} bins", f"at most {MOST_CLASSES} in all")
        return None
    path = folder / asked.trace
    found.files.append(path)
    try:
        trace = read_trace(path, asked.trace)
    except ScenarioError as error:
        found.problems += error.problems
        return None
    if context_tokens is not None:
        number, longest, line = too_long(trace, context_tokens)
        if number:
            message = f"{longest:,} tokens in all, but the model holds {context_tokens:,}"
            message += f" ({number:,} such requests)" if number > 1 else ""
            hint = "choose a model with a longer context, or leave them out"
            found.problems.append(Problem(asked.trace, line, "", message, hint))
            return None
    classes = trace_classes(trace, bins)
    return [one.as_written() for one in classes], described(trace, path, asked.trace, len(classes))


def _read(found: Expanded, where: Where, schema: type[Read], written: dict[str, Any]) -> Read | None:
    try:
        return schema.model_validate(written)
    except ValidationError as error:
        for finding in schema_findings(error, schema):
            _problem(found, (*where, *finding.path), finding.message, finding.hint)
        return None


def _problem(found: Expanded, path: Where, message: str, hint: str) -> None:
    file, line = found.place(path)
    found.problems.append(Problem(file, line, ".".join(map(str, path)), message, hint))
