"""Effects as intervals: the difference of two solves, each known to within its gap only."""

from __future__ import annotations

from optimizer.plan import Interval

DUST = 1e-6


def without_dust(change: Interval, total: float) -> Interval:
    """The interval with ends below a millionth of the total set to 0: solvers do not tell them apart.

    >>> without_dust((-500.0, 1.0), 3e6)
    (-500.0, 0.0)
    """
    low, high = (0.0 if abs(end) <= DUST * max(abs(total), 1.0) else end for end in change)
    return low, high
