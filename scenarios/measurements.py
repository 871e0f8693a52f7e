"""Measurements: read from a CSV file, and checked against the workload and the catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scenarios.catalog import Catalog
from scenarios.check_names import Finding, nearest
from scenarios.csv_rows import header, parted_by_commas, rows, unknown_columns
from scenarios.errors import Problem, ScenarioError
from scenarios.schema_demand import Workload
from scenarios.schema_measured import Measurement

LARGEST_BYTES = 1_000_000
LARGEST_REPLICA = 64
_WAY = (
    "accelerator", "precision", "kv_precision", "tensor_parallel", "pipeline_parallel", "expert_parallel", "batch",
    "source",
)  # fmt: skip
_FIGURES = ("requests_per_s", "idle_ttft", "itl", "itl_percentile")
_COUNTS = ("tensor_parallel", "pipeline_parallel", "expert_parallel", "batch")
COLUMNS = {name: (name,) for name in (*_WAY, "request", *_FIGURES)}

Lines = dict[tuple[str | int, ...], int]


def from_csv(path: Path, name: str) -> tuple[list[dict[str, Any]], Lines]:
    """Measurements as a scenario file writes them, and the line of each and of each of its kinds of request.

    One row is one kind of request; rows that agree in how the replica runs are one measurement.
    """
    read = rows(path, name, LARGEST_BYTES)
    line, titles = next(read, (1, []))
    parted_by_commas(titles, name, line)
    unknown_columns(titles, COLUMNS, name, line)
    place = header(titles, COLUMNS, name, line)
    missing = [column for column in ("accelerator", "precision", "request") if column not in place]
    if missing:
        hint = f"the first line names the columns: {', '.join(COLUMNS)}"
        raise ScenarioError(Problem(name, line, ", ".join(missing), "there is no such column", hint))
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    lines: Lines = {}
    for line, cells in read:
        if len(cells) != len(titles):
            message = f"{len(cells)} cells under {len(titles)} column{'s' * (len(titles) != 1)}"
            raise ScenarioError(Problem(name, line, "", message, 'put "..." around a text with a comma'))
        row = {column: cells[at] for column, at in place.items() if cells[at]}
        key = tuple(row.get(column, "") for column in _WAY)
        if key not in found:
            lines[len(found),] = line
            found[key] = {column: row[column] for column in _WAY if column in row} | {"requests": {}}
        number, kind = list(found).index(key), row.get("request", "")
        if kind in found[key]["requests"]:
            message = f'"{kind}" stands here a second time for the same way to run'
            raise ScenarioError(Problem(name, line, "request", message, "delete one of the lines, or give its batch"))
        lines[number, "requests", kind] = line
        found[key]["requests"][kind] = {column: row[column] for column in _FIGURES if column in row}
    if not found:
        raise ScenarioError(Problem(name, line, "", "the file has no row below its header", "give one measurement"))
    return list(found.values()), lines


def unknown_accelerators(written: Mapping[str, Any], catalog: Catalog) -> Iterator[Finding]:
    """Measurements of accelerators that the catalog does not know, or that the scenario may not use."""
    given = written.get("accelerators")
    listed = [item for item in given if isinstance(item, str)] if isinstance(given, (list, tuple)) else []
    for workload, entry in _mapping(written.get("workloads")).items():
        items = _mapping(entry).get("measurements")
        for index, item in enumerate(items if isinstance(items, (list, tuple)) else ()):
            name, where = _mapping(item).get("accelerator"), ("workloads", workload, "measurements", index)
            if not isinstance(name, str):
                continue
            if name not in catalog.accelerators:
                message = f'there is no accelerator "{name}" in the catalog'
                yield Finding((*where, "accelerator"), message, nearest(name, catalog.accelerators))
            elif name not in listed:
                hint = f"add {name} to accelerators, or delete the measurement"
                yield Finding((*where, "accelerator"), f"{name} may not be used here", hint)


def measurement_findings(name: str, workload: Workload, catalog: Catalog) -> Iterator[Finding]:
    """Everything wrong with a workload's measurements that no single key can tell."""
    if workload.only_measured and not workload.measurements:
        message = "nothing is measured, so nothing could run"
        yield Finding(("workloads", name, "only_measured"), message, "add measurements, or delete this key")
    first: dict[tuple[Any, ...], int] = {}
    for index, one in enumerate(workload.measurements):
        where = ("workloads", name, "measurements", index)
        same = [other for way, other in first.items() if _clash(way, one.way)]
        if same:
            message = f"the same way to run as measurement {same[0] + 1}"
            yield Finding(where, message, "keep one of them, or give each its own batch")
        first[one.way] = index
        yield from _requests(where, one, workload)
        yield from _outside(where, one, workload)
        if one.accelerator in catalog.accelerators:
            yield from _impossible(where, one, workload, catalog)


def _clash(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """One without a batch speaks of every batch."""
    return one[:-1] == other[:-1] and (one[-1] == other[-1] or None in (one[-1], other[-1]))


def _requests(where: tuple[Any, ...], one: Measurement, workload: Workload) -> Iterator[Finding]:
    names = [shape.name for shape in workload.shapes]
    for shape in workload.shapes:
        if shape.name not in one.requests:
            message = f'"{shape.name}" is not among them'
            yield Finding((*where, "requests"), message, "every kind of request of the workload is measured, or none")
    for kind, measured in one.requests.items():
        at = (*where, "requests", kind)
        if kind not in names:
            yield Finding(at, f'there is no kind of request "{kind}" in this workload', nearest(kind, names))
            continue
        shape = workload.shapes[names.index(kind)]
        if measured.requests_per_s is None and measured.idle_ttft_s is None and measured.itl_s is None:
            yield Finding(at, "nothing is measured", "give requests_per_s, idle_ttft or itl")
        if measured.itl_s is not None and measured.itl_percentile is None:
            message = "it must be said what it is over the requests"
            yield Finding((*at, "itl"), message, "add itl_percentile: mean, or for example 99")
        if measured.itl_s is None and measured.itl_percentile is not None:
            yield Finding((*at, "itl_percentile"), "there is no itl to speak of", "add itl, or delete this key")
        if measured.itl_s is not None and shape.decode_steps == 0:
            yield Finding((*at, "itl"), "a request of one token has no time between tokens", "delete this key")
        if measured.idle_ttft_s is not None and shape.prompt_tokens == 0:
            message = "a request without a prompt begins with a decode step"
            yield Finding((*at, "idle_ttft"), message, "give itl or requests_per_s instead")


def _outside(where: tuple[Any, ...], one: Measurement, workload: Workload) -> Iterator[Finding]:
    """What the workload's own lists rule out would be read and then never used."""
    lists: tuple[tuple[str, Any, Any], ...] = (
        ("precision", one.precision, workload.precisions),
        ("kv_precision", one.kv_precision, workload.kv_precisions),
        ("tensor_parallel", one.tensor_parallel, workload.tensor_parallel),
        ("pipeline_parallel", one.pipeline_parallel, workload.pipeline_parallel),
        ("batch", one.batch, workload.batch),
    )
    for key, value, allowed in lists:
        if allowed and value is not None and value not in allowed:
            plural = key if key == "batch" or key.endswith("parallel") else f"{key}s"
            message = f"{value} is not in this workload's {plural}: {', '.join(map(str, allowed))}"
            yield Finding((*where, key), message, "add it there, or delete the measurement")


def _impossible(where: tuple[Any, ...], one: Measurement, workload: Workload, catalog: Catalog) -> Iterator[Finding]:
    """Ways that cannot run, and figures beyond the peaks of the devices.

    The peaks are those of the weights alone, without attention and cache; the planner checks again with those.
    """
    accelerator, model = catalog.accelerators[one.accelerator], catalog.models.get(workload.model)
    native = ("bf16", "fp16") if one.precision == "int4" else (one.precision,)
    peak = next((accelerator.peak_flop_per_s[name] for name in native if accelerator.peak_flop_per_s.get(name)), None)
    if peak is None:
        message = f"{one.accelerator} does not compute {one.precision} natively"
        yield Finding((*where, "precision"), message, f"it computes {', '.join(accelerator.peak_flop_per_s)}")
    if one.tensor_parallel > accelerator.scaleup_domain:
        message = f"{one.accelerator} joins {accelerator.scaleup_domain} devices by its fast link"
        yield Finding((*where, "tensor_parallel"), message, "tensor parallelism stays inside the link")
    if one.devices > LARGEST_REPLICA:
        yield Finding((*where, "tensor_parallel"), f"{one.devices} devices a replica", f"at most {LARGEST_REPLICA}")
    if model is None:
        return
    if model.heads % one.tensor_parallel:
        message = f"{one.tensor_parallel} ranks cannot share {model.heads} heads"
        yield Finding((*where, "tensor_parallel"), message, "a size that divides the heads")
    if one.expert_parallel not in (1, one.tensor_parallel if model.experts else 1):
        message = f"{one.expert_parallel} is neither 1 nor the tensor-parallel size of a mixture of experts"
        yield Finding((*where, "expert_parallel"), message)
    if one.batch is not None and one.batch < one.pipeline_parallel:
        yield Finding((*where, "batch"), f"does not fill {one.pipeline_parallel} pipeline stages")
    for kind, measured in one.requests.items():
        shape = next((shape for shape in workload.shapes if shape.name == kind), None)
        if shape is None or peak is None or measured.requests_per_s is None:
            continue
        flop = 2 * model.params_active_nonembed * (shape.prompt_tokens + shape.decode_steps)
        if measured.requests_per_s * flop > peak * one.devices * (1 + 1e-9):
            most = peak * one.devices / flop
            devices = f"{one.devices} {one.accelerator}" if one.devices > 1 else one.accelerator
            message = f"{measured.requests_per_s:g}/s is more than the {most:.3g}/s of {devices} at its peak FLOP/s"
            hint = "check the rate (of one replica), the sizes of the request and the model"
            yield Finding((*where, "requests", kind, "requests_per_s"), message, hint)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
