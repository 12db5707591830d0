"""Writes GGUF files: out of others (joined, or with other keys and tensors), or new ones.

Of others, key-value pairs and tensor data are copied as bytes, so that whatever
an unknown tool has put there survives.

Source: ggml, docs/gguf.md.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from puna.errors import InvalidModelFile
from puna.gguf.header import Array, Header, TensorInfo
from puna.gguf.reader import MAGIC, read_strings
from puna.gguf.types import SCALAR_FORMATS, TENSOR_TYPES, ValueType

_VERSION = 3
_CHUNK = 1 << 20
_ALIGNMENT = 32
_PER_TOKEN = frozenset(f"tokenizer.ggml.{name}" for name in ("tokens", "scores", "token_type"))

Write = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class NewArray:
    """An array of any element type, which may be empty."""

    element: ValueType
    items: Sequence[str] | Sequence[int] | Sequence[float]


Addition: TypeAlias = str | bool | int | float | tuple[int, ...] | NewArray


@dataclass(frozen=True, slots=True)
class NewTensor:
    """A tensor to be written.

    Attributes:
        shape: elements per dimension, fastest first.
        type_id: number of its type in ggml.
        pieces: makes its bytes, in order; called once, when their turn comes.
    """

    name: str
    shape: tuple[int, ...]
    type_id: int
    pieces: Callable[[], Iterable[bytes]]

    @property
    def nbytes(self) -> int:
        """Bytes it takes."""
        kind = TENSOR_TYPES[self.type_id]
        return math.prod(self.shape) // kind.block * kind.size


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different in the new file.

    Attributes:
        keys: new name of each key, ``None`` to leave it out.
        add: values to add; numbers as 32 bits, tuples as arrays of integers.
            They take the place of copied ones.
        tokens: length to cut the vocabulary to, 0 = as it is.
        tensors: those of the new file; ``None`` = those of the parts.
    """

    keys: Callable[[str], str | None] = str
    add: Mapping[str, Addition] = field(default_factory=dict)
    tokens: int = 0
    tensors: Sequence[NewTensor] | None = None

    def size(self, source: Header) -> int:
        """About as many bytes as the new file of ``source`` will have."""
        if self.tensors is None:
            return source.file_size
        return source.data_offset + sum(tensor.nbytes for tensor in self.tensors)


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
    tensors = changes.tensors
    if tensors is None:
        tensors = [copied(part, tensor) for part in parts for tensor in part.tensors]
    _check(parts, tensors)
    pairs = [*_copied_pairs(first, changes), *map(_pair, changes.add.items())]
    _write(pairs, tensors, first.alignment, write)


def copied(part: Header, tensor: TensorInfo) -> NewTensor:
    """A tensor of a file as it is."""

    def pieces() -> Iterator[bytes]:
        with part.path.open("rb") as file:
            file.seek(part.data_offset + tensor.offset)
            left = tensor.nbytes
            while left:
                piece = file.read(min(left, _CHUNK))
                if not piece:
                    raise InvalidModelFile("the file became shorter while it was read")
                yield piece
                left -= len(piece)

    return NewTensor(tensor.name, tensor.shape, tensor.type_id, pieces)


def write_file(
    metadata: Mapping[str, Addition], tensors: Sequence[NewTensor], write: Write
) -> None:
    """Write a new file. ``write`` gets its bytes in order, in pieces.

    Args:
        metadata: the key-value pairs; whole numbers as 32 bits without sign.
        tensors: in the order of the file.
        write: takes the next bytes.

    Raises:
        InvalidModelFile: a text that cannot be written as UTF-8, a number that
            does not fit, or a tensor whose pieces are not as long as they should be.
    """
    _write([_pair(item) for item in metadata.items()], tensors, _ALIGNMENT, write)


def _write(
    pairs: Sequence[bytes], tensors: Sequence[NewTensor], alignment: int, write: Write
) -> None:
    write(_head(pairs, tensors, alignment))
    for tensor in tensors:
        written = 0
        for piece in tensor.pieces():
            write(piece)
            written += len(piece)
        if written != tensor.nbytes:
            raise InvalidModelFile(f"tensor {tensor.name!r} is not as large as its shape says")
        write(_padding(written, alignment))


def _head(pairs: Sequence[bytes], tensors: Sequence[NewTensor], alignment: int) -> bytes:
    """All before the tensor data."""
    data = b"".join(
        (
            MAGIC,
            struct.pack("<IQQ", _VERSION, len(tensors), len(pairs)),
            *pairs,
            *_tensor_infos(tensors, alignment),
        )
    )
    return data + _padding(len(data), alignment)


def _check(parts: Sequence[Header], tensors: Sequence[NewTensor]) -> None:
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
    try:
        return _string(key) + _value(value)
    except (struct.error, OverflowError):
        raise InvalidModelFile(f"the value of {key} cannot be stored") from None


def _value(value: Addition) -> bytes:
    match value:
        case str():
            return struct.pack("<I", ValueType.STRING) + _string(value)
        case bool():
            return struct.pack("<I?", ValueType.BOOL, value)
        case int():
            return struct.pack("<II", ValueType.UINT32, value)
        case float():
            return struct.pack("<If", ValueType.FLOAT32, value)
        case tuple():
            return _array(NewArray(ValueType.INT32, value))
        case NewArray():
            return _array(value)
        case _:
            assert_never(value)


def _array(array: NewArray) -> bytes:
    count = len(array.items)
    head = struct.pack("<IIQ", ValueType.ARRAY, array.element, count)
    if array.element is ValueType.STRING:
        return head + b"".join(_string(str(item)) for item in array.items)
    return head + struct.pack(f"<{count}{SCALAR_FORMATS[array.element]}", *array.items)


def _tensor_infos(tensors: Sequence[NewTensor], alignment: int) -> Iterator[bytes]:
    offset = 0
    for tensor in tensors:
        count = len(tensor.shape)
        yield _string(tensor.name) + struct.pack(
            f"<I{count}QIQ", count, *tensor.shape, tensor.type_id, offset
        )
        offset += tensor.nbytes + len(_padding(tensor.nbytes, alignment))


def _string(text: str) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise InvalidModelFile("a text holds half a character (a lone surrogate)") from None
    return struct.pack("<Q", len(raw)) + raw


def _padding(length: int, alignment: int) -> bytes:
    return bytes(-length % alignment)
