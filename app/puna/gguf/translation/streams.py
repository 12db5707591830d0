"""Tensors made out of others while their bytes pass by: never a whole one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from puna.errors import InvalidModelFile
from puna.gguf.conversion.tensors import BF16, F16, F32, rotated
from puna.gguf.types import TENSOR_TYPES
from puna.gguf.writer import NewTensor

Q8_0 = 8


def widened(tensor: NewTensor) -> NewTensor:
    """The same values as 32-bit numbers.

    Raises:
        InvalidModelFile: it is of a type whose values cannot be read here.
    """
    if tensor.type_id == F32:
        return tensor
    decode = _DECODERS.get(tensor.type_id)
    kind = TENSOR_TYPES[tensor.type_id]
    if decode is None:
        raise InvalidModelFile(f"tensor {tensor.name!r} of type {kind.name} cannot be converted")
    return _passed(tensor, kind.size, decode, type_id=F32)


def joined(name: str, parts: Sequence[NewTensor]) -> NewTensor:
    """Tensors one after the other, as rows of one; of several types, as 32-bit numbers.

    Raises:
        InvalidModelFile: their rows are not of one width.
    """
    if len({part.type_id for part in parts}) > 1:
        parts = [widened(part) for part in parts]
    first = parts[0]
    if len({part.shape[:-1] for part in parts}) > 1 or not all(part.shape for part in parts):
        raise InvalidModelFile(f"the tensors of {name!r} differ in shape")
    shape = (*first.shape[:-1], sum(part.shape[-1] for part in parts))

    def pieces() -> Iterator[bytes]:
        for part in parts:
            yield from part.pieces()

    return NewTensor(name, shape, first.type_id, pieces)


def beginning(tensor: NewTensor, rows: int) -> NewTensor:
    """The first rows of a matrix."""
    short = replace(tensor, shape=(*tensor.shape[:-1], min(rows, tensor.shape[-1])))

    def pieces() -> Iterator[bytes]:
        left = short.nbytes
        for piece in tensor.pieces():
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return

    return replace(short, pieces=pieces)


def frames(tensor: NewTensor, channels: int) -> tuple[NewTensor, NewTensor]:
    """The two kernels, one per frame, of a convolution over pairs of frames.

    Raises:
        InvalidModelFile: it is none.
    """
    if len(tensor.shape) != 4 or tensor.shape[2] != 2 or tensor.shape[3] % max(channels, 1):
        raise InvalidModelFile(f"tensor {tensor.name!r} is no convolution over two frames")
    width, height, _, outer = tensor.shape
    kernel = (width, height, channels, outer // channels)
    values = widened(tensor)
    plane = width * height * 4

    def frame(number: int) -> NewTensor:
        def pick(piece: bytes) -> bytes:
            planes = np.frombuffer(piece, np.uint8).reshape(-1, 2, plane)
            return bytes(planes[:, number].tobytes())

        return _passed(values, 2 * plane, pick, shape=kernel)

    return frame(0), frame(1)


def turned(tensor: NewTensor, heads: int) -> NewTensor:
    """A query or key matrix whose rows stand as llama.cpp turns them.

    Raises:
        InvalidModelFile: the rows cannot be divided among the heads.
    """
    rows = tensor.shape[-1] if len(tensor.shape) == 2 else 1
    if heads < 1 or rows % (2 * heads):
        raise InvalidModelFile(f"tensor {tensor.name!r} cannot be divided into {heads} heads")
    head = rows // heads
    width = tensor.nbytes // rows
    order = rotated(head, 1)

    def reorder(piece: bytes) -> bytes:
        found = np.frombuffer(piece, np.uint8).reshape(-1, head, width)
        return bytes(found[:, order].tobytes())

    return _passed(tensor, head * width, reorder)


def zeros(name: str, length: int) -> NewTensor:
    """A vector of nothing."""
    return NewTensor(name, (length,), F32, lambda: [bytes(4 * length)])


def _passed(
    tensor: NewTensor,
    unit: int,
    change: Callable[[bytes], bytes],
    *,
    shape: tuple[int, ...] | None = None,
    type_id: int | None = None,
) -> NewTensor:
    """A tensor whose bytes are changed on their way, in whole units."""

    def pieces() -> Iterator[bytes]:
        for piece in _whole(tensor.pieces(), unit):
            yield change(piece)

    return NewTensor(
        tensor.name,
        tensor.shape if shape is None else shape,
        tensor.type_id if type_id is None else type_id,
        pieces,
    )


def _whole(pieces: Iterable[bytes], unit: int) -> Iterator[bytes]:
    """The same bytes in pieces of one or more units."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        end = len(waiting) - len(waiting) % unit
        if end:
            yield bytes(waiting[:end])
            del waiting[:end]


def _of_f16(data: bytes) -> bytes:
    return np.frombuffer(data, "<f2").astype("<f4").tobytes()


def _of_bf16(data: bytes) -> bytes:
    return (np.frombuffer(data, "<u2").astype("<u4") << 16).tobytes()


def _of_q8_0(data: bytes) -> bytes:
    """Blocks of a factor and 32 whole numbers."""
    blocks = np.frombuffer(data, np.dtype([("factor", "<f2"), ("numbers", "i1", 32)]))
    values = blocks["factor"].astype("<f4")[:, None] * blocks["numbers"].astype("<f4")
    return bytes(values.tobytes())


_DECODERS: dict[int, Callable[[bytes], bytes]] = {F16: _of_f16, BF16: _of_bf16, Q8_0: _of_q8_0}
