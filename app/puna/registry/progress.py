"""How far the transfer of one blob is."""

from __future__ import annotations


class Progress:
    """Bytes moved of one blob, for people: never goes back, never passes the total.

    A part that has to be fetched again is not taken off; the count waits until
    the transfer has passed it.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._completed = 0

    @property
    def completed(self) -> int:
        """Bytes moved, as shown."""
        return self._completed

    def reach(self, moved: int) -> None:
        """Note that ``moved`` bytes in all are here, or there."""
        self._completed = min(self.total, max(self._completed, moved))

    def finish(self) -> None:
        """All bytes are there."""
        self._completed = self.total
