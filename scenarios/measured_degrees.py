"""How a measured deployment ran, out of columns that some tables fill in twice or not at all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Column = np.ndarray


class Degrees(NamedTuple):
    """Requests in flight over the whole deployment, and its degrees of parallelism (counts)."""

    concurrency: Column
    tensor_parallel: Column
    pipeline_parallel: Column
    attention_dp: Column
    moe_tensor_parallel: Column
    expert_parallel: Column


def settled(counts: dict[str, Column], disaggregated: Column, experts: Column) -> Degrees:
    """The degrees that were really run, from the columns of a measured table.

    Args:
        counts: by name of the column; nan where a cell is empty.
        disaggregated: rows whose decode side has columns of its own.
        experts: rows of a mixture of experts.

    The rules follow from rows of AIConfigurator's public sample that repeat each other's latencies (docs/accuracy.md):

    - ``moe_tp = moe_ep = n > 1`` counts the same n devices twice: "64" with 8 x 8 repeats the rows of 8 to the digit.
      The experts lie on n devices; an attention-DP of n n is n.
    - ``tp = dp = n > 1`` with ``moe_ep = n n`` is attention-DP over n devices.
    - An empty attention-DP is what the experts need beyond tensor parallelism: ``moe_tp moe_ep / tp``, at least 1.
    - Without a concurrency it is the batch of each attention-DP rank times those ranks.
    """

    def column(name: str) -> Column:
        return np.where(counts[name] >= 1, counts[name], 1.0)

    tensor = np.where(disaggregated, column("decode_tp_size"), column("tp_size"))
    tensor = np.where(disaggregated & ~(counts["decode_tp_size"] >= 1), column("tp_size"), tensor)
    dp, moe_tensor, expert = column("attention_dp_size"), column("moe_tp_size"), column("moe_ep_size")
    blank = ~(counts["attention_dp_size"] >= 1)
    stated = (counts["moe_tp_size"] >= 1) | (counts["moe_ep_size"] >= 1)
    per_rank = dp.copy()

    square = experts & ~disaggregated & (moe_tensor == expert) & (expert > 1)
    everyone = square & (dp >= expert * expert)
    tensor = np.where(everyone, 1.0, np.where(square & (tensor * dp == expert * expert), expert, tensor))
    dp = np.where(everyone, expert, np.where(square, 1.0, dp))
    moe_tensor = np.where(square, 1.0, moe_tensor)

    crossed = experts & ~disaggregated & ~square & (tensor > 1) & (tensor == dp) & (expert == tensor * dp)
    expert = np.where(crossed, tensor, expert)
    tensor = np.where(crossed, 1.0, tensor)

    ranks = moe_tensor * expert
    fills = experts & ~disaggregated & blank & stated & ~square
    dp = np.where(fills & (tensor < ranks), np.floor(ranks / tensor), dp)
    moe_tensor = np.where(fills & (tensor > ranks), np.floor(tensor / expert), moe_tensor)
    # Experts lie on the devices of the attention: where the columns say nothing they are cut like the rest.
    silent = experts & (disaggregated | ~stated)
    moe_tensor = np.where(silent, tensor * dp, moe_tensor)
    expert = np.where(silent, 1.0, expert)
    moe_tensor, expert = np.where(experts, moe_tensor, 1.0), np.where(experts, expert, 1.0)

    each = np.where(blank, dp, np.where(square | crossed, dp, per_rank))
    concurrency = np.where(counts["concurrency"] >= 1, counts["concurrency"], counts["batch_size"] * each)
    return Degrees(concurrency, tensor, column("pp_size"), dp, moe_tensor, expert)
