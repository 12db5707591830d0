"""The short way of a streamed body to its socket."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.flow_control import FlowControl

SCOPE_KEY = "puna.wire"

_FULL = 64 << 10


class Wire:
    """Frames the pieces of a chunked HTTP/1.1 body, without uvicorn's and h11's checks of each.

    The beginning and the end of the answer take the usual way, after :meth:`flush`.

    Attributes:
        gathers: pieces that come in one turn of the event loop leave in one packet.
    """

    def __init__(self, transport: asyncio.Transport, flow: FlowControl) -> None:
        self._transport = transport
        self._flow = flow
        self._loop = asyncio.get_running_loop()
        self._pieces: list[bytes] = []
        self._size = 0
        self.gathers = False

    async def send(self, piece: bytes) -> None:
        """Send a piece; waits while the client does not read."""
        if not piece:
            return
        framed = b"%x\r\n%b\r\n" % (len(piece), piece)
        if self.gathers:
            self._gather(framed)
        elif not self._transport.is_closing():
            self._transport.write(framed)
        if self._flow.write_paused:
            await self._flow.drain()

    def _gather(self, framed: bytes) -> None:
        if not self._pieces:
            self._loop.call_soon(self.flush)
        self._pieces.append(framed)
        self._size += len(framed)
        if self._size > _FULL:
            self.flush()

    def flush(self) -> None:
        """Send now what has come."""
        pieces, self._pieces, self._size = self._pieces, [], 0
        if pieces and not self._transport.is_closing():
            self._transport.write(b"".join(pieces))
