"""Large buffers that come and go."""

from __future__ import annotations

import mmap
import sys

import numpy as np
import numpy.typing as npt

POPULATE_WRITE = 23
"""``MADV_POPULATE_WRITE``: the pages as if written to, contents kept. Linux 5.14."""


def buffer(size: int) -> npt.NDArray[np.uint8]:
    """``size`` bytes that go back to the system with the array.

    Among other objects, buffers of all sizes would leave gaps that stay.
    """
    return np.frombuffer(memory(max(1, size)), np.uint8, size)


def copy_of(array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The same bytes in a buffer of their own, so that what they were a part of can go."""
    copied = buffer(array.size)
    copied[:] = array
    return copied


def memory(size: int) -> mmap.mmap:
    """A fresh map of ``size`` bytes, all zero, at least 1."""
    if sys.platform == "win32":
        return mmap.mmap(-1, size)
    # Pages that could be shared, the default, take half as long again.
    return mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
