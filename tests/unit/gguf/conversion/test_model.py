from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.model import hugging_face as hf

from puna.errors import InvalidInput
from puna.gguf.conversion.model import convert_model
from puna.gguf.header import Array, Header
from puna.gguf.reader import read_array, read_header

VOCAB = 260
Convert = Callable[[dict[str, Any]], Header]


def llama(**config: Any) -> dict[str, Any]:
    known = {**hf.CONFIG, "architectures": ["LlamaForCausalLM"], "vocab_size": VOCAB}
    return {
        "config.json": {**known, **config},
        "tokenizer.json": hf.byte_pair_tokenizer(),
        "model.safetensors": hf.safetensors(hf.decoder_weights(VOCAB)),
    }


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    def run(files: dict[str, Any]) -> Header:
        target = tmp_path / "out.gguf"
        convert_model(hf.write_folder(tmp_path / "in", files), target, lambda part: None)
        return read_header(target)

    return run


def values(header: Header, name: str) -> np.ndarray[Any, Any]:
    tensor = next(tensor for tensor in header.tensors if tensor.name == name)
    kind = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}[tensor.type]
    start = header.data_offset + tensor.offset
    flat = np.fromfile(header.path, kind, tensor.elements, offset=start)
    return flat.reshape(tensor.shape[::-1])


@pytest.mark.parametrize(
    ("dtype", "kind", "file_type"), [("F32", "F16", 1), ("F16", "F16", 1), ("BF16", "BF16", 32)]
)
def test_weights_keep_their_type_and_norms_become_f32(
    convert: Convert, dtype: str, kind: str, file_type: int
) -> None:
    weights = hf.decoder_weights(VOCAB)
    header = convert(llama() | {"model.safetensors": hf.safetensors(weights, dtype)})
    types = {tensor.name: tensor.type for tensor in header.tensors}
    assert types["blk.0.ffn_up.weight"] == types["token_embd.weight"] == kind
    assert types["output_norm.weight"] == types["blk.1.attn_norm.weight"] == "F32"
    assert header.integer("general.file_type") == file_type
    expected = weights["model.layers.0.mlp.up_proj.weight"].astype("<f4")
    expected = expected.view("<u4") >> 16 if dtype == "BF16" else expected.astype("<f2")
    assert np.array_equal(values(header, "blk.0.ffn_up.weight"), expected)


def test_the_keys_of_llama_are_those_of_the_configuration(convert: Convert) -> None:
    scaling = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    header = convert(llama(rope_scaling=scaling, head_dim=hf.WIDTH, rope_theta=5e5))
    expected = {
        "general.architecture": "llama",
        "general.quantization_version": 2,
        "llama.block_count": 2,
        "llama.context_length": 256,
        "llama.embedding_length": 64,
        "llama.feed_forward_length": 128,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.key_length": 16,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.freq_base": 500000.0,
        "llama.rope.dimension_count": 16,
        "llama.rope.scaling.type": "yarn",
        "llama.rope.scaling.factor": 4.0,
        "llama.rope.scaling.original_context_length": 64,
        "llama.vocab_size": VOCAB,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    assert {key: header.metadata.get(key) for key in expected} == expected


def test_the_weights_of_gemmas_norms_are_moved_by_one(convert: Convert) -> None:
    gemma = {"architectures": ["GemmaForCausalLM"], "head_dim": hf.WIDTH, "hidden_act": "gelu"}
    files = llama(**gemma)
    weights = hf.decoder_weights(VOCAB)
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    header = convert(files | {"model.safetensors": hf.safetensors(weights)})
    assert np.allclose(values(header, "output_norm.weight"), weights["model.norm.weight"] + 1)
    assert "output.weight" not in {tensor.name for tensor in header.tensors}


def test_sliding_windows_and_soft_caps_of_gemma_are_kept(convert: Convert) -> None:
    norms = ("pre_feedforward_layernorm", "post_feedforward_layernorm")
    head_norms = ("self_attn.q_norm", "self_attn.k_norm")
    files = llama(
        architectures=["Gemma3ForCausalLM"],
        hidden_activation="gelu_pytorch_tanh",
        head_dim=hf.WIDTH,
        sliding_window=32,
        sliding_window_pattern=3,
        rope_local_base_freq=1e4,
        rope_theta=1e6,
        rope_scaling={"rope_type": "linear", "factor": 8.0},
    )
    weights = hf.decoder_weights(VOCAB, norms=(*norms, *head_norms))
    metadata = convert(files | {"model.safetensors": hf.safetensors(weights)}).metadata
    assert metadata["gemma3.attention.sliding_window"] == 32
    assert metadata["gemma3.attention.sliding_window_pattern"] == 3
    assert metadata["gemma3.rope.freq_base"] == 1e6
    assert metadata["gemma3.rope.freq_base_swa"] == 1e4
    assert metadata["gemma3.rope.scaling.factor"] == 8.0


def test_a_vocabulary_is_as_long_as_the_embedding(convert: Convert) -> None:
    weights = hf.decoder_weights(VOCAB + 2)
    header = convert(llama() | {"model.safetensors": hf.safetensors(weights)})
    tokens, types = (header.metadata[f"tokenizer.ggml.{name}"] for name in ("tokens", "token_type"))
    assert isinstance(tokens, Array)
    assert isinstance(types, Array)
    assert read_array(header, tokens)[-3:] == ("he", f"[PAD{VOCAB}]", f"[PAD{VOCAB + 1}]")
    assert read_array(header, types)[-3:] == (1, 5, 5)


TEMPLATES: list[tuple[dict[str, Any], str]] = [
    ({"tokenizer_config.json": {"chat_template": "A"}}, "A"),
    ({"tokenizer_config.json": {"chat_template": "A"}, "chat_template.jinja": "B"}, "B"),
    ({"chat_template.json": {"chat_template": "C"}}, "C"),
    (
        {
            "tokenizer_config.json": {
                "chat_template": [
                    {"name": "tool_use", "template": "T"},
                    {"name": "default", "template": "D"},
                ]
            }
        },
        "D",
    ),
    ({"tokenizer_config.json": {"chat_template": 5}}, ""),
]


@pytest.mark.parametrize(("files", "template"), TEMPLATES)
def test_the_chat_template_is_found(convert: Convert, files: dict[str, Any], template: str) -> None:
    assert convert(llama() | files).text("tokenizer.chat_template") == template


BEGIN = {"SpecialToken": {"id": "<s>"}}
TEXT = {"Sequence": {"id": "A"}}


@pytest.mark.parametrize(
    ("processor", "settings", "ends"),
    [
        (None, {}, (None, None)),
        (None, {"add_bos_token": True}, (True, None)),
        ({"type": "ByteLevel"}, {}, (False, False)),
        ({"type": "ByteLevel"}, {"add_bos_token": True}, (True, False)),
        ({"type": "TemplateProcessing", "single": [BEGIN, TEXT]}, {}, (True, False)),
        (
            {
                "type": "Sequence",
                "processors": [
                    {"type": "ByteLevel"},
                    {"type": "TemplateProcessing", "single": [TEXT]},
                ],
            },
            {"add_bos_token": True},
            (False, False),
        ),
    ],
)
def test_whether_special_tokens_are_put_around_a_text_is_found(
    convert: Convert, processor: object, settings: dict[str, Any], ends: tuple[Any, Any]
) -> None:
    files = llama()
    files["tokenizer.json"]["post_processor"] = processor
    files["tokenizer_config.json"] = settings
    metadata = convert(files).metadata
    keys = ("tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token")
    assert tuple(metadata.get(key) for key in keys) == ends


def test_special_tokens_are_found_by_text_before_number(convert: Convert) -> None:
    files = llama(eos_token_id=[1, 2], pad_token_id=5000)
    settings = {"eos_token": {"content": "</s>"}, "unk_token": "<unk>"}
    metadata = convert(files | {"tokenizer_config.json": settings}).metadata
    assert metadata["tokenizer.ggml.eos_token_id"] == 2
    assert metadata["tokenizer.ggml.unknown_token_id"] == 0
    assert "tokenizer.ggml.padding_token_id" not in metadata


def without(files: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: content for name, content in files.items() if name not in names}


def with_weights(**changes: Any) -> dict[str, Any]:
    """Llama with other tensors; ``None`` takes one away, ``__`` stands for a dot."""
    weights = hf.decoder_weights(VOCAB)
    for name, value in changes.items():
        if value is None:
            del weights[name.replace("__", ".")]
        else:
            weights[name.replace("__", ".")] = value
    return llama() | {"model.safetensors": hf.safetensors(weights)}


INDEX = {"weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors", "x": "y"}}
REFUSED: list[tuple[dict[str, Any], str]] = [
    (without(llama(), "config.json"), "open config.json: no such file or directory"),
    (without(llama(), "tokenizer.json"), "open tokenizer.json: no such file or directory"),
    (without(llama(), "model.safetensors"), "no safetensors file"),
    (llama() | {"config.json": "{"}, "config.json is not JSON"),
    (llama() | {"config.json": "[" * 100_000}, "config.json is not JSON"),
    (llama() | {"config.json": "[]"}, "not a JSON object"),
    (llama() | {"config.json": b"\xff"}, "not UTF-8"),
    (llama() | {"model.safetensors": b"world"}, "not a safetensors file"),
    (llama() | {"model-2.safetensors": llama()["model.safetensors"]}, "is in two files"),
    (llama() | {"model.safetensors.index.json": INDEX}, "x is in no file"),
    (llama(architectures=["MambaForCausalLM"]), "MambaForCausalLM.*convert_hf_to_gguf.py"),
    (llama(architectures=[{}]), "names no architecture"),
    (llama(architectures=None), "names no architecture"),
    (llama(quantization_config={"quant_method": "awq"}), "quantized already .awq."),
    (llama(hidden_act="relu"), 'the activation "relu"'),
    (llama(num_hidden_layers=3), "blk.2.attn_norm.weight is missing"),
    (llama(num_hidden_layers=10**9), "blk.2.attn_norm.weight is missing"),
    (llama(num_hidden_layers=1), "not part of a llama model"),
    (llama(num_hidden_layers=0), "not a positive whole number"),
    (llama(num_hidden_layers=True), "not a positive whole number"),
    (llama(num_attention_heads=0), "not a positive whole number"),
    (llama(num_attention_heads=3), "do not make 3 heads"),
    (llama(num_attention_heads=64), "do not make 64 heads"),
    (llama(hidden_size=None), 'does not say "hidden_size"'),
    (llama(hidden_size=32), "the embedding is 64 wide"),
    (llama(max_position_embeddings=10**30), "not a positive whole number"),
    (llama(rms_norm_eps="x"), "is not a number"),
    (llama(rope_theta=10**60), "not a finite number"),
    (llama(rope_scaling={"type": "mystery"}), 'rope scaling "mystery"'),
    (llama(rope_scaling={"type": "linear"}), 'does not say "factor"'),
    (llama(rope_scaling={"rope_type": "llama3", "factor": 0}), "impossible factors"),
    (with_weights(model__norm__weight=None), "output_norm.weight is missing"),
    (with_weights(model__extra__weight=np.ones(3)), "'model.extra.weight' is not part"),
    (with_weights(norm__weight=np.ones(3)), "are the same"),
    (with_weights(model__norm__weight=np.ones((2, 2, 2))), "neither a matrix nor a vector"),
    (with_weights(model__norm__weight=np.ones((0,))), "neither a matrix nor a vector"),
    (with_weights(model__embed_tokens__weight=np.ones(64)), "the embedding is"),
    (
        with_weights(model__embed_tokens__weight=np.full((VOCAB, 64), 1e6)),
        "too large for F16",
    ),
    (llama() | {"modules.json": [{"type": "x.Dense"}]}, "dense layer"),
    (
        llama() | {"modules.json": [{"type": "x.Pooling", "path": "1_Pooling"}]},
        "open 1_Pooling/config.json",
    ),
    (llama() | {"1_Pooling/config.json": {"pooling_mode_max_tokens": True}}, "only pooling by"),
    (
        llama() | {"tokenizer_config.json": '{"chat_template": "\\ud83d"}'},
        "half a character",
    ),
]


@pytest.mark.parametrize(("files", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_a_folder_that_cannot_be_converted_is_refused(
    convert: Convert, files: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidInput, match=text):
        convert(files)


def test_types_that_are_no_weights_are_refused(convert: Convert) -> None:
    data = hf.safetensors(hf.decoder_weights(VOCAB))
    (length,) = struct.unpack("<Q", data[:8])
    header = data[8 : 8 + length].replace(b'"F32"', b'"I32"')
    with pytest.raises(InvalidInput, match="only F32, F16 and BF16"):
        convert(llama() | {"model.safetensors": data[:8] + header + data[8 + length :]})


def test_tensors_that_no_runner_needs_are_left_out(convert: Convert) -> None:
    files = with_weights(model__layers__0__self_attn__rotary_emb__inv_freq=np.ones(8))
    assert len(convert(files).tensors) == len(hf.decoder_weights(VOCAB))


def test_names_may_have_a_folder_in_front(convert: Convert) -> None:
    files = {f"a/b/{name}": content for name, content in llama().items()}
    assert convert(files).text("general.architecture") == "llama"
