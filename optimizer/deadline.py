"""A time by which a part of the work has to end."""

from __future__ import annotations

import math
import time


class Deadline:
    """So many seconds from now, by the clock.

    >>> Deadline(60.0).left_s > 59.0, Deadline(0.0).over, Deadline().over
    (True, True, False)
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self._ends = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds that are left, not below 0."""
        return max(self._ends - time.monotonic(), 0.0)

    @property
    def over(self) -> bool:
        """Whether none are left."""
        return self.left_s <= 0.0
