"""Names as others want them: DNS labels, and what vendors and clouds call an accelerator, a machine or a region.

Sources, read in November 2026: NVIDIA k8s-device-plugin, GPU feature discovery (nvidia.com/gpu.product: the product
name of the driver, spaces as dashes); ROCm k8s-device-plugin, node labeller (amd.com/gpu.product-name); the device
plugins of Intel Gaudi (habana.ai/gaudi), AWS Neuron (aws.amazon.com/neuron) and GKE (google.com/tpu); SkyPilot 0.14.1,
`sky/utils/gpu_names.py` and `sky/utils/schemas.py`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_LONGEST = 43


@dataclass(frozen=True)
class Device:
    """What others call one accelerator; empty where they have no name for it, or none that is known."""

    product: str = ""
    """Value of the vendor's node label."""
    sky: str = ""
    """SkyPilot's name."""


DEVICES = {
    "a10g": Device("NVIDIA-A10G", "A10G"),
    "a100-40": Device("NVIDIA-A100-SXM4-40GB", "A100"),
    "a100-80": Device("NVIDIA-A100-SXM4-80GB", "A100-80GB"),
    "b200-sxm": Device("NVIDIA-B200", "B200"),
    "b300-sxm": Device("", "B300"),
    "gb200": Device("NVIDIA-GB200", "GB200"),
    "gb300": Device("", "GB300"),
    "gh200": Device("NVIDIA-GH200-480GB", "GH200"),
    "h100-pcie": Device("NVIDIA-H100-PCIe", "H100"),
    "h100-sxm": Device("NVIDIA-H100-80GB-HBM3", "H100"),
    "h200-sxm": Device("NVIDIA-H200", "H200"),
    "l4": Device("NVIDIA-L4", "L4"),
    "l40s": Device("NVIDIA-L40S", "L40S"),
    "mi300x": Device("AMD_Instinct_MI300X_OAM", "MI300X"),
    "rtx-pro-6000": Device("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "RTXPRO6000"),
    "t4": Device("Tesla-T4", "T4"),
    "v100-sxm2": Device("Tesla-V100-SXM2-32GB", "V100-32GB"),
}


@dataclass(frozen=True)
class Vendor:
    """How nodes of one maker are asked for."""

    resource: str
    """The extended resource that its device plugin announces."""
    product_label: str
    """The node label that its labeller writes; empty where there is none."""
    visible: str
    """The variable that shows a process some of the devices of its node."""
    image: str
    """A container image with vLLM; empty where the user has to name one."""


VENDORS = {
    "NVIDIA": Vendor("nvidia.com/gpu", "nvidia.com/gpu.product", "CUDA_VISIBLE_DEVICES", "vllm/vllm-openai:latest"),
    "AMD": Vendor("amd.com/gpu", "amd.com/gpu.product-name", "HIP_VISIBLE_DEVICES", "rocm/vllm:latest"),
    "Intel": Vendor("habana.ai/gaudi", "", "", ""),
    "AWS": Vendor("aws.amazon.com/neuron", "", "", ""),
    "Google": Vendor("google.com/tpu", "", "", ""),
}

_MACHINES = {
    "aws": re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+"),
    "azure": re.compile(r"N[A-Za-z0-9_]+"),
    "gcp": re.compile(r"[a-z][a-z0-9]*-[a-z]+-[a-z0-9]+"),
    "lambda": re.compile(r"gpu_\d+x_[a-z0-9_]+"),
    "nebius": re.compile(r"gpu-[a-z0-9-]+_[a-z0-9-]+"),
    "runpod": re.compile(r"\d+x_[A-Za-z0-9-]+_[A-Z]+"),
}
"""How the machines of a provider are named. Prices of the catalog are also kept under names that nobody can order."""


def instance_type(provider: str, offer: str, procurement: str) -> str | None:
    """The provider's own name of a machine, or None.

    >>> instance_type("aws", "p5.48xlarge", "spot"), instance_type("azure", "ND96isr_H100_v5", "reserved")
    ('p5.48xlarge', 'Standard_ND96isr_H100_v5')
    >>> instance_type("aws", "owned-8x-h100-sxm", "owned"), instance_type("gcp", "L4 GPU attached to g2", "spot")
    (None, None)
    """
    names = _MACHINES.get(provider)
    if procurement == "owned" or names is None or not names.fullmatch(offer):
        return None
    return f"Standard_{offer}" if provider == "azure" else offer


SKY_CLOUDS = frozenset(_MACHINES)
"""Providers of the catalog that SkyPilot rents machines from, under the same names."""


class Labels:
    """DNS labels (RFC 1123) for any text, each given once.

    >>> labels = Labels()
    >>> labels.label("aws/us-east-1"), labels.label("AWS us-east-1"), labels.label("../../x; rm -rf /")
    ('aws-us-east-1', 'aws-us-east-1-2', 'x-rm-rf')
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def label(self, *parts: object) -> str:
        """A new label that says as much of the parts as a label can."""
        text = "-".join(str(part) for part in parts)
        bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        bare = re.sub(r"[^a-z0-9]+", "-", bare).strip("-") or "x"
        # Room for what Kubernetes adds to the names of pods.
        found = bare[:_LONGEST].strip("-")
        again = 1
        while found in self._taken:
            again += 1
            found = f"{bare[: _LONGEST - len(str(again)) - 1].strip('-')}-{again}"
        self._taken.add(found)
        return found
