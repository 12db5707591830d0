"""Reading request bodies within limits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import zstandard
from starlette.requests import ClientDisconnect, Request

from puna.api.gojson import is_blank
from puna.errors import InvalidInput, RequestCanceled, TooLarge
from puna.server.errors import BadEncoding

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_LIMIT = 20 << 20
_ZSTD_WINDOW = 8 << 20


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


def unpack(body: bytes) -> bytes:
    """The content of a zstd-compressed body.

    Raises:
        BadEncoding: not zstd.
        TooLarge: more than 20 MiB.
    """
    if body[:4] != _ZSTD_MAGIC:
        raise BadEncoding("invalid input: magic number mismatch")
    try:
        with zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(body) as reader:
            content: bytes = reader.read(_ZSTD_LIMIT + 1)
    except zstandard.ZstdError as error:
        raise BadEncoding(f"invalid input: {error}") from error
    if len(content) > _ZSTD_LIMIT:
        raise _too_large(_ZSTD_LIMIT)
    return content


async def read_text(request: Request, limit: int, *, blank: str, packed: bool = False) -> bytes:
    """The body, which should be JSON; ``blank`` is the error text when there is nothing in it.

    With ``packed`` the body may be compressed with zstd.

    Raises:
        InvalidInput: nothing, or not unpacked.
        TooLarge: see :func:`read`.
    """
    body = await read(request, limit)
    if packed and request.headers.get("content-encoding", "").lower() == "zstd":
        body = unpack(body)
    if is_blank(body):
        raise InvalidInput(blank)
    return body
