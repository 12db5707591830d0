"""How fast this machine reads its memory."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

_BYTES = 256 << 20
"""Far more than any cache of a desktop processor holds."""

_PASSES = 8


def read_bandwidth() -> float | None:
    """Bytes per second that all cores together read at best; ``None`` without numpy.

    Takes about a second and 256 MiB.
    """
    try:
        import numpy as np
    except ImportError:  # a command line that was installed without the server
        return None
    cores = os.cpu_count() or 1
    parts = np.array_split(np.ones(_BYTES // 8, np.int64), cores)
    fastest = float("inf")
    with ThreadPoolExecutor(cores) as pool:
        for _ in range(_PASSES):
            started = time.perf_counter()
            list(pool.map(np.max, parts))
            fastest = min(fastest, time.perf_counter() - started)
    return _BYTES / fastest
