"""Tensors on their way from safetensors to GGUF, some rows at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from puna.errors import InvalidInput, InvalidModelFile
from puna.gguf.conversion.safetensors import StoredTensor
from puna.gguf.writer import NewTensor

F32, F16, BF16 = 0, 1, 30
"""Numbers of the types in ggml."""

_BLOCK = 1 << 20
_MAX_ROW = 1 << 20
_FORMATS = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "F64": "<f8"}

Rows: TypeAlias = npt.NDArray[np.intp]
_Values: TypeAlias = npt.NDArray[Any]


def converted(
    tensor: StoredTensor, name: str, type_id: int, *, rows: Rows | None = None, shift: float = 0.0
) -> NewTensor:
    """A tensor of a file under another name and of another type.

    Args:
        tensor: what is stored.
        name: its name in GGUF.
        type_id: its type there, F32, F16 or BF16.
        rows: which rows, in which order; ``None`` = as they are.
        shift: is added to every value.

    Raises:
        InvalidInput: its type or shape is none of a weight.
    """
    _require_weight(tensor)
    count = tensor.shape[0] if rows is None else len(rows)

    def pieces() -> Iterator[bytes]:
        for block in _blocks(tensor, rows):
            yield _encoded(block, tensor, type_id, shift)

    shape = (*reversed(tensor.shape[1:]), count)
    return NewTensor(name, shape, type_id, pieces)


def constant(name: str, values: Sequence[float]) -> NewTensor:
    """A vector of 32-bit numbers."""
    data = np.asarray(values, dtype="<f4").tobytes()
    return NewTensor(name, (len(values),), F32, lambda: [data])


def rotated(count: int, heads: int) -> Rows:
    """Order of the rows of a query or key matrix.

    Hugging Face keeps the two halves of a head one after the other, llama.cpp
    expects the pairs that are turned together beside each other.

    Raises:
        InvalidInput: the rows cannot be divided among the heads.
    """
    if count % (2 * heads):
        raise InvalidInput(f"{count} rows of a query or key matrix do not make {heads} heads")
    order = np.arange(count).reshape(heads, 2, count // heads // 2)
    return order.swapaxes(1, 2).reshape(count)


def _require_weight(tensor: StoredTensor) -> None:
    if tensor.dtype not in _FORMATS:
        raise InvalidInput(
            f"tensor {tensor.name!r} is of type {tensor.dtype}; "
            "only F32, F16 and BF16 weights can be converted"
        )
    if not 1 <= len(tensor.shape) <= 2 or math.prod(tensor.shape) == 0:
        raise InvalidInput(f"tensor {tensor.name!r} is neither a matrix nor a vector")


def _blocks(tensor: StoredTensor, rows: Rows | None) -> Iterator[_Values]:
    """The values in order, about a million at a time."""
    if rows is None:
        count = math.prod(tensor.shape)
        for start in range(0, count, _BLOCK):
            yield _mapped(tensor, (min(_BLOCK, count - start),), start)
        return
    width = math.prod(tensor.shape[1:])
    if width > _MAX_ROW:
        raise InvalidInput(f"tensor {tensor.name!r} has rows of {width} values")
    stored = _mapped(tensor, tensor.shape)
    step = max(_BLOCK // width, 1)
    for start in range(0, len(rows), step):
        yield stored[rows[start : start + step]]


def _mapped(tensor: StoredTensor, shape: tuple[int, ...], first: int = 0) -> _Values:
    """Values from number ``first`` on; their memory is given back with the array."""
    kind = np.dtype(_FORMATS[tensor.dtype])
    offset = tensor.start + first * kind.itemsize
    try:
        return np.memmap(tensor.path, kind, mode="r", offset=offset, shape=shape)
    except ValueError as error:
        raise InvalidModelFile("the file became shorter while it was read") from error


def _encoded(block: _Values, tensor: StoredTensor, type_id: int, shift: float) -> bytes:
    if not shift and (tensor.dtype, type_id) in (("F32", F32), ("F16", F16), ("BF16", BF16)):
        return bytes(block.tobytes())
    values = _floats(block, tensor.dtype)
    if shift:
        values = values + np.float32(shift)
    return _ENCODERS[type_id](values, tensor.name)


def _floats(block: _Values, dtype: str) -> npt.NDArray[np.float32]:
    if dtype == "BF16":
        return (block.astype("<u4") << 16).view("<f4")
    with np.errstate(over="ignore"):
        return block.astype("<f4")


def _to_f32(values: npt.NDArray[np.float32], name: str) -> bytes:
    return bytes(values.tobytes())


def _to_f16(values: npt.NDArray[np.float32], name: str) -> bytes:
    with np.errstate(over="ignore"):
        halves = values.astype("<f2")
    if not np.array_equal(np.isfinite(halves), np.isfinite(values)):
        raise InvalidInput(f"tensor {name!r} has values that are too large for F16")
    return bytes(halves.tobytes())


def _to_bf16(values: npt.NDArray[np.float32], name: str) -> bytes:
    """Rounded to the nearest, ties to even."""
    bits = values.view("<u4")
    rounded = bits + (((bits >> 16) & 1) + 0x7FFF)
    return bytes((rounded >> 16).astype("<u2").tobytes())


_ENCODERS: dict[int, Callable[[npt.NDArray[np.float32], str], bytes]] = {
    F32: _to_f32,
    F16: _to_f16,
    BF16: _to_bf16,
}
