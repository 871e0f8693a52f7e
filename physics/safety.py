"""Wall 20, safety: privacy and fairness cost compute and data. Both equations are heuristics and say so."""

from __future__ import annotations

from physics.wall import Wall


def private_slowdown(epsilon: float) -> float:
    """How much longer differentially private training takes, a heuristic (ratio): ``1 + 2 / epsilon``.

    Args:
        epsilon: privacy budget; smaller is more private.

    Reference: M. Abadi et al., "Deep learning with differential privacy", 2016, arXiv:1607.00133, for the mechanism;
    the coefficient is mlsysim's heuristic. Number: mlsysim 0.3.0 `ResponsibleEngineeringModel`.

    >>> private_slowdown(1.0)
    3.0
    """
    return 1.0 + 2.0 / epsilon


def data_for_subgroup(prevalence: float) -> float:
    """How much more data is needed to see a rare group as often, a heuristic (ratio): ``1 / prevalence``.

    >>> data_for_subgroup(0.01)
    100.0
    """
    return 1.0 / prevalence


WALL = Wall(
    number=20,
    name="safety",
    domain="operations",
    question="What do privacy and fairness cost?",
    equation="1 + 2 / epsilon; 1 / prevalence (heuristics)",
    in_fleet="Write a guard model as a workload of its own; private training is not yet part of the program.",
    sources=("arXiv:1607.00133", "mlsysim 0.3.0"),
)
