"""Which model architectures can be converted, and how each one is.

Source: llama.cpp, gguf-py/gguf/tensor_mapping.py and conversion/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from puna.errors import InvalidInput
from puna.gguf.conversion import rope
from puna.gguf.conversion.config import Config
from puna.gguf.writer import Addition, NewTensor

Keys = Mapping[str, Addition]

_SILU = frozenset({"silu", "swish"})
_GELU = frozenset({"gelu", "gelu_new", "gelu_python", "gelu_fast", "gelu_pytorch_tanh"})
_DECODER = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}
_LLAMA = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_HEAD_NORMS = {"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm"}
_GEMMA2 = _LLAMA | {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
_PHI3 = {
    "input_layernorm": "attn_norm",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_BERT = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_BERT_OUTER = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}


@dataclass(frozen=True, slots=True)
class Family:
    """How models of one architecture become GGUF.

    Attributes:
        architecture: its name in llama.cpp.
        layers: name of each part of a layer there → here; ``outer`` likewise
            of what is no layer.
        prefix: what stands before the number of a layer.
        activations: of the feed-forward network, that llama.cpp computes.
        keys: metadata without the architecture in front.
        extra: tensors that are made of the configuration.
        optional: outer tensors that may be missing.
        ignored: beginnings of names of tensors that are not needed.
        rotates: query and key rows must be put in another order.
        norm_shift: is added to the weights of norms.
    """

    architecture: str
    layers: Mapping[str, str]
    keys: Callable[[Config], Keys]
    outer: Mapping[str, str] = field(default_factory=lambda: _DECODER)
    prefix: str = "layers."
    activations: frozenset[str] = _SILU
    extra: Callable[[Config], list[NewTensor]] = lambda config: []
    optional: frozenset[str] = frozenset({"output", "token_types"})
    ignored: tuple[str, ...] = ()
    rotates: bool = False
    norm_shift: float = 0.0


def family_of(config: Config) -> Family:
    """The family of a model.

    Raises:
        InvalidInput: it cannot be converted here.
    """
    names = config.values.get("architectures")
    name = names[0] if isinstance(names, list) and names and isinstance(names[0], str) else ""
    family = FAMILIES.get(name)
    if family is None:
        shown = f'architecture "{name[:80]}"' if name else "a model that names no architecture"
        raise InvalidInput(
            f"{shown} cannot be converted here: make a GGUF file with llama.cpp's "
            "convert_hf_to_gguf.py and create the model from that file"
        )
    _require_plain(config, name, family)
    return family


def _require_plain(config: Config, name: str, family: Family) -> None:
    if config.has("quantization_config"):
        method = config.inner("quantization_config").values.get("quant_method", "unknown")
        raise InvalidInput(
            f"the weights are quantized already ({str(method)[:40]}); "
            "use the files of the model that are not"
        )
    key = "hidden_activation" if config.has("hidden_activation") else "hidden_act"
    activation = config.text(key, min(family.activations))
    if activation not in family.activations:
        raise InvalidInput(f'llama.cpp runs no {name} with the activation "{activation[:40]}"')


def _sizes(config: Config) -> dict[str, Addition]:
    return {
        "block_count": config.count("num_hidden_layers"),
        "context_length": config.count("max_position_embeddings"),
        "embedding_length": config.count("hidden_size"),
        "feed_forward_length": config.count("intermediate_size"),
        "attention.head_count": config.count("num_attention_heads"),
    }


def _decoder(config: Config) -> dict[str, Addition]:
    heads = config.count("num_attention_heads")
    found = _sizes(config) | {
        "vocab_size": config.count("vocab_size"),
        "attention.head_count_kv": config.count("num_key_value_heads", heads),
        "attention.layer_norm_rms_epsilon": config.number("rms_norm_eps", 1e-6),
        "rope.dimension_count": rope.width(config),
        **rope.keys(config),
    }
    if config.has("head_dim"):
        size = config.count("head_dim")
        found |= {"attention.key_length": size, "attention.value_length": size}
    return found


def _gemma(config: Config) -> dict[str, Addition]:
    size = config.count("head_dim", 256)
    return _decoder(Config({**config.values, "head_dim": size}))


def _gemma2(config: Config) -> dict[str, Addition]:
    return _gemma(config) | {
        "attention.sliding_window": config.count("sliding_window", 4096),
        "attn_logit_softcapping": config.number("attn_logit_softcapping", 50.0),
        "final_logit_softcapping": config.number("final_logit_softcapping", 30.0),
    }


def _gemma3(config: Config) -> dict[str, Addition]:
    theta = rope.parameters(config).number("rope_theta", 1_000_000.0)
    found = _gemma(config) | {
        "rope.freq_base": config.number("rope_theta", theta),
        "rope.freq_base_swa": _local_base(config),
    }
    pattern = config.count("sliding_window_pattern", config.count("_sliding_window_pattern", 6))
    if pattern > 1:
        found["attention.sliding_window"] = config.count("sliding_window", 4096)
        found["attention.sliding_window_pattern"] = pattern
    if config.has("final_logit_softcapping"):
        found["final_logit_softcapping"] = config.number("final_logit_softcapping")
    return found


def _local_base(config: Config) -> float:
    sliding = config.inner("rope_parameters").inner("sliding_attention")
    return config.number("rope_local_base_freq", sliding.number("rope_theta", 10_000.0))


def _phi3(config: Config) -> dict[str, Addition]:
    return _decoder(config) | {
        "rope.dimension_count": rope.rope_dimensions(config),
        "rope.scaling.original_context_length": rope.original_context(config),
        # llama.cpp tells Phi-4 from the others by a window of zero.
        "attention.sliding_window": (
            config.count("sliding_window") if config.has("sliding_window") else 0
        ),
        **rope.long_factors(config)[0],
    }


def _bert(config: Config) -> dict[str, Addition]:
    if config.text("position_embedding_type", "absolute") != "absolute":
        raise InvalidInput("llama.cpp runs no BertModel with relative positions")
    return _sizes(config) | {
        "attention.layer_norm_epsilon": config.number("layer_norm_eps", 1e-12),
        "attention.causal": False,
    }


_LLAMA_FAMILY = Family("llama", _LLAMA, _decoder, extra=rope.llama3_factors, rotates=True)

FAMILIES: Mapping[str, Family] = {
    "LlamaForCausalLM": _LLAMA_FAMILY,
    "MistralForCausalLM": _LLAMA_FAMILY,
    "Qwen2ForCausalLM": Family("qwen2", _LLAMA, _decoder),
    "Qwen3ForCausalLM": Family("qwen3", _LLAMA | _HEAD_NORMS, _decoder),
    "GemmaForCausalLM": Family(
        "gemma", _LLAMA, _gemma, activations=_GELU, ignored=("lm_head.",), norm_shift=1.0
    ),
    "Gemma2ForCausalLM": Family(
        "gemma2", _GEMMA2, _gemma2, activations=_GELU, ignored=("lm_head.",), norm_shift=1.0
    ),
    "Gemma3ForCausalLM": Family(
        "gemma3",
        _GEMMA2 | _HEAD_NORMS,
        _gemma3,
        activations=_GELU,
        ignored=("lm_head.",),
        norm_shift=1.0,
    ),
    "Phi3ForCausalLM": Family(
        "phi3", _PHI3, _phi3, extra=lambda config: rope.long_factors(config)[1]
    ),
    "BertModel": Family(
        "bert",
        _BERT,
        _bert,
        outer=_BERT_OUTER,
        prefix="encoder.layer.",
        activations=_GELU,
        ignored=("pooler.", "cls.", "embeddings.position_ids"),
    ),
}
"""Name of the architecture in ``config.json`` → family."""
