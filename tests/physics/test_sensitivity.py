"""Wall 21: the input that holds the answer is the one that moves it."""

from __future__ import annotations

import pytest

from physics import sensitivity


def _answer(inputs) -> float:
    return max(10.0 / inputs["flop"], 30.0 / inputs["bandwidth"])


def test_only_the_binding_input_moves_a_roofline() -> None:
    inputs = {"flop": 1.0, "bandwidth": 1.0}
    changes = {name: sensitivity.relative_change(_answer, inputs, name) for name in inputs}
    assert changes["flop"] == 0
    assert changes["bandwidth"] == pytest.approx(1 / 1.1 - 1)
    assert sensitivity.strongest(changes) == "bandwidth"


def test_inputs_are_not_changed() -> None:
    inputs = {"flop": 1.0, "bandwidth": 1.0}
    sensitivity.relative_change(_answer, inputs, "flop", 0.5)
    assert inputs == {"flop": 1.0, "bandwidth": 1.0}
