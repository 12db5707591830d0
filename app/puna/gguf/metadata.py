"""What a GGUF header says about a model, typed.

Everything here is lenient: a key that is missing or of the wrong type counts
as not said, so that a model with odd metadata can still be listed and shown.
Whether a file may be used at all is decided in :mod:`puna.gguf.checks`.

Source: ggml, docs/gguf.md; llama.cpp, src/llama-arch.cpp (key names).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from puna.gguf.header import Array, Header
from puna.gguf.types import FILE_TYPES

_LAYER = re.compile(r"blk\.(\d{1,4})\.")
_RECURRENT = re.compile(r"blk\.(\d+)\.(?:ssm_|shortconv\.|time_mix_)")
_ENCODER_TENSORS = ("v.", "mm.", "a.")


class Kind(Enum):
    """What part of a model a file is."""

    MODEL = "model"
    ADAPTER = "adapter"
    PROJECTOR = "projector"


@dataclass(frozen=True, slots=True)
class Recurrent:
    """State of layers without attention (Mamba, RWKV and hybrids); 0 = not said.

    Attributes:
        layers: how many there are, by their tensors; some have attention beside it.
        head_dim: of delta attention with a gate per channel (KDA).
    """

    layers: int = 0
    conv_kernel: int = 0
    inner_size: int = 0
    state_size: int = 0
    time_step_rank: int = 0
    group_count: int = 0
    wkv_head_size: int = 0
    token_shift_count: int = 0
    full_attention_interval: int = 0
    conv_cache: int = 0
    head_dim: int = 0

    @property
    def present(self) -> bool:
        """Whether the model has recurrent layers."""
        return bool(self.inner_size or self.wkv_head_size or self.conv_cache or self.head_dim)


@dataclass(frozen=True, slots=True)
class Split:
    """Place of a file in a split model; ``count`` 0 = the model is one file."""

    number: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Typed view of a header. Lengths in tokens, widths in elements, sizes in bytes.

    Attributes:
        architecture: ``general.architecture``, prefix of most keys.
        quantization: ``Q4_K_M``; ``unknown`` for plain F32 and unknown types.
        head_counts: query heads of each layer; ``kv_head_counts`` likewise,
            0 for a layer that keeps no keys.
        key_length: width of one key head, ``value_length`` of one value head.
        key_length_swa: the same in sliding-window layers, 0 = as others.
        sliding_window: tokens such a layer sees, 0 = all.
        sliding_layers: per layer whether it slides; empty = not said.
        sliding_pattern: every n-th layer sees all, 0 = not said.
        kv_lora_rank: width of the compressed cache (MLA), 0 = none.
        shared_kv_layers: last layers that reuse the cache of earlier ones.
        layer_bytes: tensor bytes of each layer.
        other_bytes: tensor bytes outside the layers, encoders included.
        input_bytes: of these, the token embedding.
        output_bytes: of these, output matrix and norm.
        encoder_bytes: of these, tensors of a built-in image or audio encoder.
    """

    architecture: str
    kind: Kind
    name: str
    quantization: str
    parameter_count: int
    parameter_size: str
    context_length: int
    embedding_length: int
    block_count: int
    feed_forward_length: int
    head_counts: tuple[int, ...]
    kv_head_counts: tuple[int, ...]
    key_length: int
    value_length: int
    key_length_swa: int
    value_length_swa: int
    sliding_window: int
    sliding_layers: tuple[bool, ...]
    sliding_pattern: int
    kv_lora_rank: int
    rope_dimensions: int
    shared_kv_layers: int
    expert_count: int
    expert_used_count: int
    recurrent: Recurrent
    vocab_size: int
    pooling_type: int | None
    chat_template: str
    has_vision: bool
    has_audio: bool
    projector_type: str
    split: Split
    layer_bytes: tuple[int, ...]
    other_bytes: int
    input_bytes: int
    output_bytes: int
    encoder_bytes: int

    @property
    def is_embedding(self) -> bool:
        """Whether the file says that it makes embeddings."""
        return self.pooling_type is not None

    @classmethod
    def from_header(cls, header: Header) -> ModelInfo:
        """Read the view out of a header."""
        keys = _Keys(header)
        blocks = max(keys.integer("block_count"), 0)
        heads = keys.per_layer("attention.head_count", blocks, 0)
        kv_heads = keys.per_layer("attention.head_count_kv", blocks, None) or heads
        width = keys.integer("embedding_length")
        head_width = width // max(heads, default=0) if any(heads) else 0
        weights = _Weights.of(header, blocks)
        return cls(
            architecture=keys.architecture,
            kind=kind_of(header),
            name=header.text("general.name"),
            quantization=FILE_TYPES.get(header.integer("general.file_type"), "unknown"),
            parameter_count=header.parameter_count,
            parameter_size=parameter_size(header.parameter_count),
            context_length=keys.integer("context_length"),
            embedding_length=width,
            block_count=blocks,
            feed_forward_length=max(keys.per_layer("feed_forward_length", blocks, 0), default=0),
            head_counts=heads,
            kv_head_counts=kv_heads,
            key_length=keys.integer("attention.key_length") or head_width,
            value_length=keys.integer("attention.value_length") or head_width,
            key_length_swa=keys.integer("attention.key_length_swa"),
            value_length_swa=keys.integer("attention.value_length_swa"),
            sliding_window=keys.integer("attention.sliding_window"),
            sliding_layers=keys.flags("attention.sliding_window_pattern"),
            sliding_pattern=keys.integer("attention.sliding_window_pattern"),
            kv_lora_rank=keys.integer("attention.kv_lora_rank"),
            rope_dimensions=keys.integer("rope.dimension_count"),
            shared_kv_layers=keys.integer("attention.shared_kv_layers"),
            expert_count=keys.integer("expert_count"),
            expert_used_count=keys.integer("expert_used_count"),
            recurrent=_recurrent(keys),
            vocab_size=_vocab_size(header, keys),
            pooling_type=keys.optional("pooling_type"),
            chat_template=header.text("tokenizer.chat_template"),
            has_vision=keys.has("vision.block_count") or header.flag("clip.has_vision_encoder"),
            has_audio=keys.has("audio.block_count") or header.flag("clip.has_audio_encoder"),
            projector_type=header.text("clip.projector_type"),
            split=Split(header.integer("split.no"), header.integer("split.count")),
            layer_bytes=weights.layers,
            other_bytes=weights.other,
            input_bytes=weights.input,
            output_bytes=weights.output,
            encoder_bytes=weights.encoder,
        )


def kind_of(header: Header) -> Kind:
    """Model, adapter or projector, by the rules that Ollama uses at create."""
    declared = header.text("general.type")
    keys = _Keys(header)
    if declared == "adapter":
        return Kind.ADAPTER
    if declared in ("projector", "mmproj"):
        return Kind.PROJECTOR
    if keys.has("vision.block_count") and not keys.has("block_count"):
        return Kind.PROJECTOR
    encoders = ("clip.has_vision_encoder", "clip.has_audio_encoder")
    if keys.architecture == "clip" and any(header.flag(key) for key in encoders):
        return Kind.PROJECTOR
    return Kind.MODEL


def parameter_size(count: int) -> str:
    """``8B``, ``7.6B``, ``134.52M``, ``121K``: as Ollama writes it."""
    if count >= 10**9:
        return _scaled(count, 10**9, 1) + "B"
    if count >= 10**6:
        return _scaled(count, 10**6, 2) + "M"
    if count >= 1000:
        return f"{count / 1000:.0f}K"
    return str(count)


def _scaled(count: int, unit: int, digits: int) -> str:
    return f"{count / unit:.{0 if count % unit == 0 else digits}f}"


@dataclass(frozen=True, slots=True)
class _Keys:
    """Access to the keys of one architecture without their prefix."""

    header: Header

    @property
    def architecture(self) -> str:
        return self.header.text("general.architecture")

    def full(self, name: str) -> str:
        return f"{self.architecture}.{name}"

    def has(self, name: str) -> bool:
        return self.full(name) in self.header.metadata

    def integer(self, name: str) -> int:
        return self.header.integer(self.full(name))

    def optional(self, name: str) -> int | None:
        return self.integer(name) if self.has(name) else None

    def array(self, name: str) -> tuple[object, ...]:
        value = self.header.metadata.get(self.full(name))
        return (value.items or ()) if isinstance(value, Array) else ()

    def flags(self, name: str) -> tuple[bool, ...]:
        return tuple(bool(item) for item in self.array(name))

    def per_layer(self, name: str, blocks: int, default: int | None) -> tuple[int, ...]:
        """One number per layer from an array or a single value."""
        items = tuple(item for item in self.array(name) if isinstance(item, int))
        if items:
            return items[:blocks] if blocks else items
        if not self.has(name) and default is None:
            return ()
        return (self.integer(name),) * min(blocks, _MAX_LAYERS)


_MAX_LAYERS = 1024


@dataclass(frozen=True, slots=True)
class _Weights:
    """Where the bytes of a model are."""

    layers: tuple[int, ...]
    other: int
    input: int
    output: int
    encoder: int

    @classmethod
    def of(cls, header: Header, blocks: int) -> _Weights:
        layers = [0] * min(blocks, _MAX_LAYERS)
        other: dict[str, int] = {}
        for tensor in header.tensors:
            layer = _LAYER.match(tensor.name)
            number = int(layer[1]) if layer else -1
            if 0 <= number < len(layers):
                layers[number] += tensor.nbytes
            else:
                other[tensor.name] = tensor.nbytes
        return cls(
            layers=tuple(layers),
            other=sum(other.values()),
            input=other.get("token_embd.weight", 0),
            output=_sum_of(other, ("output.", "output_norm.")),
            encoder=_sum_of(other, _ENCODER_TENSORS),
        )


def _sum_of(sizes: Mapping[str, int], prefixes: tuple[str, ...]) -> int:
    return sum(size for name, size in sizes.items() if name.startswith(prefixes))


def _recurrent(keys: _Keys) -> Recurrent:
    found = (_RECURRENT.match(tensor.name) for tensor in keys.header.tensors)
    return Recurrent(
        layers=len({match[1] for match in found if match}),
        conv_kernel=keys.integer("ssm.conv_kernel"),
        inner_size=keys.integer("ssm.inner_size"),
        state_size=keys.integer("ssm.state_size"),
        time_step_rank=keys.integer("ssm.time_step_rank"),
        group_count=keys.integer("ssm.group_count"),
        wkv_head_size=keys.integer("wkv.head_size"),
        token_shift_count=keys.integer("token_shift_count"),
        full_attention_interval=keys.integer("full_attention_interval"),
        conv_cache=keys.integer("shortconv.l_cache"),
        head_dim=keys.integer("kda.head_dim"),
    )


def _vocab_size(header: Header, keys: _Keys) -> int:
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    return tokens.count if isinstance(tokens, Array) else keys.integer("vocab_size")
