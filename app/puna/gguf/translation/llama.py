"""Llama 4, Mistral 3 and its kin."""

from __future__ import annotations

from puna.gguf.header import Header
from puna.gguf.translation.family import CLIP_DEVIATION, CLIP_MEAN, Encoder, Family, Values
from puna.gguf.translation.questions import (
    ENCODERS,
    has_keys,
    has_tensors,
    integer,
    key,
    says_nothing,
)
from puna.gguf.translation.steps import Draft, Step, rename, turn, widen

_YARN = {
    "rope.scaling.beta_fast": "rope.scaling.yarn_beta_fast",
    "rope.scaling.beta_slow": "rope.scaling.yarn_beta_slow",
    "rope.scaling.mscale_all_dim": "rope.scaling.yarn_log_multiplier",
    "rope.scaling_beta": "attention.temperature_scale",
}
_PRE = "tokenizer.ggml.pre"
_BREAK = "v.token_embd.img_break"
_LAYERS = {".attn_output.": ".attn_out.", ".attn_norm.": ".ln1.", ".ffn_norm.": ".ln2."}


def _sees(header: Header) -> bool:
    return has_tensors(header, *ENCODERS)


def _shuffle(header: Header) -> Values:
    """How many pixels of each side become one."""
    ratio = header.number(key(header, "vision.pixel_shuffle_ratio"))
    return {"projector.scale_factor": max(round(1 / ratio), 1) if 0 < ratio <= 1 else 2}


def _is_mistral(header: Header) -> bool:
    return _sees(header) or has_keys(header, *_YARN)


def _merge(header: Header) -> Values:
    return {"spatial_merge_size": integer(header, "spatial_merge_size", 1)}


def _add_break() -> Step:
    """The row that stands between lines of an image.

    It is a row of the quantized embedding, which is in no file of its own;
    nothing in its place leaves the lines as they are.
    """

    def step(header: Header, draft: Draft) -> Draft:
        from puna.gguf.translation.streams import zeros

        return draft | {_BREAK: zeros(_BREAK, integer(header, "embedding_length"))}

    return step


_LLAMA_SIGHT = Encoder(
    "llama4",
    activation="gelu",
    keys={"layer_norm_epsilon": "attention.layer_norm_epsilon"},
    computed=_shuffle,
    steps=(
        rename(
            {
                "v.vision_adapter.mlp.fc1": "mm.model.mlp.1",
                "v.vision_adapter.mlp.fc2": "mm.model.mlp.2",
                "mm.linear_1": "mm.model.fc",
                "v.class_embedding": "v.class_embd",
                "v.positional_embedding_vlm": "v.position_embd.weight",
                "v.layernorm_post": "v.post_ln",
                "v.layernorm_pre": "v.pre_ln",
                "v.patch_embedding": "v.patch_embd",
                **_LAYERS,
                ".mlp.fc1": ".ffn_up",
                ".mlp.fc2": ".ffn_down",
            }
        ),
    ),
)
_MISTRAL_SIGHT = Encoder(
    "pixtral",
    activation="silu",
    defaults={
        "attention.layer_norm_epsilon": 1e-5,
        "image_mean": CLIP_MEAN,
        "image_std": CLIP_DEVIATION,
    },
    computed=_merge,
    steps=(
        turn((".attn_q.weight", ".attn_k.weight"), "mistral3.vision.attention.head_count"),
        rename(
            {
                "v.patch_conv": "v.patch_embd",
                "v.encoder_norm": "v.pre_ln",
                **_LAYERS,
                "mm.linear_1": "mm.1",
                "mm.linear_2": "mm.2",
                "mm.patch_merger.merging_layer": "mm.patch_merger",
                "mm.norm": "mm.input_norm",
            }
        ),
        widen("v.patch_embd.weight"),
        _add_break(),
    ),
)

FAMILIES = (
    Family("llama4", _sees, encoders=(_LLAMA_SIGHT,)),
    Family(
        "mistral3",
        _is_mistral,
        keys=_YARN,
        computed=lambda header: {_PRE: "tekken"} if says_nothing(header, _PRE) else {},
        encoders=(_MISTRAL_SIGHT,),
    ),
)
