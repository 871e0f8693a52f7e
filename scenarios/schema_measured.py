"""What the user measured: rates and times of one replica, which win over physics."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, PrivateAttr

from scenarios import units
from scenarios.errors import BadValue
from scenarios.schema_types import (
    KvPrecision,
    MeanOrPercentile,
    Part,
    PositiveRate,
    PositiveSeconds,
    Precision,
    Size,
    Text,
    some,
)


class MeasuredRequest(Part):
    """What one replica did with one kind of request."""

    requests_per_s: PositiveRate | None = None
    """The most requests a second that one replica keeps up with, all of this kind, all its slots in use."""
    idle_ttft_s: PositiveSeconds | None = Field(default=None, alias="idle_ttft")
    """Time to the first token of a request that finds the replica idle, network left out."""
    itl_s: PositiveSeconds | None = Field(default=None, alias="itl")
    """Time between tokens with all slots in use, as the mean over the tokens of a request."""
    itl_percentile: MeanOrPercentile | None = None
    """What `itl` is over the requests: `mean`, or a percentile."""


class Measurement(Part):
    """One way to run a replica, and what was measured of it for every kind of request."""

    accelerator: Text
    """Name in the catalog."""
    precision: Precision
    """Number format of the weights."""
    kv_precision: KvPrecision = "bf16"
    """Number format of the KV cache."""
    tensor_parallel: Size = 1
    """Tensor-parallel size."""
    pipeline_parallel: Size = 1
    """Pipeline-parallel size."""
    expert_parallel: Size = 1
    """Expert-parallel size: 1, or the tensor-parallel size of a mixture of experts."""
    batch: Size | None = None
    """Most requests at once; when absent the largest that memory holds is taken, and no other batch of this way."""
    requests: Annotated[dict[str, MeasuredRequest], some("kind of request")]
    """Kind of request, by its name: what was measured."""
    source: Annotated[Text, some("word")]
    """Who measured it, when and with what; stands in the report."""

    _place: tuple[str, int | None] = PrivateAttr(default=("", None))

    @property
    def place(self) -> tuple[str, int | None]:
        """File and line, for messages."""
        return self._place

    @property
    def way(self) -> tuple[str, str, str, int, int, int, int | None]:
        """What tells it from other measurements."""
        return (
            self.accelerator,
            self.precision,
            self.kv_precision,
            self.tensor_parallel,
            self.pipeline_parallel,
            self.expert_parallel,
            self.batch,
        )

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.tensor_parallel * self.pipeline_parallel

    def __str__(self) -> str:
        degrees = f"TP{self.tensor_parallel}"
        degrees += f" PP{self.pipeline_parallel}" if self.pipeline_parallel > 1 else ""
        degrees += f" EP{self.expert_parallel}" if self.expert_parallel > 1 else ""
        batch = f" batch {self.batch}" if self.batch else ""
        return f"{self.accelerator} {self.precision} (KV {self.kv_precision}) {degrees}{batch}"


class Histogram(Part):
    """Requests counted by their size."""

    prompt_tokens: tuple[int, ...]
    """Edges of the bins, rising: one more than there are rows of counts."""
    output_tokens: tuple[int, ...]
    """Edges of the bins, rising: one more than a row of counts has entries."""
    counts: tuple[tuple[float, ...], ...]
    """For each bin of prompts a row with the requests in each bin of outputs."""


class SizeHistogram(Part):
    """Kinds of request from a histogram."""

    histogram: Histogram
    """How many requests are of which size."""


def _pair(value: object) -> object:
    """One number is meant for both; whether the numbers are whole and above 0 is told under the key itself."""
    pair = value if isinstance(value, (list, tuple)) else (value, value)
    if len(pair) != 2:
        raise BadValue(f"{len(pair)} numbers", "give one number, or two: bins of prompts and bins of outputs")
    for one in pair:
        if units.parse_count(one, units.LARGEST_BATCH) < 1:
            raise BadValue(f"{one} bins", "at least 1")
    return pair


Bins = Annotated[
    tuple[Size, Size],
    BeforeValidator(_pair, json_schema_input_type=Size | tuple[Size, Size]),
]


class SizeTrace(Part):
    """Kinds of request from a trace."""

    trace: Text
    """CSV file with a column of prompt tokens and one of output tokens, relative to this file."""
    bins: Bins = Field(default=(3, 3), json_schema_extra={"default": 3})
    """Bins of prompts and of outputs, of equally many requests each: one number, or two."""
