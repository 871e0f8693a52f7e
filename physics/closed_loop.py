"""What a closed-loop benchmark client measures, kept apart from the machine's physics. No fleet is planned with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from physics.pricing import Runs, price

_ROUNDS = 4  # the decoding batch settles within a percent


def closed_loop_ttft_s(prefill: Any, concurrency: Any, itl: Any) -> Any:
    """TTFT that a closed-loop client measures [s]: ``t_pre + 0.055 c t_pre + 3.5 ITL``.

    Args:
        prefill: one prefill alone [s].
        concurrency: requests that the client keeps in flight ``c`` (count).
        itl: mean time between tokens [s].

    Such a client starts all c requests at once and sends about 10 c in all: half of c waits, for a tenth of the
    requests; the last term is step granularity. Open-loop traffic queues differently (wall 7). Reference:
    AIConfigurator 0.12.0's public sample, docs/accuracy.md.

    >>> round(closed_loop_ttft_s(0.1, 8, 0.02), 3)
    0.214
    """
    return prefill * (1.0 + 0.055 * concurrency) + 3.5 * itl


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


def measured(model: Any, runs: Runs, shapes: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """ITL and TTFT [s], each [n], that a client with ``runs.batch`` requests in flight sees for `shapes[0]`.

    Args:
        model: a catalog entry.
        runs: deployments; their batch is the client's concurrency.
        shapes: one request shape.
    """
    concurrency, now = runs.batch, runs
    for _ in range(_ROUNDS):
        prices = price(model, now, shapes)
        itl = prices.itl_s[:, 0]
        ttft = closed_loop_ttft_s(prices.prefill_s[:, 0], concurrency, itl)
        now = replace(runs, batch=decoding_requests(concurrency, ttft, itl, prices.decode_steps[0]))
    return itl, ttft
