"""Small files and recordings that unit tests of several rooms use."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden"

GgufBuilder = Callable[..., bytes]

_KINDS = {"u32": (4, "I"), "i32": (5, "i"), "f32": (6, "f"), "u64": (10, "Q"), "bool": (7, "?")}
_ELEMENTS = {"f32": (6, "f"), "i32": (5, "i"), "u32": (4, "I")}


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: Any) -> bytes:
    """``bool int float str list[str]`` by type, others as ``(kind, value)``."""
    match value:
        case ("strings", items):
            return struct.pack("<IIQ", 9, 8, len(items)) + b"".join(map(_string, items))
        case (str() as kind, list() as items):
            number, letter = _ELEMENTS[kind]
            return struct.pack(f"<IIQ{len(items)}{letter}", 9, number, len(items), *items)
        case (str() as kind, item):
            number, letter = _KINDS[kind]
            return struct.pack("<I" + letter, number, item)
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + _string(value)
        case _:
            return _value(("strings", value))


def build_gguf(
    metadata: Mapping[str, Any],
    tensors: Sequence[tuple[str, Sequence[int]]] = (("token_embd.weight", (32, 4)),),
    *,
    fill: float = 0.0,
    type_id: int = 0,
    size: int = 4,
) -> bytes:
    """A GGUF v3 file; ``size`` bytes per element of ``type_id`` (0 = F32)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    head += b"".join(_string(key) + _value(value) for key, value in metadata.items())
    data = b""
    for name, shape in tensors:
        head += _string(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}QIQ", *shape, type_id, len(data))
        count = 1
        for dimension in shape:
            count *= dimension
        raw = struct.pack("<f", fill)[:size] * count
        data += raw + bytes(-len(raw) % 32)
    return head + bytes(-len(head) % 32) + data


def tiny_metadata(**changes: Any) -> dict[str, Any]:
    """Metadata of a one-layer llama; a key ``llama__block_count`` changes ``llama.block_count``."""
    base: dict[str, Any] = {
        "general.architecture": "llama",
        "general.name": "tiny",
        "general.file_type": 1,
        "llama.block_count": 1,
        "llama.context_length": 256,
        "llama.embedding_length": 32,
        "llama.feed_forward_length": 64,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "a"],
        "tokenizer.ggml.scores": ("f32", [0.0, 0.0, 0.0, -1.5]),
        "tokenizer.ggml.token_type": ("i32", [2, 3, 3, 1]),
    }
    base.update({key.replace("__", "."): value for key, value in changes.items()})
    return {key: value for key, value in base.items() if value is not None}


@pytest.fixture(scope="session")
def gguf() -> GgufBuilder:
    """``gguf(**changes, tensors=…)``: bytes of a tiny llama file."""

    def build(
        tensors: Sequence[tuple[str, Sequence[int]]] = (
            ("token_embd.weight", (32, 4)),
            ("blk.0.attn_q.weight", (32, 32)),
            ("output.weight", (32, 4)),
        ),
        *,
        fill: float = 0.0,
        bare: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> bytes:
        metadata = dict(bare) if bare is not None else tiny_metadata(**changes)
        return build_gguf(metadata, tensors, fill=fill)

    return build


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of recorded answers."""
    if not GOLDEN.is_dir():
        pytest.skip("shared/golden is not here")
    return GOLDEN
