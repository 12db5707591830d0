"""Running requests: ended when their client leaves or the server stops."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

from puna.errors import ShuttingDown
from puna.server.asgi import CLOSE, JSON_UTF8, App, Message, Receive, Scope, Send, respond
from puna.server.errors import encoded, native_body

logger = logging.getLogger(__name__)

SCOPE_KEY = "puna.live"


@dataclass(slots=True, eq=False)
class Live:
    """One running request."""

    task: asyncio.Task[None]
    gone: bool = False
    draining: bool = False
    status: int = 0
    began: float = field(default_factory=time.monotonic)


class LiveRequests:
    """ASGI middleware that cancels the request of a client that left.

    uvicorn only tells an application that asks; here the question is asked as
    soon as the body is read, for every route.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._live: set[Live] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self._app(scope, receive, send)
            return
        live = scope[SCOPE_KEY] = Live(task)
        watched = _Watched(live, receive)
        self._live.add(live)
        try:
            await self._app(scope, watched.receive, _marking(live, send))
        except asyncio.CancelledError:
            if not (live.gone or live.draining):
                raise
            task.uncancel()
            if not live.status and not live.gone:
                body = encoded(native_body(ShuttingDown()))
                await respond(send, 503, body, JSON_UTF8, [CLOSE])
        finally:
            self._live.discard(live)
            watched.close()
            _log(scope, live)

    def drain(self) -> None:
        """End every running request; streams get a last line that says why."""
        for live in self._live:
            live.draining = True
            live.task.cancel()


class _Watched:
    """The receive channel, watched for a disconnect once the body is read."""

    def __init__(self, live: Live, receive: Receive) -> None:
        self._live = live
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """The next message of the client."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._live.gone = True
        elif not message.get("more_body") and self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        return message

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._live.gone = True
        self._live.task.cancel()

    def close(self) -> None:
        """The request is over."""
        if self._watcher is not None:
            self._watcher.cancel()


def _log(scope: Scope, live: Live) -> None:
    """Route, status and time; never what was asked. 499 is a client that left."""
    path = scope["raw_path"].decode("latin-1")[:200]
    status = live.status or (499 if live.gone else 503)
    seconds = time.monotonic() - live.began
    logger.info("%s %s %d %.3f s", scope["method"], path, status, seconds)


def _marking(live: Live, send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            live.status = message["status"]
        await send(message)

    return wrapped
