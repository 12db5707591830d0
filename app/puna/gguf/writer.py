"""Writes one GGUF file out of others: the parts of a split model, or with other names.

Key-value pairs and tensor data are copied as bytes, so that whatever an
unknown tool has put there survives.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from puna.errors import InvalidModelFile
from puna.gguf.header import Array, Header, TensorInfo
from puna.gguf.reader import MAGIC, read_strings
from puna.gguf.types import ValueType

_VERSION = 3
_CHUNK = 1 << 20
_PER_TOKEN = frozenset(f"tokenizer.ggml.{name}" for name in ("tokens", "scores", "token_type"))

Write = Callable[[bytes], object]
Addition: TypeAlias = str | int | float | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different in the new file.

    Attributes:
        keys: new name of each key, ``None`` to leave it out.
        tensors: new name of each tensor, ``None`` to leave it out.
        add: values to add; numbers as 32 bits, tuples as arrays of integers.
            They take the place of copied ones.
        tokens: length to cut the vocabulary to, 0 = as it is.
    """

    keys: Callable[[str], str | None] = str
    tensors: Callable[[str], str | None] = str
    add: Mapping[str, Addition] = field(default_factory=dict)
    tokens: int = 0


def combine(parts: Sequence[Header], write: Write, changes: Changes | None = None) -> None:
    """Write the tensors of ``parts`` under the metadata of the first one.

    Keys that describe a split are left out. ``write`` gets the bytes of the
    new file in order.

    Args:
        parts: headers of the files, in the order of their parts.
        write: takes the next bytes.
        changes: what is to be different; ``None`` = nothing.

    Raises:
        InvalidModelFile: two parts have a tensor of the same name, or differ
            in alignment, or a part became shorter.
        OSError: a part cannot be read.
    """
    changes = changes or Changes()
    first = parts[0]
    tensors = [renamed for part in parts for _, renamed in _renamed(part, changes)]
    _check(parts, tensors)
    pairs = [*_copied_pairs(first, changes), *map(_pair, changes.add.items())]
    head = [
        MAGIC,
        struct.pack("<IQQ", _VERSION, len(tensors), len(pairs)),
        *pairs,
        *_tensor_infos(tensors, first.alignment),
    ]
    data = b"".join(head)
    write(data + _padding(len(data), first.alignment))
    for part in parts:
        _copy_tensors(part, [tensor for tensor, _ in _renamed(part, changes)], write)


def _renamed(part: Header, changes: Changes) -> Iterator[tuple[TensorInfo, TensorInfo]]:
    """Each tensor that stays, as it was and as it will be."""
    for tensor in part.tensors:
        name = changes.tensors(tensor.name)
        if name is not None:
            yield tensor, replace(tensor, name=name)


def _check(parts: Sequence[Header], tensors: Sequence[TensorInfo]) -> None:
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise InvalidModelFile("a tensor is in more than one part of the split model")
    if len({part.alignment for part in parts}) != 1:
        raise InvalidModelFile("the parts of the split model differ in alignment")


def _copied_pairs(header: Header, changes: Changes) -> Iterator[bytes]:
    """Key-value pairs of the file that stay, values untouched."""
    with header.path.open("rb") as file:
        for key, (start, end) in header.spans.items():
            name = None if key.startswith("split.") else changes.keys(key)
            if name is None or name in changes.add:
                continue
            at = start + len(_string(key))
            value = header.metadata[key]
            if changes.tokens and key in _PER_TOKEN and isinstance(value, Array):
                yield _string(name) + _cut(header, value, changes.tokens)
                continue
            file.seek(at)
            yield _string(name) + file.read(end - at)


def _cut(header: Header, array: Array, count: int) -> bytes:
    """The first ``count`` elements of an array, as a value."""
    count = min(count, array.count)
    if array.element is ValueType.STRING:
        texts = read_strings(header, array)[:count]
        data = b"".join(struct.pack("<Q", len(text)) + text for text in texts)
    else:
        with header.path.open("rb") as file:
            file.seek(array.offset)
            data = file.read(array.nbytes // max(array.count, 1) * count)
    return struct.pack("<IIQ", ValueType.ARRAY, array.element, count) + data


def _pair(item: tuple[str, Addition]) -> bytes:
    key, value = item
    match value:
        case str():
            return _string(key) + struct.pack("<I", ValueType.STRING) + _string(value)
        case int():
            return _string(key) + struct.pack("<II", ValueType.UINT32, value)
        case float():
            return _string(key) + struct.pack("<If", ValueType.FLOAT32, value)
        case tuple():
            head = struct.pack("<IIQ", ValueType.ARRAY, ValueType.INT32, len(value))
            return _string(key) + head + struct.pack(f"<{len(value)}i", *value)
        case _:
            assert_never(value)


def _tensor_infos(tensors: Sequence[TensorInfo], alignment: int) -> Iterator[bytes]:
    offset = 0
    for tensor in tensors:
        count = len(tensor.shape)
        yield _string(tensor.name) + struct.pack(
            f"<I{count}QIQ", count, *tensor.shape, tensor.type_id, offset
        )
        offset += tensor.nbytes + len(_padding(tensor.nbytes, alignment))


def _copy_tensors(part: Header, tensors: Sequence[TensorInfo], write: Write) -> None:
    with part.path.open("rb") as file:
        for tensor in tensors:
            file.seek(part.data_offset + tensor.offset)
            left = tensor.nbytes
            while left:
                piece = file.read(min(left, _CHUNK))
                if not piece:
                    raise InvalidModelFile("the file became shorter while it was read")
                write(piece)
                left -= len(piece)
            write(_padding(tensor.nbytes, part.alignment))


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _padding(length: int, alignment: int) -> bytes:
    return bytes(-length % alignment)
