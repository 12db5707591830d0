"""Reads GGUF headers that may be hostile.

Nothing in the file is trusted: every length is compared with a bound and with
what is left of the file before anything is allocated, and whatever is wrong
ends in :class:`InvalidModelFile`. Large arrays (vocabularies) are walked, not
kept, so that the header of a model with 150,000 tokens costs milliseconds and
a window of the file.

Source: ggml, docs/gguf.md; bounds as in Ollama, fs/gguf (strings, arrays,
dimensions).
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import struct
from pathlib import Path
from typing import BinaryIO

from puna.errors import InvalidModelFile
from puna.gguf.header import Array, Header, Scalar, TensorInfo, Value
from puna.gguf.types import SCALAR_FORMATS, TENSOR_TYPES, ValueType

MAGIC = b"GGUF"
NOT_GGUF = "supplied file was not in GGUF format"

_MAX_KEY = 1 << 16
_MAX_NAME = 255
_MAX_STRING = 16 << 20
_MAX_ARRAY = 64 << 20
_MAX_KEPT = 64 << 20
_MAX_PAIRS = 1 << 16
_MAX_TENSORS = 100_000
_MAX_DIMENSIONS = 4
_SMALL_ARRAY = 64 << 10
_MIN_PAIR = 8 + 4 + 1
_MIN_TENSOR = 8 + 4 + 4 + 8
_WINDOW = 1 << 20
_DEFAULT_ALIGNMENT = 32
_INT64_MAX = 2**63 - 1

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_SIZES = {kind: struct.calcsize("<" + letter) for kind, letter in SCALAR_FORMATS.items()}


def read_header(path: Path) -> Header:
    """Read and check the header of a GGUF file.

    Raises:
        InvalidModelFile: not a GGUF file, damaged, or of a version that is
            not supported. Tensors lie inside the file and do not overlap.
        OSError: the file cannot be opened or read.
    """
    with _open_regular(path) as file:
        return _HeaderReader(_Cursor(file), path).read()


def read_beginning(data: bytes, file_size: int) -> Header:
    """What the first bytes of a GGUF file of ``file_size`` bytes say.

    That is the metadata as far as ``data`` goes, and no tensors. An array that
    ``data`` ends in is there without its elements.

    Raises:
        InvalidModelFile: not the beginning of a GGUF file.
    """
    cursor = _Cursor(io.BytesIO(data), file_size)
    return _HeaderReader(cursor, Path()).read_what_is_there()


def read_array(header: Header, array: Array) -> tuple[Scalar, ...]:
    """All elements of an array, read from the file if need be.

    Raises:
        InvalidModelFile: the file is no longer what it was.
        OSError: the file cannot be opened or read.
    """
    if array.items is not None:
        return array.items
    with _open_regular(header.path) as file:
        cursor = _Cursor(file)
        cursor.seek(array.offset)
        return _elements(cursor, array.element, array.count)


def read_strings(header: Header, array: Array) -> tuple[bytes, ...]:
    """The elements of an array of strings as they are in the file.

    Raises:
        InvalidModelFile: the file is no longer what it was.
        OSError: the file cannot be opened or read.
    """
    with _open_regular(header.path) as file:
        cursor = _Cursor(file)
        cursor.seek(array.offset)
        return tuple(cursor.string(_MAX_STRING, "string") for _ in range(array.count))


def _open_regular(path: Path) -> BinaryIO:
    """Open for reading; a pipe or device would block or never end."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidModelFile(NOT_GGUF)
    return os.fdopen(descriptor, "rb", buffering=0)


class _Cut(InvalidModelFile):
    """The file has fewer bytes than its size says."""


class _Cursor:
    """A position in a file with a window of bytes around it; ``size`` is what the file has."""

    def __init__(self, file: BinaryIO, size: int | None = None) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size if size is None else size
        self._window = b""
        self._start = 0
        self._at = 0

    @property
    def position(self) -> int:
        return self._start + self._at

    @property
    def left(self) -> int:
        return self.size - self.position

    def seek(self, position: int) -> None:
        if position > self.size:
            raise InvalidModelFile("the file ends before its header does")
        if self._start <= position <= self._start + len(self._window):
            self._at = position - self._start
            return
        self._start, self._window, self._at = position, b"", 0

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        self._need(count)
        self._at += count
        return self._window[self._at - count : self._at]

    def u32(self) -> int:
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack(self.take(8))[0])

    def string(self, limit: int, what: str) -> bytes:
        """A length and that many bytes."""
        length = self.u64()
        if length > limit:
            raise InvalidModelFile(f"{what} of {length} bytes is too long")
        return self.take(length)

    def skip(self, count: int) -> None:
        self.seek(self.position + count)

    def skip_strings(self, count: int) -> None:
        """Pass over ``count`` strings; the loop runs once per vocabulary entry."""
        unpack, limit = _U64.unpack_from, _MAX_STRING
        while count:
            self._need(8)
            window, at, end = self._window, self._at, len(self._window) - 8
            while count and at <= end:
                (length,) = unpack(window, at)
                if length > limit:
                    raise InvalidModelFile(f"string of {length} bytes is too long")
                at += 8 + length
                count -= 1
            self.seek(self._start + at)

    def _need(self, count: int) -> None:
        if self._at + count <= len(self._window):
            return
        if count > self.left:
            raise InvalidModelFile("the file ends before its header does")
        self._file.seek(self.position)
        self._start, self._at = self.position, 0
        self._window = _read_exactly(self._file, min(max(count, _WINDOW), self.size - self._start))
        if len(self._window) < count:
            raise _Cut("the file became shorter while it was read")


def _read_exactly(file: BinaryIO, count: int) -> bytes:
    """Up to ``count`` bytes; fewer only at the end of the file."""
    pieces = []
    while count and (piece := file.read(count)):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


class _HeaderReader:
    """Reads one header from front to back."""

    def __init__(self, cursor: _Cursor, path: Path) -> None:
        self._cursor = cursor
        self._path = path
        self._kept = 0
        self._pairs: dict[str, Value] = {}
        self._spans: dict[str, tuple[int, int]] = {}

    def read(self) -> Header:
        version, tensor_count, pair_count = self._counts()
        self._metadata(pair_count)
        tensors = tuple(self._tensor() for _ in range(tensor_count))
        header = self._header(version, tensors)
        _check_tensors(tensors, header.alignment, header.data_offset, header.file_size)
        return header

    def read_what_is_there(self) -> Header:
        version, _, pair_count = self._counts()
        with contextlib.suppress(_Cut):
            self._metadata(pair_count)
        return self._header(version, ())

    def _header(self, version: int, tensors: tuple[TensorInfo, ...]) -> Header:
        alignment = _alignment(self._pairs)
        return Header(
            version=version,
            metadata=self._pairs,
            tensors=tensors,
            alignment=alignment,
            data_offset=_round_up(self._cursor.position, alignment),
            file_size=self._cursor.size,
            path=self._path,
            spans=self._spans,
        )

    def _counts(self) -> tuple[int, int, int]:
        """The version, and how many tensors and metadata entries follow."""
        version = self._version()
        tensors = self._count(_MAX_TENSORS, _MIN_TENSOR, "tensors")
        return version, tensors, self._count(_MAX_PAIRS, _MIN_PAIR, "metadata entries")

    def _version(self) -> int:
        if self._cursor.left < 8 or self._cursor.take(4) != MAGIC:
            raise InvalidModelFile(NOT_GGUF)
        version = self._cursor.u32()
        if version in (2, 3):
            return version
        if int.from_bytes(version.to_bytes(4, "little"), "big") in (1, 2, 3):
            raise InvalidModelFile("big-endian GGUF files are not supported")
        raise InvalidModelFile(f"unsupported GGUF version {version}")

    def _count(self, limit: int, smallest: int, what: str) -> int:
        count = self._cursor.u64()
        if count > limit or count * smallest > self._cursor.left:
            raise InvalidModelFile(f"{count} {what} cannot be in this file")
        return count

    def _metadata(self, count: int) -> None:
        for _ in range(count):
            start = self._cursor.position
            key = _identifier(self._cursor.string(_MAX_KEY, "metadata key"))
            if key in self._pairs:
                raise InvalidModelFile(f"metadata key {key!r} appears twice")
            self._pairs[key] = self._value(key)
            self._spans[key] = (start, self._cursor.position)

    def _value(self, key: str) -> Value:
        kind = _value_type(self._cursor.u32(), key)
        if kind is ValueType.ARRAY:
            return self._array(key)
        start = self._cursor.position
        value = _scalar(self._cursor, kind)
        self._keep(self._cursor.position - start)
        return value

    def _array(self, key: str) -> Array:
        element = _value_type(self._cursor.u32(), key)
        if element is ValueType.ARRAY:
            raise InvalidModelFile(f"metadata value {key!r} is an array of arrays")
        count = self._cursor.u64()
        smallest = _SIZES.get(element, 8)
        if count > _MAX_ARRAY or count * smallest > self._cursor.left:
            raise InvalidModelFile(f"array {key!r} of {count} elements cannot be in this file")
        offset = self._cursor.position
        self._pairs[key] = Array(element, count, offset, 0, None)  # all there is if it is cut here
        if element is ValueType.STRING:
            self._cursor.skip_strings(count)
        else:
            self._cursor.skip(count * smallest)
        end = self._cursor.position
        return Array(
            element, count, offset, end - offset, self._small_items(element, count, offset)
        )

    def _small_items(
        self, element: ValueType, count: int, offset: int
    ) -> tuple[Scalar, ...] | None:
        end = self._cursor.position
        if end - offset > _SMALL_ARRAY:
            return None
        self._keep(end - offset)
        self._cursor.seek(offset)
        items = _elements(self._cursor, element, count)
        self._cursor.seek(end)
        return items

    def _keep(self, count: int) -> None:
        self._kept += count
        if self._kept > _MAX_KEPT:
            raise InvalidModelFile("the metadata is too large")

    def _tensor(self) -> TensorInfo:
        name = _identifier(self._cursor.string(_MAX_NAME, "tensor name"))
        dimensions = self._cursor.u32()
        if dimensions > _MAX_DIMENSIONS:
            raise InvalidModelFile(f"tensor {name!r} has {dimensions} dimensions")
        shape = tuple(self._cursor.u64() for _ in range(dimensions))
        type_id, offset = self._cursor.u32(), self._cursor.u64()
        return TensorInfo(name, shape, type_id, offset, _tensor_bytes(name, shape, type_id))


def _value_type(number: int, key: str) -> ValueType:
    try:
        return ValueType(number)
    except ValueError:
        raise InvalidModelFile(f"metadata value {key!r} is of unknown type {number}") from None


def _scalar(cursor: _Cursor, kind: ValueType) -> Scalar:
    if kind is ValueType.STRING:
        return cursor.string(_MAX_STRING, "string").decode("utf-8", "replace")
    (value,) = struct.unpack("<" + SCALAR_FORMATS[kind], cursor.take(_SIZES[kind]))
    if kind is ValueType.BOOL:
        return bool(value)
    if kind is ValueType.FLOAT32:
        return shortest_float32(value)
    return int(value) if isinstance(value, int) else float(value)


def _elements(cursor: _Cursor, kind: ValueType, count: int) -> tuple[Scalar, ...]:
    if kind is ValueType.STRING:
        return tuple(_scalar(cursor, kind) for _ in range(count))
    values = struct.unpack(f"<{count}{SCALAR_FORMATS[kind]}", cursor.take(count * _SIZES[kind]))
    if kind is ValueType.BOOL:
        return tuple(map(bool, values))
    if kind is ValueType.FLOAT32:
        return tuple(map(shortest_float32, values))
    return values


def shortest_float32(value: float) -> float:
    """The double with the fewest digits that rounds to this float32.

    ``1e-05`` in a file is 9.999999747378752e-06 as a double; people wrote and
    expect ``1e-05``. NaN and infinities stay what they are.
    """
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        try:
            if struct.unpack("<f", struct.pack("<f", short))[0] == value:
                return short
        except OverflowError:
            continue
    return float(f"{value:.9g}")


def _identifier(raw: bytes) -> str:
    """A key or tensor name; printable, since it reaches logs and people."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text or re.search(r"[\x00-\x1f\x7f]", text):
        raise InvalidModelFile("a name in the header is empty or not readable text")
    return text


def _alignment(metadata: dict[str, Value]) -> int:
    value = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidModelFile("general.alignment is not a number")
    if value <= 0 or value & (value - 1):
        raise InvalidModelFile(f"general.alignment {value} is not a power of two")
    return value


def _tensor_bytes(name: str, shape: tuple[int, ...], type_id: int) -> int:
    kind = TENSOR_TYPES.get(type_id)
    if kind is None:
        raise InvalidModelFile(f"tensor {name!r} is of unknown type {type_id}")
    elements = 1
    for size in shape:
        elements *= size
        if not 0 < elements <= _INT64_MAX:
            raise InvalidModelFile(f"tensor {name!r} has an impossible shape {list(shape)}")
    row = shape[0] if shape else 1
    if row % kind.block:
        raise InvalidModelFile(f"tensor {name!r}: rows of {row} cannot be stored as {kind.name}")
    return elements // kind.block * kind.size


def _check_tensors(
    tensors: tuple[TensorInfo, ...], alignment: int, data_offset: int, file_size: int
) -> None:
    """Names are unique; extents are aligned, apart and inside the file."""
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise InvalidModelFile("a tensor name appears twice")
    end = 0
    for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
        if tensor.offset % alignment:
            raise InvalidModelFile(f"tensor {tensor.name!r} is not aligned to {alignment} bytes")
        if tensor.offset < end:
            raise InvalidModelFile(f"tensor {tensor.name!r} overlaps another one")
        end = tensor.offset + tensor.nbytes
        if data_offset + end > file_size:
            raise InvalidModelFile(
                f'tensor "{tensor.name}" offset+size ({data_offset + end}) '
                f"exceeds file size ({file_size})"
            )


def _round_up(value: int, step: int) -> int:
    return (value + step - 1) // step * step
