"""Answers that arrive in pieces.

The first piece is awaited before the status line is sent, so an error that
is known by then has a status of its own; a later one is the last piece. A
stream of server-sent events that has nothing to say for a while says so in a
comment, or clients and proxies would take it for dead.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from puna.api.gojson import dumps
from puna.errors import PunaError
from puna.server.errors import known, native_body
from puna.server.live import SCOPE_KEY, Live
from puna.server.wire import SCOPE_KEY as WIRE_KEY
from puna.server.wire import Wire

Out: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Takes the pieces of a body."""

JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
BEAT = b": waiting\n\n"
BEAT_SECONDS = 15.0


def line(value: object) -> bytes:
    """One object of an NDJSON stream."""
    return dumps(value) + b"\n"


def event(value: object, name: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + dumps(value) + b"\n\n"


def error_line(error: PunaError) -> bytes:
    """The last line of a native stream that failed."""
    return line(native_body(error))


async def streamed(
    pieces: AsyncIterator[bytes],
    media_type: str,
    last: Callable[[PunaError], bytes] = error_line,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A response of ``pieces``, whose first one is here already.

    ``pieces`` is closed when the response ends, however it ends; ``last`` makes
    the piece that tells the client of a late error.

    Raises:
        PunaError: what went wrong before the first piece.
    """
    first = asyncio.ensure_future(anext(pieces, None))
    try:
        await asyncio.wait([first], timeout=BEAT_SECONDS if media_type == SSE else None)
    except asyncio.CancelledError:
        await _stop(first)
        raise
    if first.done():
        first.result()
    return _Streamed(first, pieces, media_type, last, headers)


class _Streamed(Response):
    def __init__(
        self,
        first: asyncio.Future[bytes | None],
        pieces: AsyncIterator[bytes],
        media_type: str,
        last: Callable[[PunaError], bytes],
        headers: Mapping[str, str] | None,
    ) -> None:
        self._first = first
        self._sends_events = media_type == SSE
        self._silent_since = time.monotonic() if first.done() else 0.0
        self._pieces = pieces
        self._last = last
        self.status_code = 200
        self.background = None
        self.init_headers({"content-type": media_type, **(headers or {})})
        self.raw_headers = [item for item in self.raw_headers if item[0] != b"content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all pieces as they come."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        # In a task of its own, and past the layers of the framework: else each piece would pass
        # through all of them twice.
        live: Live = scope[SCOPE_KEY]
        wire: Wire | None = scope.get(WIRE_KEY)
        if wire is not None:
            # Events may come in one packet; of lines each packet is often taken for one.
            wire.gathers = self._sends_events
        out = wire.send if wire is not None else _plain(live.send)
        sending = asyncio.create_task(self._send_pieces(live, out))
        beats = asyncio.create_task(self._send_beats(out)) if self._sends_events else None
        try:
            end = await sending
        finally:
            await _stop(self._first, *([beats] if beats else []))
            await _close(self._pieces)
        if wire is not None:
            wire.flush()
        await send({"type": "http.response.body", "body": end, "more_body": False})

    async def _send_pieces(self, live: Live, out: Out) -> bytes:
        """Returns the bytes that end the stream: none, or the error."""
        try:
            first = await self._first
            if first is not None:
                await self._send(out, first)
            async for piece in self._pieces:
                await self._send(out, piece)
        except asyncio.CancelledError:
            if live.gone or live.ending is None:
                raise
            live.task.uncancel()
            return self._last(live.ending)
        except Exception as error:  # noqa: BLE001 - the last handler of a stream; `known` logs bugs
            return self._last(known(error))
        return b""

    async def _send(self, out: Out, piece: bytes) -> None:
        self._silent_since = time.monotonic()
        await out(piece)

    async def _send_beats(self, out: Out) -> None:
        while True:
            left = self._silent_since + BEAT_SECONDS - time.monotonic()
            if left > 0:
                await asyncio.sleep(left)
            else:
                await self._send(out, BEAT)


async def _stop(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _plain(send: Send) -> Out:
    async def out(piece: bytes) -> None:
        await send({"type": "http.response.body", "body": piece, "more_body": True})

    return out


async def _close(pieces: AsyncIterator[bytes]) -> None:
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()


def json_response(
    value: object,
    status: int = 200,
    *,
    media_type: str = JSON,
    newline: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One JSON object as the whole answer."""
    body = dumps(value) + (b"\n" if newline else b"")
    return Response(body, status, headers, media_type)
