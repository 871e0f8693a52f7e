"""Wall 6: at the balanced batch, computing a layer takes as long as streaming it."""

from __future__ import annotations

import pytest

from physics import streaming

MACHINE = (2.0, 1.2e12, 125e15, 0.5)


def test_balanced_batch_balances() -> None:
    parameters = 70.6e9 / 80
    batch = streaming.balanced_batch(parameters, *MACHINE)
    inject, arithmetic = streaming.layer_s(parameters, batch, *MACHINE)
    assert arithmetic == pytest.approx(inject, rel=1e-4)


def test_a_small_batch_waits_for_the_weights() -> None:
    inject, arithmetic = streaming.layer_s(1e9, 8, *MACHINE)
    assert inject > 100 * arithmetic
