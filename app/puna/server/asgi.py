"""The ASGI types and the few answers that need no framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

TEXT = b"text/plain"
TEXT_UTF8 = b"text/plain; charset=utf-8"
JSON = b"application/json"
JSON_UTF8 = b"application/json; charset=utf-8"
CLOSE = (b"connection", b"close")


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of this (lower-case) name, ``None`` when there is none."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


def is_bare(scope: Scope) -> bool:
    """The request does not say what answers it accepts.

    Browsers, SDKs and tools do; a script that does not gets Ollama's answer to
    the letter where ours says more.
    """
    return header(scope, b"accept") is None and header(scope, b"accept-encoding") is None


async def respond(
    send: Send, status: int, body: bytes = b"", kind: bytes = b"", headers: Headers = ()
) -> None:
    """Send one whole answer."""
    sent = [(b"content-type", kind)] if kind else []
    sent += [(b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})
