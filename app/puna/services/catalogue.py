"""Models to begin with: what they are for, and what they take.

Sizes and shapes are those of the models in Ollama's library; a pull asks the
registry for the exact ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from puna.config.settings import Settings
from puna.gguf.header import Header
from puna.gguf.metadata import ModelInfo
from puna.services.loading import Room
from puna.services.outlook import Outlook, outlook
from puna.services.surveying import Survey

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Offer:
    """One model of the catalogue.

    Attributes:
        size: bytes to download, about.
        capabilities: as ``/api/show`` names them.
        shape: metadata of its file that memory depends on, without the architecture.
        max_output: tokens of an answer, for small models that run anywhere.
    """

    name: str
    description: str
    size: int
    parameters: str
    capabilities: tuple[str, ...]
    license: str
    shape: Mapping[str, int] = field(repr=False)
    max_output: int = 0

    @property
    def context_length(self) -> int:
        """Tokens the model was trained for."""
        return self.shape["context_length"]


def _shape(
    layers: int,
    width: int,
    heads: int,
    kv_heads: int,
    head: int,
    inner: int,
    words: int,
    window: int,
) -> dict[str, int]:
    return {
        "block_count": layers,
        "embedding_length": width,
        "attention.head_count": heads,
        "attention.head_count_kv": kv_heads,
        "attention.key_length": head,
        "attention.value_length": head,
        "feed_forward_length": inner,
        "vocab_size": words,
        "context_length": window,
    }


CATALOGUE: tuple[Offer, ...] = (
    Offer(
        "gemma3:1b",
        "Small and quick, runs without a GPU",
        815_000_000,
        "1B",
        ("completion",),
        "Gemma",
        _shape(26, 1152, 4, 1, 256, 6912, 262_144, 32_768),
        max_output=8192,
    ),
    Offer(
        "qwen3:1.7b",
        "Small model that can think and call tools",
        1_400_000_000,
        "2B",
        ("completion", "tools", "thinking"),
        "Apache 2.0",
        _shape(28, 2048, 16, 8, 128, 6144, 151_936, 40_960),
        max_output=32_768,
    ),
    Offer(
        "llama3.2:3b",
        "All-round model for modest computers",
        2_000_000_000,
        "3.2B",
        ("completion", "tools"),
        "Llama 3.2",
        _shape(28, 3072, 24, 8, 128, 8192, 128_256, 131_072),
        max_output=8192,
    ),
    Offer(
        "qwen3:4b",
        "Thinks and calls tools",
        2_500_000_000,
        "4B",
        ("completion", "tools", "thinking"),
        "Apache 2.0",
        _shape(36, 2560, 32, 8, 128, 9728, 151_936, 262_144),
    ),
    Offer(
        "gemma3:4b",
        "Sees images, writes in many languages",
        3_300_000_000,
        "4.3B",
        ("completion", "vision"),
        "Gemma",
        _shape(34, 2560, 8, 4, 256, 10_240, 262_208, 131_072),
    ),
    Offer(
        "qwen2.5-coder:7b",
        "Writes and explains code",
        4_700_000_000,
        "7.6B",
        ("completion", "tools", "insert"),
        "Apache 2.0",
        _shape(28, 3584, 28, 4, 128, 18_944, 152_064, 32_768),
    ),
    Offer(
        "llama3.1:8b",
        "All-round model with long context",
        4_900_000_000,
        "8B",
        ("completion", "tools"),
        "Llama 3.1",
        _shape(32, 4096, 32, 8, 128, 14_336, 128_256, 131_072),
    ),
    Offer(
        "qwen3:8b",
        "Thinks, calls tools, writes well",
        5_200_000_000,
        "8.2B",
        ("completion", "tools", "thinking"),
        "Apache 2.0",
        _shape(36, 4096, 32, 8, 128, 12_288, 151_936, 40_960),
    ),
    Offer(
        "gemma3:12b",
        "Sees images and writes well",
        8_100_000_000,
        "12B",
        ("completion", "vision"),
        "Gemma",
        _shape(48, 3840, 16, 8, 256, 15_360, 262_208, 131_072),
    ),
    Offer(
        "gpt-oss:20b",
        "Strong reasoning with tools",
        14_000_000_000,
        "20.9B",
        ("completion", "tools", "thinking"),
        "Apache 2.0",
        _shape(24, 2880, 64, 8, 64, 2880, 201_088, 131_072),
    ),
    Offer(
        "nomic-embed-text:v1.5",
        "Vectors for searching in documents",
        274_000_000,
        "137M",
        ("embedding",),
        "Apache 2.0",
        _shape(12, 768, 12, 12, 64, 3072, 30_522, 2048) | {"pooling_type": 1},
    ),
)


def measured(offer: Offer, free: int, settings: Settings, room: Room) -> Outlook:
    """What a model of the catalogue would take of this machine; ``free`` bytes of disk are left."""
    survey = Survey(
        size=offer.size,
        missing=offer.size,
        free=free,
        weights=offer.size,
        sees="vision" in offer.capabilities,
        info=_info(offer),
    )
    return outlook(survey, settings, room)


def recommendations(offers: Sequence[Offer] = CATALOGUE) -> list[dict[str, Any]]:
    """The models that chat, as ``/api/experimental/model-recommendations`` tells them."""
    return [_recommendation(offer) for offer in offers if "completion" in offer.capabilities]


def _recommendation(offer: Offer) -> dict[str, Any]:
    words: dict[str, Any] = {"model": offer.name, "description": offer.description}
    if offer.max_output:
        limits = {"context_length": offer.context_length, "max_output_tokens": offer.max_output}
        return words | limits
    return words | {"vram_bytes": (offer.size // _GIB + 2) * _GIB}


def _info(offer: Offer) -> ModelInfo:
    metadata = {f"model.{key}": value for key, value in offer.shape.items()}
    return ModelInfo.from_header(
        Header(
            version=3,
            metadata={"general.architecture": "model", **metadata},
            tensors=(),
            alignment=1,
            data_offset=0,
            file_size=offer.size,
            path=Path(),
            spans={},
        )
    )
