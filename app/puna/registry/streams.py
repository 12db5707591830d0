"""TCP and TLS connections that are read in large pieces.

The usual backend of httpx reads 64 KiB at a time, and each piece costs the
same few dozen calls. Pieces as large as the kernel has them make a download
over a fast network more than twice as fast.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import httpcore2
import httpx2

from puna.registry.responses import content_length

_PIECE = 1 << 20


class Stream(httpcore2.AsyncNetworkStream):
    """One connection, before or after its TLS handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """What has come, empty at the end; may be more than ``max_bytes``, which the parser takes.

        Raises:
            httpcore2.ReadTimeout, httpcore2.ReadError: nothing came.
        """
        with _translated(httpcore2.ReadTimeout, httpcore2.ReadError):
            async with asyncio.timeout(timeout):
                return await self._reader.read(max(max_bytes, _PIECE))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send ``buffer``; waits while the other side is slow.

        Raises:
            httpcore2.WriteTimeout, httpcore2.WriteError: it cannot be sent.
        """
        with _translated(httpcore2.WriteTimeout, httpcore2.WriteError):
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()

    async def aclose(self) -> None:
        """Close at once; what was not sent yet is given up."""
        self._writer.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """Go on encrypted.

        Raises:
            httpcore2.ConnectTimeout, httpcore2.ConnectError: no handshake, or a wrong certificate.
        """
        with _translated(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            try:
                async with asyncio.timeout(timeout):
                    await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
            except BaseException:
                self._writer.transport.abort()
                raise
        return self

    def get_extra_info(self, info: str) -> Any:
        """What the connection pool asks for."""
        match info:
            case "ssl_object":
                return self._writer.get_extra_info("ssl_object")
            case "client_addr":
                return self._writer.get_extra_info("sockname")
            case "server_addr":
                return self._writer.get_extra_info("peername")
            case "is_readable":  # an idle connection that can be read was closed
                return self._reader.at_eof()
        return None


async def connect(
    address: str,
    port: int,
    timeout: float | None,  # noqa: ASYNC109
    local_address: str | None = None,
    socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
) -> Stream:
    """Open a connection to an IP address.

    Raises:
        httpcore2.ConnectTimeout, httpcore2.ConnectError: nobody answers there.
    """
    source = (local_address, 0) if local_address else None
    with _translated(httpcore2.ConnectTimeout, httpcore2.ConnectError):
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(
                address, port, limit=_PIECE, local_addr=source
            )
    for option in socket_options or ():
        writer.get_extra_info("socket").setsockopt(*option)
    return Stream(reader, writer)


async def body_pieces(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """A streamed body as it comes.

    The HTTP parser copies every byte four times. A long body of known length
    is therefore read past it: the first piece is what the parser has taken in,
    the rest comes from the connection, which then ends with this answer.

    Raises:
        httpx2.TransportError: it does not come.
    """
    connection = response.extensions.get("network_stream")
    has_length = "Transfer-Encoding" not in response.headers
    unread = (content_length(response) or 0) if has_length else 0
    async with aclosing(response.aiter_raw()) as parsed:
        async for piece in parsed:
            yield piece
            unread -= len(piece)
            if unread > 0 and isinstance(connection, Stream):
                break
        while unread > 0 and isinstance(connection, Stream):
            piece = await _read_on(connection, response.request)
            yield piece
            unread -= len(piece)


async def _read_on(connection: Stream, request: httpx2.Request) -> bytes:
    """The next bytes of an answer, with the errors that httpx has for them."""
    try:
        piece = await connection.read(_PIECE, request.extensions["timeout"]["read"])
    except httpcore2.ReadTimeout as error:
        raise httpx2.ReadTimeout(str(error), request=request) from error
    except httpcore2.ReadError as error:
        raise httpx2.ReadError(str(error), request=request) from error
    if not piece:
        raise httpx2.RemoteProtocolError("the connection was closed", request=request)
    return piece


@contextmanager
def _translated(late: type[Exception], failed: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except (OSError, asyncio.IncompleteReadError) as error:
        raise failed(str(error)) from error
