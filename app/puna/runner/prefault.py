"""Fresh memory made ready by the cores that idle while one core loads a model.

llama.cpp fills the weights from one thread. Most of that time the kernel
hands out pages, one fault after the other: half a second per gigabyte. Other threads can do this
from the other end of the same memory; it changes nothing but the time. Only Linux has the call.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from puna.runner import hardware
from puna.runner.buffers import POPULATE_WRITE

_PIECE = 8 << 20
_LEAST = 32 << 20
"""Smaller maps may be stacks. malloc gives anything larger a map of its own."""
_PROBE = 1 << 20
_HELPERS = 3
_POLL = 0.001
_MAPS = Path("/proc/self/maps")

_Range = tuple[int, int]


@contextmanager
def prefaulted() -> Iterator[None]:
    """While the block runs, ready the large maps that it makes and fills from their beginning."""
    helpers = min(_HELPERS, hardware.physical_cores() - 1)
    if sys.platform != "linux" or helpers < 1:
        yield
        return
    pieces = _Pieces()
    threads = [threading.Thread(target=pieces.work, daemon=True) for _ in range(helpers)]
    for thread in threads:
        thread.start()
    pieces.begin()
    try:
        yield
    finally:
        pieces.stop()
        for thread in threads:
            thread.join()


class _Pieces:
    """The work that helpers share: pieces of new maps, the last ones first."""

    def __init__(self) -> None:
        self._known: frozenset[_Range] = frozenset()
        self._todo: list[_Range] = []
        self._lock = threading.Lock()
        self._begun = threading.Event()
        self._over = threading.Event()
        self._madvise, self._mincore = _calls()

    def begin(self) -> None:
        """Maps that are there now, stacks of the helpers among them, are left alone."""
        self._known = frozenset(_maps())
        self._begun.set()

    def stop(self) -> None:
        """Begin no further piece."""
        self._over.set()

    def work(self) -> None:
        """Populate until stopped."""
        self._begun.wait()
        while not self._over.is_set():
            piece = self._next()
            if piece is None:
                self._over.wait(_POLL)
            elif self._madvise(piece[0], piece[1] - piece[0], POPULATE_WRITE) != 0:
                # An older kernel, or the map is gone again: the block does it alone.
                return

    def _next(self) -> _Range | None:
        with self._lock:
            if not self._todo:
                self._look()
            return self._todo.pop() if self._todo else None

    def _look(self) -> None:
        for start, end in sorted(_without(_maps(), self._known)):
            # What nobody fills may stay empty: ready, it would only take memory.
            starts = range(start, end, _PIECE)
            filled = next((at for at in starts if self._is_resident(at + _PROBE)), None)
            if filled is not None:
                self._known |= {(filled, end)}
                self._todo += [(at, min(at + _PIECE, end)) for at in range(filled, end, _PIECE)]

    def _is_resident(self, page: int) -> bool:
        resident = ctypes.c_ubyte()
        done = self._mincore(page, mmap.PAGESIZE, ctypes.byref(resident))
        return done == 0 and bool(resident.value & 1)


def _calls() -> tuple[Callable[[int, int, int], int], Callable[[int, int, Any], int]]:
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    return libc.madvise, libc.mincore


def _without(now: Iterator[_Range], before: frozenset[_Range]) -> Iterator[_Range]:
    """Large parts of ``now`` outside ``before``: the kernel joins a new map to a neighbour."""
    for start, end in now:
        for low, high in sorted(before):
            if high <= start or low >= end:
                continue
            if low - start >= _LEAST:
                yield start, low
            start = max(start, high)
        if end - start >= _LEAST:
            yield start, end


def _maps() -> Iterator[_Range]:
    """Private, writable, anonymous maps of this process. Source: proc_pid_maps(5)."""
    for line in _MAPS.read_text().splitlines():
        fields = line.split()
        if fields[1] == "rw-p" and len(fields) == 5:
            start, _, end = fields[0].partition("-")
            yield int(start, 16), int(end, 16)
