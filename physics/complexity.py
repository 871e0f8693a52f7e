"""Wall 11, complexity: how much arithmetic it takes to learn."""

from __future__ import annotations

import math

from physics.wall import Wall

TOKENS_PER_PARAMETER = 20.0


def training_flop(parameters: float, tokens: float) -> float:
    """FLOP to train a model: ``C = 6 P D``.

    Args:
        parameters: weights ``P`` (count).
        tokens: training tokens ``D`` (count).

    Reference: J. Kaplan et al., 2020, arXiv:2001.08361. The example is Chinchilla: 70B on 1.4T tokens.

    >>> training_flop(70e9, 1.4e12)
    5.88e+23
    """
    return 6.0 * parameters * tokens


def optimal_parameters(budget_flop: float) -> float:
    """Weights of the compute-optimal model for a budget (count): ``P* = sqrt(C / 120)``.

    Args:
        budget_flop: training budget ``C`` [FLOP].

    Reference: J. Hoffmann et al., "Chinchilla", 2022, arXiv:2203.15556. Number: mlsysim 0.3.0 `ScalingModel`.

    >>> round(optimal_parameters(5.76e23))
    69282032303
    """
    return math.sqrt(budget_flop / (6.0 * TOKENS_PER_PARAMETER))


def optimal_tokens(parameters: float) -> float:
    """Training tokens of a compute-optimal model (count): ``D = 20 P``.

    >>> optimal_tokens(70e9)
    1400000000000.0
    """
    return TOKENS_PER_PARAMETER * parameters


def affordable_tokens(budget_flop: float, parameters: float) -> float:
    """Tokens that a budget buys for a model of given size (count): ``D = C / (6 P)``.

    Number: mlsysim 0.3.0 `ScalingModel`, 1,000 H100-days at 40 % for 70.6B.

    >>> round(affordable_tokens(1000 * 86400 * 989e12 * 0.4, 70.6e9))
    80688951841
    """
    return budget_flop / (6.0 * parameters)


WALL = Wall(
    number=11,
    name="complexity",
    domain="algorithm",
    question="How much arithmetic does learning take?",
    equation="C = 6 P D; P* = sqrt(C / 120); D = 20 P",
    in_fleet="Turns a model and tokens, or a budget, into FLOP; training jobs are not yet part of the program.",
    sources=("arXiv:2203.15556", "arXiv:2001.08361", "mlsysim 0.3.0"),
)
