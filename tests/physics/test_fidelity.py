"""Wall 13: bits, bytes and rates; nothing falls back in silence."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from physics import fidelity

H100 = SimpleNamespace(peak_flop_per_s={"bf16": 989e12, "fp16": 989e12, "fp8": 1979e12, "int8": 1979e12})
V100 = SimpleNamespace(peak_flop_per_s={"fp32": 15.7e12, "fp16": 125e12})


def test_scales_are_counted() -> None:
    assert fidelity.weight_bytes_per_parameter("fp4") == 0.5 + 1 / 16
    assert fidelity.weight_bytes_per_parameter("int4") == 0.5 + 2 / 128


@pytest.mark.parametrize(
    ("chip", "precision", "rate"),
    [(H100, "bf16", 989e12), (H100, "fp8", 1979e12), (H100, "fp4", None), (H100, "int4", 989e12), (V100, "bf16", None),
     (V100, "int4", 125e12), (V100, "fp16", 125e12), (V100, "int8", None)],
)  # fmt: skip
def test_rate_is_native_or_none(chip: SimpleNamespace, precision: str, rate: float | None) -> None:
    assert fidelity.compute_rate(chip, precision) == rate


def test_unknown_precisions_are_named() -> None:
    with pytest.raises(KeyError, match="known: fp32"):
        fidelity.weight_bytes_per_parameter("fp6")
    with pytest.raises(KeyError, match="known: bf16"):
        fidelity.kv_bytes_per_element("fp4")


def test_only_int4_is_weight_only() -> None:
    assert [p.name for p in fidelity.PRECISIONS.values() if p.weight_only] == ["int4"]
    assert fidelity.kv_bytes_per_element("bf16") == 2 * fidelity.kv_bytes_per_element("fp8")
    assert fidelity.activation_bytes_per_element("fp4") == 2.0


def test_plain_loss_grows_as_bits_go() -> None:
    losses = [fidelity.plain_accuracy_delta(bits) for bits in (16, 8, 4, 2)]
    assert losses == sorted(losses, reverse=True)
    assert fidelity.plain_accuracy_delta(sparsity=0.4) == -0.001
