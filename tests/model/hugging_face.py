"""Folders as Hugging Face has them, of tiny models with random weights."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Weights = dict[str, npt.NDArray[Any]]

HIDDEN, LAYERS, HEADS, KV_HEADS, WIDTH, INNER = 64, 2, 4, 2, 16, 128
SPECIAL = ("<unk>", "<s>", "</s>")
GPT2_SPLIT = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
CONFIG: Mapping[str, Any] = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "intermediate_size": INNER,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def byte_alphabet() -> list[str]:
    """The printable characters that stand for the bytes 0 to 255."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def byte_pair_tokenizer(pre_tokenizer: object = GPT2_SPLIT) -> dict[str, Any]:
    """A ``tokenizer.json`` of bytes and one merge."""
    texts = [*SPECIAL, *byte_alphabet(), "he"]
    added = [
        {"id": number, "content": text, "special": True} for number, text in enumerate(SPECIAL)
    ]
    vocab = {text: number for number, text in enumerate(texts)}
    model = {"type": "BPE", "vocab": vocab, "merges": ["h e"], "unk_token": None}
    return {"added_tokens": added, "pre_tokenizer": pre_tokenizer, "model": model}


def _field(number: int, data: bytes | int) -> bytes:
    if isinstance(data, int):
        return bytes([number << 3, data])
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def sentencepiece_model(pieces: Sequence[tuple[str, float, int]], *, kind: int = 2) -> bytes:
    """A SentencePiece model of pieces with score and type."""
    message = b""
    for text, score, token_type in pieces:
        number = b"\x15" + struct.pack("<f", score)
        message += _field(1, _field(1, text.encode()) + number + _field(3, token_type))
    return message + _field(2, _field(3, kind)) + _field(3, _field(3, 0))


def llama_pieces() -> list[tuple[str, float, int]]:
    """Special tokens, all bytes, and some letters."""
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    pieces += [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)]
    return [*pieces, ("\u2581", -2.0, 1), ("h", -3.0, 1), ("e", -4.0, 1), ("he", -1.0, 1)]


def safetensors(weights: Weights, dtype: str = "F32") -> bytes:
    """A file of these weights, stored as F32, F16 or BF16."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, values in weights.items():
        raw = _stored(values.astype("<f4"), dtype)
        place = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": place}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def _stored(values: npt.NDArray[np.float32], dtype: str) -> bytes:
    if dtype == "BF16":
        return bytes((values.view("<u4") >> 16).astype("<u2").tobytes())
    return bytes(values.astype({"F32": "<f4", "F16": "<f2"}[dtype]).tobytes())


def decoder_weights(
    vocab: int, *, norms: Sequence[str] = (), biases: Sequence[str] = (), fused: bool = False
) -> Weights:
    """Random weights in the names of Llama and its kin.

    Args:
        vocab: rows of the embedding.
        norms: further norms of a layer; those of heads are as wide as a head.
        biases: projections with a bias.
        fused: query, key and value in one matrix, gate and up in another.
    """
    random = np.random.default_rng(7)

    def matrix(rows: int, columns: int) -> npt.NDArray[Any]:
        values = random.standard_normal((rows, columns)).astype("<f2") * np.float16(0.125)
        return values.astype("<f4")

    queries, keys = HEADS * WIDTH, KV_HEADS * WIDTH
    shapes = {"q_proj": queries, "k_proj": keys, "v_proj": keys}
    weights = {"model.embed_tokens.weight": matrix(vocab, HIDDEN)}
    for layer in range(LAYERS):
        name = f"model.layers.{layer}."
        if fused:
            weights[f"{name}self_attn.qkv_proj.weight"] = matrix(queries + 2 * keys, HIDDEN)
            weights[f"{name}mlp.gate_up_proj.weight"] = matrix(2 * INNER, HIDDEN)
        else:
            for part, rows in shapes.items():
                weights[f"{name}self_attn.{part}.weight"] = matrix(rows, HIDDEN)
                if part in biases:
                    weights[f"{name}self_attn.{part}.bias"] = matrix(1, rows)[0]
            weights[f"{name}mlp.gate_proj.weight"] = matrix(INNER, HIDDEN)
            weights[f"{name}mlp.up_proj.weight"] = matrix(INNER, HIDDEN)
        weights[f"{name}self_attn.o_proj.weight"] = matrix(HIDDEN, queries)
        weights[f"{name}mlp.down_proj.weight"] = matrix(HIDDEN, INNER)
        for norm in ("input_layernorm", "post_attention_layernorm", *norms):
            size = WIDTH if norm.startswith("self_attn.") else HIDDEN
            weights[f"{name}{norm}.weight"] = 1 + matrix(1, size)[0]
    weights["model.norm.weight"] = 1 + matrix(1, HIDDEN)[0]
    return weights


def bert_weights(vocab: int) -> Weights:
    """Random weights in the names of BERT."""
    random = np.random.default_rng(8)

    def matrix(*shape: int) -> npt.NDArray[Any]:
        return random.standard_normal(shape).astype("<f4") * np.float32(0.1)

    weights = {
        "embeddings.word_embeddings.weight": matrix(vocab, HIDDEN),
        "embeddings.position_embeddings.weight": matrix(256, HIDDEN),
        "embeddings.token_type_embeddings.weight": matrix(2, HIDDEN),
        "embeddings.LayerNorm.gamma": 1 + matrix(HIDDEN),
        "embeddings.LayerNorm.beta": matrix(HIDDEN),
        "pooler.dense.weight": matrix(HIDDEN, HIDDEN),
    }
    shapes = {
        "attention.self.query": (HIDDEN, HIDDEN),
        "attention.self.key": (HIDDEN, HIDDEN),
        "attention.self.value": (HIDDEN, HIDDEN),
        "attention.output.dense": (HIDDEN, HIDDEN),
        "intermediate.dense": (INNER, HIDDEN),
        "output.dense": (HIDDEN, INNER),
    }
    for layer in range(LAYERS):
        for part, shape in shapes.items():
            weights[f"encoder.layer.{layer}.{part}.weight"] = matrix(*shape)
            weights[f"encoder.layer.{layer}.{part}.bias"] = matrix(shape[0])
        for part in ("attention.output.LayerNorm", "output.LayerNorm"):
            weights[f"encoder.layer.{layer}.{part}.weight"] = 1 + matrix(HIDDEN)
            weights[f"encoder.layer.{layer}.{part}.bias"] = matrix(HIDDEN)
    return {f"bert.{name}": values for name, values in weights.items()}


def write_folder(folder: Path, files: Mapping[str, object]) -> dict[str, Path]:
    """Write bytes as they are, texts as text, all else as JSON; name → path."""
    paths = {}
    for name, content in files.items():
        path = paths[name] = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    return paths
