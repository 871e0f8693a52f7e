"""Wall 1, compute: arithmetic takes at least its operations over the chip's sustained rate.

Every function takes floats or NumPy arrays that broadcast together. FLOP counts one multiply-add as two.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from physics.wall import Wall


def compute_s(operations_flop: Any, peak_flop_per_s: Any, efficiency: Any = 1.0) -> Any:
    """Seconds that arithmetic takes: ``T = operations / (F eta)``.

    Args:
        operations_flop: work [FLOP].
        peak_flop_per_s: dense peak rate at the precision that really computes [FLOP/s].
        efficiency: sustained share of the peak, in (0, 1].

    Holds for kernels large enough to fill the chip. Reference: S. Williams, A. Waterman, D. Patterson, "Roofline",
    CACM 52(4), 2009, doi:10.1145/1498765.1498785. Number: mlsysim 0.3.0, `physics.calc_bottleneck`.

    >>> compute_s(1e15, 989e12) * 1e3
    1011.1223458038423
    """
    return operations_flop / (peak_flop_per_s * efficiency)


def forward_flop(parameters: Any, tokens: Any = 1.0) -> Any:
    """FLOP of one forward pass without attention: ``2 P tokens``.

    Args:
        parameters: weights that each token meets (count).
        tokens: tokens computed (count).

    Reference: J. Kaplan et al., "Scaling laws for neural language models", 2020, arXiv:2001.08361, section 2.1.
    Number: mlsysim 0.3.0, inference FLOPs of Llama-3-8B.

    >>> forward_flop(8.03e9)
    16060000000.0
    """
    return 2.0 * parameters * tokens


def prefill_flop(
    parameters: Any, layers: Any, attention_width: Any, prompt_tokens: Any, cached_tokens: Any = 0.0
) -> Any:
    """FLOP to read one prompt: ``2 P s + 2 L w s^2 + 4 L w s cached``; attention is causal, so half of ``4 L w s^2``.

    Args:
        parameters: active weights of the blocks, without input embedding and output head (count).
        layers: transformer layers ``L`` (count).
        attention_width: heads x head dimension ``w`` (elements), never the hidden size.
        prompt_tokens: tokens to compute ``s`` (count).
        cached_tokens: earlier tokens whose keys and values are kept (count).

    Reference: D. Narayanan et al., 2021, arXiv:2104.04473, appendix, with a causal mask. The example is Llama-3-70B's
    blocks (80 layers, 64 x 128 wide, 68.45e9 weights) reading 512 tokens: attention is half a percent.

    >>> round(prefill_flop(68.45e9, 80, 8192, 512) / (2 * 68.45e9 * 512), 4)
    1.0049
    """
    attention = 2.0 * layers * attention_width * prompt_tokens * (prompt_tokens + 2.0 * cached_tokens)
    return 2.0 * parameters * prompt_tokens + attention


def decode_step_flop(batch: Any, parameters: Any, layers: Any, attention_width: Any, context_tokens: Any) -> Any:
    """FLOP of one decode step: ``b (2 P + 4 L w context)``.

    Args:
        batch: requests in the step ``b`` (count).
        parameters: active weights of the blocks (count).
        layers: transformer layers ``L`` (count).
        attention_width: heads x head dimension ``w`` (elements).
        context_tokens: mean tokens that each request attends to (count).

    Reference: as `prefill_flop`, one new token for each request. The example is the ceiling itself: at context 640 an
    H100 at its whole 989 TFLOP/s could not make more tokens of Llama-3-70B per second than this.

    >>> round(989e12 / decode_step_flop(1, 68.45e9, 80, 8192, 640))
    7137
    """
    return batch * (2.0 * parameters + 4.0 * layers * attention_width * context_tokens)


def plain_step_s(compute: Any, memory: Any, overhead: Any) -> Any:
    """Seconds of one step in the plain form: ``max(compute, memory) + overhead`` (all in seconds).

    Holds where arithmetic and memory traffic overlap fully and the launch overhead does not overlap at all.
    Reference: mlsysim 0.3.0, `Engine.solve`, ResNet-50 at batch 256 on an A100: 13.97 ms.

    >>> float(round(plain_step_s(13.456410256410258e-3, 0.6668141747915647e-3, 0.515e-3) * 1e3, 9))
    13.971410256
    """
    return np.maximum(compute, memory)[()] + overhead


WALL = Wall(
    number=1,
    name="compute",
    domain="node",
    question="How long does the arithmetic take?",
    equation="T = operations / (F eta)",
    in_fleet="Prefill and decode both have a compute ceiling; no candidate exceeds its chip's peak FLOP/s.",
    sources=("doi:10.1145/1498765.1498785", "arXiv:2001.08361", "mlsysim 0.3.0"),
    acts=("shape", "gate"),
)
