"""How far a download is, how fast, and how long it will take."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import Any

_MEMORY_S = 10.0
"""Speed is a moving average over about this long."""


class TransferProgress:
    """Adds up the status lines of one pull.

    Attributes:
        status: the server's word for what it does now.
        speed: bytes per s of this session; bytes that were there before do not count.
    """

    def __init__(self) -> None:
        self.status = ""
        self.speed = 0.0
        self._done: dict[str, int] = {}
        self._totals: dict[str, int] = {}
        self._last: tuple[float, int] | None = None

    @property
    def done(self) -> int:
        """Bytes that are here."""
        return sum(self._done.values())

    @property
    def total(self) -> int:
        """Bytes of all layers that are known so far."""
        return sum(self._totals.values())

    @property
    def fraction(self) -> float:
        """Part that is done, 0 to 1."""
        return self.done / self.total if self.total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time to the end at this speed; ``None`` while nobody can tell."""
        if self.speed <= 0 or not self.total:
            return None
        return (self.total - self.done) / self.speed

    def take(self, line: Mapping[str, Any], now: float) -> None:
        """Add one status line; ``now`` is monotonic, s."""
        self.status = str(line.get("status", ""))
        digest = str(line.get("digest") or "")
        if not digest:
            return
        known = digest in self._totals
        self._totals[digest] = int(line.get("total") or 0)
        before = self.done
        self._done[digest] = int(line.get("completed") or 0)
        self._measure(self.done - before if known else 0, now)

    def _measure(self, arrived: int, now: float) -> None:
        if self._last is None:
            self._last = (now, 0)
            return
        since, waiting = self._last[0], self._last[1] + arrived
        elapsed = now - since
        if elapsed < 0.25:
            self._last = (since, waiting)
            return
        weight = 1.0 if self.speed == 0 else 1 - exp(-elapsed / _MEMORY_S)
        self.speed += weight * (waiting / elapsed - self.speed)
        self._last = (now, 0)
