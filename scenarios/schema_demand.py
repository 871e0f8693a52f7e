"""What is asked: the objective, the time slots, where demand comes from, and the workloads with their limits."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_serializer

from scenarios import units
from scenarios.catalog_things import DEFAULT_ENGINE
from scenarios.errors import BadValue
from scenarios.quantity import UnitError, show
from scenarios.schema_measured import Measurement, SizeHistogram, SizeTrace
from scenarios.schema_types import (
    Account,
    HourOfDay,
    Hours,
    HoursPerYear,
    KvPrecision,
    MeanOrPercentile,
    Named,
    Part,
    Percentile,
    PositiveFraction,
    PositiveSeconds,
    PositiveTokens,
    Precision,
    Ratio,
    Seconds,
    Size,
    Text,
    Tokens,
    UsdPerKg,
    distinct,
    given,
    some,
)


class Objective(Part):
    """What is made as small as possible."""

    account: Account = Field(default="cost", alias="minimize")
    """The account to minimise."""
    carbon_usd_per_kg: UsdPerKg = given(0.0, "$0/t", alias="carbon_price")
    """Added to the cost for each tonne of CO2e; only with `minimize: cost`."""


class Slot(Part):
    """A part of the year. The slots of one day follow each other in the order of the file; days are cyclic."""

    name: Text
    """What reports call it."""
    day: Text = "typical"
    """The kind of day it belongs to."""
    hours: HoursPerYear
    """How many hours of the year it stands for; all slots together make 8,760."""
    start_hour: HourOfDay | None = None
    """The hour, UTC, at which it begins; gives the slot its place on a region's carbon curve."""
    length_h: Hours = given(0.0, "its part of the day", alias="length")
    """How much of one day it spans; by default up to the next slot's start, or an equal part of the day."""


WHOLE_YEAR = Slot(name="year", hours=units.YEAR_H).model_copy(update={"length_h": 24.0})


def fill_lengths(slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
    """Give each slot its length: what was written, else up to the next start, else an equal part of what is left."""
    filled: list[Slot] = []
    for slot in slots:
        day = [other for other in slots if other.day == slot.day]
        filled.append(slot if slot.length_h else slot.model_copy(update={"length_h": _default_length(slot, day)}))
    return tuple(filled)


def _default_length(slot: Slot, day: list[Slot]) -> float:
    if slot.start_hour is not None:
        following = day[(day.index(slot) + 1) % len(day)].start_hour
        if following is not None:
            return (following - slot.start_hour) % 24 or 24.0
    open_ended = sum(1 for other in day if not other.length_h)
    return max(0.0, 24.0 - sum(other.length_h for other in day)) / open_ended


class Origin(Named):
    """A place from which requests come."""

    near: Text
    """The region next to which the users sit; network round trips are counted from there."""
    last_mile_s: Seconds = given(0.010, "10 ms", alias="last_mile")
    """Round trip between the users and that region."""
    country: Text | None = None
    """Three letters (ISO 3166); by default the country of the near region."""


class Shape(Part):
    """One kind of request of a workload."""

    name: Text = "request"
    """What reports call it."""
    share: PositiveFraction = 1.0
    """Part of the workload's requests; the shares of a workload sum to 1."""
    prompt_tokens: Tokens
    """Tokens that must be read before the first one is written."""
    output_tokens: PositiveTokens
    """Tokens written."""
    cached_context_tokens: Tokens = 0
    """Tokens already in the KV cache: they take memory and are attended to, but are not read again."""

    @property
    def decode_steps(self) -> int:
        """Steps after the first token, which comes out of reading the prompt (if there is one)."""
        return self.output_tokens - 1 if self.prompt_tokens > 0 else self.output_tokens

    @property
    def context_tokens(self) -> int:
        """The longest context of the request."""
        return self.cached_context_tokens + self.prompt_tokens + self.output_tokens


class TimeToFirstToken(Part):
    """The limit on the time to the first token, network included."""

    limit_s: PositiveSeconds = Field(alias="limit")
    """The longest time allowed."""
    percentile: Percentile
    """The share of requests, in percent, that must keep it."""


class InterTokenLatency(Part):
    """The limit on the time between two tokens of one answer."""

    limit_s: PositiveSeconds = Field(alias="limit")
    """The longest time allowed, as the mean over the tokens of a request."""
    percentile: MeanOrPercentile
    """`mean` over the requests, or the share of requests, in percent, that must keep it."""


class QualityLoss(Part):
    """The user's own measure of what each precision costs in quality. Nothing is assumed."""

    bf16: Ratio = 0.0
    """Loss at BF16."""
    fp16: Ratio = 0.0
    """Loss at FP16."""
    fp8: Ratio | None = None
    """Loss at FP8."""
    int8: Ratio | None = None
    """Loss at INT8."""
    fp4: Ratio | None = None
    """Loss at FP4."""
    int4: Ratio | None = None
    """Loss at INT4."""
    limit: Ratio
    """The largest loss allowed."""

    def of(self, precision: str) -> float | None:
        """The loss at a precision; None where the user gave none. FP32 loses nothing."""
        return 0.0 if precision == "fp32" else getattr(self, precision)


def parse_demand(value: object, info: ValidationInfo) -> tuple[float, ...]:
    """One rate per slot. How many slots there are comes with the validation's context."""
    slots = int((info.context or {}).get("slots", 1))
    if not isinstance(value, (list, tuple)):
        rates = [units.parse_rate(value)] * slots
    else:
        if len(value) != slots:
            declared = "one slot is" if slots == 1 else f"{slots} slots are"
            raise BadValue(f"has {len(value)} entries, but {declared} declared", "give one rate for each slot")
        rates = []
        for number, entry in enumerate(value, start=1):
            try:
                rates.append(units.parse_rate(entry))
            except UnitError as error:
                raise BadValue(f"entry {number}: {error.message}", error.hint) from error
    if not any(rates):
        raise BadValue("no demand", "an origin with no demand in any slot is left out")
    return tuple(rates)


_RATE_SCHEMA = units.RATE.json_schema()
Demand = Annotated[
    tuple[float, ...],
    BeforeValidator(parse_demand),
    WithJsonSchema({"anyOf": [*_RATE_SCHEMA["anyOf"], {"type": "array", "items": _RATE_SCHEMA}]}),  # type: ignore[misc]
]


def _residency(value: object, info: ValidationInfo) -> object:
    """A list holds for every origin of the workload's demand."""
    if isinstance(value, str):
        raise BadValue(f"a list is wanted here, not {show(value)}", f"write [{value}]")
    if isinstance(value, (list, tuple)):
        if not value or not all(isinstance(place, str) for place in value):
            raise BadValue("a list of regions or countries is wanted here", "leave the key out to allow all")
        # Read on its own, the workload comes with the context.
        workload = info.data or (info.context or {}).get("beside") or {}
        return dict.fromkeys(workload.get("demand") or {"every origin": 1}, value)
    return value


def _allowed(values: Any) -> Any:
    if isinstance(values, (list, tuple)) and not values:
        raise BadValue("is empty", "leave the key out where everything is allowed")
    return values


def _listed(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and not value:
        raise BadValue("is empty", "give at least one measurement, or leave the key out")
    return value


Places = Annotated[
    frozenset[Text], BeforeValidator(_allowed), WithJsonSchema({"type": "array", "items": {"type": "string"}})
]
Choices = Annotated[tuple[Size, ...], BeforeValidator(_allowed), AfterValidator(distinct)]


class Workload(Named):
    """A model to serve, what its requests look like, how many come, and how fast they must be answered."""

    model: Text
    """Name of the model in the catalog."""
    shapes: Annotated[
        tuple[Shape, ...],
        BeforeValidator(lambda value: value, json_schema_input_type=list[Shape] | SizeHistogram | SizeTrace),
        some("kind of request"),
    ] = Field(alias="requests")
    """The kinds of request: a list, or a histogram or a trace from which the list is made."""
    request_source: Text = ""
    """Where the kinds of request come from; a histogram or a trace says it by itself."""
    demand: Annotated[dict[str, Demand], some("origin with its demand")]
    """Requests per second from each origin: one rate, or one for each slot."""
    ttft: TimeToFirstToken | None = None
    """Limit on the time to the first token."""
    itl: InterTokenLatency | None = None
    """Limit on the time between tokens."""
    precisions: Annotated[tuple[Precision, ...], some("precision"), AfterValidator(distinct)]
    """Number formats the weights may have."""
    kv_precisions: Annotated[tuple[KvPrecision, ...], some("precision"), AfterValidator(distinct)] = ("bf16",)
    """Number formats the KV cache may have: 16 bit or 8 bit."""
    engine: Text = DEFAULT_ENGINE
    """The serving software whose measured efficiencies hold; where it has none, those of the generation do."""
    quality_loss: QualityLoss | None = None
    """The user's measure of what each precision costs in quality, and how much is allowed."""
    residency: Annotated[
        dict[str, Places] | None,
        BeforeValidator(_residency, json_schema_input_type=list[str] | dict[str, list[str]] | None),
    ] = None
    """Regions or countries in which the requests may be served: one list for all origins, or one for each."""
    max_utilization: PositiveFraction = 0.95
    """The busiest a pool of replicas may run."""
    tensor_parallel: Choices | None = None
    """Tensor-parallel sizes to consider; all sensible ones when absent."""
    pipeline_parallel: Choices | None = None
    """Pipeline-parallel sizes to consider."""
    batch: Choices | None = None
    """Batch sizes to consider."""
    measurements: Annotated[
        tuple[Measurement, ...], BeforeValidator(_listed, json_schema_input_type=list[Measurement] | str)
    ] = ()
    """What was measured of this workload: a list, or a CSV file relative to this one. It wins over physics."""
    only_measured: bool = False
    """Whether only the ways to run that were measured may be used."""

    @field_serializer("residency")
    def _sorted_places(self, residency: dict[str, frozenset[str]] | None) -> dict[str, list[str]] | None:
        # A set has no order of its own, and the digest must not depend on one.
        return None if residency is None else {origin: sorted(places) for origin, places in residency.items()}
