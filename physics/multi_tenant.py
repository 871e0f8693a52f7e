"""Wall 16, multi-tenant: shared machines make jobs wait for each other."""

from __future__ import annotations

import math

from physics.wall import Wall


def wait_s(arrivals_per_s: float, service_s: float) -> float:
    """Mean wait before a job of fixed length starts [s]: M/D/1, ``rho / (2 mu (1 - rho))``; infinite at ``rho >= 1``.

    Args:
        arrivals_per_s: jobs that arrive at random ``lambda`` [1/s].
        service_s: length of a job ``1 / mu`` [s].

    Reference: L. Kleinrock, "Queueing Systems I", 1975, section 5.6. Number: mlsysim 0.3.0 `OrchestrationModel`: two
    jobs of 0.4 days a day wait 0.8 days.

    >>> round(wait_s(2 / 86400, 0.4 * 86400) / 86400, 9)
    0.8
    """
    load = arrivals_per_s * service_s
    return load * service_s / (2.0 * (1.0 - load)) if load < 1.0 else math.inf


def queue_length(arrivals_per_s: float, service_s: float) -> float:
    """Jobs that wait on average (count), by Little's law: ``lambda wait``. Number: mlsysim 0.3.0, as above.

    >>> round(queue_length(2.0, 0.4), 9)
    1.6
    """
    return arrivals_per_s * wait_s(arrivals_per_s, service_s)


WALL = Wall(
    number=16,
    name="multi_tenant",
    domain="fleet",
    question="How long do jobs wait for each other?",
    equation="M/D/1 wait = rho / (2 mu (1 - rho))",
    in_fleet="Answers the wait of batch jobs on a shared pool; serving pools keep their head-room by wall 7.",
    sources=("Kleinrock 1975", "mlsysim 0.3.0"),
)
