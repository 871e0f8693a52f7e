"""What a pool's simulation needs and gives: kinds of requests and step times from the walls, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.simulate_engine import NEVER_FULL, FloatArray, Kinds, Machine, Outage, PoolRun, run_pool
from physics.batching import PAGE_TOKENS, paged_tokens
from physics.memory import STEP_TOKENS
from physics.pricing import Prices, Runs, price
from physics.serving import decode_steps, mean_context_tokens

if TYPE_CHECKING:
    from scenarios.catalog import Model

_CONTEXTS = 17  # columns of mean context where shapes differ; the time is piecewise linear in it
LENGTHS = 21  # lengths of an answer where they spread
_PARTS = 64  # parts of a prompt at which its cumulative prefill time is known


@dataclass(frozen=True)
class Replica:
    """One replica ready to be simulated: its kinds of requests, its steps, and what a pipeline adds to a prompt.

    `prefill_lag_s` is by kind what the latency of a prefill exceeds the time it takes from the replica; 0 without
    pipeline stages.
    """

    kinds: Kinds
    machine: Machine
    prefill_lag_s: FloatArray


@dataclass(frozen=True)
class Served:
    """Requests of a pool in order of arrival; times are seconds, network excluded.

    Attributes:
        arrive_s: time of arrival.
        kind: index of the shape.
        ttft_s: arrival to first token.
        itl_s: mean time between the request's tokens; NaN where it has one token.
        e2e_s: arrival to last token.
        wait_s: arrival to a slot.
        restarts: requests that began again after an outage.
    """

    arrive_s: FloatArray
    kind: np.ndarray
    ttft_s: FloatArray
    itl_s: FloatArray
    e2e_s: FloatArray
    wait_s: FloatArray
    restarts: int = 0

    def take(self, rows: Any) -> Served:
        """The same at `rows`."""
        columns = ("arrive_s", "kind", "ttft_s", "itl_s", "e2e_s", "wait_s")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})


def replica_of(
    model: Model, runs: Runs, shapes: Sequence[Any], prices: Prices | None = None, row: int = 0, spread: float = 0.0
) -> Replica:
    """One replica as the walls price it: `runs` is its one row, its batch the slots.

    A decode step is priced at every batch from 1 to b and, where shapes differ in it, at 17 contexts between theirs.
    Where `prices` (at `row`) says otherwise than the walls at the full batch, because the user measured it, the steps
    and prefills of a shape are longer or shorter by its share; a step of several shapes then lasts as long as the mean
    of theirs. With a `spread` each shape becomes `LENGTHS` kinds, whose
    answers are up to that share shorter or longer.
    """
    predicted = price(model, runs, shapes)
    prices, row = (predicted, 0) if prices is None else (prices, row)
    factor = prices.decode_step_s[row] / predicted.decode_step_s[0]
    occupancy, latency = prices.prefill_occupancy_s[row], prices.prefill_s[row]
    parts = [_parts_s(model, runs, shape, whole) for shape, whole in zip(shapes, occupancy, strict=True)]
    of = np.repeat(np.arange(len(shapes)), LENGTHS if spread > 0 else 1)
    sized = [size for shape in shapes for size in _spread_out(shape, spread)]
    prompt, output, cached = (
        np.array([getattr(size, name) for size in sized], dtype=float)
        for name in ("prompt_tokens", "output_tokens", "cached_context_tokens")
    )
    context = mean_context_tokens(cached, prompt, output)
    slots = int(runs.batch[0])
    rows = replace(runs.take(np.zeros(slots, dtype=int)), batch=np.arange(1.0, slots + 1))
    alike = np.ptp(factor) <= 1e-9 * factor.max()
    if alike:
        place = context
        grid = np.linspace(context.min(), context.max(), _CONTEXTS) if np.ptp(context) > 0 else context[:1]
        step = price(model, rows, [_at_context(tokens) for tokens in grid]).decode_step_s * factor.mean()
    else:  # each size at its own place: the length of its step at the full batch
        each = price(model, rows, [_at_context(tokens) for tokens in context]).decode_step_s * factor[of]
        place = each[-1]
        known, first = np.unique(place, return_index=True)
        grid = np.linspace(known[0], known[-1], _CONTEXTS)
        step = np.array([np.interp(grid, known, steps[first]) for steps in each])
    tokens = paged_tokens(cached + prompt + output, PAGE_TOKENS)
    page_bytes = price(model, runs, sized[:1]).kv_bytes_per_request[0, 0] / (tokens[0] / PAGE_TOKENS)
    # A single size was gated at a full batch; only a mix, counted in pages, can run out of them earlier.
    room = int(prices.kv_capacity_bytes[row] / page_bytes * (1 + 1e-9)) if len(sized) > 1 else NEVER_FULL
    kinds = Kinds(
        prompt_tokens=[int(n) for n in prompt],
        prefill_s=occupancy[of].tolist(),
        decode_steps=[int(n) for n in decode_steps(prompt, output)],
        context_tokens=place.tolist(),
        pages=[int(n) for n in tokens / PAGE_TOKENS],
        prefill_parts_s=[parts[shape] for shape in of],
    )
    machine = Machine(slots, np.vstack([step[:1], step]), grid, room)
    return Replica(kinds, machine, (latency - occupancy)[of])


def _spread_out(shape: Any, spread: float) -> list[Any]:
    """The shape with its answer at evenly spaced lengths around its own."""
    if spread <= 0:
        return [shape]
    lengths = np.maximum(np.round(shape.output_tokens * np.linspace(1 - spread, 1 + spread, LENGTHS)), 1)
    return [_Tokens(shape.prompt_tokens, length, shape.cached_context_tokens) for length in lengths]


class _Tokens:
    """A request by its tokens alone, as `price` reads them; parts of tokens are allowed."""

    def __init__(self, prompt_tokens: float, output_tokens: float, cached_context_tokens: float) -> None:
        self.prompt_tokens, self.output_tokens = prompt_tokens, output_tokens
        self.cached_context_tokens = cached_context_tokens


def _at_context(tokens: float) -> Any:
    """A request whose decode steps attend to so many tokens on average."""
    return _Tokens(0.0, 1.0, tokens - 0.5)


def _parts_s(model: Model, runs: Runs, shape: Any, whole_s: float) -> list[float]:
    """Cumulative time that a prompt takes from the replica, at equal parts of it [s]; only a long one has many."""
    if shape.prompt_tokens <= STEP_TOKENS / 2:
        return [0.0, float(whole_s)]
    heads = [_Tokens(shape.prompt_tokens * k / _PARTS, 2.0, shape.cached_context_tokens) for k in range(1, _PARTS + 1)]
    parts = price(model, runs, heads).prefill_occupancy_s[0]
    return [0.0, *(parts * (whole_s / parts[-1])).tolist()]


def played(
    replica: Replica,
    replicas: int,
    arrive_s: FloatArray,
    kind: np.ndarray,
    outages: Sequence[Outage] = (),
    clients: int = 0,
    dispatch: str = "least_loaded",
    seed: int = 0,
) -> Served:
    """Play a pool and measure every request. Arguments: `run_pool`."""
    run = run_pool(arrive_s, kind, replica.kinds, replica.machine, replicas, outages, clients, dispatch, seed)
    return measured(run, replica.kinds, replica.prefill_lag_s)


def measured(run: PoolRun, kinds: Kinds, prefill_lag_s: FloatArray | float = 0.0) -> Served:
    """Times of each request from what happened to it.

    The first token comes from the prefill, so d steps follow it; without a prompt the d tokens count from admission.
    """
    lag = np.broadcast_to(prefill_lag_s, (len(kinds.decode_steps),))[run.kind]
    steps, prompt = np.array(kinds.decode_steps)[run.kind], np.array(kinds.prompt_tokens)[run.kind]
    decoding = run.end_s - np.where(prompt > 0, run.first_s, run.admit_s)
    itl = np.where(steps > 0, decoding / np.maximum(steps, 1), np.nan)
    return Served(
        arrive_s=run.arrive_s,
        kind=run.kind,
        ttft_s=run.first_s + lag - run.arrive_s,
        itl_s=itl,
        e2e_s=run.end_s + lag - run.arrive_s,
        wait_s=run.admit_s - run.arrive_s,
        restarts=run.restarts,
    )


def simulate_pool(
    prefill_s: Sequence[float],
    step_s: Sequence[float] | FloatArray,
    decode_steps_: Sequence[int],
    prompt_tokens: Sequence[int],
    replicas: int,
    arrivals_per_s: float,
    requests: int,
    seed: int,
    shares: Sequence[float] = (1.0,),
    warm_up: int | None = None,
    dispatch: str = "least_loaded",
) -> Served:
    """A pool from bare numbers, with Poisson arrivals: what wall 7 is calibrated against.

    Args:
        prefill_s: time that a prompt takes from the replica, by shape [s].
        step_s: decode step by requests that decode, entry k for k of them, entry 0 unused [s]; its length less one
            is the slots b.
        decode_steps_: d, by shape (count).
        prompt_tokens: by shape (count); decides how many prompts share a step of 8,192 tokens.
        replicas: n (count).
        arrivals_per_s: of all shapes together, to the whole pool [1/s].
        requests: measured requests (count).
        seed: of the arrivals.
        shares: of the shapes.
        warm_up: requests that come before and are left out; by default ten residences' worth.
        dispatch: one of `simulate_engine.DISPATCH`.

    >>> found = simulate_pool([0.03], [0.02] * 33, [255], [512], 4, 10.0, 2000, 1)
    >>> bool(0.05 < found.ttft_s.mean() < 0.08)  # little load: rest of a step, prefill, its step
    True
    """
    table = np.asarray(step_s, float)[:, None]
    slots = len(table) - 1
    longest = max(d * table[slots, 0] + slots * p for d, p in zip(decode_steps_, prefill_s, strict=True))
    before = int(10 * longest * arrivals_per_s) + 100 if warm_up is None else warm_up
    after = int(2 * longest * arrivals_per_s) + 1
    count = before + requests + after
    stream = np.random.default_rng(seed)
    arrive = np.cumsum(stream.exponential(1.0 / arrivals_per_s, count))
    kind = stream.choice(len(prefill_s), count, p=np.asarray(shares) / np.sum(shares)) if len(prefill_s) > 1 else None
    kinds = Kinds(
        prompt_tokens=list(prompt_tokens),
        prefill_s=list(prefill_s),
        decode_steps=list(decode_steps_),
        context_tokens=[1.0] * len(prefill_s),
        pages=[1] * len(prefill_s),
        prefill_parts_s=[[0.0, each] for each in prefill_s],
    )
    run = run_pool(
        arrive,
        np.zeros(count, dtype=int) if kind is None else kind,
        kinds,
        Machine(slots, table, np.array([1.0])),
        replicas,
        dispatch=dispatch,
        seed=seed,
    )
    return measured(run, kinds).take(slice(before, before + requests))
