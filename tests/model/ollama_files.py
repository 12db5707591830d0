"""Files as Ollama's own converter writes them: tiny, with random weights.

Names, keys and shapes are those of the real ones, down to a layer or two, so
they prove that llama.cpp takes what is made of them and computes with it, not
that the answers of a real model are right.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np

WIDTH, HEADS, HEAD, FEED, EXPERTS = 256, 2, 128, 96, 2
"""Of the text side."""

_SIGHT, _SIGHT_FEED, _PATCH = 32, 48, 14
"""Of encoders: width, width of the layers between, pixels of a patch."""

_TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
_SURPLUS = ["<image>", "<audio>"]
_CHARACTERS = base64.b64encode(struct.pack("<I", 1024) + bytes(1025)).decode()
"""A map of characters with nothing in it."""

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Keys = Mapping[str, Any]


@dataclass(frozen=True)
class OllamaFile:
    """What a file of one family has in it.

    Attributes:
        layer: tensors of each layer of the text side.
        keys: without the architecture.
        architecture: in the file, when the family has another name.
        more: tensors beside the layers.
        layers: their number.
        other_layers: tensors of single layers, in place of ``layer``.
        left_out: tensors that every other file has.
        has_eps: says how norms are kept from dividing by nothing.
        tokenizer: keys of the tokenizer that differ.
        surplus: whether the vocabulary is longer than the embedding.
    """

    layer: Shapes
    keys: Keys = field(default_factory=dict)
    architecture: str = ""
    more: Shapes = field(default_factory=dict)
    layers: int = 1
    other_layers: Mapping[int, Shapes] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    has_eps: bool = True
    tokenizer: Keys = field(default_factory=dict)
    surplus: bool = False


# ---------------------------------------------------------------- parts


def _pairs(shapes: Shapes) -> dict[str, Shape]:
    """Weights with their biases."""
    made: dict[str, Shape] = {}
    for name, shape in shapes.items():
        made |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return made


def _weights(shapes: Shapes) -> dict[str, Shape]:
    return {f"{name}.weight": shape for name, shape in shapes.items()}


def _attention(
    *, bias: bool = False, norms: bool = False, output: str = "attn_output", gated: bool = False
) -> dict[str, Shape]:
    inner = HEADS * HEAD
    matrices = {"attn_q": (inner * (1 + gated), WIDTH), "attn_k": (inner, WIDTH)}
    matrices["attn_v"] = (inner, WIDTH)
    shapes = _pairs(matrices) if bias else _weights(matrices)
    shapes |= _weights({"attn_norm": (WIDTH,), output: (WIDTH, inner)})
    if norms:
        shapes |= _weights({"attn_q_norm": (HEAD,), "attn_k_norm": (HEAD,)})
    return shapes


_FEED_FORWARD = _weights(
    {
        "ffn_norm": (WIDTH,),
        "ffn_gate": (FEED, WIDTH),
        "ffn_up": (FEED, WIDTH),
        "ffn_down": (WIDTH, FEED),
    }
)
_EXPERTS_ONLY = {
    "ffn_gate_inp": (EXPERTS, WIDTH),
    "ffn_gate_exps": (EXPERTS, FEED, WIDTH),
    "ffn_up_exps": (EXPERTS, FEED, WIDTH),
    "ffn_down_exps": (EXPERTS, WIDTH, FEED),
}
_SHARED_EXPERT = _weights(
    {
        "ffn_gate_shexp": (FEED, WIDTH),
        "ffn_up_shexp": (FEED, WIDTH),
        "ffn_down_shexp": (WIDTH, FEED),
    }
)
_MIXTURE = _weights({"ffn_norm": (WIDTH,), **_EXPERTS_ONLY})
_BIASED_MIXTURE = {
    **_MIXTURE,
    "ffn_gate_inp.bias": (EXPERTS,),
    "ffn_gate_exps.bias": (EXPERTS, FEED),
    "ffn_up_exps.bias": (EXPERTS, FEED),
    "ffn_down_exps.bias": (EXPERTS, WIDTH),
}
_EXPERT_KEYS = {"expert_count": EXPERTS, "expert_used_count": 1}
_HEAD_KEYS = {"attention.key_length": HEAD, "attention.value_length": HEAD}
_AFTER_NORMS = _weights({"post_attention_norm": (WIDTH,), "post_ffw_norm": (WIDTH,)})
_GEMMA = {**_attention(norms=True), **_FEED_FORWARD, **_AFTER_NORMS}

_STATE, _RANK = 16, 2
_LINEAR = _weights(
    {
        "attn_norm": (WIDTH,),
        "post_attention_norm": (WIDTH,),
        "attn_qkv": (3 * _STATE * _RANK, WIDTH),
        "attn_gate": (_STATE * _RANK, WIDTH),
        "ssm_conv1d": (3 * _STATE * _RANK, 4),
        "ssm_norm": (_STATE,),
        "ssm_out": (WIDTH, _STATE * _RANK),
    }
) | {"ssm_dt": (_RANK,), "ssm_a": (_RANK,)}
_LINEAR_35 = _LINEAR | _weights({"ssm_beta": (_RANK, WIDTH), "ssm_alpha": (_RANK, WIDTH)})
_LINEAR_NEXT = _LINEAR | _weights({"ssm_ba": (2 * _RANK, WIDTH)})
_LINEAR_KEYS = {
    **_HEAD_KEYS,
    "attention.head_count_kv": [0, HEADS],
    "full_attention_interval": 2,
    "rope.dimension_count": 64,
    "ssm.conv_kernel": 4,
    "ssm.inner_size": _STATE * _RANK,
    "ssm.state_size": _STATE,
    "ssm.time_step_rank": _RANK,
    "ssm.group_count": _RANK,
}
_FULL_35 = {
    **_attention(norms=True, gated=True),
    "post_attention_norm.weight": (WIDTH,),
}
_DENSE_35 = {name: shape for name, shape in _FEED_FORWARD.items() if name != "ffn_norm.weight"}
_MOE_35 = _weights(_EXPERTS_ONLY) | _SHARED_EXPERT | _weights({"ffn_gate_inp_shexp": (WIDTH,)})
_MOE_35_KEYS = {
    **_EXPERT_KEYS,
    "expert_feed_forward_length": FEED,
    "expert_shared_feed_forward_length": FEED,
}

_ALTUP = 256
"""Width of the embedding per layer in Gemma 3n."""

_LORA, _TURNED = 64, 32
_INNER, _GROUPS, _MAMBA_HEADS = 64, 1, 2
_MAMBA = _weights(
    {
        "attn_norm": (WIDTH,),
        "ssm_in": (2 * _INNER + 2 * _GROUPS * _STATE + _MAMBA_HEADS, WIDTH),
        "ssm_conv1d": (_INNER + 2 * _GROUPS * _STATE, 4),
        "ssm_norm": (_GROUPS, _INNER // _GROUPS),
        "ssm_out": (WIDTH, _INNER),
    }
) | {
    "ssm_conv1d.bias": (_INNER + 2 * _GROUPS * _STATE,),
    "ssm_dt.bias": (_MAMBA_HEADS,),
    "ssm_a": (_MAMBA_HEADS, 1),
    "ssm_d": (_MAMBA_HEADS, 1),
}
_NEMOTRON_KEYS = {
    **_HEAD_KEYS,
    **_EXPERT_KEYS,
    "attention.head_count_kv": [0, 0, HEADS],
    "attention.layer_norm_epsilon": 1e-5,
    "feed_forward_length": [0, FEED, 0],
    "expert_feed_forward_length": FEED,
    "expert_shared_feed_forward_length": FEED,
    "expert_shared_count": 1,
    "ssm.conv_kernel": 4,
    "ssm.inner_size": _INNER,
    "ssm.state_size": _STATE,
    "ssm.time_step_rank": _MAMBA_HEADS,
    "ssm.group_count": _GROUPS,
}


# ---------------------------------------------------------------- encoders


def _tower(layer: Shapes, layers: int, whole: Shapes) -> dict[str, Shape]:
    numbered = {
        f"v.blk.{number}.{name}": shape for number in range(layers) for name, shape in layer.items()
    }
    return {**numbered, **whole}


def _square(*names: str) -> dict[str, Shape]:
    return dict.fromkeys(names, (_SIGHT, _SIGHT))


def _norms(*names: str) -> dict[str, Shape]:
    return dict.fromkeys(names, (_SIGHT,))


def _feed(up: str, down: str) -> dict[str, Shape]:
    return {up: (_SIGHT_FEED, _SIGHT), down: (_SIGHT, _SIGHT_FEED)}


_KERNEL = (_SIGHT, 3, _PATCH, _PATCH)
_SIGHT_KEYS = {
    "vision.block_count": 2,
    "vision.embedding_length": _SIGHT,
    "vision.feed_forward_length": _SIGHT_FEED,
    "vision.attention.head_count": 2,
    "vision.attention.layer_norm_epsilon": 1e-6,
    "vision.patch_size": _PATCH,
    "vision.num_channels": 3,
}
_GATED = _weights({"ffn_gate": (_SIGHT_FEED, _SIGHT), **_feed("ffn_up", "ffn_down")})

_GEMMA3_SIGHT = _tower(
    _pairs(
        {
            **_norms("layer_norm1", "layer_norm2"),
            **_square("attn_q", "attn_k", "attn_v", "attn_output"),
            **_feed("mlp.fc1", "mlp.fc2"),
        }
    ),
    2,
    {
        **_pairs({"v.patch_embedding": _KERNEL, **_norms("v.post_layernorm")}),
        "v.position_embedding.weight": (16, _SIGHT),
        "mm.mm_input_projection.weight": (_SIGHT, WIDTH),
        "mm.mm_soft_emb_norm.weight": (_SIGHT,),
    },
)
_GEMMA4_SIGHT = _tower(
    _weights(
        {
            **_norms("ln1", "ln2", "attn_post_norm", "ffn_post_norm"),
            **_square("attn_q", "attn_k", "attn_v", "attn_out"),
            "attn_q_norm": (_SIGHT // 2,),
            "attn_k_norm": (_SIGHT // 2,),
        }
    )
    | _GATED
    | {"attn_q.input_max": (1,), "attn_q.input_min": (1,)},
    2,
    {
        "v.patch_embd.weight": _KERNEL,
        "v.position_embd.weight": (2, 64, _SIGHT),
        "v.clamp_data": (8,),
        "mm.input_projection.weight": (WIDTH, _SIGHT),
    },
)
_GEMMA4_HEARING = {
    f"a.blk.0.{name}": shape
    for name, shape in _weights(
        {
            **_norms("ffn_norm", "ffn_post_norm", "ffn_norm_1", "ffn_post_norm_1"),
            **_norms("ln1", "ln2", "layer_pre_norm", "conv_norm", "norm_conv"),
            **_square("attn_q", "attn_k", "attn_v", "attn_out", "linear_pos", "conv_pw2"),
            **_feed("ffn_up", "ffn_down"),
            **_feed("ffn_up_1", "ffn_down_1"),
            "per_dim_scale": (_SIGHT // 2,),
            "conv_pw1": (2 * _SIGHT, _SIGHT),
            "conv_dw": (_SIGHT, 5),
        }
    ).items()
} | _weights(
    {
        "a.conv1d.0": (8, 1, 3, 3),
        "a.conv1d.1": (8, 8, 3, 3),
        "a.pre_encode.out": (_SIGHT, 8 * 32),
        "mm.a.input_projection": (WIDTH, _SIGHT),
        "mm.a.fc": (_SIGHT, _SIGHT),
    }
)
_HEARING_KEYS = {
    "audio.block_count": 1,
    "audio.embedding_length": _SIGHT,
    "audio.feed_forward_length": _SIGHT_FEED,
    "audio.attention.head_count": 2,
    "audio.attention.layer_norm_epsilon": 1e-6,
}
_QWEN25_SIGHT = _tower(
    _weights(_norms("ln1", "ln2"))
    | _pairs(
        {
            **_square("attn_q", "attn_k", "attn_v", "attn_out"),
            "ffn_gate": (_SIGHT_FEED, _SIGHT),
            **_feed("ffn_up", "ffn_down"),
        }
    ),
    2,
    {
        "v.patch_embd_0.weight": _KERNEL,
        "v.patch_embd_1.weight": _KERNEL,
        "v.merger.ln_q.weight": (_SIGHT,),
        **_pairs(
            {
                "v.merger.mlp.0": (4 * _SIGHT, 4 * _SIGHT),
                "v.merger.mlp.2": (WIDTH, 4 * _SIGHT),
            }
        ),
    },
)
_QWEN3_LAYER = _pairs(
    {
        **_norms("norm1", "norm2"),
        **_square("attn_q", "attn_k", "attn_v", "attn_out"),
        **_feed("mlp.linear_fc1", "mlp.linear_fc2"),
    }
)
_MERGER = {"linear_fc1": (4 * _SIGHT, 4 * _SIGHT), "linear_fc2": (WIDTH, 4 * _SIGHT)}
_QWEN3_WHOLE = {
    "v.patch_embed.weight": (3 * _SIGHT, 2, _PATCH, _PATCH),
    "v.patch_embed.bias": (_SIGHT,),
    "v.pos_embed.weight": (16, _SIGHT),
    **_pairs({"v.merger.norm": (_SIGHT,)}),
    **_pairs({f"v.merger.{name}": shape for name, shape in _MERGER.items()}),
}
_QWEN35_SIGHT = _tower(_QWEN3_LAYER, 2, _QWEN3_WHOLE)
_QWEN3_SIGHT = _QWEN35_SIGHT | _pairs(
    {
        "v.deepstack_merger.0.norm": (4 * _SIGHT,),
        **{f"v.deepstack_merger.0.{name}": shape for name, shape in _MERGER.items()},
    }
)
_QWEN3_KEYS = {name: value for name, value in _SIGHT_KEYS.items() if "feed_forward" not in name} | {
    "vision.spatial_merge_size": 2
}
_LLAMA4_SIGHT = _tower(
    _pairs(
        {
            **_norms("attn_norm", "ffn_norm"),
            **_square("attn_q", "attn_k", "attn_v", "attn_output"),
            **_feed("mlp.fc1", "mlp.fc2"),
        }
    ),
    2,
    {
        "v.patch_embedding.weight": (_SIGHT, 3 * _PATCH * _PATCH),
        "v.class_embedding": (_SIGHT,),
        "v.positional_embedding_vlm": (17, _SIGHT),
        **_pairs(_norms("v.layernorm_pre", "v.layernorm_post")),
        "v.vision_adapter.mlp.fc1.weight": (_SIGHT, 4 * _SIGHT),
        "v.vision_adapter.mlp.fc2.weight": (_SIGHT, _SIGHT),
        "mm.linear_1.weight": (WIDTH, _SIGHT),
    },
)
_MISTRAL_SIGHT = _tower(
    _weights(
        {
            **_norms("attn_norm", "ffn_norm"),
            **_square("attn_q", "attn_k", "attn_v", "attn_output"),
        }
    )
    | _GATED,
    2,
    {
        "v.patch_conv.weight": _KERNEL,
        "v.encoder_norm.weight": (_SIGHT,),
        "mm.norm.weight": (_SIGHT,),
        "mm.patch_merger.merging_layer.weight": (_SIGHT, 4 * _SIGHT),
        "mm.linear_1.weight": (WIDTH, _SIGHT),
        "mm.linear_2.weight": (WIDTH, WIDTH),
    },
)
_SAM = 16
_SAM_LAYER = {
    **_pairs(
        {
            "norm1": (_SAM,),
            "norm2": (_SAM,),
            "attn.qkv": (3 * _SAM, _SAM),
            "attn.proj": (_SAM, _SAM),
            "mlp.lin1": (_SAM, _SAM),
            "mlp.lin2": (_SAM, _SAM),
        }
    ),
    "attn.rel_pos_h": (27, _SAM),
    "attn.rel_pos_w": (27, _SAM),
}
"""The third layer sees the whole image, with positions drawn out to its size."""

_DEEPSEEK_SIGHT = _tower(
    _pairs(
        {
            **_norms("layer_norm1", "layer_norm2"),
            "self_attn.qkv_proj": (3 * _SIGHT, _SIGHT),
            **_square("self_attn.out_proj"),
            **_feed("mlp.fc1", "mlp.fc2"),
        }
    ),
    2,
    {
        "v.class_embd": (_SIGHT,),
        "v.patch_embd.weight": _KERNEL,
        "v.position_embd.weight": (257, _SIGHT),
        **_pairs({"v.pre_layrnorm": (_SIGHT,), "mm.layers": (WIDTH, 2 * _SIGHT)}),
        "mm.image_newline": (WIDTH,),
        "mm.view_seperator": (WIDTH,),
        "s.position_embd": (1, 64, 64, _SAM),
        **{
            f"s.blk.{layer}.{name}": shape
            for layer in range(3)
            for name, shape in _SAM_LAYER.items()
        },
        **_pairs(
            {
                "s.patch_embd": (_SAM, 3, 16, 16),
                "s.neck.1": (8,),
                "s.neck.3": (8,),
            }
        ),
        **_weights(
            {
                "s.neck.0": (8, _SAM, 1, 1),
                "s.neck.2": (8, 8, 3, 3),
                "s.net_2": (_SAM, 8, 3, 3),
                "s.net_3": (_SIGHT, _SAM, 3, 3),
            }
        ),
    },
)
_GLM_SIGHT = _tower(
    _weights(
        {
            **_norms("ln1", "ln2"),
            "attn_qkv": (3 * _SIGHT, _SIGHT),
            **_square("attn_out"),
            "attn_q_norm": (_SIGHT // 2,),
            "attn_k_norm": (_SIGHT // 2,),
        }
    )
    | _GATED,
    2,
    {
        "v.patch_embd_0.weight": _KERNEL,
        "v.patch_embd_1.weight": _KERNEL,
        "v.patch_embd.bias": (_SIGHT,),
        "v.post_ln.weight": (_SIGHT,),
        **_pairs({"mm.patch_merger": (WIDTH, _SIGHT, 2, 2), "mm.post_norm": (WIDTH,)}),
        **_weights(
            {
                "mm.model.fc": (WIDTH, WIDTH),
                "mm.gate": (FEED, WIDTH),
                "mm.up": (FEED, WIDTH),
                "mm.down": (WIDTH, FEED),
            }
        ),
    },
)


# ---------------------------------------------------------------- files

FILES: Mapping[str, OllamaFile] = {
    "gemma3": OllamaFile(
        _GEMMA,
        {
            **_HEAD_KEYS,
            **_SIGHT_KEYS,
            "vision.image_size": 4 * _PATCH,
            "attention.sliding_window": 512,
            "rope.global.freq_base": 1e6,
            "rope.local.freq_base": 1e4,
            "mm.tokens_per_image": 1,
        },
        more=_GEMMA3_SIGHT,
        has_eps=False,
        surplus=True,
    ),
    "snowflake-arctic-embed2": OllamaFile(
        {
            **_pairs(
                {
                    "attn_q": (WIDTH, WIDTH),
                    "attn_k": (WIDTH, WIDTH),
                    "attn_v": (WIDTH, WIDTH),
                    "attn_output": (WIDTH, WIDTH),
                    "attn_output_norm": (WIDTH,),
                    "ffn_up": (FEED, WIDTH),
                    "ffn_down": (WIDTH, FEED),
                    "layer_output_norm": (WIDTH,),
                }
            )
        },
        {
            "attention.causal": False,
            "attention.layer_norm_epsilon": 1e-5,
            "pooling_type": 2,
        },
        architecture="bert",
        more={
            "position_embd.weight": (1024, WIDTH),
            "token_types.weight": (1, WIDTH),
            **_pairs({"token_embd_norm": (WIDTH,)}),
        },
        left_out=("output_norm.weight", "output.weight"),
        tokenizer={
            "model": "t5",
            "token_type_count": 1,
            "unknown_token_id": 0,
            "precompiled_charsmap": list(_CHARACTERS),
        },
    ),
    "embeddinggemma": OllamaFile(
        _GEMMA,
        {
            **_HEAD_KEYS,
            "attention.sliding_window": 512,
            "attention.causal": False,
            "pooling_type": 1,
            "rope.freq_base": 1e6,
        },
        architecture="gemma3",
        more={
            "norm.weight": (WIDTH,),
            "dense.0.weight": (FEED, WIDTH),
            "dense.1.weight": (WIDTH, FEED),
        },
        layers=6,
        left_out=("output_norm.weight", "output.weight"),
    ),
    "deepseekocr": OllamaFile(
        {**_attention(), **_MIXTURE, **_SHARED_EXPERT},
        {
            **_EXPERT_KEYS,
            "leading_dense_block_count": 1,
            "vision.block_count": 2,
            "vision.embedding_length": _SIGHT,
            "vision.head_count": 2,
            "vision.image_size": 224,
            "vision.patch_size": 14,
            "sam.block_count": 3,
            "sam.embedding_length": _SAM,
            "sam.head_count": 1,
        },
        more=_DEEPSEEK_SIGHT,
        layers=2,
        other_layers={0: {**_attention(), **_FEED_FORWARD}},
        has_eps=False,
    ),
    "gemma3n": OllamaFile(
        {
            **_GEMMA,
            **_weights(
                {
                    "inp_gate": (_ALTUP, WIDTH),
                    "proj": (WIDTH, _ALTUP),
                    "post_norm": (WIDTH,),
                    "altup_correct_coef": (4, 4),
                    "altup_correct_scale": (WIDTH,),
                    "altup_predict_coef": (16, 4),
                    "altup_router": (4, WIDTH),
                    "altup_router_norm": (WIDTH,),
                    "laurel_l": (64, WIDTH),
                    "laurel_r": (WIDTH, 64),
                    "laurel_post_norm": (WIDTH,),
                }
            ),
        },
        {
            **_HEAD_KEYS,
            "attention.sliding_window": 512,
            "attention.sliding_window_pattern": [True, False],
            "activation_sparsity_scale": [1.6, 0.0],
        },
        more={
            "token_embd.weight": (len(_TOKENS) + len(_SURPLUS), WIDTH),
            **_weights(
                {
                    "per_layer_token_embd": (len(_TOKENS), 2 * _ALTUP),
                    "per_layer_model_proj": (2 * _ALTUP, WIDTH),
                    "per_layer_proj_norm": (_ALTUP,),
                    "altup_proj": (3, WIDTH, WIDTH),
                    "altup_unembd_proj": (3, WIDTH, WIDTH),
                }
            ),
        },
        layers=2,
        left_out=("output.weight",),
        surplus=True,
    ),
    "gemma4": OllamaFile(
        {**_GEMMA, "layer_output_scale.weight": (1,)},
        {
            **_HEAD_KEYS,
            **_SIGHT_KEYS,
            **_HEARING_KEYS,
            "vision.projector.scale_factor": 2,
            "attention.key_length_swa": HEAD,
            "attention.value_length_swa": HEAD,
            "attention.sliding_window": 512,
            "attention.sliding_window_pattern": [True, False],
            "attention.shared_kv_layers": 0,
            "embedding_length_per_layer_input": 0,
            "rope.dimension_count": HEAD,
            "rope.dimension_count_swa": HEAD,
        },
        more={"rope_freqs.weight": (HEAD // 2,), **_GEMMA4_SIGHT, **_GEMMA4_HEARING},
        layers=2,
        tokenizer={"pre": "gemma4", "merges": ["a b"]},
    ),
    "glm4moelite": OllamaFile(
        {
            **_weights(
                {
                    "attn_norm": (WIDTH,),
                    "attn_q_a": (_LORA, WIDTH),
                    "attn_q_a_norm": (_LORA,),
                    "attn_q_b": (HEADS * HEAD, _LORA),
                    "attn_kv_a_mqa": (_LORA + _TURNED, WIDTH),
                    "attn_kv_a_norm": (_LORA,),
                    "attn_k_b": (HEADS, _LORA, HEAD - _TURNED),
                    "attn_v_b": (HEADS, HEAD, _LORA),
                    "attn_output": (WIDTH, HEADS * HEAD),
                }
            ),
            **_MIXTURE,
            **_SHARED_EXPERT,
            "exp_probs_b.bias": (EXPERTS,),
        },
        {
            **_HEAD_KEYS,
            **_EXPERT_KEYS,
            "attention.key_length_mla": _LORA + _TURNED,
            "attention.value_length_mla": _LORA,
            "attention.kv_lora_rank": _LORA,
            "attention.q_lora_rank": _LORA,
            "rope.dimension_count": _TURNED,
            "expert_feed_forward_length": FEED,
            "expert_shared_count": 1,
            "expert_gating_func": 2,
        },
    ),
    "glmocr": OllamaFile(
        {
            **_attention(output="attn_out"),
            **_FEED_FORWARD,
            **_weights({"post_attn_norm": (WIDTH,), "post_ffn_norm": (WIDTH,)}),
        },
        {
            **_HEAD_KEYS,
            "rope.mrope_section": [16, 24, 24],
            "vision.block_count": 2,
            "vision.embedding_length": _SIGHT,
            "vision.intermediate_size": _SIGHT_FEED,
            "vision.attention.head_count": 2,
            "vision.attention.layer_norm_rms_epsilon": 1e-5,
            "vision.patch_size": _PATCH,
            "vision.image_size": 4 * _PATCH,
            "vision.spatial_merge_size": 2,
        },
        more=_GLM_SIGHT,
    ),
    "gptoss": OllamaFile(
        {
            **_attention(bias=True, output="attn_out"),
            "attn_out.bias": (WIDTH,),
            "attn_sinks": (HEADS,),
            **_BIASED_MIXTURE,
        },
        {"attention.sliding_window": 512, "rope.scaling.factor": 32.0, **_EXPERT_KEYS},
    ),
    "laguna": OllamaFile(
        {
            **_attention(norms=True),
            "attn_g.weight": (HEADS, WIDTH),
            **_MIXTURE,
            **_SHARED_EXPERT,
            "exp_probs_b.bias": (EXPERTS,),
        },
        {
            **_HEAD_KEYS,
            **_EXPERT_KEYS,
            "attention.sliding_window": 512,
            "expert_feed_forward_length": FEED,
            "leading_dense_block_count": 0,
            "rope.swa.dimension_count": HEAD,
            "rope.swa.freq_base": 1e4,
        },
        layers=2,
    ),
    "lfm2": OllamaFile(
        {**_attention(norms=True), **_FEED_FORWARD},
        {"attention.head_count_kv": [0, HEADS], "shortconv.l_cache": 3},
        layers=2,
        other_layers={
            0: {
                **_FEED_FORWARD,
                **_weights(
                    {
                        "attn_norm": (WIDTH,),
                        "shortconv.conv": (WIDTH, 3),
                        "shortconv.in_proj": (3 * WIDTH, WIDTH),
                        "shortconv.out_proj": (WIDTH, WIDTH),
                    }
                ),
            }
        },
    ),
    # one layer in four is made differently
    "llama4": OllamaFile(
        {**_attention(), **_FEED_FORWARD},
        {
            **_SIGHT_KEYS,
            "vision.image_size": 4 * _PATCH,
            "vision.layer_norm_epsilon": 1e-5,
            "vision.pixel_shuffle_ratio": 0.5,
            "interleave_moe_layer_step": 8,
            "expert_feed_forward_length": FEED,
            **_EXPERT_KEYS,
        },
        more=_LLAMA4_SIGHT,
        layers=4,
    ),
    "mistral3": OllamaFile(
        {**_attention(), **_FEED_FORWARD},
        {
            **_SIGHT_KEYS,
            "vision.image_size": 8 * _PATCH,
            "vision.rope.freq_base": 1e4,
            "spatial_merge_size": 2,
            "rope.dimension_count": HEAD,
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": 16.0,
            "rope.scaling.original_context_length": 64,
            "rope.scaling.beta_fast": 32.0,
            "rope.scaling.beta_slow": 1.0,
            "rope.scaling.mscale_all_dim": 1.0,
            "rope.scaling_beta": 0.1,
        },
        more=_MISTRAL_SIGHT,
    ),
    "nemotron_h_moe": OllamaFile(
        {
            **_weights(
                {
                    "attn_norm": (WIDTH,),
                    "ffn_gate_inp": (EXPERTS, WIDTH),
                    "ffn_latent_in": (_LORA, WIDTH),
                    "ffn_latent_out": (WIDTH, _LORA),
                    "ffn_down_exps": (EXPERTS, _LORA, FEED),
                    "ffn_up_exps": (EXPERTS, FEED, _LORA),
                    "ffn_down_shexp": (WIDTH, FEED),
                    "ffn_up_shexp": (FEED, WIDTH),
                }
            ),
            "exp_probs_b.bias": (EXPERTS,),
        },
        _NEMOTRON_KEYS,
        more={"mtp.layers.0.mixer.experts.0.up_proj.weight": (FEED, WIDTH)},
        layers=3,
        other_layers={0: _MAMBA, 2: _attention()},
    ),
    "nemotron_h_omni": OllamaFile(
        {**_weights({"attn_norm": (WIDTH,), "ffn_down": (WIDTH, FEED), "ffn_up": (FEED, WIDTH)})},
        {**_NEMOTRON_KEYS, "expert_count": 0, "expert_used_count": 0, "vision.block_count": 1},
        more={"a.x.weight": (8, 8), "mm.1.weight": (8, 8)},
        layers=3,
        other_layers={0: _MAMBA, 2: _attention()},
    ),
    "olmo3": OllamaFile(
        {
            **{name: shape for name, shape in _attention().items() if name != "attn_norm.weight"},
            **{name: shape for name, shape in _FEED_FORWARD.items() if name != "ffn_norm.weight"},
            **_weights({"attn_q_norm": (WIDTH,), "attn_k_norm": (WIDTH,)}),
            **_AFTER_NORMS,
        },
        {"attention.sliding_window": 512},
    ),
    "qwen25vl": OllamaFile(
        {**_attention(bias=True), **_FEED_FORWARD},
        {
            **_QWEN3_KEYS,
            "rope.mrope_section": [16, 24, 24],
            "vision.window_size": 112,
            "vision.fullatt_block_indexes": [1],
        },
        more=_QWEN25_SIGHT,
    ),
    "qwen3vl": OllamaFile(
        {**_attention(norms=True), **_FEED_FORWARD},
        {**_HEAD_KEYS, **_QWEN3_KEYS, "vision.deepstack_visual_indexes": [1]},
        more=_QWEN3_SIGHT,
        layers=2,
    ),
    "qwen3vlmoe": OllamaFile(
        {**_attention(norms=True), **_MIXTURE},
        {
            **_HEAD_KEYS,
            **_QWEN3_KEYS,
            **_EXPERT_KEYS,
            "vision.deepstack_visual_indexes": [1],
            "expert_feed_forward_length": FEED,
        },
        more=_QWEN3_SIGHT,
        layers=2,
    ),
    "qwen35": OllamaFile(
        {**_FULL_35, **_DENSE_35},
        {**_LINEAR_KEYS, **_QWEN3_KEYS, "rope.dimension_sections": [11, 11, 10]},
        more={**_QWEN35_SIGHT, "mtp.fc.weight": (WIDTH, 2 * WIDTH)},
        layers=2,
        other_layers={0: {**_LINEAR_35, **_DENSE_35}},
    ),
    "qwen35moe": OllamaFile(
        {**_FULL_35, **_MOE_35},
        {
            **_LINEAR_KEYS,
            **_QWEN3_KEYS,
            **_MOE_35_KEYS,
            "rope.dimension_sections": [11, 11, 10],
        },
        more=_QWEN35_SIGHT,
        layers=2,
        other_layers={0: {**_LINEAR_35, **_MOE_35}},
    ),
    "qwen3next": OllamaFile(
        {**_FULL_35, **_MOE_35},
        {**_LINEAR_KEYS, **_MOE_35_KEYS},
        layers=2,
        other_layers={0: {**_LINEAR_NEXT, **_MOE_35}},
    ),
}


def write(path: Path, family: str) -> None:
    """Write the file of a family."""
    file = FILES[family]
    write_file(path, file, file.architecture or family)


def write_file(path: Path, file: OllamaFile, architecture: str) -> None:
    """Write a file with random weights."""
    writer = gguf.GGUFWriter(path, architecture)
    keys: dict[str, Any] = {
        "block_count": file.layers,
        "context_length": 1024,
        "embedding_length": WIDTH,
        "feed_forward_length": FEED,
        "attention.head_count": HEADS,
        "attention.head_count_kv": HEADS,
        **({"attention.layer_norm_rms_epsilon": 1e-6} if file.has_eps else {}),
        **file.keys,
    }
    for key, value in keys.items():
        _add(writer, f"{architecture}.{key}", value)
    tokens = [*_TOKENS, *(_SURPLUS if file.surplus else ())]
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * (len(tokens) - len(_TOKENS)))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for key, value in ({"model": "llama"} | dict(file.tokenizer)).items():
        _add(writer, f"tokenizer.ggml.{key}", value)
    chance = np.random.default_rng(1)
    for name, shape in _shapes(file).items():
        values = chance.normal(0, 0.1, shape).astype(np.float32)
        if name.endswith("ssm_a"):
            # A state fades slowly.
            values = -0.01 * np.abs(values)
        half = len(shape) > 1 and name.startswith("v.") and "position" not in name
        writer.add_tensor(name, values.astype(np.float16) if half else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _shapes(file: OllamaFile) -> Shapes:
    shapes: dict[str, Shape] = {
        "token_embd.weight": (len(_TOKENS), WIDTH),
        "output_norm.weight": (WIDTH,),
        "output.weight": (len(_TOKENS), WIDTH),
    }
    for number in range(file.layers):
        layer = file.other_layers.get(number, file.layer)
        shapes |= {f"blk.{number}.{name}": shape for name, shape in layer.items()}
    return {
        name: shape
        for name, shape in (shapes | dict(file.more)).items()
        if name not in file.left_out
    }


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    adders: dict[type, Callable[[str, Any], None]] = {
        bool: writer.add_bool,
        int: writer.add_uint32,
        float: writer.add_float32,
        str: writer.add_string,
        list: writer.add_array,
    }
    adders[type(value)](key, value)
