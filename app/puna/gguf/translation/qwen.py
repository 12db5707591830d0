"""Qwen 2.5 VL, 3 VL, 3 Next and 3.5."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from puna.gguf.header import Array, Header
from puna.gguf.translation.family import CLIP_DEVIATION, CLIP_MEAN, Encoder, Family, Values
from puna.gguf.translation.questions import (
    ENCODERS,
    four_sections,
    has_ends,
    has_keys,
    has_tensors,
    integer,
    integers,
    key,
    size,
)
from puna.gguf.translation.steps import join, rename, rename_ends, split_frames, widen
from puna.gguf.types import ValueType
from puna.gguf.writer import Addition, NewArray

_SECTIONS = "rope.dimension_sections"
_KV_HEADS = "attention.head_count_kv"
_DEEP = "vision.deepstack_visual_indexes"
_LAYER = re.compile(r"blk\.(\d{1,4})\.")


# ---------------------------------------------------------------- text


def _sections_of_25(header: Header) -> Values:
    sections = four_sections(header, "rope.mrope_section")
    return {_SECTIONS: sections} if sections else {}


def _is_3vl(header: Header) -> bool:
    return has_tensors(header, *ENCODERS) or not has_keys(header, _SECTIONS)


def _defaults_of_3vl(header: Header) -> Values:
    layers = header.metadata.get(key(header, _DEEP))
    count = layers.count if isinstance(layers, Array) else 0
    return {_SECTIONS: (24, 20, 20, 0), "n_deepstack_layers": count}


def _is_35(header: Header) -> bool:
    sections = integers(header, key(header, _SECTIONS))
    return has_tensors(header, *ENCODERS, "mtp.") or _is_next(header) or len(sections) == 3


def _is_next(header: Header) -> bool:
    return has_ends(header, ".ssm_dt")


def _one_kv_count(header: Header) -> dict[str, Addition]:
    """One number in place of one per layer, where layers without attention have 0."""
    counts = integers(header, key(header, _KV_HEADS))
    return {_KV_HEADS: max(counts) or 2} if counts else {}


def _values_of_35(header: Header) -> Values:
    values = _one_kv_count(header)
    sections = four_sections(header, _SECTIONS, "rope.mrope_section", "mrope_sections")
    if sections:
        values[_SECTIONS] = sections
    if has_tensors(header, "mtp."):
        values["block_count"] = _layers(header)
    return values


def _layers(header: Header) -> int:
    """Layers that the file has tensors of."""
    found = (_LAYER.match(tensor.name) for tensor in header.tensors)
    return max((int(match[1]) + 1 for match in found if match), default=0)


# ---------------------------------------------------------------- encoders


def _window_pattern(header: Header) -> Values:
    layers = integers(header, key(header, "vision.fullatt_block_indexes"))
    values: dict[str, Addition] = {"n_wa_pattern": layers[0] + 1 if layers else 8}
    return values | _width("v.blk.0.ffn_up.weight")(header)


def _width(name: str) -> Callable[[Header], dict[str, Addition]]:
    """Width of the layers, from the tensor that leads to it."""

    def values(header: Header) -> dict[str, Addition]:
        found = size(header, name, 1)
        return {"feed_forward_length": found} if found else {}

    return values


def _deep_layers(header: Header) -> Values:
    """Which layers lead straight into the text side, and the sizes that only tensors show."""
    count = integer(header, "vision.block_count")
    deep = integers(header, key(header, _DEEP))
    mask = [layer in deep for layer in range(min(count, 1024))]
    side = math.isqrt(size(header, "v.pos_embed.weight", 1))
    values = _width("v.blk.0.mlp.linear_fc1.weight")(header)
    if side:
        values["image_size"] = side * integer(header, "vision.patch_size")
    return values | {"is_deepstack_layers": NewArray(ValueType.BOOL, mask)}


def _mergers(header: Header) -> dict[str, str]:
    """The mergers of a file are counted, those of llama.cpp have the number of their layer."""
    names = {}
    for number, layer in enumerate(integers(header, key(header, _DEEP))):
        names[f"v.deepstack_merger.{number}.linear_"] = f"v.deepstack.{layer}."
        names[f"v.deepstack_merger.{number}."] = f"v.deepstack.{layer}."
    return names


_SIGHT_OF_25 = Encoder(
    "qwen2.5vl_merger",
    activation="silu",
    defaults={"image_size": 560, "image_mean": CLIP_MEAN, "image_std": CLIP_DEVIATION},
    computed=_window_pattern,
    steps=(
        rename(
            {
                "v.merger.ln_q.": "v.post_ln.",
                "v.merger.mlp.": "mm.",
                "v.patch_embd_0.weight": "v.patch_embd.weight",
                "v.patch_embd_1.weight": "v.patch_embd.weight.1",
            }
        ),
        widen("v.patch_embd.weight", "v.patch_embd.weight.1"),
    ),
)
_SIGHT_OF_3 = Encoder(
    "qwen3vl_merger",
    activation="gelu",
    computed=_deep_layers,
    steps=(
        join("attn_qkv", ("attn_q", "attn_k", "attn_v")),
        split_frames("v.patch_embed.weight", "v.patch_embd.weight", "v.patch_embd.weight.1"),
        rename(_mergers),
        rename(
            {
                "v.pos_embed.": "v.position_embd.",
                "v.patch_embed.": "v.patch_embd.",
                "v.merger.norm": "v.post_ln",
                "v.merger.linear_fc1": "mm.0",
                "v.merger.linear_fc2": "mm.2",
                ".mlp.linear_fc1": ".ffn_up",
                ".mlp.linear_fc2": ".ffn_down",
                ".norm1.": ".ln1.",
                ".norm2.": ".ln2.",
            }
        ),
        widen("v.position_embd.weight"),
    ),
)
_BIAS = rename_ends({".ssm_dt": ".ssm_dt.bias"})

FAMILIES = (
    Family(
        "qwen25vl",
        lambda header: True,
        architecture="qwen2vl",
        computed=_sections_of_25,
        encoders=(_SIGHT_OF_25,),
    ),
    *(
        Family(name, _is_3vl, defaults=_defaults_of_3vl, encoders=(_SIGHT_OF_3,))
        for name in ("qwen3vl", "qwen3vlmoe")
    ),
    *(
        Family(
            name,
            _is_35,
            keys={"nextn_predict_layers": ""},
            computed=_values_of_35,
            steps=(_BIAS,),
            encoders=(_SIGHT_OF_3,),
        )
        for name in ("qwen35", "qwen35moe")
    ),
    Family("qwen3next", _is_next, computed=_one_kv_count, steps=(_BIAS,)),
)
