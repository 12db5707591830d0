"""From token bytes to text that is safe to send: whole characters, no stop strings."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Turns pieces of bytes into text, whatever the cuts between them.

    Bytes that may become a stop string are held back until that is decided. A
    character is sent when it is complete; invalid bytes become U+FFFD, and a
    character that the answer's end cuts off is left out.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        # An empty stop string matches at once.
        self._stops = [stop.encode() for stop in stops]
        self._held = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.stop: str | None = None

    def feed(self, piece: bytes) -> str:
        """Text that is certain after ``piece``; sets :attr:`stop` when one matched."""
        if not self._stops:
            return self._decoder.decode(piece)
        data = self._held + piece
        found = _first_match(data, self._stops)
        if found is not None:
            start, stop = found
            self._held = b""
            self.stop = stop.decode()
            return self._decoder.decode(data[:start])
        keep = held_back(data, self._stops)
        self._held = data[len(data) - keep :]
        return self._decoder.decode(data[: len(data) - keep])

    def close(self) -> str:
        """The text that was held back, when the answer ends without a stop string."""
        held, self._held = self._held, b""
        return self._decoder.decode(held) if self.stop is None else ""

    @property
    def incomplete(self) -> bool:
        """Whether the bytes so far end inside a character."""
        return bool(self._decoder.getstate()[0])


def held_back(data: bytes, stops: Sequence[bytes]) -> int:
    """Length of the longest end of ``data`` that begins a stop string."""
    keep = 0
    for stop in stops:
        for size in range(min(len(stop) - 1, len(data)), keep, -1):
            if data.endswith(stop[:size]):
                keep = size
                break
    return keep


def _first_match(data: bytes, stops: Sequence[bytes]) -> tuple[int, bytes] | None:
    matches = [(data.find(stop), stop) for stop in stops]
    return min(((at, stop) for at, stop in matches if at >= 0), default=None)
