"""A pool at its own load: how many requests really run on a replica, and what their users then see.

Limits are checked with every slot in use. Readings and the simulation's comparison speak of the load that there is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.candidates import Table
from physics.memory import prompt_steps
from physics.operating_point import OperatingPoint, operating_point
from physics.pricing import price
from physics.queueing import FloatArray
from physics.tail_latency import ttft_mix_quantile_s


class AtLoad:
    """One candidate at any load.

    Args:
        table, row: the candidate, priced.
    """

    def __init__(self, table: Table, row: int) -> None:
        self._table, self._row = table, row
        self._steps_s = self._steps()

    def point(self, utilisation: float, replicas: float, loads: FloatArray) -> OperatingPoint:
        """Where each of so many replicas settles; `loads` are the pool's by shape, in any unit of rate."""
        prices, row = self._table.prices, self._row
        per_replica = loads / (loads / prices.requests_per_s[row]).sum() * utilisation
        occupancy = prices.prefill_occupancy_s[row]
        return operating_point(per_replica, occupancy, prices.decode_steps, self._steps_s, replicas)

    def itl_s(self, utilisation: float, replicas: float, loads: FloatArray) -> float:
        """Mean time between tokens at the load, over the mix by its tokens; 0 without decode steps."""
        tokens = loads * self._table.prices.decode_steps
        if tokens.sum() <= 0.0:
            return 0.0
        return float((tokens * self.point(utilisation, replicas, loads).itl_s).sum() / tokens.sum())

    def first_token_s(self, utilisation: float, replicas: float, loads: FloatArray, percentile: float) -> float:
        """Percentile of the time to the first token at the load, network excluded.

        The batch that settles and a full batch's steps both bound it, the first nearly always lower.
        """
        prices, row = self._table.prices, self._row
        point, slots = self.point(utilisation, replicas, loads), float(self._table.runs.batch[row])
        prompts = prompt_steps([shape.prompt_tokens for shape in self._table.workload.shapes])

        def told(step_s: FloatArray, slots_used: float, slope: float) -> float:
            pool = (utilisation, replicas, slots, prices.prefill_s[row], step_s, prices.decode_steps)
            mix = (prices.requests_per_s[row], loads, percentile, prompts)
            return float(ttft_mix_quantile_s(*pool, *mix, slots_used, slope))

        here = told(point.step_s, point.running / (utilisation * slots), point.slope)
        return min(here, told(prices.decode_step_s[row], 1.0, 0.0))

    def _steps(self) -> FloatArray:
        """[b, S] a decode step with 1..b requests; where a full batch was measured, in proportion to that."""
        table, row = self._table, self._row
        batch = int(table.runs.batch[row])
        every = replace(table.runs.take(np.full(batch, row)), batch=np.arange(1, batch + 1, dtype=float))
        steps = price(table.model, every, table.workload.shapes).decode_step_s
        return steps * (table.prices.decode_step_s[row] / steps[-1])
