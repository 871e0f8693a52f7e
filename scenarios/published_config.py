"""Reads the architecture out of a model's published config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scenarios.errors import Problem, ScenarioError
from scenarios.figures import nearest

# Families whose layers are what Model describes: grouped-query or latent attention over the whole context (or a window
# in some layers), gated MLPs, routed and shared experts. Anything else would be counted wrongly, so it is refused.
_FAMILIES = frozenset((
    "llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "deepseek_v2", "deepseek_v3", "kimi_k2",
    "kimi_k25", "gpt_oss", "gemma3", "gemma3_text", "minimax_m2", "glm4_moe", "olmo2", "phi3", "granite",
))  # fmt: skip
_TIED_UNLESS_SAID = frozenset(("gemma3", "gemma3_text"))
# Keys of attention that does not read the whole context, or of state-space layers.
_FOREIGN = ("index_topk", "linear_num_value_heads", "linear_conv_kernel_dim", "mamba_d_state", "ssm_cfg")
_COUNTS = 10**9


class _Config:
    """The keys of one config.json, asked for by the names that different families use."""

    def __init__(self, table: Mapping[str, Any], name: str, file: str) -> None:
        inner = table.get("text_config")
        self.table = {**table, **inner} if isinstance(inner, Mapping) else dict(table)
        self.name = name
        self.file = file
        self.problems: list[Problem] = []

    def refuse(self, key: str, message: str, hint: str = "") -> None:
        path = f"models.{self.name}" + (f".{key}" if key else "")
        self.problems.append(Problem(self.file, None, path, message, hint))

    def count(self, *keys: str, default: int | None = None) -> int:
        """The first of the keys that is there; a null counts as absent."""
        for key in keys:
            value = self.table.get(key)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _COUNTS:
                self.refuse(key, f"{value!r} is not a whole number")
                return 1
            return value
        if default is None:
            self.refuse(keys[0], "is missing in the published config", nearest(keys[0], map(str, self.table)))
            return 1
        return default


def read_config(table: Mapping[str, Any], name: str, file: str) -> dict[str, Any]:
    """Arguments of Model; ScenarioError when a key is missing or the family is not understood."""
    if not isinstance(table, Mapping):
        raise ScenarioError(Problem(file, None, f"models.{name}", "is not a JSON object"))
    config = _Config(table, name, file)
    family = str(config.table.get("model_type", "llama"))
    _refuse_foreign(config, family)
    found: dict[str, Any] = {
        "layers": config.count("num_hidden_layers"),
        "hidden": config.count("hidden_size"),
        "heads": config.count("num_attention_heads"),
        "vocab": config.count("vocab_size"),
        "context_tokens": config.count("max_position_embeddings"),
        "tied_embeddings": bool(config.table.get("tie_word_embeddings", family in _TIED_UNLESS_SAID)),
        "sliding_window": _sliding_window(config),
    }
    found |= _attention(config, found)
    found |= _feed_forward(config, found["layers"])
    for key in ("layers", "hidden", "heads", "vocab", "kv_heads", "head_dim", "context_tokens"):
        if found[key] < 1 and not config.problems:
            config.refuse(key, f"{found[key]} is not 1 or more")
    if config.problems:
        raise ScenarioError(config.problems)
    return found


def _refuse_foreign(config: _Config, family: str) -> None:
    if family not in _FAMILIES:
        config.refuse(
            "model_type", f"the family {family!r} is not understood",
            nearest(family, _FAMILIES) or f"describe it by hand: [models.{config.name}] layers = ..., hidden = ...",
        )  # fmt: skip
    kinds = config.table.get("layer_types") or []
    known = {"full_attention", "sliding_attention"}
    strange = sorted({str(kind) for kind in kinds} - known) if isinstance(kinds, list) else []
    present = [key for key in _FOREIGN if config.table.get(key)]
    if strange or present:
        what = ", ".join(strange or present)
        config.refuse("", f"linear, sparse or state-space attention is not described here ({what})")


def _sliding_window(config: _Config) -> int:
    if config.table.get("use_sliding_window") is False:
        return 0
    return config.count("sliding_window", default=0)


def _attention(config: _Config, found: dict[str, Any]) -> dict[str, int]:
    if config.table.get("kv_lora_rank"):
        nope, rope = config.count("qk_nope_head_dim"), config.count("qk_rope_head_dim")
        value = config.count("v_head_dim")
        return {
            "q_lora": config.count("q_lora_rank", default=0), "kv_lora": config.count("kv_lora_rank"),
            "qk_nope": nope, "qk_rope": rope, "v_head": value, "kv_heads": 1, "head_dim": (nope + rope + value) // 2,
        }  # fmt: skip
    heads = max(found["heads"], 1)
    return {
        "kv_heads": config.count("num_key_value_heads", default=heads),
        "head_dim": config.count("head_dim", default=found["hidden"] // heads),
    }


def _feed_forward(config: _Config, layers: int) -> dict[str, Any]:
    experts = config.count("n_routed_experts", "num_local_experts", "num_experts", default=0)
    if not experts:
        return {"kind": "dense", "ffn": config.count("intermediate_size"), "dense_layers": layers}
    # Mixtral, gpt-oss and MiniMax call the experts' width intermediate_size; they have no dense layer.
    width = config.count("moe_intermediate_size", "intermediate_size")
    shared = config.count("n_shared_experts", default=0)
    shared_width = config.count("shared_expert_intermediate_size", default=0)
    if shared_width:
        shared, rest = divmod(shared_width, max(width, 1))
        if rest:
            config.refuse("shared_expert_intermediate_size", f"{shared_width} is no multiple of the experts' {width}")
    dense = config.count("first_k_dense_replace", default=0)
    only = config.table.get("mlp_only_layers") or []
    dense += len(only) if isinstance(only, list) else 0
    frequency = config.table.get("moe_layer_freq")
    if isinstance(frequency, list):  # a flag per layer: 1 where it has experts
        dense = frequency.count(0)
    elif (step := config.count("decoder_sparse_step", "moe_layer_freq", default=1)) > 1:
        dense = layers - layers // step
    return {
        "kind": "moe", "experts": experts, "shared_experts": shared, "moe_ffn": width, "dense_layers": dense,
        "active_experts": config.count("num_experts_per_tok", "experts_per_token", "num_experts_per_token"),
        "ffn": config.count("intermediate_size") if dense else 0,
    }  # fmt: skip
