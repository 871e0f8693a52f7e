"""Wall 21, sensitivity: move one input a little and see what the answer does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from physics.wall import Wall


def relative_change(
    answer: Callable[[Mapping[str, float]], float], inputs: Mapping[str, float], name: str, step: float = 0.10
) -> float:
    """Relative change of an answer when one input grows by `step` (ratio): ``(T(x (1 + step)) - T(x)) / T(x)``.

    Args:
        answer: any function of the inputs.
        inputs: its arguments by name.
        name: which one to move.
        step: by how much.

    Number: mlsysim 0.3.0 `SensitivitySolver`, Llama-3-8B on an H100: 10 % more bandwidth takes 8.6 % off a step.

    >>> def step_ms(x): return max(16.06e9 / x["flop"], 1.1 * 16.06e9 / x["bw"]) * 1e3 + 0.33
    >>> round(relative_change(step_ms, {"flop": 494.5e12, "bw": 3.35e12}, "bw"), 9)
    -0.08555523
    """
    base = answer(inputs)
    return (answer({**inputs, name: inputs[name] * (1.0 + step)}) - base) / base


def strongest(changes: Mapping[str, float]) -> str:
    """The input whose growth moves the answer most; the first of equals.

    >>> strongest({"flop": 0.0, "bandwidth": -0.086})
    'bandwidth'
    """
    return max(changes, key=lambda name: abs(changes[name]))


WALL = Wall(
    number=21,
    name="sensitivity",
    domain="operations",
    question="Which limit matters most?",
    equation="dT / T for +10 % of FLOP/s, bandwidth, capacity",
    in_fleet="A question asked of the whole program: each limit is relaxed and the fleet solved again.",
    sources=("mlsysim 0.3.0",),
    acts=("question",),
)
