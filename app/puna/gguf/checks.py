"""Whether a GGUF file may be given to llama.cpp.

llama.cpp asserts where it should refuse: a block count of zero, a vocabulary
whose scores are fewer than its tokens, a value of the wrong type each end the
process that loads the file. These are found here first, with a text that says
what is wrong.

Source: llama.cpp, src/llama-hparams.cpp, src/llama-model.cpp, src/llama-vocab.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from puna.errors import InvalidModelFile
from puna.gguf.header import Array, Header
from puna.gguf.metadata import Kind, kind_of
from puna.gguf.reader import read_strings
from puna.gguf.types import ValueType

_ARCHITECTURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_LAYERS = 512
_MAX_EXPERTS = 1024
_MAX_WIDTH = 1 << 20
_MAX_CONTEXT = 2**31 - 1
_MAX_VOCABULARY = 64 << 20
_RECURRENT = ("ssm.inner_size", "wkv.head_size", "shortconv.l_cache")


def check(header: Header) -> None:
    """Refuse what would end a runner.

    Raises:
        InvalidModelFile: the metadata cannot be those of a usable file.
        OSError: the vocabulary cannot be read.
    """
    architecture = header.text("general.architecture")
    if not _ARCHITECTURE.fullmatch(architecture):
        raise InvalidModelFile("general.architecture is missing or not a name")
    if not header.tensors:
        raise InvalidModelFile("the file has no tensors")
    if kind_of(header) is Kind.MODEL:
        _check_sizes(header, architecture)
        _check_vocabulary(header)


def _check_sizes(header: Header, architecture: str) -> None:
    def bounds(name: str, low: int, high: int) -> None:
        _check_range(header, f"{architecture}.{name}", low, high)

    recurrent = any(f"{architecture}.{key}" in header.metadata for key in _RECURRENT)
    if f"{architecture}.block_count" not in header.metadata:
        raise InvalidModelFile(f"{architecture}.block_count is missing")
    bounds("block_count", 1, _MAX_LAYERS)
    bounds("embedding_length", 1, _MAX_WIDTH)
    bounds("context_length", 1, _MAX_CONTEXT)
    bounds("attention.head_count", 0 if recurrent else 1, _MAX_WIDTH)
    bounds("attention.head_count_kv", 0 if recurrent else 1, _MAX_WIDTH)
    bounds("feed_forward_length", 0, _MAX_WIDTH * 16)
    for name in ("key_length", "value_length", "key_length_swa", "value_length_swa"):
        bounds(f"attention.{name}", 0, _MAX_WIDTH)
    for name in ("conv_kernel", "inner_size", "state_size", "time_step_rank", "group_count"):
        bounds(f"ssm.{name}", 0, _MAX_WIDTH)
    _check_experts(header, architecture, bounds)
    _check_sections(header, architecture)


def _check_experts(
    header: Header, architecture: str, bounds: Callable[[str, int, int], None]
) -> None:
    count = header.integer(f"{architecture}.expert_count")
    bounds("expert_count", 0, _MAX_EXPERTS)
    bounds("expert_used_count", 1 if count else 0, count)


def _check_sections(header: Header, architecture: str) -> None:
    """Positions of several kinds share the width of a head."""
    key = f"{architecture}.rope.dimension_sections"
    value = header.metadata.get(key)
    if not isinstance(value, Array):
        return
    sections = [item for item in value.items or () if isinstance(item, int)]
    width, heads = (
        header.integer(f"{architecture}.{name}")
        for name in ("embedding_length", "attention.head_count")
    )
    head = header.integer(f"{architecture}.attention.key_length") or width // max(heads, 1)
    whole = bool(sections) and len(sections) == value.count
    if not whole or min(sections) < 0 or sum(sections) > head:
        raise InvalidModelFile(f"{key} does not fit heads of width {head}")


def _check_range(header: Header, key: str, low: int, high: int) -> None:
    """The value of ``key``, or each of its layers, lies between the bounds.

    A layer of its own may be 0: hybrids have layers without attention.
    """
    value = header.metadata.get(key)
    if value is None:
        return
    if isinstance(value, Array):
        values = value.items or ()
        if not values or len(values) > _MAX_LAYERS:
            raise InvalidModelFile(f"{key} has {value.count} values")
        low = 0
    else:
        values = (value,)
    for item in values:
        if not isinstance(item, int) or isinstance(item, bool):
            raise InvalidModelFile(f"{key} is not a whole number")
        if not low <= item <= high:
            raise InvalidModelFile(f"{key} is {item}, not between {low} and {high}")


def _check_vocabulary(header: Header) -> None:
    tokens = _array(header, "tokenizer.ggml.tokens", ValueType.STRING)
    _array(header, "tokenizer.ggml.merges", ValueType.STRING)
    for key, kind in (
        ("tokenizer.ggml.scores", ValueType.FLOAT32),
        ("tokenizer.ggml.token_type", ValueType.INT32),
    ):
        array = _array(header, key, kind)
        if tokens and array and array.count != tokens.count:
            raise InvalidModelFile(f"{key} has {array.count} values for {tokens.count} tokens")
    if tokens:
        _check_distinct(header, tokens)


def _check_distinct(header: Header, tokens: Array) -> None:
    """No two tokens are the same text; empty ones are told apart by llama.cpp."""
    if tokens.nbytes > _MAX_VOCABULARY:
        raise InvalidModelFile("the vocabulary is too large")
    texts = [text for text in read_strings(header, tokens) if text]
    if len(set(texts)) != len(texts):
        raise InvalidModelFile("the vocabulary has a token twice")


def _array(header: Header, key: str, element: ValueType) -> Array | None:
    value = header.metadata.get(key)
    if value is None:
        return None
    if not isinstance(value, Array) or value.element is not element:
        raise InvalidModelFile(f"{key} is not an array of {element.name.lower()} values")
    return value
