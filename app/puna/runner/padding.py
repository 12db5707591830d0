"""Whether a batch of a few rows is quicker with some more."""

from __future__ import annotations

TILE = 4
"""CPU kernels multiply so many rows at once; what is left over they do one by one.

Measured, ms for 5, 6, 7 and 8 rows: Gemma 3 270M 44, 51, 55, 39; SmolLM2 Q4_0 13, 15, 17, 14.
"""

_LEAST = 3
_TRIALS = 8
_AGAIN = 256
_LEARNING = 0.2
_WORTH = 0.97


class Padding:
    """Decides by trying: how much it helps depends on processor, kernels and model."""

    def __init__(self) -> None:
        self._sizes: dict[int, _Size] = {}

    def rows(self, streams: int) -> int:
        """Rows to add to a step of so many streams."""
        missing = -streams % TILE
        if streams < _LEAST or missing == 0:
            return 0
        size = self._sizes.setdefault(streams, _Size())
        return missing if size.choose() else 0

    def observe(self, streams: int, added: int, seconds: float) -> None:
        """What a step took that asked :meth:`rows`."""
        size = self._sizes.get(streams)
        if size is not None:
            size.observe(bool(added), seconds)


class _Size:
    """One number of streams: what steps take without and with more rows."""

    def __init__(self) -> None:
        self._steps = 0
        self._seconds = [0.0, 0.0]

    def choose(self) -> bool:
        self._steps += 1
        if self._steps <= _TRIALS or self._steps % _AGAIN < 2:
            return self._steps % 2 == 0
        plain, padded = self._seconds
        return padded < _WORTH * plain

    def observe(self, padded: bool, seconds: float) -> None:
        known = self._seconds[padded]
        # A step that something else held up says little.
        change = min(seconds, 1.5 * known) - known if known else seconds
        self._seconds[padded] = known + change * (_LEARNING if known else 1.0)
