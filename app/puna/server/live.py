"""Running requests: named, counted, ended when their client leaves or somebody says so."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from puna.errors import PunaError, RequestCanceled, ShuttingDown, SlowBody
from puna.server.asgi import CLOSE, JSON_UTF8, App, Message, Receive, Scope, Send, header, respond
from puna.server.errors import encoded, native_body, status_of

logger = logging.getLogger(__name__)

SCOPE_KEY = "puna.live"
ID_HEADER = b"x-request-id"
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)

BODY_SECONDS = 30.0
"""How long a body may bring nothing, and how long it may be slow at first."""

LEAST_RATE = 1024
"""Bytes per second that a body has to bring on average after that."""

Observe = Callable[[str, str, int, float], None]
"""Is told method, route, status and duration in s of each request."""


@dataclass(slots=True, eq=False)
class Live:
    """One running request.

    Attributes:
        send: to the client, past all layers of the application.
        id: what the client called it, or a name of ours.
        gone: the client has left.
        ending: why the server ends it, if it does.
        status: of the answer, 0 while there is none.
        began: on the monotonic clock.
    """

    task: asyncio.Task[None]
    send: Send
    id: str
    gone: bool = False
    ending: PunaError | None = None
    status: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def outcome(self) -> int:
        """The status, or what stands for it: 499 is a client that left."""
        return self.status or (499 if self.gone else 503)

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.began

    def end(self, error: PunaError) -> None:
        """Stop working on it and tell the client why."""
        self.ending = error
        self.task.cancel()


class LiveRequests:
    """ASGI middleware that cancels the request of a client that left.

    uvicorn only tells an application that asks; here the question is asked as
    soon as the body is read, for every route.
    """

    def __init__(self, app: App, observe: Observe) -> None:
        self._app = app
        self._observe = observe
        self._live: set[Live] = set()

    def __len__(self) -> int:
        return len(self._live)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self._app(scope, receive, send)
            return
        live = scope[SCOPE_KEY] = Live(task, send, _id(scope))
        self._live.add(live)
        try:
            await self._serve(live, scope, receive, send)
        finally:
            self._live.discard(live)
            route = getattr(scope.get("route"), "path", "")
            self._observe(scope["method"], route, live.outcome, live.seconds)
            _log(scope, live)

    async def _serve(self, live: Live, scope: Scope, receive: Receive, send: Send) -> None:
        watched, marked = _Watched(live, receive), _marking(live, send)
        try:
            await self._app(scope, watched.receive, marked)
        except asyncio.CancelledError:
            if not (live.gone or live.ending):
                raise
            live.task.uncancel()
            if live.ending and not live.status and not live.gone:
                body = encoded(native_body(live.ending))
                await respond(marked, status_of(live.ending), body, JSON_UTF8, [CLOSE])
        finally:
            watched.close()

    def cancel(self, request_id: str, *, asked_by: Scope) -> int:
        """End the other requests with this id; returns how many there are."""
        asking = asked_by[SCOPE_KEY]
        found = [live for live in self._live if live.id == request_id and live is not asking]
        for live in found:
            live.end(RequestCanceled("the request was canceled"))
        return len(found)

    def drain(self) -> None:
        """End every running request; streams get a last line that says why."""
        for live in self._live:
            live.end(ShuttingDown())


def _id(scope: Scope) -> str:
    given = header(scope, ID_HEADER) or ""
    return given if _ID.fullmatch(given) else uuid.uuid4().hex


class _Watched:
    """The receive channel: the body in time, then watched for a disconnect."""

    def __init__(self, live: Live, receive: Receive) -> None:
        self._live = live
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._received = 0

    async def receive(self) -> Message:
        """The next message of the client.

        Raises:
            SlowBody: there is none, though the body is not complete.
        """
        message = await (self._receive() if self._watcher else self._piece())
        if message["type"] == "http.disconnect":
            self._live.gone = True
        elif not message.get("more_body") and self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        return message

    async def _piece(self) -> Message:
        idle = self._loop.time() + BODY_SECONDS
        slow = self._began + BODY_SECONDS + self._received / LEAST_RATE
        try:
            async with asyncio.timeout_at(min(idle, slow)):
                message = await self._receive()
        except TimeoutError:
            raise SlowBody from None
        self._received += len(message.get("body", b""))
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
    """Route, status and time; never what was asked."""
    path = scope["raw_path"].decode("latin-1")[:200]
    logger.info("%s %s %d %.3f s", scope["method"], path, live.outcome, live.seconds)


def _marking(live: Live, send: Send) -> Send:
    """Note the status, and name the request in the answer."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            live.status = message["status"]
            message["headers"] = [*message["headers"], (ID_HEADER, live.id.encode())]
        await send(message)

    return wrapped
