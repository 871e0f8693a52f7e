"""Names as measured tables write them, and what the catalog calls the same thing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.architecture import Model
    from scenarios.catalog import Catalog

# Endings that say how a checkpoint was tuned, packed or dated: none of them changes the architecture.
_ENDINGS = re.compile(
    r"-(?:instruct|thinking|chat|base|it|hf|tput|turbo|preview|quantized|dynamic|block|fp8|fp4|bf16|fp16|nvfp4|mxfp4|mxfp8|int4|int8"
    r"|awq|gptq|w4a16|w4a8|w8a8|w8a16|kv|v0-[0-9]|v2|\d{4}|fp8-kv|amp|mtp)$"
)
_VENDORS = ("meta-", "nvidia-", "amd-", "redhatai-")

_ACCELERATORS = {
    "a100": "a100-80",
    "a100-sxm": "a100-80",
    "a100-sxm4": "a100-80",
    "a100-80gb": "a100-80",
    "a100-sxm-80gb": "a100-80",
    "a100-sxm-40gb": "a100-40",
    "a100-40gb": "a100-40",
    "v100": "v100-sxm2",
    "v100-sxm": "v100-sxm2",
    "rtx-pro-6000-blackwell": "rtx-pro-6000",
}
_ENGINES = {
    "tensorrt-llm": "trtllm",
    "tensorrt": "trtllm",
    "trt-llm": "trtllm",
    "trt": "trtllm",
    "sgl": "sglang",
}
_PRECISIONS = {
    "bfloat16": "bf16",
    "float16": "fp16",
    "half": "fp16",
    "float32": "fp32",
    "float8": "fp8",
    "fp8-block": "fp8",
    "fp8-static": "fp8",
    "fp8-e4m3": "fp8",
    "w8a8": "fp8",
    "nvfp4": "fp4",
    "mxfp4": "fp4",
    "w4a16": "int4",
    "int4-wo": "int4",
    "awq": "int4",
    "gptq": "int4",
    "int8-wo": "int8",
}


def plain(name: str) -> str:
    """A name in small letters with single dashes: "B200_SXM" and "b200 sxm" are the same.

    >>> plain(" NVIDIA_H100 SXM ")
    'nvidia-h100-sxm'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def bare(name: str) -> str:
    """A model's name without its publisher and without what does not change the architecture.

    >>> bare("nvidia/Meta-Llama-3.1-8B-Instruct-FP8"), bare("Qwen/Qwen3-235B-A22B-Thinking-2507")
    ('llama-3-1-8b', 'qwen3-235b-a22b')
    """
    short = plain(name.rstrip("/").rpartition("/")[2])
    for vendor in _VENDORS:
        short = short.removeprefix(vendor)
    while (shorter := _ENDINGS.sub("", short)) != short:
        short = shorter
    return short


class Names:
    """Looks up models, accelerators, engines and precisions; None where the name is not known."""

    def __init__(self, catalog: Catalog) -> None:
        self._models = _by_spelling(catalog.models)
        self._accelerators = {plain(name): name for name in catalog.accelerators}
        self._known_models = list(catalog.models)

    def model(self, written: str) -> str | None:
        """Name in the catalog of a published checkpoint."""
        return self._models.get(plain(written)) or self._models.get(bare(written))

    def accelerator(self, written: str) -> str | None:
        """Name in the catalog of a system such as "h100_sxm"."""
        name = plain(written).removeprefix("nvidia-").removeprefix("amd-").removeprefix("intel-")
        for spelling in (name, _ACCELERATORS.get(name, ""), f"{name}-sxm", re.sub(r"-(sxm\d?|nvl\d*|oam)$", "", name)):
            if spelling in self._accelerators:
                return self._accelerators[spelling]
        return None

    def near_model(self, written: str) -> str:
        """What to say of an unknown model."""
        return _near(bare(written), self._known_models, "describe it in a catalog file: --file FILE")

    def near_accelerator(self, written: str) -> str:
        """What to say of an unknown system."""
        return _near(plain(written), self._accelerators.values(), "`argosy catalog accelerators` lists those known")


def engine(written: str) -> str:
    """One spelling for each serving engine.

    >>> engine("TensorRT-LLM"), engine("vLLM"), engine("own")
    ('trtllm', 'vllm', 'own')
    """
    name = plain(written)
    return _ENGINES.get(name, name)


def precision(written: str) -> str:
    """One spelling for each precision of the weights; "" stays unknown.

    >>> precision("NVFP4"), precision("fp8"), precision("")
    ('fp4', 'fp8', '')
    """
    name = plain(written)
    return _PRECISIONS.get(name, name)


def _by_spelling(models: Mapping[str, Model]) -> dict[str, str]:
    """Catalog name by each spelling; the catalog's own names win over published ones, full ones over bare ones."""
    found: dict[str, str] = {}
    for name in models:
        found.setdefault(plain(name), name)
    for name in models:
        for spelling in models[name].published_as:
            found.setdefault(plain(spelling), name)
            found.setdefault(bare(spelling), name)
    for name in models:
        found.setdefault(bare(name), name)
    return found


def _near(name: str, known: Iterable[str], otherwise: str) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else otherwise
