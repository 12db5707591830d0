"""The header of a GGUF file as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from puna.gguf.types import TENSOR_TYPES, ValueType

Scalar: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Array:
    """A metadata array.

    Attributes:
        element: type of the elements.
        count: how many there are.
        offset: where the first one starts in the file, in bytes.
        nbytes: bytes they take in the file.
        items: the elements of a small array; ``None`` for a large one, which
            :func:`puna.gguf.reader.read_array` reads when it is wanted.
    """

    element: ValueType
    count: int
    offset: int
    nbytes: int
    items: tuple[Scalar, ...] | None


Value: TypeAlias = Scalar | Array


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor.

    Attributes:
        shape: elements per dimension, fastest first.
        type_id: number of its type in ggml.
        offset: bytes from the start of the data section.
        nbytes: bytes it takes.
    """

    name: str
    shape: tuple[int, ...]
    type_id: int
    offset: int
    nbytes: int

    @property
    def type(self) -> str:
        """Name of the type, such as ``Q4_K``."""
        return TENSOR_TYPES[self.type_id].name

    @property
    def elements(self) -> int:
        """Number of elements."""
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True, slots=True)
class Header:
    """All that a GGUF file says before its tensor data.

    Attributes:
        version: of the format, 2 or 3.
        metadata: in the order of the file.
        tensors: in the order of the file.
        alignment: of the tensors, in bytes.
        data_offset: where the tensor data starts in the file.
        file_size: bytes of the whole file.
        path: the file that was read; large arrays are read from it on demand.
        spans: start and end of each key-value pair in the file, in bytes.
    """

    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[TensorInfo, ...]
    alignment: int
    data_offset: int
    file_size: int
    path: Path
    spans: Mapping[str, tuple[int, int]] = field(repr=False)

    @property
    def parameter_count(self) -> int:
        """Elements of all tensors."""
        return sum(tensor.elements for tensor in self.tensors)

    def text(self, key: str, default: str = "") -> str:
        """A string value, ``default`` when absent or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else default

    def integer(self, key: str, default: int = 0) -> int:
        """An integer value, ``default`` when absent or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    def number(self, key: str, default: float = 0.0) -> float:
        """A number, ``default`` when absent or of another type."""
        value = self.metadata.get(key)
        return float(value) if isinstance(value, int | float) else default

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A boolean value, ``default`` when absent or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, bool) else default
