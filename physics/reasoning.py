"""Wall 12, reasoning: thinking longer is decoding longer."""

from __future__ import annotations

from physics.wall import Wall

TOKENS_PER_STEP = 50.0


def reasoning_tokens(steps: float, samples: float = 1.0, tokens_per_step: float = TOKENS_PER_STEP) -> float:
    """Tokens decoded per query (count): ``K x tokens per step x samples``. Number: mlsysim 0.3.0, 8 steps.

    >>> reasoning_tokens(8)
    400.0
    """
    return steps * tokens_per_step * samples


def reasoning_s(ttft: float, itl: float, tokens: float) -> float:
    """Seconds until the answer is complete [s]: ``T = TTFT + tokens x ITL``.

    Args:
        ttft, itl: time to first token and between tokens [s].
        tokens: tokens decoded one after the other (count).

    Reference: C. Snell et al., "Scaling LLM test-time compute", 2024, arXiv:2408.03314. Number: mlsysim 0.3.0
    `InferenceScalingModel`, Llama-3-8B on an H100, 8 steps of 50 tokens.

    >>> round(reasoning_s(70.97037058756726e-3, 5.194159837611941e-3, 400) * 1e3, 6)
    2148.634306
    """
    return ttft + tokens * itl


WALL = Wall(
    number=12,
    name="reasoning",
    domain="algorithm",
    question="What does thinking longer cost?",
    equation="T = TTFT + K tokens ITL",
    in_fleet="Write longer outputs in a workload's request shapes: tokens multiply with steps and samples.",
    sources=("arXiv:2408.03314", "mlsysim 0.3.0"),
)
