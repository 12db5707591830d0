"""Memory of the cache: taken from the system where conversations use it, the rest when idle.

llama.cpp clears a new cache by writing to all of it: half a second per gigabyte before the first
token, nearly all of it the kernel handing out pages one by one. A fresh map is zero anyway. So
while a context is made, large buffers in main memory are maps whose first clearing is left out.

ggml has no public way to say so; the tables of functions that it keeps for a buffer and for a kind
of buffer are written to. Where they do not look as expected, llama.cpp clears as it always does.
Source: ggml/src/ggml-backend-impl.h.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from puna.runner import backends, hardware
from puna.runner.buffers import POPULATE_WRITE, memory

_LARGE = 32 << 20
"""Bytes of a buffer that is worth the trouble."""

_PIECE = 8 << 20
"""Bytes to take at once: about 3 ms."""

_Allocate = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_Free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_Clear = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint8)


class _BufferType(ctypes.Structure):
    """``ggml_backend_buffer_type``."""

    _fields_ = (
        ("get_name", ctypes.c_void_p),
        ("alloc_buffer", ctypes.c_void_p),
        ("get_alignment", ctypes.c_void_p),
        ("get_max_size", ctypes.c_void_p),
        ("get_alloc_size", ctypes.c_void_p),
        ("is_host", ctypes.c_void_p),
        ("device", ctypes.c_void_p),
        ("context", ctypes.c_void_p),
    )


class _Buffer(ctypes.Structure):
    """``ggml_backend_buffer``."""

    _fields_ = (
        ("free_buffer", ctypes.c_void_p),
        ("get_base", ctypes.c_void_p),
        ("init_tensor", ctypes.c_void_p),
        ("memset_tensor", ctypes.c_void_p),
        ("set_tensor", ctypes.c_void_p),
        ("get_tensor", ctypes.c_void_p),
        ("set_tensor_2d", ctypes.c_void_p),
        ("get_tensor_2d", ctypes.c_void_p),
        ("cpy_tensor", ctypes.c_void_p),
        ("clear", ctypes.c_void_p),
        ("reset", ctypes.c_void_p),
        ("buffer_type", ctypes.c_void_p),
        ("context", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("usage", ctypes.c_int),
    )


class _Area:
    """One buffer.

    Attributes:
        cleared: llama.cpp wants it to be zero: it is a cache, not room to compute in.
        taken: bytes from its beginning that the system has given.
    """

    def __init__(self, pages: mmap.mmap, size: int) -> None:
        self._pages = pages
        self.bytes = np.frombuffer(pages, np.uint8, size)
        self.cleared = False
        self.taken = 0

    @property
    def untouched(self) -> int:
        """Bytes that a cache was promised."""
        return self.bytes.size - self.taken if self.cleared else 0

    def clear(self, value: int) -> None:
        """What a fresh map needs no work for the first time."""
        if value or self.cleared:
            self.bytes.fill(value)
        self.cleared = True

    def take(self) -> None:
        """Have the system give the next piece."""
        start, end = self.taken, min(self.taken + _PIECE, self.bytes.size)
        self.taken = end
        if hasattr(mmap, "MADV_NORMAL"):
            with suppress(OSError):  # An older kernel, or none of this kind.
                self._pages.madvise(POPULATE_WRITE, start, end - start)
                return
        self.bytes[start : end : mmap.PAGESIZE] |= 0


class CacheMemory:
    """The buffers of contexts that were made within :meth:`given`. Belongs to one thread."""

    def __init__(self) -> None:
        self._areas: dict[int, _Area] = {}
        self._base = _library()
        self._usual: Any = None
        # ggml calls them for as long as the buffers are there.
        self._allocate = _Allocate(self._new)
        self._free = _Free(self._drop)
        self._clear = _Clear(lambda buffer, value: self._areas[buffer].clear(value))

    @property
    def untouched(self) -> int:
        """Bytes of caches that the system has not given yet."""
        return sum(area.untouched for area in self._areas.values())

    @contextmanager
    def given(self) -> Iterator[None]:
        """While the block runs, large buffers in main memory are fresh maps."""
        kind = _BufferType.from_address(self._base.ggml_backend_cpu_buffer_type())
        usual = kind.alloc_buffer
        if not _is_as_expected(self._base, kind):
            yield
            return
        kind.alloc_buffer = ctypes.cast(self._allocate, ctypes.c_void_p).value
        self._usual = _Allocate(usual)
        try:
            yield
        finally:
            kind.alloc_buffer = usual

    def take_next(self) -> bool:
        """Take some of what is untouched; whether there is more.

        Nothing is taken that the machine does not have: then conversations may yet do without.
        """
        area = next((area for area in self._areas.values() if area.untouched), None)
        if area is None or hardware.available_memory() < self.untouched:
            return False
        area.take()
        return self.untouched > 0

    def _new(self, kind: int, size: int) -> int | None:
        # What is not there should fail now, not in the middle of a conversation.
        if size < _LARGE or size > hardware.available_memory():
            made: int | None = self._usual(kind, size)
            return made
        try:
            pages = memory(size)
        except (OSError, ValueError, OverflowError):
            return None
        area = _Area(pages, size)
        handle: int = self._base.ggml_backend_cpu_buffer_from_ptr(area.bytes.ctypes.data, size)
        buffer = _Buffer.from_address(handle)
        buffer.buffer_type = kind
        buffer.free_buffer = ctypes.cast(self._free, ctypes.c_void_p).value
        buffer.clear = ctypes.cast(self._clear, ctypes.c_void_p).value
        self._areas[handle] = area
        return handle

    def _drop(self, buffer: int) -> None:
        del self._areas[buffer]


def _is_as_expected(base: Any, kind: _BufferType) -> bool:
    """Whether the tables are those of the llama.cpp that this was written for."""
    address = ctypes.addressof(kind)
    if kind.get_name is None or kind.alloc_buffer is None:
        return False
    named = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(kind.get_name)(address)
    if named != base.ggml_backend_buft_name(address):
        return False
    handle = base.ggml_backend_buft_alloc_buffer(address, mmap.PAGESIZE)
    if not handle:
        return False
    buffer = _Buffer.from_address(handle)
    fits: bool = (
        buffer.buffer_type == address
        and buffer.size == base.ggml_backend_buffer_get_size(handle)
        and buffer.reset is None
        and buffer.clear is not None
    )
    base.ggml_backend_buffer_free(handle)
    return fits


def _library() -> Any:
    base = backends.ggml("ggml-base")
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for name, result, arguments in (
        ("cpu_buffer_type", pointer, ()),
        ("cpu_buffer_from_ptr", pointer, (pointer, size)),
        ("buft_name", ctypes.c_char_p, (pointer,)),
        ("buft_alloc_buffer", pointer, (pointer, size)),
        ("buffer_get_size", size, (pointer,)),
        ("buffer_free", None, (pointer,)),
    ):
        function = getattr(base, f"ggml_backend_{name}")
        function.restype, function.argtypes = result, arguments
    return base
