"""Kinds of request from a trace or a histogram: every request is in some class, and no class is smaller than its load.

A class stands for requests of many sizes by one size. The work of a request grows with its tokens and with products of
two sizes (attention), so the mean size would say too little. From a trace a class takes the root mean square of its
prompts and of its outputs, rounded up: for sizes p and d not below 0, E[p], E[d] <= rms, E[p^2], E[d^2] = rms^2 and, by
Cauchy and Schwarz, E[p d] <= rms rms, so the class asks for no less work than its requests together. Of a histogram
only the bins are known, so a class takes their upper edges.
"""

from __future__ import annotations

import datetime
import math
from array import array
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from scenarios.csv_rows import header, parted_by_commas, rows, sha256
from scenarios.errors import MAX_SHOWN, Problem, ScenarioError
from scenarios.schema_measured import Histogram

LARGEST_BYTES = 4_000_000_000
MOST_CLASSES = 64
NEAR_EMPTY = 0.01
"""A class with a smaller share of the requests is counted with the next larger one."""
LEAST_SHARE = 2e-6
"""A class that nothing larger can take in counts at least for so much; less would be lost in the solver's rounding."""
MOST_TOKENS = 2**31
MOST_COUNTED = 1e15
LONGEST_S = 20 * 365 * 86_400.0
BUSY_SPAN_S = 60.0
COLUMNS = {
    "prompt_tokens": (
        "prompt_tokens", "input_tokens", "contexttokens", "context_tokens", "request_tokens", "num_prefill_tokens",
        "input_length", "prompt_len", "input_len", "prompt_length", "num_input_tokens", "isl", "prompt",
    ),
    "output_tokens": (
        "output_tokens", "generatedtokens", "generated_tokens", "response_tokens", "num_decode_tokens",
        "output_length", "output_len", "completion_tokens", "num_output_tokens", "osl", "output",
    ),
    "time": ("timestamp", "time", "arrival_time", "arrived_at", "arrival", "arrival_s", "time_s", "start_time"),
}  # fmt: skip

Cell = tuple[int, int]


@dataclass
class Class:
    """Requests of like size. `share` is of the workload's requests; sizes are those that it is planned with."""

    name: str
    share: float
    prompt_tokens: int
    output_tokens: int

    def as_written(self) -> dict[str, Any]:
        """As a scenario file writes a kind of request."""
        return {
            "name": self.name,
            "share": self.share,
            "prompt_tokens": self.prompt_tokens,
            "output_tokens": self.output_tokens,
        }


@dataclass
class Trace:
    """Requests of a trace in the order of the file."""

    prompts: array[int]
    outputs: array[int]
    lines: array[int]
    times_s: array[float]


def merged_up(cells: dict[Cell, Class]) -> list[Class]:
    """The classes, those with next to no requests counted with the nearest that is no smaller in either size.

    Load is never dropped, and a request is only ever counted as a larger one. A class that nothing larger can take in
    stays as small as it is.

    >>> small, large = Class("a", 0.001, 10, 10), Class("b", 0.999, 20, 9)
    >>> merged_up({(0, 0): small, (1, 0): large})
    [Class(name='b', share=1.0, prompt_tokens=20, output_tokens=10)]
    """
    left = dict(sorted(cells.items(), key=lambda item: (sum(item[0]), item[0])))
    for cell in list(left):
        mine = left[cell]
        if mine.share >= NEAR_EMPTY:
            continue
        larger = [other for other in left if other != cell and other[0] >= cell[0] and other[1] >= cell[1]]
        if not larger:
            continue
        nearest = min(larger, key=lambda other: (sum(other), left[other].prompt_tokens + left[other].output_tokens))
        taker = left[nearest]
        taker.share += mine.share
        taker.prompt_tokens = max(taker.prompt_tokens, mine.prompt_tokens)
        taker.output_tokens = max(taker.output_tokens, mine.output_tokens)
        del left[cell]
    kept = [left[cell] for cell in sorted(left)]
    if any(one.share < LEAST_SHARE for one in kept):
        for one in kept:
            one.share = max(one.share, LEAST_SHARE)
        total = sum(one.share for one in kept)
        for one in kept:
            one.share /= total
    return kept


def histogram_classes(histogram: Histogram) -> list[Class]:
    """A class for each bin with requests in it, at the upper edges of the bin."""
    total = sum(map(sum, histogram.counts))
    cells = {}
    for i, row in enumerate(histogram.counts):
        for j, count in enumerate(row):
            if count > 0:
                prompt, output = histogram.prompt_tokens[i + 1], histogram.output_tokens[j + 1]
                cells[i, j] = Class(f"in{prompt}-out{output}", count / total, prompt, output)
    return merged_up(cells)


def histogram_problem(histogram: Histogram) -> tuple[str, str, str] | None:
    """(key, message, hint) of the first thing that is wrong; None where nothing is."""
    for key in ("prompt_tokens", "output_tokens"):
        edges = getattr(histogram, key)
        if len(edges) < 2:
            return key, f"{len(edges)} edges make no bin", "for example [0, 128, 512, 2048]"
        if edges[0] < 0 or any(high <= low for low, high in pairwise(edges)):
            return key, "the edges do not rise", "whole numbers from 0 upwards, each larger than the one before"
        if edges[-1] > MOST_TOKENS:
            return key, f"{edges[-1]:,} is no number of tokens", f"at most {MOST_TOKENS:,}"
    bins = (len(histogram.prompt_tokens) - 1, len(histogram.output_tokens) - 1)
    if len(histogram.counts) != bins[0]:
        hint = "one row for each bin: one row less than there are edges of prompt_tokens"
        return "counts", f"{len(histogram.counts)} rows for {bins[0]} bins of prompts", hint
    for number, row in enumerate(histogram.counts, start=1):
        if len(row) != bins[1]:
            hint = "one count for each bin: one less than there are edges of output_tokens"
            return "counts", f"row {number} has {len(row)} counts for {bins[1]} bins of outputs", hint
        if any(not math.isfinite(count) or count < 0 for count in row):
            return "counts", f"row {number} has a count below 0 or no number", "counts are numbers from 0 upwards"
        if max(row) > MOST_COUNTED:
            return "counts", f"row {number} has a count of {max(row):g}", f"at most {MOST_COUNTED:g}"
    if not any(map(any, histogram.counts)):
        return "counts", "there is not one request", "counts of the requests in each bin"
    if sum(count > 0 for row in histogram.counts for count in row) > MOST_CLASSES:
        return "counts", f"more than {MOST_CLASSES} bins hold requests", "use fewer and wider bins"
    return None


def read_trace(path: Path, name: str, hint: str = "the path is relative to the scenario file") -> Trace:
    """All requests of a CSV file, read row by row; ScenarioError with the line of every bad row.

    `hint` is what to do where there is no such file.
    """
    read = rows(path, name, LARGEST_BYTES, hint)
    line, titles = next(read, (1, []))
    parted_by_commas(titles, name, line)
    place = header(titles, COLUMNS, name, line)
    for column in ("prompt_tokens", "output_tokens"):
        if column not in place:
            hint = f"it is found under the name {', '.join(COLUMNS[column][:6])} and the like"
            raise ScenarioError(Problem(name, line, column, "there is no such column in the first line", hint))
    found = Trace(array("q"), array("q"), array("q"), array("d"))
    problems: list[Problem] = []
    bad, dated = 0, None
    for line, cells in read:
        try:
            prompt = _tokens(cells, place["prompt_tokens"], "prompt_tokens")
            output = _tokens(cells, place["output_tokens"], "output_tokens")
            if "time" in place:
                when_s, is_date = _seconds(cells, place["time"])
                dated = is_date if dated is None else dated
                if is_date != dated:
                    raise ValueError("time", "seconds and dates are mixed", "write all times in one way")
                found.times_s.append(when_s)
        except ValueError as error:
            bad += 1
            if len(problems) < MAX_SHOWN:
                problems.append(Problem(name, line, *error.args))
            continue
        found.prompts.append(prompt)
        found.outputs.append(output)
        found.lines.append(line)
    if problems:
        if bad > len(problems):
            problems.append(Problem(name, None, "", f"{bad:,} rows in all cannot be read", "mend or delete them"))
        raise ScenarioError(problems)
    span_s = max(found.times_s, default=0.0) - min(found.times_s, default=0.0)
    if span_s > LONGEST_S:
        apart = f"{span_s / 86_400 / 365:,.0f} years apart" if span_s < 1e15 else "too far apart"
        hint = "at most 20 years; a number is in seconds, not in milliseconds or less"
        raise ScenarioError(Problem(name, None, "time", f"the times are {apart}", hint))
    if not found.prompts:
        raise ScenarioError(Problem(name, line, "", "the trace holds no request", "one row for each request"))
    return found


def _tokens(cells: list[str], place: int, column: str) -> int:
    text = cells[place] if place < len(cells) else ""
    try:
        number = float(text)
    except ValueError:
        raise ValueError(column, f'"{text[:40]}" is not a number of tokens', "a whole number from 1 upwards") from None
    if not 1 <= number < MOST_TOKENS or number != int(number):
        hint = "a whole number from 1 upwards; leave out requests that failed"
        raise ValueError(column, f"{text[:40]} tokens are not possible", hint)
    return int(number)


def _seconds(cells: list[str], place: int) -> tuple[float, bool]:
    """A time [s], and whether it is written as a date, which counts from 1970."""
    text = cells[place] if place < len(cells) else ""
    try:
        number = float(text)
    except ValueError:
        try:
            moment = datetime.datetime.fromisoformat(text)
        except ValueError:
            raise ValueError("time", f'"{text[:40]}" is not a time', "seconds, or 2026-10-01T12:00:00") from None
        return moment.replace(tzinfo=moment.tzinfo or datetime.UTC).timestamp(), True
    if not math.isfinite(number):
        raise ValueError("time", f"{text[:40]} is not a time", "seconds, or 2026-10-01T12:00:00")
    return number, False


def trace_classes(trace: Trace, bins: tuple[int, int]) -> list[Class]:
    """Classes between quantiles of the prompts and of the outputs, each at its root mean square sizes."""
    import numpy as np

    prompts, outputs = np.frombuffer(trace.prompts, np.int64), np.frombuffer(trace.outputs, np.int64)
    tops, numbers = [], []
    for values, count in ((prompts, bins[0]), (outputs, bins[1])):
        top = np.unique(np.quantile(values, np.arange(1, count + 1) / count, method="inverted_cdf"))
        tops.append(top)
        numbers.append(np.searchsorted(top, values, side="left"))
    cells = {}
    for i, j in sorted(set(zip(numbers[0].tolist(), numbers[1].tolist(), strict=True))):
        mine = (numbers[0] == i) & (numbers[1] == j)
        sizes = [math.ceil(math.sqrt(np.mean(np.square(v[mine], dtype=float))) - 1e-9) for v in (prompts, outputs)]
        name = f"in{tops[0][i]}-out{tops[1][j]}"
        cells[i, j] = Class(name, float(np.count_nonzero(mine)) / prompts.size, *sizes)
    return merged_up(cells)


def too_long(trace: Trace, context_tokens: int) -> tuple[int, int, int]:
    """Requests that hold more tokens than the model, the tokens and the line of the longest."""
    import numpy as np

    total = np.frombuffer(trace.prompts, np.int64) + np.frombuffer(trace.outputs, np.int64)
    longest = int(total.argmax())
    return int((total > context_tokens).sum()), int(total[longest]), trace.lines[longest]


def described(trace: Trace, path: Path, name: str, classes: int) -> str:
    """What the kinds of request come from, in words, with the digest of the file."""
    import numpy as np

    prompts, outputs = np.frombuffer(trace.prompts, np.int64), np.frombuffer(trace.outputs, np.int64)
    says = f"trace {Path(name).name}: {prompts.size:,} requests, on average {prompts.mean():.0f} tokens in and "
    says += f"{outputs.mean():.0f} out, in {classes} classes at root mean square sizes"
    if len(trace.times_s) > 1:
        times = np.sort(np.frombuffer(trace.times_s, float))
        span = float(times[-1] - times[0])
        if span >= 2 * BUSY_SPAN_S:
            counts = np.bincount(((times - times[0]) // BUSY_SPAN_S).astype(np.int64))
            peak = counts.max() / (times.size / span * BUSY_SPAN_S)
            says += f"; its busiest minute brings {peak:.2g} times its mean rate over {span / 3600:.3g} h"
    return f"{says}; sha256 {sha256(path)[:16]}"
