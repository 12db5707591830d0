"""Files as Ollama's own converter writes them, loaded from their translated copies.

The files are synthetic: one layer with random weights, the names and keys of
the real ones. So they prove that llama.cpp takes the copy and computes with
it, not that the answers of a real model are right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from puna.gguf.reader import read_header
from puna.gguf.translation import obstacle, translation
from puna.gguf.writer import combine

pytestmark = pytest.mark.model

_WIDTH, _HEADS, _HEAD, _FEED, _EXPERTS = 256, 2, 128, 96, 2
_TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
_ENCODER = {"v.patch_embedding.weight": (8, 8), "mm.input_projection.weight": (8, 8)}

Shapes = Mapping[str, tuple[int, ...]]


def _attention(*, bias: bool = False, norms: bool = False, output: str = "attn_output") -> Shapes:
    inner = _HEADS * _HEAD
    shapes: dict[str, tuple[int, ...]] = {"attn_norm.weight": (_WIDTH,)}
    for name in ("attn_q", "attn_k", "attn_v"):
        shapes[f"{name}.weight"] = (inner, _WIDTH)
        if bias:
            shapes[f"{name}.bias"] = (inner,)
    shapes[f"{output}.weight"] = (_WIDTH, inner)
    if norms:
        shapes |= {"attn_q_norm.weight": (_HEAD,), "attn_k_norm.weight": (_HEAD,)}
    return shapes


_FEED_FORWARD: Shapes = {
    "ffn_norm.weight": (_WIDTH,),
    "ffn_gate.weight": (_FEED, _WIDTH),
    "ffn_up.weight": (_FEED, _WIDTH),
    "ffn_down.weight": (_WIDTH, _FEED),
}
_MIXTURE: Shapes = {
    "ffn_norm.weight": (_WIDTH,),
    "ffn_gate_inp.weight": (_EXPERTS, _WIDTH),
    "ffn_gate_exps.weight": (_EXPERTS, _FEED, _WIDTH),
    "ffn_up_exps.weight": (_EXPERTS, _FEED, _WIDTH),
    "ffn_down_exps.weight": (_EXPERTS, _WIDTH, _FEED),
}
_BIASED_MIXTURE: Shapes = {
    **_MIXTURE,
    "ffn_gate_inp.bias": (_EXPERTS,),
    "ffn_gate_exps.bias": (_EXPERTS, _FEED),
    "ffn_up_exps.bias": (_EXPERTS, _FEED),
    "ffn_down_exps.bias": (_EXPERTS, _WIDTH),
}
_EXPERT_KEYS = {"expert_count": _EXPERTS, "expert_used_count": 1}


@dataclass(frozen=True)
class Kind:
    """What a file of one architecture has in it, under Ollama's names.

    llama4 has four layers, for one in four is made differently.
    """

    layer: Shapes
    keys: Mapping[str, Any] = field(default_factory=dict)
    whole: Shapes = field(default_factory=lambda: dict(_ENCODER))
    has_eps: bool = True
    layers: int = 1


KINDS = {
    "gemma3": Kind(
        {
            **_attention(norms=True),
            **_FEED_FORWARD,
            "post_attention_norm.weight": (_WIDTH,),
            "post_ffw_norm.weight": (_WIDTH,),
        },
        {
            "attention.key_length": _HEAD,
            "attention.value_length": _HEAD,
            "attention.sliding_window": 16,
            "rope.global.freq_base": 1e6,
            "rope.local.freq_base": 1e4,
            "mm.tokens_per_image": 256,
            "vision.block_count": 1,
        },
        has_eps=False,
    ),
    "gptoss": Kind(
        {
            **_attention(bias=True, output="attn_out"),
            "attn_out.bias": (_WIDTH,),
            "attn_sinks": (_HEADS,),
            **_BIASED_MIXTURE,
        },
        {"attention.sliding_window": 16, "rope.scaling.factor": 32.0, **_EXPERT_KEYS},
        whole={},
    ),
    "llama4": Kind(
        {**_attention(), **_FEED_FORWARD},
        {
            "interleave_moe_layer_step": 8,
            "expert_feed_forward_length": _FEED,
            "vision.block_count": 1,
            **_EXPERT_KEYS,
        },
        layers=4,
    ),
    "mistral3": Kind(
        {**_attention(), **_FEED_FORWARD},
        {
            "rope.dimension_count": _HEAD,
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": 16.0,
            "rope.scaling.original_context_length": 64,
            "rope.scaling.beta_fast": 32.0,
            "rope.scaling.beta_slow": 1.0,
            "rope.scaling.mscale_all_dim": 1.0,
            "rope.scaling_beta": 0.1,
        },
    ),
    "olmo3": Kind(
        {
            **{name: shape for name, shape in _attention().items() if name != "attn_norm.weight"},
            **{name: shape for name, shape in _FEED_FORWARD.items() if name != "ffn_norm.weight"},
            "attn_q_norm.weight": (_WIDTH,),
            "attn_k_norm.weight": (_WIDTH,),
            "post_attention_norm.weight": (_WIDTH,),
            "post_ffw_norm.weight": (_WIDTH,),
        },
        {"attention.sliding_window": 16},
        whole={},
    ),
    "qwen25vl": Kind(
        {**_attention(bias=True), **_FEED_FORWARD},
        {"rope.mrope_section": [16, 24, 24], "vision.block_count": 1},
    ),
    "qwen3vl": Kind(
        {**_attention(norms=True), **_FEED_FORWARD},
        {"attention.key_length": _HEAD, "attention.value_length": _HEAD, "vision.block_count": 1},
    ),
    "qwen3vlmoe": Kind(
        {**_attention(norms=True), **_MIXTURE},
        {
            "attention.key_length": _HEAD,
            "attention.value_length": _HEAD,
            "expert_feed_forward_length": _FEED,
            **_EXPERT_KEYS,
        },
    ),
}


def _write(path: Path, architecture: str, kind: Kind) -> None:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(kind.layers)
    writer.add_context_length(128)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_FEED)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    if kind.has_eps:
        writer.add_layer_norm_rms_eps(1e-6)
    for key, value in kind.keys.items():
        _add(writer, f"{architecture}.{key}", value)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(_TOKENS)
    writer.add_token_scores([0.0] * len(_TOKENS))
    writer.add_token_types([2, 3, 3] + [6] * 256)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    chance = np.random.default_rng(1)
    shapes = {
        "token_embd.weight": (len(_TOKENS), _WIDTH),
        "output_norm.weight": (_WIDTH,),
        "output.weight": (len(_TOKENS), _WIDTH),
        **{
            f"blk.{layer}.{name}": shape
            for layer in range(kind.layers)
            for name, shape in kind.layer.items()
        },
        **kind.whole,
    }
    for name, shape in shapes.items():
        writer.add_tensor(name, chance.normal(0, 0.1, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    adders: dict[type, Callable[[str, Any], None]] = {
        int: writer.add_uint32,
        float: writer.add_float32,
        str: writer.add_string,
        list: writer.add_array,
    }
    adders[type(value)](key, value)


@pytest.mark.parametrize("architecture", KINDS)
def test_a_file_of_ollamas_converter_runs_from_its_copy(
    architecture: str, tmp_path: Path, start_runner: Callable[[], Any]
) -> None:
    original, copy = tmp_path / "original.gguf", tmp_path / "copy.gguf"
    _write(original, architecture, KINDS[architecture])
    header = read_header(original)
    assert obstacle(header)
    changes = translation(header)
    assert changes is not None
    with copy.open("wb") as file:
        combine([header], file.write, changes)
    assert obstacle(read_header(copy)) == ""
    runner = start_runner()
    runner.load(copy, context_length=64)
    assert runner.raw(1, "ab", num_predict=4).usage.completion_tokens >= 1
