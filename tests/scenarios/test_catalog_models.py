"""Parameters computed from the architecture equal the published ones; published config.json files are understood."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.architecture import Model
from scenarios.catalog import load_catalog
from scenarios.errors import ScenarioError

# Totals and active counts, 1e9, computed independently from the published shapes (no norms, no biases).
COMPUTED = {
    "llama-3-8b": (8.03, 8.03),
    "llama-3-70b": (70.55, 70.55),
    "llama-3.1-8b": (8.03, 8.03),
    "llama-3.1-70b": (70.55, 70.55),
    "llama-3.1-405b": (405.85, 405.85),
    "qwen3-32b": (32.76, 32.76),
    "qwen3-235b-a22b": (235.09, 22.19),
    "mixtral-8x7b": (46.7, 12.88),
    "mixtral-8x22b": (140.62, 39.15),
    "deepseek-v3": (671.03, 37.55),
    "deepseek-r1": (671.03, 37.55),
    "gpt-oss-20b": (20.91, 4.19),
    "gpt-oss-120b": (116.79, 5.71),
    "kimi-k2": (1026.41, 32.86),
}
KV_BYTES_16_BIT = {
    "llama-3-70b": 327680,
    "llama-3.1-8b": 131072,
    "llama-3.1-405b": 516096,
    "qwen3-32b": 262144,
    "mixtral-8x7b": 131072,
    "deepseek-v3": 70272,
    "gpt-oss-20b": 49152,
    "gpt-oss-120b": 73728,
    "kimi-k2": 70272,
    "llama-2-7b": 524288,
    "gpt-3-175b": 4718592,
    "gemma-3-27b": 507904,
    "minimax-m2.5": 253952,
}
LLAMA = {
    "model_type": "llama",
    "hidden_size": 8192,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "intermediate_size": 28672,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": False,
}
MIXTRAL = {
    "model_type": "mixtral",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 32000,
    "max_position_embeddings": 32768,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "sliding_window": None,
}
DEEPSEEK = {
    "model_type": "deepseek_v3",
    "hidden_size": 7168,
    "num_hidden_layers": 61,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "vocab_size": 129280,
    "max_position_embeddings": 163840,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "first_k_dense_replace": 3,
    "moe_layer_freq": 1,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
}
GPT_OSS = {
    "model_type": "gpt_oss",
    "hidden_size": 2880,
    "num_hidden_layers": 24,
    "num_attention_heads": 64,
    "head_dim": 64,
    "num_key_value_heads": 8,
    "intermediate_size": 2880,
    "vocab_size": 201088,
    "max_position_embeddings": 131072,
    "num_local_experts": 32,
    "experts_per_token": 4,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
}
QWEN_MOE = {
    "model_type": "qwen3_moe",
    "hidden_size": 4096,
    "num_hidden_layers": 94,
    "num_attention_heads": 64,
    "head_dim": 128,
    "num_key_value_heads": 4,
    "intermediate_size": 12288,
    "moe_intermediate_size": 1536,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "use_sliding_window": False,
    "sliding_window": 4096,
}
QWEN = {
    "model_type": "qwen3",
    "hidden_size": 5120,
    "num_hidden_layers": 64,
    "num_attention_heads": 64,
    "head_dim": 128,
    "num_key_value_heads": 8,
    "intermediate_size": 25600,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
}


@pytest.mark.parametrize("name", load_catalog().models)
def test_published_totals(name: str) -> None:
    model = load_catalog().models[name]
    published = model.figures["published.total"].si
    # Kimi's publisher rounds 1.03e12 to 1e12; the others are held to 1 % (dense) and 2 % (mixture of experts).
    allowed = 0.03 if name.startswith("kimi") else 0.02 if model.kind == "moe" else 0.01
    assert model.params_total == pytest.approx(published, rel=allowed)


@pytest.mark.parametrize(("name", "expected"), COMPUTED.items())
def test_totals_computed_elsewhere(name: str, expected: tuple[float, float]) -> None:
    model = load_catalog().models[name]
    assert (round(model.params_total / 1e9, 2), round(model.params_active / 1e9, 2)) == expected


@pytest.mark.parametrize(("name", "expected"), KV_BYTES_16_BIT.items())
def test_kv_cache(name: str, expected: int) -> None:
    assert 2 * load_catalog().models[name].kv_elements_per_token == expected


def test_llama_by_hand() -> None:
    model = load_catalog().models["llama-3-70b"]
    assert (model.context_tokens, load_catalog().models["llama-3.1-70b"].context_tokens) == (8192, 131072)
    assert model.kv_elements_per_token == 163_840
    assert model.attention_params == 80 * (2 * 8192 * 8192 + 2 * 8192 * 1024)
    assert model.dense_params == 80 * 3 * 8192 * 28672
    assert model.embedding_params == model.head_params == 128256 * 8192
    assert model.params_active_nonembed == model.attention_params + model.dense_params
    assert (model.kv_shards_max, model.is_mla, model.moe_layers, model.expert_params) == (8, False, 0, 0)


def test_parts_add_up() -> None:
    for model in load_catalog().models.values():
        parts = model.embedding_params + model.head_params + model.attention_params + model.dense_params
        assert model.params_total == pytest.approx(parts + model.expert_params)
        assert model.params_active <= model.params_total
        assert (model.kind == "moe") == (model.experts > 0) == (model.moe_layers > 0)


def test_latent_attention() -> None:
    model = load_catalog().models["deepseek-v3"]
    assert (model.is_mla, model.kv_shards_max, model.moe_layers) == (True, 1, 58)
    assert model.head_dim == (128 + 64 + 128) / 2  # 4 L h d then counts QK and PV
    assert model.kv_elements_per_token == 61 * 576


def test_tied_embeddings_add_no_head() -> None:
    model = load_catalog().models["gemma-3-27b"]
    assert model.head_params == 0
    assert model.head_matrix_params == model.embedding_params > 1e9
    assert model.sliding_window == 1024


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (LLAMA, "llama-3-70b"),
        (MIXTRAL, "mixtral-8x7b"),
        (DEEPSEEK, "deepseek-v3"),
        (GPT_OSS, "gpt-oss-20b"),
        (QWEN_MOE, "qwen3-235b-a22b"),
        (QWEN, "qwen3-32b"),
    ],
)
def test_published_config(config: dict[str, Any], name: str) -> None:
    shipped, read = load_catalog().models[name], Model.from_config(config, name)
    for part in (
        "embedding_params",
        "head_params",
        "attention_params",
        "dense_params",
        "expert_params",
        "params_active",
        "kv_elements_per_token",
        "kv_shards_max",
        "context_tokens",
        "sliding_window",
        "kind",
        "head_dim",
    ):
        assert getattr(read, part) == getattr(shipped, part), part


def test_a_multimodal_config_keeps_its_text_model_inside() -> None:
    nested = {"model_type": "kimi_k25", "text_config": {**DEEPSEEK, "num_hidden_layers": 61}}
    assert Model.from_config(nested, "x").params_total == Model.from_config(DEEPSEEK, "x").params_total


@pytest.mark.parametrize(
    "key", ["hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "intermediate_size"]
)
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Model.from_config({name: value for name, value in LLAMA.items() if name != key}, "mine", "mine/config.json")
    (problem,) = caught.value.problems
    assert (problem.file, problem.key) == ("mine/config.json", f"models.mine.{key}")
    assert "missing" in problem.message


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"model_type": "mamba"}, "mamba"),
        ({"layer_types": ["linear_attention", "full_attention"]}, "linear_attention"),
        ({"index_topk": 2048}, "index_topk"),
        ({"hidden_size": "8192"}, "whole number"),
        ({"num_hidden_layers": 0}, "layers"),
        ({"num_key_value_heads": 7}, "evenly"),
    ],
)
def test_what_is_not_understood_is_refused(change: dict[str, Any], word: str) -> None:
    with pytest.raises(ScenarioError, match=word):
        Model.from_config({**LLAMA, **change}, "mine")
