"""Reading request bodies within limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import ClientDisconnect, Request

from puna.api import gojson
from puna.errors import InvalidInput, RequestCanceled, TooLarge


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"request body is larger than {limit >> 20} MB")


async def read(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises:
        TooLarge: more than ``limit`` bytes; the rest is not read.
        RequestCanceled: the client left.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in stream(request):
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def stream(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives.

    Raises:
        RequestCanceled: the client left before its end.
    """
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise RequestCanceled("request canceled") from error


async def read_json(request: Request, limit: int, *, blank: str) -> Any:
    """The first JSON value of the body; ``blank`` is the error text when there is none.

    Raises:
        InvalidInput: not JSON.
        TooLarge: see :func:`read`.
    """
    body = await read(request, limit)
    if gojson.is_blank(body):
        raise InvalidInput(blank)
    return gojson.loads(body)
