"""The outermost layer: what every request passes before a route sees it.

It also answers ``/`` and ``/api/version`` itself. The web framework and all
that serves models are imported in a thread meanwhile, so the server can be
asked whether it is there a moment after its process began.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Protocol

from puna import OLLAMA_VERSION
from puna.config.settings import Settings
from puna.errors import PunaError, ShuttingDown
from puna.server import access
from puna.server.access import Refusal
from puna.server.asgi import (
    CLOSE,
    JSON_UTF8,
    TEXT,
    TEXT_UTF8,
    App,
    Headers,
    Message,
    Receive,
    Scope,
    Send,
    header,
    is_bare,
    respond,
)
from puna.server.routing import Redirect, RouteTable, hides_segments, to_clean_path

logger = logging.getLogger(__name__)

ROOT_TEXT = b"Ollama is running"
VERSION_BODY = json.dumps({"version": OLLAMA_VERSION}, separators=(",", ":")).encode()
CONSTANT = {"/": (TEXT_UTF8, ROOT_TEXT), "/api/version": (JSON_UTF8, VERSION_BODY)}
_MAX_HEAD = 64 << 10
_IMPORT_DELAY = 0.02
_OPEN_PATHS = frozenset({"/"})


class Application(Protocol):
    """What is behind the gate once it is loaded."""

    app: App
    routes: RouteTable

    @property
    def settings(self) -> Settings:
        """The settings in force now."""

    async def start(self) -> None:
        """Open the store and begin background work."""

    async def aclose(self) -> None:
        """Stop background work and the runners."""

    def drain(self) -> None:
        """End every running request with an error."""

    def refused_origin(self, origin: str) -> None:
        """Tell whoever listens that a page was turned away."""

    def admits(self, origin: str) -> bool:
        """A page that no setting allows may use the server for now."""


class Gate:
    """ASGI application; ``load`` makes the real one and runs in a thread."""

    def __init__(self, settings: Settings, load: Callable[[], Application]) -> None:
        self._first_settings = settings
        self._load = load
        self._loading: asyncio.Task[Application] | None = None
        self._constant_routes = RouteTable((path, ("GET", "HEAD")) for path in CONSTANT)
        self._stopping = False
        self._on_failure: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._loading = asyncio.create_task(self._start(), name="load application")
        self._loading.add_done_callback(self._loaded_or_failed)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.wait([self._loading])
        if (application := self._loaded) is not None:
            await application.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> Application:
        await asyncio.sleep(_IMPORT_DELAY)
        application = await asyncio.to_thread(self._load)
        await application.start()
        return application

    def _loaded_or_failed(self, task: asyncio.Task[Application]) -> None:
        if task.exception() is not None:
            self._on_failure()

    async def ready(self) -> Application:
        """The application, once it is loaded.

        Raises:
            PunaError: it could not start, for instance without a models folder.
        """
        if self._loading is None:
            raise RuntimeError("the server has not started")
        return await asyncio.shield(self._loading)

    @property
    def failure(self) -> BaseException | None:
        """Why the application could not start, if it could not."""
        task = self._loading
        return task.exception() if task is not None and task.done() else None

    def on_failure(self, call: Callable[[], None]) -> None:
        """Call back, on the loop, when the application cannot start."""
        self._on_failure = call

    def drain(self) -> None:
        """Refuse new requests and end the running ones with an error; loop thread only."""
        self._stopping = True
        if (application := self._loaded) is not None:
            application.drain()

    @property
    def _loaded(self) -> Application | None:
        task = self._loading
        if task is None or not task.done() or task.exception() is not None:
            return None
        return task.result()

    @property
    def _settings(self) -> Settings:
        application = self._loaded
        return self._first_settings if application is None else application.settings

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _malformed(scope)
        if refusal is not None:
            await respond(send, refusal.status, refusal.text.encode(), TEXT_UTF8, [CLOSE])
            return
        if self._stopping:
            body = json.dumps({"error": str(ShuttingDown())}).encode()
            await respond(send, 503, body, JSON_UTF8, [CLOSE, (b"retry-after", b"5")])
            return
        if hides_segments(scope["path"], scope["raw_path"].decode("latin-1")):
            await _send_no_route(send, known=False)
            return
        redirect = to_clean_path(scope["path"], scope["query_string"])
        if redirect is not None:
            await _send_redirect(scope, send, redirect)
            return
        try:
            routes = await self._routes(scope["path"])
        except PunaError as error:
            await respond(send, 500, json.dumps({"error": str(error)}).encode(), JSON_UTF8)
            return
        redirect = routes.without_slash(scope["method"], scope["path"], scope["query_string"])
        if redirect is not None:
            await _send_redirect(scope, send, redirect)
            return
        await self._checked(scope, receive, send, routes.methods(scope["path"]))

    async def _routes(self, path: str) -> RouteTable:
        if path in CONSTANT:
            return self._constant_routes
        return (await self.ready()).routes

    async def _checked(
        self, scope: Scope, receive: Receive, send: Send, methods: tuple[str, ...]
    ) -> None:
        """Apply the rules of :mod:`puna.server.access`, then answer."""
        method, settings = scope["method"], self._settings
        origin, host = header(scope, b"origin") or "", header(scope, b"host") or ""
        allow = (
            [(b"allow", ", ".join(methods).encode())] if methods and method not in methods else []
        )
        admitted = self._admits(origin)
        refusal = access.origin_refusal(origin, host, settings, admitted=admitted)
        if refusal is not None:
            if origin not in settings.blocked_origins:
                self._report_origin(origin)
            await _send_refusal(scope, send, refusal, allow)
            return
        foreign = not access.is_same_origin(origin, host)
        if foreign and method == "OPTIONS":
            await respond(send, 204, headers=[*allow, *_preflight(scope, origin, settings)])
            return
        if foreign:
            send = _with_headers(send, access.cors_headers(origin, settings.origins))
        refusal = _refusal(scope, origin, host, settings)
        if refusal is not None:
            await _send_refusal(scope, send, refusal, allow)
        elif method == "OPTIONS" and access.is_named_host(host):
            await respond(send, 204, headers=allow)
        elif method not in methods:
            await _send_no_route(send, known=bool(methods), headers=allow)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        constant = CONSTANT.get(scope["path"])
        if constant is not None:
            await respond(send, 200, constant[1], constant[0])
        else:
            await (await self.ready()).app(scope, receive, send)

    def _admits(self, origin: str) -> bool:
        application = self._loaded
        return application is not None and application.admits(origin)

    def _report_origin(self, origin: str) -> None:
        if (application := self._loaded) is not None:
            application.refused_origin(origin)


def _malformed(scope: Scope) -> Refusal | None:
    """Requests that are not served whatever they ask for."""
    names = [name for name, _ in scope["headers"]]
    if b"transfer-encoding" in names and b"content-length" in names:
        return Refusal(400, "400 Bad Request: both Content-Length and Transfer-Encoding")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > _MAX_HEAD:
        return Refusal(431, "431 Request Header Fields Too Large")
    if not scope["path"].startswith("/"):
        return Refusal(400, "400 Bad Request: the target must be a path")
    host = header(scope, b"host")
    if host is not None and not access.is_wellformed_host(host):
        return Refusal(400, "400 Bad Request: malformed Host header")
    return None


def _refusal(scope: Scope, origin: str, host: str, settings: Settings) -> Refusal | None:
    refusal = access.host_refusal(host, settings) or access.fetch_refusal(
        scope["method"], origin, header(scope, b"sec-fetch-site") or ""
    )
    if refusal is None and scope["path"] not in _OPEN_PATHS:
        refusal = access.key_refusal(
            scope["path"],
            header(scope, b"authorization") or "",
            header(scope, b"x-api-key") or "",
            settings,
        )
    return refusal


def _preflight(scope: Scope, origin: str, settings: Settings) -> Headers:
    return access.preflight_headers(
        origin,
        settings.origins,
        header(scope, b"access-control-request-headers") or "",
        header(scope, b"access-control-request-private-network") == "true",
    )


async def _send_redirect(scope: Scope, send: Send, redirect: Redirect) -> None:
    shown = scope["method"] in ("GET", "HEAD")
    kind = b"text/html; charset=utf-8" if shown else b""
    body = redirect.body if scope["method"] == "GET" else b""
    location = (b"location", redirect.location.encode("latin-1"))
    await respond(send, redirect.status, body, kind, [location])


async def _send_refusal(scope: Scope, send: Send, refusal: Refusal, headers: Headers) -> None:
    """Say what is wrong; a bare client gets Ollama's empty answer."""
    if refusal.status == 401:
        headers = [*headers, (b"www-authenticate", b"Bearer")]
    explained = refusal.status != 403 or not is_bare(scope)
    if explained and scope["method"] != "OPTIONS":
        body = json.dumps({"error": refusal.text}).encode()
        await respond(send, refusal.status, body, JSON_UTF8, headers)
    else:
        await respond(send, refusal.status, headers=headers)


async def _send_no_route(send: Send, *, known: bool, headers: Headers = ()) -> None:
    if known:
        await respond(send, 405, b"405 method not allowed", TEXT, headers)
    else:
        await respond(send, 404, b"404 page not found", TEXT)


def _with_headers(send: Send, headers: list[tuple[bytes, bytes]]) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return wrapped
