"""A language model as its architecture: parameters, KV cache and what may be sharded are computed, never typed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scenarios.errors import Problem, ScenarioError
from scenarios.figures import Figure
from scenarios.published_config import read_config


@dataclass(frozen=True)
class Model:
    """A decoder-only transformer. Whole numbers as published; every count of parameters follows from them.

    Norms, biases and rotary tables are left out (below 0.1 %). 0 stands for "has none".
    """

    name: str
    title: str
    kind: str
    """"dense" or "moe"."""
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    """Key-value heads; 1 with multi-head latent attention, where all heads share one latent."""
    head_dim: int
    """Width of a head. With latent attention the mean of key and value width, (nope + rope + v) / 2, so that the
    attention FLOPs 4 L h d per token and token of context hold for both."""
    ffn: int
    """Inner width of a dense layer's MLP; 0 if no layer is dense."""
    vocab: int
    context_tokens: int
    experts: int = 0
    active_experts: int = 0
    shared_experts: int = 0
    moe_ffn: int = 0
    dense_layers: int = 0
    """Layers with a dense MLP: all of a dense model, the first few of some mixtures of experts."""
    q_lora: int = 0
    kv_lora: int = 0
    qk_nope: int = 0
    qk_rope: int = 0
    v_head: int = 0
    sliding_window: int = 0
    """Tokens that some of the layers look back on; the KV bytes per token are then an upper bound."""
    window_layers: int = 0
    """How many layers do; 0 where it is not known, and all of them are then counted as looking back on everything."""
    sparse_tokens: int = 0
    """Tokens that sparse attention reads at most, picked by an indexer; 0: it reads all."""
    index_heads: int = 0
    index_dim: int = 0
    """Of that indexer; it keeps one key of `index_dim` per token and layer."""
    linear_layers: int = 0
    """Layers with linear attention: a state of fixed size per request instead of keys and values."""
    linear_key_heads: int = 0
    linear_value_heads: int = 0
    linear_dim: int = 0
    """Width of a linear layer's key and value heads."""
    mlp_matrices: int = 3
    """3 with a gate (gate, up, down), 2 without."""
    tied_embeddings: bool = False
    block_scaled_fp8: bool = False
    """Its FP8 checkpoint has a scale per block of weights, not per matrix."""
    mxfp4: bool = False
    """Its 4-bit experts are MXFP4 (4.25 bit), computed with 16-bit activations."""
    published_as: tuple[str, ...] = ()
    """Checkpoints of this architecture, as publishers name them: how measured tables are recognised."""
    figures: dict[str, Figure] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_mla(self) -> bool:
        """Multi-head latent attention."""
        return self.kv_lora > 0

    @property
    def moe_layers(self) -> int:
        """Layers with routed experts."""
        return self.layers - self.dense_layers

    @cached_property
    def embedding_params(self) -> float:
        """The input table."""
        return float(self.vocab * self.hidden)

    @property
    def head_params(self) -> float:
        """Parameters that the output head adds: 0 where it is the input table."""
        return 0.0 if self.tied_embeddings else self.embedding_params

    @property
    def head_matrix_params(self) -> float:
        """Size of the matrix that turns the last hidden state into logits; read and multiplied whether tied or not."""
        return self.embedding_params

    @cached_property
    def attention_params(self) -> float:
        """Projections of all layers."""
        if not self.is_mla:
            full = (self.layers - self.linear_layers) * self.hidden * self.head_dim * 2 * (self.heads + self.kv_heads)
            # A linear layer projects queries, keys, values and a gate, and the values back.
            width = 2 * self.linear_key_heads + 3 * self.linear_value_heads
            return float(full + self.linear_layers * self.hidden * self.linear_dim * width)
        query_width = self.heads * (self.qk_nope + self.qk_rope)
        query = (self.hidden + query_width) * self.q_lora if self.q_lora else self.hidden * query_width
        down = self.hidden * (self.kv_lora + self.qk_rope)
        up = self.kv_lora * self.heads * (self.qk_nope + self.v_head)
        out = self.heads * self.v_head * self.hidden
        index = self.index_dim * (self.hidden + self.index_heads * (self.q_lora or self.hidden))
        return float(self.layers * (query + down + up + out + index))

    @cached_property
    def dense_params(self) -> float:
        """MLPs of the dense layers, shared experts and routers."""
        dense = self.dense_layers * self.mlp_matrices * self.hidden * self.ffn
        shared = self.moe_layers * self.shared_experts * self.mlp_matrices * self.hidden * self.moe_ffn
        return float(dense + shared + self.moe_layers * self.hidden * self.experts)

    @cached_property
    def expert_params(self) -> float:
        """All routed experts of all layers."""
        return float(self.moe_layers * self.experts * self.mlp_matrices * self.hidden * self.moe_ffn)

    @property
    def active_expert_params(self) -> float:
        """Routed experts that one token passes through."""
        return self.expert_params * self.active_experts / self.experts if self.experts else 0.0

    @property
    def params_total(self) -> float:
        """Everything."""
        return self.params_active + self.expert_params - self.active_expert_params

    @property
    def params_active(self) -> float:
        """What one token passes through, input table and output head counted."""
        return self.params_active_nonembed + self.embedding_params + self.head_params

    @property
    def params_active_nonembed(self) -> float:
        """What one token passes through in the blocks: no input table, no output head."""
        return self.attention_params + self.dense_params + self.active_expert_params

    @property
    def kv_elements_per_token(self) -> float:
        """Numbers kept in the KV cache per token: 2 L h_kv d, or L (kv_lora + rope) with latent attention.

        Linear layers keep none; the layers with a window are counted as keeping everything.
        """
        if self.is_mla:
            return float(self.layers * (self.kv_lora + self.qk_rope + self.index_dim))
        return float(2 * (self.layers - self.linear_layers) * self.kv_heads * self.head_dim)

    @property
    def kv_shards_max(self) -> int:
        """Ranks that the KV cache can be split over; replicated beyond."""
        return 1 if self.is_mla else self.kv_heads

    @classmethod
    def from_config(cls, config: Mapping[str, Any], name: str, file: str = "config.json") -> Model:
        """A model from its published config.json (Llama, Qwen, Mixtral, DeepSeek, gpt-oss and their kin).

        Raises ScenarioError naming the key that is missing, or the family that is not understood.
        """
        model = cls(name=name, title=name, **read_config(config, name, file))
        if wrong := model.contradictions():
            raise ScenarioError(Problem(file, None, f"models.{name}.{key}", message) for key, message in wrong)
        return model

    def contradictions(self) -> list[tuple[str, str]]:
        """Where the whole numbers contradict each other: key and message."""
        wrong: list[tuple[str, str]] = []
        if self.heads % self.kv_heads:
            wrong.append(("kv_heads", f"{self.heads} heads cannot share {self.kv_heads} key-value heads evenly"))
        if self.kind == "dense" and self.experts:
            wrong.append(("kind", f"a dense model has no experts, and this one has {self.experts}"))
        if self.active_experts > self.experts:
            wrong.append(("active_experts", f"{self.active_experts} of {self.experts} experts cannot be active"))
        if self.dense_layers > self.layers:
            wrong.append(("dense_layers", f"{self.dense_layers} of {self.layers} layers cannot be dense"))
        if self.dense_layers and not self.ffn:
            wrong.append(("ffn", "is missing: there are dense layers"))
        if self.moe_layers and not (self.experts and self.active_experts and self.moe_ffn):
            wrong.append(("experts", "a mixture of experts needs experts, active_experts and moe_ffn"))
        if self.window_layers and not self.sliding_window:
            wrong.append(("sliding_window", "is missing: there are layers with a window"))
        if self.window_layers + self.linear_layers > self.layers:
            wrong.append(("window_layers", f"there are {self.layers} layers in all"))
        if self.linear_layers and not (self.linear_key_heads and self.linear_value_heads and self.linear_dim):
            wrong.append(("linear_layers", "needs linear_key_heads, linear_value_heads and linear_dim"))
        if self.sparse_tokens and not (self.index_heads and self.index_dim):
            wrong.append(("sparse_tokens", "sparse attention needs index_heads and index_dim"))
        if self.is_mla and not (self.qk_nope and self.qk_rope and self.v_head):
            wrong.append(("kv_lora", "latent attention needs qk_nope, qk_rope and v_head"))
        return wrong
