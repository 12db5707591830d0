"""Memory that other cores make ready."""

from __future__ import annotations

import ctypes
import mmap
import sys
import threading
import time

import pytest

from puna.runner import hardware, prefault
from puna.runner.prefault import prefaulted

if sys.platform != "linux":
    pytest.skip("only Linux has the call", allow_module_level=True)

_SIZE = 64 << 20
_PATIENCE = 10.0
_READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE
_PRIVATE_HERE = 0x10 | mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS  # MAP_FIXED
_LIBC = ctypes.CDLL(None)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_LIBC.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "physical_cores", lambda: 2)


class Area:
    """A large map of its own: shared memory around it keeps the kernel from joining it."""

    def __init__(self) -> None:
        self._room = mmap.mmap(-1, 3 * _SIZE, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self._room)) + _SIZE

    def make(self) -> Area:
        """Map it."""
        place = _LIBC.mmap(self.start, _SIZE, _READ_WRITE, _PRIVATE_HERE, -1, 0)
        assert place == self.start
        return self

    def fill(self, size: int = 2 << 20) -> None:
        """Write ``size`` bytes from its beginning."""
        ctypes.memset(self.start, ord("w"), size)

    def resident(self) -> int:
        """Bytes of it that are in memory."""
        pages = (ctypes.c_ubyte * (_SIZE // mmap.PAGESIZE))()
        assert _LIBC.mincore(self.start, _SIZE, pages) == 0
        return sum(page & 1 for page in pages) * mmap.PAGESIZE

    def wait_until_ready(self) -> None:
        """Until all of it is in memory."""
        deadline = time.monotonic() + _PATIENCE
        while self.resident() < _SIZE:
            assert time.monotonic() < deadline, "the map was not made ready"
            threading.Event().wait(0.002)  # A busy thread would keep the helper from working.


def test_a_map_that_is_being_filled_is_ready_before_its_end_is_written() -> None:
    area = Area()
    with prefaulted():
        area.make().fill()
        area.wait_until_ready()
    assert ctypes.string_at(area.start, 2) == b"ww"
    assert ctypes.string_at(area.start + _SIZE - 1, 1) == b"\0"


def test_an_untouched_map_takes_no_memory() -> None:
    untouched, filled = Area(), Area()
    with prefaulted():
        untouched.make()
        filled.make().fill()
        filled.wait_until_ready()
    assert untouched.resident() == 0


def test_a_map_from_before_is_left_alone() -> None:
    before, area = Area().make(), Area()
    before.fill()
    with prefaulted():
        area.make().fill()
        area.wait_until_ready()
    assert before.resident() == 2 << 20


def test_an_error_of_the_block_comes_through() -> None:
    with pytest.raises(ValueError, match="inside"), prefaulted():
        raise ValueError("inside")


_M = 1 << 20


@pytest.mark.parametrize(
    ("now", "before", "new"),
    [
        ([(0, 64 * _M)], [], [(0, 64 * _M)]),
        ([(0, 64 * _M)], [(0, 64 * _M)], []),
        ([(0, 128 * _M)], [(64 * _M, 128 * _M)], [(0, 64 * _M)]),
        ([(0, 128 * _M)], [(0, 64 * _M)], [(64 * _M, 128 * _M)]),
        ([(0, 192 * _M)], [(64 * _M, 128 * _M)], [(0, 64 * _M), (128 * _M, 192 * _M)]),
        ([(0, 65 * _M)], [(0, 64 * _M)], []),
        ([(0, 64 * _M)], [(80 * _M, 144 * _M)], [(0, 64 * _M)]),
    ],
)
def test_what_is_new_of_maps_that_grew(
    now: list[tuple[int, int]], before: list[tuple[int, int]], new: list[tuple[int, int]]
) -> None:
    assert list(prefault._without(iter(now), frozenset(before))) == new
