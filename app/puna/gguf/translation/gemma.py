"""Gemma 3, 3n, 4 and EmbeddingGemma."""

from __future__ import annotations

from puna.gguf.header import Array, Header
from puna.gguf.reader import read_array, read_strings
from puna.gguf.translation.family import Encoder, Family, Values
from puna.gguf.translation.questions import (
    ENCODERS,
    has_keys,
    has_tensors,
    integer,
    integers,
    size,
    surplus_tokens,
)
from puna.gguf.translation.steps import cut, rename, rename_ends, widen
from puna.gguf.types import ValueType
from puna.gguf.writer import Addition, NewArray

_LONG_CONTEXT = 131_072
_NORMAL, _BYTE = 1, 6
_END_OF_TURN = 106
"""Token that ends a turn in the vocabulary of Gemma 3n."""

_ENDS = "tokenizer.ggml.eos_token_ids"
_ROPE = {
    "rope.global.freq_base": "rope.freq_base",
    "rope.local.freq_base": "rope.freq_base_swa",
}
_ZEROS = NewArray(ValueType.FLOAT32, (0.0, 0.0, 0.0))
_ONES = NewArray(ValueType.FLOAT32, (1.0, 1.0, 1.0))


def _is_gemma3(header: Header) -> bool:
    return (
        has_tensors(header, *ENCODERS)
        or has_keys(header, "mm.tokens_per_image", *_ROPE)
        or not has_keys(header, "attention.layer_norm_rms_epsilon")
        or surplus_tokens(header) > 0
    )


def _gemma3_defaults(header: Header) -> Values:
    values: dict[str, Addition] = {
        "attention.layer_norm_rms_epsilon": 1e-6,
        "rope.freq_base": 1e6,
        "rope.freq_base_swa": 1e4,
    }
    if integer(header, "context_length") >= _LONG_CONTEXT:
        values |= {"rope.scaling.type": "linear", "rope.scaling.factor": 8.0}
    return values


def _is_embedding(header: Header) -> bool:
    return has_tensors(header, "dense.0.")


def _dense_sizes(header: Header) -> Values:
    return {
        f"dense_{number + 2}_feat_{side}": size(header, f"dense.{number}.weight", dimension)
        for number in (0, 1)
        for dimension, side in enumerate(("in", "out"))
    }


def _shared_rows(header: Header) -> int:
    """Rows of the embedding per layer: the vocabulary of text alone."""
    return size(header, "per_layer_token_embd.weight", 1)


def _is_gemma3n(header: Header) -> bool:
    return 0 < _shared_rows(header) < size(header, "token_embd.weight", 1)


def _gemma3n_tokenizer(header: Header) -> Values:
    ends = integers(header, _ENDS) or (1,)
    values: dict[str, Addition] = {
        "tokenizer.ggml.model": "llama",
        _ENDS: tuple(dict.fromkeys((*ends, _END_OF_TURN))),
    }
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    types = header.metadata.get("tokenizer.ggml.token_type")
    if isinstance(tokens, Array) and isinstance(types, Array):
        kinds = [
            _token_type(text, int(kind))
            for text, kind in zip(
                read_strings(header, tokens), read_array(header, types), strict=False
            )
        ]
        values["tokenizer.ggml.token_type"] = NewArray(
            ValueType.INT32, kinds[: _shared_rows(header)]
        )
    return values


def _token_type(text: bytes, kind: int) -> int:
    if len(text) == 6 and text.startswith(b"<0x") and text.endswith(b">"):
        return _BYTE
    return _NORMAL if text.startswith(b"<unused") else kind


def _is_gemma4(header: Header) -> bool:
    return has_tensors(header, *ENCODERS) or header.text("tokenizer.ggml.model") == "llama"


_GEMMA3_SIGHT = Encoder(
    "gemma3",
    activation="gelu",
    steps=(
        rename(
            {
                "v.patch_embedding": "v.patch_embd",
                "v.position_embedding": "v.position_embd",
                "v.post_layernorm": "v.post_ln",
                ".layer_norm1": ".ln1",
                ".layer_norm2": ".ln2",
                ".attn_output": ".attn_out",
                ".mlp.fc1": ".ffn_up",
                ".mlp.fc2": ".ffn_down",
                "mm.mm_input_projection": "mm.input_projection",
                "mm.mm_soft_emb_norm": "mm.soft_emb_norm",
            }
        ),
        widen("v.patch_embd.weight", "v.position_embd.weight"),
    ),
)
_GEMMA4_SIGHT = Encoder(
    "gemma4v",
    defaults={"image_size": 224, "image_mean": _ZEROS, "image_std": _ONES},
    steps=(widen("v.patch_embd.weight"),),
)
_GEMMA4_HEARING = Encoder(
    "gemma4a",
    modality="audio",
    begins="a.",
    defaults={"num_mel_bins": 128},
    steps=(
        rename(
            {
                "a.pre_encode.out.weight": "a.input_projection.weight",
                "mm.a.fc.": "a.pre_encode.out.",
            }
        ),
        rename(
            {
                ".ln1.": ".attn_pre_norm.",
                ".ln2.": ".attn_post_norm.",
                ".layer_pre_norm.": ".ln2.",
                ".linear_pos.": ".attn_k_rel.",
            },
            within="a.blk.",
        ),
    ),
)

FAMILIES = (
    Family(
        "gemma3",
        _is_embedding,
        architecture="gemma-embedding",
        keys={**_ROPE, "attention.causal": "", "attention.sliding_window_pattern": ""},
        defaults=_gemma3_defaults,
        computed=_dense_sizes,
        steps=(
            rename({"dense.0.": "dense_2.", "dense.1.": "dense_3."}),
            rename({"norm.": "output_norm."}, within="norm."),
        ),
    ),
    Family(
        "gemma3",
        _is_gemma3,
        keys=_ROPE,
        defaults=_gemma3_defaults,
        encoders=(_GEMMA3_SIGHT,),
    ),
    Family(
        "gemma3n",
        _is_gemma3n,
        computed=_gemma3n_tokenizer,
        tokens=_shared_rows,
        steps=(cut("token_embd.weight", _shared_rows),),
    ),
    Family(
        "gemma4",
        _is_gemma4,
        computed=lambda header: {"tokenizer.ggml.model": "gemma4"},
        steps=(rename_ends({".ffn_gate_inp.per_expert_scale": ".ffn_down_exps.scale"}),),
        encoders=(_GEMMA4_SIGHT, _GEMMA4_HEARING),
    ),
)
