"""Longest common prefixes of token sequences."""

from __future__ import annotations

from collections.abc import Sequence

SHARE_GAIN = 16
"""Tokens a donor must have more than what is there already, to be worth a copy."""


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Number of equal tokens at the start of both.

    Slices that double compare long sequences at the speed of C and leave early
    when the difference is near the start.
    """
    end = min(len(a), len(b))
    start, step = 0, 8
    while start < end:
        stop = min(start + step, end)
        if a[start:stop] != b[start:stop]:
            return _first_difference(a, b, start, stop)
        start, step = stop, step * 2
    return end


def _first_difference(a: Sequence[int], b: Sequence[int], low: int, high: int) -> int:
    """The first position in ``[low, high)`` where ``a`` and ``b`` differ; there is one."""
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low
