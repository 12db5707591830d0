"""Large buffers that come and go."""

from __future__ import annotations

import mmap

import numpy as np
import numpy.typing as npt


def buffer(size: int) -> npt.NDArray[np.uint8]:
    """``size`` bytes that go back to the system with the array.

    Among other objects, buffers of all sizes would leave gaps that stay.
    """
    return np.frombuffer(mmap.mmap(-1, max(1, size)), np.uint8, size)
