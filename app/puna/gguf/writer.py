"""Writes one GGUF file out of others: the parts of a split model, or a new header.

Key-value pairs and tensor data are copied as bytes, so that whatever an
unknown tool has put there survives.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence

from puna.errors import InvalidModelFile
from puna.gguf.header import Header, TensorInfo
from puna.gguf.reader import MAGIC
from puna.gguf.types import ValueType

_VERSION = 3
_CHUNK = 1 << 20

Write = Callable[[bytes], object]


def combine(parts: Sequence[Header], write: Write, *, add: Mapping[str, str] | None = None) -> None:
    """Write all tensors of ``parts`` under the metadata of the first one.

    Keys that describe a split are left out. ``write`` gets the bytes of the
    new file in order.

    Args:
        parts: headers of the files, in the order of their parts.
        write: takes the next bytes.
        add: string values to add to the metadata.

    Raises:
        InvalidModelFile: two parts have a tensor of the same name, or differ
            in alignment, or a part became shorter.
        OSError: a part cannot be read.
    """
    first = parts[0]
    tensors = [tensor for part in parts for tensor in part.tensors]
    _check(parts, tensors)
    keys = [key for key in first.metadata if not key.startswith("split.")]
    added = dict(add or {})
    head = [
        MAGIC,
        struct.pack("<IQQ", _VERSION, len(tensors), len(keys) + len(added)),
        *_copied_pairs(first, keys),
        *(
            _string(key) + struct.pack("<I", ValueType.STRING) + _string(text)
            for key, text in added.items()
        ),
        *_tensor_infos(tensors, first.alignment),
    ]
    data = b"".join(head)
    write(data + _padding(len(data), first.alignment))
    for part in parts:
        _copy_tensors(part, write)


def _check(parts: Sequence[Header], tensors: Sequence[TensorInfo]) -> None:
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise InvalidModelFile("a tensor is in more than one part of the split model")
    if len({part.alignment for part in parts}) != 1:
        raise InvalidModelFile("the parts of the split model differ in alignment")


def _copied_pairs(header: Header, keys: Sequence[str]) -> Iterator[bytes]:
    with header.path.open("rb") as file:
        for key in keys:
            start, end = header.spans[key]
            file.seek(start)
            yield file.read(end - start)


def _tensor_infos(tensors: Sequence[TensorInfo], alignment: int) -> Iterator[bytes]:
    offset = 0
    for tensor in tensors:
        count = len(tensor.shape)
        yield _string(tensor.name) + struct.pack(
            f"<I{count}QIQ", count, *tensor.shape, tensor.type_id, offset
        )
        offset += tensor.nbytes + len(_padding(tensor.nbytes, alignment))


def _copy_tensors(part: Header, write: Write) -> None:
    with part.path.open("rb") as file:
        for tensor in part.tensors:
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
