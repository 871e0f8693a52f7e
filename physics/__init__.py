"""What is true: one file per wall, 22 in canonical order; `pricing` is where the walls that shape a step meet."""

from __future__ import annotations

from physics import (
    batching,
    capital,
    checkpoint,
    communication,
    complexity,
    compute,
    fidelity,
    fragility,
    ingestion,
    locality,
    memory,
    multi_tenant,
    reasoning,
    safety,
    sensitivity,
    serving,
    software,
    streaming,
    sustainability,
    synthesis,
    tail_latency,
    transformation,
)
from physics.wall import Wall

WALLS: tuple[Wall, ...] = (
    compute.WALL,
    memory.WALL,
    software.WALL,
    serving.WALL,
    batching.WALL,
    streaming.WALL,
    tail_latency.WALL,
    ingestion.WALL,
    transformation.WALL,
    locality.WALL,
    complexity.WALL,
    reasoning.WALL,
    fidelity.WALL,
    communication.WALL,
    fragility.WALL,
    multi_tenant.WALL,
    capital.WALL,
    sustainability.WALL,
    checkpoint.WALL,
    safety.WALL,
    sensitivity.WALL,
    synthesis.WALL,
)
"""The table of contents."""


def wall(number_or_name: int | str) -> Wall:
    """The wall of that number or name; a `KeyError` lists all.

    >>> wall(7).name, wall("memory").number
    ('tail_latency', 2)
    """
    for found in WALLS:
        if number_or_name in (found.number, found.name, str(found.number)):
            return found
    raise KeyError(f"no wall {number_or_name!r}; there are {', '.join(f'{w.number} {w.name}' for w in WALLS)}")


__all__ = ["WALLS", "Wall", "wall"]
