"""Reads the header of a safetensors file that may be hostile.

Source: https://github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from puna.errors import InvalidModelFile

DTYPE_BYTES: Mapping[str, int] = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "F64": 8,
    "I64": 8,
    "U64": 8,
}

_LENGTH = struct.Struct("<Q")
_MAX_HEADER = 32 << 20
_MAX_TENSORS = 100_000
_MAX_DIMENSIONS = 8
_MAX_NAME = 512


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in a safetensors file.

    Attributes:
        shape: elements per dimension, slowest first.
        path: the file; ``start`` is the place of its first byte in it.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path
    start: int
    nbytes: int


def read_tensors(path: Path) -> dict[str, StoredTensor]:
    """All tensors of a file by name.

    Raises:
        InvalidModelFile: not a safetensors file, or one whose tensors overlap,
            lie outside the file or are not as large as they say.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        header, start = _header(file, size)
    header.pop("__metadata__", None)
    if len(header) > _MAX_TENSORS:
        raise InvalidModelFile(f"{len(header)} tensors are too many for one safetensors file")
    tensors = {name: _tensor(name, value, path, start) for name, value in header.items()}
    _check_places(tensors, size)
    return tensors


def _header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """The header and where the data after it starts."""
    head = file.read(_LENGTH.size)
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
    if not 2 <= length <= min(_MAX_HEADER, size - _LENGTH.size):
        raise InvalidModelFile("not a safetensors file: its header has an impossible length")
    try:
        header = json.loads(file.read(length), object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise InvalidModelFile("not a safetensors file: its header is not JSON") from error
    if not isinstance(header, dict):
        raise InvalidModelFile("not a safetensors file: its header is not an object")
    return header, _LENGTH.size + length


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are unique: which of two tensors is meant must be clear."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidModelFile("the safetensors header names a tensor twice")
    return found


def _tensor(name: str, value: object, path: Path, start: int) -> StoredTensor:
    entry = value if isinstance(value, dict) else {}
    dtype = entry.get("dtype")
    if len(name) > _MAX_NAME or not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise InvalidModelFile(f"tensor {name[:80]!r} is of a type that is not known")
    shape, place = _sizes(entry.get("shape")), _sizes(entry.get("data_offsets"))
    if shape is None or place is None or len(place) != 2:
        raise InvalidModelFile(f"tensor {name!r} has no usable shape or place")
    nbytes = place[1] - place[0]
    if nbytes != math.prod(shape) * DTYPE_BYTES[dtype]:
        raise InvalidModelFile(f"tensor {name!r} is not as large as its shape says")
    return StoredTensor(name, dtype, shape, path, start + place[0], nbytes)


def _sizes(value: object) -> tuple[int, ...] | None:
    """A short list of sizes; ``True`` and ``1.0`` are none."""
    if not isinstance(value, list) or len(value) > _MAX_DIMENSIONS:
        return None
    sizes = tuple(item for item in value if type(item) is int and 0 <= item < 2**63)
    return sizes if len(sizes) == len(value) else None


def _check_places(tensors: Mapping[str, StoredTensor], size: int) -> None:
    end = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.nbytes)):
        if tensor.start < end:
            raise InvalidModelFile(f"tensor {tensor.name!r} overlaps another one")
        end = tensor.start + tensor.nbytes
        if end > size:
            raise InvalidModelFile(f"tensor {tensor.name!r} ends after the end of the file")
