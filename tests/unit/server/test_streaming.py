from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from puna.errors import ModelNotFound
from puna.server import streaming
from puna.server.live import SCOPE_KEY
from puna.server.streaming import BEAT, NDJSON, SSE, streamed


class Client:
    """Notes what it is sent; ``beat`` is set by the first heartbeat."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.beat = asyncio.Event()

    async def send(self, message: Any) -> None:
        body = message.get("body", b"")
        self.bodies.append(body)
        if body == BEAT:
            self.beat.set()

    async def receive(self, response: Any) -> None:
        scope = {SCOPE_KEY: SimpleNamespace(send=self.send, gone=False, ending=None)}
        await response(scope, None, self.send)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BEAT_SECONDS", 0.01)


async def _after(event: asyncio.Event, *pieces: bytes) -> AsyncIterator[bytes]:
    await event.wait()
    for piece in pieces:
        yield piece


@pytest.mark.usefixtures("impatient")
async def test_a_stream_that_does_not_begin_sends_heartbeats() -> None:
    client = Client()
    response = await streamed(_after(client.beat, b"data: 1\n\n"), SSE)
    await client.receive(response)
    assert client.bodies[:2] == [b"", BEAT]
    assert client.bodies[-2:] == [b"data: 1\n\n", b""]


@pytest.mark.usefixtures("impatient")
async def test_a_stream_that_pauses_sends_heartbeats() -> None:
    client = Client()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        async for piece in _after(client.beat, b"data: 2\n\n"):
            yield piece

    await client.receive(await streamed(pieces(), SSE))
    texts = [body for body in client.bodies if body and body != BEAT]
    assert texts == [b"data: 1\n\n", b"data: 2\n\n"]
    assert client.bodies.index(BEAT) > client.bodies.index(texts[0])


@pytest.mark.usefixtures("impatient")
async def test_an_error_after_a_heartbeat_is_the_last_event() -> None:
    client = Client()

    async def pieces() -> AsyncIterator[bytes]:
        await client.beat.wait()
        raise ModelNotFound("m")
        yield b""

    await client.receive(await streamed(pieces(), SSE))
    assert client.bodies[-1] == b'{"error":"model \'m\' not found"}\n'


@pytest.mark.usefixtures("impatient")
async def test_lines_are_not_mixed_with_heartbeats() -> None:
    client, begin = Client(), asyncio.Event()
    waiting = asyncio.create_task(streamed(_after(begin, b"{}\n"), NDJSON))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done
    begin.set()
    await client.receive(await waiting)
    assert client.bodies == [b"", b"{}\n", b""]


async def test_a_client_that_leaves_before_the_first_piece_ends_the_work() -> None:
    ended = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            ended.set()

    waiting = asyncio.create_task(streamed(pieces(), SSE))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
