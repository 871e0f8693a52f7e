"""Wall 16: waiting on a shared machine, against a simulated queue."""

from __future__ import annotations

import math

import numpy as np
import pytest

from physics import multi_tenant


def test_wait_against_a_simulation() -> None:
    rng, clock, free, waits = np.random.default_rng(0), 0.0, 0.0, []
    for gap in rng.exponential(1 / 0.7, 200_000):
        clock += gap
        waits.append(max(0.0, free - clock))
        free = max(free, clock) + 1.0
    assert multi_tenant.wait_s(0.7, 1.0) == pytest.approx(np.mean(waits), rel=0.05)


def test_full_machine_waits_for_ever() -> None:
    assert math.isinf(multi_tenant.wait_s(1.0, 1.0))
    assert math.isinf(multi_tenant.queue_length(2.0, 1.0))
