"""Bodies read from a connection, against a server that sends exactly what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import httpx2
import pytest

from puna.registry.streams import body_pieces
from puna.registry.transport import Routes

BODY = bytes(range(256)) * 20_000
LENGTH = f"Content-Length: {len(BODY)}"


class Answers:
    """Answers every request alike.

    Attributes:
        connections: those that were opened.
    """

    def __init__(self, head: str, body: bytes, *, then_close: bool) -> None:
        self._answer = f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body
        self._then_close = then_close
        self.connections: list[asyncio.Task[None] | None] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(self._answer)
                await writer.drain()
                if self._then_close:
                    break
        writer.close()


@contextlib.asynccontextmanager
async def asking(
    head: str, body: bytes, *, then_close: bool = False
) -> AsyncIterator[tuple[Answers, Callable[[], AbstractAsyncContextManager[httpx2.Response]]]]:
    answers = Answers(head, body, then_close=then_close)
    server = await asyncio.start_server(answers.talk, "127.0.0.1", 0)
    url = httpx2.URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    async with server:
        async with Routes() as routes:

            @contextlib.asynccontextmanager
            async def get() -> AsyncIterator[httpx2.Response]:
                http = routes.to_registry(url)
                response = await http.send(http.build_request("GET", url), stream=True)
                try:
                    yield response
                finally:
                    await response.aclose()

            yield answers, get
        await asyncio.wait([task for task in answers.connections if task])


async def read(response: httpx2.Response) -> bytes:
    return b"".join([piece async for piece in body_pieces(response)])


async def test_a_long_body_comes_whole():
    async with asking(LENGTH, BODY) as (_, get), get() as response:
        assert await read(response) == BODY


async def test_a_chunked_body_comes_whole():
    chunks = b"".join(b"%x\r\n%b\r\n" % (256, BODY[at : at + 256]) for at in range(0, 2**20, 256))
    head = f"Transfer-Encoding: chunked\r\n{LENGTH}"
    async with asking(head, chunks + b"0\r\n\r\n") as (_, get), get() as response:
        assert await read(response) == BODY[: 2**20]


async def test_a_body_of_unknown_length_ends_with_the_connection():
    async with asking("X: y", BODY, then_close=True) as (_, get), get() as response:
        assert await read(response) == BODY


async def test_a_short_body_leaves_the_connection_for_the_next_request():
    async with asking("Content-Length: 5", b"hello") as (answers, get):
        for _ in range(3):
            async with get() as response:
                assert await read(response) == b"hello"
    assert len(answers.connections) == 1


async def test_a_body_that_ends_too_early_is_an_error():
    async with asking(LENGTH, BODY[:-1], then_close=True) as (_, get), get() as response:
        with pytest.raises(httpx2.RemoteProtocolError):
            await read(response)


async def test_a_body_that_stands_still_is_given_up():
    async with asking(LENGTH, BODY[:-1]) as (_, get), get() as response:
        response.request.extensions["timeout"]["read"] = 0.05
        with pytest.raises(httpx2.ReadTimeout):
            await read(response)
