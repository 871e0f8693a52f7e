"""Wall 9, transformation: the host prepares what the accelerator computes."""

from __future__ import annotations

from physics.wall import Wall


def transformation_s(samples: float, sample_bytes: float, cpu_bytes_per_s: float) -> float:
    """Seconds of host work per step [s]: ``samples x bytes / CPU rate``.

    Args:
        samples: samples per step (count).
        sample_bytes: raw size of a sample [byte].
        cpu_bytes_per_s: what the host prepares [byte/s].

    Reference: D. Mohan et al., 2021, arXiv:2007.06775. Number: mlsysim 0.3.0 `TransformationModel`.

    >>> transformation_s(256, 500e3, 2e9)
    0.064
    """
    return samples * sample_bytes / cpu_bytes_per_s


def accelerator_utilization(step_s: float, host_s: float) -> float:
    """Share of time that the accelerator works (0 to 1): ``step / max(step, host)``, with perfect prefetch.

    Args:
        step_s, host_s: accelerator step and host work [s].

    Number: mlsysim 0.3.0 `TransformationModel`.

    >>> accelerator_utilization(0.050, 0.064)
    0.78125
    """
    return step_s / max(step_s, host_s)


WALL = Wall(
    number=9,
    name="transformation",
    domain="data",
    question="Does the host keep up?",
    equation="t = b bytes / CPU rate; utilisation = step / max(step, t)",
    in_fleet="Answers how many host cores a replica needs; text serving does not reach it, so no row is written.",
    sources=("arXiv:2007.06775", "mlsysim 0.3.0"),
)
