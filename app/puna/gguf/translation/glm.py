"""GLM 4 MoE Lite (4.7 Flash) and GLM OCR."""

from __future__ import annotations

from puna.gguf.header import Header
from puna.gguf.translation.family import Encoder, Family, Values
from puna.gguf.translation.questions import four_sections, integer, integers
from puna.gguf.translation.steps import join, rename, widen
from puna.gguf.writer import Addition

_PRE = "tokenizer.ggml.pre"
_ENDS = "tokenizer.ggml.eos_token_ids"


def _absorbed(header: Header) -> Values:
    """Attention over the compressed cache, as llama.cpp counts its widths."""
    rank = integer(header, "attention.kv_lora_rank")
    head = integer(header, "attention.key_length")
    return {
        "attention.head_count_kv": 1,
        "attention.key_length": rank + integer(header, "rope.dimension_count"),
        "attention.value_length": rank,
        "attention.key_length_mla": head,
        "attention.value_length_mla": head,
        _PRE: "glm4",
    }


def _missing_of_lite(header: Header) -> Values:
    values: dict[str, Addition] = {"expert_group_count": 1, "expert_group_used_count": 1}
    for name, token in zip(("eot", "eom"), integers(header, _ENDS)[1:], strict=False):
        values[f"tokenizer.ggml.{name}_token_id"] = token
    return values


def _ocr(header: Header) -> Values:
    sections = four_sections(header, "rope.mrope_section")
    values: dict[str, Addition] = {_PRE: "chatglm-bpe"}
    return values | {"rope.dimension_sections": sections} if sections else values


_SIGHT = Encoder(
    "glm4v",
    activation="silu",
    keys={
        "attention.layer_norm_rms_epsilon": "attention.layer_norm_epsilon",
        "intermediate_size": "feed_forward_length",
    },
    steps=(
        rename(
            {
                "v.patch_embd_0.weight": "v.patch_embd.weight",
                "v.patch_embd_1.weight": "v.patch_embd.weight.1",
            }
        ),
        widen("v.patch_embd.weight", "v.patch_embd.weight.1"),
    ),
)

FAMILIES = (
    Family(
        "glm4moelite",
        lambda header: True,
        architecture="deepseek2",
        computed=_absorbed,
        defaults=_missing_of_lite,
    ),
    Family(
        "glmocr",
        lambda header: True,
        architecture="glm4",
        computed=_ocr,
        defaults=lambda header: {"rope.dimension_count": integer(header, "attention.key_length")},
        steps=(
            join("ffn_up", ("ffn_gate", "ffn_up")),
            rename(
                {
                    ".attn_out.": ".attn_output.",
                    ".post_attn_norm.": ".post_attention_norm.",
                    ".post_ffn_norm.": ".post_ffw_norm.",
                }
            ),
        ),
        encoders=(_SIGHT,),
    ),
)
