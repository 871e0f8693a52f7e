"""Wall 19, checkpoint: saving the state of a training job takes time from it."""

from __future__ import annotations

from physics.wall import Wall

ADAM_BYTES_PER_PARAMETER = 14.0  # 16-bit weights, 32-bit master copy and two moments


def checkpoint_bytes(parameters: float, bytes_per_parameter: float = ADAM_BYTES_PER_PARAMETER) -> float:
    """Size of one checkpoint [byte]: ``P x 14`` with Adam. Number: mlsysim 0.3.0 `CheckpointModel`, Llama-3-70B.

    >>> round(checkpoint_bytes(70.6e9) / 1e9, 6)
    988.4
    """
    return parameters * bytes_per_parameter


def write_s(size_bytes: float, writers: float, writer_bytes_per_s: float, filesystem_bytes_per_s: float) -> float:
    """Seconds to write it [s]: ``size / min(writers x BW, file system)``.

    Args:
        size_bytes: of the checkpoint [byte].
        writers: nodes that write (count).
        writer_bytes_per_s, filesystem_bytes_per_s: of each writer, of the shared store [byte/s].

    Reference: A. Eisenman et al., "Check-N-Run", NSDI 2022, arXiv:2010.08679. Number: mlsysim 0.3.0, 8 writers.

    >>> round(write_s(988.4e9, 8, 7e9, 500e9), 6)
    17.65
    """
    return size_bytes / min(writers * writer_bytes_per_s, filesystem_bytes_per_s)


def time_lost(write_seconds: float, interval_s: float) -> float:
    """Share of time that synchronous checkpoints take (0 to 1): ``t / interval``. Number: mlsysim 0.3.0, every 4 h.

    >>> round(time_lost(17.65, 4 * 3600), 9)
    0.001225694
    """
    return write_seconds / interval_s


WALL = Wall(
    number=19,
    name="checkpoint",
    domain="fleet",
    question="What does saving cost?",
    equation="P 14 B / min(n BW, file system); penalty t / interval",
    in_fleet="Slows training jobs and bursts their storage; training jobs are not yet part of the program.",
    sources=("arXiv:2010.08679", "mlsysim 0.3.0"),
)
