"""HTTP/1.1 framing: uvicorn's h11 protocol, with limits on heads and a short way for streams."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from puna.server import wire

HEAD_SECONDS = 30.0
MAX_HEAD = 64 << 10


class Protocol(H11Protocol):
    """Closes a connection whose request head is not complete after :data:`HEAD_SECONDS`."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock of the first head."""
        super().connection_made(transport)
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the head is complete, start it when the next begins."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_head_timer()
        elif self._head_timer is None:
            self._start_head_timer()

    def handle_events(self) -> None:
        """Give the request a :class:`~puna.server.wire.Wire` if its answer can be chunked."""
        super().handle_events()
        cycle = cast(RequestResponseCycle | None, self.cycle)
        if cycle is None:
            return
        scope = cast(MutableMapping[str, Any], cycle.scope)
        chunked = scope["http_version"] == "1.1" and scope["method"] != "HEAD"
        if chunked and wire.SCOPE_KEY not in scope:
            scope[wire.SCOPE_KEY] = wire.Wire(self.transport, self.flow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing() and self.conn.their_state is h11.IDLE:
            self.transport.close()


def uvicorn_options() -> dict[str, Any]:
    """The options of ``uvicorn.Config`` that belong to the framing."""
    return {"http": Protocol, "h11_max_incomplete_event_size": MAX_HEAD}
