"""What a closed-loop benchmark client measures, kept apart from the machine's physics. No fleet is planned with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from physics import kernels
from physics.pricing import Requests, Runs, price

_ROUNDS = 3  # the decoding batch settles within a percent


@dataclass(frozen=True)
class Client:
    """How a benchmark's client and its engine's front end turn a prefill into a first token; floats or columns [n].

    Attributes:
        first_wave: share of the others' prefills that a request waits for. All c start at once and about 10 c are sent
            in all: half of c waits, for a tenth of the requests.
        steps: steps until the token is out: the rest of the running one, its own, and those between two deliveries.
        floor_s: what no size of model changes: tokenizer, connection, start of the stream [s].
        departures: share of the time between two answers that a request waits for a free slot, where the engine has
            fewer than c.
        prefills: prefills of the nominal prompt before a first token: prompts drawn between 0.8 and 1.0 of it are 0.9
            on average; an engine that does not cut prompts ends the running prefill first.
    """

    first_wave: Any = 0.055
    steps: Any = 4.0
    floor_s: Any = 0.015
    departures: Any = 0.0
    prefills: Any = 1.0


BATCH_WAIT_STEPS = 20.0
"""Decode steps that TensorRT-LLM holds prompts back to prefill them together (`batch_wait_timeout_iters`), as the
launch script of Llama 70B in the public InferenceMAX benchmark sets it for prompts and answers of 1,024 tokens below 8
devices: published (benchmarks/70b_fp8_h200_trt_slurm.sh), not fitted."""
BATCH_WAIT_TOKENS, BATCH_WAIT_BELOW_DEVICES = 1024, 8

_TRTLLM = Client(first_wave=0.057, steps=2.6, floor_s=0.027, prefills=0.9)
CLIENTS = {
    "vllm": Client(),
    "trtllm": _TRTLLM,
    "trtllm batch-wait": replace(_TRTLLM, steps=_TRTLLM.steps + BATCH_WAIT_STEPS),
    "trtllm experts": Client(steps=15.0, floor_s=0.0),
    "trtllm attention-dp": Client(steps=50.0, floor_s=0.0),
    "trtllm 1.0.0rc3": Client(first_wave=0.055, steps=0.1, floor_s=0.09, prefills=2.0),
    "trtllm 1.0.0rc3 unstated": Client(first_wave=0.1, steps=0.1, floor_s=0.045, departures=0.85, prefills=0.5),
    "sglang": Client(first_wave=0.24, steps=7.5, floor_s=0.0),
}
"""Fitted beside the machine's figures, by engine. With attention-DP TensorRT-LLM waits for its groups to fill up (60
steps at most in the public scripts). Its release 1.0.0rc3 had clients of another kind: where no precision is
stated, requests wait for a slot."""


def clients(
    engines: Sequence[str],
    versions: Sequence[str],
    experts: bool,
    attention_dp: Any = 1,
    stated: Any = True,
    batch_wait: Any = False,
) -> Client:
    """The client of each row, as columns; an engine that is not known has vLLM's.

    Args:
        engines, versions: of each row, as benchmarks name them.
        experts: whether the model is a mixture of experts.
        attention_dp: groups of attention ranks of each row (count).
        stated: whether a row states its precision.
        batch_wait: whether prompts are held back to be prefilled together (`held_back`).

    >>> clients(["vllm", "trtllm"], ["", "1.2"], experts=True).steps.tolist()
    [4.0, 15.0]
    """
    columns = (np.broadcast_to(column, (len(engines),)) for column in (attention_dp, stated, batch_wait))
    rows = [CLIENTS[_kind(experts, *row)] for row in zip(engines, versions, *columns, strict=True)]
    return Client(**{one.name: np.array([getattr(row, one.name) for row in rows]) for one in fields(Client)})


def _kind(experts: bool, engine: str, version: str, attention_dp: Any, stated: Any, batch_wait: Any) -> str:
    """Name of a row's client: the closest that is known."""
    release = f"{engine} {version}"
    parts = " attention-dp" if attention_dp > 1 else " experts" if experts else " batch-wait" if batch_wait else ""
    known = (*(() if stated else (f"{release} unstated",)), release, f"{engine}{parts}", str(engine), "vllm")
    return next(name for name in known if name in CLIENTS)


def held_back(prompt_tokens: Any, output_tokens: Any, devices: Any) -> Any:
    """Whether the public launch script of a dense model under TensorRT-LLM lets prompts wait for each other.

    Args:
        prompt_tokens, output_tokens: of the request, nominal (count).
        devices: of the deployment (count).

    >>> held_back(1024, np.array([1024, 8192, 1024]), np.array([4, 4, 8])).tolist()
    [True, False, False]
    """
    both = (prompt_tokens == BATCH_WAIT_TOKENS) & (output_tokens == BATCH_WAIT_TOKENS)
    return both & (devices < BATCH_WAIT_BELOW_DEVICES)


def closed_loop_ttft_s(
    prefill: Any, concurrency: Any, itl: Any, steps: Any, client: Client, occupancy: Any, kept_tokens: Any = 1.0
) -> Any:
    """TTFT that a closed-loop client measures [s]: ``a t_pre + w c t_pre + k ITL + floor
    + departures d ITL / c``.

    Args:
        prefill: one prefill alone [s].
        concurrency: requests that the client keeps in flight ``c`` (count).
        itl: mean time between tokens [s].
        steps: decode steps per request ``d`` (count).
        client: how it sends and counts: its prefills ``a``, its first wave ``w``, its steps ``k``, its floor.
        occupancy: what a prefill takes from the replica's time [s].
        kept_tokens: tokens that a step yields (count).

    Open-loop traffic queues differently (wall 7). Reference: AIConfigurator 0.12.0's public sample, docs/accuracy.md.

    >>> round(closed_loop_ttft_s(0.1, 8, 0.02, 100, CLIENTS["vllm"], 0.1), 3)
    0.239
    """
    queue = client.first_wave * concurrency * occupancy + client.departures * steps * itl / concurrency
    return client.prefills * prefill + queue + client.steps * itl * kept_tokens + client.floor_s


def decoding_requests(concurrency: Any, ttft: Any, itl: Any, steps: Any) -> Any:
    """Requests of a closed loop that decode at once (count): ``c d ITL / (TTFT + d ITL)``, at least 1.

    Args:
        concurrency: requests in flight ``c`` (count).
        ttft, itl: as the client sees them [s].
        steps: decode steps per request ``d`` (count).

    Reference: Little's law: a request that waits for its first token holds no place in the decode batch.

    >>> float(decoding_requests(16, 0.5, 0.015, 100))
    12.0
    """
    decoding = steps * itl
    return np.maximum(concurrency * decoding / (ttft + decoding), 1.0)


def speculating(runs: Runs, speculative: Any) -> Runs:
    """The same runs with one draft token where `speculative` says so; a step then yields several tokens."""
    drafts = np.where(speculative, kernels.DRAFT_TOKENS, 0.0)
    return replace(runs, draft_tokens=drafts, kept_tokens=np.where(speculative, kernels.KEPT_TOKENS, 1.0))


def measured(
    model: Any,
    runs: Runs,
    shapes: Sequence[Any] | Requests,
    client: Client = CLIENTS["vllm"],
    disaggregated: Any = False,
) -> tuple[np.ndarray, np.ndarray]:
    """ITL and TTFT [s], each [n], that a client with ``runs.batch`` requests in flight sees.

    Args:
        model: a catalog entry.
        runs: deployments; their batch is the client's concurrency.
        shapes: one request shape, or one for each row (`pricing.each_row`).
        client: of each row (`clients`).
        disaggregated: rows whose prefills run elsewhere, on as many devices: they do not disturb decoding.
    """
    concurrency, now = runs.batch, runs
    for _ in range(_ROUNDS):
        prices = price(model, now, shapes)
        steps = np.broadcast_to(prices.decode_steps, prices.itl_s.shape)[:, 0]
        itl = np.where(disaggregated, prices.decode_step_s[:, 0], prices.itl_s[:, 0])
        alone, taken = prices.prefill_s[:, 0], prices.prefill_occupancy_s[:, 0]
        ttft = closed_loop_ttft_s(alone, concurrency, itl, steps, client, taken, runs.kept_tokens)
        now = replace(runs, batch=decoding_requests(concurrency, ttft, itl, steps))
    return itl, ttft
