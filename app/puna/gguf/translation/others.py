"""Families of one kind each: gpt-oss, OLMo 3, LFM2, Laguna, Arctic Embed, Nemotron H, DeepSeek OCR."""

from __future__ import annotations

import base64
import binascii

from puna.errors import InvalidModelFile
from puna.gguf.header import Array, Header
from puna.gguf.reader import read_strings
from puna.gguf.translation.family import Encoder, Family, Values
from puna.gguf.translation.questions import (
    has_ends,
    has_keys,
    has_tensors,
    integer,
    size,
)
from puna.gguf.translation.steps import rename, rename_ends, widen
from puna.gguf.types import ValueType
from puna.gguf.writer import Addition, NewArray

_PRE = "tokenizer.ggml.pre"
_CHARACTERS = "tokenizer.ggml.precompiled_charsmap"
_SWA_ROPE = {
    "rope.swa.dimension_count": "rope.dimension_count_swa",
    "rope.swa.freq_base": "rope.freq_base_swa",
}
_LATENT = {".ffn_latent_in": ".ffn_latent_down", ".ffn_latent_out": ".ffn_latent_up"}


def _always(header: Header) -> bool:
    return True


def _expert_width(header: Header) -> dict[str, Addition]:
    width = size(header, "blk.0.ffn_gate_exps.weight", 1)
    return {"expert_feed_forward_length": width} if width else {}


def _is_lfm2(header: Header) -> bool:
    return has_tensors(header, "output_norm.") and not has_tensors(header, "token_embd_norm.")


def _lfm2(header: Header) -> Values:
    width = size(header, "blk.0.ffn_gate.weight", 1)
    values: dict[str, Addition] = {_PRE: "lfm2"}
    return values | {"feed_forward_length": width} if width else values


def _is_laguna(header: Header) -> bool:
    return has_keys(header, *_SWA_ROPE) or has_ends(header, ".attn_g.weight")


def _is_arctic(header: Header) -> bool:
    value = header.metadata.get(_CHARACTERS)
    return isinstance(value, Array) and value.element is ValueType.STRING


def _characters(header: Header) -> Values:
    """The map of characters as bytes; the file has it letter by letter in base 64."""
    value = header.metadata[_CHARACTERS]
    assert isinstance(value, Array)
    try:
        data = base64.b64decode(b"".join(read_strings(header, value)), validate=True)
    except binascii.Error:
        raise InvalidModelFile(f"{_CHARACTERS} is not in base 64") from None
    return {_CHARACTERS: NewArray(ValueType.UINT8, data)}


def _is_latent(header: Header) -> bool:
    return has_tensors(header, "mtp.") or bool(_latent_size(header))


def _latent_size(header: Header) -> int:
    names = (tensor.name for tensor in header.tensors)
    first = next((name for name in names if name.endswith(".ffn_latent_in.weight")), "")
    return size(header, first, 1)


def _latent(header: Header) -> Values:
    found = _latent_size(header)
    return {"moe_latent_size": found} if found else {}


def _has_experts(header: Header) -> bool:
    return bool(integer(header, "expert_count") or integer(header, "expert_used_count"))


def _deepseek_experts(header: Header) -> Values:
    """Widths of experts from the first layer that has some."""
    width = size(header, "blk.1.ffn_down_exps.weight", 0)
    shared = size(header, "blk.1.ffn_down_shexp.weight", 0)
    values: dict[str, Addition] = {"attention.layer_norm_rms_epsilon": 1e-6}
    if width:
        values["expert_feed_forward_length"] = width
        values["expert_shared_count"] = shared // width
    return values


def _sam(header: Header) -> Values:
    """The first of the two encoders that stand one behind the other."""
    names = ("block_count", "embedding_length", "head_count")
    return {f"sam.{name}": integer(header, f"sam.{name}") for name in names}


_DEEPSEEK_SIGHT = Encoder(
    "deepseekocr",
    activation="gelu",
    keys={"head_count": "attention.head_count"},
    defaults={"feed_forward_length": 64, "projector.scale_factor": 1, "window_size": 14},
    computed=_sam,
    steps=(
        rename({"s.": "v.sam."}, within="s."),
        rename_ends({"v.sam.position_embd": "v.sam.pos_embd.weight"}),
        rename(
            {
                ".self_attn.out_proj": ".attn_out",
                ".self_attn.qkv_proj": ".attn_qkv",
                ".layer_norm1": ".ln1",
                ".layer_norm2": ".ln2",
                ".mlp.fc1": ".ffn_up",
                ".mlp.fc2": ".ffn_down",
                "v.pre_layrnorm": "v.pre_ln",
                ".attn.proj": ".attn.out",
                ".attn.rel_pos_h": ".attn.pos_h.weight",
                ".attn.rel_pos_w": ".attn.pos_w.weight",
                ".norm1": ".pre_ln",
                ".norm2": ".post_ln",
                "mm.layers": "mm.model.fc",
                "mm.image_newline": "v.image_newline",
                "mm.view_seperator": "v.view_seperator",
            }
        ),
        widen("v.patch_embd.weight", "v.sam.patch_embd.weight", "v.position_embd.weight"),
    ),
)

FAMILIES = (
    Family(
        "gptoss",
        _always,
        architecture="gpt-oss",
        computed=lambda header: {_PRE: "gpt-4o"},
        defaults=lambda header: {"rope.scaling.type": "yarn", **_expert_width(header)},
        steps=(
            rename({".attn_out.": ".attn_output.", ".ffn_norm.": ".post_attention_norm."}),
            rename_ends({".attn_sinks": ".attn_sinks.weight"}),
        ),
    ),
    Family("olmo3", _always, architecture="olmo2"),
    Family(
        "lfm2",
        _is_lfm2,
        computed=_lfm2,
        steps=(rename({"output_norm.": "token_embd_norm."}, within="output_norm."),),
    ),
    Family(
        "laguna",
        _is_laguna,
        keys=_SWA_ROPE,
        steps=(rename_ends({".attn_g.weight": ".attn_gate.weight"}),),
    ),
    Family("bert", _is_arctic, computed=_characters),
    Family("nemotron_h_moe", _is_latent, defaults=_latent, steps=(rename(_LATENT),)),
    Family(
        "nemotron_h_omni",
        _has_experts,
        architecture="nemotron_h_moe",
        defaults=_latent,
        steps=(rename(_LATENT),),
    ),
    Family("nemotron_h_omni", _always, architecture="nemotron_h"),
    Family(
        "deepseekocr",
        _always,
        architecture="deepseek2-ocr",
        defaults=_deepseek_experts,
        encoders=(_DEEPSEEK_SIGHT,),
    ),
)
