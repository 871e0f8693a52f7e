"""What a validation and a calibration say, as sections of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from reports.content import Bullets, Content, Paragraph, Section, Table, columns, section
from reports.words import DASH, count, number, percent, scale

if TYPE_CHECKING:
    from optimizer.calibrate import Calibration
    from optimizer.validate import Validation

Figures = Mapping[str, Any]
_HEADINGS = (
    ">rows", ">ITL error", ">median???", ">bias", ">rank??", ">in band", ">half-width??", ">TTFT error",
    ">TTFT bias???", ">TTFT in band??", ">TTFT half-width????", ">tokens/s error?????",
)  # fmt: skip
_KEYS = (
    "n", "itl_mape", "itl_median", "itl_bias", "itl_rank", "itl_coverage", "itl_half_width", "ttft_mape", "ttft_bias",
    "ttft_coverage", "ttft_half_width", "tokens_per_s_per_device_mape",
)  # fmt: skip
_READING = (
    "Error: mean of |predicted / measured - 1|; median: its median. Bias: median of predicted / measured, less 1.",
    "Rank: Spearman's correlation of predicted and measured. In band: share of measured points inside the band of their"
    " prediction; half-width: half the width of the band, the median one.",
    "Overall: aggregated serving at a stated precision, without overload. Rows without a precision are priced as BF16.",
    "Overload: the KV cache of all requests in flight exceeds the memory, so requests wait for it and the first token"
    " says how long.",
    "Disaggregated rows do not say how many replicas ran on each side; one of each is assumed.",
)


def validation(found: Validation) -> Content:
    """How far predictions are from a measured table."""
    groups = found.groups
    main = [("overall", found.overall)]
    main += [
        (name, groups[name]) for name in ("kind:dense", "kind:moe", "fit:held out", "fit:fitted") if name in groups
    ]
    beside = [("overload", found.overload), ("overall and its overload", found.all_rows)]
    beside += [(name, groups[name]) for name in ("precision:unknown", "mode:disaggregated") if name in groups]
    by = [(name, one) for name, one in groups.items() if one["by"] in ("precision", "system", "engine", "model")]
    finest = [(name, one) for name, one in groups.items() if one["by"] == "group"]
    made = [
        section("warnings", "Is this right?", [Bullets(found.warnings)] if found.warnings else []),
        Section("overall", "Overall", (_table("", main),)),
        Section("apart", "Apart from it", (_table("", [one for one in beside if one[1]["n"]]),)),
        Section("by", "By part", (_table("", [one for one in by if one[0] != "precision:unknown"]),)),
        Section("groups", "By model, accelerator, engine and precision", (_table("", finest, with_held_out=True),)),
        *_crossed(found.cross_validation),
        _not_used("Left out", found.left_out),
        Section("reading", "How to read this", (Bullets(_READING),)),
    ]
    title = f"Predictions against {count(found.rows, 'measured point')}"
    return Content(title, _headline(found), "plain", tuple(one for one in made if one is not None))


def _headline(found: Validation) -> str:
    if not found.overall["n"]:
        return f"None of {count(found.rows, 'row')} is aggregated serving at a stated precision below overload."
    parts = [
        f"{name} {_share(found.overall[key])}" for name, key in (("ITL", "itl_mape"), ("TTFT", "ttft_mape"))
        if found.overall[key] is not None
    ]  # fmt: skip
    held = found.groups.get("fit:held out", {"n": 0})["n"]
    return (
        f"Mean error of {' and '.join(parts)} over {count(found.overall['n'], 'measured point')}, "
        f"of which {held:,} were not in the fit."
    )


def _crossed(found: Mapping[str, Any] | None) -> list[Section]:
    made = []
    for by, what in (("system", "whole systems"), ("model", "whole models")):
        if not found or by not in found:
            continue
        rows = []
        for name, one in found[by]["folds"].items():
            kept = [(f"{name}, {kind}", one[kind]) for kind in ("dense", "moe", "precision:unknown") if kind in one]
            rows += kept
        rows += [(f"all, {kind}", found[by][kind]) for kind in ("dense", "moe", "overall") if kind in found[by]]
        title = f"Cross-validation: {what} left out of the fit"
        made.append(Section(f"cross_{by}", title, (_table("left out", rows),)))
    return made


def _table(first: str, rows: Iterable[tuple[str, Figures]], with_held_out: bool = False) -> Table:
    held = ("held out",) if with_held_out else ()
    cells = []
    for name, one in rows:
        marks = (_marked(one.get("held_out")),) if with_held_out else ()
        cells.append((name, *marks, *(_cell(key, one.get(key)) for key in _KEYS)))
    return Table(columns(first, *held, *_HEADINGS), tuple(cells))


def _marked(share: float | None) -> str:
    return DASH if share is None else "yes" if share == 1 else "no" if share == 0 else "partly"


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return DASH
    if key == "n":
        return f"{value:,}"
    if key.endswith("rank"):
        return f"{value:.3f}"
    return f"{value:+.1%}".replace("%", " %") if key.endswith("bias") else _share(value)


def _share(value: float) -> str:
    return f"{value * 100:.1f} %"


def _not_used(title: str, left_out: Iterable[Any]) -> Section | None:
    lines = tuple(f"{count(one.rows, 'row')}, the first on line {one.first_line:,}: {one.reason}" for one in left_out)
    return section("left_out", title, [Bullets(lines)] if lines else [])


def calibration(found: Calibration, output: str) -> Content:
    """What a calibration found, beside the file that holds it."""
    names = list(next(iter(found.found.values())).figures)
    rows = []
    for (generation, engine), one in found.found.items():
        cells = [
            f"{scale('s' if name.endswith('_s') else '1', value).write(value)} ± {percent(one.errors[name])}"
            for name, value in one.figures.items()
        ]
        rows.append(
            (
                f"{generation} {engine}", f"{one.rows:,}", *cells, number(one.kv_bytes_per_element),
                _share(one.itl_mape),
                DASH if one.ttft_mape != one.ttft_mape else _share(one.ttft_mape),
            )
        )  # fmt: skip
    headings = columns("", ">rows", *(f">{_spoken(name)}" for name in names), ">KV bytes", ">ITL error", ">TTFT error")
    made = [
        Section("figures", "Figures", (Table(headings, tuple(rows)),)),
        _not_used("Not fitted", found.left_out),
        Section(
            "use", "How to use it",
            (Paragraph(f"Name {output} under `catalog:` in a scenario, or give it to `argosy validate --file`."),),
        ),
    ]  # fmt: skip
    total = sum(one.rows for one in found.found.values())
    headline = (
        f"{count(len(found.found), 'set')} of figures fitted to {count(total, 'measured point')}, written to {output}."
    )
    return Content("Calibration", headline, "plain", tuple(one for one in made if one is not None))


def _spoken(name: str) -> str:
    return name.removesuffix("_s").replace("_", " ")
